"""Picture files of all sorts, made on the spot."""

import io

import numpy as np
from PIL import Image


def noise(wide: int, high: int, *, seed: int = 0) -> Image.Image:
    """An RGB picture in which every pixel differs from its neighbours."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (high, wide, 3), dtype=np.uint8))


def smooth(wide: int, high: int) -> Image.Image:
    """A picture that JPEG hardly changes: three slow gradients."""
    x, y = np.meshgrid(np.linspace(0, 1, wide), np.linspace(0, 1, high))
    return Image.fromarray((255 * np.stack([x, y, (x + y) / 2], axis=-1)).astype(np.uint8))


def encoded(picture: Image.Image, form: str, **options) -> bytes:
    """The bytes of a picture's file."""
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()
