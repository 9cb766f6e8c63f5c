"""Parquet files and Arrow streams, by the batch, with the types that Hugging Face datasets wrap made plain."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mmcore.data.arrow_columns import BATCH_ROWS
from mmcore.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def parquet_schema(path: Path) -> pa.Schema:
    """Columns and plain types of a Parquet file; only its footer is read."""
    try:
        return plain_schema(pq.read_schema(path, memory_map=True), path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, "Parquet", error) from None


def parquet_batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in the types of `schema`."""
    try:
        # Memory-mapped, not pre-buffered, in this thread: a row group of any size costs one batch of memory.
        with pq.ParquetFile(path, memory_map=True, pre_buffer=False) as stored:
            for batch in stored.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
                yield _plain_batch(batch, stored.schema_arrow, schema)
                pa.default_memory_pool().release_unused()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, "Parquet", error) from None


def arrow_schema(path: Path) -> pa.Schema:
    """Columns and plain types of an Arrow stream, as `Dataset.save_to_disk` writes it."""
    try:
        with pa.memory_map(str(path)) as stream:
            return plain_schema(pa.ipc.open_stream(stream).schema, path)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, "Arrow", error) from None


def arrow_batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of an Arrow stream in the types of `schema`."""
    try:
        with pa.memory_map(str(path)) as stream:
            reader = pa.ipc.open_stream(stream)
            for batch in reader:
                for start in range(0, batch.num_rows, BATCH_ROWS):
                    yield _plain_batch(batch.slice(start, BATCH_ROWS), reader.schema, schema)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, "Arrow", error) from None


def plain_schema(stored: pa.Schema, path: Path) -> pa.Schema:
    """Without metadata, dictionaries, large or extension types; class numbers become class names."""
    twice = sorted({name for name in stored.names if stored.names.count(name) > 1})
    if twice:
        raise DataError(f"two columns are named {twice[0]!r}", where=str(path))
    labels = _class_names(stored)
    return pa.schema(
        [(field.name, pa.string() if field.name in labels else _plain_type(field.type)) for field in stored]
    )


def _plain_type(found: pa.DataType) -> pa.DataType:
    if isinstance(found, pa.BaseExtensionType):
        return _plain_type(found.storage_type)
    if pa.types.is_dictionary(found):
        return _plain_type(found.value_type)
    if pa.types.is_large_string(found) or pa.types.is_string_view(found) or pa.types.is_null(found):
        return pa.string()
    if pa.types.is_large_binary(found) or pa.types.is_binary_view(found):
        return pa.binary()
    if pa.types.is_float16(found):
        return pa.float32()
    if pa.types.is_decimal(found):
        return pa.float64()
    return found


def _plain_batch(batch: pa.RecordBatch, stored: pa.Schema, schema: pa.Schema) -> pa.RecordBatch:
    labels = _class_names(stored)
    arrays = []
    for field in schema:
        if field.name not in stored.names:  # a file of a folder may lack a column that the others have
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        array = batch.column(field.name)
        if isinstance(array, pa.ExtensionArray):
            array = array.storage
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if field.name in labels:
            array = _named(array, labels[field.name])
        elif pa.types.is_floating(array.type):
            array = pc.if_else(pc.is_nan(array.cast(pa.float64())), None, array)  # NaN is how pandas writes missing
        arrays.append(array.cast(field.type))
    return pa.record_batch(arrays, schema=schema)


def _named(numbers: pa.Array, names: list[str]) -> pa.Array:
    known = pc.if_else(pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, len(names))), numbers, None)
    return pa.array(names, pa.string()).take(known)  # -1 is how datasets writes a missing class


def _class_names(stored: pa.Schema) -> dict[str, list[str]]:
    """The names of the columns that Hugging Face datasets hold as class numbers."""
    try:
        features: dict[str, Any] = json.loads((stored.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return {
        name: list(feature["names"])
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
    }


def _damaged(path: Path, form: str, error: Exception) -> DataError:
    first_line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DataError(f"can't be read as {form} ({first_line})", where=str(path))
