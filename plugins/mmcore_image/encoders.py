"""timm's models as encoders."""

from __future__ import annotations

from collections.abc import Mapping
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

    def __init__(self, model: Any):
        super().__init__()
        self.model = model.to(memory_format=torch.channels_last)  # convolutions are two to three times as fast so
        config = timm.data.resolve_data_config({}, model=model)
        if config["input_size"][0] != 3:
            raise mmcore.OptionError(f"this model reads {config['input_size'][0]} channels, not 3", path=("model",))
        self.input_spec = ImageSpec(
            size=int(config["input_size"][-1]),
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            interpolation=str(config["interpolation"]),
            crop=float(config["crop_pct"]),
        )
        self.dim = self._width()

    @property
    def blocks(self) -> list[nn.Module]:
        """The model's stages or layers, input side first."""
        for name in ("blocks", "stages", "layers", "features"):
            found = getattr(self.model, name, None)
            if isinstance(found, nn.Sequential | nn.ModuleList) and len(found) > 1:
                return list(found)
        return [child for child in self.model.children() if any(True for _ in child.parameters())]

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `pixels (B, 3, S, S)`."""
        features = self.model.forward_features(inputs["pixels"].contiguous(memory_format=torch.channels_last))
        vector = self.model.forward_head(features, pre_logits=True)
        return mmcore.Representation(vector, _tokens(features, vector.shape[1]))

    def _width(self) -> int:
        training = self.model.training
        with torch.no_grad():
            size = self.input_spec.size
            vector = self.model.eval().forward_head(
                self.model.forward_features(torch.zeros(1, 3, size, size)), pre_logits=True
            )
        self.model.train(training)
        return int(vector.shape[1])


def timm_encoder(name: str, weights: str | Path) -> TimmEncoder:
    """A model of timm: with its pretrained weights, with none, or with those of a file.

    Raises:
        OptionError: timm has no such model.
        MissingDependency: its weights are not on this machine and could not be downloaded.
        DataError: the file does not hold this model's weights.
    """
    if not timm.is_model(name):
        raise mmcore.OptionError(
            f"timm has no model {name!r}", path=("model",), hint=mmcore.did_you_mean(name, timm.list_models())
        )
    try:
        model = timm.create_model(name, pretrained=weights == "pretrained", num_classes=0)
    except (OSError, RuntimeError) as error:
        if weights != "pretrained":
            raise
        raise mmcore.MissingDependency(
            f"the pretrained weights of {name!r} are not on this machine, and could not be downloaded",
            where="encoder 'timm'",
            hint="Go online once, give weights: <path of a file>, or weights: none.",
        ) from error
    if weights not in ("pretrained", "none"):
        load_weights(model, Path(weights))
    return TimmEncoder(model)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load a file of weights (safetensors, or a torch file without code); a classifier in it is passed over.

    Raises:
        DataError: it can't be read, or is of another model.
    """
    from safetensors.torch import load_file

    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    except Exception as error:
        raise mmcore.DataError(f"can't be read as weights ({error})", where=str(path)) from error
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
