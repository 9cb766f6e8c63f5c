"""The validation split after an epoch: the model's own loss and the metrics of its logits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from mmcore.data.loading import batch_from_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mmcore.model.fusion_model import FusionModel


def validate(
    model: FusionModel,
    dataset: Any,
    collate: Callable[..., Any],
    *,
    batch_size: int,
    device: torch.device,
    metric: Callable[[Tensor, Tensor], Mapping[str, Any]] | None,
    workers: int = 0,
) -> dict[str, float | None]:
    """`loss` (mean per row) and the metrics; None for what is not a finite number. Leaves the model in eval mode."""
    loader = DataLoader(
        dataset,
        batch_size=batch_size,
        collate_fn=collate,
        num_workers=workers,
        generator=torch.Generator(),  # an own one: validating must not move the generator that dropout uses
    )
    model.eval()
    total, logits, targets = 0.0, [], []
    with torch.inference_mode():
        for tree in loader:
            batch = batch_from_tree(tree, model.modalities).to(device)
            output = model(batch)
            total += float(model.loss(output, batch)) * len(batch)
            logits.append(output.logits.float().cpu())
            targets.append(tree["targets"])
        values: dict[str, Any] = {"loss": total / len(dataset)}
        if metric is not None:
            values |= metric(torch.cat(logits), torch.cat(targets))
    return {name: _number(value) for name, value in values.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float) or (isinstance(value, Tensor) and value.ndim == 0)


def _number(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
