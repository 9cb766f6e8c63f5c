"""Encoders of sounds: a small convolutional network, models of the hub, and the stem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

import mmcore
from mmcore_audio.spec import AudioDescription, AudioSpec

if TYPE_CHECKING:
    from mmcore_audio import AudioCNNOptions, HFAudioOptions

STRETCHES = 16


class SpectrogramStem(nn.Module):
    """`values (B, mels, frames)` → `tokens (B, 16, dim)`, one for each sixteenth of the time; their mean as vector."""

    def __init__(self, spec: AudioSpec, dim: int):
        super().__init__()
        hop = max(1, round((spec.samples - spec.window) / (STRETCHES * 4 - 1)))
        self.input_spec, self.dim = replace(spec, hop=hop), dim
        self.embed = nn.Linear(spec.mels * 4, dim)
        self.place = nn.Parameter(0.02 * torch.randn(STRETCHES, dim))

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Embed each stretch and add its place."""
        values = inputs["values"]
        values = nn.functional.interpolate(values, STRETCHES * 4, mode="nearest-exact")
        stretches = values.unflatten(2, (STRETCHES, 4)).permute(0, 2, 1, 3).flatten(2)
        tokens = self.embed(stretches) + self.place
        return mmcore.Representation(tokens.mean(1), tokens)


