"""Gaussian-process cubature over products of maskings, with an adaptive split of the budget and emulated features.

A two-stage model makes every combination of encoded maskings nearly free. Under independent inclusion with
probability t the modalities separate, and Shapley values are the integral over t of what a player adds (Owen's
multilinear extension, 1972), which Gauss–Legendre nodes integrate exactly. So the values of all combinations, weighted
by a Gaussian process over each modality's masks, give all Shapley values and interactions at once, for all outputs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from mmcore.attribution.estimators.estimate import Estimate, refuse_small_budget, share_errors_of, spread
from mmcore.attribution.estimators.mask_gp import MaskGP, bernoulli, fit_mask_gp
from mmcore.attribution.estimators.masks import Design, shares_of_budget
from mmcore.attribution.estimators.orders import refuse_unless_two_stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmcore.attribution.game import TwoStageGame
    from mmcore.representation import Representation

PILOT = 16
"""Masks of each modality at least, before the budget is split."""

DECAY = 0.5
"""How fast a modality's error falls with its masks, as the split assumes: error² ∝ masks^(1 − 1/DECAY)."""

ALL_MASKS = 512
"""Up to so many masks of a modality, all of them are emulated."""

MOST_PAIRS = 2**15
"""Combinations of emulated masks whose values are asked for at most."""


