"""One modality alone: its encoder and a head. The baseline that fusion is measured against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

from mmcore.model.fusion_model import FusionModel
from mmcore.representation import Output, Representation

if TYPE_CHECKING:
    from mmcore.data.batch import Batch
    from mmcore.model.encoder_bank import EncoderBank
    from mmcore.tasks.task import Task


class UnimodalModel(FusionModel):
    """Encoder, layer norm, dropout, head: what a fusion model does with one modality, without the fusion.

    Args:
        encoders: of one modality.
        task: holds the head.
        dropout: of the normalised representation, in training.
    """

    def __init__(self, encoders: EncoderBank, task: Task, dropout: float = 0.2):
        super().__init__(encoders.modalities, encoders.specs, task)
        (self._modality,) = encoders.modalities
        self.encoders = encoders
        self.norm = nn.LayerNorm(encoders.dims[self._modality])
        self.dropout = nn.Dropout(dropout)
        self.head = task.build_head(encoders.dims[self._modality])

    def encode(self, batch: Batch) -> dict[str, Representation]:
        """The one modality, encoded."""
        return self.encoders.encode(batch)

    def fuse(self, representations: Mapping[str, Representation], present: Tensor) -> Output:
        """Logits from the one representation."""
        vector = representations[self._modality].only(present[:, 0]).vector
        normed = self.dropout(self.norm(vector))
        return Output(self.head(normed), representation=normed)
