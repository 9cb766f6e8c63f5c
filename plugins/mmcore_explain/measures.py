"""Measures over a data set: how much behaviour, or accuracy, rests on modalities and on what they do together."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

import mmcore
from mmcore.attribution.estimators.enumeration import all_masks, cross_interactions, shapley_of_table
from mmcore.attribution.evaluated import SCORES
from mmcore_explain.figures import draw_curves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from mmcore.attribution.evaluated import EvaluatedRows
    from mmcore_explain.options import BackgroundOptions, RepeatOptions, RobustnessOptions

MOST_PAIRS = 250_000
"""Mixtures that EMAP asks for at most; beyond that each row meets random others."""


class InterShap:
    """How much of the model's behaviour needs several modalities at once (InterSHAP, arXiv:2412.15828)."""

    def __init__(self, options: BackgroundOptions):
        self.options = options

    def measure(self, rows: EvaluatedRows) -> mmcore.Measure:
        """φ_ij and φ_ii of modalities on the probability of the predicted class, averaged over rows before |·|."""
        names = rows.modalities
        _refuse_fewer_than_two(names, "intershap")
        table = coalition_values(rows, self.options.background, self.options.seed)
        each = [interaction_matrix(table[:, row], len(names)) for row in range(len(rows))]
        matrix = np.mean(each, axis=0)
        total = np.abs(matrix).sum()
        local = [_shared(one) for one in each if np.abs(one).sum() > 0]
        lines = [
            ("all rows together", _shared(matrix) if total else None),
            ("row by row, on average", float(np.mean(local)) if local else None),
        ]
        for one, other in combinations(range(len(names)), 2):
            share = 2 * abs(matrix[one, other]) / total if total else None
            lines.append((f"{names[one]} with {names[other]}", share))
        lines += [(names[one], abs(matrix[one, one]) / total if total else None) for one in range(len(names))]
        return mmcore.Measure(
            "intershap",
            "What part of the model's behaviour comes from modalities acting together, and what part from each alone?",
            ("part", "share of behaviour"), tuple(lines), len(rows),
            settings={"background": min(self.options.background, len(rows)), **self.options.model_dump()},
        )  # fmt: skip


class Shape:
    """Shapley values of modalities for accuracy, and what they gain by cooperating (SHAPE, Hu et al., 2022)."""

    def __init__(self, options: mmcore.NoOptions):
        self.options = options

    def measure(self, rows: EvaluatedRows) -> mmcore.Measure:
        """The players are modalities, the value is the score of the rows with only these modalities."""
        names = rows.modalities
        table = []
        for keep in all_masks(len(names)):
            without = [name for name, kept in zip(names, keep, strict=True) if not kept]
            table.append(rows.score(rows.logits(without=without)) if keep.any() else rows.score_without())
        values = np.array(table)
        shapley = shapley_of_table(values, len(names))
        alone = {name: values[1 << place] for place, name in enumerate(names)}
        together = values[-1] - values[0] - sum(each - values[0] for each in alone.values())
        lines = [(name, alone[name], float(shapley[place])) for place, name in enumerate(names)]
        lines += [("all together", values[-1], float(shapley.sum())), ("cooperation", None, float(together))]
        return mmcore.Measure(
            "shape",
            "How much of the score is owed to each modality, and how much do they gain by cooperating?",
            ("modality", "score with it alone", "part of the score"), tuple(lines), len(rows),
            notes=(f"Without any modality the score is {values[0]:.3f}: that of the most frequent answer.",),
        )  # fmt: skip


class Emap:
    """The best additive model of the same modalities (EMAP, arXiv:2010.06572): what accuracy is left of the model's."""

    def __init__(self, options: RepeatOptions):
        self.options = options

    def measure(self, rows: EvaluatedRows) -> mmcore.Measure:
        """f̂ = Σ_m E_{-m}[f] − (M − 1) E[f] on logits; with two modalities exactly, with more over random others."""
        _refuse_fewer_than_two(rows.modalities, "emap")
        own = rows.score(rows.logits())
        additive = rows.score(additive_projection(rows, self.options.repeats, self.options.seed))
        lines = (
            ("the model", own),
            ("its additive projection", additive),
            ("lost without interactions", own - additive),
        )
        return mmcore.Measure(
            "emap",
            "Does the score need modalities to interact, or would adding up what each says do as well?",
            ("of", "score"), lines, len(rows), settings=self.options.model_dump(),
        )  # fmt: skip


class PerceptualScore:
    """What is lost when a modality is swapped among rows (perceptual score, arXiv:2110.14375)."""

    def __init__(self, options: RepeatOptions):
        self.options = options

    def measure(self, rows: EvaluatedRows) -> mmcore.Measure:
        """Score less its mean over permutations of one modality, as it is and relative to the model's score."""
        generator = np.random.default_rng(self.options.seed)
        own, place = rows.score(rows.logits()), np.arange(len(rows))
        lines = []
        for name in rows.modalities:
            swapped = []
            for _ in range(self.options.repeats):
                places = dict.fromkeys(rows.modalities, place) | {name: generator.permutation(len(rows))}
                swapped.append(rows.score(rows.logits(places)))
            lost = own - np.array(swapped)
            error = float(lost.std(ddof=1) / np.sqrt(len(lost))) if len(lost) > 1 else None
            lines.append((name, float(lost.mean()), float(lost.mean() / own) if own else None, error))
        return mmcore.Measure(
            "perceptual_score",
            "How much of the score is lost when one modality is swapped with that of another row?",
            ("modality", "lost", "relative to the score", "standard error"), tuple(lines), len(rows),
            notes=(f"The score as it is: {own:.3f}.",), settings=self.options.model_dump(),
        )  # fmt: skip


