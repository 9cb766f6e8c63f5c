"""The reader on clips that other programs wrote, in the layouts that a partner may bring."""

import csv

import numpy as np
import pytest
from written_clips import flat_depth, flat_video, write_frames, write_video

import mmcore
from mmcore_railway import RailwayOptions, build, check
from mmcore_railway.splitting import own_splits, stratified


def read(folder, **options):
    return build(RailwayOptions(path=str(folder), **options))


def write_table(path, rows):
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def video_kind():
    from mmcore_video import mmcore_modality_kinds

    (kind,) = (each for each in mmcore_modality_kinds() if each.name == "video")
    return kind.build(kind.options())


def decoded(source, number, video_kind):
    row = source.rows[number]
    return {
        name: video_kind.decode(field.value(name, row), root=source.root, budget=mmcore.Budget())
        for name, field in source.modalities.items()
        if field.value(name, row) is not None
    }


def test_folders_of_videos_and_of_16_bit_frames(tmp_path, video_kind):
    for number, label in enumerate(("Safe", "Cabin-Worker", "Bucket-Worker")):
        write_video(tmp_path / "rgb" / label / f"take {number}.avi", flat_video(6, (200, 40 * number, 30)))
        write_frames(tmp_path / "depth" / label / f"take {number}", flat_depth(6, 1000 * number + 3))
    source = read(tmp_path)
    assert source.rows["id"][:] == ["Bucket-Worker/take 2", "Cabin-Worker/take 1", "Safe/take 0"]
    assert source.rows["label"][:] == ["Bucket-Worker", "Cabin-Worker", "Safe"]
    clips = decoded(source, 1, video_kind)
    assert clips["rgb"].frames.shape == (6, 32, 32, 3)
    assert np.abs(clips["rgb"].frames.astype(int) - (200, 40, 30)).max() < 12  # what a lossy codec leaves
    assert clips["rgb"].rate == pytest.approx(10)
    assert (clips["depth"].frames == 1003).all()
    assert clips["depth"].frames.dtype == np.uint16
    assert source.synchronised == (("rgb", "depth"),)
    assert (source.target, source.id) == ("label", "id")


def test_a_clip_without_depth_has_an_absent_modality(tmp_path, video_kind):
    for name in ("a", "b"):
        write_video(tmp_path / "rgb" / "Safe" / f"{name}.mp4", flat_video(4, (9, 9, 9)))
    write_frames(tmp_path / "depth" / "Safe" / "a", flat_depth(4, 7))
    source = read(tmp_path)
    assert set(decoded(source, 0, video_kind)) == {"rgb", "depth"}
    assert set(decoded(source, 1, video_kind)) == {"rgb"}
    assert source.rows[1]["depth"] is None


def test_a_data_set_with_pictures_alone_is_read(tmp_path):
    write_video(tmp_path / "rgb" / "Safe" / "a.mp4", flat_video(4, (9, 9, 9)))
    source = read(tmp_path)
    assert source.rows["depth"][:] == [None]
    assert set(source.modalities) == {"rgb", "depth"}


def test_clips_in_folders_of_scenes_stay_together(tmp_path):
    for label in ("Safe", "Cabin-Worker"):
        for scene in range(5):
            for take in range(3):
                path = tmp_path / "rgb" / label / f"scene{scene}" / f"{take}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"not looked at")
    source = read(tmp_path)
    assert len(source.rows) == 30
    assert source.rows[0]["id"] == "Cabin-Worker/scene0/0"
    part_of = {row: part for part, rows in source.splits.items() for row in rows}
    parts = {}
    for number, group in enumerate(source.rows["group"][:]):
        parts.setdefault(group, set()).add(part_of[number])
    assert all(len(found) == 1 for found in parts.values())
    assert set(part_of.values()) == {"train", "validation", "test"}


