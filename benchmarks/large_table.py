"""Memory of reading and describing a Parquet table: must not grow with the rows."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHILD = """
import sys, threading
from pathlib import Path

import numpy as np

import mmcore
from mmcore.catalog import load
from mmcore.data.reading import RowReader, read_targets
from mmcore.data.survey import survey
from mmcore.experiment.preparation import Preparation
from mmcore.experiment.prepared import open_source

peak = 0
def watch(stop):
    global peak
    while not stop.wait(0.01):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                peak = max(peak, int(line.split()[1]))

stop = threading.Event()
thread = threading.Thread(target=watch, args=(stop,))
thread.start()
experiment = mmcore.Experiment.from_dict({
    "dataset": {"name": "table", "path": sys.argv[1], "target": "y",
                "modalities": {"title": {"kind": "text", "column": "title"},
                               "facts": {"kind": "tabular", "columns": ["a", "b", "c"]}}},
    "encoders": {"title": "minilm", "facts": "mlp"},
    "fusion": {"strategy": "intermediate", "method": "concat"},
})
catalog = load()
source = open_source(experiment, catalog)
kinds = {name: catalog.kind(field.kind) for name, field in source.modalities.items()}
found = survey(source, RowReader(source.modalities, kinds, source.root))
targets = read_targets(source)
Preparation.of(source, tuple(source.modalities), np.flatnonzero(found.usable), catalog)
stop.set()
thread.join()
print(peak)
"""


def ratio(scratch: Path) -> float:
    """Peak RssAnon of 10^6 rows over that of 10^4, each in a process of its own with an empty cache."""
    small, large = (_peak(scratch, rows) for rows in (10_000, 1_000_000))
    return large / small


def _peak(scratch: Path, rows: int) -> int:
    table = scratch / f"{rows}.parquet"
    if not table.exists():
        _write(table, rows)
    with_cache = {"MMCORE_CACHE": str(scratch / f"cache-{rows}"), "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(table)], capture_output=True, text=True, check=True, env=with_cache
    )
    return int(done.stdout.split()[-1])


def _write(path: Path, rows: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    words = np.array(["red", "blue", "shoe", "cable", "usb", "trail", "type", "wool"])
    with pq.ParquetWriter(path, pa.schema([("title", pa.string()), ("a", pa.float64()), ("b", pa.float64()),
                                           ("c", pa.string()), ("y", pa.string())])) as writer:  # fmt: skip
        for start in range(0, rows, 100_000):
            n = min(100_000, rows - start)
            titles = [" ".join(row) for row in words[rng.integers(0, len(words), (n, 5))]]
            writer.write_table(
                pa.table(
                    {
                        "title": titles,
                        "a": rng.normal(size=n),
                        "b": rng.normal(size=n),
                        "c": words[rng.integers(0, len(words), n)],
                        "y": words[rng.integers(0, 4, n)],
                    }
                )
            )
