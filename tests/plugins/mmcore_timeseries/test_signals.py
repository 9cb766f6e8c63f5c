"""Signals: what is read, what is refused, and what becomes of time, gaps and channels."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import periodogram

import mmcore
from mmcore.catalog import load
from mmcore_timeseries import TimeseriesDescription, TimeseriesSpec
from mmcore_timeseries.recordings import check_header

KIND = load().kind("timeseries")


def read(value, root="."):
    return KIND.decode(value, root=Path(root), budget=mmcore.Budget())


def refused(value, root="."):
    with pytest.raises(mmcore.InputError) as caught:
        read(value, root)
    return caught.value.reason


def write_edf(path, channels=("Fz", "Cz", "Pz"), rate=64, seconds=4):
    import edfio

    generator = np.random.default_rng(0)
    signals = [
        edfio.EdfSignal(
            generator.normal(0, 30, rate * seconds), rate, label=name, physical_dimension="uV",
            physical_range=(-200, 200),
        )
        for name in channels
    ]  # fmt: skip
    edfio.Edf(signals).write(path)
    return path, [signal.data for signal in signals]


def test_a_recording_of_another_library_is_read_in_volts(tmp_path):
    _, data = write_edf(tmp_path / "a.edf")
    signal = read("a.edf", tmp_path)
    assert signal.names == ("Fz", "Cz", "Pz")
    assert signal.rate == 64
    assert np.allclose(signal.values, np.array(data) * 1e-6, atol=1e-8)


def test_a_brainvision_recording_of_another_library_is_read(tmp_path):
    import pybv

    data = np.random.default_rng(0).normal(0, 1e-5, (2, 300))
    pybv.write_brainvision(data=data, sfreq=100, ch_names=["O1", "O2"], fname_base="b", folder_out=tmp_path)
    signal = read("b.vhdr", tmp_path)
    assert (signal.names, signal.rate) == (("O1", "O2"), 100)
    assert np.allclose(signal.values, data, atol=1e-7)


def test_a_cut_recording_is_refused(tmp_path):
    path, _ = write_edf(tmp_path / "a.edf")
    (tmp_path / "cut.edf").write_bytes(path.read_bytes()[:-400])
    assert refused("cut.edf", tmp_path) == "truncated"


@pytest.mark.parametrize(
    ("at", "text", "reason"),
    [
        (236, "9       ", "truncated"),
        (236, "1       ", "damaged"),
        (244, "0       ", "no sampling rate"),
        (256, "Cz              ", "damaged"),
        (256 + 3 * 104, "200     ", "damaged"),
        (252, "abcd", "damaged"),
    ],
    ids=["more records", "fewer records", "no seconds", "two of one name", "empty range", "no count"],
)
def test_a_header_that_contradicts_itself_or_the_file_is_refused(tmp_path, at, text, reason):
    path, _ = write_edf(tmp_path / "a.edf")
    content = bytearray(path.read_bytes())
    content[at : at + len(text)] = text.encode()
    (tmp_path / "b.edf").write_bytes(content)
    with pytest.raises(mmcore.InputError) as caught:
        check_header(tmp_path / "b.edf")
    assert caught.value.reason == reason


def test_other_channels_than_in_training_are_refused_and_another_order_is_not(tmp_path):
    description = KIND.describe([read(str(write_edf(tmp_path / "a.edf")[0]))])
    KIND.check(read(str(write_edf(tmp_path / "b.edf", ("Pz", "Fz", "Cz"))[0])), description)
    for others in (("Fz", "Cz", "O1"), ("Fz", "Cz")):
        with pytest.raises(mmcore.InputError) as caught:
            KIND.check(read(str(write_edf(tmp_path / "c.edf", others)[0])), description)
        assert caught.value.reason == "other channels"


def test_channels_are_brought_to_the_order_of_training(tmp_path):
    values = np.array([[1.0] * 8, [2.0] * 8])
    one = read({"values": values, "rate": 4, "names": ["a", "b"]})
    other = read({"values": values[::-1], "rate": 4, "names": ["b", "a"]})
    spec = KIND.default_spec(KIND.describe([one]))
    assert torch.equal(KIND.prepare(one, spec)["values"], KIND.prepare(other, spec)["values"])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"values": [[1.0, 2.0]], "rate": 0}, "no sampling rate"),
        ({"values": [[1.0, 2.0]], "rate": "fast"}, "no sampling rate"),
        ({"values": [[1.0, 2.0]], "rate": 2e9}, "no sampling rate"),
        ([[1.0, 2.0], [float("nan"), float("nan")]], "empty channel"),
        ([[1.0, float("inf")]], "not finite"),
        (np.zeros((2, 0)), "empty"),
        (np.zeros((2, 3, 4)), "wrong type"),
        ("none.npy", "not found"),
        ({"values": np.zeros((1, 100)), "rate": 0.001}, "too long"),
        ({"values": [[1.0], [2.0]], "names": ["a", "a"]}, "damaged"),
        ({"colour": "red"}, "wrong type"),
    ],
)
def test_what_is_no_signal_is_refused_with_its_reason(value, reason):
    assert refused(value) == reason


def test_files_of_every_plain_format_say_the_same(tmp_path):
    values = np.random.default_rng(0).normal(size=(2, 50)).astype(np.float32)
    frame = pd.DataFrame({"time": np.arange(50) / 25, "x": values[0], "y": values[1]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    np.savez(tmp_path / "a.npz", values=values, rate=25.0)
    for name in ("a.csv", "a.tsv", "a.parquet", "a.npz"):
        signal = read(name, tmp_path)
        assert signal.rate == pytest.approx(25)
        assert np.allclose(signal.values, values)


def test_an_archive_that_would_unpack_to_more_than_the_budget_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", values=np.zeros((1, 4_000_000), np.float32))
    with pytest.raises(mmcore.InputError) as caught:
        KIND.decode("bomb.npz", root=tmp_path, budget=mmcore.Budget(bytes=1_000_000))
    assert caught.value.reason == "too large"


def test_samples_that_are_not_evenly_spaced_are_refused(tmp_path):
    pd.DataFrame({"t": [0, 1, 2, 4, 5], "x": range(5)}).to_csv(tmp_path / "a.csv", index=False)
    assert refused("a.csv", tmp_path) == "irregular"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.npy")
    assert refused("pipe.npy", tmp_path) == "not a file"


@pytest.mark.parametrize(("rate", "wanted"), [(250, 128), (100, 128), (512, 64)])
def test_a_tone_keeps_its_frequency_at_another_rate(rate, wanted):
    times = np.arange(rate * 8) / rate
    signal = read({"values": np.sin(2 * np.pi * 11 * times), "rate": rate})
    found = KIND.prepare(signal, TimeseriesSpec(rate=wanted, seconds=8))["values"][0].numpy()
    frequencies, power = periodogram(found, wanted)
    assert frequencies[power.argmax()] == pytest.approx(11, abs=0.2)
    middle = slice(wanted, -wanted)
    assert np.allclose(found[middle], np.sin(2 * np.pi * 11 * np.arange(8 * wanted) / wanted)[middle], atol=0.02)


def test_a_tone_that_the_new_rate_can_not_hold_is_kept_out():
    times = np.arange(512 * 8) / 512
    signal = read({"values": np.sin(2 * np.pi * 50 * times), "rate": 512})
    found = KIND.prepare(signal, TimeseriesSpec(rate=64, seconds=8))["values"][0].numpy()
    assert np.abs(found[64:-64]).max() < 0.02


@given(st.integers(1, 6), st.integers(1, 40), st.integers(5, 90))
@settings(deadline=None, max_examples=30)
def test_windows_lie_within_the_signal_and_reach_from_its_start_to_its_end(windows, length, total):
    signal = read({"values": np.arange(1, total + 1), "rate": 1})
    spec = TimeseriesSpec(rate=1, seconds=length, windows=windows)
    prepared = KIND.prepare(signal, spec)
    values = prepared["values"].reshape(-1, length)
    valid = prepared["valid"].reshape(-1, length)
    assert values.shape == (windows, length)
    assert values[0, 0] == 1
    assert (values[~valid] == 0).all()
    for row, known in zip(values, valid, strict=True):
        seen = row[known]
        assert torch.equal(seen, torch.arange(len(seen)) + seen[0])
    if windows > 1 and total >= length:
        assert values[-1, -1] == total


def test_gaps_become_straight_lines_and_the_statistics_do_not_see_them():
    signal = read([[0.0, float("nan"), 2.0, float("nan")]])
    assert KIND.describe([signal]).mean == (1.0,)
    spec = TimeseriesSpec(seconds=4)
    assert KIND.prepare(signal, spec)["values"].tolist() == [[0.0, 1.0, 2.0, 2.0]]
    spec = TimeseriesSpec(seconds=4, mean=(1.0,), gaps="mean")
    assert KIND.prepare(signal, spec)["values"].tolist() == [[-1.0, 0.0, 1.0, 0.0]]


def test_mean_and_sd_are_those_of_all_samples():
    parts = [np.random.default_rng(seed).normal(3, 2, (2, 50 + seed)) for seed in range(3)]
    description = KIND.describe([read(part) for part in parts])
    together = np.concatenate(parts, axis=1)
    assert np.allclose(description.mean, together.mean(1), atol=1e-5)
    assert np.allclose(description.sd, together.std(1), atol=1e-5)


def test_players_are_channels_in_stretches_and_masking_one_changes_its_cells_alone():
    signal = read({"values": np.random.default_rng(0).normal(size=(2, 40)), "rate": 10, "names": ["a", "b"]})
    spec = TimeseriesSpec(rate=10, seconds=2, windows=2, channels=2, names=("a", "b"))
    inputs = KIND.prepare(signal, spec)
    players = KIND.players(signal, inputs, spec)
    assert len(players) == 8
    assert players.labels[0] == "a, 0–1 s"
    keep = ~np.eye(8, dtype=bool)
    masked = KIND.mask(inputs, players, keep)["values"]
    changed = masked != inputs["values"][None]
    assert changed.sum(0).max() == 1  # every cell belongs to one player
    assert changed.any(0).all()
    assert changed[4].nonzero()[:, 1].unique().tolist() == [1]


def test_signals_stacked_by_channel_are_one():
    descriptions = [TimeseriesDescription(channels=2, rate=8), TimeseriesDescription(channels=1, rate=4)]
    joined = KIND.join(descriptions)
    assert (joined.channels, joined.rate) == (3, 8)


def test_the_first_seconds_are_cut_out():
    signal = read({"values": np.arange(40), "rate": 10})
    assert KIND.duration(signal) == 4
    assert KIND.cut(signal, 1.5).values.shape == (1, 15)


def test_masked_stretches_take_each_channels_own_mean_where_the_signal_lasts():
    values, valid = torch.tensor([[1.0, 3.0, 0.0, 0.0], [5.0, 5.0, 0.0, 0.0]]), torch.tensor([True, True, False, False])
    inputs = {"values": values, "valid": valid}
    players = mmcore.Players(("early", "late"), cells=np.array([0, 2, 4]), grid=(1, 2))
    masked = KIND.mask(inputs, players, np.array([[False, True]]), baseline="mean")["values"][0]
    assert masked.tolist() == [[2.0, 2.0, 0.0, 0.0], [5.0, 5.0, 0.0, 0.0]]
