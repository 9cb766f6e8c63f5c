"""Gates: how much of each modality passes, learned, and readable for each row."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmcore_fusion.fusion import Fusion, linears


class Gated(Fusion):
    """Gated multimodal unit (arXiv:1702.01992): `h = Σ_m z_m ⊙ tanh(W_m x_m)`.

    With independent gates (the paper's unit for more than two modalities) `z_m = σ(W_zm [x_1, …, x_M])`. With tied
    gates (its unit for two) `z = σ(W_z [x_1, x_2])` and the second gate is `1 - z`. Tied gates of more than two are
    ours: a softmax over `W_zm [x_1, …, x_M]`, which for two is the same as `z` and `1 - z`.

    An absent modality is zero in what the gates read, and its gate is 0; tied gates are shared out among those present.

    Args:
        widths: modality → width.
        width: of the fused representation.
        tied: whether the gates of a row sum to 1; None: for two modalities.
        scalar: one gate for a modality instead of one for each unit.
    """

    def __init__(self, widths: Mapping[str, int], width: int, *, tied: bool | None = None, scalar: bool = False):
        super().__init__(widths, width)
        self.tied = len(widths) == 2 if tied is None else tied
        self.projections = linears(widths, width, bias=False)
        units, everything = 1 if scalar else width, sum(widths.values())
        # of two tied gates the second is 1 - z and has no weights: its place in the softmax is 0
        own = list(widths)[:-1] if self.tied and len(widths) == 2 else list(widths)
        self.gate_maps = nn.ModuleDict({name: nn.Linear(everything, units, bias=False) for name in own})

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, width)`."""
        activations = torch.stack([self.projections[name](vector).tanh() for name, vector in inputs.items()], dim=1)
        return (self._gates(inputs, present) * activations).sum(1)

    def gates(self, inputs: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        """Each modality's gate for each row: `(B, dim)`, or `(B, 1)` where gates are scalar; 0 where it is absent."""
        gates = self._gates(*self.read(inputs, present))
        return dict(zip(self.modalities, gates.unbind(1), strict=True))

    def _gates(self, vectors: Mapping[str, Tensor], present: Tensor) -> Tensor:
        everything = torch.cat(list(vectors.values()), dim=1)
        raw = [self.gate_maps[name](everything) for name in self.modalities if name in self.gate_maps]
        raw += [torch.zeros_like(raw[0])] * (len(self.modalities) - len(raw))
        stacked, here = torch.stack(raw, dim=1), present[:, :, None]  # (B, M, units), (B, M, 1)
        if self.tied:
            return softmax_over_present(stacked, here)
        return torch.where(here, stacked.sigmoid(), 0.0)


class ModalityAttention(Fusion):
    """`Σ_m a_m (W_m x_m + b_m)` with `a = softmax(A [x_1, …, x_M] + c)`: one weight for a modality, all sum to 1.

    The attention fusion of torchmultimodal. An absent modality is zero in what the weights are computed from, and the
    weights are shared out among those present.

    Args:
        widths: modality → width.
        width: of the fused representation.
    """

    def __init__(self, widths: Mapping[str, int], width: int):
        super().__init__(widths, width)
        self.projections = linears(widths, width)
        self.score = nn.Linear(sum(widths.values()), len(widths))

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, width)`."""
        projected = torch.stack([self.projections[name](vector) for name, vector in inputs.items()], dim=1)
        return (self._weights(inputs, present) * projected).sum(1)

    def gates(self, inputs: Mapping[str, Tensor], present: Tensor) -> dict[str, Tensor]:
        """Each modality's weight for each row, `(B, 1)`; 0 where it is absent."""
        weights = self._weights(*self.read(inputs, present))
        return dict(zip(self.modalities, weights.unbind(1), strict=True))

    def _weights(self, vectors: Mapping[str, Tensor], present: Tensor) -> Tensor:
        scores = self.score(torch.cat(list(vectors.values()), dim=1))
        return softmax_over_present(scores[:, :, None], present[:, :, None])


def softmax_over_present(scores: Tensor, here: Tensor) -> Tensor:
    """Softmax of `scores (B, M, D)` over the modalities where `here (B, M, 1)` is true; 0 elsewhere.

    >>> softmax_over_present(torch.zeros(1, 3, 1), torch.tensor([[[True], [False], [True]]])).flatten()
    tensor([0.5000, 0.0000, 0.5000])
    """
    floor = torch.finfo(scores.dtype).min
    return torch.where(here, torch.where(here, scores, floor).softmax(dim=1), 0.0)
