"""Every row is looked at once; what can't be used is counted by reason, and too much of it is refused."""

from __future__ import annotations

import os

import pytest

from mmcore.data.reading import RowReader
from mmcore.data.source import DataSource, ModalityField
from mmcore.data.survey import RowProblem, survey
from mmcore.data.tables import read_table
from mmcore.errors import DataError


@pytest.fixture
def make(words, file_bytes, tmp_path):
    def make(rows, **more):
        fields = {"title": ModalityField("text", ("title",)), "photo": ModalityField("file", ("photo",))}
        source = DataSource(rows=read_table(rows), modalities=fields, target="y", root=tmp_path, id="n", **more)
        return source, RowReader(fields, {"title": words, "photo": file_bytes}, tmp_path)

    return make


def good(n):
    return [{"n": f"r{i}", "title": f"title {i}", "photo": None, "y": "a"} for i in range(n)]


def test_rows_keep_their_place_and_each_problem_its_reason(make):
    rows = good(6)
    rows[1]["photo"] = "nowhere.bin"
    rows[2]["title"] = None
    rows[3]["y"] = None
    rows[4]["title"] = "crash"
    found = survey(*make(rows), limit=0.9)
    assert found.usable.tolist() == [True, False, False, False, False, True]
    assert found.present[:, 0].tolist() == [True, True, False, True, False, True]
    assert not found.present[:, 1].any()
    assert [(problem.row, problem.id, problem.modality, problem.reason) for problem in found.problems] == [
        (1, "r1", "photo", "not found"),
        (2, "r2", None, "nothing present"),
        (3, "r3", None, "no target"),
        (4, "r4", "title", "unreadable"),
    ]
    assert found.counts() == {"no target": 1, "not found": 1, "nothing present": 1, "unreadable": 1}
    assert found.missing() == {"title": 0, "photo": 2}
    assert found.summary() == (
        "2 of 6 rows are used; 4 are left out: no target 1, not found 1, nothing present 1, unreadable 1; "
        "rows without a modality: photo 2"
    )


def test_above_the_limit_the_data_is_refused_with_counts_and_examples(make):
    rows = good(20)
    for i in (3, 7):
        rows[i]["photo"] = f"gone{i}.bin"
    source, reader = make(rows)
    with pytest.raises(DataError, match=r"2 of 20 rows can't be used \(not found 2\).*5%.*row r3, photo.*gone3"):
        survey(source, reader)
    assert survey(source, reader, limit=0.1).usable.sum() == 18
    assert survey(*make(rows, broken_limit=0.1)).usable.sum() == 18


def test_a_data_set_without_one_usable_row_is_refused_whatever_the_limit(make):
    with pytest.raises(DataError, match="1 of 1 rows"):
        survey(*make([{"n": "r0", "title": None, "photo": None, "y": "a"}]), limit=1.0)


def test_targets_do_not_matter_where_none_is_needed(make):
    rows = good(2)
    rows[0]["y"] = None
    assert survey(*make(rows), with_targets=False).usable.all()


def test_problems_that_the_reader_of_the_data_found_count(make):
    found = survey(*make(good(2), problems={1: {"title": "bad encoding"}}), limit=0.5)
    assert found.counts() == {"bad encoding": 1}


def test_a_second_survey_reads_the_cache_and_a_changed_file_is_read_again(make, words, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"one")
    rows = good(3)
    rows[0]["photo"] = "a.bin"
    first = survey(*make(rows))
    decoded = type(words).decoded
    second = survey(*make(rows))
    assert type(words).decoded == decoded
    assert second.fingerprint("photo") == first.fingerprint("photo")
    (tmp_path / "a.bin").write_bytes(b"two")
    os.utime(tmp_path / "a.bin", ns=(1, 1))
    third = survey(*make(rows))
    assert third.fingerprint("photo") != first.fingerprint("photo")
    assert third.fingerprint("title") == first.fingerprint("title")


def test_what_other_modalities_suffer_from_changes_neither_rows_nor_fingerprint_of_this_one(make, tmp_path):
    whole, broken = good(3), good(3)
    for row in (*whole, *broken):
        row["photo"] = "a.bin"
    (tmp_path / "a.bin").write_bytes(b"one")
    broken[1]["photo"] = "nowhere.bin"
    first, second = survey(*make(whole)), survey(*make(broken), limit=0.5)
    assert not second.usable[1]
    assert second.fingerprint("title") == first.fingerprint("title")
    assert second.readable("title").tolist() == first.readable("title").tolist() == [0, 1, 2]
    assert second.readable("photo").tolist() == [0, 2]
    misfit = second.leaving_out([RowProblem(0, "0", "title", "unfit", "of another kind")])
    assert misfit.readable("title").tolist() == [1, 2]


def test_the_fingerprint_changes_when_rows_are_reordered(make):
    rows = good(3)
    assert survey(*make(rows)).fingerprint("title") != survey(*make(rows[::-1])).fingerprint("title")


def test_an_interrupted_survey_leaves_nothing_that_counts(make, own_cache):
    source, reader = make(good(3))

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        survey(source, reader, progress=interrupt)
    assert list((own_cache / "surveys").iterdir()) == []
    told = []
    survey(source, reader, progress=lambda *args: told.append(args))
    assert told[-1] == ("check rows", 3, 3)
