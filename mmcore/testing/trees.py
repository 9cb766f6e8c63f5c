"""Nested inputs and outputs (mappings, lists, tensors, representations, batches), walked by one rule."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def tensors_in(tree: Any, path: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a tree, with the path that leads to it.

    >>> [path for path, _ in tensors_in({"a": [torch.zeros(1), None], "b": torch.zeros(2)})]
    ['a.0', 'b']
    """
    for key, child in _children(tree):
        below = f"{path}.{key}" if path else str(key)
        if isinstance(child, Tensor):
            yield below, child
        else:
            yield from tensors_in(child, below)


def cloned(tree: Any) -> Any:
    """A copy that shares no tensor with the tree."""
    if isinstance(tree, Tensor):
        return tree.detach().clone().requires_grad_(tree.requires_grad)
    if isinstance(tree, Mapping):
        return {key: cloned(child) for key, child in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(cloned(child) for child in tree)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return dataclasses.replace(
            tree, **{field.name: cloned(getattr(tree, field.name)) for field in dataclasses.fields(tree)}
        )
    return tree


def difference(first: Any, second: Any) -> str | None:
    """Where two trees differ in their tensors (NaN equals NaN), in words; None when they don't."""
    left, right = dict(tensors_in(first)), dict(tensors_in(second))
    if left.keys() != right.keys():
        return f"{sorted(left.keys() ^ right.keys())} is there once only"
    for path, tensor in left.items():
        other = right[path]
        if tensor.shape != other.shape:
            return f"{path}: shape {tuple(tensor.shape)} against {tuple(other.shape)}"
        if not torch.equal(torch.nan_to_num(tensor), torch.nan_to_num(other)):
            return f"{path}: they differ by up to {largest_gap(tensor, other):.3g}"
    return None


def largest_gap(first: Tensor, second: Tensor) -> float:
    """The largest absolute difference of two tensors of one shape."""
    gap = (first.double() - second.double()).abs().nan_to_num(nan=float("inf"))
    return float(gap.max()) if gap.numel() else 0.0


def is_near(first: Tensor, second: Tensor, tolerance: float = 1e-4) -> bool:
    """Equal up to rounding, measured on the scale of the numbers themselves."""
    if first.shape != second.shape:
        return False
    scale = 1.0 + (float(second.double().abs().nan_to_num().max()) if second.numel() else 0.0)
    return largest_gap(first, second) <= tolerance * scale


def unregistered(module: nn.Module) -> list[str]:
    """Attributes of a module, and of its parts, that hold parameters or modules which torch doesn't know of.

    A list of layers or of parameters is not searched by torch: what it holds is never trained, moved or saved.

    >>> class Forgetful(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factors = [nn.Parameter(torch.zeros(2))]
    >>> unregistered(Forgetful())
    ['factors']
    """
    known = {id(parameter) for parameter in module.parameters()}
    known |= {id(part) for part in module.modules()}
    found = []
    for name, part in module.named_modules():
        for attribute, value in vars(part).items():
            if attribute not in _BOOKKEEPING and any(id(item) not in known for item in _trainable_in(value)):
                found.append(f"{name}.{attribute}" if name else attribute)
    return found


_BOOKKEEPING = frozenset(vars(nn.Module()))
_DEPTH = 4


def _trainable_in(value: Any, depth: int = 0) -> Iterator[Any]:
    if isinstance(value, nn.Module) or (isinstance(value, Tensor) and value.requires_grad and value.is_leaf):
        yield value
    elif depth < _DEPTH:
        if isinstance(value, Mapping):
            value = list(value.values())
        if isinstance(value, list | tuple | set):
            for item in value:
                yield from _trainable_in(item, depth + 1)


def _children(tree: Any) -> list[tuple[Any, Any]]:
    if isinstance(tree, Tensor):
        return [("", tree)]
    if isinstance(tree, Mapping):
        return list(tree.items())
    if isinstance(tree, list | tuple):
        return list(enumerate(tree))
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return [(field.name, getattr(tree, field.name)) for field in dataclasses.fields(tree)]
    return []
