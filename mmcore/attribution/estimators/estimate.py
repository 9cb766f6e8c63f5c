"""What estimators return, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.attribution.explanation import shares_of
from mmcore.errors import OptionError

if TYPE_CHECKING:
    from mmcore.attribution.game import Game

SHARE_DRAWS = 400
"""Draws by which standard errors of values become those of shares."""


@dataclass(frozen=True)
class Estimate:
    """Shapley values of a game's players.

    Args:
        values: `(n,)`, or `(n, C)` for a game with several outputs; players in the game's order.
        base_value: the value with every player masked.
        errors: standard errors, shaped as `values`; None where the values are exact.
        share_errors: modality → standard error of its share; empty where exact, or with several outputs.
        interactions: (modality, modality) → Shapley interaction indices `(n_k, n_l)` or `(n_k, n_l, C)`.
        settings: what the estimator decided by itself.
        notes: plain warnings for a person.
    """

    values: np.ndarray
    base_value: np.ndarray
    errors: np.ndarray | None = None
    share_errors: Mapping[str, float] = field(default_factory=dict)
    interactions: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def spread(game: Game, values: np.ndarray) -> np.ndarray:
    """The values with what they lack of v(N) − v(∅) spread evenly, so that they sum to it."""
    nobody, everybody = game.ends()
    lacking = (everybody - nobody) - values.sum(axis=0)
    return values + lacking / max(1, len(values))


def share_errors_of(game: Game, values: np.ndarray, errors: np.ndarray, seed: int) -> dict[str, float]:
    """Standard errors of the shares, from values with independent normal errors; empty with several outputs."""
    if values.ndim > 1 or not len(values):
        return {}
    drawn = values + errors * np.random.default_rng(seed).standard_normal((SHARE_DRAWS, len(values)))
    shares = [
        shares_of({name: float(np.abs(row[of.start : of.stop]).sum()) for name, of in game.groups.items()})
        for row in drawn
    ]
    if not all(shares):
        return {}
    return {name: float(np.std([found[name] for found in shares])) for name in game.groups}


def refuse_small_budget(budget: int, least: int, what: str) -> None:
    """Refuse a budget that an estimator can do nothing with.

    Raises:
        OptionError: with the least that it needs.
    """
    if budget < least:
        raise OptionError(
            f"a budget of {budget} encoder passes is too small for {what}", hint=f"It needs {least} for this row."
        )
