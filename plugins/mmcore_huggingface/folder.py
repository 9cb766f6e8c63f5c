"""Features and splits of a data set folder, without its rows and without the library `datasets`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmcore

if TYPE_CHECKING:
    import pyarrow as pa


def folder_features(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Column → feature, as `datasets.Features.to_dict()` writes them; and the splits, in order.

    Raises:
        DataError: the folder is no data set.
    """
    columns = mmcore.table_columns(folder)  # what it refuses, no reading will mend
    splits, file = _splits_and_file(folder)
    schema = _schema(file)
    declared = _declared(schema)
    return {
        name: declared.get(name) or _feature(schema.field(name).type) for name in columns if name in schema.names
    }, splits


def _splits_and_file(folder: Path) -> tuple[list[str], Path]:
    """The splits, and one file that holds rows."""
    if (folder / "dataset_dict.json").is_file():
        splits = [str(name) for name in json.loads((folder / "dataset_dict.json").read_text("utf-8")).get("splits", [])]
        if not splits:
            raise mmcore.DataError("names no splits", where=str(folder / "dataset_dict.json"))
        return splits, _saved_file(folder / splits[0])
    if (folder / "state.json").is_file():
        return [], _saved_file(folder)
    found = sorted(folder.rglob("*.parquet")) if folder.is_dir() else []
    files = [path for path in found if path.is_file() and not _is_hidden(path.relative_to(folder))]
    if not files:
        raise mmcore.DataError(
            "is no Hugging Face data set",
            where=str(folder),
            hint="Looked for dataset_dict.json, state.json and Parquet files. The data set `table` reads other tables.",
        )
    words = [[re.split(r"[^a-z]", word.lower())[0] for word in (file.stem, file.parent.name)] for file in files]
    from mmcore_huggingface.features import PARTS

    parts = [next((PARTS[word] for word in pair if word in PARTS), None) for pair in words]
    named = all(parts) and len(set(parts)) > 1
    return list(dict.fromkeys(part for part in parts if part)) if named else [], files[0]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _saved_file(folder: Path) -> Path:
    state = json.loads((folder / "state.json").read_text("utf-8"))
    return folder / str(state["_data_files"][0]["filename"])


def _schema(file: Path) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if file.suffix == ".parquet":
            return pq.read_schema(file, memory_map=True)
        with pa.memory_map(str(file)) as stream:
            return pa.ipc.open_stream(stream).schema
    except (pa.ArrowException, OSError) as error:
        raise mmcore.DataError(f"can't be read ({error})", where=str(file)) from None


def _declared(schema: pa.Schema) -> dict[str, Any]:
    """The features that the library `datasets` writes into the files' metadata."""
    try:
        found = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _feature(found: pa.DataType) -> dict[str, Any]:
    """A feature for a column that only has an Arrow type."""
    import pyarrow as pa

    if pa.types.is_list(found) or pa.types.is_large_list(found) or pa.types.is_fixed_size_list(found):
        return {"_type": "List", "feature": _feature(found.value_type)}
    if pa.types.is_struct(found) and {field.name for field in found} == {"bytes", "path"}:
        return {"_type": "Image"}  # Hub viewers write pictures so; sounds declare themselves
    return {"_type": "Value", "dtype": str(found)}
