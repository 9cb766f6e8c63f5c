"""What all methods that fuse representations share: who is there, what comes before, what comes after."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

import mmcore


class Fusion(nn.Module, ABC):
    """Clean the inputs, project them where asked, combine them, and an MLP where asked.

    A method writes `combine` alone. What reaches it is clean: modalities in the order of `modalities`, the columns of
    `present` likewise, and zeros where a modality is absent or a token does not count, whatever stood there.

    Args:
        widths: modality → width of what `combine` gets.
        dim: width of what `combine` returns.
    """

    def __init__(self, widths: Mapping[str, int], dim: int):
        super().__init__()
        self.modalities = tuple(widths)
        self.dim = dim
        self.before = nn.ModuleDict()
        self.after = nn.Sequential()

    @abstractmethod
    def combine(self, inputs: Mapping[str, Any], present: Tensor) -> Tensor:
        """`(B, width)` per modality, or a `Representation` with tokens and mask, and `present (B, M)` → `(B, dim)`."""

    def forward(self, inputs: Mapping[str, Any], present: Tensor) -> Tensor:
        """The fused representation `(B, dim)`; the columns of `present (B, M)` are in the order of `inputs`."""
        return self.after(self.combine(*self.read(inputs, present)))

    def read(self, inputs: Mapping[str, Any], present: Tensor) -> tuple[dict[str, Any], Tensor]:
        """Inputs as `combine` gets them, and who is present, both in the order of `modalities`."""
        columns = list(inputs)
        present = present[:, [columns.index(name) for name in self.modalities]]
        return {name: self._clean(name, inputs[name], present[:, column])
                for column, name in enumerate(self.modalities)}, present  # fmt: skip

    def _clean(self, name: str, given: Any, here: Tensor) -> Any:
        if isinstance(given, mmcore.Representation):
            return clean_tokens(given, here)
        vector = torch.where(here[:, None], given, 0.0)
        if name in self.before:
            vector = torch.where(here[:, None], self.before[name](vector), 0.0)
        return vector


FusionT = TypeVar("FusionT", bound=Fusion)


def surrounded(
    widths: Mapping[str, int], project: int | None, hidden: Sequence[int], make: Callable[[dict[str, int]], FusionT]
) -> FusionT:
    """A method with a projection before and an MLP after it.

    Args:
        widths: modality → width.
        project: width to which every modality is projected, with ReLU; None leaves vectors as they are.
        hidden: widths of the MLP's layers, each with ReLU; the last is the width of the result.
        make: builds the method for these widths.
    """
    method = make(dict.fromkeys(widths, project) if project else dict(widths))
    if project:
        method.before.update(
            {name: nn.Sequential(nn.Linear(width, project), nn.ReLU()) for name, width in widths.items()}
        )
    for width in hidden:
        method.after.extend([nn.Linear(method.dim, width), nn.ReLU()])
        method.dim = width
    return method


def clean_tokens(given: mmcore.Representation, here: Tensor) -> mmcore.Representation:
    """Tokens with a mask, zeros where the modality is absent (`here (B,)`) or a token does not count.

    A representation without tokens is one token, its vector.
    """
    tokens = given.vector[:, None] if given.tokens is None else given.tokens
    mask = here[:, None].expand(tokens.shape[:2])
    if given.mask is not None and given.tokens is not None:
        mask = mask & given.mask.bool()
    tokens = torch.where(mask[..., None], tokens, 0.0)
    return mmcore.Representation(torch.where(here[:, None], given.vector, 0.0), tokens, mask)


def product(factors: Sequence[Tensor], present: Tensor) -> Tensor:
    """The elementwise product of `(B, …)` factors over the modalities of `present (B, M)`; an absent one's is 1.

    >>> factors = [torch.tensor([[2.0], [2.0]]), torch.tensor([[5.0], [5.0]])]
    >>> product(factors, torch.tensor([[True, True], [True, False]]))
    tensor([[10.],
            [ 2.]])
    """
    result = None
    for factor, here in zip(factors, present.unbind(1), strict=True):
        counted = torch.where(_like(here, factor), factor, 1.0)
        result = counted if result is None else result * counted
    assert result is not None
    return result


def total(terms: Sequence[Tensor], present: Tensor) -> Tensor:
    """The sum of `(B, …)` terms over the modalities that are present."""
    counted = [torch.where(_like(here, term), term, 0.0) for term, here in zip(terms, present.unbind(1), strict=True)]
    return torch.stack(counted).sum(0)


def linears(widths: Mapping[str, int], dim: int, *, bias: bool = True) -> nn.ModuleDict:
    """A linear map to one width for each modality."""
    return nn.ModuleDict({name: nn.Linear(width, dim, bias=bias) for name, width in widths.items()})


def factors(widths: Mapping[str, int], dim: int) -> nn.ModuleDict:
    """Linear maps to one width whose results are multiplied: their constants begin at 1.

    A product of maps that begin around 0 is nearly its highest-order term alone, and that is learned slowly, of four
    modalities hardly at all. With `(1 + u) (1 + v) = 1 + u + v + u v` every order passes from the start.
    """
    maps = linears(widths, dim)
    for each in maps.values():
        nn.init.ones_(each.bias)  # type: ignore[arg-type]
    return maps


def _like(here: Tensor, values: Tensor) -> Tensor:
    return here.reshape(-1, *[1] * (values.ndim - 1))


def check_modality(name: str | None, modalities: Sequence[str], method: str) -> str | None:
    """The name, if it is one of the modalities or None.

    Raises:
        CompositionError: it is another; says which there are.
    """
    if name is not None and name not in modalities:
        raise mmcore.CompositionError(
            f"`main` of {method} is {name!r}, which is no modality of this model",
            hint=mmcore.did_you_mean(name, modalities),
        )
    return name
