"""The demo's data as plain rows, for loops that know nothing of mmcore."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmcore
from mmcore.catalog import load
from mmcore.experiment.prepared import open_source

EXPERIMENT = {
    "dataset": {"name": "openmoji", "target": "group"},
    "encoders": {"image": "efficientnet_lite0", "text": "minilm"},
    "fusion": {"strategy": "intermediate", "method": "concat"},
    "training": {"epochs": 1, "unimodal_baselines": False},
    "explain": None,
}


def demo_rows() -> tuple[list[dict[str, Any]], Path]:
    """Rows with `image`, `text` and `group`, and the folder that pictures lie in."""
    source = open_source(mmcore.Experiment.from_dict(EXPERIMENT), load())
    columns = {name: field.columns[0] for name, field in source.modalities.items()}
    rows = [{**{name: row[column] for name, column in columns.items()}, "group": row["group"]} for row in source.rows]
    return rows, source.root
