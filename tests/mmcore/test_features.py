"""Features are computed once, batch by batch, and a pass that was interrupted ends with the same bits."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcore.errors import ComponentError
from mmcore.features import clear_features, list_features, open_features


def vectors_of(rows, dim=3):
    return np.stack([np.arange(dim) + 10.0 * row for row in rows]).astype(np.float32)


def fill(features, *, at_most=None):
    written = []
    for batch in features.missing_batches()[:at_most]:
        features.write(batch, vectors_of(features.rows[batch], features.dim))
        written.append(batch.tolist())
    return written


def test_what_was_written_is_read_back_and_the_rest_is_zero(tmp_path):
    with open_features("k", 10, 3, batch_size=2, rows=[1, 2, 5, 8, 9], folder=tmp_path) as features:
        assert fill(features) == [[0, 1], [2, 3], [4]]
        array = features.array()
    expected = np.zeros((10, 3), dtype=np.float32)
    expected[[1, 2, 5, 8, 9]] = vectors_of([1, 2, 5, 8, 9])
    np.testing.assert_array_equal(array, expected)
    assert not array.flags.writeable


def test_a_partly_filled_cache_goes_on_at_the_same_batch_boundaries(tmp_path):
    with open_features("k", 7, 2, batch_size=3, folder=tmp_path) as features:
        fill(features, at_most=1)
        with pytest.raises(ValueError, match="2 of 3 batches are missing"):
            features.array()
    with open_features("k", 7, 2, batch_size=3, folder=tmp_path) as features:
        assert not features.complete
        assert fill(features) == [[3, 4, 5], [6]]
        assert features.complete
    with open_features("k", 7, 2, batch_size=3, folder=tmp_path) as features:
        assert features.missing_batches() == []


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_order_of_interruptions_gives_the_same_file(tmp_path_factory, data):
    n_rows = data.draw(st.integers(1, 20))
    rows = sorted(data.draw(st.sets(st.integers(0, n_rows - 1), min_size=1)))
    batch_size = data.draw(st.integers(1, 6))
    whole, torn = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("torn")
    with open_features("k", n_rows, 3, batch_size=batch_size, rows=rows, folder=whole) as features:
        fill(features)
    while True:
        with open_features("k", n_rows, 3, batch_size=batch_size, rows=rows, folder=torn) as features:
            if features.complete:
                break
            fill(features, at_most=data.draw(st.integers(1, 3)))
    assert (whole / "k" / "vectors.f32").read_bytes() == (torn / "k" / "vectors.f32").read_bytes()


def test_a_pass_killed_between_vectors_and_mark_computes_that_batch_again(tmp_path):
    code = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        import numpy as np
        from mmcore import features as room
        with room.open_features("k", 6, 2, batch_size=2, folder=Path(sys.argv[1])) as features:
            synced = []
            original = room._sync
            def sync(stream):
                original(stream)
                synced.append(1)
                if len(synced) == 3:  # the second batch's vectors are there, its mark is not
                    os.kill(os.getpid(), signal.SIGKILL)
            room._sync = sync
            for batch in features.missing_batches():
                features.write(batch, np.full((len(batch), 2), 7, dtype=np.float32))
        """
    )
    process = subprocess.run([sys.executable, "-c", code, str(tmp_path)])
    assert process.returncode == -signal.SIGKILL
    with open_features("k", 6, 2, batch_size=2, folder=tmp_path) as features:
        assert [batch.tolist() for batch in features.missing_batches()] == [[2, 3], [4, 5]]
        fill(features)
        np.testing.assert_array_equal(features.array()[:2], 7)
        np.testing.assert_array_equal(features.array()[2:], vectors_of(range(2, 6), 2))


