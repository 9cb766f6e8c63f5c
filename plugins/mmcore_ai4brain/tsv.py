"""Tab-separated tables as BIDS has them: `n/a` is missing, a column is a number when all its cells are."""

from __future__ import annotations

import math
from pathlib import Path

import mmcore

MISSING = frozenset({"", "n/a", "na", "nan", "none", "null"})

Cell = float | str | None


def read_tsv(path: Path, key: str) -> list[dict[str, Cell]]:
    """The rows of a table, by column.

    Args:
        path: the file, in UTF-8.
        key: the column that names a row; it stays text, must be filled and may not repeat.

    Raises:
        DataError: not found, not UTF-8, no such column, a column twice, a row of another length, a name twice.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise mmcore.DataError("there is no such file", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise mmcore.DataError(f"can't be read ({error})", where=str(path)) from error
    lines = [(number, line.split("\t")) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise mmcore.DataError("it is empty", where=str(path))
    columns = [name.strip() for name in lines[0][1]]
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise mmcore.DataError(f"two columns are named {twice[0]!r}", where=str(path))
    if key not in columns:
        raise mmcore.DataError(
            f"no column {key!r}",
            where=str(path),
            hint=mmcore.did_you_mean(key, columns) or "Its columns must be parted by tabs.",
        )
    rows: list[dict[str, Cell]] = []
    seen: dict[str, int] = {}
    for number, cells in lines[1:]:
        if len(cells) != len(columns):
            raise mmcore.DataError(f"{len(cells)} cells under {len(columns)} columns", where=f"{path}:{number}")
        row: dict[str, Cell] = {
            name: None if cell.strip().lower() in MISSING else cell.strip()
            for name, cell in zip(columns, cells, strict=True)
        }
        name = row[key]
        if not isinstance(name, str):
            raise mmcore.DataError(f"no {key}", where=f"{path}:{number}")
        if name in seen:
            raise mmcore.DataError(f"{key} {name!r} stands in line {seen[name]} too", where=f"{path}:{number}")
        seen[name] = number
        rows.append(row)
    return rows


def with_numbers(rows: list[dict[str, Cell]], texts: frozenset[str]) -> list[dict[str, Cell]]:
    """The rows with the columns that hold nothing but numbers as numbers; columns in `texts` stay as they are.

    >>> with_numbers([{"age": "71", "sex": "F"}, {"age": None, "sex": "M"}], frozenset())
    [{'age': 71.0, 'sex': 'F'}, {'age': None, 'sex': 'M'}]
    """
    columns = dict.fromkeys(name for row in rows for name in row)
    for name in columns:
        if name in texts:
            continue
        found = [_number(row.get(name)) for row in rows]
        if all(number is not None or row.get(name) is None for number, row in zip(found, rows, strict=True)):
            rows = [{**row, name: number} for number, row in zip(found, rows, strict=True)]
    return rows


def _number(cell: Cell) -> float | None:
    if cell is None or (isinstance(cell, str) and "_" in cell):
        return None
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
