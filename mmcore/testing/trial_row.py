"""A row of a small model on which explainers are tried: a picture of squares, a text of words, and a few numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from mmcore.attribution.row import Row
from mmcore.data.batch import Batch
from mmcore.data.kind import Budget, Kind, Players
from mmcore.declarations import Description, InputSpec
from mmcore.errors import OptionError
from mmcore.model.fusion_model import FusionModel
from mmcore.representation import Output, Representation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mmcore.attribution.evaluated import EvaluatedRows
    from mmcore.data.kind import Inputs

SIDE = 12
WORDS = 5
WIDTHS = {"picture": SIDE * SIDE, "text": WORDS, "numbers": 3}
"""Modality → numbers of a sample."""


class TrialKind(Kind):
    """Samples are rows of numbers, parted into runs of equal length; masked numbers are 0."""

    def decode(self, value: Any, *, root: Path, budget: Budget) -> np.ndarray:
        """The numbers."""
        return np.asarray(value, dtype=np.float32)

    def describe(self, samples: Iterable[np.ndarray]) -> Description:
        """Nothing to say."""
        return Description()

    def prepare(self, sample: np.ndarray, spec: InputSpec) -> Inputs:
        """`values (n,)`."""
        return {"values": torch.from_numpy(sample)}

    def blank(self, spec: InputSpec, description: Description) -> Inputs:
        """No kind knows how wide an absent row of this trial is; the model asks for none of its numbers."""
        return {"values": torch.zeros(1)}

    def players(
        self, sample: np.ndarray, inputs: Inputs, spec: InputSpec, *, granularity: str | int = "auto"
    ) -> Players:
        """One for each number, or as many runs as asked for."""
        count = len(sample) if granularity == "auto" else granularity
        if not isinstance(count, int):
            raise OptionError(f"rows of numbers have no granularity {granularity!r}")
        count = max(1, min(count, len(sample)))
        return Players(tuple(f"number {n}" for n in range(count)), cells=np.arange(len(sample)) * count // len(sample))

    def mask(self, inputs: Inputs, players: Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """`values (K, n)`."""
        kept = torch.from_numpy(np.ascontiguousarray(keep[:, players.cells]))
        return {"values": torch.where(kept, inputs["values"], 0.0)}

    def render(
        self, axes: Axes, sample: np.ndarray, players: Players | None = None, values: np.ndarray | None = None
    ) -> None:
        """Bars."""
        axes.bar(range(len(sample)), sample)


class TrialPicture(TrialKind):
    """Twelve by twelve numbers whose players lie on a grid."""

    def players(
        self, sample: np.ndarray, inputs: Inputs, spec: InputSpec, *, granularity: str | int = "auto"
    ) -> Players:
        """A grid of the side that is asked for, 3 by itself."""
        side = 3 if granularity == "auto" else granularity
        if not isinstance(side, int):
            raise OptionError(f"pictures have no granularity {granularity!r}")
        side = max(1, min(side, SIDE))
        row = np.arange(SIDE) * side // SIDE
        labels = tuple(f"row {y}, column {x}" for y in range(side) for x in range(side))
        return Players(labels, cells=(row[:, None] * side + row).ravel(), grid=(side, side))


class TrialText(TrialKind):
    """Words, one number each; it says how many tokens there are, special ones included."""

    def players(
        self, sample: np.ndarray, inputs: Inputs, spec: InputSpec, *, granularity: str | int = "auto"
    ) -> Players:
        """One for each word, however they are called."""
        if granularity not in ("auto", "tokens", "words"):
            raise OptionError(f"texts have no granularity {granularity!r}")
        labels = tuple(f"word{n}" for n in range(len(sample)))
        return Players(labels, cells=np.arange(len(sample)), notes={"n_tokens": len(sample) + 2})


KINDS: Mapping[str, Kind] = {"picture": TrialPicture(), "text": TrialText(), "numbers": TrialKind()}


class TrialModel(FusionModel):
    """Random layers, then a product in which modalities interact; with or without two stages."""

    def __init__(self, two_stage: bool):
        from mmcore.tasks.classes import SingleLabel

        super().__init__(tuple(WIDTHS), dict.fromkeys(WIDTHS, InputSpec()), SingleLabel(classes=["a", "b", "c"]))
        self.two_stage = two_stage
        self.layers = nn.ModuleDict({name: nn.Linear(width, 6) for name, width in WIDTHS.items()})
        self.head = nn.Linear(6, 3)

    def encode(self, batch: Batch) -> dict[str, Representation]:
        """Six numbers of each modality; zeros where it is absent."""
        known, here = batch.representations, dict(zip(self.modalities, batch.present.T, strict=True))
        return {name: known.get(name) or self._encoded(name, batch.inputs[name]["values"], here[name]) for name in here}

    def _encoded(self, name: str, values: Tensor, here: Tensor) -> Representation:
        vectors = torch.zeros(len(here), 6)
        if bool(here.any()):
            vectors[here] = torch.tanh(self.layers[name](values[here]))
        return Representation(vectors)

    def fuse(self, representations: Mapping[str, Representation], present: Tensor) -> Output:
        """A product of 1 + each modality that is present; an absent one is a factor of 1."""
        fused = torch.ones(len(present), 6)
        for column, name in enumerate(self.modalities):
            fused = fused * torch.where(present[:, column, None], 1.0 + representations[name].vector, 1.0)
        return Output(self.head(fused), fused)


def trial_row(*, missing: tuple[str, ...] = (), two_stage: bool = True) -> Row:
    """The row, always the same one; modalities in `missing` are absent from it."""
    from mmcore.testing.bench import seeded

    with seeded(3):
        model = TrialModel(two_stage)
    generator = np.random.default_rng(3)
    samples = {name: generator.normal(size=width).astype(np.float32) for name, width in WIDTHS.items()}
    present = {name: sample for name, sample in samples.items() if name not in missing}
    return Row(model, KINDS, present, descriptions=dict.fromkeys(WIDTHS, Description()), id="trial", target="a")


def trial_rows(count: int = 24) -> EvaluatedRows:
    """Rows of the same model with targets, always the same ones; two in three lack nothing."""
    from mmcore.attribution.evaluated import EvaluatedRows
    from mmcore.data.loading import Item
    from mmcore.testing.bench import seeded

    with seeded(3):
        model = TrialModel(two_stage=True)
    generator = np.random.default_rng(4)
    items = []
    for number in range(count):
        present = np.array([True, number % 3 > 0, True])
        inputs = {
            name: {"values": torch.from_numpy(generator.normal(size=width).astype(np.float32))}
            for name, width in WIDTHS.items()
        }
        items.append(Item(inputs, {}, present, number, None, KINDS))
    return EvaluatedRows(model, items, np.arange(count) % 3)