@pytest.mark.parametrize("change", [{"dim": 4}, {"n_rows": 11}, {"batch_size": 3}, {"rows": [0, 1]}])
def test_features_of_another_shape_are_computed_again(tmp_path, change):
    settings = {"n_rows": 10, "dim": 3, "batch_size": 2, "rows": None}
    with open_features("k", folder=tmp_path, **settings) as features:
        fill(features)
        kept = features.array()
        before = kept.copy()
    with open_features("k", folder=tmp_path, **{**settings, **change}) as features:
        assert len(features.missing_batches()) == features.n_batches
    np.testing.assert_array_equal(kept, before)  # who still reads the old ones is not disturbed


@pytest.mark.parametrize("damage", ["vectors.f32", "done", "features.json"])
def test_a_damaged_cache_is_computed_again(tmp_path, damage):
    with open_features("k", 10, 3, batch_size=2, folder=tmp_path) as features:
        fill(features)
    target = tmp_path / "k" / damage
    with target.open("r+b") as stream:
        stream.truncate(target.stat().st_size // 2)
    with open_features("k", 10, 3, batch_size=2, folder=tmp_path) as features:
        assert len(features.missing_batches()) == 5


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((2, 4)), r"promised vectors \(2, 3\), returned \(2, 4\)"),
        (np.array([[1, 2, 3], [1, np.nan, 3]]), "NaN or infinity for row 5"),
        (np.array([[1, 2, np.inf], [1, 2, 3]]), "NaN or infinity for row 2"),
    ],
)
def test_vectors_that_would_spoil_every_later_run_are_refused(tmp_path, vectors, message):
    with open_features("k", 10, 3, batch_size=2, rows=[2, 5, 6], folder=tmp_path) as features:
        with pytest.raises(ComponentError, match=message):
            features.write(features.missing_batches()[0], vectors)
        assert len(features.missing_batches()) == 2


def test_a_batch_that_is_none_of_the_pass_is_refused(tmp_path):
    with open_features("k", 10, 3, batch_size=4, folder=tmp_path) as features:
        for batch in ([1, 2, 3, 4], [0, 1], [8, 9, 10, 11]):
            with pytest.raises(ValueError, match="not one of this pass's batches"):
                features.write(np.array(batch), np.ones((len(batch), 3)))


def test_absent_rows_take_no_disk_space(tmp_path):
    with open_features("k", 1_000_000, 64, batch_size=4, rows=[3, 999_999], folder=tmp_path) as features:
        fill(features)
        assert features.array().shape == (1_000_000, 64)
    assert list_features(tmp_path)[0].bytes < 1_000_000


def test_listing_says_what_is_kept_and_clearing_frees_it(tmp_path):
    for key, rows in (("old", None), ("new", [0])):
        with open_features(key, 4, 2, batch_size=4, rows=rows, about={"encoder": key}, folder=tmp_path) as features:
            if key == "old":
                fill(features)
    os.utime(tmp_path / "old" / "features.json", (1, 1))
    listed = list_features(tmp_path)
    assert [(stored.key, stored.complete, stored.about["encoder"]) for stored in listed] == [
        ("new", False, "new"),
        ("old", True, "old"),
    ]
    assert clear_features(tmp_path, unused_for=3600) == listed[1].bytes > 0
    assert [stored.key for stored in list_features(tmp_path)] == ["new"]
    with open_features("new", 4, 2, batch_size=4, rows=[0], folder=tmp_path):
        assert clear_features(tmp_path) == 0  # somebody writes it
    clear_features(tmp_path)
    assert list_features(tmp_path) == []


def test_a_second_process_waits_for_the_first_and_finds_its_work_done(tmp_path):
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from mmcore.features import open_features
        print("asking", flush=True)
        with open_features("k", 4, 2, batch_size=2, folder=Path(sys.argv[1])) as features:
            print(len(features.missing_batches()), flush=True)
        """
    )
    with open_features("k", 4, 2, batch_size=2, folder=tmp_path) as features:
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "asking\n"
        fill(features)
    assert process.communicate(timeout=30)[0] == "0\n"


def test_the_user_chooses_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "mine"))
    with open_features("k", 1, 1, batch_size=1) as features:
        fill(features)
    assert (tmp_path / "mine" / "features" / "k" / "vectors.f32").stat().st_size == 4
