"""Intermediate fusion: representations meet, then one head decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import mmcore

if TYPE_CHECKING:
    from mmcore_fusion.strategies import IntermediateOptions


class Intermediate(mmcore.FusionModel):
    """Encoders, layer norm and dropout per modality, a fusion method, a head.

    With a learned placeholder, an absent modality is that vector, and the method sees it as present. Without one, the
    method is told who is absent. In training, `modality_dropout` makes present modalities absent row by row, and with
    `unimodal_loss` each modality also decides by a head of its own. Where the method reads tokens, an encoder that has
    none gives one: its vector.
    """

    def __init__(
        self,
        options: IntermediateOptions,
        encoders: mmcore.EncoderBank,
        method: mmcore.MethodFactory,
        task: mmcore.Task,
    ):
        super().__init__(encoders.modalities, encoders.specs, task)
        self.encoders = encoders
        dims = encoders.dims
        self.norms = nn.ModuleDict(
            {name: nn.LayerNorm(dim) if options.normalise else nn.Identity() for name, dim in dims.items()}
        )
        self.dropout = nn.Dropout(options.dropout)
        self.modality_dropout = options.modality_dropout
        self.placeholders = nn.ParameterDict()
        if options.placeholder == "learned":
            self.placeholders.update({name: nn.Parameter(0.02 * torch.randn(dim)) for name, dim in dims.items()})
        self.reads_tokens = method.declaration.reads == "tokens"
        self.method = method(dims)
        self.head = task.build_head(int(self.method.dim))  # type: ignore[arg-type]
        self.unimodal_loss = options.unimodal_loss
        own = dims if options.unimodal_loss and len(dims) > 1 else {}
        self.unimodal_heads = nn.ModuleDict({name: task.build_head(dim) for name, dim in own.items()})

    def encode(self, batch: mmcore.Batch) -> dict[str, mmcore.Representation]:
        """Each modality's representation, zeros where it is absent."""
        return self.encoders.encode(batch)

    def fuse(self, representations: Mapping[str, mmcore.Representation], present: Tensor) -> mmcore.Output:
        """Normalise, fuse, decide."""
        if self.training and self.modality_dropout:
            present = without_some(present, self.modality_dropout)
        prepared = {}
        for column, name in enumerate(self.modalities):
            prepared[name] = self._prepared(name, representations[name].only(present[:, column]), present[:, column])
        seen = torch.ones_like(present) if len(self.placeholders) else present
        fused = self.method(
            prepared if self.reads_tokens else {name: each.vector for name, each in prepared.items()}, seen
        )
        if not self.training or not len(self.unimodal_heads):
            return mmcore.Output(self.head(fused), representation=fused)
        decisions = {name: head(prepared[name].vector) for name, head in self.unimodal_heads.items()}
        return mmcore.Output(self.head(fused), representation=fused, per_modality_logits=decisions)

    def loss(self, output: mmcore.Output, batch: mmcore.Batch) -> Tensor:
        """The task's loss; in training the weighted mean of each modality's own loss over its rows is added."""
        total = super().loss(output, batch)
        if not output.per_modality_logits:
            return total
        assert batch.targets is not None
        losses = []
        for name, logits in output.per_modality_logits.items():
            rows = batch.present[:, batch.modalities.index(name)].nonzero()[:, 0]
            if len(rows):
                losses.append(self.task.loss(logits[rows], batch.targets[rows]))
        return total + self.unimodal_loss * torch.stack(losses).mean() if losses else total

    def _prepared(self, name: str, plain: mmcore.Representation, here: Tensor) -> mmcore.Representation:
        vector = self.dropout(self.norms[name](plain.vector))
        tokens = None if plain.tokens is None else self.dropout(self.norms[name](plain.tokens))
        mask = plain.mask
        if name in self.placeholders:
            stand_in = self.placeholders[name]
            vector = torch.where(here[:, None], vector, stand_in)
            if tokens is not None:
                tokens = torch.where(here[:, None, None], tokens, stand_in)
                mask = None if mask is None else mask | ~here[:, None]
        if self.reads_tokens and tokens is None:
            return mmcore.Representation(vector, vector[:, None])
        return mmcore.Representation(vector, tokens, mask)


def without_some(present: Tensor, share: float) -> Tensor:
    """`present (B, M)` with each present modality of each row left out with probability `share`, but never all.

    Where a row would lose everything, the modality with the largest draw stays, which is each with equal probability.
    """
    draws = torch.rand(present.shape, device=present.device).masked_fill(~present, -1.0)
    kept = draws >= share
    last = torch.zeros_like(present).scatter_(1, draws.argmax(1, keepdim=True), True) & present
    return kept | (last & ~kept.any(1, keepdim=True))
