"""How each method that fuses representations is built from its options; what it is made of is imported only then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import mmcore
from mmcore_fusion import options as chosen

if TYPE_CHECKING:
    from torch import nn

    from mmcore_fusion.arithmetic import Operation

Widths = Mapping[str, int]


def within(options: chosen.AfterOptions, widths: Widths, make: Callable[[dict[str, int]], Any]) -> nn.Module:
    """What `make` builds, with the projection before and the MLP after it that the options ask for."""
    from mmcore_fusion.fusion import surrounded

    project = options.project if isinstance(options, chosen.AroundOptions) else None
    return surrounded(widths, project, options.hidden, make)


def build_multconcat(options: chosen.MultConcatOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Projections and their product."""
    from mmcore_fusion.concatenation import MultConcat

    return within(options, widths, lambda inner: MultConcat(inner, options.dim))


def build_concat(options: chosen.AroundOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Representations side by side."""
    from mmcore_fusion.concatenation import Concat

    return within(options, widths, Concat)


def build_arithmetic(
    options: chosen.CommonSpaceOptions, widths: Widths, task: mmcore.Task, *, operation: Operation
) -> nn.Module:
    """The sum, mean, maximum or product of projections."""
    from mmcore_fusion.arithmetic import Arithmetic

    return within(options, widths, lambda inner: Arithmetic(inner, options.dim, operation))


def build_gated(options: chosen.GatedOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Gated sum."""
    from mmcore_fusion.gating import Gated

    return within(options, widths, lambda inner: Gated(inner, options.dim, tied=options.tied, scalar=options.scalar))


def build_attention(options: chosen.CommonSpaceOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """A weighted sum of projections."""
    from mmcore_fusion.gating import ModalityAttention

    return within(options, widths, lambda inner: ModalityAttention(inner, options.dim))


def build_lmf(options: chosen.LowRankOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """The low-rank core, normalised before and after."""
    from mmcore_fusion.tensors import LowRankTensorFusion

    return within(options, widths, lambda inner: LowRankTensorFusion(inner, options.dim, options.rank, options.project))


def build_tensor_fusion(options: chosen.TensorOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """The outer product and a layer that reads it."""
    from mmcore_fusion.tensors import TensorFusion

    return within(
        options,
        widths,
        lambda inner: TensorFusion(inner, options.dim, dropout=options.dropout, max_weights=options.max_weights),
    )


def build_mlb(options: chosen.MLBOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Low-rank bilinear pooling."""
    from mmcore_fusion.bilinear import MLB

    return within(options, widths, lambda inner: MLB(inner, options.width, options.dim, activation=options.activation))


def build_mfb(options: chosen.MFBOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Factorised bilinear pooling."""
    from mmcore_fusion.bilinear import MFB

    return within(options, widths, lambda inner: MFB(inner, options.dim, options.factor, dropout=options.dropout))


def build_mutan(options: chosen.MutanOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Tucker decomposition."""
    from mmcore_fusion.bilinear import Mutan

    return within(options, widths, lambda inner: Mutan(inner, options.width, options.rank, options.dim))


def build_block(options: chosen.BlockOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Block-term decomposition."""
    from mmcore_fusion.bilinear import Block

    return within(options, widths, lambda inner: Block(inner, options.width, options.chunks, options.rank, options.dim))


def build_bilinear(options: chosen.PairwiseOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Full bilinear forms."""
    from mmcore_fusion.bilinear import MultiplicativeInteractions

    return within(
        options, widths, lambda inner: MultiplicativeInteractions(inner, options.dim, max_weights=options.max_weights)
    )


def build_film(options: chosen.FilmOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Scale and shift."""
    from mmcore_fusion.conditioning import Film

    return within(options, widths, lambda inner: Film(inner, options.main))


def build_mag(options: chosen.MagOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """A bounded shift."""
    from mmcore_fusion.conditioning import AdaptationGate

    return within(
        options, widths, lambda inner: AdaptationGate(inner, options.main, beta=options.beta, dropout=options.dropout)
    )


def build_deep_set(options: chosen.DeepSetOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """A set of projections."""
    from mmcore_fusion.sets import DeepSet

    return within(options, widths, lambda inner: DeepSet(inner, options.dim, options.pool))


def build_cross_attention(options: chosen.CrossAttentionOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Tokens that ask others' tokens, once."""
    from mmcore_fusion.crossmodal import CrossAttention

    return within(
        options,
        widths,
        lambda inner: CrossAttention(inner, options.dim, options.heads, dropout=options.dropout, main=options.main),
    )


def build_mult(options: chosen.MulTOptions, widths: Widths, task: mmcore.Task) -> nn.Module:
    """Crossmodal transformers."""
    from mmcore_fusion.crossmodal import MulT

    return within(
        options,
        widths,
        lambda inner: MulT(
            inner,
            options.dim,
            options.heads,
            options.layers,
            options.memory_layers,
            dropout=options.dropout,
            pool=options.pool,
        ),
    )
