"""Shapley values by whichever estimator is asked for, of players or of whole modalities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import mmcore
from mmcore.attribution.estimators import Budget, Estimate, estimate, exact

if TYPE_CHECKING:
    from mmcore.attribution.row import Row
    from mmcore_explain.options import ModalityShapleyOptions, OcclusionOptions, ProductShapOptions


class ProductShap:
    """Shapley values of a game's players within a budget, and interactions of pairs across modalities."""

    def __init__(self, options: ProductShapOptions):
        self.options = options

    def game_request(self, row: Row) -> mmcore.GameRequest:
        """As the options say."""
        return self.options.game_request()

    def explain(self, game: mmcore.Game) -> mmcore.Attribution:
        """Values `(n,)` or `(n, C)`, with standard errors where they are estimated."""
        options = self.options
        budget = Budget(passes=options.passes, seconds=options.seconds, share_error=options.share_error)
        found = estimate(
            game, budget, estimator=options.estimator, interactions=options.interactions, seed=options.seed
        )
        return as_attribution(found)


class ModalityShapley:
    """Exact Shapley values of whole modalities: 2 M encoder passes and 2^M evaluations of the head."""

    def __init__(self, options: ModalityShapleyOptions):
        self.options = options

    def game_request(self, row: Row) -> mmcore.GameRequest:
        """Each modality is one player."""
        return self.options.game_request(granularity="modality")

    def explain(self, game: mmcore.Game) -> mmcore.Attribution:
        """Values `(M,)` or `(M, C)`, and interactions of each pair of modalities."""
        return as_attribution(exact(game, interactions=game.n_players > 1))


class Occlusion:
    """What each player alone takes with it: the value of all players less that of all others."""

    def __init__(self, options: OcclusionOptions):
        self.options = options

    def game_request(self, row: Row) -> mmcore.GameRequest:
        """As the options say."""
        return self.options.game_request()

    def explain(self, game: mmcore.Game) -> mmcore.Attribution:
        """v(N) − v(N \\ i), `(n,)` or `(n, C)`. They need not sum to anything."""
        nobody, everybody = game.ends()
        return mmcore.Attribution(everybody - game.value(~np.eye(game.n_players, dtype=bool)), base_value=nobody)


def as_attribution(found: Estimate) -> mmcore.Attribution:
    """What an estimator found, as explainers return it."""
    return mmcore.Attribution(
        values=found.values,
        errors=found.errors,
        share_errors=found.share_errors,
        base_value=found.base_value,
        interactions=found.interactions,
        settings={"found_by": dict(found.settings)},  # apart from the options, which may say "auto"
        notes=found.notes,
    )
