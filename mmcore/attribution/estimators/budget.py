"""How long an estimator may go on: encoder passes, seconds, or until the shares are known well enough."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from mmcore.errors import OptionError

if TYPE_CHECKING:
    from mmcore.attribution.game import Game

MOST_REPLICATES = 1_000
"""Replicates at most: once all maskings are encoded, further ones cost no passes."""

FIRST_LOOK = 4
"""Replicates before a standard error is believed."""


@dataclass
class Budget:
    """What an estimator may spend. It ends at the first limit that is reached.

    Args:
        passes: encoder passes of all modalities together, those of the row as it is included; None: no limit.
        seconds: of wall time; None: no limit.
        share_error: ends once no modality's share has a larger standard error; None: goes on.

    Raises:
        OptionError: there is no limit at all.
    """

    passes: int | None = None
    seconds: float | None = None
    share_error: float | None = None
    _start: float = field(default_factory=time.perf_counter, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.passes is None and self.seconds is None and self.share_error is None:
            raise OptionError("a budget needs a limit", hint="Give passes, seconds or share_error.")

    @property
    def spent(self) -> float:
        """Seconds since the budget was made."""
        return time.perf_counter() - self._start

    @property
    def out_of_time(self) -> bool:
        """Whether the seconds are spent."""
        return self.seconds is not None and self.spent >= self.seconds

    def allows(self, game: Game, replicates: Sequence[np.ndarray], *, least: int, what: str, next_cost: int) -> bool:
        """Whether another replicate may be made, which costs at most `next_cost` passes.

        Raises:
            OptionError: not even the first `least` ones may.
        """
        done = len(replicates)
        affordable = self.passes is None or game.n_passes + next_cost <= self.passes
        if done < least:
            if not affordable:
                raise OptionError(
                    f"a budget of {self.passes} encoder passes is too small for {what}",
                    hint=f"It needs {game.n_passes + (least - done) * next_cost} for this row.",
                )
            return True
        enough = done >= MOST_REPLICATES or self.out_of_time or self._known_well(game, replicates)
        return affordable and not enough

    def _known_well(self, game: Game, replicates: Sequence[np.ndarray]) -> bool:
        if self.share_error is None or len(replicates) < FIRST_LOOK or game.outputs is not None:
            return False
        from mmcore.attribution.estimators.orders import share_errors

        errors = share_errors(np.stack(replicates), game.groups)
        return not errors or max(errors.values()) <= self.share_error
