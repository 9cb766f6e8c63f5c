"""What a table's columns seem to hold, and components that suit them: a starting point, told to the user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmcore.catalog import is_installed
from mmcore.data.source import ModalityField
from mmcore.errors import DataError, UserError, did_you_mean
from mmcore.options import ComponentConfig

if TYPE_CHECKING:
    from mmcore.catalog import Catalog
    from mmcore.declarations import Dataset, Encoder, FusionMethod, FusionStrategy, ModalityKind

LOOKED_AT = 500
"""Rows that a guess is made from."""

TARGET_NAMES = ("target", "label", "labels", "class", "category", "y", "outcome")
ID_NAMES = ("id", "uid", "uuid", "key", "index")
_CODE = re.compile(r"(?=.*\d)[\w:-]{1,40}")
_NUMBER = re.compile(r"[-+\d_.,eE]+")

LEAST = 0.5
"""A column that looks less like a kind than this is left out."""


@dataclass(frozen=True)
class TableGuess:
    """What a table seems to hold.

    Args:
        modalities: name → field.
        target: the column to predict.
        id: the column that names rows, if there is one.
        left_out: columns that look like nothing that can be read → why.
    """

    modalities: Mapping[str, ModalityField]
    target: str
    id: str | None
    left_out: Mapping[str, str]

    def describe(self) -> list[str]:
        """What was guessed, a line each."""
        lines = [f"target: {self.target}"] + ([f"id: {self.id}"] if self.id else [])
        lines += [f"{name}: {field.kind} from {', '.join(field.columns)}" for name, field in self.modalities.items()]
        return lines + [f"left out: {column} ({reason})" for column, reason in self.left_out.items()]


def guess_table(
    columns: Mapping[str, Sequence[Any]], catalog: Catalog, *, target: str | None = None, row_id: str | None = None
) -> TableGuess:
    """Guess from a table's first rows which columns are which modality.

    Args:
        columns: column → its first values.
        catalog: whose kinds are asked.
        target: the column to predict; guessed from the names when None.
        row_id: the column that names rows; guessed when None.

    Raises:
        UserError: there is no such column, no target can be told, or no column looks like any kind.
    """
    target = _target(columns, target)
    row_id = _row_id(columns, target, row_id)
    kinds: list[ModalityKind] = [entry.declaration for entry in catalog.entries("modality-kind")]  # type: ignore[misc]
    joined: dict[str, list[str]] = {}
    modalities: dict[str, ModalityField] = {}
    left_out: dict[str, str] = {}
    for column, values in columns.items():
        if column in (target, row_id):
            continue
        there = [value for value in values if value is not None and value == value and value != ""]
        kind = _kind(column, there, kinds)
        if not there or kind is None:
            left_out[column] = "empty" if not there else "looks like no kind that is installed"
        elif kind.joins_columns:
            joined.setdefault(kind.name, []).append(column)
        else:
            modalities[_modality_name(column, modalities)] = ModalityField(kind.name, (column,))
    for kind_name, names in joined.items():
        modalities[_modality_name(kind_name, modalities)] = ModalityField(kind_name, tuple(names), single=False)
    if not modalities:
        raise UserError(
            f"no column looks like a modality that can be read ({', '.join(map(str, columns))})",
            hint="Write the experiment's `dataset: {modalities: …}` yourself.",
        )
    return TableGuess(modalities, target, row_id, left_out)


def table_dataset(catalog: Catalog) -> Dataset:
    """The data set that reads a user's own table."""
    for entry in catalog.entries("dataset"):
        declaration: Dataset = entry.declaration  # type: ignore[assignment]
        if declaration.for_table is not None:
            return declaration
    raise UserError("no data set that reads tables is installed", hint="`mmcore plugins` says whether one is broken.")


def suitable_encoders(kind: str, catalog: Catalog) -> list[Encoder]:
    """The encoders of a kind, the one to begin with first.

    First come those whose parts are installed; of these, pretrained ones that need no network, then those that need no
    pretrained weights, then those whose weights must be fetched.

    Raises:
        UserError: there is none.
    """
    found: list[Encoder] = [entry.declaration for entry in catalog.entries("encoder", kind=kind)]  # type: ignore[misc]
    if not found:
        raise UserError(f"no encoder for {kind} is installed", hint="`mmcore components encoder` lists what is.")
    return sorted(found, key=_encoder_rank)


