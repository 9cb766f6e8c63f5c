"""What is remembered of texts, and how an encoder wants them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import mmcore

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class TextDescription(mmcore.Description):
    """The training texts."""

    longest: int = 0
    """Characters of the longest one."""


@dataclass(frozen=True)
class TextSpec(mmcore.InputSpec):
    """The tokenizer of an encoder, and after how many tokens a text is cut."""

    tokenizer: PreTrainedTokenizerBase = field(compare=False, repr=False)
    max_length: int = 128

    def fingerprint(self) -> str:
        """Of the tokenizer's whole state, not of its name."""
        from tokenizers import Tokenizer

        plain = Tokenizer.from_str(self.tokenizer.backend_tokenizer.to_str())
        plain.no_truncation()  # set by each call, so they say nothing of the tokenizer
        plain.no_padding()
        return f"text {hashlib.sha256(plain.to_str().encode()).hexdigest()} {self.max_length}"
