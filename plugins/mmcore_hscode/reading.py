"""The real layout: a table of declarations beside its pictures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmcore
from mmcore_hscode import KINDS
from mmcore_hscode.codes import clean_text, code_at_level, same_text_key
from mmcore_hscode.splitting import split_declarations

if TYPE_CHECKING:
    import datasets

    from mmcore_hscode import HSCodeOptions

TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")


def table_path(path: str) -> Path:
    """The table that a path means: itself, or the only table directly inside a folder.

    Raises:
        DataError: a folder holds several tables.
    """
    place = Path(path)
    if not place.is_dir():
        return place
    inside = sorted(item for item in place.iterdir() if item.suffix.lower() in TABLES and item.is_file())
    if len(inside) > 1:
        names = ", ".join(item.name for item in inside)
        raise mmcore.DataError(f"holds several tables ({names})", where=path, hint="Name one of them under `path`.")
    return inside[0] if inside else place


def read_declarations(options: HSCodeOptions) -> mmcore.DataSource:
    """Rows with their codes at the level that is asked for, without duplicates and rare codes, and their split.

    Raises:
        DataError: no code has enough declarations, or the table can't be read.
    """
    path = table_path(options.path)
    columns = options.columns()
    table = mmcore.read_table(path, text=list(columns.values()))
    row_id = options.id if options.id in table.column_names else None
    root = Path(options.pictures) if options.pictures else mmcore.table_root(path)

    texts = {columns[name]: table[columns[name]][:] for name in ("description", "title", "category") if name in columns}
    texts = {column: [_cleaned(value, options.clean) for value in values] for column, values in texts.items()}
    codes = [code_at_level(value, options.level) for value in table[options.target][:]]
    problems = _odd_codes(table[options.target][:], codes, options.level)
    kept = list(range(len(table)))
    if options.deduplicate and options.description is not None:
        kept = _first_of_each(kept, texts[options.description])
    duplicates = len(table) - len(kept)
    kept, rare = _of_frequent_codes(kept, codes, options.min_rows)

    rows = _with_columns(table, kept, {**texts, options.target: codes}, key=repr(options))
    modalities = {name: mmcore.ModalityField(kind, (columns[name],)) for name, kind in KINDS.items() if name in columns}
    return mmcore.DataSource(
        rows=rows,
        modalities=modalities,
        target=options.target,
        root=root,
        id=row_id,
        splits=split_declarations(rows, modalities, root, options) if options.own_split else None,
        notice=_told(len(table), len(kept), duplicates, rare, options),
        problems={new: {options.target: problems[old]} for new, old in enumerate(kept) if old in problems},
        broken_limit=options.broken_limit,
    )


def _cleaned(value: Any, steps: tuple[str, ...]) -> str | None:
    text = None if value is None else clean_text(str(value), steps) if steps else str(value)
    return text if text and text.strip() else None


def _odd_codes(written: list[Any], codes: list[str | None], level: int) -> dict[int, str]:
    """Rows whose code says something that is no code of that level; an empty cell is just no target."""
    return {
        row: f"{value!r} is no HS code of {level} digits or more"
        for row, (value, code) in enumerate(zip(written, codes, strict=True))
        if code is None and value is not None and str(value).strip()
    }


def _first_of_each(rows: list[int], descriptions: list[str | None]) -> list[int]:
    """Rows whose invoice description was not seen before; rows without one stay."""
    seen: set[str] = set()
    kept = []
    for row in rows:
        text = descriptions[row]
        key = None if text is None else same_text_key(text)
        if key is not None and key in seen:
            continue
        if key is not None:
            seen.add(key)
        kept.append(row)
    return kept


def _of_frequent_codes(rows: list[int], codes: list[str | None], least: int) -> tuple[list[int], dict[str, int]]:
    """Rows whose code occurs at least so often, with those without a code; and the codes that are left out."""
    counts = Counter(codes[row] for row in rows if codes[row] is not None)
    rare = {code: count for code, count in sorted(counts.items(), key=lambda item: str(item[0])) if count < least}
    if len(rare) == len(counts):
        most = max(counts.values(), default=0)
        raise mmcore.DataError(
            f"no code has {least} declarations; the most frequent one has {most}",
            hint="Lower min_rows, or predict a lower level.",
        )
    return [row for row in rows if codes[row] not in rare], {str(code): count for code, count in rare.items()}


def _with_columns(
    table: datasets.Dataset, rows: list[int], changed: dict[str, list[Any]], *, key: str
) -> datasets.Dataset:
    """Some rows of a table, with some of their columns replaced by texts; the same content has the same fingerprint."""
    import hashlib

    import datasets
    import pyarrow as pa
    from datasets.table import InMemoryTable

    stored = table.data.table.take(pa.array(rows, pa.int64()))
    for column, values in changed.items():
        position = stored.schema.get_field_index(column)
        stored = stored.set_column(position, column, pa.array([values[row] for row in rows], pa.string()))
    plain = stored.replace_schema_metadata(None)
    found = hashlib.sha256(f"{table._fingerprint} {key}".encode()).hexdigest()[:32]
    return datasets.Dataset(InMemoryTable(plain), fingerprint=found)


def _told(read: int, kept: int, duplicates: int, rare: dict[str, int], options: HSCodeOptions) -> str:
    """What was left out, in a line; nothing when nothing was."""
    left_out = []
    if duplicates:
        left_out.append(f"{duplicates:,} repeat an invoice description")
    if rare:
        some = ", ".join(list(rare)[:5]) + (", …" if len(rare) > 5 else "")
        left_out.append(f"{sum(rare.values()):,} have a code with fewer than {options.min_rows} of them ({some})")
    return f"{kept:,} of {read:,} declarations: {'; '.join(left_out)}." if left_out else ""


def write_example(folder: Path) -> dict[str, object]:
    """Twenty-four declarations of two codes, each with a picture of its own; returns the options that read them."""
    from PIL import Image

    (folder / "images").mkdir()
    lines = ["id,invoice_description,title,category,image,hs_code"]
    for number in range(24):
        cable = number % 2
        Image.new("RGB", (32, 32), (20 + number * 8, 90, 200 * cable)).save(folder / "images" / f"{number}.png")
        what, code = ("usb cable", "854442") if cable else ("green tea", "090210")
        lines.append(f"d{number},{what} {number} pcs,Best {what} no {number},Goods > {what},images/{number}.png,{code}")
    (folder / "declarations.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"path": str(folder), "min_rows": 2}
