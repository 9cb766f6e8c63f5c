"""The methods that fuse decisions, as declarations; what they are made of is imported when one is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import mmcore
from mmcore_fusion import options as chosen

if TYPE_CHECKING:
    from torch import nn

Widths = Mapping[str, int]


def build_soft_voting(options: chosen.CalibrateOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """The mean of the modalities' probabilities."""
    from mmcore_fusion.voting import SoftVoting

    return SoftVoting(widths, task.type, calibrate=options.calibrate)


def build_hard_voting(options: chosen.HardVotingOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """The share of the votes."""
    from mmcore_fusion.voting import HardVoting

    return HardVoting(widths, task.type, options.ties)


def build_weighted_voting(options: chosen.WeightedVotingOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Votes with learned weights."""
    from mmcore_fusion.voting import WeightedVoting

    return WeightedVoting(widths, task.type, options.voting, calibrate=options.calibrate)


def build_product_of_experts(options: chosen.ExpertsOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """The product of the modalities' probabilities."""
    from mmcore_fusion.experts import ProductOfExperts

    return ProductOfExperts(widths, task.type, calibrate=options.calibrate)


def build_stacking(options: chosen.StackingOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """A second model over the decisions."""
    from mmcore_fusion.stacking import Stacking

    return Stacking(widths, task.type, options.ridge, calibrate=options.calibrate)


def calibrates(options: Any) -> bool:
    """Whether a method learns from held-out decisions, because it was asked to be calibrated."""
    return bool(options.calibrate)


METHODS = (
    mmcore.FusionMethod(
        name="soft_voting",
        summary="The mean of the modalities' probabilities",
        options=chosen.CalibrateOptions,
        build=build_soft_voting,
        level="decision",
        learns_from_decisions=calibrates,
    ),
    mmcore.FusionMethod(
        name="hard_voting",
        summary="Each modality has one vote",
        options=chosen.HardVotingOptions,
        build=build_hard_voting,
        level="decision",
    ),
    mmcore.FusionMethod(
        name="weighted_voting",
        summary="Votes with weights that are learned on the validation split",
        options=chosen.WeightedVotingOptions,
        build=build_weighted_voting,
        level="decision",
        learns_from_decisions=True,
    ),
    mmcore.FusionMethod(
        name="product_of_experts",
        summary="The product of the modalities' probabilities: who is sure counts for more",
        options=chosen.ExpertsOptions,
        build=build_product_of_experts,
        level="decision",
        reference="doi:10.1162/089976602760128018",
        learns_from_decisions=calibrates,
    ),
    mmcore.FusionMethod(
        name="stacking",
        summary="A linear model over the modalities' decisions, learned on the validation split",
        options=chosen.StackingOptions,
        build=build_stacking,
        level="decision",
        reference="doi:10.1016/S0893-6080(05)80023-1",
        learns_from_decisions=True,
    ),
)