def suitable_fusion(catalog: Catalog) -> dict[str, Any] | None:
    """A strategy that fuses representations, with its method, as it stands in an experiment."""
    strategies: list[FusionStrategy] = [entry.declaration for entry in catalog.entries("fusion-strategy")]  # type: ignore[misc]
    strategies = [each for each in strategies if each.modalities is None]  # others are chosen by somebody who knows
    if not strategies:
        return None
    strategy = min(strategies, key=_strategy_rank)
    methods = methods_of(strategy, catalog)
    method = strategy.method_for(strategy.options.model_construct()) or (methods[0].name if methods else None)
    return {"strategy": strategy.name} | ({"method": method} if method else {})


def methods_of(strategy: FusionStrategy, catalog: Catalog) -> list[FusionMethod]:
    """The methods that fit a strategy, by name."""
    found: list[FusionMethod] = [entry.declaration for entry in catalog.entries("fusion-method")]  # type: ignore[misc]
    return sorted((method for method in found if method.level in strategy.levels), key=lambda method: method.name)


def suitable_explainer(catalog: Catalog) -> ComponentConfig | None:
    """An explainer that plays games over single rows; None where none is installed."""
    found = [entry.declaration for entry in catalog.entries("explainer")]
    games = [one for one in found if getattr(one, "needs", "") == "game" and _is_installed(one)]
    if not games:
        return None
    return ComponentConfig(name=min(games, key=lambda one: (not getattr(one, "additive", False), one.name)).name)


def _kind(column: str, values: list[Any], kinds: Iterable[ModalityKind]) -> ModalityKind | None:
    scored = [(kind.guess(column, values), kind) for kind in kinds if kind.guess is not None and values]
    likely = [(score, kind) for score, kind in scored if score >= LEAST]
    return max(likely, key=lambda one: one[0])[1] if likely else None


def _target(columns: Mapping[str, Sequence[Any]], target: str | None) -> str:
    if target is not None:
        if target not in columns:
            raise DataError(f"there is no column {target!r}", hint=did_you_mean(target, map(str, columns)))
        return target
    for name in TARGET_NAMES:
        for column in columns:
            if str(column).lower() == name:
                return column
    raise UserError(
        "which column is to be predicted?", hint=f"Name it as the target; there are {', '.join(map(str, columns))}."
    )


def _row_id(columns: Mapping[str, Sequence[Any]], target: str, row_id: str | None) -> str | None:
    if row_id is not None:
        if row_id not in columns:
            raise DataError(f"there is no column {row_id!r}", hint=did_you_mean(row_id, map(str, columns)))
        return row_id
    unique = [column for column, values in columns.items() if column != target and _tells_rows_apart(values)]
    named = [column for column in unique if str(column).lower() in ID_NAMES]
    codes = [column for column in unique if all(_is_code(value) for value in columns[column])]
    return next(iter([*named, *codes]), None)


def _tells_rows_apart(values: Sequence[Any]) -> bool:
    return len(values) > 1 and len({str(value) for value in values}) == len(values)


def _is_code(value: Any) -> bool:
    """Whether a value looks like a code that somebody gave: `A-0017`, no path and no number.

    >>> [_is_code(value) for value in ("A-0017", "shoe.png", "trail shoe", "17.5", "shoe")]
    [True, False, False, False, False]
    """
    return isinstance(value, str) and _CODE.fullmatch(value) is not None and not _NUMBER.fullmatch(value)


def _modality_name(column: str, taken: Mapping[str, Any]) -> str:
    """A column's name as a modality's: without dots, which would part it on the command line."""
    from mmcore.model.compatibility import usable_as_name

    name = re.sub(r"[^\w-]+", "_", str(column)).strip("_") or "input"
    name = name if usable_as_name(name) else f"{name}_"
    number = 2
    while name in taken:
        name, number = f"{name}_{number}", number + 1
    return name


def _encoder_rank(encoder: Encoder) -> tuple[bool, int, str]:
    fetched = 0 if encoder.weights is not None and encoder.weights.offline else 1 if encoder.weights is None else 2
    return not _is_installed(encoder), fetched, encoder.name


def _strategy_rank(strategy: FusionStrategy) -> tuple[bool, bool, bool, str]:
    fuses = "representation" in strategy.levels
    return not fuses, strategy.default_method is None, not _is_installed(strategy), strategy.name


def _is_installed(declaration: Any) -> bool:
    return all(is_installed(name) for name in declaration.requires)
