"""Splits: which rows train, validate and test. Stratified, grouped, from a column, or folds; the seed decides.

Rows of one group never part. Stratified splits hold each class in proportion, to within a row or two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from mmcore.data.partition import partition_groups, partition_rows
from mmcore.errors import DataError, OptionError, did_you_mean
from mmcore.options import Options

if TYPE_CHECKING:
    from mmcore.data.source import DataSource
    from mmcore.data.survey import Survey


class Selected(Sequence[Any]):
    """Some entries of a long sequence, looked up as they are asked for: a copy would take as much as the original.

    >>> list(Selected("abcd", np.array([3, 0])))
    ['d', 'a']
    """

    def __init__(self, values: Sequence[Any], positions: np.ndarray):
        self._values, self._positions = values, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, number: Any) -> Any:
        return self._values[int(self._positions[number])]

    def __iter__(self) -> Iterator[Any]:
        for start in range(0, len(self), 65_536):
            for position in self._positions[start : start + 65_536].tolist():
                yield self._values[position]


Split = dict[str, np.ndarray]
"""{"train": row numbers, "validation": …, "test": …}, each sorted; a part that is not asked for is empty."""

PARTS = ("train", "validation", "test")

_WORDS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


class SplitOptions(Options):
    """How rows are split, under `split:` of an experiment.

    >>> SplitOptions().test
    0.2
    """

    test: float = Field(default=0.2, ge=0.0, lt=1.0, description="share of the rows that test")
    validation: float = Field(default=0.1, ge=0.0, lt=1.0, description="share of the rows that validate")
    stratify: bool = Field(default=True, description="hold the classes in proportion in every part")
    group: str | None = Field(default=None, description="column whose equal values stay together: a patient, a seller")
    column: str | None = Field(default=None, description="column that says train, validation or test for each row")
    folds: int | None = Field(default=None, ge=2, le=100, description="cross-validation in so many runs")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.column is not None and self.folds is not None:
            raise ValueError("column and folds exclude each other: both say which rows test")
        for chosen in ("column", "folds"):
            if getattr(self, chosen) is not None and "test" in self.model_fields_set:
                raise ValueError(f"test and {chosen} exclude each other: {chosen} says which rows test")
        if self.column is None and self.folds is None and self.test + self.validation >= 1:
            raise ValueError(f"test + validation is {self.test + self.validation:g}; leave something to train on")
        if self.folds is not None and self.validation + 1 / self.folds >= 1:
            raise ValueError(f"with {self.folds} folds and validation {self.validation:g} nothing is left to train on")
        return self

    @model_serializer(mode="wrap")
    def _without_what_does_not_count(self, as_dict: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # a `test` share beside `column` or `folds` is refused, so what is written must not hold one
        dumped: dict[str, Any] = as_dict(self)
        if self.column is not None or self.folds is not None:
            dumped.pop("test", None)
        return dumped


def make_splits(
    options: SplitOptions,
    rows: np.ndarray,
    *,
    labels: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    column: Sequence[Any] | None = None,
    seed: int = 0,
) -> Split:
    """Split `rows` (row numbers) in train, validation and test.

    Args:
        options: the shares, and whether to stratify.
        rows: the row numbers to split, `(n,)`.
        labels: each row's class, or list of classes, aligned with `rows`; None where there is nothing to stratify by.
        groups: each row's group, aligned with `rows`.
        column: each row's part by name, aligned with `rows`; only validation rows are drawn then, if it names none.
        seed: equal seeds give equal splits.

    Raises:
        DataError: a part would be empty, a row has no group or no known part, or a group lies in two parts.

    >>> {part: len(rows) for part, rows in make_splits(SplitOptions(), np.arange(100)).items()}
    {'train': 70, 'validation': 10, 'test': 20}
    """
    rows = np.asarray(rows)
    strata = _strata(labels) if options.stratify and labels is not None else None
    group_numbers = _group_numbers(groups, options.group) if groups is not None else None
    if column is not None:
        part_of = _from_column(column, options.column)
        if group_numbers is not None:
            _refuse_shared_groups(part_of, groups or (), options.group)
        if not (part_of == 1).any() and options.validation:
            inside = np.flatnonzero(part_of == 0)
            drawn = _partition(_at(strata, inside), _at(group_numbers, inside), len(inside), [options.validation], seed)
            part_of[inside[drawn == 1]] = 1
    else:
        part_of = _partition(strata, group_numbers, len(rows), [options.validation, options.test], seed)
    asked = {"train": 1.0, "validation": options.validation, "test": options.test}
    if column is not None:
        asked |= {"validation": 0.0, "test": 0.0}  # the column decides; what it leaves out is left out
    return _split(rows, part_of, asked)


def make_folds(
    options: SplitOptions,
    rows: np.ndarray,
    *,
    labels: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    seed: int = 0,
) -> list[Split]:
    """Cross-validation: `options.folds` splits whose test parts cover every row once.

    Arguments and errors as in `make_splits`. `validation` is a share of all rows, drawn from those that do not test.
    """
    rows, folds = np.asarray(rows), options.folds or 5
    strata = _strata(labels) if options.stratify and labels is not None else None
    group_numbers = _group_numbers(groups, options.group) if groups is not None else None
    units = len(rows) if group_numbers is None else len(np.unique(group_numbers))
    if units < folds:
        raise DataError(
            f"{units} {'rows' if group_numbers is None else 'groups'} can't make {folds} folds",
            hint="Ask for fewer folds.",
        )
    fold_of = _partition(strata, group_numbers, len(rows), [1 / folds] * (folds - 1), seed, keep_classes=False)
    splits = []
    for fold in range(folds):
        part_of = np.where(fold_of == fold, 2, 0)
        inside = np.flatnonzero(part_of == 0)
        if options.validation:
            share = options.validation * folds / (folds - 1)
            drawn = _partition(_at(strata, inside), _at(group_numbers, inside), len(inside), [share], seed + 1 + fold)
            part_of[inside[drawn == 1]] = 1
        splits.append(_split(rows, part_of, {"train": 1.0, "validation": options.validation, "test": 1.0}))
    return splits


def split_source(
    source: DataSource, survey: Survey, options: SplitOptions, *, labels: Sequence[Any] | None = None, seed: int = 0
) -> Split:
    """Split a data set's usable rows: by its own splits if it brings them, else as `options` say.

    `labels` are those of all rows (classes or lists of them); None, as in regression, stratifies by nothing. Rows of
    one of the data set's own groups (a subject's sessions) never part, whatever `options` say.

    Raises:
        OptionError: a column that `options` name is not there, the data set brings its own splits, or `options` ask
            for groups that would part its own.
        DataError: as `make_splits` does.
    """
    if source.splits is not None:
        return _own_splits(source, survey, options)
    rows = np.flatnonzero(survey.usable)
    options = _with_own_group(source, rows, options)
    return make_splits(
        options,
        rows,
        labels=None if labels is None else Selected(labels, rows),
        groups=_column_values(source, rows, options.group, "group"),
        column=_column_values(source, rows, options.column, "column"),
        seed=seed,
    )


def fold_source(
    source: DataSource, survey: Survey, options: SplitOptions, *, labels: Sequence[Any] | None = None, seed: int = 0
) -> list[Split]:
    """As `split_source`, for `options.folds`."""
    if source.splits is not None:
        raise OptionError("this data set brings its own split, so it can't be folded", path=("split", "folds"))
    rows = np.flatnonzero(survey.usable)
    options = _with_own_group(source, rows, options)
    return make_folds(
        options,
        rows,
        labels=None if labels is None else Selected(labels, rows),
        groups=_column_values(source, rows, options.group, "group"),
        seed=seed,
    )


def _own_splits(source: DataSource, survey: Survey, options: SplitOptions) -> Split:
    if options != SplitOptions():
        raise OptionError("this data set brings its own split", path=("split",), hint="Leave `split` out.")
    given: Mapping[str, Sequence[int]] = source.splits or {}
    found = {}
    for part in PARTS:
        rows = np.unique(np.asarray(given.get(part, ()), dtype=np.int64))
        found[part] = rows[survey.usable[rows]]
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = np.intersect1d(found[first], found[second])
        if len(shared):
            raise DataError(f"row {shared[0]} is both in {first} and in {second} of the data set's own split")
    if not len(found["train"]):
        raise DataError("the data set's own split leaves no usable row to train on")
    if source.group is not None:
        rows, parts = (
            np.concatenate(list(found.values())),
            np.repeat(np.arange(3), [len(each) for each in found.values()]),
        )
        _refuse_shared_groups(parts, _column_values(source, rows, source.group, "group") or (), source.group)
    return found


def _with_own_group(source: DataSource, rows: np.ndarray, options: SplitOptions) -> SplitOptions:
    """The options with a data set's own group; coarser groups (a hospital's patients) are kept, others refused."""
    if source.group is None or options.group == source.group:
        return options
    if options.group is None:
        return options.model_copy(update={"group": source.group})
    asked = _column_values(source, rows, options.group, "group") or ()
    whole: dict[Any, Any] = {}
    for own, wanted in zip(_column_values(source, rows, source.group, "group") or (), asked, strict=True):
        if whole.setdefault(own, wanted) != wanted:
            raise OptionError(
                f"groups by {options.group!r} would part the rows of {source.group} {own!r}",
                path=("split", "group"),
                hint=f"Leave it out: this data set is split by {source.group}.",
            )
    return options


def _column_values(source: DataSource, rows: np.ndarray, column: str | None, option: str) -> list[Any] | None:
    if column is None:
        return None
    names = list(source.rows.column_names)
    if column not in names:
        raise OptionError(f"no column {column!r}", path=("split", option), hint=did_you_mean(column, names))
    values = source.rows[column][:]
    return [values[row] for row in rows]


def _partition(
    strata: np.ndarray | None,
    groups: np.ndarray | None,
    n: int,
    shares: list[float],
    seed: int,
    *,
    keep_classes: bool = True,
) -> np.ndarray:
    """Part number per row; part 0 gets what `shares` leave."""
    fractions = np.array([1 - sum(shares), *shares])
    generator = np.random.default_rng(seed)
    strata = np.zeros(n, dtype=np.int64) if strata is None else strata
    if groups is not None:
        return partition_groups(strata, groups, fractions, generator)
    return partition_rows(strata, fractions, generator, keep_in_first=keep_classes)


def _split(rows: np.ndarray, part_of: np.ndarray, asked: Mapping[str, float]) -> Split:
    found = {part: np.sort(rows[part_of == number]) for number, part in enumerate(PARTS)}
    for part, share in asked.items():
        if share and not len(found[part]):
            raise DataError(
                f"{len(rows)} usable rows are too few: nothing is left for {part}",
                hint="Change the shares under `split`, or bring more rows or groups.",
            )
    return found


def _strata(labels: Sequence[Any]) -> np.ndarray:
    """Class numbers by first appearance; of several labels the one that is rarest over all rows."""
    counts = Counter(label for row in labels for label in _each(row))
    numbers: dict[str, int] = {}
    found = np.empty(len(labels), dtype=np.int32)  # filled row by row: a list of lists would take more than the data
    for i, row in enumerate(labels):
        rarest = min(_each(row), key=lambda label: (counts[label], label), default="")
        found[i] = numbers.setdefault(rarest, len(numbers))
    return found


def _each(row: Any) -> Iterator[str]:
    """The labels of a row, as text."""
    return map(str, row if isinstance(row, list | tuple | set) else (row,))


def _group_numbers(groups: Sequence[Any], column: str | None) -> np.ndarray:
    lacking = sum(1 for group in groups if group is None or group != group or group == "")
    if lacking:
        raise DataError(
            f"{lacking} usable rows have no value in the group column {column!r}",
            hint="Fill it, or remove those rows: a row without a group could leak between the parts.",
        )
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)


def _from_column(values: Sequence[Any], column: str | None) -> np.ndarray:
    parts = np.empty(len(values), dtype=np.int64)
    for i, value in enumerate(values):
        part = _WORDS.get(str(value).strip().lower())
        if part is None:
            raise DataError(f"the split column {column!r} holds {value!r}", hint="Allowed: train, validation, test.")
        parts[i] = PARTS.index(part)
    if not (parts == 0).any():
        raise DataError(f"the split column {column!r} has no row for train")
    return parts


def _refuse_shared_groups(part_of: np.ndarray, groups: Sequence[Any], column: str | None) -> None:
    first: dict[Any, int] = {}
    for group, part in zip(groups, part_of, strict=True):
        if first.setdefault(group, int(part)) != part:
            raise DataError(
                f"{column} {group!r} is both in {PARTS[first[group]]} and in {PARTS[part]}",
                hint="Mend the split column, or leave the group out.",
            )


def _at(values: np.ndarray | None, positions: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[positions]
