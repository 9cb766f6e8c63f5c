"""The verbs that use a run, with a stand-in for the model: what is printed where, and the exit code."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

import mmcore.experiment.fitted
from mmcore.cli.main import main
from mmcore.errors import DataError
from mmcore.run import RunFolder

METRICS = {
    "task": "single_label",
    "classes": ["a", "b"],
    "test": {"top1": 0.9, "n": 10, "confusion": [[5, 0], [1, 4]], "per_class": {"a": {"f1": 0.9}}, "calibration": []},
}


class StandIn:
    labels = ("a", "b")

    def predict(self, rows, *, batch_size):
        errors = pd.read_csv(rows)["photo"].map(lambda name: "photo: not found" if name == "gone.png" else None)
        good = errors.isna()
        return pd.DataFrame(
            {
                "id": [str(number) for number in range(len(errors))],
                "prediction": np.where(good, "a", None),
                "probabilities": pd.Series([[0.75, 0.25] if one else None for one in good], dtype=object),
                "error": errors.astype(object).where(~good, None),
            }
        )

    def embed(self, rows, *, batch_size):
        return pd.DataFrame({"id": ["0"], "fused": [[0.5, 1.0]], "modality:photo": [[1.0]], "error": [None]})

    def evaluate(self, rows):
        raise DataError("these rows hold no target")


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mmcore.experiment.fitted, "load", lambda folder: StandIn())
    with RunFolder(tmp_path / "run").writing() as run:
        run.write_json("metrics.json", METRICS)
    (tmp_path / "some.csv").write_text("photo\na.png\ngone.png\n")
    (tmp_path / "none.csv").write_text("photo\ngone.png\n")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mmcore", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        told = capsys.readouterr()
        return caught.value.code or 0, told.out, told.err

    return call


def test_predictions_go_to_standard_output_and_problems_elsewhere(call):
    code, out, err = call("predict", "run", "some.csv")
    assert code == 0
    assert out.splitlines() == [
        "id,prediction,probability:a,probability:b,error",
        "0,a,0.75,0.25,",
        "1,,,,photo: not found",
    ]
    assert err.splitlines() == ["row 1 (id 1): photo: not found", "1 of 2 rows predicted; 1 failed"]


def test_predictions_are_written_to_the_file_that_is_named(call, tmp_path):
    code, out, err = call("predict", "run", "some.csv", "-o", "out.parquet")
    assert (code, out) == (0, "")
    assert "1 of 2 rows predicted in out.parquet; 1 failed" in err
    written = pd.read_parquet(tmp_path / "out.parquet")
    assert written["prediction"][0] == "a"
    assert written["prediction"].isna().tolist() == [False, True]


def test_when_no_row_could_be_predicted_or_one_failed_under_strict_the_exit_code_is_2(call):
    assert call("predict", "run", "none.csv")[0] == 2
    assert call("predict", "run", "some.csv", "--strict")[0] == 2


def test_predictions_as_json_are_one_object_a_line(call):
    code, out, _ = call("predict", "run", "some.csv", "--json")
    assert code == 0
    assert [json.loads(line)["prediction"] for line in out.splitlines()] == ["a", None]


def test_representations_are_written(call, tmp_path):
    code, out, err = call("embed", "run", "some.csv", "-o", "z.parquet")
    assert (code, out, err) == (0, "", "1 of 1 rows represented in z.parquet\n")
    assert list(pd.read_parquet(tmp_path / "z.parquet").columns) == ["id", "fused", "modality:photo", "error"]


def test_a_split_is_evaluated_from_what_the_run_holds(call):
    code, out, err = call("evaluate", "run", "--split", "test")
    assert (code, err) == (0, "")
    assert "90.0\u202f%" in out
    assert "true classes down" in out
    assert json.loads(call("evaluate", "run", "--json")[1]) == METRICS["test"]


def test_a_split_that_the_run_does_not_have_is_refused(call):
    code, _, err = call("evaluate", "run", "--split", "tset")
    assert code == 2
    assert "the run has no split 'tset'. Did you mean 'test'?" in err


def test_rows_without_a_target_are_refused(call):
    code, _, err = call("evaluate", "run", "some.csv")
    assert code == 2
    assert "these rows hold no target" in err


def test_explaining_names_an_explainer_or_says_that_there_is_none(call, tmp_path):
    (tmp_path / "run" / "experiment.yaml").write_text("dataset: openmoji\nencoders: {text: minilm}\n")
    code, _, err = call("explain", "run")
    assert code == 2
    assert "the experiment names no explainer. Name one with --explainer" in err
    code, _, err = call("explain", "run", "--explainer", "[1]")
    assert code == 2
    assert "--explainer '[1]' names none" in err


def test_a_run_that_is_not_finished_is_not_used(call, tmp_path):
    (tmp_path / "run" / "status.json").write_text('{"status": "running", "format_version": 1}')
    for verb in (("evaluate", "run"), ("report", "run"), ("explain", "run")):
        code, _, err = call(*verb)
        assert code == 2
        assert "it was killed" in err
