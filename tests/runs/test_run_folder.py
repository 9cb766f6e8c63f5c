"""What a run leaves, and what can be done with it afterwards."""

import json

import numpy as np
import pandas as pd
import pytest
from small_items import experiment_of, write_items

import mmcore
from mmcore.run import RunFolder


def test_a_run_leaves_everything_the_tour_names(fitted):
    names = {item.name for item in fitted.folder.iterdir()}
    assert {
        "experiment.yaml", "environment.json", "events.jsonl", "model", "metrics.json", "predictions.parquet",
        "report.html",
    } <= names  # fmt: skip
    assert "checkpoints" not in names
    assert RunFolder(fitted.folder).state() == "finished"
    assert (
        not list(fitted.folder.rglob("*.pkl")) + list(fitted.folder.rglob("*.pt")) + list(fitted.folder.rglob("*.bin"))
    )


def test_the_stored_experiment_is_the_one_that_ran(fitted):
    assert mmcore.Experiment.load(fitted.folder / "experiment.yaml") == fitted.experiment


def test_metrics_agree_with_the_stored_predictions(fitted):
    table = pd.read_parquet(fitted.folder / "predictions.parquet")
    assert len(table) == 150
    assert set(table["split"]) == {"train", "validation", "test"}
    for split, rows in table.groupby("split"):
        right = (rows["target"] == rows["prediction"]).mean()
        assert fitted.metrics[split]["top1"] == pytest.approx(right)
        best = rows["probabilities"].map(np.argmax).map(lambda number: fitted.metrics["classes"][number])
        assert (best == rows["prediction"]).all()


def test_fusion_is_compared_with_each_modality_alone_on_the_same_rows(fitted):
    assert set(fitted.metrics["baselines"]) == {"title", "facts"}
    gain = fitted.metrics["gain"]["top1"]
    assert gain["gain"] == pytest.approx(gain["fused"] - gain["best_single"])
    assert gain["low"] <= gain["gain"] <= gain["high"]


def test_a_loaded_model_predicts_what_the_run_stored(fitted, items):
    model = mmcore.load(fitted.folder)
    found = model.predict(items)
    stored = pd.read_parquet(fitted.folder / "predictions.parquet").set_index("id")
    assert found["error"].isna().all()
    for _, row in found.iterrows():
        np.testing.assert_allclose(row["probabilities"], stored.loc[row["id"], "probabilities"], atol=1e-4)


def test_loading_needs_neither_the_data_nor_the_network(fitted, items, tmp_path):
    import shutil

    moved = shutil.copytree(fitted.folder / "model", tmp_path / "elsewhere")
    model = mmcore.load(moved)
    [row] = model.predict({"title": "usb cable", "weight": 0.1, "price": 3.0}).to_dict("records")
    assert row["prediction"] in model.labels
    assert row["probabilities"] == pytest.approx(
        mmcore.load(fitted.folder).predict([{"title": "usb cable", "weight": 0.1, "price": 3.0}])["probabilities"][0]
    )


def test_a_missing_modality_is_allowed_and_a_row_without_any_is_an_error(fitted):
    found = mmcore.load(fitted.folder).predict([{"title": "tea mug"}, {"title": "", "weight": None}, {"weight": 0.4}])
    assert found["error"].isna().tolist() == [True, False, True]
    assert found["prediction"].isna().tolist() == [False, True, False]


def test_rows_of_other_columns_are_a_mistake(fitted):
    with pytest.raises(mmcore.DataError, match="none of the columns"):
        mmcore.load(fitted.folder).predict([{"colour": "red"}])


def test_embeddings_have_the_widths_of_the_model(fitted, items):
    frame = mmcore.load(fitted.folder).embed(items)
    assert {"id", "fused", "modality:title", "modality:facts", "error"} == set(frame.columns)
    assert {len(vector) for vector in frame["modality:title"].dropna()} == {384}
    assert frame["modality:title"].isna().sum() == (pd.read_csv(items)["title"].isna()).sum()


def test_evaluating_on_new_rows_equals_counting(fitted, tmp_path):
    table = write_items(tmp_path / "new.csv", rows=40, seed=9)
    model = mmcore.load(fitted.folder)
    found = model.evaluate(table)
    predicted = model.predict(table)["prediction"]
    assert found["top1"] == pytest.approx((predicted == pd.read_csv(table)["class"]).mean())
    assert model.evaluate(split="test") == fitted.metrics["test"]
    with pytest.raises(mmcore.DataError, match="no split 'tets'"):
        model.evaluate(split="tets")


