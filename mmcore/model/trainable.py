"""Which parameters of an encoder train: none, all, or those of its last blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmcore.errors import CompositionError

if TYPE_CHECKING:
    from torch import nn

Trainable = Any
"""`"none"`, `"all"`, `{"last": N}` or `{"adapter": "lora", "rank": R}`."""


def apply_trainable(module: nn.Module, trainable: Trainable, *, where: str) -> None:
    """Let the asked-for parameters of an encoder require gradients, and no others.

    Raises:
        CompositionError: the encoder names no blocks, or fewer than asked for; or has no linear maps to adapt.
        MissingDependency: adapters need `peft`.
    """
    if trainable in ("none", "all"):
        module.requires_grad_(trainable == "all")
        return
    if isinstance(trainable, Mapping) and "adapter" in trainable:
        from mmcore.model.adapters import add_adapter

        add_adapter(module, trainable, where=where)
        return
    if not (isinstance(trainable, Mapping) and set(trainable) == {"last"}):
        allowed = "none, all, {last: N}, or {adapter: lora, rank: R}"
        raise CompositionError(f"trainable is {trainable!r}", where=where, hint=f"Allowed: {allowed}.")
    blocks, wanted = list(getattr(module, "blocks", ())), trainable["last"]
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise CompositionError(
            f"trainable asks for the last {wanted!r} blocks", where=where, hint="Allowed: 1 or more."
        )
    if not blocks:
        raise CompositionError(
            "this encoder names no blocks, so its last ones can't be chosen", where=where, hint="Use none or all."
        )
    if wanted > len(blocks):
        raise CompositionError(
            f"trainable asks for the last {wanted} blocks; there are {len(blocks)}",
            where=where,
            hint=f"Allowed: 1 to {len(blocks)}, or all.",
        )
    module.requires_grad_(False)
    for block in blocks[-wanted:]:
        block.requires_grad_(True)


def train_mode(module: nn.Module, *, mode: bool) -> None:
    """Put what trains into training mode, and what does not into evaluation mode: no dropout, fixed statistics."""
    if not any(parameter.requires_grad for parameter in module.parameters()):
        if any(part.training for part in module.modules()):  # setting it takes longer than a small head's step
            module.eval()
        return
    module.train(mode)
    if not mode:
        return
    for part in module.modules():
        own = list(part.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            part.eval()
