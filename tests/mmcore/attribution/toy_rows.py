"""Two small kinds and a small model with and without two stages, which counts what it encodes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from torch import nn

import mmcore
from mmcore.attribution.row import Row

SIDE = 12
PIECE = 3


class Squares(mmcore.Kind):
    """Samples are (12, 12) arrays; players are the patches of a grid."""

    def decode(self, value, *, root, budget):
        return np.asarray(value, dtype=np.float32)

    def describe(self, samples):
        return mmcore.Description()

    def prepare(self, sample, spec):
        return {"values": torch.from_numpy(sample)}

    def blank(self, spec, description):
        return {"values": torch.zeros(SIDE, SIDE)}

    def players(self, sample, inputs, spec, *, granularity="auto"):
        side = 3 if granularity == "auto" else granularity
        if not isinstance(side, int):
            raise mmcore.OptionError(f"squares have no granularity {granularity!r}")
        labels = tuple(f"patch {number}" for number in range(side**2))
        return mmcore.Players(labels, cells=side, grid=(side, side))

    def mask(self, inputs, players, keep, *, baseline="default"):
        cell = np.arange(SIDE) * players.cells // SIDE
        kept = keep.reshape(-1, players.cells, players.cells)[:, cell][:, :, cell]
        return {"values": inputs["values"] * torch.from_numpy(kept)}

    def render(self, axes, sample, players=None, values=None):
        axes.imshow(sample)
        axes.set_axis_off()


class Phrases(mmcore.Kind):
    """Samples are strings; tokens are pieces of three letters, between two special ones."""

    def decode(self, value, *, root, budget):
        return str(value)

    def describe(self, samples):
        return mmcore.Description()

    def prepare(self, sample, spec):
        ids = [1, *(3 + sum(map(ord, piece)) % 50 for word in pieces(sample) for piece in word), 2]
        return {"values": torch.tensor(ids)}

    def blank(self, spec, description):
        return {"values": torch.tensor([1, 2])}

    def players(self, sample, inputs, spec, *, granularity="auto"):
        if granularity not in ("auto", "tokens", "words"):
            raise mmcore.OptionError(f"phrases have no granularity {granularity!r}")
        labels, cells, position = [], [], 1
        for word in pieces(sample):
            places = range(position, position + len(word))
            position += len(word)
            labels += ["".join(word)] if granularity == "words" else word
            cells += [tuple(places)] if granularity == "words" else [(place,) for place in places]
        return mmcore.Players(tuple(labels), cells=tuple(cells), notes={"n_tokens": position + 1})

    def mask(self, inputs, players, keep, *, baseline="default"):
        ids = inputs["values"].repeat(len(keep), 1)
        for player, places in enumerate(players.cells):
            for place in places:
                ids[torch.from_numpy(~keep[:, player]), place] = 0
        return {"values": ids}

    def render(self, axes, sample, players=None, values=None):
        axes.text(0.5, 0.5, sample, ha="center")
        axes.set_axis_off()


def pieces(text):
    return [[word[at : at + PIECE] for at in range(0, len(word), PIECE)] for word in text.split()]


class ToyModel(mmcore.FusionModel):
    """Random encoders, and a head in which modalities multiply. `encoded` counts rows by modality."""

    def __init__(self, task, kinds, *, two_stage=True):
        super().__init__(tuple(kinds), dict.fromkeys(kinds, mmcore.InputSpec()), task)
        self.two_stage = two_stage
        generator = torch.Generator().manual_seed(5)

        def random(*shape):
            return nn.Parameter(torch.randn(*shape, generator=generator) / shape[0] ** 0.5)

        self.phrases = {name for name, kind in kinds.items() if isinstance(kind, Phrases)}
        self.weights = nn.ParameterDict({name: random(53 if name in self.phrases else SIDE**2, 8) for name in kinds})
        self.mixed, self.head = random(8, 8), random(8, task.n_outputs)
        self.encoded = Counter()

    def encode(self, batch):
        encoded = {}
        for column, name in enumerate(self.modalities):
            here = batch.present[:, column]
            found = batch.representations.get(name) or self._encode(name, batch.inputs[name]["values"], here)
            encoded[name] = found.only(here)
        return encoded

    def _encode(self, name, values, here):
        self.encoded[name] += int(here.sum())
        weights = self.weights[name]
        if name in self.phrases:
            tokens = weights[values]
            return mmcore.Representation(torch.tanh(tokens.cumsum(1) ** 2 / 3).mean(1), tokens)
        return mmcore.Representation(torch.tanh(values.flatten(1) @ weights))

    def fuse(self, representations, present):
        product = 1.0
        for column, name in enumerate(self.modalities):
            factor = 1 + representations[name].vector
            product = product * torch.where(present[:, column, None], factor, 1.0)
        fused = torch.tanh(product @ self.mixed)
        return mmcore.Output(4 * fused @ self.head, representation=fused)


KINDS = {"picture": Squares(), "title": Phrases(), "shop": Phrases()}

SAMPLES = {
    "picture": np.random.default_rng(3).normal(size=(SIDE, SIDE)).astype(np.float32),
    "title": "brown trail shoe",
    "shop": "outdoor",
}


def toy_row(names=("picture", "title"), *, missing=(), two_stage=True, task=None, **settings):
    """A row of the toy model; modalities in `missing` are absent."""
    task = task or mmcore.SingleLabel(classes=["cup", "shoe", "cable"])
    kinds = {name: KINDS[name] for name in names}
    model = ToyModel(task, kinds, two_stage=two_stage)
    samples = {name: SAMPLES[name] for name in names if name not in missing}
    settings = {"id": "r1", "number": 7, "target": "shoe", **settings}
    return Row(model, kinds, samples, descriptions=dict.fromkeys(names, mmcore.Description()), **settings)
