"""The two stages of every model: encode each modality, then fuse."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

from mmcore.data.batch import Batch
from mmcore.declarations import FusionMethod, InputSpec
from mmcore.representation import Output, Representation

if TYPE_CHECKING:
    from mmcore.tasks.task import Task


class MethodFactory:
    """A chosen fusion method, ready to be built once the strategy knows the widths of what it combines."""

    def __init__(
        self, declaration: FusionMethod, build: Callable[[Mapping[str, int]], nn.Module], *, learns: bool = False
    ):
        self.declaration = declaration
        self.learns = learns
        """Whether the built method is to be fitted to held-out decisions."""
        self._build = build

    def __call__(self, widths: Mapping[str, int]) -> nn.Module:
        """Build the method for modalities of these widths."""
        return self._build(widths)


class FusionModel(nn.Module, ABC):
    """A model of several modalities. A strategy's `build` returns one.

    Attributes:
        modalities: names, in the order of the columns of `present`.
        input_specs: modality → how its samples are prepared.
        task: holds the loss.
        two_stage: whether `fuse(encode(batch))` is the whole model and encoding a modality ignores the others.
    """

    two_stage = True
    reads_tokens = False
    """Whether `fuse` reads tokens; else what frozen encoders give is kept without them."""
    learns_from_decisions = False
    """Whether `fit_decisions` is to be called after training, with the decisions on the validation split."""

    def __init__(self, modalities: tuple[str, ...], input_specs: Mapping[str, InputSpec], task: Task):
        super().__init__()
        self.modalities = tuple(modalities)
        self.input_specs = dict(input_specs)
        self.task = task

    @abstractmethod
    def encode(self, batch: Batch) -> dict[str, Representation]:
        """Each modality that the batch holds, encoded; absent rows are zeros."""

    @abstractmethod
    def fuse(self, representations: Mapping[str, Representation], present: Tensor) -> Output:
        """The fused output; `present (B, M)` in the order of `modalities`."""

    def forward(self, batch: Batch) -> Output:
        """Encode, then fuse."""
        return self.fuse(self.encode(batch), batch.present)

    def loss(self, output: Output, batch: Batch) -> Tensor:
        """What training minimises: the task's loss plus the model's own weighted losses."""
        assert batch.targets is not None
        total = self.task.loss(output.logits, batch.targets)
        for extra in output.losses.values():
            total = total + extra
        return total

    def fit_decisions(self, decisions: Mapping[str, Tensor], present: Tensor, targets: Tensor) -> None:
        """Learn how to combine decisions from rows on which nothing was trained.

        Args:
            decisions: modality → logits `(N, C)`, zeros where it is absent.
            present: `(N, M)`.
            targets: encoded, as the task's loss takes them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not learn from decisions")
