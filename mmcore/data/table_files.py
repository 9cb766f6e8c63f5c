"""Which files make up a table, and who reads each of them."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmcore.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")
"""Table files that can be read, by the end of their name."""

_SPLITS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True)
class TableFile:
    """One file of a table, and the split that its folder or name says it holds."""

    path: Path
    split: str | None = None

    def header(self, wanted: Collection[str] = ()) -> list[str]:
        """Column names, read as cheaply as the format allows."""
        if self._form == "delimited":
            from mmcore.data.delimited import delimited_header

            return delimited_header(self.path)
        if self._form == "json":
            from mmcore.data.json_lines import json_header

            return json_header(self.path, wanted)
        return list(self.schema().names)

    def schema(self, *, text: Collection[str] = (), separators: Mapping[str, str] | None = None) -> pa.Schema:
        """Columns and types; the whole file is looked at where the format does not say."""
        from mmcore.data import arrow_files, delimited, json_lines

        if self._form == "delimited":
            return delimited.delimited_schema(self.path, text=text, separators=separators)
        read: Callable[[Path], pa.Schema] = {
            "json": json_lines.json_schema, "parquet": arrow_files.parquet_schema, "arrow": arrow_files.arrow_schema,
        }[self._form]  # fmt: skip
        return read(self.path)

    def batches(self, schema: pa.Schema, *, separators: Mapping[str, str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows, a few thousand at a time, in the types of `schema`."""
        from mmcore.data import arrow_files, delimited, json_lines

        if self._form == "delimited":
            own = delimited.delimited_header(self.path)
            return delimited.delimited_batches(self.path, _in_order(schema, own), separators=separators)
        read: Callable[[Path, pa.Schema], Iterator[pa.RecordBatch]] = {
            "json": json_lines.json_batches, "parquet": arrow_files.parquet_batches, "arrow": arrow_files.arrow_batches,
        }[self._form]  # fmt: skip
        return read(self.path, schema)

    @property
    def _form(self) -> str:
        suffix = self.path.suffix.lower()
        if suffix in (".csv", ".tsv", ".tab"):
            return "delimited"
        return {".jsonl": "json", ".ndjson": "json", ".parquet": "parquet", ".arrow": "arrow"}[suffix]


def table_files(path: Path) -> list[TableFile]:
    """The files of a table: the file itself, or those of a Hugging Face dataset folder, in a fixed order.

    Raises:
        DataError: there is nothing there, it is neither a file nor a folder, or of a format that is not read.
    """
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return _folder_files(path)
    if not stat.S_ISREG(mode):  # opening a FIFO or a device would wait for ever
        raise DataError("is not a regular file", where=str(path))
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"is of a format that is not read ({path.suffix or 'no ending'})",
            where=str(path),
            hint=f"Tables end in {', '.join(SUFFIXES)}, or are a Hugging Face dataset folder.",
        )
    return [TableFile(path)]


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        near = [item.name for item in path.parent.iterdir()] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, near)
        raise DataError("no such file", where=str(path), hint=hint if hint.startswith("Did") else None) from None
    except (OSError, ValueError) as error:
        raise DataError(f"can't be opened ({error})", where=str(path)) from None


def _folder_files(folder: Path) -> list[TableFile]:
    if (folder / "dataset_dict.json").is_file():
        splits = _json(folder / "dataset_dict.json").get("splits", [])
        return [TableFile(file, split) for split in splits for file in _saved_files(folder / split)]
    if (folder / "state.json").is_file():
        return [TableFile(file) for file in _saved_files(folder)]
    inside = [item for item in sorted(folder.rglob("*")) if not _is_hidden(item.relative_to(folder))]
    found = [item for item in inside if item.suffix.lower() in SUFFIXES and stat.S_ISREG(_mode(item))]
    endings = sorted({item.suffix.lower() for item in found})
    if not found:
        raise DataError("holds no table", where=str(folder), hint=f"Looked for files ending in {', '.join(SUFFIXES)}.")
    if len(endings) > 1:
        raise DataError(
            f"holds tables of several formats ({', '.join(endings)})", where=str(folder), hint="Name one file."
        )
    splits = [_split_of(item.relative_to(folder)) for item in found]
    named = all(splits) and len(set(splits)) > 1
    return [TableFile(item, split if named else None) for item, split in zip(found, splits, strict=True)]


def _saved_files(folder: Path) -> list[Path]:
    """What `Dataset.save_to_disk` wrote."""
    if not (folder / "state.json").is_file():
        raise DataError("is no saved dataset: it has no state.json", where=str(folder))
    names = [str(entry.get("filename")) for entry in _json(folder / "state.json").get("_data_files", [])]
    strangers = [name for name in names if Path(name).name != name or not name.endswith(".arrow")]
    if strangers or not names:
        raise DataError(f"names no data files of its own ({strangers})", where=str(folder / "state.json"))
    for name in names:
        if not (folder / name).is_file():
            raise DataError("is named in state.json, but is not there", where=str(folder / name))
    return [folder / name for name in names]


def _json(path: Path) -> dict:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"is not valid JSON ({error})", where=str(path)) from None
    if not isinstance(value, dict):
        raise DataError("is not a JSON object", where=str(path))
    return value


def _split_of(path: Path) -> str | None:
    """The split that a file of a dataset folder belongs to, as the hub names them: data/train-00000-of-00001.parquet.

    >>> _split_of(Path("data/train-00000-of-00001.parquet")), _split_of(Path("dev/part1.csv")), _split_of(Path("a.csv"))
    ('train', 'validation', None)
    """
    for word in (path.stem, *reversed(path.parent.parts)):
        first = re.split(r"[^a-z]", word.lower())[0]
        if first in _SPLITS:
            return _SPLITS[first]
    return None


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _in_order(schema: pa.Schema, names: list[str]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([schema.field(name) for name in names])
