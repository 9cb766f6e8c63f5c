"""Tables as Arrow on disk: read strictly, converted once, memory-mapped, so that memory does not grow with the rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.data.table_files import TableFile, table_files
from mmcore.errors import DataError
from mmcore.files import cache_folder, digest, writing

if TYPE_CHECKING:
    import datasets
    import pandas as pd
    import pyarrow as pa

READER_VERSION = 1
"""Raised when tables are read differently, so that what was converted before is not taken."""

SPLIT_COLUMN = "split"
"""The column that a dataset folder with several splits gets."""


def read_table(
    source: str | Path | pd.DataFrame | datasets.Dataset | Iterable[Mapping[str, Any]],
    *,
    text: Collection[str] = (),
    separators: Mapping[str, str] | None = None,
) -> datasets.Dataset:
    """Rows from a file, a folder, a DataFrame or a list of dicts, as a `datasets.Dataset`.

    Files (CSV, TSV, JSON lines, Parquet) and Hugging Face dataset folders are converted once to Arrow in the cache
    folder and memory-mapped from there; the content decides whether that has been done. In CSV and TSV an empty
    cell is missing, a column is a number only if all its cells are, and everything else (`NA` and `null` too) is text.
    A folder with several splits gets a column `split`.

    Args:
        source: where the rows are.
        text: columns of CSV and TSV files that stay text even if they look like numbers.
        separators: columns of CSV and TSV files whose cells are lists, with what parts them: {"tags": ";"}.

    Raises:
        DataError: the table can't be read as a whole; the message names the line.

    >>> read_table([{"title": "shoe", "price": 3}, {"title": "boot"}])["price"][:]
    [3, None]
    """
    import datasets
    import pandas as pd

    if isinstance(source, datasets.Dataset):
        return source.with_format(None)
    if isinstance(source, pd.DataFrame):
        return _in_memory(_frame_table(source))
    if isinstance(source, str | Path):
        return _from_files(Path(source), text=frozenset(text), separators=dict(separators or {}))
    return _in_memory(_rows_table(source))


def table_columns(path: str | Path, wanted: Collection[str] = ()) -> list[str]:
    """The column names of a table file or folder, without reading its rows where the format allows that.

    For JSON lines the first thousand rows are looked at, and the others only while a `wanted` column was not seen.

    Raises:
        DataError: the table is not there or its header can't be read.
    """
    files = table_files(Path(path))
    names: dict[str, None] = {}
    for file in files:
        names.update(dict.fromkeys(file.header(wanted)))
    if any(file.split for file in files):
        names[SPLIT_COLUMN] = None
    return list(names)


def table_root(path: str | Path) -> Path:
    """The folder that relative paths in a table's cells start from."""
    path = Path(path)
    return path if path.is_dir() else path.parent


def _from_files(path: Path, *, text: frozenset[str], separators: dict[str, str]) -> datasets.Dataset:
    files = table_files(path)
    key = digest(
        {
            "version": READER_VERSION,
            "files": [(file.path.name, file.split, content_hash(file.path)) for file in files],
            "text": sorted(text),
            "separators": separators,
        }
    )
    target = cache_folder() / "tables" / f"{key}.arrow"
    if not target.is_file():
        _convert(files, target, text=text, separators=separators)
    return _memory_mapped(target, key, path)


def _convert(files: list[TableFile], target: Path, *, text: frozenset[str], separators: dict[str, str]) -> None:
    import pyarrow as pa

    schema = _common_schema([(file, file.schema(text=text, separators=separators)) for file in files])
    stored = schema
    if any(file.split for file in files) and SPLIT_COLUMN not in schema.names:
        stored = schema.append(pa.field(SPLIT_COLUMN, pa.string()))
    with writing(target) as temporary, pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_stream(sink, stored) as out:
        for file in files:
            for batch in file.batches(schema, separators=separators):
                arrays = [batch.column(name) for name in schema.names]
                if len(stored) > len(schema):
                    arrays.append(pa.array([file.split] * batch.num_rows, pa.string()))
                out.write_batch(pa.record_batch(arrays, schema=stored))


def _common_schema(schemas: list[tuple[TableFile, pa.Schema]]) -> pa.Schema:
    import pyarrow as pa

    from mmcore.data.arrow_columns import common_type

    first_file, first = schemas[0]
    types = {field.name: field.type for field in first}
    for file, schema in schemas[1:]:
        if set(schema.names) != set(types):
            odd = sorted(set(schema.names) ^ set(types))
            raise DataError(f"has other columns than {first_file.path.name} ({', '.join(odd)})", where=str(file.path))
        for field in schema:
            common = common_type(types[field.name], field.type)
            if common is None:
                raise DataError(
                    f"column {field.name!r} holds {field.type}, in {first_file.path.name} {types[field.name]}",
                    where=str(file.path),
                )
            types[field.name] = common
    return pa.schema(list(types.items()))


def _memory_mapped(stored: Path, key: str, path: Path) -> datasets.Dataset:
    import datasets
    from datasets.table import MemoryMappedTable

    table = MemoryMappedTable.from_file(str(stored))
    if table.num_rows == 0:
        raise DataError("has no rows", where=str(path))
    return datasets.Dataset(table, fingerprint=key)


def _in_memory(table: pa.Table) -> datasets.Dataset:
    import datasets
    import pyarrow as pa
    import xxhash

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table)
    return datasets.Dataset(
        datasets.table.InMemoryTable(table), fingerprint=xxhash.xxh3_128_hexdigest(memoryview(sink.getvalue()))
    )


def _rows_table(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    from mmcore.data.arrow_columns import SchemaBuilder, plain_value, record_batch

    plain = []
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} is a {type(row).__name__}, not a mapping of column to value")
        plain.append({str(name): plain_value(value) for name, value in row.items()})
    if not plain:
        raise DataError("there are no rows")
    builder = SchemaBuilder()
    builder.add(plain)
    return pa.Table.from_batches([record_batch(plain, builder.schema())])


def _frame_table(frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    from mmcore.data.arrow_columns import column_array, column_type, plain_value

    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"two columns of the DataFrame are named {twice[0]!r}")
    if not len(frame):
        raise DataError("the DataFrame has no rows")
    arrays = []
    for position, name in enumerate(names):
        values = [plain_value(value) for value in frame.iloc[:, position].tolist()]
        found = column_type(values, name=name)
        arrays.append(column_array(values, pa.string() if pa.types.is_null(found) else found))
    return pa.table(dict(zip(names, arrays, strict=True)))


def content_hash(path: Path) -> str:
    """A fast hash of a file's content, to know it again; it does not guard against tampering."""
    import xxhash

    hasher = xxhash.xxh3_128()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            hasher.update(block)
    return hasher.hexdigest()
