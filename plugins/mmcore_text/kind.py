"""The kind `text`: strings, tokenised as the encoder wants them; players are tokens or words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

import mmcore
from mmcore_text.spec import TextDescription, TextSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    Inputs = dict[str, Tensor]


class TextKind(mmcore.Kind):
    """Samples are strings. Prepared: `input_ids (L,)`, `attention_mask (L,)` and `pad_id (1,)`."""

    baselines = MappingProxyType({"default": "the padding token, still attended to"})

    @property
    def primary(self) -> str:
        """The token ids."""
        return "input_ids"

    def decode(self, value: Any, *, root: Path, budget: mmcore.Budget) -> str:
        """The text itself.

        Raises:
            InputError: no text, too large, or half a character (a lone surrogate, which JSON can hold) in it.
        """
        if not isinstance(value, str):
            raise mmcore.InputError("wrong type", f"{type(value).__name__} is no text")
        if len(value) > budget.characters:
            raise mmcore.InputError(
                "too large", f"a text of {len(value):,} characters; the limit is {budget.characters:,}"
            )
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise mmcore.InputError(
                "damaged", f"character {error.start + 1} is half of one ({error.reason})"
            ) from error
        return value

    def describe(self, samples: Iterable[str]) -> TextDescription:
        """The longest text's length."""
        return TextDescription(longest=max(map(len, samples), default=0))

    def prepare(self, sample: str, spec: mmcore.InputSpec) -> Inputs:
        """Token ids, special tokens included, cut to the encoder's length; at least one."""
        assert isinstance(spec, TextSpec)
        pad = spec.tokenizer.pad_token_id or 0
        ids = spec.tokenizer(sample, truncation=True, max_length=spec.max_length)["input_ids"] or [pad]
        return {
            "input_ids": torch.tensor(ids, dtype=torch.long),
            "attention_mask": torch.ones(len(ids), dtype=torch.long),
            "pad_id": torch.tensor([pad]),
        }

    def blank(self, spec: mmcore.InputSpec, description: mmcore.Description) -> Inputs:
        """An empty text: special tokens only, or one of padding where the tokenizer has none."""
        return self.prepare("", spec)

    def collate(self, prepared: Sequence[Inputs]) -> Inputs:
        """Padded at the end to the longest of the batch."""
        pad = int(prepared[0]["pad_id"])
        return {
            "input_ids": pad_sequence([row["input_ids"] for row in prepared], batch_first=True, padding_value=pad),
            "attention_mask": pad_sequence([row["attention_mask"] for row in prepared], batch_first=True),
            "pad_id": torch.stack([row["pad_id"] for row in prepared]),
        }

    def stem(self, description: mmcore.Description, dim: int) -> nn.Module:
        """Embedded byte pairs, with learned places."""
        from mmcore_text.stem import TokenStem

        return TokenStem(dim)

    def players(
        self, sample: str, inputs: Inputs, spec: mmcore.InputSpec, *, granularity: str | int = "auto"
    ) -> mmcore.Players:
        """Tokens ("auto", "tokens") or the words between white space ("words"); special tokens never play.

        `cells` has each player's token positions, `notes["spans"]` its characters in the text, and
        `notes["n_tokens"]` all tokens, special ones included.

        Raises:
            OptionError: another granularity.
        """
        assert isinstance(spec, TextSpec)
        if granularity not in ("auto", "tokens", "words"):
            raise mmcore.OptionError(f"texts have no granularity {granularity!r}", hint="Allowed: tokens, words.")
        encoded = spec.tokenizer(
            sample,
            truncation=True,
            max_length=spec.max_length,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        tokens = [
            (position, tuple(span))
            for position, (span, special) in enumerate(
                zip(encoded["offset_mapping"], encoded["special_tokens_mask"], strict=True)
            )
            if not special
        ]
        groups = _by_word(sample, tokens) if granularity == "words" else [[token] for token in tokens]
        spans = [_trimmed(sample, group[0][1][0], group[-1][1][1]) for group in groups]
        return mmcore.Players(
            labels=tuple(sample[start:end] or "·" for start, end in spans),
            cells=tuple(tuple(position for position, _ in group) for group in groups),
            notes={"spans": spans, "n_tokens": len(encoded["input_ids"])},
        )

    def mask(self, inputs: Inputs, players: mmcore.Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """Masked tokens become the padding token, still attended to (as MM-SHAP's reference code does)."""
        count = len(keep)
        ids = inputs["input_ids"].expand(count, -1).clone()
        for player, positions in enumerate(players.cells):
            gone = torch.from_numpy(~np.asarray(keep)[:, player])
            for position in positions:
                ids[gone, position] = inputs["pad_id"]
        return {
            "input_ids": ids,
            "attention_mask": inputs["attention_mask"].expand(count, -1).clone(),
            "pad_id": inputs["pad_id"].expand(count, -1).clone(),
        }

    def render(
        self, axes: Axes, sample: str, players: mmcore.Players | None = None, values: np.ndarray | None = None
    ) -> None:
        """The text, wrapped, each player on the colour of its value."""
        from mmcore_text.drawing import draw_text

        spans = list(players.notes["spans"]) if players is not None else []
        draw_text(axes, sample, spans, values)


def _by_word(sample: str, tokens: list[tuple[int, tuple[int, int]]]) -> list[list[tuple[int, tuple[int, int]]]]:
    """Tokens grouped by the white-space separated word that they begin in; white space joins the word after it."""
    ends = np.array([match.end() for match in re.finditer(r"\S+", sample)])
    groups: dict[int, list[tuple[int, tuple[int, int]]]] = {}
    for token in tokens:
        word = int(np.searchsorted(ends, token[1][0], side="right"))
        groups.setdefault(min(word, len(ends) - 1), []).append(token)  # after the last word: the last one's
    return [groups[word] for word in sorted(groups)]


def _trimmed(sample: str, start: int, end: int) -> tuple[int, int]:
    """Without the white space around it, if something is left then."""
    inside = sample[start:end]
    if not inside.strip():
        return start, end
    return start + len(inside) - len(inside.lstrip()), end - len(inside) + len(inside.rstrip())
