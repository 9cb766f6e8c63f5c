"""Least squares with Shapley's kernel, over products of complementary maskings."""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING

import numpy as np

from mmcore.attribution.estimators.estimate import Estimate, refuse_small_budget, share_errors_of
from mmcore.attribution.estimators.masks import Design, shares_of_budget
from mmcore.errors import OptionError

if TYPE_CHECKING:
    from mmcore.attribution.game import Game

MOST_ROWS = 2**18
"""Coalitions that take part in the regression at most."""

GROUPS = 10
"""Parts into which masks are put for standard errors: the regression without each part in turn."""


def kernel(game: Game, passes: int, *, seed: int = 0) -> Estimate:
    """The additive game nearest to this one by Shapley's kernel, exact at nobody and everybody.

    Lundberg & Lee, 2017, theorem 2; complementary pairs as in Covert & Lee, 2021.

    In a two-stage game each masking is encoded once and meets all maskings of the other modalities.

    Args:
        passes: encoder passes of all modalities together.

    Raises:
        OptionError: the budget is too small.
    """
    generator = np.random.default_rng(seed)
    keep, values, group = _two_stage(game, passes, generator) if game.two_stage else _joint(game, passes, generator)
    nobody, everybody = game.ends()
    found = regress(keep, values, nobody, everybody)
    settings = {"estimator": "kernel", "coalitions": len(keep)}
    if len(keep) == 2**game.n_players:
        return Estimate(found, nobody, settings=settings)
    without = [regress(keep[group != part], values[group != part], nobody, everybody) for part in range(GROUPS)]
    errors = np.sqrt((GROUPS - 1) * np.var(without, axis=0))
    return Estimate(found, nobody, errors, share_errors_of(game, found, errors, seed), settings=settings)


def _two_stage(game: Game, passes: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sizes = {name: len(of) for name, of in game.groups.items()}
    refuse_small_budget(passes, sum(min(2 + size, 2**size) for size in sizes.values()), "a regression")
    counts = shares_of_budget(passes, sizes, {name: float(max(1, size)) for name, size in sizes.items()})
    masks = {}
    for name, size in sizes.items():
        design = Design(size, generator)
        masks[name] = design.extend(counts[name] - counts[name] % 2 if counts[name] < 2**size else counts[name])
    while np.prod([len(rows) for rows in masks.values()], dtype=float) > MOST_ROWS:
        widest = max(masks, key=lambda name: len(masks[name]))
        masks[widest] = masks[widest][: len(masks[widest]) // 4 * 2]
    values = game.product(masks)
    places = np.indices([len(rows) for rows in masks.values()]).reshape(len(masks), -1)
    keep = np.concatenate([rows[at] for rows, at in zip(masks.values(), places, strict=True)], axis=1)
    pairs = np.stack([at // 2 for at in places])
    return keep, values.reshape(len(keep), *values.shape[len(masks) :]), pairs.sum(axis=0) % GROUPS


def _joint(game: Game, passes: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = game.n_players
    count = passes // max(1, len(game.groups))
    refuse_small_budget(passes, min(2 + n, 2**n) * len(game.groups), "a regression")
    rows = Design(n, generator).extend(min(count - count % 2, MOST_ROWS))
    return rows, game.value(rows), np.arange(len(rows)) // 2 % GROUPS


def regress(keep: np.ndarray, values: np.ndarray, nobody: np.ndarray, everybody: np.ndarray) -> np.ndarray:
    """Values `(n,)` or `(n, C)` that sum to v(N) − v(∅), by weighted least squares over coalitions `keep (K, n)`.

    Raises:
        OptionError: the coalitions do not tell the players apart.
    """
    n = keep.shape[1]
    outputs = values.shape[1:]
    total = (everybody - nobody).reshape(1, -1)
    if n < 2:
        return total[:n].reshape(n, *outputs)
    sizes = keep.sum(axis=1)
    inner = (sizes > 0) & (sizes < n)
    weights = np.array([0, *((n - 1) / (comb(n, size) * size * (n - size)) for size in range(1, n)), 0])[sizes[inner]]
    root = np.sqrt(weights)[:, None]
    design = keep[inner].astype(np.float64)
    target = values[inner].reshape(len(design), -1) - nobody.reshape(1, -1) - design[:, -1:] * total
    design = design[:, :-1] - design[:, -1:]
    solved, _, rank, _ = np.linalg.lstsq(root * design, root * target, rcond=None)
    if rank < n - 1:
        raise OptionError("the budget is too small to tell the players apart", hint="Give more encoder passes.")
    return np.concatenate([solved, total - solved.sum(axis=0)]).reshape(n, *outputs)