@dataclass
class _Side:
    """One modality: its masks, what they look like to the head, and the process over them."""

    design: Design
    gp: MaskGP
    masks: np.ndarray
    vectors: np.ndarray
    complete: bool = False

    def weights(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights of the values at `masks` for each node: of the mean `(Q, m)`, of each player's change `(Q, n, m)`."""
        if self.complete:
            each = [bernoulli(self.masks, t) for t in nodes]
            return np.stack([mean for mean, _ in each]), np.stack([change for _, change in each])
        each = [self.gp.expected(self.masks, t) for t in nodes]
        means, changes = np.stack([mean for mean, _ in each]), np.stack([change for _, change in each])
        q, n, m = changes.shape
        solved = self.gp.solve(self.masks, np.concatenate([means, changes.reshape(q * n, m)]).T).T
        return solved[:q], solved[q:].reshape(q, n, m)


def product_gp(
    game: TwoStageGame,
    passes: int,
    *,
    seed: int = 0,
    emulate: bool = True,
    interactions: bool = False,
    costs: Mapping[str, float] | None = None,
) -> Estimate:
    """Shapley values by Gaussian-process cubature; exact when every masking is within the budget.

    Args:
        passes: encoder passes of all modalities together, those of the row as it is included.
        emulate: also use masks that were not encoded, at the process's mean of their features: head evaluations only.
        interactions: also the Shapley interaction indices of pairs of players of different modalities.
        costs: modality → what a pass costs, in passes; 1 if left out. The budget is in the same unit.

    Raises:
        OptionError: the model reads all modalities at once, or the budget is too small.
    """
    refuse_unless_two_stage(game, "product_gp")
    sides = _encoded_sides(game, passes, np.random.default_rng(seed), costs or {})
    if emulate:
        _emulate(game, sides, seed)
    values = game.fuse_product({name: _representation(game, name, side) for name, side in sides.items()})
    nodes, steps = _nodes(game.n_players)
    weights = {name: side.weights(nodes) for name, side in sides.items()}
    middle = values.mean(axis=tuple(range(len(sides))))  # what the process is certain of; changes of it are 0
    found = _shapley(values - middle, weights, steps)
    nobody, _ = game.ends()
    settings = {
        "estimator": "product_gp", "masks": {name: int(game.passes[name]) for name in sides},
        "emulated": {name: len(side.masks) for name, side in sides.items()} if emulate else {},
    }  # fmt: skip
    pairs = _interactions(values - middle, weights, steps) if interactions else {}
    if all(side.complete and len(side.masks) <= game.passes[name] for name, side in sides.items()):
        return Estimate(spread(game, found), nobody, interactions=pairs, settings=settings)
    errors = _errors(game, sides, values, weights, steps)
    found = spread(game, found)
    return Estimate(found, nobody, errors, share_errors_of(game, found, errors, seed), pairs, settings)


def _nodes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss–Legendre nodes and weights on [0, 1], exact for polynomials of degree n − 1."""
    points, weights = np.polynomial.legendre.leggauss(max(1, ceil(n / 2)))
    return (points + 1) / 2, weights / 2


def _encoded_sides(
    game: TwoStageGame, passes: int, generator: np.random.Generator, costs: Mapping[str, float]
) -> dict[str, _Side]:
    """A pilot of each modality, then more masks where they are worth most."""
    sizes = {name: len(of) for name, of in game.groups.items()}
    most = {name: min(2.0**size, 2.0**31) for name, size in sizes.items()}
    cost = {name: costs.get(name, 1.0) for name in sizes}
    refuse_small_budget(passes, ceil(sum(min(8.0, most[name]) * cost[name] for name in sizes)), "product_gp")
    pilot = min(max(PILOT, passes // 4), passes / sum(cost.values()))
    designs = {name: Design(size, generator) for name, size in sizes.items()}
    taken = {name: _even(int(min(most[name], pilot)), most[name]) for name in sizes}
    sides = {name: _side(game, name, designs[name], taken[name]) for name in sizes}
    spent = sum(len(side.masks) * cost[name] for name, side in sides.items())
    if spent < passes and not all(side.complete for side in sides.values()):
        wanted = _worth(game, sides, cost)
        counts = shares_of_budget(int(passes / min(cost.values())), sizes, wanted)
        counts = _within(counts, taken, cost, passes, most)
        sides = {name: _side(game, name, designs[name], counts[name]) for name in sizes}
    return sides


def _even(count: int, most: float) -> int:
    return int(most) if count >= most else max(2, count - count % 2)


def _within(
    counts: dict[str, int], taken: dict[str, int], cost: Mapping[str, float], passes: int, most: Mapping[str, float]
) -> dict[str, int]:
    """The wanted counts, not below what was taken, scaled until the budget holds them."""
    free = passes - sum(taken[name] * cost[name] for name in counts)
    extra = {name: max(0, counts[name] - taken[name]) for name in counts}
    asked = sum(extra[name] * cost[name] for name in counts)
    scale = min(1.0, free / asked) if asked else 0.0
    return {name: _even(taken[name] + int(extra[name] * scale), most[name]) for name in counts}


def _side(game: TwoStageGame, name: str, design: Design, count: int) -> _Side:
    masks = design.extend(count)
    encoded = game.encode(name, masks)
    vectors = _features(encoded)
    complete = design.complete
    unused = MaskGP(np.full(design.n, 0.5), 0.0)
    gp = unused if complete else fit_mask_gp(masks, vectors)
    return _Side(design, gp, masks, vectors, complete)


def _features(encoded: Representation) -> np.ndarray:
    """What the head reads of each masking, as rows: the vectors, or all tokens."""
    part = encoded.vector if encoded.tokens is None else encoded.tokens
    return np.asarray(part.detach().double().cpu().numpy().reshape(len(part), -1))


def _worth(game: TwoStageGame, sides: Mapping[str, _Side], cost: Mapping[str, float]) -> dict[str, float]:
    """For each modality how many masks it should get, relatively: by what leaving one out would miss."""
    values = game.fuse_product({name: game.encode(name, side.masks) for name, side in sides.items()})
    found = {}
    for axis, (name, side) in enumerate(sides.items()):
        if side.complete:
            found[name] = 1e-12
            continue
        rows = np.moveaxis(values, axis, 0).reshape(len(side.masks), -1)
        residuals, _ = side.gp.left_out(side.masks, rows)
        error = float(np.square(residuals).mean()) * len(side.masks) ** (1 / DECAY - 1)
        found[name] = max((error / cost[name]) ** DECAY, 1e-12)
    return found


def _emulate(game: TwoStageGame, sides: dict[str, _Side], seed: int) -> None:
    """More masks for each modality that lacks some, with the process's mean of their features."""
    for place, (name, side) in enumerate(sides.items()):
        if side.complete or _has_tokens(game, name, side):
            continue
        n = side.design.n
        count = 2**n if 2**n <= ALL_MASKS else 2 * ALL_MASKS if n > 12 else ALL_MASKS
        others = np.prod([len(other.masks) for key, other in sides.items() if key != name], dtype=float)
        count = max(len(side.masks), int(min(count, MOST_PAIRS / others)))
        wider = Design(n, np.random.default_rng([seed, place]))
        wider.masks = side.masks
        masks = wider.extend(count)[:count]
        new = side.gp.mean(side.masks, side.vectors, masks[len(side.masks) :])
        side.vectors = np.concatenate([side.vectors, new])
        side.masks, side.complete = masks, len(masks) == 2**n


def _has_tokens(game: TwoStageGame, name: str, side: _Side) -> bool:
    return game.encode(name, side.design.masks[:1]).tokens is not None


def _representation(game: TwoStageGame, name: str, side: _Side) -> Representation:
    """The masks' representations: the encoded ones as they are, the others emulated."""
    import torch

    from mmcore.representation import Representation

    known = game.encode(name, side.design.masks)
    if len(side.masks) == len(side.design.masks):
        return known
    emulated = torch.from_numpy(side.vectors[len(side.design.masks) :]).to(known.vector)
    return Representation(torch.cat([known.vector, emulated]))


def _contract(values: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """⟨values, w_1 ⊗ … ⊗ w_M⟩ with `w_k (p_k, m_k)`: `(p_1, …, p_M)` and outputs."""
    for axis, weight in enumerate(weights):
        values = np.moveaxis(np.tensordot(weight, values, axes=(1, axis)), 0, axis)
    return values


def _shapley(values: np.ndarray, weights: Mapping[str, tuple[np.ndarray, np.ndarray]], steps: np.ndarray) -> np.ndarray:
    """Σ_q w_q ⟨V, A_k[q, i] ⊗ Π B_l[q]⟩ for every player, modality by modality."""
    found = []
    for own in weights:
        part = 0.0
        for q, step in enumerate(steps):
            factors = [changes[q] if name == own else means[q][None] for name, (means, changes) in weights.items()]
            part = part + step * _contract(values, factors)
        found.append(np.reshape(part, (-1, *values.shape[len(weights) :])))
    return reduce(lambda one, other: np.concatenate([one, other]), found)


def _interactions(
    values: np.ndarray, weights: Mapping[str, tuple[np.ndarray, np.ndarray]], steps: np.ndarray
) -> dict[tuple[str, str], np.ndarray]:
    """Σ_q w_q ⟨V, A_k[q, i] ⊗ A_l[q, j] ⊗ Π B⟩ for every pair of players of two modalities."""
    names, found = list(weights), {}
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            total = 0.0
            for q, step in enumerate(steps):
                factors = [
                    changes[q] if name in (one, other) else means[q][None] for name, (means, changes) in weights.items()
                ]
                total = total + step * _contract(values, factors)
            players = [weights[name][1].shape[1] for name in (one, other)]
            found[one, other] = np.reshape(total, (*players, *values.shape[len(weights) :]))
    return found


def _errors(
    game: TwoStageGame,
    sides: Mapping[str, _Side],
    values: np.ndarray,
    weights: Mapping[str, tuple[np.ndarray, np.ndarray]],
    steps: np.ndarray,
) -> np.ndarray:
    """Standard errors `(n,)` or `(n, C)`: the residuals that the process makes at masks left out, taken for independent
    errors there and carried through the same weights.
    """
    outputs = values.shape[len(sides) :]
    total = np.zeros((game.n_players, *outputs))
    for axis, side in enumerate(sides.values()):
        count = len(side.design.masks)
        if side.design.complete:
            continue
        rows = np.moveaxis(values, axis, 0)[:count].reshape(count, -1)
        residuals, _ = side.gp.left_out(side.design.masks, rows)
        missed = residuals.reshape(count, *np.moveaxis(values, axis, 0).shape[1:])
        total += _carried(missed, axis, side, weights, steps, game)
    return np.sqrt(total)


def _carried(
    missed: np.ndarray, axis: int, side: _Side, weights: Mapping[str, tuple[np.ndarray, np.ndarray]],
    steps: np.ndarray, game: TwoStageGame,
) -> np.ndarray:  # fmt: skip
    """The variance of each player's value from independent errors at one modality's masks."""
    names = list(weights)
    count = len(missed)
    found = []
    for own in names:
        sums = 0.0
        for q, step in enumerate(steps):
            factors = [(changes[q] if name == own else means[q][None]) for name, (means, changes) in weights.items()]
            mine = factors.pop(axis)[:, :count]  # (p, m)
            others = np.moveaxis(_contract(np.moveaxis(missed, 0, -1), factors), len(names) - 1, 0)  # (m, …, C)
            flat = others.reshape(count, -1, *missed.shape[len(names) :])  # (m, p', C)
            sums = sums + step * mine[:, None, :, *[None] * (flat.ndim - 2)] * np.moveaxis(flat, 0, 1)[None]
        squares = np.square(sums).sum(axis=2)  # over masks: (p, p', C)
        found.append(squares.reshape(len(game.groups[own]), *squares.shape[2:]))
    return np.concatenate(found)
