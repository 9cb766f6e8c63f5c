"""A batch: collated inputs per modality, who is present, and targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Batch:
    """Rows on their way through a model.

    Args:
        modalities: names, in the order of the columns of `present`.
        inputs: modality → named tensors `(B, …)`.
        present: `(B, M)` bool.
        targets: `(B,)` class numbers, `(B, C)` 0/1 or `(B,)` numbers, by task; None when unknown.
        representations: modality → a Representation that is already there (cached); such a modality needs no inputs.
        index: `(B,)` row numbers of the data set; None for rows from elsewhere.
    """

    modalities: tuple[str, ...]
    present: Tensor
    inputs: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    targets: Tensor | None = None
    representations: dict[str, Any] = field(default_factory=dict)
    index: Tensor | None = None

    def __len__(self) -> int:
        return len(self.present)

    def to(self, device: Any) -> Batch:
        """The same batch on another device."""

        def move(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {name: move(item) for name, item in value.items()}
            return value.to(device) if value is not None else None

        return Batch(
            self.modalities, move(self.present), move(self.inputs), move(self.targets),
            move(self.representations), move(self.index),
        )  # fmt: skip
