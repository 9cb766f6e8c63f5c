"""`mmcore cache`: what is kept, how large it is, and that it is gone afterwards."""

import numpy as np
import pytest

from mmcore.cli.cache import human, size_of
from mmcore.features import open_features


@pytest.fixture
def cached(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("MMCORE_CACHE", str(folder))
    (folder / "tables" / "abc").mkdir(parents=True)
    (folder / "tables" / "abc" / "rows.arrow").write_bytes(b"x" * 100_000)
    return folder


def test_what_is_kept_is_shown_and_cleared(cached, call, of_json):
    found = of_json("cache")
    assert found["folder"] == str(cached)
    ((name, entries, size),) = (part.values() for part in found["parts"])
    assert (name, entries) == ("tables", 1)
    assert 100_000 <= size < 120_000
    code, out, _ = call("cache", "--clear")
    assert (code, out) == (0, f"Freed {human(size)}.\n")
    assert of_json("cache")["parts"] == []
    assert cached.is_dir()


def test_the_text_says_where_how_large_and_how_to_be_rid_of_it(cached, call):
    code, out, err = call("cache")
    assert code == 0
    assert out.splitlines()[0] == str(cached)
    assert "tables as Arrow files" in out
    assert err.endswith("in all. mmcore cache --clear deletes it.\n")


def test_the_folders_name_is_shown_as_it_is(tmp_path, monkeypatch, call):
    folder = tmp_path / ("long" * 50) / "[red]cache[/red]"
    monkeypatch.setenv("MMCORE_CACHE", str(folder))
    assert call("cache")[1].splitlines()[0] == str(folder)


def test_features_that_are_being_written_stay_and_are_not_counted_as_freed(cached, call, of_json):
    tables = size_of(cached / "tables")
    with open_features("abc", 4, 2, batch_size=2) as features:
        for batch in features.missing_batches():
            features.write(batch, np.ones((len(batch), 2), np.float32))
        assert of_json("cache", "--clear") == {"folder": str(cached), "freed": tables}
        assert (features.array() == 1).all()
    assert [part["name"] for part in of_json("cache")["parts"]] == ["features"]
    assert of_json("cache", "--clear")["freed"] > 0
    assert not (cached / "features" / "abc").exists()


def test_an_empty_cache_is_no_mistake(tmp_path, monkeypatch, call, of_json):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "nothing"))
    assert of_json("cache")["parts"] == []
    assert call("cache", "--clear")[:2] == (0, "Freed 0 B.\n")
    assert not (tmp_path / "nothing").exists()


def test_a_sparse_file_counts_as_what_it_takes_on_disk(tmp_path):
    with (tmp_path / "holes").open("wb") as stream:
        stream.truncate(10_000_000)
    assert size_of(tmp_path) < 100_000
