"""Finished runs under worse conditions: what the table says is what the model does on such rows."""

import csv
import json
import random

import pandas as pd
import pytest

import mmcore
from mmcore.comparison.robustness import CONDITIONS


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMCORE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    path, draw = tmp_path_factory.mktemp("items") / "items.csv", random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["a", "b", "class"])
        for _ in range(200):
            label = draw.choice(["x", "y"])
            middle = 1.0 if label == "x" else -1.0
            writer.writerow([f"{middle + draw.gauss(0, 0.4):.3f}", f"{middle + draw.gauss(0, 3):.3f}", label])
    base = {
        "dataset": {
            "name": "table", "path": str(path), "target": "class",
            "modalities": {name: {"kind": "tabular", "columns": [name]} for name in ("a", "b")},
        },
        "encoders": {"a": {"name": "mlp", "width": 8}, "b": {"name": "mlp", "width": 8}},
        "fusion": {"strategy": "intermediate", "method": "concat"},
        "training": {
            "epochs": 8, "batch_size": 16, "learning_rate": 0.02, "unimodal_baselines": False, "device": "cpu",
        },
        "seed": 1,
    }  # fmt: skip
    conditions = {
        "as it is": {}, "without a": {"missing": {"a": 1.0}}, "without b": {"missing": {"b": 1.0}},
        "noisy": {"noise": {"a": 5.0}},
    }  # fmt: skip
    rows = [{"label": "both"}, {"label": "b alone", "encoders.a": None}]
    return {"base": base, "rows": rows, "test_with": conditions, "table": {"metrics": ["top1"]}}


@pytest.fixture(scope="module")
def result(grid, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    return mmcore.compare(grid, folder), folder


def test_conditions_are_columns_and_nothing_changed_is_the_clean_figure(result):
    table, folder = result
    names = ("top1", "top1@as it is", "top1@without a", "top1@without b", "top1@noisy")
    assert table.metrics == names
    both = table.rows[0].figures
    assert both["top1@as it is"].mean == pytest.approx(both["top1"].mean)
    assert "Top-1 accuracy, without a ↑" in (folder / "table.md").read_text()


def test_a_missing_modality_gives_what_the_model_predicts_without_it(result, grid):
    table, _ = result
    run = table.rows[0].folders[0]
    stored = pd.read_parquet(run / "predictions.parquet")
    test = stored[stored["split"] == "test"]
    rows = pd.read_csv(grid["base"]["dataset"]["path"]).iloc[test["row"]]
    found = mmcore.load(run).predict([{"b": value} for value in rows["b"]])
    right = (found["prediction"].to_numpy() == test["target"].to_numpy()).mean()
    assert table.rows[0].figures["top1@without a"].mean == pytest.approx(right)


def test_losing_or_blurring_what_carries_the_class_costs_more_than_losing_the_other(result):
    figures = result[0].rows[0].figures
    assert figures["top1@without b"].mean > figures["top1@without a"].mean
    assert figures["top1"].mean > figures["top1@noisy"].mean


def test_a_model_that_has_nothing_left_to_read_has_no_figure(result):
    alone = result[0].rows[1]
    assert "top1@without b" not in alone.figures
    assert alone.figures["top1@without a"].mean == alone.figures["top1"].mean
    assert not alone.errors


def test_what_was_measured_is_kept_and_a_changed_condition_measured_again(result, grid):
    table, folder = result
    path = table.rows[0].folders[0] / CONDITIONS
    content = json.loads(path.read_text())
    content["conditions"]["noisy"]["metrics"]["top1"] = 0.125
    path.write_text(json.dumps(content))
    kept = mmcore.compare(grid, folder)
    assert kept.rows[0].figures["top1@noisy"].mean == 0.125
    changed = {**grid, "test_with": {"noisy": {"noise": {"a": 0.0}}}}
    again = mmcore.compare(changed, folder)
    assert again.rows[0].figures["top1@noisy"].mean == pytest.approx(again.rows[0].figures["top1"].mean)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"missing": {"c": 0.5}}, "test_with.odd: no run reads 'c'"),
        ({"missing": {"a": 2}}, "test_with.odd.missing.a is 2"),
        ({"nois": {"a": 2}}, "Did you mean 'noise'"),
    ],
)
def test_a_mistake_in_a_condition_is_told_before_anything_runs(grid, tmp_path, condition, told):
    with pytest.raises(mmcore.UserError, match=told):
        mmcore.compare({**grid, "test_with": {"odd": condition}}, tmp_path / "grid")
    assert not (tmp_path / "grid").exists()


def test_what_a_kind_can_not_be_put_through_is_told_in_the_table(grid, tmp_path):
    one = {**grid, "rows": [{"label": "both"}], "test_with": {"late": {"desynchronise": {"a": 1.0}}}}
    table = mmcore.compare(one, tmp_path / "grid")
    assert "no time axis" in table.rows[0].errors[0]
