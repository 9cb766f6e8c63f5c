"""Games whose Shapley values and cross-modal interactions are known in closed form.

For tests of estimators and explainers: whatever plays a `Game` can be held against `shapley` and `interactions`.

>>> import numpy as np
>>> game = bilinear({"image": [1.0, 2.0], "text": [3.0]})
>>> game.value(np.array([[True, True, True]])).tolist(), game.shapley.tolist()
([9.0], [1.5, 3.0, 4.5])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mmcore.attribution.game import FunctionGame

Interactions = Mapping[tuple[str, str], np.ndarray]


class KnownGame(FunctionGame):
    """A game that knows its answer.

    Args:
        sizes: modality → number of its players.
        function: `keep (K, n)` → `(K,)`.
        shapley: `(n,)` Shapley values.
        interactions: (modality, modality) → `(n_k, n_l)` pairwise Shapley interaction indices (Grabisch & Roubens,
            1999) of players of the two.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        function: Callable[[np.ndarray], np.ndarray],
        shapley: np.ndarray,
        interactions: Interactions,
    ):
        super().__init__(sizes, function)
        self.shapley = np.asarray(shapley, dtype=np.float64)
        self.interactions = dict(interactions)

    def __add__(self, other: KnownGame) -> KnownGame:
        """The sum of two games of the same players: values and interactions add (linearity)."""
        if self.labels != other.labels:
            raise ValueError("games of different players have no sum")
        return KnownGame(
            {name: len(of) for name, of in self.labels.items()},
            lambda keep: self._function(keep) + other._function(keep),
            self.shapley + other.shapley,
            {pair: table + other.interactions[pair] for pair, table in self.interactions.items()},
        )

    def __rmul__(self, factor: float) -> KnownGame:
        """The game, `factor` times as large."""
        return KnownGame(
            {name: len(of) for name, of in self.labels.items()},
            lambda keep: factor * self._function(keep),
            factor * self.shapley,
            {pair: factor * table for pair, table in self.interactions.items()},
        )


def additive(weights: Mapping[str, Sequence[float]]) -> KnownGame:
    """v(S) = Σ_{i ∈ S} w_i: each player is worth its weight, and no two interact."""
    every = np.concatenate([np.asarray(of, dtype=np.float64) for of in weights.values()])
    return KnownGame(_sizes(weights), lambda keep: keep @ every, every, _none(_sizes(weights)))


def bilinear(weights: Mapping[str, Sequence[float]]) -> KnownGame:
    """v(S) = (Σ_{i ∈ S₁} a_i)(Σ_{j ∈ S₂} b_j) of two modalities: φ_i = a_i Σb / 2, interactions a_i b_j."""
    if len(weights) != 2:
        raise ValueError(f"a bilinear game has two modalities, not {len(weights)}")
    a, b = (np.asarray(of, dtype=np.float64) for of in weights.values())
    one, other = weights
    return KnownGame(
        _sizes(weights),
        lambda keep: (keep[:, : len(a)] @ a) * (keep[:, len(a) :] @ b),
        np.concatenate([a * b.sum() / 2, b * a.sum() / 2]),
        {(one, other): np.outer(a, b)},
    )


def unanimity(sizes: Mapping[str, int], members: Sequence[int]) -> KnownGame:
    """v(S) = 1 where all `members` (players' numbers) are in S, else 0: each of t members is worth 1/t, two of them
    interact by 1/(t − 1), everybody else is a dummy."""
    n, held = sum(sizes.values()), sorted(set(members))
    if not held or held[0] < 0 or held[-1] >= n:
        raise ValueError(f"members {list(members)} of {n} players")
    inside = np.isin(np.arange(n), held)
    pairs = np.outer(inside, inside) / max(len(held) - 1, 1)
    return KnownGame(
        sizes, lambda keep: np.all(keep[:, inside], axis=1) * 1.0, inside / len(held), _blocks(sizes, pairs)
    )


def majority(sizes: Mapping[str, int]) -> KnownGame:
    """v(S) = 1 where more than half of all players are in S: each is worth 1/n, and no two interact on average."""
    n = sum(sizes.values())
    if n % 2 == 0:
        raise ValueError(f"a majority of an odd number of players, not of {n}")
    return KnownGame(sizes, lambda keep: keep.sum(axis=1) > n / 2, np.full(n, 1 / n), _none(sizes))


def parity(sizes: Mapping[str, int]) -> KnownGame:
    """v(S) = 1 where |S| is odd, the XOR of all players: 1/n each for odd n and 0 for even n; pairs interact by
    −2/(n − 1) for even n and 0 for odd n."""
    n = sum(sizes.values())
    odd = n % 2
    pairs = np.full((n, n), 0.0 if odd else -2 / (n - 1))
    return KnownGame(sizes, lambda keep: keep.sum(axis=1) % 2, np.full(n, odd / n), _blocks(sizes, pairs))


def _sizes(weights: Mapping[str, Sequence[float]]) -> dict[str, int]:
    return {name: len(of) for name, of in weights.items()}


def _none(sizes: Mapping[str, int]) -> Interactions:
    n = sum(sizes.values())
    return _blocks(sizes, np.zeros((n, n)))


def _blocks(sizes: Mapping[str, int], pairs: np.ndarray) -> Interactions:
    """The parts `(n_k, n_l)` of `(n, n)` for each two modalities."""
    names, ends = list(sizes), np.cumsum(list(sizes.values()))
    of = {name: slice(end - sizes[name], end) for name, end in zip(names, ends, strict=True)}
    return {(one, other): pairs[of[one], of[other]] for k, one in enumerate(names) for other in names[k + 1 :]}
