"""How far an explanation can be trusted: does masking what it calls important matter, and has it heard the model?

Faithfulness: players join from the most valuable on (insertion), or leave in that order (deletion), and the output is
followed; a random order is the measure (Petsiuk et al., RISE, arXiv:1806.07421). Sanity: the same row is explained with
the model's weights shuffled; an explanation that stays the same tells of the input alone (Adebayo et al.,
arXiv:1810.03292).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from mmcore.attribution.model_game import model_game
from mmcore.attribution.row import Row
from mmcore.attribution.score import make_score

if TYPE_CHECKING:
    from mmcore.attribution.explanation import Explanation
    from mmcore.attribution.game import Game
    from mmcore.model.fusion_model import FusionModel

ORDERS = 10
"""Random orders whose mean curve insertion and deletion are measured by."""


@dataclass(frozen=True)
class Curves:
    """The output `(n + 1,)` with 0, 1, … n players kept.

    Args:
        insertion: the most valuable join first.
        deletion: the most valuable leave first; so the last number is the value of all, as in the others.
        random: mean over random orders.
    """

    insertion: np.ndarray
    deletion: np.ndarray
    random: np.ndarray

    def areas(self) -> dict[str, float]:
        """The area below each curve over the share of players that are kept, by the trapezoid rule.

        A faithful explanation has a larger area by insertion, and a smaller one by deletion, than by random.
        """
        return {name: float(np.trapezoid(curve, dx=1 / (len(curve) - 1))) for name, curve in vars(self).items()}


def curves(game: Game, values: np.ndarray, *, orders: int = ORDERS, seed: int = 0) -> Curves:
    """Insertion, deletion and random curves of a game of one output.

    Args:
        values: `(n,)`: what an explanation says that each player is worth.
        orders: random orders.
        seed: of these.

    >>> from mmcore.attribution.game import FunctionGame
    >>> game = FunctionGame({"image": 2, "text": 1}, lambda keep: keep @ np.array([1.0, 2.0, 3.0]))
    >>> curves(game, np.array([1.0, 2.0, 3.0])).insertion.tolist()
    [0.0, 3.0, 5.0, 6.0]
    """
    ranked = np.argsort(-np.asarray(values, dtype=np.float64), kind="stable")
    generator = np.random.default_rng(seed)
    drawn = [generator.permutation(game.n_players) for _ in range(orders)]
    every = game.value(np.concatenate([_nested(order) for order in (ranked, ranked[::-1], *drawn)]))
    insertion, deletion, *others = np.split(every, orders + 2)
    return Curves(insertion, deletion, np.mean(others, axis=0))


def _nested(order: np.ndarray) -> np.ndarray:
    """`(n + 1, n)` bool: nobody, the first of the order, the first two, …, all."""
    place = np.argsort(order)
    return place[None, :] < np.arange(len(order) + 1)[:, None]


def shuffled(model: FusionModel, *, seed: int = 0) -> FusionModel:
    """A copy of the model with the numbers of every parameter in random order: it has learned nothing."""
    copy = deepcopy(model)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in copy.parameters():
            order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
            parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return copy.eval()


@dataclass(frozen=True)
class Trust:
    """What the checks of one explanation, or of several on average, say.

    Args:
        areas: "insertion", "deletion", "random" → the area below the curve.
        rank_correlation: Spearman's, of the players' values with those for the shuffled model; None where either
            has the same value for all players. 1: the explanation does not depend on what the model has learned.
        shuffled_shares: modality → share for the shuffled model.
        curves: the three curves, as lists; empty for several explanations.
    """

    areas: Mapping[str, float]
    rank_correlation: float | None
    shuffled_shares: Mapping[str, float]
    curves: Mapping[str, Sequence[float]]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "areas": dict(self.areas),
            "rank_correlation": self.rank_correlation,
            "shuffled_shares": dict(self.shuffled_shares),
            "curves": {name: list(curve) for name, curve in self.curves.items()},
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The opposite of `to_dict`."""
        return cls(**{name: stored[name] for name in ("areas", "rank_correlation", "shuffled_shares", "curves")})

    @classmethod
    def mean(cls, held: Sequence[Trust]) -> Self:
        """The mean of several, each figure over those that have it."""
        correlations = [each.rank_correlation for each in held if each.rank_correlation is not None]
        modalities = dict.fromkeys(name for each in held for name in each.shuffled_shares)
        return cls(
            {name: fmean(each.areas[name] for each in held) for name in ("insertion", "deletion", "random")},
            fmean(correlations) if correlations else None,
            {
                name: fmean(each.shuffled_shares[name] for each in held if name in each.shuffled_shares)
                for name in modalities
            },
            {},
        )


def faithfulness(row: Row, explanation: Explanation, *, seed: int = 0) -> Curves:
    """The curves of an explanation that holds its `drawing`: its own players, output, class and baselines."""
    assert explanation.drawing is not None
    output: Any = explanation.output
    score = make_score(row.task, output, explanation.explained or "predicted", row.logits, None)
    baselines = {name: part.baseline for name, part in explanation.parts.items()}
    return curves(model_game(row, explanation.drawing.players, score, baselines), explanation.values, seed=seed)


def trust(row: Row, explanation: Explanation, without_learning: Explanation, *, seed: int = 0) -> Trust:
    """The checks of one explanation.

    Args:
        row: what was explained, with the real model.
        explanation: of it, with its `drawing`.
        without_learning: of the same row and class by the same explainer, with the model `shuffled`.
        seed: of the random orders.
    """
    found = faithfulness(row, explanation, seed=seed)
    return Trust(
        found.areas(),
        _rank_correlation(explanation.values, without_learning.values),
        without_learning.shares,
        {name: curve.tolist() for name, curve in vars(found).items()},
    )


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    from scipy.stats import spearmanr

    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return None
    return float(spearmanr(one, other).statistic)
