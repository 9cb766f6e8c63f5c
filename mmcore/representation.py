"""What encoders return and fusion models give: representations and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Representation:
    """One modality, encoded.

    Args:
        vector: `(B, D)`.
        tokens: `(B, L, D)`, where the encoder has them.
        mask: `(B, L)` bool, true for tokens that count; None when all do.
    """

    vector: Tensor
    tokens: Tensor | None = None
    mask: Tensor | None = None

    def to(self, device: Any) -> Representation:
        """The same representation on another device."""
        moved = [None if value is None else value.to(device) for value in (self.vector, self.tokens, self.mask)]
        return Representation(moved[0], moved[1], moved[2])  # type: ignore[arg-type]

    def only(self, present: Tensor) -> Representation:
        """Zeros in the rows where `present (B,)` is false, whatever stood there, NaN included."""
        import torch

        zero = torch.zeros((), dtype=self.vector.dtype, device=self.vector.device)
        vector = torch.where(present[:, None], self.vector, zero)
        if self.tokens is None:
            return Representation(vector, None, self.mask)
        tokens = torch.where(present[:, None, None], self.tokens, zero)
        return Representation(vector, tokens, self.mask)


@dataclass
class Output:
    """What a fusion model gives for a batch.

    Args:
        logits: `(B, C)`; `(B, 1)` in regression.
        representation: `(B, D)`, the fused representation; None where decisions are fused.
        per_modality_logits: modality → `(B, C)`, from strategies that decide per modality.
        losses: further losses by name, already weighted, added to the task's.
    """

    logits: Tensor
    representation: Tensor | None = None
    per_modality_logits: Mapping[str, Tensor] = field(default_factory=dict)
    losses: Mapping[str, Tensor] = field(default_factory=dict)
