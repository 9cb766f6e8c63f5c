import os
from pathlib import Path

import pytest

import mmcore

BUDGET = mmcore.Budget(bytes=10)


def reason(read, value, root, budget=BUDGET):
    with pytest.raises(mmcore.InputError) as caught:
        read(value, root, budget)
    return caught.value.reason


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "good").write_bytes(b"abc")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(b"x" * 11)
    (tmp_path / "inner").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_a_file_is_found_from_the_root_or_by_its_whole_path(folder):
    assert mmcore.input_file("good", folder, BUDGET) == folder / "good"
    assert mmcore.input_bytes(str(folder / "good"), Path("/nowhere"), BUDGET) == b"abc"
    assert mmcore.input_bytes(Path("good"), folder, BUDGET) == b"abc"


@pytest.mark.parametrize("read", [mmcore.input_file, mmcore.input_bytes])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("absent", "not found"),
        ("x" * 5000, "not found"),
        ("null\0byte", "not found"),
        ("loop", "not found"),
        ("inner", "not a file"),
        ("pipe", "not a file"),
        ("empty", "empty file"),
        ("large", "too large"),
    ],
)
def test_what_can_not_be_read_has_a_named_reason(folder, read, name, expected):
    assert reason(read, name, folder) == expected


def test_bytes_are_taken_as_they_are_within_the_budget(tmp_path):
    assert mmcore.input_bytes(bytearray(b"abc"), tmp_path, BUDGET) == b"abc"
    assert reason(mmcore.input_bytes, b"x" * 11, tmp_path) == "too large"
    assert reason(mmcore.input_bytes, b"", tmp_path) == "empty file"
    assert reason(mmcore.input_bytes, 7, tmp_path) == "wrong type"


def test_the_error_of_a_long_name_stays_short(tmp_path):
    with pytest.raises(mmcore.InputError) as caught:
        mmcore.input_file("y" * 100_000, tmp_path, BUDGET)
    assert len(str(caught.value)) < 300
