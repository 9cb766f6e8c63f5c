"""Ratios, each measured side by side in this one run. `make bench` prints them and fails below the bar.

1. predicting: rows per second of `FittedModel.predict`, over those of a bare timm + transformers loop, equal batches;
2. fine-tuning: steps per second of a training of mmcore with every encoder trainable, over those of a bare torch loop;
3. listing: the time of `mmcore components` in a fresh process over that of `python -c "import torch"`;
4. memory: the peak anonymous memory (RssAnon) of reading and describing a table of 10^6 rows, over one of 10^4.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

import large_table
import listing
import predicting
import stepping

ROUNDS = 3


def main() -> int:
    """Print each ratio with its bar; 1 when one of them is missed."""
    missed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for title, measure, bar, higher in (
            ("predicting, mmcore / bare loop", predicting.ratio, 0.9, True),
            ("fine-tuning steps, mmcore / bare loop", stepping.ratio, 0.9, True),
            ("mmcore components / import torch", listing.ratio, 0.25, False),
            ("peak memory of 10^6 rows / 10^4 rows", large_table.ratio, 1.1, False),
        ):
            ratios = [measure(Path(scratch)) for _ in range(ROUNDS)]
            middle = statistics.median(ratios)
            kept = middle >= bar if higher else middle <= bar
            missed += not kept
            spread = ", ".join(f"{ratio:.3f}" for ratio in ratios)
            sign = "≥" if higher else "≤"
            print(f"{title}: {middle:.3f} ({spread}); bar {sign} {bar}: {'kept' if kept else 'MISSED'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
