"""Customs declarations: a picture and three texts, and the code of the Harmonized System that they come under."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import model_validator

import mmcore
from mmcore_hscode.codes import clean_text, code_at_level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["HSCodeOptions", "clean_text", "code_at_level"]

KINDS = {"image": "image", "description": "text", "title": "text", "category": "text"}
"""The modalities, in the order of the paper (I, D, T, C), and their kinds."""


class HSCodeOptions(mmcore.Options):
    """Where the declarations are, what their columns are called, and which rows count."""

    path: str = mmcore.Field(
        min_length=1, description="CSV, TSV, JSON lines or Parquet file, or a folder that holds one beside its pictures"
    )
    level: Literal[2, 4, 6] = mmcore.Field(
        6, description="digits of the code to predict: chapter, heading or subheading"
    )
    image: str | None = mmcore.Field(
        "image", min_length=1, description="column of picture paths; null if there is none"
    )
    description: str | None = mmcore.Field(
        "invoice_description", min_length=1, description="column of invoice descriptions (D); null if there is none"
    )
    title: str | None = mmcore.Field("title", min_length=1, description="column of product titles (T); null if none")
    category: str | None = mmcore.Field(
        "category", min_length=1, description="column of product categories (C); null if there is none"
    )
    target: str = mmcore.Field("hs_code", min_length=1, description="column of HS codes of six digits or more")
    id: str | None = mmcore.Field("id", description="column that names a declaration; null: its number does")
    pictures: str | None = mmcore.Field(
        None, description="the folder that picture paths start from; the table's own folder if left out"
    )
    min_rows: int = mmcore.Field(50, ge=1, description="codes with fewer declarations are left out")
    clean: tuple[Literal["punctuation", "digits", "case"], ...] = mmcore.Field(
        (), description="what is taken out of the texts: punctuation, digits, capitals"
    )
    deduplicate: bool = mmcore.Field(
        True, description="of declarations with one invoice description keep the first, before the split"
    )
    own_split: bool = mmcore.Field(
        True, description="one test set for every choice of modalities; false: the experiment's `split` decides"
    )
    test: float = mmcore.Field(0.1, gt=0.0, lt=1.0, description="share of the complete declarations that test")
    validation: float = mmcore.Field(0.11, ge=0.0, lt=1.0, description="share of the others that validate")
    split_seed: int = mmcore.Field(70, ge=0, description="draws the split")
    broken_limit: float = mmcore.Field(
        0.25,
        ge=0.0,
        le=1.0,
        description="share of rows that may be unusable (a lost picture, no code) before the run is refused",
    )

    @model_validator(mode="after")
    def _columns_differ(self) -> Self:
        named = self.columns()
        if not any(name in KINDS for name in named):
            raise ValueError("no modality is left: name at least one of image, description, title, category")
        by_column: dict[str, str] = {}
        for option, column in named.items():
            if column in by_column:
                raise ValueError(f"{by_column[column]} and {option} name the same column {column!r}")
            by_column[column] = option
        return self

    def columns(self) -> dict[str, str]:
        """Option → column, of those that are there: the modalities in order, the target, the id."""
        named = {name: getattr(self, name) for name in (*KINDS, "target", "id")}
        return {name: column for name, column in named.items() if column is not None}


def modalities(options: HSCodeOptions) -> Mapping[str, str]:
    """Picture, invoice description, title and category, as far as there is a column for them."""
    return {name: KINDS[name] for name in options.columns() if name in KINDS}


def check(options: HSCodeOptions) -> None:
    """Look at the table's header and at the picture folder.

    Raises:
        OptionError: the table, a column or the folder is not there; its path leads to the option.
    """
    from mmcore_hscode.reading import table_path

    try:
        path = table_path(options.path)
        found = mmcore.table_columns(path, set(options.columns().values()))
    except mmcore.DataError as error:
        where = f"{error.where}: " if error.where else ""
        raise mmcore.OptionError(f"{where}{error.what}", path=("path",), hint=error.hint) from error
    defaults = {name: field.default for name, field in HSCodeOptions.model_fields.items()}
    for option, column in options.columns().items():
        if column in found or (option == "id" and column == defaults["id"]):
            continue  # a table that has no column called `id` goes by its row numbers
        hint = mmcore.did_you_mean(column, found)
        if option in KINDS:
            hint += f" If the declarations have none: {option}: null."
        raise mmcore.OptionError(f"no column {column!r} in {path}", path=(option,), hint=hint)
    if options.pictures is not None and not Path(options.pictures).is_dir():
        raise mmcore.OptionError(f"no such folder: {options.pictures}", path=("pictures",))


def build(options: HSCodeOptions) -> mmcore.DataSource:
    """The declarations as a data source, with the split that is the same for every choice of modalities."""
    from mmcore_hscode.reading import read_declarations

    check(options)
    return read_declarations(options)


def simulate(
    folder: Path, rows: int = 7593, seed: int = 0, *, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """Write simulated declarations in the real layout: `declarations.csv`, `images/`, `about.json`."""
    from mmcore_hscode.simulation import write_declarations

    write_declarations(folder, rows, seed, progress=progress)


def example(folder: Path) -> dict[str, object]:
    """Write 24 declarations of two codes with pictures; returns the options that read them."""
    from mmcore_hscode.reading import write_example

    return write_example(folder)


@mmcore.hookimpl
def mmcore_datasets() -> Iterator[mmcore.Dataset]:
    """The data set `hscode`."""
    yield mmcore.Dataset(
        name="hscode",
        summary="Customs declarations (picture, invoice description, title, category) to HS codes; has a simulator",
        options=HSCodeOptions,
        build=build,
        modalities=modalities,
        check=check,
        simulate=simulate,
        example=example,
        reference="arXiv:2406.04349",
        licence="simulated: texts Apache-2.0, pictures from OpenMoji drawings CC BY-SA 4.0; real: their owner's",
    )
