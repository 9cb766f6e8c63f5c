"""A checkpoint counts only when it is whole."""

from mmcore.training.checkpoints import (
    checkpoint_path,
    complete_checkpoints,
    discard_incomplete,
    keep_only,
    latest_checkpoint,
    seal,
)


def make(folder, step, *, whole=True):
    path = checkpoint_path(folder, step)
    path.mkdir(parents=True)
    (path / "model.safetensors").write_text("weights")
    if whole:
        seal(path)
    return path


def test_the_latest_is_the_last_complete_one_by_number(tmp_path):
    make(tmp_path, 9), make(tmp_path, 100), make(tmp_path, 200, whole=False)
    assert latest_checkpoint(tmp_path) == checkpoint_path(tmp_path, 100)
    assert list(complete_checkpoints(tmp_path)) == [9, 100]


def test_what_a_kill_left_behind_is_deleted_and_nothing_else(tmp_path):
    whole, torn = make(tmp_path, 1), make(tmp_path, 2, whole=False)
    (tmp_path / "notes").mkdir()
    assert discard_incomplete(tmp_path) == [torn]
    assert sorted(tmp_path.iterdir()) == [whole, tmp_path / "notes"]


def test_old_checkpoints_go_and_named_ones_stay(tmp_path):
    for step in (1, 2, 3):
        make(tmp_path, step)
    keep_only(tmp_path, {1, 3})
    assert list(complete_checkpoints(tmp_path)) == [1, 3]


def test_a_folder_that_is_not_there_has_none(tmp_path):
    assert latest_checkpoint(tmp_path / "nowhere") is None
    assert discard_incomplete(tmp_path / "nowhere") == []
