"""An instrument's body, seen from any side, in any colour, on any ground."""

from __future__ import annotations

import colorsys
import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmcore_digits.instruments import Body

SIZE = 64
"""Pixels of a picture's side."""

FINE = 4
"""Bodies are drawn so many times larger, and shrunk, so that their edges are smooth."""


def outline(body: Body, generator: np.random.Generator) -> np.ndarray:
    """Corners `(N, 2)` of a body around the origin, its longest side about 1, turned by any angle."""
    if body == "round":
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        corners = 0.5 * np.stack([np.cos(angles), generator.uniform(0.8, 1) * np.sin(angles)], axis=1)
    elif body == "long":
        half = generator.uniform(0.1, 0.18)
        corners = np.array([[-0.5, -half], [0.5, -half], [0.5, half], [-0.5, half]])
    else:
        half, tip = generator.uniform(0.32, 0.5), generator.uniform(-0.2, 0.2)
        corners = np.array([[-0.4, -half], [-0.4, half], [0.6, tip]])
    turn = generator.uniform(0, 2 * np.pi)
    return corners @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def picture(body: Body, generator: np.random.Generator) -> bytes:
    """A PNG of 64 x 64 pixels: a body over a ground that shades off, with specks, grain and some light."""
    from PIL import Image, ImageDraw

    side = SIZE * FINE
    drawn = Image.fromarray(_ground(generator)).resize((side, side), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(drawn)
    for _ in range(generator.integers(0, 5)):
        x, y = (float(place) for place in generator.uniform(0, side, 2))
        radius = float(generator.uniform(0.01, 0.04)) * side
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(generator, (0, 0.5), (0.2, 1)))
    length = generator.uniform(0.45, 0.75)
    place = 0.5 + generator.uniform(-0.5, 0.5, 2) * (1 - length)
    corners = (outline(body, generator) * length + place) * side
    pen.polygon([(float(x), float(y)) for x, y in corners], fill=_colour(generator, (0.5, 1), (0.35, 0.9)))
    small = np.asarray(drawn.resize((SIZE, SIZE), Image.Resampling.BOX), dtype=np.float64)
    grain = generator.uniform(2, 16) * generator.standard_normal((SIZE, SIZE, 1))
    buffer = io.BytesIO()
    seen = np.clip(small * generator.uniform(0.7, 1.1) + grain, 0, 255)
    Image.fromarray(np.round(seen).astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def _ground(generator: np.random.Generator) -> np.ndarray:
    """Pale colours in the four corners `(2, 2, 3)`."""
    colour = np.array(_colour(generator, (0, 0.25), (0.6, 1)), dtype=np.float64)
    return np.clip(colour + generator.uniform(-30, 30, (2, 2, 1)), 0, 255).astype(np.uint8)


def _colour(
    generator: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float]
) -> tuple[int, int, int]:
    """Any hue, with a saturation and a value between limits."""
    made = colorsys.hsv_to_rgb(generator.random(), generator.uniform(*saturation), generator.uniform(*value))
    red, green, blue = (round(255 * part) for part in made)
    return red, green, blue