class Robustness:
    """The score while a modality goes missing, or is swapped, in more and more rows, and the area below."""

    def __init__(self, options: RobustnessOptions):
        self.options = options

    def measure(self, rows: EvaluatedRows) -> mmcore.Measure:
        """A line for each modality: the score at shares from 0 to 1, and their mean by the trapezoid rule."""
        options = self.options
        shares = np.linspace(0, 1, options.steps + 1)
        order = np.random.default_rng(options.seed).permutation(len(rows))
        swapped = np.random.default_rng([options.seed, 1]).permutation(len(rows))
        whole = rows.logits()
        curves: dict[str, list[float]] = {}
        for name in rows.modalities:
            if options.how == "missing":
                worse = rows.logits(without=[name])
            else:
                places = dict.fromkeys(rows.modalities, np.arange(len(rows))) | {name: swapped}
                worse = rows.logits(places)
            curve = curves[name] = []
            for share in shares:
                touched = np.zeros(len(rows), dtype=bool)
                touched[order[: round(share * len(rows))]] = True
                curve.append(rows.score(np.where(touched[:, None], worse, whole)))
        lines = [(name, *curve, float(np.trapezoid(curve, shares))) for name, curve in curves.items()]
        return mmcore.Measure(
            "robustness",
            f"How does the score fall while one modality is {options.how} in more and more rows?",
            ("modality", *(f"{share:.0%}" for share in shares), "area"), tuple(lines), len(rows),
            settings=options.model_dump(),
            draw=partial(self._draw, shares, curves, SCORES[rows.task.type]),
        )  # fmt: skip

    def _draw(self, shares: np.ndarray, curves: Mapping[str, Sequence[float]], score: str) -> Figure:
        across = f"rows whose modality is {self.options.how}, %"
        return draw_curves(shares, curves, across, score, f"One modality {self.options.how} at a time")


def coalition_values(rows: EvaluatedRows, background: int, seed: int) -> np.ndarray:
    """`(2^M, N)`: the mean probability of each row's predicted class; modalities left out are those of random rows."""
    names, count = rows.modalities, len(rows)
    probabilities = rows.probabilities()
    predicted = probabilities.argmax(axis=1)
    others = np.random.default_rng(seed).choice(count, size=min(background, count), replace=False)
    own, drawn = np.repeat(np.arange(count), len(others)), np.tile(others, count)
    found = np.empty((2 ** len(names), count))
    for number, keep in enumerate(all_masks(len(names))):
        if keep.all():
            found[number] = probabilities[np.arange(count), predicted]
            continue
        places = {name: own if kept else drawn for name, kept in zip(names, keep, strict=True)}
        mixed = rows.probabilities(places)[np.arange(len(own)), predicted[own]]
        found[number] = mixed.reshape(count, len(others)).mean(axis=1)
    return found


def interaction_matrix(values: np.ndarray, count: int) -> np.ndarray:
    """`(M, M)`: φ_ij off the diagonal, half an interaction index each, and φ_ii = φ_i − Σ_j φ_ij on it."""
    groups = {str(player): range(player, player + 1) for player in range(count)}
    matrix = np.zeros((count, count))
    for (one, other), pair in cross_interactions(values, groups).items():
        matrix[int(one), int(other)] = matrix[int(other), int(one)] = float(pair[0, 0]) / 2
    return matrix + np.diag(shapley_of_table(values, count) - matrix.sum(axis=1))


def additive_projection(rows: EvaluatedRows, repeats: int, seed: int) -> np.ndarray:
    """Logits `(N, C)` of the additive model nearest to this one."""
    names, count = rows.modalities, len(rows)
    generator = np.random.default_rng(seed)
    exact = len(names) == 2 and count**2 <= MOST_PAIRS
    own = np.repeat(np.arange(count), count if exact else repeats)
    total = 0.0
    means = []
    for name in names:
        places = {
            other: np.tile(np.arange(count), count) if exact else generator.integers(count, size=len(own))
            for other in names
        } | {name: own}
        found = rows.logits(places).reshape(count, -1, rows.task.n_outputs).mean(axis=1)
        total = total + found
        means.append(found.mean(axis=0))
    return np.asarray(total - (len(names) - 1) * np.mean(means, axis=0))


def _shared(matrix: np.ndarray) -> float:
    return float(1 - np.abs(np.diag(matrix)).sum() / np.abs(matrix).sum())


def _refuse_fewer_than_two(names: Sequence[str], what: str) -> None:
    if len(names) < 2:
        raise mmcore.OptionError(f"{what} compares modalities, and the model reads {names[0]} alone")
