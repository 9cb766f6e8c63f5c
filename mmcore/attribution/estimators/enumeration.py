"""Exact Shapley values and interactions, from the values of all coalitions."""

from __future__ import annotations

from math import comb, prod
from typing import TYPE_CHECKING

import numpy as np

from mmcore.attribution.estimators.estimate import Estimate
from mmcore.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmcore.attribution.game import Game

MOST_COALITIONS = 2**22
"""Coalitions whose values are asked for at most: 22 players."""


def exact(game: Game, *, interactions: bool = False) -> Estimate:
    """Exact values; of a two-stage game by 2^n_1 + … + 2^n_M encoder passes, of an additive one without combinations.

    Args:
        interactions: also the Shapley interaction indices of pairs of players of different modalities.

    Raises:
        OptionError: there are too many coalitions.
    """
    if getattr(game, "additive", False):
        return _additive(game, interactions=interactions)
    if game.n_players > np.log2(MOST_COALITIONS):
        raise OptionError(
            f"{game.n_players} players have 2^{game.n_players} coalitions, too many for exact values",
            hint="Ask for fewer players, or for another estimator.",
        )
    table = all_values(game)
    values = shapley_of_table(table, game.n_players)
    found = {}
    if interactions:
        found = cross_interactions(table, game.groups)
    return Estimate(values, table[0], interactions=found, settings={"estimator": "exact"})


def all_masks(n: int) -> np.ndarray:
    """All subsets of n players `(2^n, n)` bool; row number s holds player i if bit i of s is set."""
    return (np.arange(2**n)[:, None] >> np.arange(n)) & 1 == 1


def all_values(game: Game) -> np.ndarray:
    """The values of all coalitions `(2^n,)` or `(2^n, C)`; the coalition's number has bit i for player i."""
    names = list(game.groups)
    keeps = {name: all_masks(len(of)) for name, of in game.groups.items()}
    values = game.product(keeps)
    outputs = values.shape[len(names) :]
    # the first modality's players are the lowest bits, so its axis has to be the last one that is counted
    return values.transpose(*reversed(range(len(names))), *range(len(names), values.ndim)).reshape(-1, *outputs)


def shapley_of_table(table: np.ndarray, n: int) -> np.ndarray:
    """Shapley values `(n,)` or `(n, C)` of a table of all values (Shapley, 1953)."""
    sizes = np.bitwise_count(np.arange(2**n, dtype=np.uint64)).astype(int)
    weights = np.array([1 / (n * comb(n - 1, size)) for size in range(n)]) if n else np.zeros(0)
    found = np.zeros((n, *table.shape[1:]))
    for player in range(n):
        without = np.flatnonzero(np.arange(2**n) >> player & 1 == 0)
        gains = table[without | 1 << player] - table[without]
        found[player] = np.tensordot(weights[sizes[without]], gains, axes=1)
    return found


def cross_interactions(table: np.ndarray, groups: Mapping[str, range]) -> dict[tuple[str, str], np.ndarray]:
    """Shapley interaction indices of pairs across modalities (Grabisch & Roubens, 1999), of a table of all values."""
    n = sum(map(len, groups.values()))
    sizes = np.bitwise_count(np.arange(2**n, dtype=np.uint64)).astype(int)
    weights = np.array([1 / ((n - 1) * comb(n - 2, size)) for size in range(n - 1)])
    names, found = list(groups), {}
    for first, one in enumerate(names):
        for other in names[first + 1 :]:
            pairs = np.zeros((len(groups[one]), len(groups[other]), *table.shape[1:]))
            for a, i in enumerate(groups[one]):
                for b, j in enumerate(groups[other]):
                    both = 1 << i | 1 << j
                    without = np.flatnonzero(np.arange(2**n) & both == 0)
                    gains = table[without | both] - table[without | 1 << i] - table[without | 1 << j] + table[without]
                    pairs[a, b] = np.tensordot(weights[sizes[without]], gains, axes=1)
            found[one, other] = pairs
    return found


def _additive(game: Game, *, interactions: bool) -> Estimate:
    """Each modality's values from its own maskings, while the others are masked whole."""
    if max((len(of) for of in game.groups.values()), default=0) > np.log2(MOST_COALITIONS):
        raise OptionError("a modality has too many players for exact values", hint="Ask for fewer players.")
    parts = []
    for name, of in game.groups.items():
        keeps = {other: np.zeros((1, len(group)), dtype=bool) for other, group in game.groups.items()}
        values = game.product({**keeps, name: all_masks(len(of))})
        table = values.reshape(2 ** len(of), *values.shape[len(game.groups) :])
        parts.append(shapley_of_table(table, len(of)))
    nobody, _ = game.ends()
    outputs = np.shape(nobody)
    found = {}
    if interactions:
        names = list(game.groups)
        found = {
            (one, other): np.zeros((len(game.groups[one]), len(game.groups[other]), *outputs))
            for place, one in enumerate(names)
            for other in names[place + 1 :]
        }
    return Estimate(
        np.concatenate(parts) if parts else np.zeros((0, *outputs)), nobody, interactions=found,
        settings={"estimator": "exact", "additive": True},
    )  # fmt: skip


def coalitions(game: Game) -> int:
    """How many coalitions the game has."""
    return prod(2 ** len(of) for of in game.groups.values())
