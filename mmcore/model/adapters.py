"""Adapters: a few trainable matrices beside an encoder's frozen linear maps (LoRA, arXiv:2106.09685), through peft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmcore.catalog import is_installed
from mmcore.errors import CompositionError, MissingDependency


def add_adapter(module: nn.Module, asked: Mapping[str, Any], *, where: str) -> None:
    """Put low-rank matrices beside every linear map of an encoder, in place; they train, and nothing else does.

    A linear map `W x` becomes `W x + (alpha / rank) B A x`, with `A (rank, in)` random and `B (out, rank)` zero, so
    that the encoder begins as it was.

    Args:
        asked: `adapter` ("lora"), `rank`, and perhaps `alpha` and `dropout`.

    Raises:
        CompositionError: another kind of adapter, or an encoder without linear maps.
        MissingDependency: `peft` is not installed.
    """
    if asked["adapter"] != "lora":
        raise CompositionError(f"there is no adapter {asked['adapter']!r}", where=where, hint="Allowed: lora.")
    if not is_installed("peft"):
        raise MissingDependency(
            "adapters need 'peft', which is not installed",
            where=where,
            hint='pip install "mmcore-framework[adapters]"',
        )
    # maps inside torch's own attention are read by a fused kernel that would pass the adapter over
    within_attention = {
        id(part)
        for attention in module.modules()
        if isinstance(attention, nn.MultiheadAttention)
        for part in attention.modules()
    }
    targets = [
        name
        for name, part in module.named_modules()
        if type(part) is nn.Linear and name and id(part) not in within_attention
    ]
    if not targets:
        raise CompositionError(
            "this encoder has no linear maps that an adapter could stand beside",
            where=where,
            hint="Adapters are for transformers; use all, or {last: N}.",
        )
    from peft import LoraConfig, inject_adapter_in_model

    rank = int(asked.get("rank", 8))
    config = LoraConfig(
        r=rank,
        lora_alpha=asked.get("alpha") or 2 * rank,
        lora_dropout=float(asked.get("dropout") or 0.0),
        target_modules=targets,
    )
    inject_adapter_in_model(config, module)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_("lora_" in name)
