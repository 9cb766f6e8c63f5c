"""Which parameters train."""

import pytest
from torch import nn
from trial_parts import Linear

from mmcore.errors import CompositionError
from mmcore.model.trainable import apply_trainable


def trained(module):
    return [name for name, parameter in module.named_parameters() if parameter.requires_grad]


@pytest.mark.parametrize(
    ("asked", "blocks"),
    [("none", ""), ("all", "012"), ({"last": 1}, "2"), ({"last": 2}, "12"), ({"last": 3}, "012")],
)
def test_exactly_the_asked_for_blocks_train(asked, blocks):
    module = Linear()
    apply_trainable(module, "all", where="")
    apply_trainable(module, asked, where="")
    assert trained(module) == [f"blocks.{block}.{what}" for block in blocks for what in ("weight", "bias")]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"last": 4}, "there are 3. Allowed: 1 to 3, or all"),
        ({"last": 0}, "Allowed: 1 or more"),
        ({"last": -1}, "Allowed: 1 or more"),
        ({"last": True}, "Allowed: 1 or more"),
        ({"last": "2"}, "Allowed: 1 or more"),
        ({"first": 1}, "Allowed: none, all, {last: N}, or {adapter: lora, rank: R}"),
        ("lora", "Allowed: none, all, {last: N}, or {adapter: lora, rank: R}"),
        (None, "Allowed: none, all, {last: N}, or {adapter: lora, rank: R}"),
    ],
)
def test_anything_else_is_refused_with_what_is_allowed(asked, told):
    with pytest.raises(CompositionError, match="encoder 'x'") as caught:
        apply_trainable(Linear(), asked, where="encoder 'x'")
    assert told in str(caught.value)


def test_an_encoder_without_blocks_has_no_last_ones():
    with pytest.raises(CompositionError, match="names no blocks"):
        apply_trainable(nn.Linear(2, 2), {"last": 1}, where="encoder 'x'")
