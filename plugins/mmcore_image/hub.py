"""Vision transformers of the Hugging Face hub as encoders: ViT and CLIP's image side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from transformers import AutoConfig, CLIPVisionConfig, CLIPVisionModelWithProjection, ViTConfig, ViTModel

import mmcore
from mmcore_image.spec import ImageSpec

if TYPE_CHECKING:
    from mmcore_image import VisionScratchOptions

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on, as its published preprocessing states them."""


class ViTEncoder(nn.Module):
    """ViT (arXiv:2010.11929): the class token's last hidden state `(B, D)`; tokens are all hidden states."""

    def __init__(self, model: ViTModel):
        super().__init__()
        self.model = model
        self.dim = int(model.config.hidden_size)
        half = (0.5, 0.5, 0.5)
        self.input_spec = ImageSpec(_side(model.config), half, half, "bilinear", crop=1.0, squash=True)

    @property
    def blocks(self) -> list[nn.Module]:
        """The transformer's layers, input side first."""
        return _layers(self.model)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `pixels (B, 3, S, S)`."""
        hidden = self.model(pixel_values=inputs["pixels"]).last_hidden_state
        return mmcore.Representation(hidden[:, 0], hidden)

    def save_assets(self, folder: Path) -> None:
        """The configuration."""
        self.model.config.save_pretrained(folder)


class CLIPImageEncoder(nn.Module):
    """CLIP's image side (arXiv:2103.00020): the projected class token `(B, D)`, not normalised; tokens likewise."""

    def __init__(self, model: CLIPVisionModelWithProjection):
        super().__init__()
        self.model = model
        self.dim = int(model.config.projection_dim)
        self.input_spec = ImageSpec(_side(model.config), CLIP_MEAN, CLIP_STD, "bicubic", crop=1.0)

    @property
    def blocks(self) -> list[nn.Module]:
        """The transformer's layers, input side first."""
        return _layers(self.model)

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `pixels (B, 3, S, S)`."""
        found = self.model(pixel_values=inputs["pixels"])
        return mmcore.Representation(found.image_embeds, self.model.visual_projection(found.last_hidden_state))

    def save_assets(self, folder: Path) -> None:
        """The configuration."""
        self.model.config.save_pretrained(folder)


def vit_encoder(model: str, scratch: VisionScratchOptions | None, resources: mmcore.Resources) -> ViTEncoder:
    """A ViT of the hub or a folder, from scratch, or as it was saved."""
    if resources.assets is not None:
        return ViTEncoder(ViTModel(ViTConfig.from_pretrained(resources.assets), add_pooling_layer=False))
    if scratch is not None:
        config = ViTConfig(**_sizes(scratch))
        return ViTEncoder(_weighted(ViTModel(config, add_pooling_layer=False), resources.weights))
    return ViTEncoder(_fetched(ViTModel, model, resources.weights, "vit", add_pooling_layer=False))


def clip_encoder(model: str, scratch: VisionScratchOptions | None, resources: mmcore.Resources) -> CLIPImageEncoder:
    """CLIP's image side of the hub or a folder, from scratch, or as it was saved."""
    if resources.assets is not None:
        config = CLIPVisionConfig.from_pretrained(resources.assets)
        return CLIPImageEncoder(CLIPVisionModelWithProjection(config))
    if scratch is not None:
        config = CLIPVisionConfig(**_sizes(scratch), projection_dim=scratch.width)
        return CLIPImageEncoder(_weighted(CLIPVisionModelWithProjection(config), resources.weights))
    return CLIPImageEncoder(_fetched(CLIPVisionModelWithProjection, model, resources.weights, "clip_image"))


def _sizes(scratch: VisionScratchOptions) -> dict[str, Any]:
    if scratch.width % scratch.heads:
        raise mmcore.OptionError(f"{scratch.heads} heads do not divide a width of {scratch.width}", path=("scratch",))
    if scratch.size % scratch.patch:
        raise mmcore.OptionError(f"patches of {scratch.patch} do not divide {scratch.size} pixels", path=("scratch",))
    return {
        "hidden_size": scratch.width,
        "intermediate_size": 4 * scratch.width,
        "num_hidden_layers": scratch.layers,
        "num_attention_heads": scratch.heads,
        "image_size": scratch.size,
        "patch_size": scratch.patch,
    }


def _fetched(kind: Any, name: str, weights: str | Path, encoder: str, **more: Any) -> Any:
    """A model by its name on the hub or a folder: with its weights, with none, or with those of a file.

    Raises:
        MissingDependency: it is neither here nor can it be downloaded.
    """
    try:
        if weights == "pretrained":
            return kind.from_pretrained(name, use_safetensors=True, **more).float()
        config = AutoConfig.from_pretrained(name)
        own = getattr(config, "vision_config", config)  # CLIP's configuration holds both sides'
        return _weighted(kind(own, **more), weights)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise mmcore.MissingDependency(
            f"the model {name!r} is not on this machine, and could not be downloaded ({reason})",
            where=f"encoder {encoder!r}",
            hint="Give the path of a folder with config.json and model.safetensors, go online once, or use `scratch`.",
        ) from error


def _weighted(model: nn.Module, weights: str | Path) -> Any:
    from mmcore_image.encoders import load_weights

    if weights not in ("none", "pretrained"):  # of a model from scratch, nothing is pretrained
        load_weights(model, Path(weights))
    return model


def _side(config: Any) -> int:
    """The side of the square that a model sees, in pixels."""
    return int(config.image_size if isinstance(config.image_size, int) else config.image_size[0])


def _layers(model: nn.Module) -> list[nn.Module]:
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module)]
    return max((list(found) for found in lists), key=len, default=[])
