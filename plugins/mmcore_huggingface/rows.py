"""Rows of all splits under each other, classes by name, pictures and sounds as they are stored; and who tests."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mmcore
from mmcore_huggingface import HuggingFaceOptions, is_local
from mmcore_huggingface.features import Layout

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

SPLIT = "split"
"""The column that says which split a row is of."""


def read_source(options: HuggingFaceOptions, layout: Layout) -> mmcore.DataSource:
    """The data source: rows of the splits that are used, their modalities and target."""
    if is_local(options.path):
        rows = mmcore.read_table(options.path)
        notice, root = "", mmcore.table_root(options.path)
    else:
        from mmcore_huggingface.hub import hub_rows

        loaded = hub_rows(options.path, options.config, options.revision)
        rows, notice, root = _under_each_other(loaded), _notice(loaded), Path.cwd()
    if layout.splits:
        rows, unlabelled = _of_parts(rows, layout)
        if unlabelled:
            notice = f"{notice} Left out: split {', '.join(unlabelled)}, which has no {layout.target}.".strip()
    if layout.left_out:
        columns = ", ".join(f"{column} ({reason})" for column, reason in layout.left_out.items())
        notice = f"{notice} Columns that are left out: {columns}.".strip()
    return mmcore.DataSource(
        rows=rows,
        modalities=layout.modalities,
        target=layout.target,
        root=Path(options.root) if options.root else root,
        id=options.id,
        splits=_own_splits(rows, layout, options),
        notice=notice,
        broken_limit=options.broken_limit,
    )


def _under_each_other(loaded: Mapping[str, datasets.Dataset]) -> datasets.Dataset:
    """One table of all splits, without copying what is memory-mapped; classes by name."""
    import pyarrow as pa

    tables, keys = [], []
    for split, part in loaded.items():
        plain = _plain(part)
        if SPLIT not in plain.column_names:
            plain = plain.append_column(SPLIT, pa.array([split] * plain.num_rows, pa.string()))
        tables.append(plain)
        keys.append(f"{split} {part._fingerprint}")
    return _dataset(pa.concat_tables(tables, promote_options="permissive"), "\n".join(keys))


def _plain(part: datasets.Dataset) -> pa.Table:
    """The Arrow table of a data set, with class names in place of numbers, and no metadata."""
    import datasets
    import pyarrow as pa

    table = (part.flatten_indices() if part._indices is not None else part).data.table
    for position, (name, feature) in enumerate(part.features.items()):
        if isinstance(feature, datasets.ClassLabel) and feature.names:
            numbers = table.column(name).to_pylist()
            names = [feature.names[each] if each is not None and each >= 0 else None for each in numbers]
            table = table.set_column(position, name, pa.array(names, pa.string()))  # -1 is a class that is missing
    return table.replace_schema_metadata(None)


def _dataset(table: pa.Table, key: str) -> datasets.Dataset:
    import datasets
    from datasets.table import InMemoryTable

    return datasets.Dataset(InMemoryTable(table), fingerprint=hashlib.sha256(key.encode()).hexdigest()[:32])


def _notice(loaded: Mapping[str, datasets.Dataset]) -> str:
    about = next(iter(loaded.values())).info
    return f"Licence of the data: {about.license}." if about.license else ""


def _of_parts(rows: datasets.Dataset, layout: Layout) -> tuple[datasets.Dataset, list[str]]:
    """Rows of the splits that are a part; without a split whose target is missing throughout, which is named."""
    import pyarrow as pa

    splits, targets = rows[SPLIT][:], rows[layout.target][:]
    labelled = {split for split, target in zip(splits, targets, strict=True) if target is not None}
    unlabelled = [split for split in layout.splits if split in set(splits) and split not in labelled]
    used = set(layout.splits) - set(unlabelled)
    kept = [number for number, split in enumerate(splits) if split in used]
    if len(kept) == len(splits):
        return rows, []
    if not kept:
        raise mmcore.DataError(f"no row has a value in the target column {layout.target!r}")
    chosen = rows.data.table.take(pa.array(kept, pa.int64())).replace_schema_metadata(None)
    return _dataset(chosen, f"{rows._fingerprint} {sorted(used)}"), unlabelled


def _own_splits(rows: datasets.Dataset, layout: Layout, options: HuggingFaceOptions) -> dict[str, list[int]] | None:
    """Row numbers by part; None where the experiment decides."""
    if not layout.splits or not options.own_split:
        return None
    found: dict[str, list[int]] = defaultdict(list)
    for number, split in enumerate(rows[SPLIT][:]):
        found[layout.splits[split]].append(number)
    if not found["train"]:
        raise mmcore.DataError("no row of its training split has a target")
    if "validation" not in found and options.validation:
        targets = rows[layout.target][:]
        drawn = _drawn(found["train"], targets, options)
        found["validation"] = sorted(drawn)
        found["train"] = [number for number in found["train"] if number not in drawn]
    return dict(found)


def _drawn(numbers: Sequence[int], targets: Sequence[Any], options: HuggingFaceOptions) -> set[int]:
    """The share `options.validation` of the rows, of each class alike where the target is text."""
    by_class: dict[str, list[int]] = defaultdict(list)
    for number in numbers:
        target = targets[number]
        by_class[target if isinstance(target, str) else ""].append(number)
    generator = np.random.default_rng(options.split_seed)
    drawn: set[int] = set()
    for name in sorted(by_class):
        own = by_class[name]
        wanted = min(int(options.validation * len(own) + 0.5), len(own) - 1)
        drawn.update(own[position] for position in generator.permutation(len(own))[:wanted])
    return drawn


def write_example(folder: Path) -> dict[str, object]:
    """Twenty-four rows in two splits, saved by the library itself; returns the options that read them."""
    import datasets
    from PIL import Image

    features = datasets.Features(
        {
            "photo": datasets.Image(),
            "caption": datasets.Value("string"),
            "weight": datasets.Value("float32"),
            "label": datasets.ClassLabel(names=["cable", "tea"]),
        }
    )

    def rows(count: int, first: int) -> dict[str, list[Any]]:
        numbers = range(first, first + count)
        return {
            "photo": [Image.new("RGB", (16, 16), (9 * number, 80, 160 * (number % 2))) for number in numbers],
            "caption": [f"{'tea' if number % 2 else 'cable'} number {number}" for number in numbers],
            "weight": [number / 2 for number in numbers],
            "label": [number % 2 for number in numbers],
        }

    parts = {"train": rows(16, 0), "test": rows(8, 16)}
    saved = {name: datasets.Dataset.from_dict(part, features=features) for name, part in parts.items()}
    datasets.disable_progress_bars()
    try:
        datasets.DatasetDict(saved).save_to_disk(folder / "saved")
    finally:
        datasets.enable_progress_bars()
    return {"path": str(folder / "saved")}
