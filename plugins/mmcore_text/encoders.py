"""Text transformers as encoders: of the hub, of a folder, from scratch, or as they were saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, BertConfig
from transformers.utils import logging

import mmcore
from mmcore_text.spec import TextSpec
from mmcore_text.vocabulary import learn_tokenizer

if TYPE_CHECKING:
    from mmcore_text import ScratchOptions

Pooling = Literal["cls", "mean"]

logging.set_verbosity_error()
logging.disable_progress_bar()


class TextEncoder(nn.Module):
    """A transformer and the way its hidden states become one vector.

    `vector (B, D)`: the first token's state, or the mean over the tokens that are no padding. `tokens (B, L, D)`: all
    states, with the mask of those that are no padding.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, pooling: Pooling, max_length: int):
        super().__init__()
        if getattr(model, "pooler", None) is not None:
            model.pooler = None  # type: ignore[assignment]  # not read here, so it would never be trained
        self.model, self.pooling, self.max_length = model, pooling, max_length
        self.dim = int(model.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.input_spec = TextSpec(tokenizer, _fitting(max_length, model))

    @property
    def blocks(self) -> list[nn.Module]:
        """The transformer's layers, input side first."""
        lists = [module for module in self.model.modules() if isinstance(module, nn.ModuleList) and len(module)]
        return max((list(found) for found in lists), key=len, default=[])

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Hidden states, pooled."""
        mask = inputs["attention_mask"]
        hidden = self.model(input_ids=inputs["input_ids"], attention_mask=mask).last_hidden_state
        if self.pooling == "cls":
            vector = hidden[:, 0]
        else:
            weights = mask[..., None].to(hidden.dtype)
            vector = (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
        return mmcore.Representation(vector, hidden, mask.bool())

    def save_assets(self, folder: Path) -> None:
        """The configuration and the tokenizer."""
        self.model.config.save_pretrained(folder)  # type: ignore[union-attr, operator]
        self.input_spec.tokenizer.save_pretrained(folder)


class ScratchTextEncoder(TextEncoder):
    """A BERT with random weights, whose vocabulary is learned from the training texts by `adapt`."""

    def __init__(self, options: ScratchOptions, tokenizer: Any, pooling: Pooling, max_length: int):
        self.vocabulary = options.vocabulary
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=options.width,
            num_hidden_layers=options.layers,
            num_attention_heads=options.heads,
            intermediate_size=4 * options.width,
            max_position_embeddings=max_length,
            pad_token_id=tokenizer.pad_token_id,
        )
        super().__init__(AutoModel.from_config(config, add_pooling_layer=False), tokenizer, pooling, max_length)

    def adapt(self, samples: Iterable[str]) -> None:
        """Learn byte pairs from texts, and make room for their embeddings."""
        tokenizer = learn_tokenizer(samples, self.vocabulary)
        self.model.resize_token_embeddings(len(tokenizer), mean_resizing=False)  # type: ignore[operator]
        self.input_spec = TextSpec(tokenizer, self.input_spec.max_length)


def from_hub(model: str, pooling: Pooling, max_length: int, weights: str | Path) -> TextEncoder:
    """A model by its name on the hub, or by a folder.

    Raises:
        MissingDependency: it is neither here nor can it be downloaded.
    """
    try:
        return from_folder(model, pooling, max_length, weights)
    except OSError as error:
        raise mmcore.MissingDependency(
            f"the model {model!r} is not on this machine, and could not be downloaded",
            where="encoder 'hf_text'",
            hint="Give the path of a folder with config.json, tokenizer.json and model.safetensors, or go online once.",
        ) from error


def from_folder(folder: str | Path, pooling: Pooling, max_length: int, weights: str | Path) -> TextEncoder:
    """The tokenizer and architecture of `folder`; with its weights, without any, or with those of a file."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if weights == "pretrained":
        model = AutoModel.from_pretrained(folder, use_safetensors=True)
    else:
        model = AutoModel.from_config(AutoConfig.from_pretrained(folder))
        if weights != "none":
            _load_weights(model, Path(weights))
    return TextEncoder(model.float(), tokenizer, pooling, max_length)


def from_scratch(options: ScratchOptions, pooling: Pooling, max_length: int) -> TextEncoder:
    """Random weights; until `adapt` is called, single bytes are the vocabulary.

    Raises:
        OptionError: the heads do not divide the width.
    """
    if options.width % options.heads:
        raise mmcore.OptionError(f"{options.heads} heads do not divide a width of {options.width}", path=("scratch",))
    return ScratchTextEncoder(options, learn_tokenizer((), 0), pooling, max_length)


def from_assets(
    folder: Path, pooling: Pooling, max_length: int, *, scratch: ScratchOptions | None = None
) -> TextEncoder:
    """The architecture and tokenizer that `save_assets` wrote; the weights come with the model's state."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if scratch is not None:
        return ScratchTextEncoder(scratch, tokenizer, pooling, max_length)
    return TextEncoder(AutoModel.from_config(AutoConfig.from_pretrained(folder)), tokenizer, pooling, max_length)


def _load_weights(model: nn.Module, path: Path) -> None:
    from safetensors.torch import load_file

    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    except Exception as error:
        raise mmcore.DataError(f"can't be read as weights ({error})", where=str(path)) from error
    outcome = model.load_state_dict(state, strict=False)
    missing = [name for name in outcome.missing_keys if "pooler" not in name]
    if missing:
        raise mmcore.DataError(
            f"holds no {missing[0]!r} ({len(missing)} tensors are missing)",
            where=str(path),
            hint="Is it another model?",
        )


def _fitting(max_length: int, model: Any) -> int:
    """Not more tokens than the model has positions for."""
    return min(max_length, int(getattr(model.config, "max_position_embeddings", max_length)))
