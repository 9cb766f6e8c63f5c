"""Equal content has equal hashes, other content other ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from PIL import Image

from mmcore.data.fingerprints import kind_code, sample_hash


def test_equal_content_has_equal_hashes_and_other_content_others():
    picture = Image.new("RGB", (2, 3), "red")
    samples = [
        "a", "b", b"a", 1, 1.0, True, None, ["a", "b"], ["ab"], {"a": "b"}, {"b": "a"}, np.zeros(2), np.zeros((1, 2)),
        np.zeros(2, np.float32), picture, Image.new("RGB", (3, 2), "red"), picture.convert("L"),
        ["a", ["b"]], [["a"], "b"],
    ]  # fmt: skip
    assert len({sample_hash(sample) for sample in samples}) == len(samples)
    assert sample_hash(picture.copy()) == sample_hash(picture)
    assert sample_hash({"x": np.ones(3)}) == sample_hash({"x": np.ones(3)})


def test_tensors_and_a_kind_s_own_samples_are_hashed_by_content():
    @dataclasses.dataclass
    class Clip:
        frames: torch.Tensor
        rate: float

    assert sample_hash(Clip(torch.zeros(2), 1.0)) == sample_hash(Clip(torch.zeros(2), 1.0))
    assert sample_hash(Clip(torch.zeros(2), 1.0)) != sample_hash(Clip(torch.ones(2), 1.0))
    assert sample_hash(Clip(torch.zeros(2), 1.0)) != sample_hash(Clip(torch.zeros(2), 2.0))


def test_a_kind_s_code_is_known_again(words, numbers):
    assert kind_code(words) == kind_code(type(words)())
    assert kind_code(words) != kind_code(numbers)
