"""The simulated instruments: what is heard and what is seen each leave two in question, and nothing else tells."""

import csv
import io
import json
import wave
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.stats import chi2_contingency

import mmcore
from mmcore_digits import TonesOptions, build_tones, check_tones, simulate_tones
from mmcore_digits.instruments import INSTRUMENTS, bounds
from mmcore_digits.pictures import outline, picture
from mmcore_digits.sounds import BAR, RATE, as_wave, draw_tune, note, play

EXAMPLE = Path(__file__).parents[3] / "examples" / "sound.yaml"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones") / "data"
    simulate_tones(folder, 60, 0)
    return folder


def table(folder):
    with (folder / "tones.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def edited(folder, tmp_path, edit):
    """A table beside the simulated files, with rows that were changed."""
    rows = [dict(row) for row in table(folder)]
    edit(rows)
    path = tmp_path / "mine.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def partners(of):
    """Pairs of instruments that one modality can't tell apart."""
    return {
        frozenset(pair) for pair in combinations(INSTRUMENTS, 2) if of(INSTRUMENTS[pair[0]]) == of(INSTRUMENTS[pair[1]])
    }


def test_each_instrument_shares_its_way_with_one_other_and_its_body_with_a_third():
    by_sound, by_picture = partners(lambda each: each.way), partners(lambda each: each.body)
    for pairs in (by_sound, by_picture):
        assert Counter(name for pair in pairs for name in pair) == dict.fromkeys(INSTRUMENTS, 1)
    assert not by_sound & by_picture


def test_bounds_are_those_of_the_best_reader_of_each_cell():
    def best(read):
        """Right answers of a reader that knows `read` of the instrument, and guesses one instrument for each value."""
        guess = {read(each): name for name, each in INSTRUMENTS.items()}
        return np.mean([guess[read(each)] == name for name, each in INSTRUMENTS.items()])

    assert bounds()["sound"] == best(lambda each: each.way)
    assert bounds()["picture"] == best(lambda each: each.body)
    assert bounds()["facts"] == pytest.approx(best(lambda each: None))
    assert bounds()["sound+picture"] == best(tuple)


def test_a_sound_depends_on_the_way_of_playing_and_a_picture_on_the_body_alone(written):
    for row in table(written)[:12]:
        number = int(row["id"].removeprefix("tone")) - 1
        way, body = INSTRUMENTS[row["instrument"]]
        generator = np.random.default_rng([0, 1, 1, number])
        tune = draw_tune(generator)
        assert (written / row["sound"]).read_bytes() == as_wave(play(tune, way, generator))
        assert (row["tempo"], row["pitch"]) == (str(tune.tempo), str(tune.pitch))
        assert (written / row["picture"]).read_bytes() == picture(body, np.random.default_rng([0, 1, 2, number]))


def test_facts_say_nothing_of_the_instrument(tmp_path):
    rows = []
    for number in range(3000):
        tune = draw_tune(np.random.default_rng([5, 1, 1, number]))
        rows.append((number % 6, tune.tempo > 195, tune.pitch > 311))
    instruments, fast, high = (np.array(column) for column in zip(*rows, strict=True))
    for fact in (fast, high):
        counts = [[np.sum((instruments == one) & (fact == value)) for value in (False, True)] for one in range(6)]
        assert chi2_contingency(counts).pvalue > 0.01


@pytest.mark.parametrize(("way", "ratios"), [("struck", BAR), ("plucked", tuple(range(1, 9))), ("blown", (1, 3, 5, 7))])
def test_a_notes_spectrum_has_the_partials_of_its_way(way, ratios):
    hertz = 300.0
    values = note(way, hertz, 2.0)
    power = np.abs(np.fft.rfft(values * np.hanning(len(values)))) ** 2
    frequencies = np.fft.rfftfreq(len(values), 1 / RATE)
    expected = np.zeros_like(power, dtype=bool)
    for ratio in ratios:
        near = np.abs(frequencies - hertz * ratio) < 25
        expected |= near
        assert power[near].max() > 50 * np.median(power[~near])
    assert power[expected].sum() > 0.97 * power.sum()


def test_a_blown_note_stays_and_a_struck_one_dies_away():
    def later(way):
        values = note(way, 300.0, 0.4)
        middle, late = values[800:1200], values[2400:2800]
        return np.sqrt(np.mean(late**2) / np.mean(middle**2))

    assert later("blown") > 0.9
    assert max(later("struck"), later("plucked")) < 0.5


def test_noise_is_as_strong_as_the_tune_says():
    tune = draw_tune(np.random.default_rng(3))._replace(clearness=10.0, loudness=0.2)
    silent = play(tune._replace(clearness=200.0), "plucked", np.random.default_rng(0))
    noise = play(tune, "plucked", np.random.default_rng(0)) - silent
    assert 10 * np.log10(np.mean(silent**2) / np.mean(noise**2)) == pytest.approx(10, abs=0.3)


def test_waves_are_read_by_another_library_as_they_were_made(written):
    import av

    row = table(written)[0]
    with wave.open(str(written / row["sound"])) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        plain = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    with av.open(str(written / row["sound"])) as container:
        decoded = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    assert np.array_equal(decoded, plain)
    assert np.abs(plain).max() > 1000


@pytest.mark.parametrize(("body", "low", "high"), [("round", 0.75, 1.01), ("long", 0.15, 0.37), ("pointed", 0.4, 1.01)])
def test_bodies_have_their_proportions_whatever_way_they_are_turned(body, low, high):
    for seed in range(30):
        corners = outline(body, np.random.default_rng(seed))
        x, y = corners[:, 0], corners[:, 1]
        area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
        length = max(np.linalg.norm(one - other) for one in corners for other in corners)
        assert 0.95 < length < 1.35
        slenderness = {"round": 4 / np.pi, "long": 1.0, "pointed": 2.0}[body] * area / length**2
        assert low < slenderness < high


def test_pictures_are_of_their_size_and_show_something():
    for seed in range(6):
        opened = Image.open(io.BytesIO(picture("long", np.random.default_rng(seed))))
        assert (opened.size, opened.mode) == ((64, 64), "RGB")
        assert np.asarray(opened).std() > 5


def test_equal_seeds_give_equal_bytes_and_a_longer_set_begins_with_the_shorter(written, tmp_path):
    simulate_tones(tmp_path / "short", 30, 0)
    simulate_tones(tmp_path / "other", 30, 1)
    short, whole = table(tmp_path / "short"), table(written)
    assert short == whole[:30]
    for row in short:
        for kind in ("sound", "picture"):
            assert (tmp_path / "short" / row[kind]).read_bytes() == (written / row[kind]).read_bytes()
    assert table(tmp_path / "other") != short


def test_parts_hold_all_instruments_alike_and_no_file_twice(written):
    source = build_tones(TonesOptions(path=str(written)))
    assert {part: len(rows) for part, rows in source.splits.items()} == {"train": 36, "validation": 12, "test": 12}
    for rows in source.splits.values():
        counts = Counter(source.rows[number]["instrument"] for number in rows)
        assert len(set(counts.values())) == 1
        assert set(counts) == set(INSTRUMENTS)
    for kind in ("sound", "picture"):
        assert len({(written / row[kind]).read_bytes() for row in table(written)}) == 60


def test_about_says_what_is_ambiguous(written):
    about = json.loads((written / "about.json").read_text("utf-8"))
    assert about["bounds"] == bounds()
    assert about["instruments"]["gong"] == {"way": "struck", "body": "round"}


def test_without_a_path_it_is_simulated_once_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path))
    first, second = (build_tones(TonesOptions(rows=12)) for _ in range(2))
    assert first.root == second.root
    assert tmp_path in first.root.parents
    assert "Simulated" in first.notice


