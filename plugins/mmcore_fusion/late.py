"""Late fusion: each modality decides by itself, then the decisions meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn

import mmcore

if TYPE_CHECKING:
    from mmcore_fusion.strategies import LateOptions


class Late(mmcore.FusionModel):
    """An encoder, layer norm, dropout, head and loss per modality; a decision-level method over their logits.

    A method with parameters of its own learns by the loss of the fused decision, which does not reach the modalities:
    each of them stays a model of its own. One that learns from held-out decisions is fitted after training. Models of
    finished runs vote as they are: nothing of them is trained.
    """

    def __init__(
        self,
        options: LateOptions,
        encoders: mmcore.EncoderBank,
        method: mmcore.MethodFactory,
        task: mmcore.Task,
        finished: Mapping[str, mmcore.FusionModel],
    ):
        specs = {**encoders.specs, **{name: model.input_specs[name] for name, model in finished.items()}}
        super().__init__((*encoders.modalities, *finished), specs, task)
        self.encoders = encoders
        self.finished = nn.ModuleDict(dict(finished)).requires_grad_(False)
        dims = encoders.dims
        self.norms = nn.ModuleDict(
            {name: nn.LayerNorm(dim) if options.normalise else nn.Identity() for name, dim in dims.items()}
        )
        self.dropout = nn.Dropout(options.dropout)
        self.heads = nn.ModuleDict({name: task.build_head(dim) for name, dim in dims.items()})
        self.method = method(dict.fromkeys(self.modalities, task.n_outputs))
        self.learns_from_decisions = method.learns
        trains = any(parameter.requires_grad for parameter in self.method.parameters())
        self.method_learns = trains and not self.learns_from_decisions

    def train(self, mode: bool = True) -> Self:
        """Finished models stay in evaluation mode."""
        super().train(mode)
        self.finished.eval()
        return self

    def encode(self, batch: mmcore.Batch) -> dict[str, mmcore.Representation]:
        """Each modality's representation, zeros where it is absent."""
        encoded = self.encoders.encode(batch)
        for model in self.finished.values():
            encoded |= model.encode(batch)  # type: ignore[operator]
        return {name: encoded[name] for name in self.modalities if name in encoded}

    def fuse(self, representations: Mapping[str, mmcore.Representation], present: Tensor) -> mmcore.Output:
        """Each modality's logits, zeros where it is absent, and the fused ones."""
        decisions = {}
        for column, name in enumerate(self.modalities):
            here = present[:, column]
            logits = self._decision(name, representations[name], here)
            decisions[name] = torch.where(here[:, None], logits, 0.0)
        votes = {name: logits.detach() for name, logits in decisions.items()} if self.method_learns else decisions
        return mmcore.Output(self.method(votes, present), per_modality_logits=decisions)

    def loss(self, output: mmcore.Output, batch: mmcore.Batch) -> Tensor:
        """The mean over modalities of each one's own loss over the rows in which it is present, plus the method's."""
        assert batch.targets is not None
        losses = []
        for name in self.heads:
            rows = batch.present[:, batch.modalities.index(name)].nonzero()[:, 0]
            if len(rows):
                losses.append(self.task.loss(output.per_modality_logits[name][rows], batch.targets[rows]))
        if self.method_learns or not losses:
            losses_of_all = torch.stack(losses).mean() if losses else output.logits.new_zeros(())
            return losses_of_all + self.task.loss(output.logits, batch.targets)
        return torch.stack(losses).mean()

    def fit_decisions(self, decisions: Mapping[str, Tensor], present: Tensor, targets: Tensor) -> None:
        """Let the method learn from held-out decisions."""
        self.method.fit(decisions, present, targets)  # type: ignore[operator]

    def _decision(self, name: str, representation: mmcore.Representation, here: Tensor) -> Tensor:
        if name in self.finished:
            return self.finished[name].fuse({name: representation}, here[:, None]).logits  # type: ignore[operator]
        return self.heads[name](self.dropout(self.norms[name](representation.only(here).vector)))
