"""A grid: one experiment, and what varies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Self

from pydantic import ConfigDict, Field, field_validator

from mmcore.errors import OptionError, UserError, did_you_mean
from mmcore.evaluation.conditions import Condition
from mmcore.experiment.document import Document, read_document
from mmcore.experiment.overrides import with_values
from mmcore.experiment.specification import Experiment
from mmcore.files import digest
from mmcore.mistakes import option_problems
from mmcore.options import Options

LABEL = "label"
"""A key of a row that names it and changes nothing."""

MODALITIES = "modalities"
"""A key whose value lists the modalities that stay; null for all of them."""


class TableSection(Options):
    """How the result is shown."""

    title: str = Field("", description="above the table")
    columns: list[str] | None = Field(None, description="the keys that are columns; those that vary, if left out")
    metrics: list[str] | None = Field(None, description="metrics of the test split; the task's main ones if left out")


class GridSections(Options):
    """The keys of a grid file."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    base: dict[str, Any] = Field(description="an experiment")
    vary: dict[str, list[Any]] = Field(default_factory=dict, description="dotted key → values; all combinations run")
    rows: list[dict[str, Any]] = Field(
        default_factory=list, description="dotted keys → values, each of them with all that varies"
    )
    exclude: list[dict[str, Any]] = Field(
        default_factory=list, description="dotted keys → values: combinations that hold all of these are left out"
    )
    test_with: dict[str, Condition] = Field(
        default_factory=dict,
        description="name → missing, noise, desynchronise: conditions that finished runs are also tested under",
    )
    table: TableSection = Field(default_factory=lambda: TableSection(), description="how the result is shown")

    @field_validator("vary")
    @classmethod
    def _not_empty(cls, value: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for key, choices in value.items():
            if not choices:
                raise ValueError(f"{key} has no values")
        return value


@dataclass(frozen=True)
class Cell:
    """One combination: what it changes, and the experiment that comes of it, or why none does.

    Args:
        changes: dotted key → value, as they stand in the grid.
        experiment: None where the combination is impossible.
        reason: why it is.
        key: equal for combinations that come to the same experiment.
        baselines: what `training.unimodal_baselines` says; a grid trains them once, as runs of their own.
    """

    changes: Mapping[str, Any]
    experiment: Experiment | None
    reason: str = ""
    key: str = ""
    baselines: bool | None = False

    @property
    def label(self) -> str:
        """A word for people, from the row's own label or what it changes."""
        named = self.changes.get(LABEL)
        parts = [str(named)] if named else []
        if not named:
            parts += [_word(key, value) for key, value in self.changes.items() if key not in (LABEL, "seed")]
        seed = [f"seed {self.changes['seed']}"] if "seed" in self.changes else []
        return ", ".join([*(part for part in parts if part), *seed]) or "base"


@dataclass(frozen=True)
class Grid:
    """What a grid file holds.

    >>> grid = Grid.from_dict({"base": {"seed": 0}, "vary": {"seed": [1, 2], "fusion.method": ["concat", "lmf"]},
    ...                        "exclude": [{"seed": 2, "fusion.method": "lmf"}]})
    >>> [tuple(change.values()) for change in grid.changes()]
    [(1, 'concat'), (1, 'lmf'), (2, 'concat')]
    """

    sections: GridSections
    document: Document = field(compare=False)

    @classmethod
    def load(cls, path: str | Path, overrides: Sequence[str] = ()) -> Self:
        """Read a grid file; `overrides` change its base, as `--set` does.

        Raises:
            UserError: the file can't be read, or is no grid; with file and line.
        """
        from mmcore.experiment.overrides import with_overrides

        document = read_document(path)
        grid = cls._of(document)
        if not overrides:
            return grid
        base = with_overrides(Document(grid.sections.base, str(path), {}), overrides).data
        return cls(grid.sections.model_copy(update={"base": base}), document)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From plain data."""
        return cls._of(Document(dict(data), "grid", {}))

    @classmethod
    def _of(cls, document: Document) -> Self:
        if not isinstance(document.data, Mapping):
            raise UserError("holds no grid", where=document.source, hint="Write base, and vary or rows.")
        problems = option_problems(GridSections, document.data)
        if problems:
            first = problems[0]
            raise OptionError(first.what, path=first.path, where=document.where(first.path), hint=first.hint)
        return cls(GridSections.model_validate(document.data), document)

    def changes(self) -> Iterator[dict[str, Any]]:
        """What each combination changes, in order: each row with all combinations of what varies."""
        vary, excluded = self.sections.vary, self.sections.exclude
        for row in self.sections.rows or [{}]:
            for values in product(*vary.values()):
                changed = {**dict(zip(vary, values, strict=True)), **row}
                if not any(all(changed.get(key) == value for key, value in out.items()) for out in excluded):
                    yield changed

    def cells(self) -> list[Cell]:
        """Each combination as an experiment, or the reason why it is none. Nothing is loaded."""
        return [self._cell(changed) for changed in self.changes()]

    def _cell(self, changed: dict[str, Any]) -> Cell:
        try:
            applied = {key: value for key, value in changed.items() if key not in (LABEL, MODALITIES)}
            data = with_values(Document(self.sections.base, self.document.source, {}), applied).data
            data = _keeping(data, changed.get(MODALITIES))
            if data.get("fusion") and len(data.get("encoders") or {}) == 1 and not _strategy_reads(data):
                data = {**data, "fusion": None}  # one modality is left, and there is nothing to fuse
            experiment = Experiment.from_dict(data)
            problems = experiment.problems()
        except UserError as error:
            return Cell(changed, None, _one_line(error))
        if problems:
            return Cell(changed, None, _one_line(problems[0]))
        asked = experiment.training.unimodal_baselines
        plain = experiment.resolved().to_dict()
        plain["training"] = {**plain["training"], "unimodal_baselines": False}
        resolved = Experiment.from_dict(plain)
        return Cell(changed, resolved, key=digest(resolved.to_dict()), baselines=asked)


def _keeping(data: dict[str, Any], modalities: Any) -> dict[str, Any]:
    """An experiment with these modalities alone, in its own order."""
    if modalities is None:
        return data
    wanted = modalities if isinstance(modalities, list) else [modalities]
    encoders = data.get("encoders") or {}
    for name in wanted:
        if name not in encoders:
            raise OptionError(
                f"modalities has {name!r}, which no encoder of the base reads",
                path=(MODALITIES,),
                hint=did_you_mean(str(name), tuple(encoders)) or f"Allowed: {', '.join(encoders)}.",
            )
    return {**data, "encoders": {name: slot for name, slot in encoders.items() if name in wanted}}


def _word(key: str, value: Any) -> str:
    """A change as a word: an encoder that is left out by its modality."""
    if value is None:
        return f"no {key.removeprefix('encoders.')}" if key.startswith("encoders.") else ""
    return shown(value)


def shown(value: Any) -> str:
    """A value as a table shows it: a component by its name.

    >>> shown({"name": "multconcat", "dim": 500}), shown(None), shown(["a", "b"])
    ('multconcat', '–', 'a, b')
    """
    if isinstance(value, Mapping):
        return str(value.get("name") or ", ".join(f"{key} {shown(item)}" for key, item in value.items()))
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value)
    return "–" if value is None else str(value)


def _strategy_reads(data: Mapping[str, Any]) -> bool:
    strategy = (data.get("fusion") or {}).get("strategy") if isinstance(data.get("fusion"), Mapping) else None
    return isinstance(strategy, Mapping) and any(key in strategy for key in ("stack", "modalities", "runs"))


def _one_line(error: Exception) -> str:
    return str(error).splitlines()[0]
