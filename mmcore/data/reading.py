"""Rows to samples: each modality of a row decoded, or the reason why it can't be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmcore.data.kind import Budget, Kind
from mmcore.errors import InputError, MMCoreError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from mmcore.data.source import DataSource, ModalityField

READ_ROWS = 1_000
"""Rows that are fetched at a time when many are read in order."""


MOST_APART = 0.1
"""How much longer one of several synchronised samples may be, by the shortest; what is more is no rounding."""


@dataclass
class ReadRow:
    """A row's samples by modality, and what went wrong. A modality that is absent is in neither."""

    samples: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, InputError] = field(default_factory=dict)


@dataclass(frozen=True)
class RowReader:
    """Reads the modalities of rows: of a data set, or raw ones keyed by column or by modality name.

    Args:
        fields: modality → its kind and columns.
        kinds: modality → the kind itself.
        root: the folder that relative paths start from.
        budget: how much one value may cost to read.
        synchronised: groups of modalities on one time axis; each row's samples are cut to the time that all cover.
    """

    fields: Mapping[str, ModalityField]
    kinds: Mapping[str, Kind]
    root: Path
    budget: Budget = field(default_factory=Budget)
    synchronised: tuple[tuple[str, ...], ...] = ()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(self.fields)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold the modalities."""
        return tuple(dict.fromkeys(column for each in self.fields.values() for column in each.columns))

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Columns that are a modality by themselves: in a CSV file they stay as they are written."""
        return tuple(each.columns[0] for each in self.fields.values() if each.single)

    def value(self, name: str, row: Mapping[str, Any]) -> Any:
        """A modality's cell, or cells; None when it is absent from the row."""
        value = _unwrapped(self.fields[name].value(name, row))
        return None if value is None or self.kinds[name].is_missing(value) else value

    def is_present(self, name: str, row: Mapping[str, Any]) -> bool:
        """Whether a row has this modality; nothing is decoded."""
        return self.value(name, row) is not None

    def read(self, row: Mapping[str, Any]) -> ReadRow:
        """Decode a row; what can't be read is reported under `problems`, never raised."""
        found = ReadRow()
        for name in self.fields:
            value = self.value(name, row)
            if value is None:
                continue
            try:
                found.samples[name] = self.kinds[name].decode(value, root=self.root, budget=self.budget)
            except InputError as error:
                found.problems[name] = error
            except (MMCoreError, MemoryError):
                raise  # nothing that another row would fare better with
            except Exception as error:
                found.problems[name] = InputError(
                    "unreadable", f"the kind {self.fields[name].kind!r} failed on it: {type(error).__name__}: {error}"
                )
        for group in self.synchronised:
            self._synchronise(found, [name for name in group if name in found.samples])
        return found

    def _synchronise(self, found: ReadRow, names: Sequence[str]) -> None:
        """Cut samples of one time axis to the time that all of them cover; too large a difference is a problem."""
        if len(names) < 2:
            return
        seconds = {name: self.kinds[name].duration(found.samples[name]) for name in names}
        shortest = min(seconds.values())
        for name in names:
            if seconds[name] - shortest > MOST_APART * shortest:
                other = min(seconds, key=seconds.__getitem__)
                found.problems[name] = InputError(
                    "not synchronised", f"it lasts {seconds[name]:.3g} s, and {other!r} {shortest:.3g} s"
                )
                del found.samples[name]
            elif seconds[name] > shortest:
                found.samples[name] = self.kinds[name].cut(found.samples[name], shortest)

    def read_all(self, rows: Any, indices: np.ndarray | Sequence[int] | None = None) -> Iterator[tuple[int, ReadRow]]:
        """Decode rows in order, with their row numbers; much faster than `read(rows[i])` on a `datasets.Dataset`."""
        for number, row in iterate_rows(rows, self.columns, indices):
            yield number, self.read(row)


def iterate_rows(
    rows: Any, columns: Sequence[str], indices: np.ndarray | Sequence[int] | None = None
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Row numbers and rows, fetched many at a time; of a `datasets.Dataset` only `columns`, of a list whole rows."""
    numbers = range(len(rows)) if indices is None else indices
    if not hasattr(rows, "select_columns"):
        for number in numbers:
            yield int(number), rows[int(number)]
        return
    narrow = rows.select_columns([name for name in rows.column_names if name in set(columns)])
    for start in range(0, len(numbers), READ_ROWS):
        some = [int(number) for number in numbers[start : start + READ_ROWS]]
        cells = narrow[some]
        names = list(cells)
        for offset, number in enumerate(some):
            yield number, {name: cells[name][offset] for name in names}


def read_targets(source: DataSource, rows: Any = None) -> list[Any]:
    """The target of every row, None where there is none: text as it stands (`NA` too), numbers, or lists of labels.

    Equal texts are one object, so that labels of many rows cost a pointer each.
    """
    if source.target is None:
        return [None] * len(source.rows if rows is None else rows)
    rows = source.rows if rows is None else rows
    known: dict[str, str] = {}
    targets: list[Any] = []
    for _, row in iterate_rows(rows, [source.target]):
        value = row.get(source.target)
        if is_missing_target(value):
            targets.append(None)
        else:
            targets.append(known.setdefault(value, value) if isinstance(value, str) else value)
    return targets


def is_missing_target(value: Any) -> bool:
    """Whether a target cell says nothing: None, NaN or an empty text. An empty list is a set of no labels.

    >>> is_missing_target(""), is_missing_target("NA"), is_missing_target([]), is_missing_target(0)
    (True, False, False, False)
    """
    return value is None or (isinstance(value, float) and value != value) or (isinstance(value, str) and not value)


def row_id(source: DataSource, number: int, row: Mapping[str, Any]) -> str:
    """What a person finds the row by: its id column, or its number."""
    value = row.get(source.id) if source.id else None
    return str(number) if value is None else str(value)


def _unwrapped(value: Any) -> Any:
    """Hugging Face datasets hold a picture or a sound as its bytes, a path, or both."""
    if isinstance(value, Mapping) and set(value) == {"bytes", "path"}:
        return value["bytes"] if value["bytes"] is not None else value["path"]
    return value
