"""Conditioning: one modality is the main one, the others change it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mmcore_fusion.fusion import Fusion, check_modality, total


class Film(Fusion):
    """Feature-wise linear modulation (arXiv:1709.07871, equation 2): `γ(c) ⊙ x + β(c)`, x the main modality.

    `γ = 1 + Σ_c (Γ_c c + g_c)` and `β = Σ_c (B_c c + b_c)` over the other modalities c that are present: γ - 1 is
    learned, as in the authors' code; the sum over several is ours. Where the main modality is absent, β(c) is left.

    Args:
        widths: modality → width.
        main: the modality that is modulated; None: the first.

    Raises:
        CompositionError: `main` is no modality.
    """

    def __init__(self, widths: Mapping[str, int], main: str | None = None):
        self.main = check_modality(main, list(widths), "film") or next(iter(widths))
        super().__init__(widths, widths[self.main])
        others = {name: width for name, width in widths.items() if name != self.main}
        self.modulations = nn.ModuleDict({name: nn.Linear(width, 2 * self.dim) for name, width in others.items()})

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, width of the main one)`."""
        columns = [column for column, name in enumerate(self.modalities) if name != self.main]
        changes = [self.modulations[self.modalities[column]](inputs[self.modalities[column]]) for column in columns]
        gamma, beta = total(changes, present[:, columns]).chunk(2, dim=1)
        return (1 + gamma) * inputs[self.main] + beta


class AdaptationGate(Fusion):
    """Multimodal adaptation gate (arXiv:1908.05787): `LayerNorm(e + α h)`, e the main modality.

    `h = Σ_m ReLU(W_gm [m; e] + b_gm) ⊙ (W_m m + b_m)` over the other modalities that are present and
    `α = min(β ‖e‖ / ‖h‖, 1)`, so that the main vector moves by at most β times its own length. Where the main modality
    is absent there is nothing to be moved, and h stands alone (ours).

    Args:
        widths: modality → width.
        main: the modality that is moved; None: the first.
        beta: how far.
        dropout: of the result.

    Raises:
        CompositionError: `main` is no modality.
    """

    def __init__(self, widths: Mapping[str, int], main: str | None = None, *, beta: float = 1.0, dropout: float = 0.5):
        self.main = check_modality(main, list(widths), "mag") or next(iter(widths))
        super().__init__(widths, widths[self.main])
        self.beta = beta
        others = {name: width for name, width in widths.items() if name != self.main}
        self.gate_maps = nn.ModuleDict({name: nn.Linear(width + self.dim, self.dim) for name, width in others.items()})
        self.shifts = nn.ModuleDict({name: nn.Linear(width, self.dim) for name, width in others.items()})
        self.norm = nn.LayerNorm(self.dim)
        self.dropout = nn.Dropout(dropout)

    def combine(self, inputs: Mapping[str, Tensor], present: Tensor) -> Tensor:
        """`(B, width)` per modality and `present (B, M)` → `(B, width of the main one)`."""
        main = inputs[self.main]
        columns = [column for column, name in enumerate(self.modalities) if name != self.main]
        terms = []
        for name in (self.modalities[column] for column in columns):
            gate = self.gate_maps[name](torch.cat([inputs[name], main], dim=1)).relu()
            terms.append(gate * self.shifts[name](inputs[name]))
        shift = total(terms, present[:, columns])
        share = (self.beta * _length(main) / _length(shift)).clamp(max=1.0)
        here = present[:, [self.modalities.index(self.main)]]
        return self.dropout(self.norm(main + torch.where(here, share, 1.0) * shift))


def _length(vectors: Tensor) -> Tensor:
    """Euclidean length of `(B, D)`, `(B, 1)`, with a finite slope at zero."""
    return (vectors.square().sum(1, keepdim=True) + 1e-12).sqrt()
