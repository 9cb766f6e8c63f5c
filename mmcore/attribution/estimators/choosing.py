"""One door to all estimators: which one plays a game, and how long it may go on."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from mmcore.attribution.estimators.budget import Budget
from mmcore.attribution.estimators.cubature import product_gp
from mmcore.attribution.estimators.enumeration import MOST_COALITIONS, coalitions, exact
from mmcore.attribution.estimators.estimate import Estimate
from mmcore.attribution.estimators.orders import lattice, permutation
from mmcore.attribution.estimators.regression import kernel
from mmcore.errors import OptionError

if TYPE_CHECKING:
    from mmcore.attribution.game import Game

EstimatorName = Literal["auto", "exact", "permutation", "kernel", "lattice", "product_gp"]

FIRST_PASSES = 64
"""Passes of the first look, where seconds or an error are the limit; each further look doubles them."""


def estimate(
    game: Game,
    budget: Budget,
    *,
    estimator: EstimatorName = "auto",
    interactions: bool = False,
    seed: int = 0,
) -> Estimate:
    """Shapley values of a game.

    "auto" is exact where all coalitions are within the passes, else `product_gp` where the model has two stages, else
    `permutation`; the estimate's settings say which it was.

    Args:
        interactions: also pairs of players of different modalities; by `exact` and `product_gp`.

    Raises:
        OptionError: the budget is too small, or the estimator does not fit the game or the question.
    """
    name = _chosen(game, budget, interactions=interactions) if estimator == "auto" else estimator
    if interactions and name not in ("exact", "product_gp"):
        raise OptionError(f"{name} estimates no interactions", hint="Use exact or product_gp.")
    if name == "exact":
        return exact(game, interactions=interactions)
    if name in ("permutation", "lattice"):
        found = (permutation if name == "permutation" else lattice)(game, budget, seed=seed)
    else:
        found = _growing(game, budget, name, interactions=interactions, seed=seed)
    return replace(found, settings={**found.settings, "passes": game.n_passes})


def passes_of_exact(game: Game) -> int:
    """Encoder passes that exact values cost."""
    if game.two_stage:
        return sum(2 ** len(of) for of in game.groups.values())
    return coalitions(game) * len(game.groups)


def _chosen(game: Game, budget: Budget, *, interactions: bool) -> str:
    affordable = coalitions(game) <= MOST_COALITIONS and (
        budget.passes is not None and passes_of_exact(game) <= budget.passes
    )
    if affordable or game.n_players < 2:
        return "exact"
    if game.two_stage:
        return "product_gp"
    if interactions:
        raise OptionError(
            f"exact interactions of this row cost {passes_of_exact(game)} encoder passes",
            hint="Give that many, or ask for fewer players: the model reads all modalities at once.",
        )
    return "permutation"


def _growing(game: Game, budget: Budget, name: str, *, interactions: bool, seed: int) -> Estimate:
    """With passes as the only limit at once; else with twice as many again and again, which keeps what was encoded."""
    more: dict[str, Any] = {"interactions": True} if interactions else {}

    def run(passes: int) -> Estimate:
        return kernel(game, passes, seed=seed) if name == "kernel" else product_gp(game, passes, seed=seed, **more)  # type: ignore[arg-type]

    if budget.passes is not None and budget.seconds is None and budget.share_error is None:
        return run(budget.passes)
    passes, most = FIRST_PASSES, budget.passes or passes_of_exact(game)
    while True:
        start = time.perf_counter()
        found = run(min(passes, most))
        took = time.perf_counter() - start
        known = found.errors is None or (
            budget.share_error is not None and max(found.share_errors.values(), default=0.0) <= budget.share_error
        )
        late = budget.seconds is not None and budget.spent + 2 * took > budget.seconds
        if known or late or passes >= most:
            return found
        passes *= 2
