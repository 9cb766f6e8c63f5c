import re

import pandas as pd
import pytest

from mmcore.errors import UserError
from mmcore.experiment.quick import free_folder, quick_experiment
from mmcore.experiment.specification import Experiment
from mmcore.experiment.starter import starter_experiment
from mmcore.training.options import TrainingOptions

FRAME = pd.DataFrame(
    {
        "title": [f"a {colour} thing for number {number}" for number in range(20) for colour in ("red", "blue")],
        "weight": [number / 7 for number in range(40)],
        "price": [float(number) for number in range(40)],
        "category": ["toy", "tool"] * 20,
    }
)


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "cache"))
    FRAME.to_csv(tmp_path / "items.csv", index=False)
    return tmp_path / "items.csv"


def test_the_starter_is_an_experiment_without_problems(table):
    text, guess = starter_experiment(table)
    experiment = Experiment.from_yaml(text)
    assert experiment.problems() == []
    assert list(experiment.encoders) == list(guess.modalities) == ["title", "tabular"]
    assert experiment.dataset.options["target"] == "category"


def test_what_is_commented_out_shows_the_defaults(table):
    text, _ = starter_experiment(table)
    uncommented = re.sub(r"^  # (\w+: )", r"  \1", text, flags=re.M)
    assert uncommented != text
    assert Experiment.from_yaml(uncommented).training == TrainingOptions()
    assert Experiment.from_yaml(text).training == TrainingOptions()


def test_the_starter_names_what_else_could_be_chosen(table):
    text, _ = starter_experiment(table)
    assert re.search(r"# For text: .*\bminilm\b", text)
    assert re.search(r"# intermediate: .*\bmultconcat\b", text)


def test_a_frame_becomes_an_experiment_that_can_be_run_again(table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = []
    experiment = quick_experiment(FRAME, "category", training={"epochs": 2}, seed=3, tell=told.append)
    assert experiment.problems() == []
    assert (experiment.training.epochs, experiment.seed) == (2, 3)
    assert "target: category" in told
    kept = pd.read_parquet(experiment.dataset.options["path"])
    pd.testing.assert_frame_equal(kept, FRAME)
    assert experiment == quick_experiment(FRAME.copy(), "category", training={"epochs": 2}, seed=3)


def test_encoders_can_be_named_and_left_out(table):
    experiment = quick_experiment(table, "category", encoders={"title": None})
    assert list(experiment.encoders) == ["tabular"]
    assert experiment.fusion is None
    chosen = quick_experiment(table, "category", encoders={"title": "hf_text"}, fusion={"strategy": "late"})
    assert chosen.encoders["title"].name == "hf_text"
    assert chosen.fusion.strategy.name == "late"


def test_a_target_that_is_not_there_is_refused(table):
    with pytest.raises(UserError, match="Did you mean 'category'"):
        quick_experiment(FRAME, "categorie")


def test_a_run_folder_is_never_one_that_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "hs").mkdir(parents=True)
    (tmp_path / "runs" / "hs-2").mkdir()
    assert free_folder("hs").as_posix() == "runs/hs-3"
    assert free_folder("a/b").as_posix() == "runs/a_b"
