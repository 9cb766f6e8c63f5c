"""Fine-tuning every encoder end to end, against a bare torch loop over the same rows, batches and optimiser."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from bare import Bare
from demo_rows import EXPERIMENT, demo_rows
from torch import nn

import mmcore

BATCH, STEPS = 16, 12


def ratio(scratch: Path) -> float:
    """Steps per second of a training of mmcore over those of the bare loop. Setting up is not counted in either."""
    rows, root = demo_rows()
    return _bare(rows, root) / _ours(scratch, rows, root)


def _ours(scratch: Path, rows: list[dict], root: Path) -> float:
    """Seconds per step between the first and the last step, as the run's own progress events tell."""
    table = root / f"benchmark-{BATCH * STEPS}.csv"
    _write(table, rows[: BATCH * STEPS])
    experiment = mmcore.Experiment.from_dict(
        {
            "dataset": {
                "name": "table",
                "path": str(table),
                "modalities": {
                    "image": {"kind": "image", "column": "image"},
                    "text": {"kind": "text", "column": "text"},
                },
                "target": "group",
            },
            "split": {"column": "split"},
            "encoders": {
                "image": {"name": "efficientnet_lite0", "trainable": "all"},
                "text": {"name": "minilm", "trainable": "all"},
            },
            "fusion": EXPERIMENT["fusion"],
            "training": {"epochs": 1, "batch_size": BATCH, "unimodal_baselines": False},
            "explain": None,
        }
    )
    moments: list[tuple[int, float]] = []

    def watch(event: dict) -> None:
        if event["event"] == "progress" and event["stage"].startswith("train"):
            moments.append((event["done"], time.perf_counter()))

    experiment.run(scratch / f"steps-{time.time_ns()}", on_event=watch)
    (first, start), (last, end) = moments[0], moments[-1]
    return (end - start) / (last - first)


def _bare(rows: list[dict], root: Path) -> float:
    model = Bare(classes=9).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    labels = sorted({row["group"] for row in rows})
    moments = []
    for step in range(STEPS):
        some = rows[step * BATCH : (step + 1) * BATCH]
        targets = torch.tensor([labels.index(row["group"]) for row in some])
        loss = nn.functional.cross_entropy(model(*model.load(some, root)), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        moments.append(time.perf_counter())
    return (moments[-1] - moments[0]) / (STEPS - 1)


def _write(path: Path, rows: list[dict]) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["image", "text", "group", "split"])
        writer.writeheader()
        writer.writerows({**row, "split": "train"} for row in rows)
