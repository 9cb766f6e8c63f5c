"""Encoders whose sentence vector is more than pooled hidden states: SimCSE, and CLIP's text side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, BertConfig, CLIPTextConfig, CLIPTextModelWithProjection

import mmcore
from mmcore_text.encoders import fast_tokenizer, first_line, fitting_length, load_weights
from mmcore_text.spec import TextSpec
from mmcore_text.vocabulary import learn_tokenizer

if TYPE_CHECKING:
    from mmcore_text import ScratchOptions


class SentenceEncoder(nn.Module):
    """What both share: a transformer, its tokenizer, and a vocabulary learned by `adapt` where it begins anew.

    Args:
        model: a transformer of the hub's library.
        vocabulary: how many byte pairs `adapt` learns; None where the tokenizer is given.
    """

    def __init__(self, model: Any, tokenizer: Any, max_length: int, vocabulary: int | None):
        super().__init__()
        self.model, self.vocabulary = model, vocabulary
        self.input_spec = TextSpec(tokenizer, fitting_length(max_length, model, tokenizer))
        if vocabulary is not None:
            self.adapt = self._adapt

    @property
    def blocks(self) -> list[nn.Module]:
        """The transformer's layers, input side first."""
        lists = [module for module in self.model.modules() if isinstance(module, nn.ModuleList) and len(module)]
        return max((list(found) for found in lists), key=len, default=[])

    def save_assets(self, folder: Path) -> None:
        """The configuration and the tokenizer."""
        self.model.config.save_pretrained(folder)
        self.input_spec.tokenizer.save_pretrained(folder)

    def _adapt(self, samples: Iterable[str]) -> None:
        assert self.vocabulary is not None
        tokenizer = learn_tokenizer(samples, self.vocabulary)
        self.model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        self.input_spec = TextSpec(tokenizer, self.input_spec.max_length)


class SimCSE(SentenceEncoder):
    """SimCSE (arXiv:2104.08821): the supervised model's sentence is the pooler's output (a linear map and tanh over the
    first token), the unsupervised one's the first token's last hidden state; neither is normalised."""

    def __init__(self, model: Any, tokenizer: Any, max_length: int, vocabulary: int | None, *, supervised: bool):
        super().__init__(model, tokenizer, max_length, vocabulary)
        self.supervised = supervised
        self.dim = int(model.config.hidden_size)
        if not supervised and getattr(model, "pooler", None) is not None:
            model.pooler = None  # its parameters would never be reached

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `input_ids (B, L)` with `attention_mask (B, L)`."""
        mask = inputs["attention_mask"]
        found = self.model(input_ids=inputs["input_ids"], attention_mask=mask)
        hidden = found.last_hidden_state
        return mmcore.Representation(found.pooler_output if self.supervised else hidden[:, 0], hidden, mask.bool())


class CLIPText(SentenceEncoder):
    """CLIP's text side (arXiv:2103.00020): the projected state of the text's end `(B, D)`, not normalised."""

    def __init__(self, model: CLIPTextModelWithProjection, tokenizer: Any, max_length: int, vocabulary: int | None):
        super().__init__(model, tokenizer, max_length, vocabulary)
        self.dim = int(model.config.projection_dim or model.config.hidden_size)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `input_ids (B, L)` with `attention_mask (B, L)`."""
        mask = inputs["attention_mask"]
        found = self.model(input_ids=inputs["input_ids"], attention_mask=mask)
        return mmcore.Representation(
            found.text_embeds, self.model.text_projection(found.last_hidden_state), mask.bool()
        )


def simcse_encoder(
    model: str, scratch: ScratchOptions | None, max_length: int, supervised: bool, resources: mmcore.Resources
) -> SimCSE:
    """SimCSE of the hub or a folder, from scratch, or as it was saved."""

    def made(config: Any) -> Any:
        return AutoModel.from_config(config)

    def small(own: ScratchOptions, tokenizer: Any) -> Any:
        return BertConfig(
            vocab_size=len(tokenizer), hidden_size=own.width, num_hidden_layers=own.layers,
            num_attention_heads=own.heads, intermediate_size=4 * own.width, max_position_embeddings=max_length,
            pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip

    parts = _parts("simcse", AutoModel, made, small, model, scratch, resources)
    return SimCSE(*parts, max_length, scratch.vocabulary if scratch else None, supervised=supervised)


def clip_text_encoder(
    model: str, scratch: ScratchOptions | None, max_length: int, resources: mmcore.Resources
) -> CLIPText:
    """CLIP's text side of the hub or a folder, from scratch, or as it was saved."""

    def made(config: Any) -> Any:
        return CLIPTextModelWithProjection(getattr(config, "text_config", config))

    def small(own: ScratchOptions, tokenizer: Any) -> Any:
        return CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=own.width, num_hidden_layers=own.layers,
            num_attention_heads=own.heads, intermediate_size=4 * own.width, max_position_embeddings=max_length,
            projection_dim=own.width, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
        )  # fmt: skip

    parts = _parts("clip_text", CLIPTextModelWithProjection, made, small, model, scratch, resources)
    return CLIPText(*parts, max_length, scratch.vocabulary if scratch else None)


def _parts(
    encoder: str, kind: Any, made: Any, small: Any, model: str, scratch: ScratchOptions | None,
    resources: mmcore.Resources,
) -> tuple[Any, Any]:  # fmt: skip
    """The transformer and its tokenizer.

    Raises:
        MissingDependency: the model is neither here nor can it be downloaded.
        OptionError: the heads do not divide the width.
    """
    if resources.assets is not None:
        config = kind.config_class if getattr(kind, "config_class", None) else AutoConfig
        return made(config.from_pretrained(resources.assets)), fast_tokenizer(resources.assets)
    if scratch is not None:
        if scratch.width % scratch.heads:
            raise mmcore.OptionError(
                f"{scratch.heads} heads do not divide a width of {scratch.width}", path=("scratch",)
            )
        tokenizer = learn_tokenizer((), 0)
        return made(small(scratch, tokenizer)), tokenizer
    try:
        tokenizer = fast_tokenizer(model)
        if resources.weights == "pretrained":
            return kind.from_pretrained(model, use_safetensors=True).float(), tokenizer
        built = made(AutoConfig.from_pretrained(model))
    except (OSError, ValueError) as error:
        raise mmcore.MissingDependency(
            f"the model {model!r} is not on this machine, and could not be downloaded ({first_line(error)})",
            where=f"encoder {encoder!r}",
            hint="Give the path of a folder with config.json, tokenizer.json and model.safetensors, go online once, "
            "or use `scratch`.",
        ) from error
    if resources.weights != "none":
        load_weights(built, Path(resources.weights))
    return built, tokenizer
