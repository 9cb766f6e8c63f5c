"""Checks of data sets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mmcore.data.reading import RowReader
from mmcore.data.source import DataSource
from mmcore.declarations import Dataset
from mmcore.options import Options
from mmcore.testing.bench import Bench, build, build_tiny
from mmcore.testing.check import Skipped, check, claim

LOOKED_AT = 12
"""Rows that are decoded."""


class DatasetBench(Bench):
    """A data set, read with its `tiny` options or those of its `example`."""

    @cached_property
    def _example(self) -> Mapping[str, Any] | None:
        declaration = self.declaration
        return None if declaration.example is None else dict(declaration.example(self.subfolder("data")))

    @property
    def option_values(self) -> Mapping[str, Any]:
        """Options that read something."""
        if self.given is not None:
            return self.given
        return self.declaration.tiny if self._example is None else self._example

    @cached_property
    def options(self) -> Options:
        """Options that read something, validated; skipped where some are needed and none are declared."""
        needed = [name for name, each in self.declaration.options.model_fields.items() if each.is_required()]
        if self.given is None and any(name not in self.option_values for name in needed):
            raise Skipped(f"needs {', '.join(needed)}; declare an `example(folder)` that writes a small data set")
        return self.declaration.options.model_validate(dict(self.option_values))

    def build_fresh(self) -> DataSource:
        """The data source."""
        return build(self.declaration, self.options)


@check(Dataset)
def builds(bench: DatasetBench) -> None:
    """Builds a DataSource that has rows."""
    bench.try_to_build()
    source = bench.subject()
    claim(isinstance(source, DataSource), f"`build` returned {type(source).__name__}, not a mmcore.DataSource")
    claim(len(source.rows) > 0, "it has no rows")


@check(Dataset)
def has_the_columns_it_names(bench: DatasetBench) -> None:
    """Modalities, target, id and group are columns of its rows, and the modalities are those known without reading."""
    source = bench.subject()
    columns = set(source.rows.column_names)
    for name, field in source.modalities.items():
        missing = sorted(set(field.columns) - columns)
        claim(not missing, f"modality {name!r} names columns that are not there: {missing}")
    for what, column in (("target", source.target), ("id", source.id), ("group", source.group)):
        claim(column is None or column in columns, f"its {what} column {column!r} is not there")
    known = dict(bench.declaration.modalities(bench.options))
    found = {name: field.kind for name, field in source.modalities.items()}
    claim(known == found, f"`modalities(options)` says {known}, the data source has {found}")
    if bench.declaration.check is not None:
        bench.declaration.check(bench.options)


@check(Dataset)
def names_its_rows_apart(bench: DatasetBench) -> None:
    """No two rows have the same id."""
    source = bench.subject()
    if source.id is None:
        raise Skipped("its rows go by their number")
    ids = list(source.rows[source.id])
    claim(len(set(ids)) == len(ids), f"{len(ids) - len(set(ids))} rows share their id with another row")


@check(Dataset)
def has_something_to_predict(bench: DatasetBench) -> None:
    """Its target takes at least two values."""
    source = bench.subject()
    if source.target is None:
        raise Skipped("it has no target")
    values = {str(value) for value in source.rows[source.target]}
    claim(len(values) >= 2, f"all rows have the same target, {values}")


@check(Dataset)
def gives_samples_that_their_kinds_read(bench: DatasetBench) -> None:
    """The first rows are decoded by the kinds that the modalities name, and none of them is empty."""
    source = bench.subject()
    kinds = {field.kind: build_tiny(bench.surroundings.kind(field.kind)) for field in source.modalities.values()}
    reader = RowReader(
        source.modalities, {name: kinds[field.kind] for name, field in source.modalities.items()}, source.root
    )
    for number in range(min(len(source.rows), LOOKED_AT)):
        read = reader.read(source.rows[number])
        for problem in read.problems.values():
            raise problem
        claim(bool(read.samples), f"row {number} has none of its modalities")


@check(Dataset)
def is_the_same_each_time(bench: DatasetBench) -> None:
    """Built again from the same options, it has the same rows in the same order."""
    source, again = bench.subject(), bench.build_fresh()
    claim(len(source.rows) == len(again.rows), f"{len(source.rows)} rows became {len(again.rows)}")
    few = range(min(len(source.rows), 500))
    same = source.rows.select(few).to_list() == again.rows.select(few).to_list()
    claim(same, "built twice, its rows differ: sort them, and seed what is random")


@check(Dataset)
def parts_its_rows_cleanly(bench: DatasetBench) -> None:
    """The splits that it brings name rows that are there, each in one split."""
    source = bench.subject()
    if source.splits is None:
        raise Skipped("it brings no splits of its own")
    numbers = [int(number) for rows in source.splits.values() for number in rows]
    claim(len(set(numbers)) == len(numbers), "a row is in more than one of its splits")
    claim(all(0 <= number < len(source.rows) for number in numbers), "a split names a row that is not there")


@check(Dataset, when=lambda declaration: declaration.simulate is not None)
def simulates_the_same_each_time(bench: DatasetBench) -> None:
    """`simulate` writes the same bytes from the same seed, and others from another."""
    written = {}
    for name, seed in (("first", 1), ("second", 1), ("third", 2)):
        folder = bench.subfolder(f"simulated-{name}")
        bench.declaration.simulate(folder, 12, seed)
        written[name] = {str(path.relative_to(folder)): path.read_bytes() for path in _files(folder)}
    claim(bool(written["first"]), "`simulate` wrote nothing")
    claim(written["first"] == written["second"], "one seed gave two different data sets")
    claim(written["first"] != written["third"], "another seed gave the same data set")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
