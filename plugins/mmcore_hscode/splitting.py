"""One test set for every choice of modalities: drawn by code from declarations that have them all."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import mmcore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import datasets

    from mmcore_hscode import HSCodeOptions

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Of pictures that may test; none of them starts another program when it is read."""


def split_declarations(
    rows: datasets.Dataset, modalities: Mapping[str, mmcore.ModalityField], root: Path, options: HSCodeOptions
) -> dict[str, list[int]]:
    """Row numbers of train, validation and test.

    Of each code's complete declarations (every modality there, the picture readable) the share `options.test` tests, of
    all others `options.validation` validates, as the programme's code drew them (10 %, then 0.11 of the rest). Rows
    without a code are in no part. With one seed, the test rows of one table are the same whatever an experiment uses.
    """
    generator = np.random.default_rng(options.split_seed)
    by_code: dict[str, list[int]] = defaultdict(list)
    for row, code in enumerate(rows[options.target][:]):
        if code is not None:
            by_code[code].append(row)
    fields = {name: rows[field.columns[0]][:] for name, field in modalities.items()}
    parts: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for code in sorted(by_code):
        own = by_code[code]
        drawn = [own[position] for position in generator.permutation(len(own))]
        complete = [row for row in drawn if all(_is_there(values[row]) for values in fields.values())]
        test = set(_readable(complete, fields.get("image"), root, _share(options.test, len(complete))))
        others = [row for row in drawn if row not in test]
        wanted = _share(options.validation, len(others))
        parts["test"] += test
        parts["validation"] += others[:wanted]
        parts["train"] += others[wanted:]
    return {part: sorted(found) for part, found in parts.items()}


def _share(share: float, count: int) -> int:
    """So many of `count`, to the nearest; never all of them, so that a code stays in training."""
    return min(math.floor(share * count + 0.5), max(count - 1, 0))


def _is_there(value: Any) -> bool:
    return value is not None and (not isinstance(value, str) or bool(value.strip()))


def _readable(rows: list[int], pictures: list[Any] | None, root: Path, wanted: int) -> list[int]:
    """The first `wanted` rows whose picture can be read."""
    found: list[int] = []
    for row in rows:
        if len(found) == wanted:
            break
        if pictures is None or _can_be_read(pictures[row], root):
            found.append(row)
    return found


@cache
def _formats() -> tuple[str, ...]:
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _can_be_read(picture: Any, root: Path) -> bool:
    """Whether a picture file, or its bytes, can be decoded."""
    from PIL import Image

    if isinstance(picture, dict):  # as Hugging Face datasets hold pictures
        picture = picture.get("bytes") or picture.get("path")
    try:
        content = mmcore.input_bytes(picture, root, mmcore.Budget())
        with Image.open(io.BytesIO(content), formats=_formats()) as opened:
            opened.draft("RGB", (64, 64))  # a JPEG is decoded at a fraction of its size
            opened.load()
    except (mmcore.InputError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return True
