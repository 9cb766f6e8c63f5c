"""Sounds: the kind `audio`, and the encoders `audio_cnn` and `hf_audio`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import mmcore
from mmcore_audio.columns import examples, looks_like_sounds
from mmcore_audio.spec import AudioDescription, AudioSpec

if TYPE_CHECKING:
    from torch import nn

    from mmcore_audio.kind import AudioKind

__all__ = ["AudioDescription", "AudioSpec"]


class AudioCNNOptions(mmcore.Options):
    """How deep and wide, and what it hears."""

    widths: list[Annotated[int, mmcore.Field(ge=1, le=4096)]] = mmcore.Field(
        [64, 128, 256, 512], min_length=1, max_length=8, description="channels of the blocks; the last is the width"
    )
    mels: int = mmcore.Field(64, ge=8, le=512, description="bands of the mel scale")
    rate: int = mmcore.Field(16_000, ge=1000, le=192_000, description="samples a second")
    seconds: float | None = mmcore.Field(
        None, gt=0, le=3600, description="how much of a sound is heard; as the training sounds if left out"
    )
    dropout: float = mmcore.Field(0.2, ge=0, lt=1, description="after each block, in training")


class AudioScratchOptions(mmcore.Options):
    """A transformer that begins with random weights."""

    architecture: Literal["ast", "wav2vec2"] = mmcore.Field("ast", description="over log-mel energies or the waveform")
    width: int = mmcore.Field(128, ge=8, le=4096, description="width of the hidden states")
    layers: int = mmcore.Field(4, ge=1, le=48, description="transformer layers")
    heads: int = mmcore.Field(4, ge=1, le=64, description="attention heads; they divide the width")


class HFAudioOptions(mmcore.Options):
    """Which model of the hub, or one from scratch."""

    model: str = mmcore.Field(
        "MIT/ast-finetuned-audioset-10-10-0.4593", min_length=1,
        description="an AST or a model like wav2vec 2.0 of the Hugging Face hub, or a folder",
    )  # fmt: skip
    seconds: float | None = mmcore.Field(
        None, gt=0, le=3600, description="how much of a waveform is heard; as the training sounds if left out"
    )
    scratch: AudioScratchOptions | None = mmcore.Field(
        None, description="instead of `model`: a small one with random weights; needs no download"
    )


def build_kind(options: mmcore.NoOptions) -> AudioKind:
    """The kind `audio`."""
    from mmcore_audio.kind import AudioKind

    return AudioKind()


def build_audio_cnn(options: AudioCNNOptions, description: AudioDescription) -> nn.Module:
    """Convolutions over log-mel energies."""
    from mmcore_audio.networks import AudioCNN

    return AudioCNN(options, description)


def build_hf_audio(options: HFAudioOptions, description: AudioDescription, resources: mmcore.Resources) -> nn.Module:
    """A transformer of the hub, a folder's, one from scratch, or the saved one."""
    from mmcore_audio.networks import hf_audio

    return hf_audio(options, description, resources)


@mmcore.hookimpl
def mmcore_modality_kinds() -> Iterator[mmcore.ModalityKind]:
    """The kind `audio`."""
    yield mmcore.ModalityKind(
        name="audio",
        summary="A sound file, or its bytes; players are tiles of its spectrogram",
        build=build_kind,
        description=AudioDescription,
        input_spec=AudioSpec,
        guess=looks_like_sounds,
        examples=examples,
        requires=("av",),
        extra="mmcore-framework[audio]",
    )


@mmcore.hookimpl
def mmcore_encoders() -> Iterator[mmcore.Encoder]:
    """`audio_cnn` and `hf_audio`."""
    yield mmcore.Encoder(
        name="audio_cnn",
        kind="audio",
        summary="Convolutions over log-mel energies, trained from scratch",
        options=AudioCNNOptions,
        build=build_audio_cnn,
        reference="arXiv:1912.10211",
        requires=("av",),
        extra="mmcore-framework[audio]",
        tiny={"widths": [4, 8], "mels": 16, "rate": 8000, "seconds": 0.3},
    )
    yield mmcore.Encoder(
        name="hf_audio",
        kind="audio",
        summary="Audio transformers of the Hugging Face hub: AST over log-mel energies, wav2vec 2.0 over the waveform",
        options=HFAudioOptions,
        build=build_hf_audio,
        weights=mmcore.Weights(source="the Hugging Face hub, by the option `model`", licence="the model's own"),
        reference="arXiv:2104.01778",
        requires=("av", "transformers"),
        extra="mmcore-framework[audio]",
        tiny={"scratch": {"width": 16, "layers": 1, "heads": 2}, "seconds": 0.3},
    )