class AudioCNN(nn.Module):
    """Convolutions over log-mel energies: blocks of two 3 x 3 layers with batch norm and ReLU, halved after each.

    `vector (B, D)` is the maximum plus the mean over time of the mean over pitch, as in arXiv:1912.10211 (CNN10);
    `tokens (B, L, D)` are the places in time.
    """

    def __init__(self, options: AudioCNNOptions, description: AudioDescription):
        super().__init__()
        self.input_spec = AudioSpec(
            rate=options.rate, seconds=options.seconds or description.seconds, mels=options.mels,
            window=round(0.025 * options.rate), hop=round(0.01 * options.rate), mean=description.mean,
            sd=description.sd,
        )  # fmt: skip
        blocks, channels = [], 1
        for width in options.widths:
            blocks.append(_block(channels, width))
            channels = width
        self.convolutions = nn.ModuleList(blocks)
        self.dropout = nn.Dropout(options.dropout)
        self.dim = channels

    @property
    def blocks(self) -> list[nn.Module]:
        """The convolutional blocks, input side first."""
        return list(self.convolutions)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `values (B, mels, frames)`."""
        hidden = inputs["values"][:, None]
        for block in self.convolutions:
            hidden = self.dropout(block(hidden))
            pooled = tuple(2 if size > 1 else 1 for size in hidden.shape[2:])
            hidden = nn.functional.avg_pool2d(hidden, pooled)
        over_time = hidden.mean(2)
        return mmcore.Representation(over_time.amax(2) + over_time.mean(2), over_time.transpose(1, 2))


def _block(channels: int, width: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
    )  # fmt: skip


class HFAudio(nn.Module):
    """A model of the hub over log-mel energies (AST, arXiv:2104.01778) or the waveform (wav2vec 2.0, HuBERT).

    `tokens (B, L, D)` are the last hidden states; `vector (B, D)` is AST's pooled one (the mean of its two special
    tokens, normalised), else the mean over time.
    """

    def __init__(self, model: Any, spec: AudioSpec):
        super().__init__()
        self.model, self.input_spec = model, spec
        self.dim = int(model.config.hidden_size)

    @property
    def blocks(self) -> list[nn.Module]:
        """The transformer's layers, input side first."""
        lists = [module for module in self.model.modules() if isinstance(module, nn.ModuleList) and len(module)]
        return max((list(found) for found in lists), key=len, default=[])

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `values (B, mels, frames)` or `(B, T)`."""
        values = inputs["values"]
        if self.input_spec.form == "log_mel":
            found = self.model(input_values=values.transpose(1, 2))
            return mmcore.Representation(found.pooler_output, found.last_hidden_state)
        hidden = self.model(input_values=values).last_hidden_state
        return mmcore.Representation(hidden.mean(1), hidden)

    def save_assets(self, folder: Path) -> None:
        """The configuration."""
        self.model.config.save_pretrained(folder)


def hf_audio(options: HFAudioOptions, description: AudioDescription, resources: mmcore.Resources) -> HFAudio:
    """A model of the hub or a folder, from scratch, or as it was saved.

    Raises:
        MissingDependency: it is neither here nor can it be downloaded.
        OptionError: it is neither AST nor of wav2vec's family.
    """
    from transformers import ASTConfig, AutoConfig, AutoModel, Wav2Vec2Config

    seconds = options.seconds or description.seconds
    if resources.assets is not None:
        model = AutoModel.from_config(AutoConfig.from_pretrained(resources.assets))
    elif options.scratch is not None:
        own = options.scratch
        if own.width % own.heads:
            raise mmcore.OptionError(f"{own.heads} heads do not divide a width of {own.width}", path=("scratch",))
        sizes: dict[str, Any] = {
            "hidden_size": own.width, "num_hidden_layers": own.layers, "num_attention_heads": own.heads,
            "intermediate_size": 4 * own.width,
        }  # fmt: skip
        if own.architecture == "ast":
            frames = AudioSpec(seconds=seconds).frames
            model = AutoModel.from_config(ASTConfig(**sizes, max_length=max(16, frames), num_mel_bins=64))
        else:
            layers: dict[str, Any] = {
                "conv_dim": (own.width,) * 4, "conv_stride": (5, 4, 4, 4), "conv_kernel": (10, 8, 8, 8),
                "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2, "mask_time_prob": 0.0,
                "mask_feature_prob": 0.0, "layerdrop": 0.0,
            }  # fmt: skip
            config = Wav2Vec2Config(**sizes, **layers)
            model = AutoModel.from_config(config)
        model = _weighted(model, resources.weights)
    else:
        model = _fetched(options.model, resources.weights)
    return HFAudio(model, _spec_of(model.config, seconds, description, scratch=options.scratch is not None))


def _spec_of(config: Any, seconds: float, description: AudioDescription, *, scratch: bool) -> AudioSpec:
    kind = str(config.model_type)
    if kind == "audio-spectrogram-transformer":
        length = int(config.max_length)
        spec = AudioSpec(seconds=(length - 1) * 0.01 + 0.025, mels=int(config.num_mel_bins))
        if scratch:
            return replace(spec, mean=description.mean, sd=description.sd)
        return replace(spec, scale="kaldi", mean=-4.2677393, sd=2 * 4.5689974)  # of AudioSet, as published
    if hasattr(config, "conv_stride"):
        return AudioSpec(seconds=seconds, form="waveform", normalise=True)
    raise mmcore.OptionError(f"a model of the type {kind!r} is neither AST nor like wav2vec 2.0", path=("model",))


def _fetched(name: str, weights: str | Path) -> Any:
    from transformers import AutoConfig, AutoModel

    try:
        if weights == "pretrained":
            return AutoModel.from_pretrained(name, use_safetensors=True).float()
        return _weighted(AutoModel.from_config(AutoConfig.from_pretrained(name)), weights)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise mmcore.MissingDependency(
            f"the model {name!r} is not on this machine, and could not be downloaded ({reason})",
            where="encoder 'hf_audio'",
            hint="Give the path of a folder with config.json and model.safetensors, go online once, or use `scratch`.",
        ) from error


def _weighted(model: nn.Module, weights: str | Path) -> Any:
    from safetensors.torch import load_file

    if weights in ("none", "pretrained"):  # of a model from scratch, nothing is pretrained
        return model
    path = Path(weights)
    if not path.is_file():
        raise mmcore.DataError("there is no such file of weights", where=str(path))
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        model.load_state_dict(state)
    except Exception as error:
        raise mmcore.DataError(
            f"can't be read as this model's weights ({str(error).splitlines()[0][:160]})", where=str(path)
        ) from error
    return model