def test_a_table_names_its_clips_and_its_split(tmp_path):
    rows = [
        {"id": f"00{n}", "rgb": f"clips/{n}.mp4", "depth": "" if n == 2 else f"maps/{n}", "label": "ab"[n % 2],
         "split": ("train", "train", "val", "test")[n]}
        for n in range(4)
    ]  # fmt: skip
    write_table(tmp_path / "clips.csv", rows)
    source = read(tmp_path)
    assert source.rows["id"][:] == ["000", "001", "002", "003"]
    assert source.rows["depth"][:] == ["maps/0", "maps/1", None, "maps/3"]
    assert source.splits == {"train": [0, 1], "validation": [2], "test": [3]}
    assert source.root == tmp_path
    assert read(tmp_path / "clips.csv").rows.to_list() == source.rows.to_list()
    assert read(tmp_path, own_split=False).splits is None


def test_a_table_wins_over_folders_unless_they_are_asked_for(tmp_path):
    (tmp_path / "rgb" / "Safe").mkdir(parents=True)
    (tmp_path / "rgb" / "Safe" / "a.mp4").write_bytes(b"x")
    write_table(tmp_path / "clips.csv", [{"rgb": "b.mp4", "label": "Safe"}])
    assert read(tmp_path).rows["rgb"][:] == ["b.mp4"]
    assert read(tmp_path, layout="folders").rows["rgb"][:] == ["rgb/Safe/a.mp4"]


def test_scenes_of_a_table_stay_together(tmp_path):
    rows = [{"rgb": f"{n}.mp4", "label": "ab"[n % 2], "camera": f"c{n // 6}"} for n in range(60)]
    write_table(tmp_path / "clips.csv", rows)
    source = read(tmp_path)
    for rows in source.splits.values():
        assert len(rows) % 6 == 0
    assert sum(map(len, source.splits.values())) == 60


# What can be wrong


@pytest.mark.parametrize("layout", ["auto", "table", "folders"])
def test_a_path_that_is_not_there_is_refused_before_anything_is_read(tmp_path, layout):
    with pytest.raises(mmcore.OptionError, match="there is no") as caught:
        check(RailwayOptions(path=str(tmp_path / "nowhere"), layout=layout))
    assert caught.value.path == ("path",)
    assert "mmcore simulate railway" in str(caught.value.hint)


def test_a_folder_without_clips_says_what_belongs_there(tmp_path):
    with pytest.raises(mmcore.OptionError, match=r"neither clips\.csv nor a folder rgb or depth"):
        check(RailwayOptions(path=str(tmp_path)))
    with pytest.raises(mmcore.OptionError, match=r"no clips\.csv"):
        check(RailwayOptions(path=str(tmp_path), layout="table"))
    (tmp_path / "rgb" / "Safe").mkdir(parents=True)
    with pytest.raises(mmcore.DataError, match="hold no clips"):
        read(tmp_path)


def test_names_that_never_match_are_refused_with_an_example(tmp_path):
    for modality in ("rgb", "depth"):
        (tmp_path / modality / "Safe").mkdir(parents=True)
        (tmp_path / modality / "Safe" / f"take1_{modality}.mp4").write_bytes(b"x")
    with pytest.raises(mmcore.DataError, match=r"rgb/Safe/take1_rgb\.mp4 and depth/Safe/take1_depth\.mp4"):
        read(tmp_path)


def test_two_clips_of_one_name_are_refused(tmp_path):
    (tmp_path / "rgb" / "Safe").mkdir(parents=True)
    for suffix in ("mp4", "avi"):
        (tmp_path / "rgb" / "Safe" / f"a.{suffix}").write_bytes(b"x")
    with pytest.raises(mmcore.DataError, match=r"a\.avi and rgb/Safe/a\.mp4"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"rgb": "a.mp4"}], "no column label"),
        ([{"label": "a"}], "no column rgb, and no column depth"),
        ([{"rgb": "a.mp4", "label": "a", "split": "trian"}], "'trian', for clip 1"),
        ([{"rgb": "a.mp4", "label": "a", "split": "test"}], "no clip for train"),
        (
            [{"rgb": "a", "label": "a", "scene": "s"}, {"rgb": "b", "label": "a", "scene": ""}],
            "clip 2 has no group",
        ),
    ],
)
def test_a_table_that_can_not_be_understood_is_refused(tmp_path, rows, message):
    write_table(tmp_path / "clips.csv", rows)
    with pytest.raises(mmcore.DataError, match=message):
        read(tmp_path)


