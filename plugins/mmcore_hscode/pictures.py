"""Product pictures from drawings: turned, scaled, cut, coloured, on all sorts of grounds, grainy and compressed."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from mmcore_hscode.dice import Dice

DRAWN = 224
"""Pixels of a drawing before it is put into a picture."""

BESIDE = ("1F3F7", "1F381", "1F6D2", "2B50", "1F338", "1F4CF")
"""What stands beside a product in a shop's picture: a price tag, a gift, a trolley, a star, a blossom, a ruler."""

PACKAGING = ("1F4E6", "1F381", "1F6CD", "1F3EC", "1F69A")
"""What is shown in place of the product: a parcel, a gift, shopping bags, a shop, a lorry."""


def product_picture(code: str, dice: Dice, *, any_colour: bool) -> bytes:
    """A JPEG file of 112 to 176 pixels a side that shows the drawing `code`.

    Args:
        code: an OpenMoji drawing.
        dice: decides on everything; the same dice give the same picture.
        any_colour: turn the drawing's hue to anything.
    """
    width, height = dice.whole(112, 176), dice.whole(112, 176)
    picture = _ground(width, height, dice)
    if dice.chance(0.3):
        small = _turned(_coloured(_drawing(dice.one_of(BESIDE)), 0), dice.whole(-40, 40), dice.whole(28, 56))
        picture.paste(small, (dice.whole(-10, width - 30), dice.whole(-10, height - 30)), small)
    hue = dice.whole(0, 255) if any_colour else dice.whole(-14, 14)
    side = int(min(width, height) * dice.real(0.36, 1.15))
    turned = dice.whole(-180, 180) if dice.chance(0.15) else dice.whole(-28, 28)
    product = _turned(_coloured(_drawing(code), hue), turned, side)
    if dice.chance(0.5):
        product = product.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left = int((width - product.width) * dice.real(-0.15, 1.15)) if side < width else (width - product.width) // 2
    top = int((height - product.height) * dice.real(-0.15, 1.15)) if side < height else (height - product.height) // 2
    picture.paste(product, (left, top), product)
    return _photographed(picture, dice)


def _ground(width: int, height: int, dice: Dice) -> Image.Image:
    """White, one pale colour, a gradient, or coarse blotches."""
    kind = dice.weighted(("white", "plain", "gradient", "blotches"), (0.4, 0.2, 0.2, 0.2))
    if kind == "white":
        return Image.new("RGB", (width, height), "white")
    first, second = (np.array([dice.real(90, 250) for _ in range(3)]) for _ in range(2))
    if kind == "plain":
        return Image.new("RGB", (width, height), tuple(int(value) for value in first))
    if kind == "gradient":
        ramp = np.linspace(0, 1, height)[:, None, None] * np.ones((1, width, 1))
        return Image.fromarray((first + ramp * (second - first)).astype(np.uint8))
    coarse = first + dice.normal((6, 6, 3), 40)
    blotches = Image.fromarray(np.clip(coarse, 0, 255).astype(np.uint8))
    return blotches.resize((width, height), Image.Resampling.BICUBIC)


@lru_cache(maxsize=256)
def _drawing(code: str) -> Image.Image:
    from mmcore_openmoji.drawings import drawing

    with Image.open(io.BytesIO(drawing(code, size=DRAWN, background=None))) as opened:
        return opened.convert("RGBA")


def _coloured(drawing: Image.Image, turn: int) -> Image.Image:
    """The drawing with its hues turned; 256 is once around."""
    if not turn:
        return drawing
    hue, saturation, value = drawing.convert("RGB").convert("HSV").split()
    turned = hue.point([(each + turn) % 256 for each in range(256)])
    found = Image.merge("HSV", (turned, saturation, value)).convert("RGB")
    found.putalpha(drawing.getchannel("A"))
    return found


def _turned(drawing: Image.Image, degrees: int, side: int) -> Image.Image:
    scaled = drawing.resize((side, side), Image.Resampling.BILINEAR)
    return scaled.rotate(degrees, Image.Resampling.BILINEAR, expand=True)


def _photographed(picture: Image.Image, dice: Dice) -> bytes:
    """Light, blur, grain and compression."""
    light, grain = dice.real(0.65, 1.2), dice.real(0, 28)
    if dice.chance(0.3):
        picture = picture.filter(ImageFilter.GaussianBlur(dice.real(0.5, 1.8)))
    noisy = np.asarray(picture, dtype=np.float64) * light + dice.normal((picture.height, picture.width, 1), grain)
    found = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    found.save(buffer, format="JPEG", quality=dice.whole(35, 88))
    return buffer.getvalue()
