import csv
import json
from collections import Counter

import numpy as np
import pytest

import mmcore
from mmcore_railway import RailwayOptions, build, simulate
from mmcore_railway.measure import Glimpses, figures
from mmcore_railway.plan import draw_plan
from mmcore_railway.render import RANGE, render
from mmcore_railway.rules import CLASSES
from mmcore_railway.scene import FRAMES, RATE, SIZE, draw_scene
from mmcore_railway.simulation import METRES_PER_UNIT, VERSION
from mmcore_video.decoding import decode_video


def test_it_writes_the_layout_that_the_reader_reads(simulated):
    source = build(RailwayOptions(path=str(simulated)))
    assert Counter(source.rows["label"][:]) == dict.fromkeys(CLASSES, 3)
    assert {name: len(rows) for name, rows in source.splits.items()} == {"train": 8, "validation": 0, "test": 4}
    folders = build(RailwayOptions(path=str(simulated), layout="folders"))
    assert sorted(folders.rows["rgb"][:]) == sorted(source.rows["rgb"][:])
    assert sorted(folders.rows["depth"][:]) == sorted(source.rows["depth"][:])


def test_both_clips_of_a_scene_last_equally_long_and_have_one_size(simulated):
    for row in csv.DictReader((simulated / "clips.csv").open()):
        rgb, depth = (decode_video(row[name], simulated, mmcore.Budget()) for name in ("rgb", "depth"))
        assert rgb.frames.shape == (FRAMES, *SIZE, 3)
        assert depth.frames.shape == (FRAMES, *SIZE, 1)
        assert rgb.rate == pytest.approx(RATE)
        assert depth.rate == pytest.approx(RATE)


def test_the_depth_on_disk_is_the_true_depth_in_metres(simulated):
    """Drawn again from its seed, a clip has the depth that its file and about.json say."""
    about = json.loads((simulated / "about.json").read_text())
    row = list(csv.DictReader((simulated / "clips.csv").open()))[2]
    generator = np.random.default_rng([4, VERSION, 2])
    clip = render(draw_scene(draw_plan(row["label"], generator), generator), generator)
    written = decode_video(row["depth"], simulated, mmcore.Budget()).frames[..., 0]
    metres = written * about["depth"]["metres_per_unit"]
    assert np.abs(metres - clip.depth).max() <= METRES_PER_UNIT / 2 + 1e-9
    assert metres.max() == pytest.approx(RANGE)
    picture = decode_video(row["rgb"], simulated, mmcore.Budget()).frames.astype(int)
    assert np.abs(picture - clip.rgb).mean() < 5


def test_it_says_what_was_planned_and_what_each_modality_can_reach(simulated):
    about = json.loads((simulated / "about.json").read_text())
    truths = [json.loads(line) for line in (simulated / "truth.jsonl").read_text().splitlines()]
    labels = [row["label"] for row in csv.DictReader((simulated / "clips.csv").open())]
    assert [truth["judged"] for truth in truths] == labels == [truth["plan"]["label"] for truth in truths]
    assert about["figures"]["oracle"] == 1.0
    assert all(0.6 < about["figures"][modality]["bound"] < 0.8 for modality in ("rgb", "depth"))
    assert about["figures"]["rgb"]["classifiers"] is None  # twelve clips are too few to say


def test_progress_is_told_for_each_clip(tmp_path):
    told = []
    simulate(tmp_path / "clips", 5, 0, progress=lambda *heard: told.append(heard))
    assert [done for _, done, _ in told] == [1, 2, 3, 4, 5]
    assert {total for _, _, total in told} == {5}


def test_a_folder_that_holds_something_is_not_written_to(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(mmcore.UserError, match="not empty"):
        simulate(tmp_path, 8, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_is_interrupted_leaves_nothing(tmp_path):
    def stop(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "clips", 8, 0, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_fewer_clips_than_classes_are_refused(tmp_path):
    with pytest.raises(mmcore.UserError, match="3 clips"):
        simulate(tmp_path / "clips", 3, 0)


def test_without_a_path_clips_are_simulated_once_in_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path))
    first = build(RailwayOptions(rows=8, seed=2))
    stamp = (first.root / "clips.csv").stat().st_mtime_ns
    again = build(RailwayOptions(rows=8, seed=2))
    assert first.root.is_relative_to(tmp_path)
    assert (again.root, (again.root / "clips.csv").stat().st_mtime_ns) == (first.root, stamp)
    assert "no real" in first.notice


def test_a_lower_rate_shows_the_same_moments_of_the_same_scenes(tmp_path, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path))
    full, quarter = (build(RailwayOptions(rows=8, seed=2, rate=rate)) for rate in (16, 4))
    clips = [decode_video(source.rows[0]["depth"], source.root, mmcore.Budget()) for source in (full, quarter)]
    assert (clips[0].frames[::4] == clips[1].frames).all()
    assert clips[0].seconds == clips[1].seconds == FRAMES / RATE


def test_classifiers_of_one_modality_beat_chance_and_stay_below_the_oracle():
    glimpses, labels, truths = Glimpses(), [], []
    for number in range(72):
        generator = np.random.default_rng([9, number])
        plan = draw_plan(CLASSES[number % 4], generator)
        glimpses.add(render(draw_scene(plan, generator, size=(56, 56)), generator))
        labels.append(plan.label)
        truths.append({"judged": plan.label})
    parts = ["test" if number % 3 == 0 else "train" for number in range(72)]
    found = figures(glimpses, labels, parts, truths)
    for modality in ("rgb", "depth"):
        best = max(found[modality]["classifiers"].values())
        assert 0.3 < best < found["oracle"] == 1.0