def test_files_that_are_not_clips_are_passed_over(tmp_path):
    (tmp_path / "rgb" / "Safe" / "notes").mkdir(parents=True)
    for name in ("a.mp4", ".DS_Store", "readme.txt", "notes/readme.txt"):
        (tmp_path / "rgb" / "Safe" / name).write_bytes(b"x")
    (tmp_path / "rgb" / "list.csv").write_text("x")
    assert read(tmp_path).rows["rgb"][:] == ["rgb/Safe/a.mp4"]


# The data set's own split


def test_every_part_holds_each_class_in_proportion():
    labels = ["a"] * 100 + ["b"] * 40 + ["c"] * 20
    parts = stratified(labels, {"test": 0.2, "validation": 0.15}, seed=3)
    for label, count in (("a", 100), ("b", 40), ("c", 20)):
        there = [part for part, each in zip(parts, labels, strict=True) if each == label]
        for part, share in (("test", 0.2), ("validation", 0.15), ("train", 0.65)):
            assert abs(there.count(part) - share * count) <= 1


def test_groups_are_never_parted_and_the_shares_are_nearly_kept():
    generator = np.random.default_rng(0)
    groups = [f"g{n}" for n in generator.integers(0, 60, 600)]
    labels = [("a", "b", "c")[n] for n in generator.integers(0, 3, 600)]
    parts = stratified(labels, {"test": 0.2, "validation": 0.15}, groups=groups)
    assert all(len({parts[n] for n in range(600) if groups[n] == group}) == 1 for group in set(groups))
    for label in "abc":
        rows = [n for n in range(600) if labels[n] == label]
        assert sum(parts[n] == "test" for n in rows) / len(rows) == pytest.approx(0.2, abs=0.06)


def test_the_split_is_the_same_each_time_and_changes_with_the_seed():
    labels = ["a", "b"] * 40
    assert stratified(labels, {"test": 0.25}) == stratified(labels, {"test": 0.25})
    assert stratified(labels, {"test": 0.25}) != stratified(labels, {"test": 0.25}, seed=1)


def test_clips_without_a_label_take_no_part():
    rows = [{"id": str(n), "label": None if n == 3 else "a"} for n in range(40)]
    assert all(3 not in part for part in own_splits(rows, {"test": 0.2}).values())
    assert sum(map(len, own_splits(rows, {"test": 0.2}).values())) == 39


# One time axis


def read_row(folder, video_kind):
    from mmcore.data.reading import RowReader

    source = read(folder)
    kinds = dict.fromkeys(source.modalities, video_kind)
    reader = RowReader(source.modalities, kinds, source.root, synchronised=source.synchronised)
    return reader.read(source.rows[0])


def test_clips_whose_lengths_hardly_differ_are_cut_to_what_both_cover(tmp_path, video_kind):
    write_video(tmp_path / "rgb" / "Safe" / "a.mp4", flat_video(21, (9, 9, 9)))
    write_frames(tmp_path / "depth" / "Safe" / "a", flat_depth(40, 7), rate=20)
    row = read_row(tmp_path, video_kind)
    assert row.problems == {}
    assert (len(row.samples["rgb"]), len(row.samples["depth"])) == (20, 40)


def test_clips_of_different_lengths_are_a_problem_of_their_row_with_both_lengths(tmp_path, video_kind):
    write_video(tmp_path / "rgb" / "Safe" / "a.mp4", flat_video(30, (9, 9, 9)))
    write_frames(tmp_path / "depth" / "Safe" / "a", flat_depth(20, 7))
    row = read_row(tmp_path, video_kind)
    assert row.problems["rgb"].reason == "not synchronised"
    assert "lasts 3 s, and 'depth' 2 s" in str(row.problems["rgb"])
    assert set(row.samples) == {"depth"}
