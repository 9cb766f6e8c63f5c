"""The minimum of a smooth function of a few numbers, the same every time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def minimised(loss: Callable[[Tensor], Tensor], start: Tensor, *, steps: int = 500) -> Tensor:
    """Where `loss` is smallest, found by L-BFGS from `start`, in its precision; no randomness.

    >>> minimised(lambda x: (x - 3).square().sum(), torch.zeros(1, dtype=torch.double))
    tensor([3.], dtype=torch.float64)
    """
    with torch.enable_grad():
        found = start.clone().requires_grad_(True)
        optimiser = torch.optim.LBFGS(
            [found],
            max_iter=steps,
            tolerance_grad=1e-9,
            tolerance_change=1e-14,
            history_size=20,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimiser.zero_grad()
            value = loss(found)
            value.backward()
            return value

        optimiser.step(closure)
    return found.detach()
