"""`mmcore simulate tones`: sounds and pictures of invented instruments, written in the real layout."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import mmcore
from mmcore_digits.instruments import INSTRUMENTS, bounds
from mmcore_digits.pictures import SIZE, picture
from mmcore_digits.sounds import RATE, as_wave, draw_tune, play

VERSION = 1
"""Of the simulator: the same version, rows and seed give the same data."""

TABLE = "tones.csv"

COLUMNS = ("id", "sound", "picture", "tempo", "pitch", "instrument", "split")

PARTS = ("train", "test", "validation", "train", "train")
"""Of one row of each instrument after the other: 60 % train, 20 % validate, 20 % test, all instruments alike."""

FEWEST = 2 * len(INSTRUMENTS)
"""Rows, of which some train and some test."""


def write_tones(folder: Path, rows: int, seed: int, progress: Callable[[str, int, int], None] | None = None) -> None:
    """Write `tones.csv`, `sounds/<id>.wav`, `pictures/<id>.png` and `about.json`.

    A row depends on its number and the seed alone, so that a longer data set begins with the shorter one. The folder
    appears when all is written. `progress` is told what is done, how many rows are written, and of how many.

    Raises:
        UserError: the folder is there and not empty, or there are too few rows to train and to test on.
    """
    if rows < FEWEST:
        raise mmcore.UserError(
            f"{rows} rows do not train and test {len(INSTRUMENTS)} instruments", hint=f"Ask for {FEWEST} or more."
        )
    with _new_folder(Path(folder)) as target:
        (target / "sounds").mkdir()
        (target / "pictures").mkdir()
        table = []
        for number in range(rows):
            table.append(_write_row(target, number, seed))
            if progress is not None:
                progress("simulating", number + 1, rows)
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([COLUMNS, *table])
        (target / TABLE).write_text(stream.getvalue(), encoding="utf-8")
        about = {
            "simulator": {"name": "mmcore tones", "version": VERSION, "rows": rows, "seed": seed},
            "instruments": {name: each._asdict() for name, each in INSTRUMENTS.items()},
            "bounds": bounds(),
            "sound": {"rate": RATE, "bits": 16},
            "picture": {"size": [SIZE, SIZE]},
        }
        (target / "about.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def instrument_of(number: int, seed: int) -> str:
    """The instrument of a row: of six rows in turn, each instrument has one.

    >>> sorted(instrument_of(number, 0) for number in range(6)) == sorted(INSTRUMENTS)
    True
    """
    turn, place = divmod(number, len(INSTRUMENTS))
    order = np.random.default_rng([seed, VERSION, 0, turn]).permutation(len(INSTRUMENTS))
    return list(INSTRUMENTS)[order[place]]


def _write_row(folder: Path, number: int, seed: int) -> list[str]:
    """Sound and picture have generators of their own, so that nothing but the instrument joins them."""
    name, instrument = f"tone{number + 1:05d}", instrument_of(number, seed)
    way, body = INSTRUMENTS[instrument]
    for_sound, for_picture = (np.random.default_rng([seed, VERSION, purpose, number]) for purpose in (1, 2))
    tune = draw_tune(for_sound)
    sound, drawn = f"sounds/{name}.wav", f"pictures/{name}.png"
    (folder / sound).write_bytes(as_wave(play(tune, way, for_sound)))
    (folder / drawn).write_bytes(picture(body, for_picture))
    part = PARTS[number // len(INSTRUMENTS) % len(PARTS)]
    return [name, sound, drawn, str(tune.tempo), str(tune.pitch), instrument, part]


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the wanted one, which takes its place when it is whole."""
    if folder.is_dir() and any(folder.iterdir()):
        raise mmcore.UserError("this folder is not empty", where=str(folder), hint="Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        whole = Path(temporary) / "whole"
        whole.mkdir()
        yield whole
        if folder.is_dir():
            folder.rmdir()
        os.replace(whole, folder)
