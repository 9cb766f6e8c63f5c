"""timm's models as encoders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

import mmcore
from mmcore_image.spec import ImageSpec


class TimmEncoder(nn.Module):
    """A model of timm without its classifier.

    `vector (B, D)` is what the classifier would read; `tokens (B, L, D)` are the last feature map's places or the
    transformer's tokens, where they have the same width.
    """

    def __init__(self, model: Any, *, size: int | None = None, channels: int = 3):
        super().__init__()
        self.model = model
        self._layout = torch.contiguous_format
        config = timm.data.resolve_data_config({}, model=model)
        if size is not None:
            config["input_size"] = (3, size, size)
        self.input_spec = _spec(config)
        self.dim = self._width(channels)

    @property
    def blocks(self) -> list[nn.Module]:
        """The model's stages or layers that hold parameters, input side first."""
        for name in ("blocks", "stages", "layers", "features"):
            found = getattr(self.model, name, None)
            if isinstance(found, nn.Sequential | nn.ModuleList) and len(found) > 1:
                return _with_parameters(found)
        return _with_parameters(self.model.children())

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `pixels (B, 3, S, S)`."""
        self._lay_out(torch.contiguous_format if torch.is_grad_enabled() else torch.channels_last)
        features = self.model.forward_features(inputs["pixels"].contiguous(memory_format=self._layout))
        vector = self.model.forward_head(features, pre_logits=True)
        return mmcore.Representation(vector, _tokens(features, vector.shape[1]))

    def _lay_out(self, layout: torch.memory_format) -> None:
        """Convolutions with channels last are two to three times as fast on a CPU.

        Not where gradients are wanted: torch 2.15 writes outside its memory in some models' backward pass with it
        (levit_128s, repvgg_a0), which ends the process.
        """
        if layout != self._layout:
            self.model.to(memory_format=layout)
            self._layout = layout

    def _width(self, channels: int) -> int:
        training = self.model.training
        with torch.no_grad():
            size = self.input_spec.size
            vector = self.model.eval().forward_head(
                self.model.forward_features(torch.zeros(1, channels, size, size)), pre_logits=True
            )
        self.model.train(training)
        return int(vector.shape[1])


def timm_encoder(
    name: str, weights: str | Path, *, channels: int = 3, size: int | None = None, **more: Any
) -> TimmEncoder:
    """A model of timm: with its pretrained weights, with none, or with those of a file.

    Args:
        channels: of several pictures stacked, 3 for each; pretrained weights of the first layer are repeated for them.
        size: of the square that it sees, in pixels; None for that which the model was made for.
        more: what else timm's function of this name takes.

    Raises:
        OptionError: timm has no such model, or none with published weights.
        MissingDependency: its weights are not on this machine and could not be downloaded.
        DataError: the file does not hold this model's weights.
    """
    if not timm.is_model(name):
        raise mmcore.OptionError(
            f"timm has no model {name!r}", path=("model",), hint=mmcore.did_you_mean(name, timm.list_models())
        )
    if weights == "pretrained":
        _require_published(name)
    try:
        model = timm.create_model(name, pretrained=weights == "pretrained", num_classes=0, in_chans=channels, **more)
    except Exception as error:
        if weights != "pretrained":
            raise
        raise mmcore.MissingDependency(
            f"the pretrained weights of {name!r} are not on this machine, and could not be downloaded "
            f"({type(error).__name__})",
            where="encoder 'timm'",
            hint="Go online once, give weights: <path of a file>, or weights: none.",
        ) from error
    if weights not in ("pretrained", "none"):
        load_weights(model, Path(weights))
    return TimmEncoder(model, size=size, channels=channels)


def _require_published(name: str) -> None:
    """Refuse a model that nobody published weights of, and a training (the name's part after the dot) unknown."""
    published = timm.list_pretrained(f"{name.partition('.')[0]}.*") or timm.list_pretrained(name)
    if not published:
        raise mmcore.OptionError(
            f"nobody published weights of timm's {name!r}", path=("weights",), hint="Use weights: none, or a file."
        )
    if "." in name and name not in published:
        raise mmcore.OptionError(
            f"timm has no weights {name!r}", path=("model",), hint=mmcore.did_you_mean(name, published)
        )


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a file of weights (safetensors, or a torch file without code); a classifier in it is passed over.

    Raises:
        DataError: it can't be read, or is of another model.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        raise mmcore.DataError("there is no such file of weights", where=str(path))
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except Exception as error:
        raise mmcore.DataError(f"can't be read as weights ({_first_line(error)})", where=str(path)) from error
    for key in ("state_dict", "model"):  # training scripts wrap it so
        state = state[key] if isinstance(state, Mapping) and isinstance(state.get(key), Mapping) else state
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise mmcore.DataError("holds no mapping of names to tensors", where=str(path))
    wanted = model.state_dict()
    for name, value in wanted.items():
        if name not in state or state[name].shape != value.shape:
            found = f"as {tuple(state[name].shape)}" if name in state else "not at all"
            raise mmcore.DataError(
                f"holds {name!r} {found}; the model needs {tuple(value.shape)}",
                where=str(path),
                hint="Is it another model?",
            )
    model.load_state_dict({name: state[name] for name in wanted})


def _tokens(features: Any, width: int) -> Tensor | None:
    if not isinstance(features, Tensor):
        return None
    if features.ndim == 3 and features.shape[2] == width:
        return features
    if features.ndim == 4 and features.shape[1] == width:
        return features.flatten(2).transpose(1, 2)
    if features.ndim == 4 and features.shape[3] == width:
        return features.flatten(1, 2)
    return None


def _spec(config: Mapping[str, Any]) -> ImageSpec:
    """How timm prepares pictures for a model, as far as this kind can.

    Raises:
        OptionError: the model wants no square, or a border.
    """
    _, high, wide = config["input_size"]
    if high != wide:
        raise mmcore.OptionError(f"this model reads pictures of {high} x {wide} pixels, no square", path=("model",))
    if config.get("crop_mode", "center") not in ("center", "squash"):
        raise mmcore.OptionError("this model wants pictures with a border, which is not supported", path=("model",))
    return ImageSpec(
        size=int(wide),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        interpolation=str(config["interpolation"]),
        crop=float(config["crop_pct"]),
        squash=config.get("crop_mode") == "squash",
    )


def _with_parameters(modules: Iterable[nn.Module]) -> list[nn.Module]:
    return [module for module in modules if any(True for _ in module.parameters())]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
