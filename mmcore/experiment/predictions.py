"""Predictions and embeddings on disk: one Parquet row per row of the data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmcore.evaluation.inference import Inference
from mmcore.files import writing

if TYPE_CHECKING:
    import pandas as pd

    from mmcore.experiment.prepared import PreparedData
    from mmcore.tasks.task import Task

EMBEDDED = ("validation", "test")
"""The splits whose representations are kept: those that the model has not learned from."""


def prediction_columns(task: Task, logits: np.ndarray) -> dict[str, list[Any]]:
    """`prediction` (a label, the labels, or a number in the target's unit) and `probabilities` for `(N, C)` logits.

    Probabilities are in the order of the task's classes; in regression there are none.
    """
    values = torch.from_numpy(np.array(logits, dtype=np.float32))
    columns: dict[str, list[Any]] = {"prediction": task.predict(values)}
    if task.type != "regression":
        columns["probabilities"] = task.probabilities(values).numpy().tolist()
    return columns


def prediction_table(data: PreparedData, split: str, found: Inference) -> dict[str, list[Any]]:
    """Columns id, split, target, prediction, probabilities and row, the row's number in the data set."""
    return {
        "id": data.ids(found.index),
        "split": [split] * len(found),
        "target": data.task.decode(data.targets[found.index]),
        **prediction_columns(data.task, found.logits),
        "row": found.index.tolist(),
    }


def write_predictions(path: Path, data: PreparedData, inferences: Mapping[str, Inference]) -> None:
    """Write the predictions for the rows of every split."""
    _write(path, [prediction_table(data, split, found) for split, found in inferences.items()])


def write_baselines(path: Path, data: PreparedData, inferences: Mapping[str, Mapping[str, Inference]]) -> None:
    """Write the predictions of each modality alone; the column `modality` says which."""
    _write(
        path,
        [
            {**prediction_table(data, split, found), "modality": [name] * len(found)}
            for name, of_splits in inferences.items()
            for split, found in of_splits.items()
        ],
    )


def write_embeddings(path: Path, data: PreparedData, inferences: Mapping[str, Inference]) -> None:
    """Write the fused representation (`fused`) and each modality's (`modality:<name>`), null where it is absent."""
    tables = []
    for split in EMBEDDED:
        if split in inferences:
            found = inferences[split]
            table = prediction_table(data, split, found)
            kept = {name: table[name] for name in ("id", "split", "target", "prediction", "row")}
            tables.append({**kept, **representation_columns(found)})
    if tables:
        _write(path, tables)


def representation_columns(found: Inference) -> dict[str, list[Any]]:
    """`fused` and `modality:<name>` as lists of vectors, None where a modality is absent."""
    columns: dict[str, list[Any]] = {}
    if found.fused is not None:
        columns["fused"] = list(found.fused)
    for name, vectors in found.vectors.items():
        present = found.present[:, found.modalities.index(name)]
        columns[f"modality:{name}"] = [
            vector if there else None for vector, there in zip(vectors, present, strict=True)
        ]
    return columns


def stored_inference(task: Task, table: pd.DataFrame) -> Inference:
    """What the rows of a stored table say as an `Inference`: outputs that give the stored probabilities again."""
    if task.type == "regression":
        logits = task.encode(table["prediction"].tolist()).reshape(-1, 1)
    else:
        probabilities = np.stack(table["probabilities"].tolist()).astype(np.float64).clip(1e-30, 1.0)
        logits = np.log(probabilities)
        if task.type == "multi_label":
            logits = logits - np.log1p(-probabilities.clip(max=1 - 1e-12))
    return Inference(
        modalities=(),
        index=table["row"].to_numpy(np.int64),
        present=np.ones((len(table), 0), dtype=bool),
        logits=logits.astype(np.float32),
        fused=None,
        vectors={},
        per_modality_logits={},
        targets=task.encode(table["target"].tolist()),
    )


def _write(path: Path, tables: list[dict[str, list[Any]]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    joined = pa.concat_tables([pa.table(table) for table in tables], promote_options="default")
    with writing(path) as temporary:
        pq.write_table(joined, temporary)
