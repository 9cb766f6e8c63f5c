"""Other libraries' algorithms on our games, whose cache of encoded maskings serves them as well."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import mmcore
from mmcore_explain.mm_shap import numpy_seed_kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmcore.attribution.row import Row
    from mmcore_explain.options import ShapiqOptions, ShapOptions


class Shap:
    """An algorithm of the library shap."""

    def __init__(self, options: ShapOptions):
        self.options = options

    def game_request(self, row: Row) -> mmcore.GameRequest:
        """As the options say."""
        return self.options.game_request()

    def explain(self, game: mmcore.Game) -> mmcore.Attribution:
        """Values `(n,)` or `(n, C)`. The library gives no errors."""
        nobody, everybody = game.ends()
        if game.n_players < 2:
            return mmcore.Attribution(np.reshape(everybody - nobody, (1, *np.shape(nobody)))[: game.n_players])
        with numpy_seed_kept():
            np.random.seed(self.options.seed)
            values = _SHAP[self.options.algorithm](game, self.options)
        return mmcore.Attribution(np.asarray(values, dtype=np.float64), base_value=nobody)


def _kernel(game: mmcore.Game, options: ShapOptions) -> np.ndarray:
    import shap

    explainer = shap.KernelExplainer(_of_numbers(game), np.zeros((1, game.n_players)))
    whole = np.ones((1, game.n_players))
    return np.asarray(explainer.shap_values(whole, nsamples=options.evaluations, l1_reg=False, silent=True))[0]


def _sampling(game: mmcore.Game, options: ShapOptions) -> np.ndarray:
    import shap

    explainer = shap.SamplingExplainer(_of_numbers(game), np.zeros((1, game.n_players)))
    return np.asarray(explainer.shap_values(np.ones((1, game.n_players)), nsamples=options.evaluations))[0]


def _permutation(game: mmcore.Game, options: ShapOptions) -> np.ndarray:
    import shap

    explainer = shap.PermutationExplainer(_of_numbers(game), _masker, seed=options.seed)
    least = 2 * game.n_players + 1
    found = explainer(np.ones((1, game.n_players)), max_evals=max(least, options.evaluations), silent=True)
    return np.asarray(found.values[0])


def _exact(game: mmcore.Game, options: ShapOptions) -> np.ndarray:
    import shap

    if game.n_players > 16:
        raise mmcore.OptionError(
            f"shap's exact algorithm evaluates 2^{game.n_players} coalitions", hint="Ask for at most 16 players."
        )
    explainer = shap.ExactExplainer(_of_numbers(game), _masker)
    found = explainer(np.ones((1, game.n_players)), max_evals=2**game.n_players, silent=True)
    return np.asarray(found.values[0])


_SHAP = {"kernel": _kernel, "sampling": _sampling, "permutation": _permutation, "exact": _exact}


def _of_numbers(game: mmcore.Game) -> Callable[[Any], np.ndarray]:
    """The game as a function of rows of zeros and ones."""
    return lambda keep: game.value(np.asarray(keep, dtype=np.float64) > 0.5)


def _masker(mask: np.ndarray, row: np.ndarray) -> tuple[np.ndarray]:
    return ((row * mask)[None, :],)


class Shapiq:
    """An approximator of the library shapiq; indices of pairs become interactions across modalities."""

    def __init__(self, options: ShapiqOptions):
        self.options = options

    def game_request(self, row: Row) -> mmcore.GameRequest:
        """As the options say."""
        return self.options.game_request()

    def explain(self, game: mmcore.Game) -> mmcore.Attribution:
        """Values `(n,)`, of one output.

        Raises:
            OptionError: the game has several outputs, or too few players for pairs.
        """
        options = self.options
        if game.outputs is not None:
            raise mmcore.OptionError("shapiq explains one output", hint="Name one class, or leave `target` out.")
        nobody, everybody = game.ends()
        if game.n_players < 2:
            return mmcore.Attribution(np.full(game.n_players, everybody - nobody), base_value=float(nobody))
        with warnings.catch_warnings():  # that fewer evaluations than allowed are enough is no news
            warnings.filterwarnings("ignore", "Not all budget is required")
            found = self._approximator(game.n_players).approximate(
                options.evaluations, lambda keep: game.value(np.atleast_2d(np.asarray(keep, bool))) - float(nobody)
            )
        values = found.get_n_order_values(1)
        interactions = {}
        if options.pairs:
            table = found.get_n_order_values(2)
            names = list(game.groups)
            interactions = {
                (one, other): table[np.ix_(game.groups[one], game.groups[other])]
                for place, one in enumerate(names)
                for other in names[place + 1 :]
            }
        return mmcore.Attribution(values, base_value=float(nobody), interactions=interactions)

    def _approximator(self, n: int) -> Any:
        import shapiq

        options = self.options
        if options.pairs:
            return shapiq.KernelSHAPIQ(n, max_order=2, index="k-SII", random_state=options.seed)
        made = getattr(shapiq.approximator, options.algorithm)
        more = {"max_order": 1} if options.algorithm == "SHAPIQ" else {}
        return made(n, random_state=options.seed, **({"index": "SV"} if more else {}), **more)
