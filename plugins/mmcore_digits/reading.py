"""The layout of `tones` on disk: a table beside its sounds and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmcore
from mmcore_digits import SIMULATED, TonesOptions
from mmcore_digits.simulation import TABLE, VERSION, write_tones

if TYPE_CHECKING:
    import datasets

COLUMNS = {"sound": ("sound",), "picture": ("picture",), "facts": ("tempo", "pitch")}
"""The modalities, and the columns that hold them."""

KINDS = {"sound": "audio", "picture": "image", "facts": "tabular"}

TARGET = "instrument"

PARTS = ("train", "validation", "test")


def check_table(path: str) -> list[str]:
    """The columns of the table that a path means.

    Raises:
        OptionError: it is not there, can't be read, or lacks a column.
    """
    wanted = [*(column for columns in COLUMNS.values() for column in columns), TARGET]
    table = table_of(path)
    try:
        found = mmcore.table_columns(table, set(wanted))
    except mmcore.DataError as error:
        where = f"{error.where}: " if error.where else ""
        hint = error.hint or f"Write a simulated data set with: mmcore simulate tones {path}"
        raise mmcore.OptionError(f"{where}{error.what}", path=("path",), hint=hint) from error
    missing = [column for column in wanted if column not in found]
    if missing:
        raise mmcore.OptionError(
            f"no column {missing[0]!r} in {table}", path=("path",), hint=mmcore.did_you_mean(missing[0], found)
        )
    return found


def table_of(path: str) -> Path:
    """The table that a path means: itself, or tones.csv in a folder."""
    place = Path(path)
    return place / TABLE if place.is_dir() else place


def read_tones(options: TonesOptions) -> mmcore.DataSource:
    """The rows of a table, or of a simulated one.

    Raises:
        DataError: the table can't be read, or its column `split` says what is no part.
    """
    table = table_of(options.path) if options.path is not None else _simulated(options) / TABLE
    columns = mmcore.table_columns(table)
    text = [name for name in ("id", "sound", "picture", TARGET, "split") if name in columns]
    rows = mmcore.read_table(table, text=text)
    return mmcore.DataSource(
        rows=rows,
        modalities={
            name: mmcore.ModalityField(KINDS[name], of_it, single=name != "facts") for name, of_it in COLUMNS.items()
        },
        target=TARGET,
        root=mmcore.table_root(table),
        id="id" if "id" in columns else None,
        splits=_splits(rows, table) if options.own_split and "split" in columns else None,
        notice=SIMULATED if options.path is None else "",
    )


def _splits(rows: datasets.Dataset, table: Path) -> dict[str, list[int]]:
    said: Sequence[Any] = rows["split"][:]
    for number, part in enumerate(said):
        if part not in PARTS:
            raise mmcore.DataError(
                f"the column split holds {part!r} in row {number + 1}", where=str(table),
                hint="Allowed: train, validation, test. Or leave the split to the experiment with own_split: false.",
            )  # fmt: skip
    return {part: [number for number, each in enumerate(said) if each == part] for part in PARTS}


def _simulated(options: TonesOptions) -> Path:
    from filelock import FileLock

    folder = mmcore.cache_folder() / "tones" / f"version{VERSION}-rows{options.rows}-seed{options.seed}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):  # a second process waits, and finds it there
        if not folder.is_dir():
            write_tones(folder, options.rows, options.seed)
    return folder
