"""JSON lines, read strictly: one object a line, no key twice, no NaN."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from mmcore.data.arrow_columns import BATCH_ROWS, SchemaBuilder, record_batch
from mmcore.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

LONGEST_LINE = 64 * 2**20
"""Bytes of one line; a longer one is no JSON-lines file."""


def json_header(path: Path, wanted: Collection[str] = ()) -> list[str]:
    """Names of the columns in the first thousand rows; reads on only as long as a `wanted` one was not seen."""
    seen: dict[str, None] = {}
    for number, row in enumerate(_objects(path), start=1):
        seen.update(dict.fromkeys(row))
        if number >= 1000 and set(wanted) <= set(seen):
            break
    if not seen:
        raise DataError("is empty; each line must hold one JSON object", where=f"{path}:1")
    return list(seen)


def json_schema(path: Path) -> pa.Schema:
    """Columns and types; a column with scalars of different types is text."""
    builder = SchemaBuilder()
    rows = _objects(path)
    while batch := list(islice(rows, BATCH_ROWS)):
        try:
            builder.add(batch)
        except DataError as error:
            raise DataError(error.what, where=str(path), hint=error.hint) from None
    schema = builder.schema()
    if not len(schema):
        raise DataError("is empty; each line must hold one JSON object", where=f"{path}:1")
    return schema


def json_batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows, in the types of `schema`; a key that a row lacks is a missing value."""
    rows = _objects(path)
    while batch := list(islice(rows, BATCH_ROWS)):
        yield record_batch(batch, schema)


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as stream:
        for number in count(1):
            line = stream.readline(LONGEST_LINE + 1)
            if not line:
                return
            where = f"{path}:{number}"
            if len(line) > LONGEST_LINE:
                raise DataError(f"is longer than {LONGEST_LINE} bytes", where=where)
            if line.strip():
                yield _object(line, where)


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(
            line.decode("utf-8-sig"), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except UnicodeDecodeError:
        raise DataError("is not UTF-8", where=where, hint="Save the table as UTF-8.") from None
    except RecursionError:
        raise DataError("is nested too deeply", where=where) from None
    except ValueError as error:
        raise DataError(f"is not valid JSON ({error})", where=where, hint="Each line holds one object.") from None
    if not isinstance(value, Mapping):
        raise DataError(f"holds a {type(value).__name__}, not an object", where=where)
    return dict(value)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value; write null for what is missing")
