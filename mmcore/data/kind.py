"""The contract of a modality kind: everything that depends on the kind, and nothing else does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    from mmcore.declarations import Description, InputSpec

    Inputs = dict[str, Tensor]
    """Named tensors of one modality: prepared for one row (no batch dimension), or collated (batch first)."""


@dataclass(frozen=True)
class Budget:
    """How much one value may cost to read; beyond it, reading is refused with InputError("too large", …)."""

    bytes: int = 256 * 2**20
    pixels: int = 100_000_000
    characters: int = 1_000_000
    seconds: float = 3600.0


@dataclass(frozen=True)
class Players:
    """A partition of one prepared sample into the parts that an explanation gives values to.

    `labels` names each player for a person ("row 2, column 0", "trail"). `cells` is what `mask` and `render` of the
    kind need to find them again. `grid` is (rows, columns) for players on a grid.
    """

    labels: tuple[str, ...]
    cells: Any = None
    grid: tuple[int, ...] | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)


class Kind(ABC):
    """How samples of one kind are read, described, prepared, batched, partitioned, masked and shown.

    The way of a sample: a cell of a row → `decode` → `prepare` for an encoder's input spec → `collate` → inputs.
    A sample is whatever `decode` returns (a PIL image, a str, a dict of columns): canonical for the kind.

    Attributes:
        baselines: what masked players may become: the word that `mask` takes → what it means, for a person. Nobody
            asks `mask` for another word.
    """

    baselines: Mapping[str, str] = MappingProxyType({"default": "a fixed value that holds no content"})

    @abstractmethod
    def decode(self, value: Any, *, root: Path, budget: Budget) -> Any:
        """The canonical sample for a cell's value (a path relative to `root`, bytes, or the value itself).

        Raises:
            InputError: the value can't be read, is damaged, of a wrong type or over the budget.
        """

    def is_missing(self, value: Any) -> bool:
        """Whether a cell's value means that this modality is absent from its row (None, NaN, an empty text)."""
        return (
            value is None
            or (isinstance(value, float) and value != value)
            or (isinstance(value, str) and not value.strip())
        )

    @abstractmethod
    def describe(self, samples: Iterable[Any]) -> Description:
        """What the training rows look like; `samples` yields decoded samples, and may be read only once."""

    def check(self, sample: Any, description: Description) -> None:  # noqa: B027 - most kinds have nothing to refuse
        """Refuse a sample that does not fit what the training rows look like; by custom every sample fits.

        Raises:
            InputError: it does not; the row is then left out and counted, as one that can't be read.
        """

    def default_spec(self, description: Description) -> InputSpec:
        """How samples are prepared for a module that does not say how it wants them."""
        raise CapabilityMissing(f"{type(self).__name__} has no preparation of its own: the encoder must say how")

    @abstractmethod
    def prepare(self, sample: Any, spec: InputSpec) -> Inputs:
        """Tensors of one sample, as the encoder's input spec asks; no batch dimension. Deterministic."""

    @abstractmethod
    def blank(self, spec: InputSpec, description: Description) -> Inputs:
        """What stands in a batch where the modality is absent; finite, and prepared as `prepare` does."""

    def collate(self, prepared: Sequence[Inputs]) -> Inputs:
        """Prepared samples as one batch; by custom stacked. Kinds of varying length pad here."""
        import torch

        return {name: torch.stack([inputs[name] for inputs in prepared]) for name in prepared[0]}

    @abstractmethod
    def players(self, sample: Any, inputs: Inputs, spec: InputSpec, *, granularity: str | int = "auto") -> Players:
        """The partition of one prepared sample. `granularity` is one of the kind's words, or a size (a grid's side)."""

    @abstractmethod
    def mask(self, inputs: Inputs, players: Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """Many masked copies at once: `keep (K, n_players)` bool → inputs with K rows, absent players at `baseline`.

        A row that keeps all players equals the sample; masking a player changes only its own cells. At the baseline
        `default` nothing of a sample is left when all players are masked.
        """

    @abstractmethod
    def render(self, axes: Axes, sample: Any, players: Players | None = None, values: np.ndarray | None = None) -> None:
        """Draw the sample on matplotlib axes, with its players' values where given, by their signs."""

    def stem(self, description: Description, dim: int) -> nn.Module:
        """An encoder that embeds lightly, for early fusion: its representation has `tokens (B, L, dim)`.

        It is a module like any encoder: `input_spec`, `dim`, `forward`, perhaps `adapt` and `save_assets`.
        """
        raise CapabilityMissing(f"{type(self).__name__} has no stem, so it can't take part in a joint transformer")

    def join(self, descriptions: Sequence[Description]) -> Description:
        """What one encoder reads when the grids of several modalities are stacked by channel."""
        raise CapabilityMissing(f"{type(self).__name__} has no channels to stack")

    def split(self, spec: InputSpec, descriptions: Sequence[Description]) -> list[InputSpec]:
        """Each modality's part of the spec of an encoder that was built for their joined description."""
        raise CapabilityMissing(f"{type(self).__name__} has no channels to stack")

    def stack(self, inputs: Sequence[Inputs]) -> Inputs:
        """Collated inputs, prepared by the parts of a split spec, as one input of the encoder for all of them."""
        raise CapabilityMissing(f"{type(self).__name__} has no channels to stack")

    def duration(self, sample: Any) -> float:
        """How long a sample lasts, in seconds; for kinds with a time axis."""
        raise CapabilityMissing(f"{type(self).__name__} has no time axis")

    def cut(self, sample: Any, seconds: float) -> Any:
        """The first `seconds` of a sample; for kinds with a time axis."""
        raise CapabilityMissing(f"{type(self).__name__} has no time axis")

    def augment(self, sample: Any, generator: np.random.Generator) -> Any:
        """A randomly changed copy of a sample, for training.

        Samples of one time axis get generators of the same state: draw first where a part lies and whether it is
        turned, as shares of the sample, and as often for every sample; then colours and noise.
        """
        raise CapabilityMissing(f"{type(self).__name__} has no augmentation")

    @property
    def primary(self) -> str:
        """The tensor that a plain torch module, one that knows nothing of mmcore, is called with."""
        return "values"


class CapabilityMissing(NotImplementedError):
    """An optional part of a kind that it does not bring; the composition turns it into a reason."""
