"""Runs that read through one frozen encoder share it, and come to the same as if they did not."""

import pytest
import torch

import mmcore
from mmcore.model.artefact import state_digest
from mmcore.model.composition import FusionChoice, build_model
from mmcore.model.frozen import KEPT, FrozenEncoders
from mmcore.model.slots import choice_of
from mmcore.options import ComponentConfig
from mmcore_image import ImageDescription
from mmcore_text import TextDescription

TASK = mmcore.SingleLabel(classes=("a", "b"))
DESCRIPTIONS = {"image": ImageDescription(), "text": TextDescription()}


def built(frozen, seed=0, **changed):
    torch.manual_seed(seed)
    encoders = {"image": {"name": "efficientnet_lite0"}, "text": {"name": "minilm"}}
    for name, options in changed.items():
        encoders[name] = {**encoders[name], **options}
    return build_model(
        {name: choice_of(value) for name, value in encoders.items()},
        {"image": "image", "text": "text"},
        DESCRIPTIONS,
        FusionChoice(ComponentConfig(name="intermediate"), ComponentConfig(name="concat")),
        TASK,
        frozen=frozen,
    )


def test_a_model_of_shared_encoders_equals_one_of_its_own_bit_for_bit():
    frozen = FrozenEncoders()
    first, second, own = built(frozen), built(frozen), built(None)
    assert first.encoders.tower("image") is second.encoders.tower("image")
    assert first.encoders.tower("image") is not own.encoders.tower("image")
    assert state_digest(first) == state_digest(second) == state_digest(own)


@pytest.mark.parametrize(
    ("modality", "options"),
    [("image", {"trainable": "all"}), ("image", {"trainable": {"last": 1}}), ("text", {"max_length": 8})],
)
def test_what_trains_or_was_asked_for_otherwise_is_not_shared(modality, options):
    frozen = FrozenEncoders()
    first, second = built(frozen), built(frozen, **{modality: options})
    other = {"image": "text", "text": "image"}[modality]
    assert first.encoders.tower(modality) is not second.encoders.tower(modality)
    assert first.encoders.tower(other) is second.encoders.tower(other)


def test_only_the_encoders_used_last_are_kept():
    frozen = FrozenEncoders()
    made = []

    def build():
        made.append(torch.nn.Linear(1, 1))
        return made[-1]

    for number in range(KEPT + 1):
        frozen.get(str(number), build)
    assert frozen.get("1", build) is made[1]
    assert frozen.get("0", build) is made[-1]
    assert len(made) == KEPT + 2


def test_the_digest_of_an_encoder_that_is_not_kept_follows_its_weights():
    frozen, module = FrozenEncoders(), torch.nn.Linear(2, 2)
    before = frozen.digest(module)
    assert before == state_digest(module)
    with torch.no_grad():
        module.weight += 1
    assert frozen.digest(module) == state_digest(module) != before
