"""Late fusion: each modality decides by itself, then the decisions meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

import mmcore

if TYPE_CHECKING:
    from mmcore_fusion import LateOptions


class Late(mmcore.FusionModel):
    """An encoder, layer norm, dropout, head and loss per modality; a decision-level method over their logits.

    A method with parameters of its own learns by the loss of the fused decision, which does not reach the modalities:
    each of them stays a model of its own.
    """

    def __init__(
        self, options: LateOptions, encoders: mmcore.EncoderBank, method: mmcore.MethodFactory, task: mmcore.Task
    ):
        super().__init__(encoders.modalities, encoders.specs, task)
        self.encoders = encoders
        dims = encoders.dims
        self.norms = nn.ModuleDict(
            {name: nn.LayerNorm(dim) if options.normalise else nn.Identity() for name, dim in dims.items()}
        )
        self.dropout = nn.Dropout(options.dropout)
        self.heads = nn.ModuleDict({name: task.build_head(dim) for name, dim in dims.items()})
        self.method = method(dict.fromkeys(self.modalities, task.n_outputs))
        self.method_learns = any(parameter.requires_grad for parameter in self.method.parameters())

    def encode(self, batch: mmcore.Batch) -> dict[str, mmcore.Representation]:
        """Each modality's representation, zeros where it is absent."""
        return self.encoders.encode(batch)

    def fuse(self, representations: Mapping[str, mmcore.Representation], present: Tensor) -> mmcore.Output:
        """Each modality's logits, zeros where it is absent, and the fused ones."""
        decisions = {}
        for column, name in enumerate(self.modalities):
            here = present[:, column]
            vector = self.dropout(self.norms[name](representations[name].only(here).vector))
            logits = self.heads[name](vector)
            decisions[name] = torch.where(here[:, None], logits, 0.0)
        votes = {name: logits.detach() for name, logits in decisions.items()} if self.method_learns else decisions
        return mmcore.Output(self.method(votes, present), per_modality_logits=decisions)

    def loss(self, output: mmcore.Output, batch: mmcore.Batch) -> Tensor:
        """The mean over modalities of each one's own loss over the rows in which it is present, plus the method's."""
        assert batch.targets is not None
        losses = []
        for name in self.modalities:
            rows = batch.present[:, batch.modalities.index(name)].nonzero()[:, 0]
            if len(rows):
                losses.append(self.task.loss(output.per_modality_logits[name][rows], batch.targets[rows]))
        own = torch.stack(losses).mean()
        return own + self.task.loss(output.logits, batch.targets) if self.method_learns else own
