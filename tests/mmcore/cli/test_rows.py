import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import typer

from mmcore.cli.predict import _with_columns
from mmcore.cli.rows import finish, write_rows


def frame():
    return pd.DataFrame(
        {
            "id": ["0", "1"],
            "prediction": ["a", None],
            "probabilities": pd.Series([[0.75, 0.25], None], dtype=object),
            "error": [None, "photo: truncated"],
        }
    )


def test_a_file_is_written_whole_in_the_format_that_its_name_says(tmp_path):
    for suffix in ("csv", "tsv", "jsonl", "parquet"):
        write_rows(frame(), tmp_path / f"out.{suffix}")
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == '0,a,"[0.75, 0.25]",'
    assert (tmp_path / "out.tsv").read_text().splitlines()[0] == "id\tprediction\tprobabilities\terror"
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[0] == {"id": "0", "prediction": "a", "probabilities": [0.75, 0.25], "error": None}
    assert list(pd.read_parquet(tmp_path / "out.parquet")["probabilities"][0]) == [0.75, 0.25]
    assert len(list(tmp_path.iterdir())) == 4


def test_nothing_half_written_is_left_when_writing_fails(tmp_path):
    (tmp_path / "out.parquet").write_text("what was there")
    broken = pd.DataFrame({"id": [0, "a", object()]})
    with pytest.raises(pa.ArrowException):
        write_rows(broken, tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
    assert (tmp_path / "out.parquet").read_text() == "what was there"


def test_plain_cells_have_a_probability_column_per_label():
    flat = _with_columns(frame(), ["a", "b"], flat=True)
    assert list(flat.columns) == ["id", "prediction", "probability:a", "probability:b", "error"]
    assert flat["probability:b"][0] == 0.25
    assert np.isnan(flat["probability:b"][1])
    assert _with_columns(frame(), ["a", "b"], flat=False).equals(frame())


def test_several_labels_are_parted_by_semicolons():
    several = pd.DataFrame({"id": ["0"], "prediction": pd.Series([["a", "b"]], dtype=object), "error": [None]})
    assert _with_columns(several, ["a", "b"], flat=True)["prediction"][0] == "a;b"


def test_without_a_file_rows_go_to_standard_output(capsys):
    write_rows(frame(), None)
    assert capsys.readouterr().out.startswith("id,prediction,probabilities,error\n")
    write_rows(frame(), None, as_json=True)
    assert json.loads(capsys.readouterr().out.splitlines()[1])["error"] == "photo: truncated"


def test_some_failed_rows_are_told_one_a_line_and_are_no_failure(capsys):
    finish(frame(), "predicted", None, strict=False)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "row 1 (id 1): photo: truncated\n1 of 2 rows predicted; 1 failed\n"


@pytest.mark.parametrize(("rows", "strict"), [([0, 1], True), ([1], False)])
def test_strict_or_no_row_at_all_exits_with_2(rows, strict):
    with pytest.raises(typer.Exit) as caught:
        finish(frame().iloc[rows], "predicted", None, strict=strict)
    assert caught.value.exit_code == 2
