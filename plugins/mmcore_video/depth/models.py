"""The networks that `mmcore depth` knows, behind one call: pictures in, depth out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

import mmcore
from mmcore_video.hub import hub_folder

NAMES = ("depth_anything", "dpt", "monodepth2")

SEED = 0
"""Of networks without weights."""


@dataclass(frozen=True)
class About:
    """What a network is, as it is told to people and written beside its results.

    Args:
        name: as the user chose it.
        source: where its weights come from.
        licence: of the weights.
        quantity: what the numbers are.
        unit: "metre", or "relative" for what is known up to a factor (inverse depth: also up to an offset).
        limits: the smallest and the largest number that it can give; None where that depends on the picture.
    """

    name: str
    source: str
    licence: str
    quantity: Literal["depth", "inverse depth"]
    unit: Literal["metre", "relative"]
    limits: tuple[float, float] | None = None


class DepthModel(ABC):
    """A network with its preparation."""

    about: About

    @abstractmethod
    def predict(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Numbers `(n, h, w)` float32 at the network's own resolution, for RGB pictures `(H, W, 3)` of one size."""


class HubDepth(DepthModel):
    """A network of transformers for depth estimation, with the image processor that belongs to it."""

    def __init__(self, model: Any, processor: Any, about: About, device: str):
        self.model, self.processor, self.about, self.device = model.eval().to(device), processor, about, device

    def predict(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """As the network's own preparation and output have it."""
        inputs = self.processor(images=[Image.fromarray(picture) for picture in pictures], return_tensors="pt")
        with torch.inference_mode():
            found = self.model(pixel_values=inputs["pixel_values"].to(self.device)).predicted_depth
        return np.asarray(found.float().cpu().numpy())


class MonodepthDepth(DepthModel):
    """Monodepth2: resized by Lanczos to the size that it was trained for; depth from the finest disparity."""

    def __init__(self, model: Any, about: About, device: str):
        self.model, self.about, self.device = model.eval().to(device), about, device

    def predict(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Depth from the disparity at the first scale."""
        from mmcore_video.depth.monodepth2 import disparity_to_depth

        size = self.model.feed[::-1]
        small = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.LANCZOS)) for each in pictures]
        batch = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float().div(255).to(self.device)
        with torch.inference_mode():
            depth = disparity_to_depth(self.model(batch)[0][:, 0]) * (self.model.unit or 1.0)
        return np.asarray(depth.cpu().numpy())


def depth_model(name: str, weights: str, device: str) -> DepthModel:
    """A network by its name.

    Args:
        name: one of `NAMES`.
        weights: "pretrained", "none" (a small network with random weights, to try the command: its depth means
            nothing), or a path: of a model's folder as transformers saves it, or of a published Monodepth2 checkpoint.
        device: "cpu", "cuda" …

    Raises:
        OptionError: there is no such network or device.
        MissingDependency: the weights are not here and can't be downloaded.
        DataError: the path does not hold this network's weights.
    """
    if name not in NAMES:
        raise mmcore.OptionError(
            f"there is no depth network {name!r}", path=("model",), hint=mmcore.did_you_mean(name, NAMES)
        )
    _require_device(device)
    if name == "monodepth2":
        return _monodepth2(weights, device)
    return _from_transformers(name, weights, device)


HUB = {
    "depth_anything": ("depth-anything/Depth-Anything-V2-Small-hf", "Apache-2.0"),
    "dpt": ("Intel/dpt-large", "Apache-2.0"),
}
"""Name on the hub, licence of the weights."""


def _from_transformers(name: str, weights: str, device: str) -> DepthModel:
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    if weights == "none":
        return _small(name, device)
    if weights == "pretrained":
        source, licence = HUB[name]
        folder = hub_folder(source, where=f"depth network {name!r}")
    else:
        source, licence, folder = weights, "the model's own", Path(weights)
        if not (folder / "config.json").is_file():
            raise mmcore.DataError("holds no model: there is no config.json in it", where=weights)
    try:
        model: Any = AutoModelForDepthEstimation.from_pretrained(folder, local_files_only=True)
        processor: Any = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # of many kinds: another architecture, a file cut short
        raise mmcore.DataError(
            f"can't be loaded as a depth network ({(str(error).splitlines() or ['no reason given'])[0][:200]})",
            where=str(folder),
        ) from error
    return HubDepth(model, processor, _about(name, source, licence, model.config), device)


def _about(name: str, source: str, licence: str, config: Any) -> About:
    if getattr(config, "depth_estimation_type", "relative") == "metric":
        return About(name, source, licence, "depth", "metre", (0.0, float(config.max_depth)))
    return About(name, source, licence, "inverse depth", "relative")


def _small(name: str, device: str) -> DepthModel:
    """A small network of the same kind with random weights, always the same ones."""
    from transformers import (
        DepthAnythingConfig,
        DepthAnythingForDepthEstimation,
        Dinov2Config,
        DPTConfig,
        DPTForDepthEstimation,
        DPTImageProcessor,
    )

    about = About(name, "none: random weights, the depth means nothing", "none needed", "inverse depth", "relative")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        if name == "dpt":
            config: Any = DPTConfig(
                hidden_size=32, num_hidden_layers=4, num_attention_heads=2, intermediate_size=64, image_size=64,
                patch_size=16, backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 16, 16],
                fusion_hidden_size=8,
            )  # fmt: skip
            model: Any = DPTForDepthEstimation(config)
            processor: Any = DPTImageProcessor(size={"height": 64, "width": 64})
        else:
            dino: Any = Dinov2Config
            backbone = dino(
                hidden_size=32, num_hidden_layers=4, num_attention_heads=2, image_size=70, patch_size=14,
                out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False,
            )  # fmt: skip
            model = DepthAnythingForDepthEstimation(
                DepthAnythingConfig(
                    backbone_config=backbone, reassemble_hidden_size=32, neck_hidden_sizes=[8, 8, 16, 16],
                    fusion_hidden_size=8, head_hidden_size=8, patch_size=14,
                )
            )  # fmt: skip
            processor = DPTImageProcessor(
                size={"height": 70, "width": 70}, keep_aspect_ratio=True, ensure_multiple_of=14
            )
    return HubDepth(model, processor, about, device)


def _monodepth2(weights: str, device: str) -> DepthModel:
    from mmcore_video.depth.monodepth2 import FARTHEST, LICENCE, NEAREST, Monodepth2, load_published

    if weights == "pretrained":
        raise mmcore.MissingDependency(
            "its weights come with no package and are not downloaded: they are for non-commercial use only",
            where="depth network 'monodepth2'",
            hint="Read their licence, download a checkpoint from github.com/nianticlabs/monodepth2, and give "
            "--weights <folder with encoder.pth and depth.pth>.",
        )
    if weights == "none":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            model = Monodepth2((64, 96))
        source, licence = "none: random weights, the depth means nothing", "none needed"
    else:
        model, source, licence = load_published(Path(weights)), weights, LICENCE
    factor = model.unit or 1.0
    unit: Literal["metre", "relative"] = "metre" if model.unit else "relative"
    about = About("monodepth2", source, licence, "depth", unit, (NEAREST * factor, FARTHEST * factor))
    return MonodepthDepth(model, about, device)


def _require_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except Exception as error:
        raise mmcore.OptionError(
            f"there is no device {device!r} here", path=("device",), hint="Allowed: cpu, or what mmcore doctor shows."
        ) from error
