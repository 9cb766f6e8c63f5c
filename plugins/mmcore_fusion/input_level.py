"""The methods that fuse inputs, as declarations; what they are made of is imported when one is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import mmcore
from mmcore_fusion import options as chosen

if TYPE_CHECKING:
    from torch import nn

Widths = Mapping[str, int]


def build_joint_transformer(options: chosen.JointTransformerOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """One transformer over all tokens."""
    from mmcore_fusion.crossmodal import JointTransformer
    from mmcore_fusion.fusion import surrounded

    return surrounded(
        widths,
        None,
        options.hidden,
        lambda inner: JointTransformer(inner, options.dim, options.heads, options.layers, dropout=options.dropout),
    )


def build_channel_stack(options: mmcore.NoOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Grids, blank where absent."""
    from mmcore_fusion.grids import ChannelStack

    return ChannelStack()


METHODS = (
    mmcore.FusionMethod(
        name="joint_transformer",
        summary="One transformer over the tokens of all modalities, from the first layer on",
        options=chosen.JointTransformerOptions,
        build=build_joint_transformer,
        level="input",
        reads="tokens",
        reference="arXiv:1706.03762",
        tiny={"dim": 8, "heads": 2, "layers": 1},
    ),
    mmcore.FusionMethod(
        name="channel_stack",
        summary="Grids of one kind stacked by channel, for one encoder",
        build=build_channel_stack,
        level="input",
        reads="grid",
    ),
)
