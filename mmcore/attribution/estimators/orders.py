"""Unbiased estimators from random orders of joining: antithetic permutations, and lattices of interleavings."""

from __future__ import annotations

from functools import reduce
from math import lgamma
from typing import TYPE_CHECKING

import numpy as np

from mmcore.attribution.estimators.budget import Budget
from mmcore.attribution.estimators.estimate import Estimate
from mmcore.attribution.explanation import shares_of
from mmcore.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmcore.attribution.game import Game


def permutation(game: Game, budget: Budget, *, seed: int = 0) -> Estimate:
    """Average over random orders, each walked forward and backward.

    Castro et al., 2009; antithetic pairs: Mitchell et al., 2022.

    Raises:
        OptionError: the budget does not allow two orders.
    """
    generator = np.random.default_rng(seed)
    n = game.n_players
    replicates: list[np.ndarray] = []
    while budget.allows(game, replicates, least=2, what="two orders", next_cost=_walk_cost(game, 2 * n)):
        order = generator.permutation(n)
        forward = _walk(order)
        walks = np.concatenate([forward, _walk(order[::-1])[1:-1]])
        values = game.value(walks)
        there = _gains(order, values[: n + 1])
        back = _gains(order[::-1], np.concatenate([values[:1], values[n + 1 :], values[n : n + 1]]))
        replicates.append((there + back) / 2)
    return from_replicates(game, replicates, "permutation")


def lattice(game: Game, budget: Budget, *, seed: int = 0) -> Estimate:
    """Random orders within each modality, averaged over all their interleavings, and the same with each order reversed.

    Given the orders within modalities, every interleaving is equally likely, so that the probability of how far the
    other modalities have come when a player joins is known: the values of a product of maskings hold all of them.

    Raises:
        OptionError: the budget does not allow two replicates.
    """
    generator = np.random.default_rng(seed)
    weights = {name: _lattice_weights(game.groups, name) for name in game.groups}
    replicates: list[np.ndarray] = []
    cost = 2 * sum(len(of) - 1 for of in game.groups.values() if len(of) > 1)
    while budget.allows(game, replicates, least=2, what="two lattices", next_cost=cost):
        orders = {name: generator.permutation(len(of)) for name, of in game.groups.items()}
        one = _lattice_values(game, orders, weights)
        other = _lattice_values(game, {name: order[::-1] for name, order in orders.items()}, weights)
        replicates.append((one + other) / 2)
    return from_replicates(game, replicates, "lattice")


def from_replicates(game: Game, replicates: Sequence[np.ndarray], name: str) -> Estimate:
    """The mean of unbiased replicates, with their standard errors; jackknife errors of the shares."""
    each = np.stack(replicates)
    nobody, _ = game.ends()
    errors = each.std(axis=0, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else None
    shares = share_errors(each, game.groups) if game.outputs is None and len(each) > 1 else {}
    settings = {"estimator": name, "replicates": len(each)}
    return Estimate(each.mean(axis=0), nobody, errors, shares, settings=settings)


def share_errors(each: np.ndarray, groups: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Jackknife standard errors of the shares, over replicates `each (R, n)`; empty where there are no shares."""
    count = len(each)
    without = (each.sum(axis=0) - each) / (count - 1)
    shares = [shares_of({name: float(np.abs(row[list(of)]).sum()) for name, of in groups.items()}) for row in without]
    if not all(shares):
        return {}
    return {name: float(np.sqrt((count - 1) * np.var([found[name] for found in shares]))) for name in groups}


def _walk(order: np.ndarray) -> np.ndarray:
    """Coalitions `(n + 1, n)`: nobody, then one player more at a time."""
    place = np.empty(len(order), dtype=int)
    place[order] = np.arange(len(order))
    return place[None, :] < np.arange(len(order) + 1)[:, None]


def _gains(order: np.ndarray, values: np.ndarray) -> np.ndarray:
    found = np.empty((len(order), *values.shape[1:]))
    found[order] = np.diff(values, axis=0)
    return found


def _walk_cost(game: Game, coalitions: int) -> int:
    """Passes of one replicate at most: each coalition is a pass of each modality, or a new masking of one of them."""
    return coalitions - 2 if game.two_stage else (coalitions - 2) * len(game.groups)


def _lattice_weights(groups: Mapping[str, range], modality: str) -> np.ndarray:
    """`(n_k, n_l + 1, …)`: the chance that the others have come that far when this modality's a-th player joins.

    Multivariate: C(before) C(after) / C(all) with multinomial coefficients C.
    """
    n = len(groups[modality])
    others = [len(of) for name, of in groups.items() if name != modality]
    if not n:
        return np.zeros((0, *(count + 1 for count in others)))
    grids = np.meshgrid(np.arange(n), *(np.arange(count + 1) for count in others), indexing="ij")
    log = np.vectorize(lgamma)
    own, rest = grids[0], grids[1:]
    before = log(own + sum(rest) + 1) - log(own + 1) - sum(log(come + 1) for come in rest)
    left = [count - come for count, come in zip(others, rest, strict=True)]
    own_left = n - 1 - own
    after = log(own_left + sum(left) + 1) - log(own_left + 1) - sum(log(more + 1) for more in left)
    total = lgamma(n + sum(others) + 1) - lgamma(n + 1) - sum(lgamma(count + 1) for count in others)
    return np.asarray(np.exp(before + after - total))


def _lattice_values(game: Game, orders: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]) -> np.ndarray:
    values = game.product({name: _walk(order) for name, order in orders.items()})
    count = len(game.groups)
    parts = []
    for axis, (name, order) in enumerate(orders.items()):
        gains = np.moveaxis(np.diff(values, axis=axis), axis, 0)  # (n_k, n_l + 1, …, C)
        weighted = gains * weights[name].reshape(weights[name].shape + (1,) * (gains.ndim - count))
        part = np.empty((len(order), *values.shape[count:]))
        part[order] = weighted.sum(axis=tuple(range(1, count)))
        parts.append(part)
    return reduce(lambda one, other: np.concatenate([one, other]), parts)


def refuse_unless_two_stage(game: Game, name: str) -> None:
    """Refuse a game in which combinations of maskings cost passes.

    Raises:
        OptionError: the model reads all modalities at once.
    """
    if not game.two_stage:
        raise OptionError(
            f"{name} needs a model that encodes each modality by itself, and this one reads them together",
            hint="Use the estimator permutation or kernel.",
        )
