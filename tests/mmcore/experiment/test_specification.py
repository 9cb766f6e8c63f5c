from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcore.data.splits import SplitOptions
from mmcore.errors import OptionError, UserError
from mmcore.experiment.sections import EncoderSlot, FusionSection
from mmcore.experiment.specification import Experiment
from mmcore.experiment.validation import ExperimentError
from mmcore.training.options import TrainingOptions

TEXT = """\
dataset: {name: openmoji, target: group}
encoders:
  image: efficientnet_lite0
  text: {name: minilm, trainable: none}
fusion:
  strategy: intermediate
  method: {name: multconcat, dim: 256}
training: {epochs: 8, learning_rate: 1.0e-3, early_stopping: null}
explain: {explainer: mm_shap, rows: 12}
seed: 7
"""
EXPERIMENT = Experiment.from_yaml(TEXT)

names = st.sampled_from(["image", "text", "title 2", "no", "1"])
components = st.sampled_from(
    ["minilm", {"name": "timm", "model": "resnet18"}, {"name": "a", "b": {"c": [1, 2.5, None, "no"]}, "d": True}]
)
slots = st.sampled_from(
    [
        "minilm",
        {"name": "timm", "trainable": "all", "learning_rate": 1e-5},
        {"name": "hf_text", "pooling": "mean", "trainable": {"last": 2}, "share": "tower", "weights": "none"},
        {"name": "timm", "augment": True},
        {"name": "timm", "augment": {"views": 4}},
    ]
)
experiments = st.fixed_dictionaries(
    {"dataset": components, "encoders": st.dictionaries(names, slots, min_size=1)},
    optional={
        "split": st.sampled_from([{}, {"test": 0.3}, {"column": "split"}, {"folds": 5, "group": "patient"}, None]),
        "fusion": st.fixed_dictionaries({"strategy": components}, optional={"method": components}) | st.none(),
        "training": st.sampled_from([{}, {"epochs": 3, "gradient_clip": None}, {"report_to": "wandb"}]),
        "explain": st.fixed_dictionaries({"explainer": components}) | st.none(),
        "seed": st.integers(0, 2**32 - 1),
    },
)


@given(experiments)
def test_an_experiment_means_the_same_in_yaml_in_a_mapping_and_in_python(data):
    experiment = Experiment.from_dict(data)
    assert Experiment.from_yaml(experiment.to_yaml()) == experiment
    assert Experiment.from_dict(experiment.to_dict()) == experiment
    assert Experiment.from_yaml(experiment.to_yaml()).to_yaml() == experiment.to_yaml()


def test_a_file_a_text_and_keywords_give_equal_experiments(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text(TEXT)
    built = Experiment(
        dataset={"name": "openmoji", "target": "group"},
        encoders={"image": "efficientnet_lite0", "text": EncoderSlot(name="minilm", trainable="none")},
        fusion=FusionSection(strategy={"name": "intermediate"}, method={"name": "multconcat", "dim": 256}),
        training=TrainingOptions(epochs=8, learning_rate=1e-3, early_stopping=None),
        explain={"explainer": "mm_shap", "rows": 12},
        seed=np.int64(7),
    )
    assert Experiment.load(path) == EXPERIMENT == built


def test_experiments_that_ask_for_something_else_are_unequal():
    other = Experiment.from_yaml(TEXT.replace("seed: 7", "seed: 8"))
    encoders = dict(reversed(EXPERIMENT.to_dict()["encoders"].items()))
    reordered = Experiment.from_dict({**EXPERIMENT.to_dict(), "encoders": encoders})
    assert other != EXPERIMENT
    assert reordered != EXPERIMENT  # modalities are fused in their order
    assert EXPERIMENT != "experiment"


def test_what_is_left_out_has_defaults():
    experiment = Experiment(dataset="openmoji", encoders={"text": "minilm"})
    assert experiment.split == SplitOptions()
    assert experiment.training == TrainingOptions()
    assert (experiment.task, experiment.fusion, experiment.explain, experiment.seed) == (None, None, None, 0)


def test_the_written_form_tells_all_of_training_and_nothing_that_was_not_asked():
    written = Experiment(dataset="openmoji", encoders={"text": "minilm"}).to_dict()
    assert list(written) == ["dataset", "encoders", "training", "seed"]
    assert written["training"]["batch_size"] == 64
    assert written["encoders"] == {"text": "minilm"}


def test_an_empty_section_is_one_that_is_left_out():
    assert Experiment.from_yaml("dataset: openmoji\nencoders: {text: minilm}\nfusion:\nsplit:\n").fusion is None


def test_an_encoders_own_options_are_told_from_the_frameworks_keys():
    slot = EncoderSlot.model_validate({"name": "timm", "model": "resnet18", "trainable": "all", "learning_rate": 1e-5})
    assert slot.component.options == {"model": "resnet18"}
    assert (slot.trainable, slot.learning_rate) == ("all", 1e-5)
    assert slot.to_short_form() == {"name": "timm", "model": "resnet18", "trainable": "all", "learning_rate": 1e-5}


def test_an_experiment_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        EXPERIMENT.seed = 3


def test_paths_and_tuples_become_plain():
    experiment = Experiment(dataset={"name": "table", "path": Path("a.csv"), "cols": ("a", "b")}, encoders={"t": "m"})
    assert experiment.to_dict()["dataset"] == {"name": "table", "path": "a.csv", "cols": ["a", "b"]}


def test_what_no_file_can_hold_is_refused_with_the_way_to_it():
    with pytest.raises(OptionError, match=r"encoders\.text is <object") as caught:
        Experiment(dataset="openmoji", encoders={"text": object()})
    assert caught.value.path == ("encoders", "text")
    with pytest.raises(OptionError, match="can't stand in an experiment"):
        Experiment(dataset={"name": "x", "share": float("nan")}, encoders={"text": "m"})


def test_mistakes_in_python_are_user_errors_that_name_the_value():
    with pytest.raises(ExperimentError, match=r"training\.epochs is 'many'"):
        Experiment(dataset="openmoji", encoders={"text": "minilm"}, training={"epochs": "many"})
    with pytest.raises(ExperimentError, match=r"unknown key 'encoder' in the experiment\. Did you mean 'encoders'"):
        Experiment(dataset="openmoji", encoder={"text": "minilm"})


def test_an_error_that_is_found_later_gets_file_and_line():
    located = EXPERIMENT.located(OptionError("no such column", path=("training", "epochs")))
    assert str(located) == "experiment:8: no such column"
    assert EXPERIMENT.located(OptionError("x", path=("seed",), where="there")).where == "there"


@pytest.mark.parametrize("text", ["", "# nothing"])
def test_an_empty_file_is_refused(text):
    with pytest.raises(UserError, match="is empty"):
        Experiment.from_yaml(text)


@pytest.mark.parametrize("text", ["- a", "just words", "3"])
def test_a_file_without_keys_is_refused(text):
    with pytest.raises(ExperimentError, match="not an experiment"):
        Experiment.from_yaml(text)


def test_a_run_resolves_option_errors_to_lines(monkeypatch, tmp_path):
    import sys
    from types import SimpleNamespace

    def run_experiment(*args, **kwargs):
        raise OptionError("no column 'patient'", path=("explain", "rows"))

    monkeypatch.setitem(sys.modules, "mmcore.experiment.running", SimpleNamespace(run_experiment=run_experiment))
    with pytest.raises(OptionError, match=r"^experiment:9: no column 'patient'"):
        EXPERIMENT.run(tmp_path / "run")
