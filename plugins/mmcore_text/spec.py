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


@dataclass(frozen=True, eq=False)
class TextSpec(mmcore.InputSpec):
    """The tokenizer of an encoder, and after how many tokens a text is cut. Specs that prepare equally are equal."""

    tokenizer: PreTrainedTokenizerBase = field(repr=False)
    max_length: int = 128

    def fingerprint(self) -> str:
        """Of the tokenizer's whole state, not of its name."""
        from tokenizers import Tokenizer

        plain = Tokenizer.from_str(self.tokenizer.backend_tokenizer.to_str())
        plain.no_truncation()  # set by each call, so they say nothing of the tokenizer
        plain.no_padding()
        state = f"{plain.to_str()} {self.tokenizer.pad_token_id} {self.tokenizer.truncation_side}"
        return f"text {hashlib.sha256(state.encode()).hexdigest()} {self.max_length}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSpec) and (self is other or self.fingerprint() == other.fingerprint())

    def __hash__(self) -> int:
        return hash(self.fingerprint())
