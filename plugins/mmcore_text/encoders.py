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
        self.input_spec = TextSpec(tokenizer, fitting_length(max_length, model, tokenizer))

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
        DataError: it is a folder that lacks something.
        OptionError: it is no text encoder, or its tokenizer is not one of the fast ones.
    """
    try:
        return from_folder(model, pooling, max_length, weights)
    except (OSError, ValueError) as error:
        if Path(model).is_dir():
            raise mmcore.DataError(
                f"can't be read as a text model ({first_line(error)})",
                where=model,
                hint="It needs config.json, tokenizer.json and, unless weights: none is given, model.safetensors.",
            ) from error
        raise mmcore.MissingDependency(
            f"the model {model!r} is not on this machine, and could not be downloaded ({first_line(error)})",
            where="encoder 'hf_text'",
            hint="Give the path of a folder with config.json, tokenizer.json and model.safetensors, or go online once.",
        ) from error


def from_folder(folder: str | Path, pooling: Pooling, max_length: int, weights: str | Path) -> TextEncoder:
    """The tokenizer and architecture of `folder`; with its weights, without any, or with those of a file."""
    config = AutoConfig.from_pretrained(folder)
    tokenizer = fast_tokenizer(folder)
    if weights == "pretrained":
        model = _encoder_of(AutoModel.from_pretrained(folder, use_safetensors=True))
    else:
        model = _encoder_of(AutoModel.from_config(config))
        if weights != "none":
            load_weights(model, Path(weights))
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
    tokenizer = fast_tokenizer(folder)
    if scratch is not None:
        return ScratchTextEncoder(scratch, tokenizer, pooling, max_length)
    model = _encoder_of(AutoModel.from_config(AutoConfig.from_pretrained(folder)))
    return TextEncoder(model, tokenizer, pooling, max_length)


def fast_tokenizer(folder: str | Path) -> Any:
    """The tokenizer of a folder or of a model of the hub.

    Raises:
        OptionError: it does not know where in the text its tokens stand.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if not tokenizer.is_fast:
        raise mmcore.OptionError(
            f"the tokenizer of {str(folder)!r} does not say where in the text its tokens stand",
            path=("model",),
            hint="Choose a model with a tokenizer.json.",
        )
    return tokenizer


def _encoder_of(model: Any) -> Any:
    """The encoder of a model with a decoder (T5, BART); others as they are."""
    if getattr(model.config, "is_encoder_decoder", False) and hasattr(model, "get_encoder"):
        model = model.get_encoder()
    if not hasattr(model.config, "hidden_size"):
        raise mmcore.OptionError(f"{type(model).__name__} is no text encoder", path=("model",))
    return model


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a file of weights (safetensors, or a torch file without code).

    Raises:
        DataError: it can't be read, or is of another model.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        raise mmcore.DataError("there is no such file of weights", where=str(path))
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        outcome = model.load_state_dict(state, strict=False)
    except Exception as error:
        raise mmcore.DataError(
            f"can't be read as this model's weights ({first_line(error)})", where=str(path)
        ) from error
    missing = [name for name in outcome.missing_keys if "pooler" not in name]
    if missing:
        raise mmcore.DataError(
            f"holds no {missing[0]!r} ({len(missing)} tensors are missing)",
            where=str(path),
            hint="Is it another model?",
        )


def fitting_length(max_length: int, model: Any, tokenizer: Any) -> int:
    """Not more tokens than the model has positions for, nor than its tokenizer allows."""
    positions = int(getattr(model.config, "max_position_embeddings", None) or max_length)
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            positions = module.num_embeddings - module.padding_idx - 1  # RoBERTa counts from there
    return max(1, min(max_length, positions, int(tokenizer.model_max_length)))


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
