"""Two small kinds, and a cache folder of each test's own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcore.data.kind import Kind
from mmcore.declarations import Description, InputSpec
from mmcore.errors import InputError


@dataclasses.dataclass(frozen=True)
class WordSpec(InputSpec):
    scale: float = 1.0


class Words(Kind):
    """A text; its tensor holds the length of each word."""

    decoded = 0

    def decode(self, value, *, root, budget):
        type(self).decoded += 1
        if not isinstance(value, str):
            raise InputError("wrong type", f"a {type(value).__name__} is no text")
        if value == "crash":
            raise RuntimeError("not foreseen")
        return value

    def describe(self, samples):
        return Description()

    def prepare(self, sample, spec):
        return {"values": spec.scale * torch.tensor([len(word) for word in sample.split()], dtype=torch.float32)}

    def blank(self, spec, description):
        return {"values": torch.zeros(1)}

    def collate(self, prepared):
        return {"values": torch.nn.utils.rnn.pad_sequence([one["values"] for one in prepared], batch_first=True)}

    def augment(self, sample, generator):
        return " ".join(generator.permutation(sample.split()))

    def players(self, sample, inputs, spec, *, granularity="auto"):
        raise NotImplementedError

    def mask(self, inputs, players, keep, *, baseline="default"):
        raise NotImplementedError

    def render(self, axes, sample, players=None, values=None):
        raise NotImplementedError


class FileBytes(Words):
    """A file's bytes."""

    def decode(self, value, *, root, budget):
        if isinstance(value, bytes):
            return value
        path = Path(root) / value
        if not path.is_file():
            raise InputError("not found", f"no file {value}")
        return path.read_bytes()

    def prepare(self, sample, spec):
        return {"values": torch.from_numpy(np.frombuffer(sample, np.uint8).copy()).float().mean()[None]}


class Numbers(Words):
    """A dict of column to number."""

    def decode(self, value, *, root, budget):
        return {name: None if cell is None else float(cell) for name, cell in value.items()}

    def prepare(self, sample, spec):
        return {"values": torch.tensor([value or 0.0 for value in sample.values()])}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("MMCORE_CACHE", str(folder))
    return folder


@pytest.fixture
def words():
    Words.decoded = 0
    return Words()


@pytest.fixture
def file_bytes():
    return FileBytes()


@pytest.fixture
def numbers():
    return Numbers()


@pytest.fixture
def word_spec():
    return WordSpec
