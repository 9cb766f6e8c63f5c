"""Python values to Arrow columns, the same way whatever a table came from."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from mmcore.errors import DataError

BATCH_ROWS = 2_000
"""Rows that are converted at a time: what bounds the memory of reading."""


def plain_value(value: Any) -> Any:
    """A cell as Arrow can hold it: paths become text, pictures PNG bytes, arrays lists, NaN missing.

    >>> plain_value(float("nan")) is None, plain_value(("a", "b"))
    (True, ['a', 'b'])
    """
    if value is None or isinstance(value, str | bytes | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays, torch tensors
        return plain_value(value.tolist())
    if hasattr(value, "save") and hasattr(value, "mode"):  # a PIL picture, without importing PIL
        buffer = io.BytesIO()
        value.save(buffer, format="PNG")
        return buffer.getvalue()
    if type(value).__name__ in {"NAType", "NaTType"}:  # what pandas writes for a missing cell
        return None
    return value  # dates and the like: Arrow knows them, or `column_type` refuses them


def column_type(values: Sequence[Any], *, name: str) -> pa.DataType:
    """The Arrow type of plain values: text where scalars of different types meet, so that no value is changed.

    >>> column_type([1, None, 2.5], name="x"), column_type([1, "a"], name="x")
    (DataType(double), DataType(string))
    """
    try:
        return _small(pa.array(values).type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        odd = next((value for value in values if not _is_scalar(value)), None)
        if odd is None:
            return pa.string()
        raise DataError(
            f"column {name!r} mixes {type(odd).__name__} with other types, or holds what a table can't",
            hint="Give all its cells one type: text, a number, a list of them, or bytes.",
        ) from None


def common_type(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    """The type that holds the values of both; text where scalars differ; None when there is none.

    >>> common_type(pa.int64(), pa.string()), common_type(pa.null(), pa.bool_())
    (DataType(string), DataType(bool))
    """
    if first == second:
        return first
    if pa.types.is_null(first) or pa.types.is_null(second):
        return second if pa.types.is_null(first) else first
    if _is_plain(first) and _is_plain(second):
        if _is_number(first) and _is_number(second):
            return pa.float64()
        return pa.string()
    try:
        unified = pa.unify_schemas(
            [pa.schema([("column", first)]), pa.schema([("column", second)])], promote_options="permissive"
        )
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None
    return unified.field(0).type


def column_array(values: Sequence[Any], column: pa.DataType) -> pa.Array:
    """Plain values as an Arrow array of a type that `column_type` and `common_type` found."""
    if pa.types.is_string(column):
        return pa.array([None if value is None else as_text(value) for value in values], pa.string())
    return pa.array(values, column)


def as_text(value: Any) -> str:
    """A scalar as text, as JSON writes it.

    >>> as_text(True), as_text(3), as_text("x")
    ('true', '3', 'x')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


class SchemaBuilder:
    """Finds the columns and types of rows that come by the batch; a row may lack any column."""

    def __init__(self) -> None:
        self._types: dict[str, pa.DataType] = {}

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in some plain rows."""
        cells: dict[str, list[Any]] = {}
        for row in rows:
            for name, value in row.items():
                cells.setdefault(name, []).append(value)
        for name, values in cells.items():
            found = column_type(values, name=name)
            known = self._types.get(name, pa.null())
            common = common_type(known, found)
            if common is None:
                raise DataError(f"column {name!r} holds {known} in some rows and {found} in others")
            self._types[name] = common

    def schema(self) -> pa.Schema:
        """What was found; a column that is empty throughout is text."""
        return pa.schema(
            [(name, pa.string() if pa.types.is_null(found) else found) for name, found in self._types.items()]
        )


def record_batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Plain rows as one Arrow batch."""
    arrays = [column_array([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.record_batch(arrays, schema=schema)


def _small(found: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_large_string(found) else found


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int | float)


def _is_number(found: pa.DataType) -> bool:
    return bool(pa.types.is_integer(found) or pa.types.is_floating(found))


def _is_plain(found: pa.DataType) -> bool:
    return bool(_is_number(found) or pa.types.is_boolean(found) or pa.types.is_string(found))
