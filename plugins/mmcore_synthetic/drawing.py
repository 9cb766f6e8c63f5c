"""Rows drawn from a structure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import mmcore
from mmcore_synthetic.structures import oracle, structure

if TYPE_CHECKING:
    from mmcore_synthetic import SyntheticOptions

CLASSES = {2: ("no", "yes"), 4: ("neither", "second", "first", "both")}
"""By their number; of four, which of the modalities say 1."""
NAMES = ("first", "second")


def draw(options: SyntheticOptions) -> mmcore.DataSource:
    """The rows as a data source; the notice says what can be reached with each modality, and with both."""
    table = structure(options)
    label, *said = sample(table, options.rows, options.seed)
    noises = (options.first_noise, options.second_noise)
    columns: dict[str, tuple[str, ...]] = {}
    cells: dict[str, np.ndarray] = {}
    for place, (name, of_it, noise) in enumerate(zip(NAMES, said, noises, strict=True)):
        columns[name] = tuple(f"{name}_{number}" for number in range(1, options.columns + 1))
        values = observed(of_it, options.columns, noise, np.random.default_rng([options.seed, place]))
        cells |= dict(zip(columns[name], values.T, strict=True))
    names = CLASSES[len(table)]
    rows = [
        {"id": f"r{row}", **{column: float(of[row]) for column, of in cells.items()}, "label": names[label[row]]}
        for row in range(options.rows)
    ]
    reached = ", ".join(f"{who} {value:.3f}" for who, value in oracle(table, *noises).items())
    return mmcore.DataSource(
        rows=mmcore.read_table(rows),
        modalities={name: mmcore.ModalityField("tabular", of, single=False) for name, of in columns.items()},
        target="label",
        root=Path(),
        id="id",
        notice=f"Simulated numbers. No classifier is right more often than by: {reached}.",
    )


def sample(table: np.ndarray, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`(rows,)` each: the class, and what the first and the second modality say (0 or 1)."""
    drawn = np.random.default_rng(seed).choice(table.size, size=rows, p=table.ravel())
    label, first, second = np.unravel_index(drawn, table.shape)
    return label, first, second


def observed(said: np.ndarray, columns: int, noise: float, generator: np.random.Generator) -> np.ndarray:
    """`(rows, columns)`: -1 or 1 along a random direction, and noise of standard deviation `noise` in every column."""
    direction = generator.normal(size=columns)
    direction /= np.linalg.norm(direction)
    return (2.0 * said - 1.0)[:, None] * direction + noise * generator.normal(size=(len(said), columns))
