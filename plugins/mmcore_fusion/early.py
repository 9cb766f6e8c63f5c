"""Early fusion: inputs meet before any deep encoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

import mmcore
from mmcore_fusion.intermediate import without_some

if TYPE_CHECKING:
    from mmcore_fusion.strategies import EarlyOptions


class JointTokens(mmcore.FusionModel):
    """Each kind's light embedding, whose tokens enter one transformer together; then one head.

    Embedding a modality looks at no other, so the model has two stages: all that is deep is in the second.
    """

    def __init__(self, options: EarlyOptions, method: mmcore.MethodFactory, task: mmcore.Task, parts: mmcore.Parts):
        stems = parts.stems(options.names, options.dim)
        super().__init__(stems.modalities, stems.specs, task)
        self.stems = stems
        self.modality_dropout = options.modality_dropout
        self.method = method(stems.dims)
        self.norm = nn.LayerNorm(int(self.method.dim))  # type: ignore[arg-type]
        self.dropout = nn.Dropout(options.dropout)
        self.head = task.build_head(int(self.method.dim))  # type: ignore[arg-type]

    reads_tokens = True

    def encode(self, batch: mmcore.Batch) -> dict[str, mmcore.Representation]:
        """Each modality's embedded tokens, zeros where it is absent."""
        return self.stems.encode(batch)

    def fuse(self, representations: Mapping[str, mmcore.Representation], present: Tensor) -> mmcore.Output:
        """The joint transformer over the tokens of who is present, then the head."""
        if self.training and self.modality_dropout:
            present = without_some(present, self.modality_dropout)
        tokens = {name: representations[name].only(present[:, column]) for column, name in enumerate(self.modalities)}
        fused = self.norm(self.method(tokens, present))
        return mmcore.Output(self.head(self.dropout(fused)), representation=fused)


class StackedGrids(mmcore.FusionModel):
    """Synchronised grids of one kind (RGB and depth), stacked by channel into one encoder; then one head.

    The modalities meet in the encoder's first layer, so there is nothing to encode apart: it has one stage.
    """

    two_stage = False
    TOWER = "stacked"

    def __init__(self, options: EarlyOptions, method: mmcore.MethodFactory, task: mmcore.Task, parts: mmcore.Parts):
        names = tuple(options.names)
        bank, specs = parts.stacked(self.TOWER, options.encoder, names)
        super().__init__(names, specs, task)
        self.kind = parts.kind(names[0])
        self.encoders = bank
        self.modality_dropout = options.modality_dropout
        dim = bank.dims[self.TOWER]
        self.method = method(dict.fromkeys(names, dim))
        self.norm, self.dropout = nn.LayerNorm(dim), nn.Dropout(options.dropout)
        self.head = task.build_head(dim)

    def encode(self, batch: mmcore.Batch) -> dict[str, mmcore.Representation]:
        """Nothing: no modality is encoded by itself."""
        return {}

    def fuse(self, representations: Mapping[str, mmcore.Representation], present: Tensor) -> mmcore.Output:
        """Refused: the modalities meet before they are encoded."""
        raise mmcore.CompositionError("stacked grids meet before they are encoded: there is nothing to fuse after")

    def forward(self, batch: mmcore.Batch) -> mmcore.Output:
        """Stack what is present, encode it, decide."""
        present = batch.present[:, [batch.modalities.index(name) for name in self.modalities]]
        if self.training and self.modality_dropout:
            present = without_some(present, self.modality_dropout)
        grids = self.method({name: batch.inputs[name] for name in self.modalities}, present)
        together = mmcore.Batch(
            (self.TOWER,), present.any(1, keepdim=True), {self.TOWER: self.kind.stack([*grids.values()])}
        )
        fused = self.norm(self.encoders.encode(together)[self.TOWER].vector)
        return mmcore.Output(self.head(self.dropout(fused)), representation=fused)
