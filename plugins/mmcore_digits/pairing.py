"""Spoken and written digits, paired: each recording and each picture stands in one row, so in one split at most."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mmcore
from mmcore_digits import ATTRIBUTION, digits_modalities
from mmcore_digits.recordings import CEPSTRA, RATE, spoken_digits, written_digits

if TYPE_CHECKING:
    from mmcore_digits import DigitsOptions

SHARES = {"train": 0.65, "validation": 0.15, "test": 0.2}


def paired_digits(options: DigitsOptions) -> mmcore.DataSource:
    """One row for each picture, with a recording of the same digit that no other row has."""
    recordings, spoken = spoken_digits()
    pictures, written = written_digits()
    partner = pair(written, spoken, seed=options.seed)
    part = parts_in_order(written)
    rows: list[dict[str, Any]] = []
    for number in evenly(written, options.rows):
        digit = int(written[number])
        values = recordings[partner[number]].tolist()
        rows.append(
            {
                "id": f"{digit}-{number:04d}",
                "sound": {"values": values, "rate": RATE, "names": list(CEPSTRA)},
                "picture": enlarged(pictures[number], options.size),
                "digit": str(digit),
                "recording": partner[number],
                "drawing": number,
                "split": part[number],
            }
        )
    return mmcore.DataSource(
        rows=mmcore.read_table(rows),
        modalities={name: mmcore.ModalityField(kind, (name,)) for name, kind in digits_modalities(options).items()},
        target="digit",
        root=Path(),
        id="id",
        splits=_numbers(rows) if options.own_split else None,
        notice=ATTRIBUTION,
    )


def pair(written: Sequence[int] | np.ndarray, spoken: Sequence[int] | np.ndarray, *, seed: int) -> list[int]:
    """For each picture the number of a recording of its digit; no recording twice.

    Args:
        written: the pictures' digits.
        spoken: the recordings' digits; of each digit at least as many as there are pictures.
        seed: of the draw, which is made for each digit by itself.

    >>> pair([7, 1, 7], [1, 7, 1, 7], seed=0) in ([1, 0, 3], [1, 2, 3], [3, 0, 1], [3, 2, 1])
    True
    """
    waiting: dict[int, list[int]] = {}
    for digit in sorted({int(digit) for digit in written}):
        there = np.flatnonzero(np.asarray(spoken) == digit)
        waiting[digit] = np.random.default_rng([seed, digit]).permutation(there)[::-1].tolist()
    return [int(waiting[int(digit)].pop()) for digit in written]


def parts_in_order(written: Sequence[int] | np.ndarray) -> list[str]:
    """The part of each picture: of each digit the first 65 % train, the next 15 % validate, the last 20 % test.

    The file goes from writer to writer, so that parts of it that lie apart share a writer at their borders at most.

    >>> parts_in_order([3] * 10).count("train"), parts_in_order([3] * 10)[-2:]
    (6, ['test', 'test'])
    """
    array = np.asarray(written)
    found = np.empty(len(array), dtype=object)
    for digit in np.unique(array):
        places = np.flatnonzero(array == digit)
        first = round(SHARES["train"] * len(places))
        second = round((SHARES["train"] + SHARES["validation"]) * len(places))
        found[places[:first]], found[places[first:second]], found[places[second:]] = "train", "validation", "test"
    return found.tolist()


def evenly(written: Sequence[int] | np.ndarray, rows: int | None) -> list[int]:
    """The numbers of this many pictures, evenly from all digits and, within a digit, from all of the file.

    >>> evenly([1, 0, 1, 0, 1, 0], 2)
    [0, 1]
    """
    grouped = np.argsort(np.asarray(written), kind="stable").tolist()
    count = len(grouped) if rows is None else min(rows, len(grouped))
    return sorted(grouped[number * len(grouped) // count] for number in range(count))


def enlarged(picture: np.ndarray, size: int) -> bytes:
    """A picture `(8, 8)` of 0 (paper) to 16 (ink) as a PNG of `size` x `size` pixels, dark on white."""
    from PIL import Image

    grey = np.round(255 - picture.astype(np.float64) * (255 / 16)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).resize((size, size), Image.Resampling.BICUBIC).save(buffer, format="PNG")
    return buffer.getvalue()


def _numbers(rows: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    return {part: [number for number, row in enumerate(rows) if row["split"] == part] for part in SHARES}
