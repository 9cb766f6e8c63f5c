"""Tables become Arrow on disk; what a lenient reader would swallow is refused with its line."""

from __future__ import annotations

import csv
import io
import json
import os

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from mmcore.data.tables import read_table, table_columns, table_root
from mmcore.errors import DataError


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_csv_columns_are_numbers_only_if_every_cell_is(write):
    table = read_table(
        write("a.csv", 'whole,real,code,label,comma,empty\n1,1.5,010,NA,"1,5",\n-2,,020,null,2,\n3,2e3,030,None,3,\n')
    )
    assert table["whole"][:] == [1, -2, 3]
    assert table["real"][:] == [1.5, None, 2000.0]
    assert table["code"][:] == ["010", "020", "030"]
    assert table["label"][:] == ["NA", "null", "None"]
    assert table["comma"][:] == ["1,5", "2", "3"]
    assert table["empty"][:] == [None, None, None]


def test_a_column_stays_text_on_request_and_a_list_column_is_split(write):
    path = write("a.csv", "title,tags\n12,a;b\n13,\n")
    assert read_table(path)["title"][:] == [12, 13]
    table = read_table(path, text=["title"], separators={"tags": ";"})
    assert table["title"][:] == ["12", "13"]
    assert table["tags"][:] == [["a", "b"], None]


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=6), suffix=st.sampled_from([".csv", ".tsv"]))
def test_what_csv_writes_is_read_back_cell_by_cell(rows, suffix, tmp_path):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="," if suffix == ".csv" else "\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    path = tmp_path / f"t{suffix}"
    path.write_bytes(buffer.getvalue().encode())
    table = read_table(path, text=["a", "b"])
    assert list(zip(table["a"], table["b"], strict=True)) == [(a or None, b or None) for a, b in rows]


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (b"a,b\n1,2\n3\n", 3, "has 1 cells where the header has 2 columns"),
        (b"a,b\n1,2\n3,4,5\n", 3, "has 3 cells"),
        (b'a,b\n1,2\n3,"open\n4,5\n6,7\n', 3, "not valid CSV"),
        (b'a,b\n1,"x"y\n', 2, "not valid CSV"),
        (b"a,b\n1,\xe9t\xe9\n", 2, "byte 0xe9 at column 3"),
        (b"a,b\n1,2\n\x00,3\n", 3, "NUL byte"),
        ("a,b\n1,2\n".encode("utf-16"), 1, "UTF-16"),
        (b"a,b,a\n1,2,3\n", 1, "two columns are named 'a'"),
        (b"a,,b\n1,2,3\n", 1, "column 2 has no name"),
        (b"a;b\n1;2\n", 1, "one column only"),
        (b"a\n1\n\n2\n", 3, "is empty"),
        (b"", 1, "is empty"),
    ],
)
def test_a_damaged_csv_is_refused_with_its_line(write, content, line, said):
    path = write("a.csv", content)
    with pytest.raises(DataError, match=said) as caught:
        read_table(path)
    assert caught.value.where == f"{path}:{line}"
    assert caught.value.exit_code == 2


def test_a_table_without_rows_is_refused(write):
    with pytest.raises(DataError, match="has no rows"):
        read_table(write("a.csv", "a,b\n"))


def test_line_breaks_in_quotes_a_byte_order_mark_and_blank_lines_do_no_harm(write):
    table = read_table(write("a.csv", b'\xef\xbb\xbfa,b\r\n"x\r\ny",1\r\n\r\nz,2\r\n\r\n'))
    assert table.column_names == ["a", "b"]
    assert table[:] == {"a": ["x\r\ny", "z"], "b": [1, 2]}


def test_an_error_after_a_quoted_line_break_names_the_line_its_row_starts_on(write):
    path = write("a.csv", 'a,b\n"x\ny\nz",1\nshort\n')
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert caught.value.where == f"{path}:5"


def test_json_lines_keep_types_and_fill_what_a_row_lacks(write):
    table = read_table(write("a.jsonl", '{"a": 1, "tags": ["x"]}\n\n{"a": 2.5, "b": true}\n{"b": "yes"}\n'))
    assert table["a"][:] == [1.0, 2.5, None]
    assert table["tags"][:] == [["x"], None, None]
    assert table["b"][:] == [None, "true", "yes"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ('{"a": NaN}', "NaN is no JSON value"),
        ("[1, 2]", "holds a list, not an object"),
        ('{"a": 1', "not valid JSON"),
        ("[" * 100_000, "nested too deeply|not valid JSON"),
    ],
)
def test_a_damaged_json_line_is_refused_with_its_line(write, line, said):
    path = write("a.jsonl", '{"a": 1}\n' + line + "\n")
    with pytest.raises(DataError, match=said) as caught:
        read_table(path)
    assert caught.value.where == f"{path}:2"


def test_parquet_loses_dictionaries_and_nan_but_no_value(tmp_path):
    stored = {
        "c": pa.array(["u", "v", None]).dictionary_encode(),
        "x": pa.array([1.0, float("nan"), 3.0]),
        "n": pa.array(["NA", "null", None], pa.large_string()),
    }
    pq.write_table(pa.table(stored), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet")[:] == {
        "c": ["u", "v", None], "x": [1.0, None, 3.0], "n": ["NA", "null", None],
    }  # fmt: skip


def test_a_cut_parquet_file_is_refused(tmp_path):
    pq.write_table(pa.table({"a": list(range(1000))}), tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="can't be read as Parquet"):
        read_table(tmp_path / "a.parquet")


