"""Each modality of a row is a sample, a problem with its reason, or absent."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from mmcore.data.reading import RowReader, is_missing_target, iterate_rows, read_targets, row_id
from mmcore.data.source import DataSource, ModalityField
from mmcore.data.tables import read_table
from mmcore.errors import ComponentError


@pytest.fixture
def reader(words, file_bytes, numbers, tmp_path):
    (tmp_path / "shoe.bin").write_bytes(b"shoe")
    return RowReader(
        {
            "title": ModalityField("text", ("headline",)),
            "photo": ModalityField("file", ("photo",)),
            "facts": ModalityField("tabular", ("weight", "price"), single=False),
        },
        {"title": words, "photo": file_bytes, "facts": numbers},
        tmp_path,
    )


def test_a_row_is_read_by_column(reader):
    read = reader.read({"headline": "trail shoe", "photo": "shoe.bin", "weight": 2, "price": None})
    assert read.samples == {"title": "trail shoe", "photo": b"shoe", "facts": {"weight": 2.0, "price": None}}
    assert not read.problems


def test_a_raw_row_is_read_by_modality_name_too(reader):
    read = reader.read({"title": "trail shoe", "facts": {"weight": 2, "price": 3}})
    assert read.samples == {"title": "trail shoe", "facts": {"weight": 2.0, "price": 3.0}}


@pytest.mark.parametrize("nothing", [None, "", "  ", float("nan")])
def test_what_is_absent_is_neither_sample_nor_problem(reader, nothing):
    read = reader.read({"headline": nothing, "photo": None, "weight": None, "price": None})
    assert (read.samples, read.problems) == ({}, {})


def test_each_problem_keeps_its_reason_and_the_others_are_read(reader):
    read = reader.read({"headline": 3, "photo": "boot.bin", "weight": "much", "price": 1})
    assert {name: error.reason for name, error in read.problems.items()} == {
        "title": "wrong type", "photo": "not found", "facts": "unreadable",
    }  # fmt: skip
    assert "ValueError" in str(read.problems["facts"])
    assert read.samples == {}


def test_an_error_that_every_row_would_meet_is_raised(reader, monkeypatch):
    def decode(value, **_):
        raise ComponentError("not this row's fault")

    monkeypatch.setattr(reader.kinds["title"], "decode", decode)
    with pytest.raises(ComponentError):
        reader.read({"headline": "x"})


def test_hugging_face_cells_are_unwrapped(reader):
    assert reader.read({"photo": {"bytes": b"raw", "path": None}}).samples == {"photo": b"raw"}
    assert reader.read({"photo": {"bytes": None, "path": "shoe.bin"}}).samples == {"photo": b"shoe"}
    assert reader.read({"photo": {"bytes": None, "path": None}}).samples == {}


def test_reading_all_is_reading_each(reader):
    rows = [{"headline": f"row {i}" if i % 3 else None, "weight": i, "price": 1, "other": i} for i in range(25)]
    table = read_table(rows)
    expected = [(i, reader.read(table[i]).samples) for i in (20, 3, 4)]
    assert [(i, read.samples) for i, read in reader.read_all(table, np.array([20, 3, 4]))] == expected
    assert [i for i, _ in reader.read_all(rows)] == list(range(25))


def test_only_the_asked_columns_are_fetched():
    table = read_table([{"a": 1, "b": 2}])
    assert list(iterate_rows(table, ["a", "not there"])) == [(0, {"a": 1})]


def test_targets_keep_na_share_equal_texts_and_mark_what_is_missing(tmp_path):
    rows = read_table([{"y": "NA", "n": "r0"}, {"y": "".join(["N", "A"])}, {"y": None}, {"y": ""}])
    source = DataSource(rows=rows, modalities={}, target="y", root=tmp_path, id="n")
    targets = read_targets(source)
    assert targets == ["NA", "NA", None, None]
    assert targets[0] is targets[1]
    assert [row_id(source, i, rows[i]) for i in (0, 1)] == ["r0", "1"]
    assert is_missing_target(float("nan"))


def test_a_reader_travels_to_another_process(reader):
    again = pickle.loads(pickle.dumps(RowReader({"title": reader.fields["title"]}, {}, reader.root)))
    assert again.modalities == ("title",)
