"""CSV and TSV, read strictly: what a lenient reader would swallow, shift or rename is refused with its line."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mmcore.data.arrow_columns import BATCH_ROWS
from mmcore.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

LONGEST_CELL = 16 * 2**20
"""Characters of one cell; a quote that is never closed would otherwise swallow the rest of the file."""

CsvRows = Any
"""What csv.reader returns: an iterator of cells with `line_num`; its type has no public name."""

_WHOLE = re.compile(r"\s*-?(0|[1-9]\d{0,17})\s*")
_NUMBER = re.compile(r"\s*-?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*")


def delimited_header(path: Path) -> list[str]:
    """The column names of a CSV or TSV file."""
    with _opened(path) as rows:
        return _header(path, rows)


def delimited_schema(
    path: Path, *, text: Collection[str] = (), separators: Mapping[str, str] | None = None
) -> pa.Schema:
    """Columns and types. A column is a number only if each of its cells is one in its plain form.

    So `NA`, `null`, `1,5` and the code `010121` make a column text, and stay as they are written.

    Args:
        path: the file.
        text: columns that stay text whatever they hold.
        separators: columns whose cells are lists, with what parts them.
    """
    separators = separators or {}
    with _opened(path) as rows:
        header = _header(path, rows)
        whole = {i for i, name in enumerate(header) if name not in text and name not in separators}
        number, filled = set(whole), set()
        for _, cells in _data_rows(path, rows, header):
            for i in list(number):
                cell = cells[i]
                if not cell:
                    continue
                filled.add(i)
                if i in whole and not _WHOLE.fullmatch(cell):
                    whole.discard(i)
                if i not in whole and not _NUMBER.fullmatch(cell):
                    number.discard(i)

    def found(i: int, name: str) -> pa.DataType:
        if name in separators:
            return pa.list_(pa.string())
        if i in filled and i in number:
            return pa.int64() if i in whole else pa.float64()
        return pa.string()

    return pa.schema([(name, found(i, name)) for i, name in enumerate(header)])


def delimited_batches(
    path: Path, schema: pa.Schema, *, separators: Mapping[str, str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows, in the types of `schema`; an empty cell is a missing value."""
    separators = separators or {}
    with _opened(path) as rows:
        header = _header(path, rows)
        waiting: list[list[str]] = []
        for _, cells in _data_rows(path, rows, header):
            waiting.append(cells)
            if len(waiting) == BATCH_ROWS:
                yield _batch(waiting, schema, separators)
                waiting = []
        if waiting:
            yield _batch(waiting, schema, separators)


def _batch(rows: list[list[str]], schema: pa.Schema, separators: Mapping[str, str]) -> pa.RecordBatch:
    arrays = []
    for field, cells in zip(schema, zip(*rows, strict=True), strict=True):
        if field.name in separators:
            values: list = [_parts(cell, separators[field.name]) for cell in cells]
        elif pa.types.is_integer(field.type):
            values = [int(cell) if cell else None for cell in cells]
        elif pa.types.is_floating(field.type):
            values = [float(cell) if cell else None for cell in cells]
        else:
            values = [cell or None for cell in cells]
        arrays.append(pa.array(values, field.type))
    return pa.record_batch(arrays, schema=schema)


def _parts(cell: str, separator: str) -> list[str] | None:
    parts = [part.strip() for part in cell.split(separator)]
    return [part for part in parts if part] if cell else None


class _opened:  # noqa: N801 - used as a function
    """A csv reader over a file whose lines are checked on their way in."""

    def __init__(self, path: Path):
        self._path = path

    def __enter__(self) -> CsvRows:
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_CELL))
        self._stream = self._path.open("rb")
        delimiter = "\t" if self._path.suffix.lower() in (".tsv", ".tab") else ","
        return csv.reader(_lines(self._path, self._stream), delimiter=delimiter, strict=True)

    def __exit__(self, *exception: object) -> None:
        self._stream.close()


def _lines(path: Path, stream: Iterator[bytes]) -> Iterator[str]:
    for number, line in enumerate(stream, start=1):
        if number == 1:
            if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise DataError("is UTF-16, not UTF-8", where=f"{path}:1", hint="Save the table as UTF-8.")
            line = line.removeprefix(b"\xef\xbb\xbf")
        if b"\0" in line:
            raise DataError("holds a NUL byte, so it is not a text file", where=f"{path}:{number}")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"is not UTF-8 (byte 0x{line[error.start]:02x} at column {error.start + 1})",
                where=f"{path}:{number}",
                hint="Save the table as UTF-8.",
            ) from None


def _records(path: Path, rows: CsvRows) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it starts on."""
    while True:
        start = rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"the row that starts here is not valid CSV ({error})",
                where=f"{path}:{start}",
                hint="Look for a quote that is opened and never closed, or not doubled inside a quoted cell.",
            ) from None
        yield start, cells


def _header(path: Path, rows: CsvRows) -> list[str]:
    start, header = next(_records(path, rows), (1, []))
    if not header:
        raise DataError("is empty; the first line must name the columns", where=f"{path}:{start}")
    blank = [i + 1 for i, name in enumerate(header) if not name.strip()]
    if blank:
        raise DataError(f"column {blank[0]} has no name", where=f"{path}:1")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"two columns are named {twice[0]!r}", where=f"{path}:1")
    if len(header) == 1 and any(mark in header[0] for mark in ";\t"):
        raise DataError(
            "has one column only, whose name holds a semicolon or a tab",
            where=f"{path}:1",
            hint="Separate cells by commas in .csv and by tabs in .tsv files.",
        )
    return header


def _data_rows(path: Path, rows: CsvRows, header: list[str]) -> Iterator[tuple[int, list[str]]]:
    width, blank = len(header), 0
    for line, cells in _records(path, rows):
        if not cells:
            blank = line
            continue
        if blank and width == 1:  # with one column, an empty line could be an empty cell: do not guess
            raise DataError("is empty", where=f"{path}:{blank}", hint='Write "" for an empty cell, or remove the line.')
        if len(cells) != width:
            raise DataError(
                f"has {len(cells)} cells where the header has {width} columns",
                where=f"{path}:{line}",
                hint="Quote cells that hold a comma, a quote or a line break.",
            )
        yield line, cells
