"""pytorchvideo's networks, without the warnings that it gives with today's torch."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any


def pytorchvideo_models(name: str) -> Any:
    """The module `pytorchvideo.models.<name>`; its `transforms` do not import any more, its models do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit.script, which it uses as it is imported
        warnings.simplefilter("ignore", DeprecationWarning)
        return import_module(f"pytorchvideo.models.{name}")
