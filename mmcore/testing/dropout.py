"""The randomness of training, watched from outside: which modalities of which rows still reach the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mmcore.testing.bench import seeded
from mmcore.testing.check import claim
from mmcore.testing.modules import no_dropout, skip_unless

CALLS = 12
SAMPLES = 128


def reach(
    forward: Callable[[list[Tensor], Tensor], Tensor], inputs: Sequence[Tensor], present: Tensor, seed: int
) -> Tensor:
    """`(rows, modalities)` bool: whether a modality's content has an influence on its row's output, by its gradient."""
    leaves = [tensor.clone().requires_grad_(True) for tensor in inputs]
    with seeded(seed):
        output = forward(leaves, present)
    weights = torch.linspace(0.3, 1.3, output.shape[1])
    gradients = torch.autograd.grad((output * weights).sum(), leaves, allow_unused=True)
    columns = [
        torch.zeros(len(present), dtype=torch.bool) if gradient is None else gradient.flatten(1).any(1)
        for gradient in gradients
    ]
    return torch.stack(columns, dim=1)


def require_fair_dropout(
    module: nn.Module, widths: Sequence[int], forward: Callable[[list[Tensor], Tensor], Tensor]
) -> None:
    """Fail when training drops all modalities of a row, or tosses one coin for the whole batch.

    `forward(tensors, present)` calls `module`, which ends in training mode with its ordinary dropout layers off.
    """
    generator = torch.Generator().manual_seed(3)
    inputs = [torch.randn(SAMPLES, width, generator=generator) for width in widths]
    present = torch.ones(SAMPLES, len(widths), dtype=torch.bool)
    module.eval()
    # rows that lose a modality to a ReLU even in evaluation say nothing about training
    alive = reach(forward, inputs, present, 0).all(1)
    skip_unless(bool(alive.any()), "no row of the trial passes gradient to all modalities in evaluation")
    no_dropout(module).train()
    kept = [reach(forward, inputs, present, seed)[alive] for seed in range(CALLS)]
    bare = sum(int((~call.any(1)).sum()) for call in kept)
    claim(
        bare == 0,
        f"in training, {bare} of {CALLS * int(alive.sum())} rows lost all their modalities at once: keep at least one",
    )
    vary_between_calls = any(not torch.equal(call, kept[0]) for call in kept[1:])
    vary_between_rows = any(bool((call != call[0]).any()) for call in kept)
    claim(
        not vary_between_calls or vary_between_rows,
        "in training, one coin is tossed for the whole batch: all its rows lose the same modality. Draw for each row.",
    )
