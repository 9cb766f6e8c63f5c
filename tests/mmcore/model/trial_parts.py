"""A small modality kind, encoders of it, and a catalogue of them beside the built-in fusion."""

import json
from dataclasses import dataclass

import torch
from torch import nn

import mmcore
import mmcore_fusion
from mmcore.catalog import Catalog
from mmcore.data.batch import Batch
from mmcore.plugins import PluginRecord, Plugins


class NumbersDescription(mmcore.Description):
    count: int = 4


class MoodDescription(mmcore.Description):
    scale: int


@dataclass(frozen=True)
class NumbersSpec(mmcore.InputSpec):
    scale: float = 1.0


@dataclass(frozen=True)
class MoodSpec(mmcore.InputSpec):
    tokenizer: str


class NumbersKind(mmcore.Kind):
    def decode(self, value, *, root, budget):
        return torch.tensor(value)

    def default_spec(self, description):
        if isinstance(description, MoodDescription):
            return super().default_spec(description)
        return NumbersSpec()

    def describe(self, samples):
        return NumbersDescription(count=len(next(iter(samples))))

    def prepare(self, sample, spec):
        return {"values": sample * spec.scale}

    def blank(self, spec, description):
        return {"values": torch.zeros(description.count)}

    def players(self, sample, inputs, spec, *, granularity="auto"):
        return mmcore.Players(tuple(str(number) for number in range(len(sample))))

    def mask(self, inputs, players, keep, *, baseline="default"):
        return {"values": inputs["values"] * torch.from_numpy(keep)}

    def render(self, axes, sample, players=None, values=None):
        axes.plot(sample)


class Linear(nn.Module):
    """Three blocks; remembers how many rows it was called with."""

    def __init__(self, count=4, dim=3, dropout=0.0):
        super().__init__()
        self.dim, self.input_spec = dim, NumbersSpec()
        self.blocks = nn.ModuleList([nn.Linear(count, count), nn.Linear(count, count), nn.Linear(count, dim)])
        self.dropout = nn.Dropout(dropout)
        self.calls = []

    def forward(self, inputs):
        values = inputs["values"]
        self.calls.append(len(values))
        for block in self.blocks[:-1]:
            values = block(values).tanh()
        return mmcore.Representation(self.blocks[-1](self.dropout(values)))


class Adapted(Linear):
    """Learns a shift from the samples and keeps it in a file of its own."""

    def __init__(self, count, assets):
        super().__init__(count)
        self.shift = json.loads((assets / "shift.json").read_text()) if assets else None
        self.seen = 0

    def adapt(self, samples):
        values = [float(sample.sum()) for sample in samples]
        self.seen, self.shift = len(values), sum(values)

    def save_assets(self, folder):
        (folder / "shift.json").write_text(json.dumps(self.shift))

    def forward(self, inputs):
        return mmcore.Representation(super().forward(inputs).vector + self.shift)


class LinearOptions(mmcore.Options):
    dim: int = mmcore.Field(3, ge=1)


def of_kind(kind, **more):
    return mmcore.Encoder(kind=kind, summary="a trial", **more)


DECLARATIONS = [
    mmcore.ModalityKind(
        name="numbers", summary="a trial", build=NumbersKind, description=NumbersDescription, input_spec=NumbersSpec
    ),
    mmcore.ModalityKind(
        name="mood", summary="a trial", build=NumbersKind, description=MoodDescription, input_spec=MoodSpec
    ),
    of_kind(
        "numbers",
        name="linear",
        options=LinearOptions,
        build=lambda options, description: Linear(description.count, options.dim),
    ),
    of_kind(
        "numbers",
        name="adapted",
        build=lambda options, description, resources: Adapted(description.count, resources.assets),
    ),
    of_kind(
        "numbers",
        name="pretrained",
        build=lambda options, description, resources: with_weights(Linear(description.count), resources.weights),
        weights=mmcore.Weights(source="nowhere", licence="MIT"),
    ),
    of_kind("numbers", name="promising", build=lambda options, description: promising()),
    of_kind("numbers", name="function", build=lambda options, description: len),
    of_kind("mood", name="moody", build=lambda options, description: Linear()),
    mmcore.FusionStrategy(
        name="careless", summary="a trial", build=lambda *parts: nn.Linear(1, 1), levels=("representation",),
        default_method="concat",
    ),
    mmcore.FusionStrategy(name="undecided", summary="a trial", build=len, levels=("decision", "representation")),
    mmcore.FusionMethod(
        name="pair", summary="a trial", build=len, level="representation", min_modalities=2, max_modalities=2
    ),
]  # fmt: skip


def promising():
    module = Linear()
    module.dim = 64
    return module


def with_weights(module, weights):
    module.loaded = weights
    return module


def make_catalog():
    fusion = [*mmcore_fusion.mmcore_fusion_strategies(), *mmcore_fusion.mmcore_fusion_methods()]
    return Catalog(Plugins([PluginRecord("trial", "trial", "trial", "1", declarations=[*DECLARATIONS, *fusion])]))


def make_batch(rows=5, modalities=("a", "b"), present=None, count=4, seed=0, fill=None, classes=2):
    """Random numbers; `fill` stands where a modality is absent."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.ones(rows, len(modalities), dtype=torch.bool) if present is None else torch.tensor(present)
    values = {name: torch.randn(len(present), count, generator=generator) for name in modalities}
    if fill is not None:
        values = {
            name: torch.where(present[:, column, None], values[name], fill) for column, name in enumerate(modalities)
        }
    return Batch(
        modalities=tuple(modalities),
        present=present,
        inputs={name: {"values": tensor} for name, tensor in values.items()},
        targets=torch.arange(len(present)) % classes,
    )
