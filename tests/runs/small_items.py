"""Small real data and experiments: a text and a few numbers per row, by which the class can be told."""

from __future__ import annotations

import csv
import random
from pathlib import Path

WORDS = {
    "cable": ["usb cable", "charging cable", "hdmi wire", "power cord"],
    "shoe": ["trail shoe", "running shoe", "leather boot", "sandal"],
    "cup": ["coffee cup", "tea mug", "glass cup", "travel mug"],
}


def write_items(path: Path, rows: int = 150, seed: int = 0) -> Path:
    """A CSV file with title, weight, price, seller and class; some cells are empty."""
    draw = random.Random(seed)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["item", "title", "weight", "price", "seller", "class"])
        for number in range(rows):
            label = draw.choice(sorted(WORDS))
            weight = {"cable": 0.1, "shoe": 0.8, "cup": 0.4}[label] + draw.gauss(0, 0.15)
            title = draw.choice(WORDS[label]) if draw.random() > 0.1 else ""
            writer.writerow([f"i{number}", title, f"{weight:.3f}", f"{draw.uniform(1, 50):.2f}", number % 17, label])
    return path


def experiment_of(table: Path, **changes):
    """An experiment on the items as plain data, with sections replaced."""
    return {
        "dataset": {
            "name": "table",
            "path": str(table),
            "modalities": {
                "title": {"kind": "text", "column": "title"},
                "facts": {"kind": "tabular", "columns": ["weight", "price"]},
            },
            "target": "class",
            "id": "item",
        },
        "encoders": {"title": "minilm", "facts": "mlp"},
        "fusion": {"strategy": "intermediate", "method": {"name": "multconcat", "dim": 16}},
        "training": {"epochs": 3, "batch_size": 16, "unimodal_baselines": True},
        "seed": 3,
        **changes,
    }
