"""Dangerous actions at a railway construction site: a picture clip and a depth clip, four classes.

Reads the real thing (folders of clips, or a table) and simulates it in the same layout, with true depth.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import mmcore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SIMULATED = "Simulated clips: no real site, no real people."

TEST, VALIDATION = 0.2, 0.15
"""Shares of the data set's own split, where no column `split` says otherwise."""


class RailwayOptions(mmcore.Options):
    """Where the clips are, or which simulated ones to take."""

    path: str | None = mmcore.Field(
        None,
        min_length=1,
        description="folder with rgb/<class>/<clip> and depth/<class>/<clip>, or a table of clips; "
        "left out, simulated clips are made in the cache folder, this once",
    )
    layout: Literal["auto", "table", "folders"] = mmcore.Field(
        "auto", description="auto reads the table clips.csv where there is one, else the folders"
    )
    own_split: bool = mmcore.Field(
        True,
        description="split by the column `split`, else by class and with scenes kept together; "
        "false leaves it to the experiment's `split`",
    )
    rows: int = mmcore.Field(1632, ge=8, le=1_000_000, description="without a path: how many clips are simulated")
    seed: int = mmcore.Field(0, ge=0, description="without a path: the simulator's seed")
    rate: Literal[16, 8, 4] = mmcore.Field(
        16, description="without a path: frames a second of the simulated clips, which last two seconds"
    )
    broken_limit: float = mmcore.Field(
        0.05, ge=0.0, le=1.0, description="share of clips that may be unusable before the run is refused"
    )


def modalities(options: RailwayOptions) -> Mapping[str, str]:
    """Two clips of one scene."""
    return {"rgb": "video", "depth": "video"}


def check(options: RailwayOptions) -> None:
    """Look whether the clips are where they are said to be.

    Raises:
        OptionError: they are not.
    """
    if options.path is None:
        return
    from mmcore_railway.layout import find_layout

    try:
        find_layout(Path(options.path), options.layout)
    except mmcore.DataError as error:
        raise mmcore.OptionError(error.what, path=("path",), hint=error.hint) from error


def build(options: RailwayOptions) -> mmcore.DataSource:
    """The clips as a data source; a clip that is missing from `rgb` or from `depth` is an absent modality.

    Raises:
        OptionError: there are no clips at the path.
        DataError: what is there can't be understood.
    """
    from mmcore_railway.layout import find_layout, read_rows
    from mmcore_railway.splitting import own_splits

    check(options)
    found = find_layout(_simulated(options) if options.path is None else Path(options.path), options.layout)
    rows = read_rows(found)
    return mmcore.DataSource(
        rows=mmcore.read_table(rows),
        modalities={name: mmcore.ModalityField("video", (name,)) for name in modalities(options)},
        target="label",
        root=found.parent if found.is_file() else found,
        id="id",
        splits=own_splits(rows, {"test": TEST, "validation": VALIDATION}) if options.own_split else None,
        synchronised=(("rgb", "depth"),),
        notice=SIMULATED if options.path is None else "",
        broken_limit=options.broken_limit,
    )


def simulate(
    folder: Path, rows: int = 1632, seed: int = 0, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """Write simulated clips in the real layout; see `mmcore_railway.simulation`."""
    from mmcore_railway.simulation import write_clips

    write_clips(folder, rows, seed, progress)


def _simulated(options: RailwayOptions) -> Path:
    from filelock import FileLock

    from mmcore_railway.simulation import VERSION, write_clips

    folder = (
        mmcore.cache_folder() / "railway" / f"version{VERSION}-rows{options.rows}-seed{options.seed}-rate{options.rate}"
    )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):  # a second process waits, and finds them there
        if not folder.is_dir():
            write_clips(folder, options.rows, options.seed, every=16 // options.rate)
    return folder


def example(folder: Path) -> dict[str, Any]:
    """Simulate some clips, for the conformance checks; returns the options that read them."""
    simulate(folder / "railway", 16, 0)
    return {"path": str(folder / "railway")}


@mmcore.hookimpl
def mmcore_datasets() -> Iterator[mmcore.Dataset]:
    """The data set `railway`."""
    yield mmcore.Dataset(
        name="railway",
        summary="RGB clip + depth clip of an excavator beside a railway line: which danger? Real folders, or simulated",
        options=RailwayOptions,
        build=build,
        modalities=modalities,
        check=check,
        simulate=simulate,
        example=example,
        reference="doi:10.3390/electronics13122294",
        licence="the simulator's clips are free of rights; a partner's own clips are the partner's",
        requires=("av",),
        extra="mmcore-framework[video]",
    )
