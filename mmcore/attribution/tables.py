"""Shares over many rows: the tables of the papers, per pair of modalities, class and correctness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from mmcore.attribution.explanation import Explanation

EVERY_CLASS = "all classes"
"""The group of rows of any class."""

GROUPS = ("all", "correct", "incorrect")


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of n numbers; the deviation (over n - 1) needs two, the mean one.

    >>> str(Spread.of([0.25, 0.75])), str(Spread.of([0.25])), str(Spread.of([]))
    ('50.0 ± 35.4 %, n = 2', '25.0 %, n = 1', '–, n = 0')
    """

    mean: float | None
    sd: float | None
    n: int

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """The spread of these numbers."""
        n = len(numbers)
        return cls(fmean(numbers) if n else None, stdev(numbers) if n > 1 else None, n)

    def __str__(self) -> str:
        if self.mean is None:
            return "–, n = 0"
        spread = "" if self.sd is None else f" ± {100 * self.sd:.1f}"
        return f"{100 * self.mean:.1f}{spread} %, n = {self.n}"


@dataclass(frozen=True)
class ShareRow:
    """The shares of one group of rows: a class (or all classes), and all, correct or incorrect predictions."""

    of_class: str
    group: str
    n: int
    shares: Mapping[str, Spread]
    chance: Mapping[str, float | None]


@dataclass(frozen=True)
class ShareTable:
    """Shares of the modalities that played together.

    Args:
        explainer: its name.
        modalities: those that played: for a pair, the two.
        rows: groups, all classes first.
        left_out: rows in which fewer than these modalities had players, or nothing changed the output: a share of 1
            that follows from a missing modality says nothing about the model.
    """

    explainer: str
    modalities: tuple[str, ...]
    rows: tuple[ShareRow, ...]
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "explainer": self.explainer,
            "modalities": list(self.modalities),
            "left_out": self.left_out,
            "rows": [
                {
                    "class": row.of_class,
                    "group": row.group,
                    "n": row.n,
                    "shares": {name: {"mean": of.mean, "sd": of.sd, "n": of.n} for name, of in row.shares.items()},
                    "chance": dict(row.chance),
                }
                for row in self.rows
            ],
        }

    def to_frame(self) -> pd.DataFrame:
        """One line per group: class, group, n, and per modality its share as text, mean, sd and chance level."""
        import pandas as pd

        lines = []
        for row in self.rows:
            line: dict[str, Any] = {"class": row.of_class, "rows": row.group, "n": row.n}
            for name in self.modalities:
                of = row.shares[name]
                line |= {
                    name: str(of),
                    f"{name} mean": of.mean,
                    f"{name} sd": of.sd,
                    f"{name} chance": row.chance[name],
                }
            lines.append(line)
        return pd.DataFrame(lines)

    def __str__(self) -> str:
        shown = self.to_frame()[["class", "rows", *self.modalities]]
        return str(shown.to_string(index=False))


def share_tables(explanations: Iterable[Explanation], classes: Sequence[str] = ()) -> list[ShareTable]:
    """One table per explainer and set of modalities that were asked to play, in the order in which they come.

    Args:
        explanations: of any rows; targets may be unknown.
        classes: the order of the classes, those without a row included; the others follow by name.
    """
    tables: dict[tuple[str, tuple[str, ...]], list[Explanation]] = {}
    for each in explanations:
        tables.setdefault((each.explainer, each.asked), []).append(each)
    return [_table(explainer, names, of, classes) for (explainer, names), of in tables.items()]


def _table(explainer: str, names: tuple[str, ...], held: Sequence[Explanation], classes: Sequence[str]) -> ShareTable:
    telling = [each for each in held if each.shares and all(each.chance.get(name) for name in names)]
    by_class: dict[str, list[Explanation]] = {label: [] for label in classes}
    for label in sorted({label for each in telling for label in _labels(each)}):
        by_class[label] = [each for each in telling if label in _labels(each)]
    rows = list(_groups(EVERY_CLASS, telling, names))
    for label, of in by_class.items():
        rows += _groups(label, of, names)
    return ShareTable(explainer, names, tuple(rows), len(held) - len(telling))


def _groups(of_class: str, held: Sequence[Explanation], names: Sequence[str]) -> Iterator[ShareRow]:
    chosen = {
        "all": list(held),
        "correct": [each for each in held if each.correct is True],
        "incorrect": [each for each in held if each.correct is False],
    }
    for group in GROUPS:
        of = chosen[group]
        yield ShareRow(
            of_class=of_class,
            group=group,
            n=len(of),
            shares={name: Spread.of([each.shares[name] for each in of]) for name in names},
            chance={name: fmean([each.chance[name] for each in of]) if of else None for name in names},
        )


def _labels(explanation: Explanation) -> list[str]:
    """The classes of a row: its true ones; none in regression or where they are unknown."""
    target = explanation.target
    if target is None or isinstance(target, int | float):
        return []
    return [target] if isinstance(target, str) else [str(label) for label in target]
