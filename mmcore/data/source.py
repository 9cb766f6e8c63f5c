"""What a dataset plugin hands over: Arrow rows and which columns make up each modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import datasets


@dataclass(frozen=True)
class ModalityField:
    """One modality of a data set: its kind, and the column or columns that hold it.

    With one column a row's value is that cell; with several it is a dict of column to cell.
    """

    kind: str
    columns: tuple[str, ...]
    single: bool = True
    """False when the value is a dict even for one column (`columns: [weight]` of a table)."""

    def value(self, name: str, row: Mapping[str, Any]) -> Any:
        """This modality's value in a row: by its columns, or by the modality's own name; None when absent."""
        if self.single:
            column = self.columns[0]
            return row.get(column) if column in row else row.get(name)
        if isinstance(row.get(name), Mapping):
            row = row[name]
        cells = {column: row.get(column) for column in self.columns}
        return cells if any(cell is not None for cell in cells.values()) else None


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A data set: rows in Arrow (memory-mapped), their modalities and target.

    Args:
        rows: one Arrow row per sample.
        modalities: name → field, in the data set's own order.
        target: the column to predict; None for rows without labels.
        root: the folder that relative paths start from.
        id: the column that identifies a row; None means the row's number.
        splits: column names or ready-made indices: {"train": [...], "validation": [...], "test": [...]}, for a data
            set that brings its own.
        group: the column whose equal values (a subject, a patient) never part, whatever the experiment's `split` says.
        synchronised: groups of modalities that are prepared for one time window.
        notice: licence and attribution, shown where a user meets the data.
    """

    rows: datasets.Dataset
    modalities: Mapping[str, ModalityField]
    target: str | None
    root: Path
    id: str | None = None
    splits: Mapping[str, Sequence[int]] | None = None
    group: str | None = None
    synchronised: tuple[tuple[str, ...], ...] = ()
    notice: str = ""
    problems: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Row number → {column: reason} for rows that the reader itself found broken."""
    broken_limit: float = 0.05
    """The share of rows that may be unusable (broken, empty, without a target) before the data set is refused."""