@pytest.fixture
def labelled():
    rows = datasets.Dataset.from_dict({"label": [0, 1, -1], "text": ["a", "b", "c"]})
    return rows.cast_column("label", datasets.ClassLabel(names=["cat", "dog"]))


def test_a_saved_dataset_gives_class_names_and_its_splits(labelled, tmp_path):
    labelled.save_to_disk(tmp_path / "one")
    assert read_table(tmp_path / "one")[:] == {"label": ["cat", "dog", None], "text": ["a", "b", "c"]}
    datasets.DatasetDict({"train": labelled, "test": labelled.select([0])}).save_to_disk(tmp_path / "two")
    table = read_table(tmp_path / "two")
    assert table["split"][:] == ["train"] * 3 + ["test"]
    assert table_columns(tmp_path / "two") == ["label", "text", "split"]
    assert table_root(tmp_path / "two") == tmp_path / "two"


def test_a_hub_folder_of_parquet_gives_its_splits_by_file_name(labelled, tmp_path):
    (tmp_path / "data").mkdir()
    labelled.to_parquet(tmp_path / "data" / "train-00000-of-00001.parquet")
    labelled.to_parquet(tmp_path / "data" / "validation-00000-of-00001.parquet")
    table = read_table(tmp_path)
    assert table["split"][:] == ["train"] * 3 + ["validation"] * 3
    assert table["label"][:] == ["cat", "dog", None] * 2


def test_csv_files_of_a_folder_agree_on_types_without_changing_a_cell(tmp_path):
    (tmp_path / "a.csv").write_text("code,x\n10,1\n")
    (tmp_path / "b.csv").write_text("x,code\n1.5,010\n")
    table = read_table(tmp_path)
    assert table["code"][:] == ["10", "010"]
    assert table["x"][:] == [1.0, 1.5]
    (tmp_path / "c.csv").write_text("x\n1\n")
    with pytest.raises(DataError, match=r"other columns than a.csv \(code\)"):
        read_table(tmp_path)


def test_rows_and_frames_hold_paths_pictures_arrays_and_missing_cells(tmp_path):
    rows = [
        {"path": tmp_path, "picture": Image.new("RGB", (2, 2)), "signal": np.array([1.0, 2.0]), "x": np.float32(0.5)},
        {"path": None, "x": float("nan"), 3: "number as name"},
    ]
    table = read_table(rows)
    assert table["path"][:] == [str(tmp_path), None]
    assert Image.open(io.BytesIO(table["picture"][0])).size == (2, 2)
    assert table["signal"][:] == [[1.0, 2.0], None]
    assert table["x"][:] == [0.5, None]
    assert table["3"][:] == [None, "number as name"]
    frame = pd.DataFrame({"a": [1, None], "b": ["NA", pd.NA], "mixed": [1, "one"]})
    assert read_table(frame)[:] == {"a": [1.0, None], "b": ["NA", None], "mixed": ["1", "one"]}


def test_rows_that_no_table_can_hold_are_refused():
    with pytest.raises(DataError, match="two columns of the DataFrame are named 'a'"):
        read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match="row 1 is a str"):
        read_table([{"a": 1}, "b"])
    with pytest.raises(DataError, match="no rows"):
        read_table([])
    with pytest.raises(DataError, match="column 'a' mixes"):
        read_table([{"a": 1}, {"a": [1]}])


def test_a_table_is_converted_once_and_again_when_it_changes(write, own_cache):
    path = write("a.csv", "a\n1\n")
    first = read_table(path)
    stored = list((own_cache / "tables").iterdir())
    read_table(path)
    assert list((own_cache / "tables").iterdir()) == stored
    status = path.stat()
    path.write_text("a\n2\n")  # the same size, and the same time
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    second = read_table(path)
    assert second["a"][:] == [2]
    assert first._fingerprint != second._fingerprint


def test_equal_rows_have_equal_fingerprints():
    assert (
        read_table([{"a": 1}])._fingerprint
        == read_table([{"a": 1}])._fingerprint
        != read_table([{"a": 2}])._fingerprint
    )


def test_what_is_no_table_is_named_before_it_is_opened(write, tmp_path):
    write("items.csv", "a\n1\n")
    with pytest.raises(DataError, match=r"Did you mean 'items\.csv'"):
        table_columns(tmp_path / "itmes.csv")
    with pytest.raises(DataError, match="format that is not read"):
        table_columns(write("a.xlsx", "x"))
    os.mkfifo(tmp_path / "fifo.csv")
    with pytest.raises(DataError, match="not a regular file"):
        table_columns(tmp_path / "fifo.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    with pytest.raises(DataError, match="can't be opened"):
        table_columns(tmp_path / "loop.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no table"):
        table_columns(tmp_path / "empty")


def test_columns_of_json_lines_are_searched_until_the_wanted_one_is_seen(write):
    path = write("a.jsonl", '{"a": 1}\n' * 1500 + '{"late": 1}\n')
    assert table_columns(path) == ["a"]
    assert table_columns(path, ["late"]) == ["a", "late"]


def test_a_saved_dataset_that_names_files_elsewhere_is_refused(labelled, tmp_path):
    labelled.save_to_disk(tmp_path / "one")
    state = json.loads((tmp_path / "one" / "state.json").read_text())
    state["_data_files"][0]["filename"] = "../elsewhere.arrow"
    (tmp_path / "one" / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match="no data files of its own"):
        read_table(tmp_path / "one")
