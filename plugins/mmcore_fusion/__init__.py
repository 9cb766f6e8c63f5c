"""When and how modalities are fused: the strategies `early`, `intermediate` and `late`, and the methods that fit."""

from __future__ import annotations

from collections.abc import Iterator

import mmcore
from mmcore_fusion import decision_level, input_level, representation_level, strategies


@mmcore.hookimpl
def mmcore_fusion_strategies() -> Iterator[mmcore.FusionStrategy]:
    """`early`, `intermediate` and `late`."""
    yield from strategies.STRATEGIES


@mmcore.hookimpl
def mmcore_fusion_methods() -> Iterator[mmcore.FusionMethod]:
    """Everything from `multconcat` to `stacking`, by the level at which it combines."""
    yield from representation_level.METHODS
    yield from decision_level.METHODS
    yield from input_level.METHODS
