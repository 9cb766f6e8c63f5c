"""Learning rates per encoder; biases and norms do not decay."""

import pytest
import small
import torch
from torch import nn

from mmcore.errors import CompositionError
from mmcore.training.optimizer import build_optimizer, parameter_groups
from mmcore.training.options import TrainingOptions


class Bank(nn.Module):
    def __init__(self):
        super().__init__()
        self.slow, self.usual = nn.Linear(2, 2), nn.Linear(2, 2)

    def parameter_groups(self, default_lr):
        return [
            {"params": list(self.slow.parameters()), "lr": 1e-5},
            {"params": list(self.usual.parameters()), "lr": default_lr},
        ]


def test_an_encoder_learns_at_its_own_rate_and_the_rest_at_the_default():
    model = nn.ModuleDict({"bank": Bank(), "head": nn.Linear(2, 1)})
    groups = parameter_groups(model, learning_rate=0.1, weight_decay=0.5)
    rate = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert rate[id(model["bank"].slow.weight)] == 1e-5
    assert rate[id(model["bank"].usual.weight)] == rate[id(model["head"].weight)] == 0.1
    decay = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    assert {decay[id(p)] for p in model.parameters() if p.ndim == 2} == {0.5}
    assert {decay[id(p)] for p in model.parameters() if p.ndim == 1} == {0.0}


def test_every_trainable_parameter_is_in_one_group_and_no_frozen_one():
    model = small.SmallModel()
    listed = [id(p) for group in parameter_groups(model, learning_rate=1, weight_decay=0) for p in group["params"]]
    assert sorted(listed) == sorted({id(p) for p in model.parameters() if p.requires_grad})


def test_a_model_with_nothing_to_train_is_refused():
    model = nn.Linear(1, 1).requires_grad_(False)
    with pytest.raises(CompositionError, match="nothing to train"):
        parameter_groups(model, learning_rate=1, weight_decay=0)


@pytest.mark.parametrize(
    ("name", "expected"), [("adamw", torch.optim.AdamW), ("adam", torch.optim.Adam), ("sgd", torch.optim.SGD)]
)
def test_the_optimiser_is_the_one_that_was_named(name, expected):
    assert type(build_optimizer(nn.Linear(1, 1), TrainingOptions(optimizer=name))) is expected
