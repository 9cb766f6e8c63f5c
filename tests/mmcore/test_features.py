"""Features are computed once, batch by batch, and a pass that was interrupted ends with the same bits."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcore.errors import ComponentError
from mmcore.features import clear_features, list_features, open_features


def vectors_of(rows, dim=3):
    return np.stack([np.arange(dim) + 10.0 * row for row in rows]).astype(np.float32)


def tokens_of(rows, dim=3):
    """Tokens padded to their batch, row by row as many as its number modulo 4, and their mask; padding is rubbish."""
    counts = np.array([row % 4 for row in rows])
    mask = np.arange(counts.max() + 2)[None] < counts[:, None]
    values = np.arange(mask.shape[1] * dim).reshape(-1, dim) + 100.0 * np.asarray(rows)[:, None, None]
    return np.where(mask[..., None], values, np.nan).astype(np.float32), mask


def fill(features, *, at_most=None):
    written = []
    for batch in features.missing_batches()[:at_most]:
        rows = features.rows[batch]
        features.write(batch, vectors_of(rows, features.dim), *tokens_of(rows, features.dim))
        written.append(batch.tolist())
    return written


def files_of(folder):
    return {item.name: item.read_bytes() for item in folder.iterdir()}


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
def test_any_order_of_interruptions_gives_the_same_files(tmp_path_factory, data):
    n_rows = data.draw(st.integers(1, 20))
    rows = sorted(data.draw(st.sets(st.integers(0, n_rows - 1), min_size=1)))
    batch_size, tokens = data.draw(st.integers(1, 6)), data.draw(st.booleans())
    whole, torn = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("torn")
    same = {"batch_size": batch_size, "rows": rows, "tokens": tokens}
    with open_features("k", n_rows, 3, folder=whole, **same) as features:
        fill(features)
    while True:
        with open_features("k", n_rows, 3, folder=torn, **same) as features:
            if features.complete:
                break
            fill(features, at_most=data.draw(st.integers(1, 3)))
    assert files_of(whole / "k") == files_of(torn / "k")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from test_features import fill
from mmcore.features import open_features
with open_features("k", 6, 2, batch_size=2, tokens=sys.argv[2] == "tokens", folder=Path(sys.argv[1])) as features:
    synced, original = [], os.fsync
    def fsync(handle):
        original(handle)
        synced.append(1)
        if len(synced) == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
    os.fsync = fsync
    fill(features)
"""


@pytest.mark.parametrize(
    ("kind", "moment"), [("vectors", 3), ("tokens", 6), ("tokens", 7), ("tokens", 8), ("tokens", 9)]
)
def test_a_pass_killed_before_the_mark_of_its_second_batch_computes_that_batch_again(tmp_path, kind, moment):
    here = str(Path(__file__).parent)
    torn, whole = tmp_path / "torn", tmp_path / "whole"
    process = subprocess.run([sys.executable, "-c", KILLED, str(torn), kind, str(moment), here])
    assert process.returncode == -signal.SIGKILL
    with open_features("k", 6, 2, batch_size=2, tokens=kind == "tokens", folder=torn) as features:
        assert fill(features) == [[2, 3], [4, 5]]
    with open_features("k", 6, 2, batch_size=2, tokens=kind == "tokens", folder=whole) as features:
        fill(features)
    assert files_of(torn / "k") == files_of(whole / "k")


@pytest.mark.parametrize("change", [{"dim": 4}, {"n_rows": 11}, {"batch_size": 3}, {"rows": [0, 1]}, {"tokens": True}])
def test_features_of_another_shape_are_computed_again(tmp_path, change):
    settings = {"n_rows": 10, "dim": 3, "batch_size": 2, "rows": None}
    with open_features("k", folder=tmp_path, **settings) as features:
        fill(features)
        kept = features.array()
        before = kept.copy()
    with open_features("k", folder=tmp_path, **{**settings, **change}) as features:
        assert len(features.missing_batches()) == features.n_batches
    np.testing.assert_array_equal(kept, before)  # who still reads the old ones is not disturbed


