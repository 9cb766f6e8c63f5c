"""When modalities meet, in whole runs: early by tokens and by channels, late from finished runs, with adapters."""

import csv

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from small_items import experiment_of

import mmcore

SMALL = {"name": "hf_text", "scratch": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}}
BRIEF = {"epochs": 2, "batch_size": 32, "unimodal_baselines": False}


def run(data, folder):
    return mmcore.Experiment.from_dict(data).run(folder)


def test_early_fusion_by_tokens_trains_saves_predicts_and_explains(items, tmp_path):
    data = experiment_of(items, encoders={}, training={**BRIEF, "epochs": 8, "learning_rate": 3e-3})
    data["fusion"] = {"strategy": {"name": "early", "modalities": ["title", "facts"], "dim": 16}}
    finished = run(data, tmp_path / "early")
    assert finished.metrics["modalities"] == ["title", "facts"]
    assert finished.metrics["test"]["top1"] > 0.6  # three classes
    model = mmcore.load(tmp_path / "early")
    stored = pd.read_parquet(tmp_path / "early" / "predictions.parquet")
    again = model.predict(items)
    assert again["prediction"].tolist() == stored.set_index("id").loc[again["id"]]["prediction"].tolist()
    why = model.explain({"title": "usb cable", "weight": 0.1, "price": 3.0})
    assert sum(why.shares.values()) == pytest.approx(1.0)
    assert set(why.shares) == {"title", "facts"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pairs of pictures; the class is whether they are equally bright, which neither says alone."""
    folder, draw = tmp_path_factory.mktemp("pairs"), np.random.default_rng(0)
    with (folder / "pairs.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["left", "right", "class"])
        for row in range(60):
            bright = draw.integers(0, 2, 2)
            names = []
            for side, value in zip(("left", "right"), bright, strict=True):
                noise = draw.integers(0, 60, (40, 40, 3)) + 190 * value
                Image.fromarray(noise.astype(np.uint8)).save(folder / f"{side}{row}.png")
                names.append(f"{side}{row}.png")
            writer.writerow([*names, "same" if bright[0] == bright[1] else "other"])
    return folder / "pairs.csv"


def stacked(pictures, **strategy):
    tiny = {"name": "resnet50", "layers": [1, 1, 1, 1], "size": 32, "weights": "none", "trainable": "all"}
    return {
        "dataset": {
            "name": "table",
            "path": str(pictures),
            "modalities": {
                "left": {"kind": "image", "column": "left"},
                "right": {"kind": "image", "column": "right"},
            },
            "target": "class",
        },
        "fusion": {"strategy": {"name": "early", "stack": ["left", "right"], "encoder": tiny, **strategy}},
        "training": {**BRIEF, "batch_size": 16},
    }


def test_early_fusion_by_channels_trains_saves_predicts_and_explains(pictures, tmp_path):
    finished = run(stacked(pictures), tmp_path / "early")
    assert finished.metrics["cost"]["trainable_parameters"] == finished.metrics["cost"]["parameters"]
    model = mmcore.load(tmp_path / "early")
    (first,) = [module for module in model.module.modules() if getattr(module, "in_channels", None) == 6]
    assert first.weight.shape[1] == 6
    stored = pd.read_parquet(tmp_path / "early" / "predictions.parquet").set_index("id")
    again = model.predict(pictures)
    assert again["prediction"].tolist() == stored.loc[again["id"]]["prediction"].tolist()
    row = {"left": str(pictures.with_name("left0.png")), "right": str(pictures.with_name("right0.png"))}
    why = model.explain(row)
    assert set(why.shares) == {"left", "right"}
    one = model.predict([{"left": row["left"]}])
    assert one["error"].isna().all()


@pytest.mark.parametrize(
    ("strategy", "told"),
    [
        ({"name": "early", "stack": ["title", "facts"], "encoder": "minilm"}, "must be of one kind"),
        ({"name": "early", "stack": ["title"], "encoder": "minilm"}, "stack"),
        ({"name": "early"}, "give either `stack` and `encoder`, or `modalities`"),
        ({"name": "early", "modalities": ["title", "fakts"]}, "Did you mean 'facts'"),
        ({"name": "early", "modalities": ["title", "facts"], "dim": 2}, "dim"),
    ],
)
def test_an_early_fusion_that_can_not_be_is_refused_before_anything_is_read(items, strategy, told):
    data = experiment_of(items, encoders={}, fusion={"strategy": strategy})
    with pytest.raises(mmcore.UserError, match=told):
        mmcore.Experiment.from_dict(data).validate()


def test_a_modality_that_the_strategy_reads_needs_no_encoder_beside_it(items):
    fusion = {"strategy": {"name": "early", "modalities": ["title", "facts"]}}
    with pytest.raises(mmcore.UserError, match="read by the strategy and by an encoder"):
        mmcore.Experiment.from_dict(experiment_of(items, encoders={"title": "minilm"}, fusion=fusion)).validate()
    with pytest.raises(mmcore.UserError, match="there is no modality to read"):
        mmcore.Experiment.from_dict(experiment_of(items, encoders={}, fusion=None)).validate()


@pytest.fixture(scope="module")
def complete(items, tmp_path_factory):
    """The items that have a title, so that a run of either modality has the same rows."""
    table = pd.read_csv(items)
    path = tmp_path_factory.mktemp("complete") / "items.csv"
    table[table["title"].notna()].to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def apart(complete, tmp_path_factory):
    """A finished run of each modality alone."""
    folder = tmp_path_factory.mktemp("apart")
    for name, encoder in (("title", {**SMALL, "trainable": "all"}), ("facts", "mlp")):
        run(experiment_of(complete, encoders={name: encoder}, fusion=None, training=BRIEF), folder / name)
    return folder


def late_of(table, apart, **changes):
    runs = {name: str(apart / name) for name in ("title", "facts")}
    fusion = {"strategy": {"name": "late", "runs": runs}, "method": "soft_voting"}
    return experiment_of(table, encoders={}, fusion=fusion, training=BRIEF, **changes)


def test_late_fusion_of_finished_runs_is_the_mean_of_their_probabilities(complete, apart, tmp_path):
    finished = run(late_of(complete, apart), tmp_path / "late")
    assert finished.metrics["cost"]["trainable_parameters"] == 0
    model, alone = mmcore.load(tmp_path / "late"), {name: mmcore.load(apart / name) for name in ("title", "facts")}
    row = {"title": "usb cable", "weight": 0.1, "price": 3.0}
    votes = [np.array(alone[name].predict([row])["probabilities"][0]) for name in alone]
    assert np.allclose(model.predict([row])["probabilities"][0], np.mean(votes, axis=0), atol=1e-5)


def test_runs_with_rows_that_are_held_back_here_are_refused(complete, apart, tmp_path):
    with pytest.raises(mmcore.DataError, match="was trained on"):
        run(late_of(complete, apart, seed=99), tmp_path / "seen")


def test_runs_of_other_labels_or_that_are_not_there_are_refused(complete, apart, tmp_path):
    other = late_of(complete, apart)
    other["dataset"] = {**other["dataset"], "target": "seller"}
    with pytest.raises(mmcore.UserError, match="predicts other labels"):
        run(other, tmp_path / "labels")
    missing = late_of(complete, apart)
    missing["fusion"]["strategy"]["runs"]["title"] = str(tmp_path / "nowhere")
    with pytest.raises(mmcore.RunError, match=r"runs\.title"):
        run(missing, tmp_path / "missing")


def test_a_method_that_learns_from_decisions_is_fitted_on_the_validation_split(items, tmp_path):
    fusion = {"strategy": "late", "method": "stacking"}
    data = experiment_of(items, encoders={"title": SMALL, "facts": "mlp"}, fusion=fusion, training=BRIEF)
    run(data, tmp_path / "late")
    model = mmcore.load(tmp_path / "late").module
    fresh = mmcore.compose(
        encoders={"title": SMALL, "facts": "mlp"}, task=model.task, fusion=fusion,
    )  # fmt: skip
    assert not torch.equal(model.method.coefficients, fresh.method.coefficients)
    with pytest.raises(mmcore.DataError, match="learns from decisions on the validation split"):
        run({**data, "split": {"validation": 0.0, "test": 0.2}}, tmp_path / "none")


def test_an_adapter_trains_a_few_matrices_and_leaves_the_encoder_as_it_was(items, tmp_path):
    slot = {**SMALL, "trainable": {"adapter": "lora", "rank": 2}}
    data = experiment_of(items, encoders={"title": slot, "facts": "mlp"}, training=BRIEF)
    run(data, tmp_path / "lora")
    model = mmcore.load(tmp_path / "lora")
    tower = model.module.encoders.towers["title"]
    names = [name for name, _ in tower.named_parameters()]
    assert any("lora_A" in name for name in names)
    trained = [name for name, parameter in tower.named_parameters() if parameter.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    moved = [parameter.abs().sum().item() for name, parameter in tower.named_parameters() if "lora_B" in name]
    assert all(value > 0 for value in moved)  # they begin at zero
    stored = pd.read_parquet(tmp_path / "lora" / "predictions.parquet").set_index("id")
    again = model.predict(items)
    assert again["prediction"].tolist() == stored.loc[again["id"]]["prediction"].tolist()


def test_an_adapter_beside_nothing_is_refused(items, pictures, tmp_path):
    data = stacked(pictures)
    data["fusion"]["strategy"]["encoder"] = {
        "name": "resnet50", "layers": [1, 1, 1, 1], "size": 32, "weights": "none",
        "trainable": {"adapter": "lora", "rank": 2},
    }  # fmt: skip
    with pytest.raises(mmcore.UserError, match="no linear maps"):
        run(data, tmp_path / "none")
