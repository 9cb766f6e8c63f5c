"""A grid on frozen features against what it can't do without: one pass of each encoder, and training the heads.

One pretrained image encoder with four settings of a text encoder, nine fusion methods, three seeds: 108
runs on drawings and names of emoji. The whole grid's time is divided by the sum of the passes that were made and the
time inside the heads' training and evaluation, all in this one run. The bar is 1.3.

    python benchmarks/grid.py
    python benchmarks/grid.py --methods multconcat concat --seeds 0 --rows 400
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BAR = 1.3
METHODS = ("multconcat", "concat", "addition", "average", "max", "product", "gated", "attention", "lmf")
IMAGE = "efficientnet_lite0"
TEXT = tuple({"name": "minilm", "max_length": length} for length in (8, 16, 32, 64))


def main() -> int:
    """Print the ratio and what it is made of; 1 when the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rows", type=int, default=None, help="of the data set; all by default")
    parser.add_argument("--epochs", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(Path(scratch), given.methods, given.seeds, given.rows, given.epochs)
    for name, value in found.items():
        print(f"{name}: {value:.3f}" if isinstance(value, float) else f"{name}: {value}")
    kept = found["ratio"] <= BAR
    print(f"bar ≤ {BAR}: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


def measure(scratch: Path, methods: Any, seeds: Any, rows: int | None, epochs: int) -> dict[str, Any]:
    """The grid's seconds, those of the passes, those of training, and the ratio."""
    import mmcore
    from mmcore.catalog import load

    table = _table(scratch, rows)
    os.environ["MMCORE_CACHE"] = str(scratch / "cache")  # no features from before
    mmcore.fit  # noqa: B018 imports of torch and its like are no part of a grid
    load().entries()
    base = {
        "dataset": {
            "name": "table",
            "path": str(table),
            "modalities": {
                "image": {"kind": "image", "column": "image"},
                "text": {"kind": "text", "column": "text"},
            },
            "target": "group",
        },
        "encoders": {"image": IMAGE, "text": TEXT[0]},
        "fusion": {"strategy": "intermediate", "method": "concat"},
        "training": {"epochs": epochs, "batch_size": 64, "early_stopping": None, "unimodal_baselines": False},
    }
    vary = {
        "encoders.text": list(TEXT),
        "fusion.method": list(methods),
        "seed": list(seeds),
    }
    start = time.perf_counter()
    result = mmcore.compare({"base": base, "vary": vary}, scratch / "grid")
    whole = time.perf_counter() - start
    stored = [json.loads(path.read_text()) for path in (scratch / "grid" / "runs").glob("*/metrics.json")]
    errors = [error for row in result.rows for error in row.errors]
    assert not errors, errors[0]
    passes = _passes(scratch / "grid")
    training = sum(each["cost"]["training_seconds"] for each in stored)
    return {
        "runs": len(stored),
        "rows through encoders": dict(result.passes),
        "grid, seconds": whole,
        "encoder passes, seconds": passes,
        "heads, seconds": training,
        "ratio": whole / (passes + training),
    }


def _passes(grid: Path) -> float:
    """Seconds in passes that were made: in runs whose rows were all cached, encoding is overhead, not work."""
    seconds = 0.0
    for path in (grid / "runs").glob("*/cost.json"):
        if any(json.loads(path.read_text())["passes"].values()):
            seconds += json.loads((path.parent / "metrics.json").read_text())["cost"]["encoding_seconds"]
    return seconds


def _table(scratch: Path, rows: int | None) -> Path:
    """Emoji as a table with paths of drawings; drawn in the user's cache, before the clock runs."""
    import csv

    from demo_rows import demo_rows

    found, root = demo_rows()
    path = scratch / "emoji.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["image", "text", "group"], extrasaction="ignore")
        writer.writeheader()
        for row in found[:: max(1, len(found) // rows)] if rows else found:
            writer.writerow({**row, "image": str(root / row["image"])})
    return path


if __name__ == "__main__":
    sys.exit(main())
