"""The user's own data: a table whose columns are modalities."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

import mmcore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class TableOptions(mmcore.Options):
    """Where the table is and what its columns mean."""

    path: str = mmcore.Field(
        min_length=1, description="CSV, TSV, JSON lines or Parquet file, or a Hugging Face dataset folder"
    )
    modalities: dict[str, mmcore.TableModality] = mmcore.Field(
        min_length=1, description="name → {kind, column} or {kind, columns}"
    )
    target: str = mmcore.Field(min_length=1, description="the column to predict")
    id: str | None = mmcore.Field(None, description="the column that names a row; else its number does")
    separator: str | None = mmcore.Field(
        None, min_length=1, description="in CSV and TSV, what parts the labels of a target with several: ';'"
    )
    root: str | None = mmcore.Field(
        None, description="the folder that paths in cells start from; the table's own folder if left out"
    )
    broken_limit: float = mmcore.Field(
        0.05, ge=0.0, le=1.0, description="share of rows that may be unusable before the run is refused"
    )

    @model_validator(mode="after")
    def _target_is_no_input(self) -> Self:
        for name, modality in self.modalities.items():
            if self.target in modality.all_columns:
                raise ValueError(f"the target column {self.target!r} is also an input, in modality {name!r}")
        return self


def modalities(options: TableOptions) -> Mapping[str, str]:
    """Name → kind, as the user wrote them."""
    return {name: modality.kind for name, modality in options.modalities.items()}


def check(options: TableOptions) -> None:
    """Look at the table's header: every column that is named must be there.

    Raises:
        OptionError: the file or a column is not there; its path leads to the option.
    """
    wanted: dict[tuple[str | int, ...], str] = {("target",): options.target}
    if options.id is not None:
        wanted[("id",)] = options.id
    for name, modality in options.modalities.items():
        if modality.column is not None:
            wanted[("modalities", name, "column")] = modality.column
        for position, column in enumerate(modality.columns or ()):
            wanted[("modalities", name, "columns", position)] = column
    try:
        columns = mmcore.table_columns(options.path, set(wanted.values()))
    except mmcore.DataError as error:
        where = f"{error.where}: " if error.where else ""
        raise mmcore.OptionError(f"{where}{error.what}", path=("path",), hint=error.hint) from error
    for path, column in wanted.items():
        if column not in columns:
            raise mmcore.OptionError(
                f"no column {column!r} in {options.path}", path=path, hint=mmcore.did_you_mean(column, columns)
            )
    if options.root is not None and not Path(options.root).is_dir():
        raise mmcore.OptionError(f"no such folder: {options.root}", path=("root",))


def build(options: TableOptions) -> mmcore.DataSource:
    """The table as a data source; its rows are memory-mapped."""
    check(options)
    single = [modality.column for modality in options.modalities.values() if modality.column is not None]
    rows = mmcore.read_table(
        options.path,
        text=[*single, *([options.id] if options.id else [])],
        separators={options.target: options.separator} if options.separator else None,
    )
    return mmcore.DataSource(
        rows=rows,
        modalities={name: modality.field for name, modality in options.modalities.items()},
        target=options.target,
        root=Path(options.root) if options.root else mmcore.table_root(options.path),
        id=options.id,
        broken_limit=options.broken_limit,
    )


def for_table(
    path: str,
    modalities: Mapping[str, mmcore.ModalityField],
    target: str,
    *,
    row_id: str | None = None,
    root: str | None = None,
) -> dict[str, object]:
    """The options that read a table.

    >>> for_table("items.csv", {"title": mmcore.ModalityField("text", ("title",))}, "hs6")["modalities"]
    {'title': {'kind': 'text', 'column': 'title'}}
    """
    written = {
        name: {"kind": field.kind, "column": field.columns[0]}
        if field.single
        else {"kind": field.kind, "columns": list(field.columns)}
        for name, field in modalities.items()
    }
    optional = {"id": row_id, "root": root}
    return {
        "path": path,
        "modalities": written,
        "target": target,
        **{key: value for key, value in optional.items() if value is not None},
    }


def example(folder: Path) -> dict[str, object]:
    """Write a small table of a text and two numbers, for the conformance checks; returns the options that read it."""
    rows = [f"r{n},{'red' if n % 2 else 'blue'} thing {n},{n}.5,{n % 3},{'ab'[n % 2]}" for n in range(16)]
    path = folder / "items.csv"
    path.write_text("\n".join(["id,title,weight,price,label", *rows]) + "\n", encoding="utf-8")
    columns = {
        "title": {"kind": "text", "column": "title"},
        "facts": {"kind": "tabular", "columns": ["weight", "price"]},
    }
    return {"path": str(path), "modalities": columns, "target": "label", "id": "id"}


@mmcore.hookimpl
def mmcore_datasets() -> Iterator[mmcore.Dataset]:
    """The data set `table`."""
    yield mmcore.Dataset(
        name="table",
        summary="Your own CSV, TSV, JSON lines or Parquet table, or a Hugging Face dataset folder",
        options=TableOptions,
        build=build,
        modalities=modalities,
        check=check,
        example=example,
        for_table=for_table,
    )