def test_too_few_rows_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(mmcore.UserError, match="5 rows do not train"):
        simulate_tones(tmp_path / "never", 5, 0)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told(tmp_path):
    told = []
    simulate_tones(tmp_path / "new", 12, 0, lambda *what: told.append(what))
    assert told == [("simulating", number + 1, 12) for number in range(12)]


def test_a_folder_that_is_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(mmcore.UserError, match="not empty"):
        simulate_tones(tmp_path, 12, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_path_without_a_table_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(mmcore.OptionError) as caught:
        check_tones(TonesOptions(path=str(tmp_path)))
    assert caught.value.path == ("path",)
    assert caught.value.hint


def test_a_missing_column_is_named(written, tmp_path):
    def rename(rows):
        for row in rows:
            row["instruments"] = row.pop("instrument")

    path = edited(written, tmp_path, rename)
    with pytest.raises(mmcore.OptionError, match="no column 'instrument'") as caught:
        build_tones(TonesOptions(path=str(path)))
    assert "instruments" in caught.value.hint


def test_a_split_that_is_none_is_refused_unless_the_experiment_splits(written, tmp_path):
    path = edited(written, tmp_path, lambda rows: rows[3].update(split="later"))
    with pytest.raises(mmcore.DataError, match="'later' in row 4"):
        build_tones(TonesOptions(path=str(path)))
    assert build_tones(TonesOptions(path=str(path), own_split=False)).splits is None


def test_a_table_without_the_column_split_is_split_by_the_experiment(written, tmp_path):
    path = edited(written, tmp_path, lambda rows: [row.pop("split") for row in rows])
    assert build_tones(TonesOptions(path=str(path))).splits is None


def test_an_empty_cell_is_a_modality_that_is_absent(written, tmp_path):
    path = edited(written, tmp_path, lambda rows: rows[3].update(picture=""))
    source = build_tones(TonesOptions(path=str(path)))
    assert source.modalities["picture"].value("picture", source.rows[3]) is None
    assert source.modalities["picture"].value("picture", source.rows[4]) is not None


def test_the_example_runs_at_reduced_size(written, tmp_path):
    experiment = mmcore.Experiment.load(
        EXAMPLE,
        overrides=[
            f"dataset.path={written}", "encoders.sound.widths=[8, 16]", "training.epochs=2", "training.batch_size=8",
            "training.unimodal_baselines=false", "explain.rows=1", "explain.explainer.grid=2",
        ],
    )  # fmt: skip
    run = experiment.run(tmp_path / "run")
    assert 0 <= run.metrics["test"]["top1"] <= 1
    assert (tmp_path / "run" / "report.html").is_file()
    model = mmcore.load(tmp_path / "run")
    row = {kind: str(written / table(written)[0][kind]) for kind in ("sound", "picture")}
    assert set(model.predict([row, {"sound": row["sound"]}])["prediction"]) <= set(INSTRUMENTS)
