"""Attention over tokens that honours masks, and the transformer layer made of it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """`softmax(Q K^T / sqrt(d)) V` in several heads (arXiv:1706.03762, equation 1 and section 3.2.2).

    Args:
        dim: width of queries, keys, values and result.
        heads: divides `dim`.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, asking: Tensor, asked: Tensor, mask: Tensor) -> Tensor:
        """What `asking (B, L, D)` hears from the tokens of `asked (B, S, D)` that count in `mask (B, S)`; `(B, L, D)`.

        Zeros in a row in which none counts.
        """
        heard = mask.any(1)
        # a softmax over nothing is NaN in some kernels, and so is its gradient: such rows see all, and are blanked
        open_ = (mask | ~heard[:, None])[:, None, None, :]
        query, key, value = (self._split(each) for each in (self.query(asking), self.key(asked), self.value(asked)))
        mixed = scaled_dot_product_attention(query, key, value, attn_mask=open_).transpose(1, 2).flatten(2)
        return torch.where(heard[:, None, None], self.output(mixed), 0.0)

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, L, D / heads)


class TransformerLayer(nn.Module):
    """A transformer layer with the norms inside: `x + Attention(norm(x), norm(y))`, then `x + MLP(norm(x))`.

    Args:
        dim: width of the tokens.
        heads: divides `dim`.
        dropout: of what each half adds.
    """

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.norm, self.inner_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, heads)
        self.inner = nn.Sequential(nn.Linear(dim, 4 * dim), nn.ReLU(), nn.Dropout(dropout), nn.Linear(4 * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, asking: Tensor, asked: Tensor, mask: Tensor) -> Tensor:
        """`asking (B, L, D)` after it listened to `asked (B, S, D)`, of which `mask (B, S)` says what counts."""
        asking = asking + self.dropout(self.attention(self.norm(asking), self.norm(asked), mask))
        return asking + self.dropout(self.inner(self.inner_norm(asking)))


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """The mean of the tokens `(B, L, D)` that count in `mask (B, L)`; zeros where none does.

    >>> masked_mean(torch.tensor([[[2.0], [9.0]]]), torch.tensor([[True, False]]))
    tensor([[2.]])
    """
    kept = torch.where(mask[..., None], tokens, 0.0)
    return kept.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)


def last_token(tokens: Tensor, mask: Tensor) -> Tensor:
    """The last token of `(B, L, D)` that counts in `mask (B, L)`; the first where none does.

    >>> last_token(torch.tensor([[[2.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]]))
    tensor([[3.]])
    """
    places = (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).argmax(1)
    return tokens[torch.arange(len(tokens), device=tokens.device), places]


def sinusoids(length: int, dim: int, like: Tensor) -> Tensor:
    """Positions `(length, dim)` as sines and cosines (arXiv:1706.03762, section 3.5), of the type of `like`."""
    places = torch.arange(length, device=like.device, dtype=torch.float32)[:, None]
    rates = torch.exp(torch.arange(0, dim, 2, device=like.device, dtype=torch.float32) * (-math.log(10_000.0) / dim))
    return torch.stack([(places * rates).sin(), (places * rates).cos()], dim=2).flatten(1)[:, :dim].to(like.dtype)