@pytest.mark.parametrize("damage", ["vectors.f32", "done", "features.json", "tokens.f32", "counted.u1", "lengths.i4"])
def test_a_damaged_cache_is_computed_again(tmp_path, damage):
    with open_features("k", 10, 3, batch_size=2, tokens=True, folder=tmp_path) as features:
        fill(features)
    target = tmp_path / "k" / damage
    with target.open("r+b") as stream:
        stream.truncate(target.stat().st_size // 2)
    with open_features("k", 10, 3, batch_size=2, tokens=True, folder=tmp_path) as features:
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


def test_tokens_are_read_back_row_by_row_as_long_as_they_are(tmp_path):
    rows = [1, 2, 4, 7, 9]
    with open_features("k", 10, 3, batch_size=2, rows=rows, tokens=True, folder=tmp_path) as features:
        fill(features)
        stored = features.stored()
    assert len(stored) == 10
    for each in (stored, pickle.loads(pickle.dumps(stored))):  # the second is what a worker process gets
        for row in range(10):
            count = row % 4 if row in rows else 0
            found = each[row]
            np.testing.assert_array_equal(found["tokens"], tokens_of([row])[0][0, :count])
            assert found["mask"].tolist() == [True] * count
            np.testing.assert_array_equal(found["vector"], vectors_of([row])[0] * (row in rows))
    assert len(pickle.dumps(stored)) < 1000
    assert list_features(tmp_path)[0].tokens


def test_a_token_between_others_that_does_not_count_keeps_its_place(tmp_path):
    with open_features("k", 2, 1, batch_size=2, tokens=True, folder=tmp_path) as features:
        values = np.arange(8, dtype=np.float32).reshape(2, 4, 1) + 1
        mask = np.array([[True, False, True, False], [False, False, False, False]])
        features.write(features.missing_batches()[0], np.ones((2, 1)), values, mask)
        stored = features.stored()
    assert stored[0]["tokens"][:, 0].tolist() == [1, 0, 3]
    assert stored[0]["mask"].tolist() == [True, False, True]
    assert stored[1]["tokens"].shape == (0, 1)


def test_tokens_without_a_mask_all_count_and_an_encoder_without_tokens_leaves_vectors(tmp_path):
    for key, tokens in (("with", np.ones((4, 5, 2), dtype=np.float32)), ("without", None)):
        with open_features(key, 4, 2, batch_size=4, tokens=True, folder=tmp_path) as features:
            assert features.token_bytes_per_row() is None
            features.write(features.missing_batches()[0], np.ones((4, 2)), tokens)
            stored, expected = features.stored(), features.token_bytes_per_row()
        if key == "with":
            assert stored[3]["mask"].tolist() == [True] * 5
            assert expected == 5 * (2 * 4 + 1)
        else:
            np.testing.assert_array_equal(stored, np.ones((4, 2)))
            assert expected == 0


def test_the_size_of_tokens_is_judged_by_the_first_batch_whatever_was_written_since(tmp_path):
    with open_features("k", 20, 3, batch_size=2, tokens=True, folder=tmp_path) as features:
        fill(features, at_most=1)
        expected = features.token_bytes_per_row()
        assert expected == (0 + 1) * (3 * 4 + 1) / 2  # rows 0 and 1 have no token and one
        fill(features)
        assert features.token_bytes_per_row() == expected


@pytest.mark.parametrize(
    ("tokens", "mask", "message"),
    [
        (np.ones((2, 4, 2)), None, r"promised tokens \(2, L, 3\), returned \(2, 4, 2\)"),
        (np.ones((2, 3)), None, r"promised tokens \(2, L, 3\), returned \(2, 3\)"),
        (np.ones((2, 4, 3)), np.ones((2, 3), dtype=bool), r"tokens \(2, 4, 3\) and a mask \(2, 3\)"),
        (np.full((2, 4, 3), np.nan), None, "NaN or infinity in a token of row 2"),
    ],
)
def test_tokens_that_would_spoil_every_later_run_are_refused(tmp_path, tokens, mask, message):
    with open_features("k", 10, 3, batch_size=2, rows=[2, 5, 6], tokens=True, folder=tmp_path) as features:
        with pytest.raises(ComponentError, match=message):
            features.write(features.missing_batches()[0], np.ones((2, 3)), tokens, mask)
        assert len(features.missing_batches()) == 2
        with pytest.raises(ValueError, match="not the next batch"):
            features.write(features.missing_batches()[1], np.ones((1, 3)))


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
