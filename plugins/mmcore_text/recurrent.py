"""A recurrent network over words of its own vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import mmcore
from mmcore_text.spec import TextSpec
from mmcore_text.vocabulary import learn_tokenizer

if TYPE_CHECKING:
    from mmcore_text import TextLSTMOptions


class TextLSTM(nn.Module):
    """LSTM (doi:10.1162/neco.1997.9.8.1735) over embedded byte pairs that `adapt` learns from the training texts.

    `tokens (B, L, D)` are the last layer's states; `vector (B, D)` is their mean or maximum over the text, or the state
    after the last token (in both directions, the states after reading all of it).
    """

    def __init__(self, options: TextLSTMOptions, tokenizer: Any):
        super().__init__()
        self.options = options
        self.embed = nn.Embedding(len(tokenizer), options.embedding, padding_idx=tokenizer.pad_token_id)
        self.lstm = nn.LSTM(
            options.embedding, options.width, options.layers, batch_first=True, bidirectional=options.bidirectional,
            dropout=options.dropout if options.layers > 1 else 0.0,
        )  # fmt: skip
        self.dropout = nn.Dropout(options.dropout)
        self.dim = options.width * (2 if options.bidirectional else 1)
        self.input_spec = TextSpec(tokenizer, options.max_length)

    @property
    def blocks(self) -> list[nn.Module]:
        """The embedding, then the recurrent layers together."""
        return [self.embed, self.lstm]

    def adapt(self, samples: Iterable[str]) -> None:
        """Learn the vocabulary, and make room for its embeddings."""
        tokenizer = learn_tokenizer(samples, self.options.vocabulary)
        self.embed = nn.Embedding(len(tokenizer), self.options.embedding, padding_idx=tokenizer.pad_token_id)
        self.input_spec = TextSpec(tokenizer, self.options.max_length)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `input_ids (B, L)` with `attention_mask (B, L)`."""
        mask = inputs["attention_mask"].bool()
        lengths = mask.sum(1).clamp(min=1).cpu()
        embedded = self.dropout(self.embed(inputs["input_ids"]))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        states, (last, _) = self.lstm(packed)
        tokens, _ = pad_packed_sequence(states, batch_first=True, total_length=mask.shape[1])
        return mmcore.Representation(self._pooled(tokens, mask, last), tokens, mask)

    def save_assets(self, folder: Path) -> None:
        """The vocabulary."""
        self.input_spec.tokenizer.save_pretrained(folder)

    def _pooled(self, tokens: Tensor, mask: Tensor, last: Tensor) -> Tensor:
        if self.options.pooling == "last":
            return torch.cat([last[-2], last[-1]], dim=1) if self.options.bidirectional else last[-1]
        weights = mask[..., None]
        if self.options.pooling == "max":
            return tokens.masked_fill(~weights, torch.finfo(tokens.dtype).min).amax(1)
        return (tokens * weights).sum(1) / weights.sum(1).clamp(min=1)