def test_a_single_modality_is_a_baseline_of_its_own(items, tmp_path):
    data = experiment_of(items, encoders={"facts": "mlp"})
    del data["fusion"]
    run = mmcore.Experiment.from_dict(data).run(tmp_path / "alone")
    assert run.metrics["gain"] == {}
    assert run.model().predict([{"weight": 0.8, "price": 1.0}])["error"].isna().all()


@pytest.mark.parametrize("target", ["price", "tags"])
def test_other_tasks_fit_predict_and_measure(target, items, tmp_path):
    frame = pd.read_csv(items)
    frame["tags"] = [
        [label] + (["cheap"] if price < 10 else []) for label, price in zip(frame["class"], frame["price"], strict=True)
    ]
    path = tmp_path / "items.jsonl"
    frame.astype(object).where(frame.notna(), None).to_json(path, orient="records", lines=True)
    data = experiment_of(path)
    data["dataset"]["target"] = target
    data["dataset"]["modalities"]["facts"]["columns"] = ["weight"]
    run = mmcore.Experiment.from_dict(data).run(tmp_path / "run")
    assert run.metrics["task"] == {"price": "regression", "tags": "multi_label"}[target]
    figure = {"price": "mae", "tags": "map"}[target]
    assert run.metrics["test"][figure] is not None
    assert set(run.metrics["baselines"]) == {"title", "facts"}
    found = run.model().predict(path)
    assert len(found) == 150
    assert isinstance(found["prediction"][0], float if target == "price" else list)


def test_late_fusion_votes(items, tmp_path):
    data = experiment_of(items, fusion={"strategy": "late", "method": "soft_voting"})
    run = mmcore.Experiment.from_dict(data).run(tmp_path / "late")
    assert run.metrics["test"]["top1"] > 0.5


def test_folds_predict_every_row_once_and_report_the_spread(items, tmp_path):
    data = experiment_of(items, split={"folds": 3, "group": "seller", "validation": 0.1})
    run = mmcore.Experiment.from_dict(data).run(tmp_path / "folds")
    table = pd.read_parquet(run.folder / "predictions.parquet")
    assert sorted(table["row"]) == list(range(150))
    assert run.metrics["test"]["top1"] == pytest.approx((table["target"] == table["prediction"]).mean())
    per_fold = [fold["top1"] for fold in run.metrics["folds"]]
    assert run.metrics["over_folds"]["top1"]["mean"] == pytest.approx(np.mean(per_fold))
    assert run.metrics["over_folds"]["top1"]["sd"] == pytest.approx(np.std(per_fold, ddof=1))
    sellers = pd.read_csv(items)["seller"]
    assert all(len(set(table[sellers[table["row"]].to_numpy() == seller]["fold"])) == 1 for seller in set(sellers))
    assert mmcore.load(run.folder / "folds" / "2").predict([{"title": "usb cable"}])["error"].isna().all()
    with pytest.raises(mmcore.RunError, match="a model per fold"):
        mmcore.load(run.folder)


def test_shared_encoders_are_saved_once(tmp_path, items):
    frame = pd.read_csv(items)
    frame["category"] = frame["title"].str.split().str[-1]
    frame.to_csv(tmp_path / "two.csv", index=False)
    data = experiment_of(tmp_path / "two.csv")
    data["dataset"]["modalities"]["category"] = {"kind": "text", "column": "category"}
    slot = {"name": "minilm", "share": "words"}
    data["encoders"] = {"title": slot, "category": slot, "facts": "mlp"}
    run = mmcore.Experiment.from_dict(data).run(tmp_path / "run")
    alone = mmcore.Experiment.from_dict(experiment_of(items)).run(tmp_path / "one")
    ratio = size_of(run.folder) / size_of(alone.folder)
    assert ratio < 1.1


def size_of(folder):
    return sum(item.stat().st_size for item in (folder / "model").glob("*.safetensors"))


def test_plugins_hear_of_the_run(items, tmp_path):
    events = []
    mmcore.Experiment.from_dict(experiment_of(items)).run(tmp_path / "run", on_event=events.append)
    kinds = [event["event"] for event in events]
    assert kinds[0] == "run_started"
    assert kinds[-1] == "run_finished"
    assert sum(event["event"] == "epoch" and event["model"] == "fused" for event in events) == 3
    stored = [json.loads(line) for line in (tmp_path / "run" / "events.jsonl").read_text().splitlines()]
    assert [event["event"] for event in stored] == kinds
