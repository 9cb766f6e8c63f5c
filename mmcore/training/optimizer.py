"""The optimiser and its parameter groups: encoders may learn at rates of their own; biases and norms don't decay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mmcore.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmcore.training.options import TrainingOptions


def parameter_groups(model: nn.Module, *, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
    """Groups for an optimiser: by learning rate, matrices apart from biases and norms (which are not decayed).

    A module of the model that has `parameter_groups(default_lr)` (the encoder bank has) chooses its own rates.

    Raises:
        CompositionError: nothing in the model is trainable.

    >>> [len(group["params"]) for group in parameter_groups(nn.Linear(2, 1), learning_rate=0.1, weight_decay=0.0)]
    [1, 1]
    """
    own = [getattr(module, "parameter_groups", None) for module in model.modules()]
    rates = {
        id(parameter): float(group["lr"])
        for choose in own
        if callable(choose)
        for group in choose(learning_rate)
        for parameter in group["params"]
    }
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter in _trainable(model.parameters()):
        rate = rates.get(id(parameter), learning_rate)
        groups.setdefault((rate, parameter.ndim >= 2), []).append(parameter)
    if not groups:
        raise CompositionError("the model has nothing to train: every parameter is frozen")
    return [
        {"params": parameters, "lr": rate, "weight_decay": weight_decay if decays else 0.0}
        for (rate, decays), parameters in groups.items()
    ]


def build_optimizer(model: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """The optimiser that the options name, over the model's trainable parameters."""
    groups = parameter_groups(model, learning_rate=options.learning_rate, weight_decay=options.weight_decay)
    if options.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=options.learning_rate)
    if options.optimizer == "adam":
        return torch.optim.Adam(groups, lr=options.learning_rate)
    return torch.optim.SGD(groups, lr=options.learning_rate, momentum=0.9)


def _trainable(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    return [parameter for parameter in parameters if parameter.requires_grad]
