"""MM-SHAP (Parcalabescu & Frank, ACL 2023, arXiv:2212.08158), by shap's own permutation explainer.

As in the authors' code: ten random orders, each walked forward and backward, 10 (2P + 1) values for P players. Unlike
there, special tokens are no players (masking them was undone there, so that their values were 0), and the grid covers
all pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

import mmcore
from mmcore.attribution.explanation import shares_of

if TYPE_CHECKING:
    from mmcore.attribution.row import Row
    from mmcore_explain import MMShapOptions


class MMShap:
    """Shapley values of a game's players, from permutations."""

    def __init__(self, options: MMShapOptions):
        self.options = options

    def game_request(self, row: Row) -> mmcore.GameRequest:
        """Tokens or words, patches on a grid as fine as the text, masked together."""
        options = self.options
        return mmcore.GameRequest(granularity=options.granularity, grid=options.grid, output=options.output)

    def explain(self, game: mmcore.Game) -> mmcore.Attribution:
        """Values `(n,)` or `(n, C)`, with standard errors over the orders."""
        if game.n_players == 0:
            nobody, _ = game.ends()
            return mmcore.Attribution(np.zeros((0, *np.shape(nobody))), base_value=nobody)
        orders = _Orders(game)
        values, base = permutation_values(orders, game.n_players, self.options.permutations, self.options.seed)
        each = orders.contributions()
        return mmcore.Attribution(
            values=values,
            base_value=base,
            errors=each.std(axis=0, ddof=1) / np.sqrt(len(each)),
            share_errors=share_errors(each, game.groups) if game.outputs is None else {},
        )


def permutation_values(
    function: mmcore.Game | _Orders, n_players: int, permutations: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values `(n,)` or `(n, C)` and base value, by `shap.PermutationExplainer` on coalitions.

    Args:
        function: anything with `value(keep (K, n) bool) -> (K,)` or `(K, C)`.
    """
    import shap

    def masker(mask: np.ndarray, row: np.ndarray) -> tuple[np.ndarray]:
        return (mask[None, :],)

    with numpy_seed_kept():
        explainer = shap.PermutationExplainer(lambda keep: function.value(np.asarray(keep, bool)), masker, seed=seed)
        found = explainer(
            np.ones((1, n_players), dtype=bool),
            max_evals=permutations * (2 * n_players + 1),
            batch_size=2 * n_players + 1,
            silent=True,
        )
    return np.asarray(found.values[0], dtype=np.float64), np.asarray(found.base_values[0], dtype=np.float64)


@contextmanager
def numpy_seed_kept() -> Iterator[None]:
    """shap seeds NumPy's global generator; afterwards it is as it was."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)


class _Orders:
    """Passes coalitions on to a game, and remembers them: each call is one order, walked forward and backward."""

    def __init__(self, game: mmcore.Game):
        self._game = game
        self._walks: list[tuple[np.ndarray, np.ndarray]] = []

    def value(self, keep: np.ndarray) -> np.ndarray:
        """The game's values."""
        values = self._game.value(keep)
        self._walks.append((keep.copy(), values))
        return values

    def contributions(self) -> np.ndarray:
        """`(orders, n)` or `(orders, n, C)`: what each order says alone; their mean is the estimate."""
        return np.stack([walk_contributions(keep, values) for keep, values in self._walks])


def walk_contributions(keep: np.ndarray, values: np.ndarray) -> np.ndarray:
    """What each player adds on a walk of coalitions that differ by one player at a time, on average.

    >>> keep = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], dtype=bool)
    >>> walk_contributions(keep, np.array([0.0, 1.0, 4.0, 2.0, 0.0])).tolist()
    [1.5, 2.5]
    """
    signs = keep[1:].astype(int) - keep[:-1].astype(int)
    totals = np.tensordot(signs.T.astype(np.float64), np.diff(values, axis=0), axes=1)
    counts = np.abs(signs).sum(axis=0)
    return totals / counts.reshape(-1, *[1] * (values.ndim - 1))


def share_errors(each: np.ndarray, groups: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Jackknife standard errors of the shares, over orders `each (orders, n)`; empty where there are no shares."""
    count = len(each)
    without = (each.sum(axis=0) - each) / (count - 1)
    shares = [shares_of({name: float(np.abs(row[list(of)]).sum()) for name, of in groups.items()}) for row in without]
    if not all(shares):
        return {}
    return {name: float(np.sqrt((count - 1) * np.var([found[name] for found in shares]))) for name in groups}
