"""Texts as tokens, for early fusion: byte pairs of the training texts, embedded, with learned places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

import mmcore
from mmcore_text.spec import TextSpec
from mmcore_text.vocabulary import learn_tokenizer

VOCABULARY, LENGTH = 4000, 64


class TokenStem(nn.Module):
    """Token ids → `tokens (B, L, dim)`, L at most 64; their mean as vector. Nothing deep."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, dim))
        self._read(learn_tokenizer((), 0))

    def adapt(self, samples: Iterable[str]) -> None:
        """Learn the vocabulary."""
        self._read(learn_tokenizer(samples, VOCABULARY))

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Embed each token and add its place."""
        ids, mask = inputs["input_ids"], inputs["attention_mask"].bool()
        tokens = self.embed(ids) + self.place[: ids.shape[1]]
        weights = mask[..., None].to(tokens.dtype)
        return mmcore.Representation((tokens * weights).sum(1) / weights.sum(1).clamp(min=1), tokens, mask)

    def save_assets(self, folder: Path) -> None:
        """The vocabulary."""
        self.input_spec.tokenizer.save_pretrained(folder)

    def load_assets(self, folder: Path) -> None:
        """The vocabulary that was saved, and room for its embeddings."""
        self._read(PreTrainedTokenizerFast.from_pretrained(folder))

    def _read(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.input_spec = TextSpec(tokenizer, LENGTH)
        self.embed = nn.Embedding(len(tokenizer), self.dim, padding_idx=tokenizer.pad_token_id)
