"""Hand-written declarations: two codes of sixty each and one that is rare, some incomplete, some twice."""

from __future__ import annotations

import csv

import pytest
from PIL import Image

from mmcore_hscode import HSCodeOptions


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path_factory.mktemp("cache")))


def row(number, code, **changes):
    return {
        "id": f"r{number}",
        "invoice_description": f"thing {number}",
        "title": f"Thing no. {number}!",
        "category": "Goods > Things",
        "image": f"p/{number}.png",
        "hs_code": code,
        **changes,
    }


@pytest.fixture
def rows():
    """120 complete rows of two codes, then 6 of a third."""
    return [row(n, "0902.10.00" if n % 2 else "8544.42") for n in range(120)] + [
        row(n, "6403.99") for n in range(120, 126)
    ]


@pytest.fixture
def write(tmp_path):
    """Write rows as a CSV table beside their pictures; `tmp_path` is the folder."""

    def write(rows, name="table.csv", delimiter=",", pictures=True):
        (tmp_path / "p").mkdir(exist_ok=True)
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
        for each in rows if pictures else ():
            if str(each.get("image") or "").startswith("p/"):
                Image.new("RGB", (8, 8), "white").save(tmp_path / each["image"])
        return tmp_path / name

    return write


@pytest.fixture
def options(tmp_path):
    def options(**changes):
        return HSCodeOptions.model_validate({"path": str(tmp_path), "min_rows": 10, **changes})

    return options
