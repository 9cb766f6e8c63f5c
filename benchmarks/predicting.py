"""Predicting the demo's test rows from files, against a bare timm + transformers loop at the same batch size."""

from __future__ import annotations

import functools
import time
from pathlib import Path

import torch
from bare import Bare
from demo_rows import EXPERIMENT, demo_rows

import mmcore

BATCH = 32


def ratio(scratch: Path) -> float:
    """Throughput of mmcore over that of the bare loop; both see the same rows, one after the other."""
    model, bare, rows, root = _prepared(scratch)
    ours = _seconds(lambda: model.predict(rows, batch_size=BATCH, root=root))
    plain = _seconds(lambda: _predict(bare, rows, root))
    return plain / ours


@functools.cache
def _prepared(scratch: Path):
    rows, root = demo_rows()
    run = mmcore.Experiment.from_dict(EXPERIMENT).run(scratch / "run")
    test = run.metrics["test"]["n"]
    model, bare = run.model(), Bare(classes=9).eval()
    some = rows[:test]
    model.predict(some[:BATCH], root=root)  # both warm
    _predict(bare, some[:BATCH], root)
    return model, bare, some, root


def _predict(bare: Bare, rows: list[dict], root: Path) -> list[int]:
    found: list[int] = []
    with torch.inference_mode():
        for start in range(0, len(rows), BATCH):
            found += bare(*bare.load(rows[start : start + BATCH], root)).argmax(1).tolist()
    return found


def _seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
