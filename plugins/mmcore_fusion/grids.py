"""Grids that are stacked by channel before any encoder sees them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class ChannelStack(nn.Module):
    """Says how grids meet: each as it is, zeros where it is absent; the kind stacks them (`Kind.stack`).

    It has nothing to learn: what to make of the channels is the one encoder's task, which reads them together.
    """

    def forward(self, inputs: Mapping[str, Mapping[str, Any]], present: Tensor) -> dict[str, dict[str, Any]]:
        """Collated inputs per modality and `present (B, M)`, in their order → the same, blank where absent."""
        return {
            name: {key: blanked(value, here) for key, value in own.items()}
            for (name, own), here in zip(inputs.items(), present.unbind(1), strict=True)
        }


def blanked(value: Any, here: Tensor) -> Any:
    """A tensor `(B, …)` with zeros in the rows where `here (B,)` is false; of a list, each. Anything else as it is.

    >>> blanked(torch.tensor([[1], [2]]), torch.tensor([True, False])).tolist()
    [[1], [0]]
    """
    if isinstance(value, Tensor) and value.ndim:
        return torch.where(here.reshape(-1, *[1] * (value.ndim - 1)), value, value.new_zeros(()))
    if isinstance(value, list | tuple):
        return type(value)(blanked(each, here) for each in value)
    return value
