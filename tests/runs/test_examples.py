"""Each experiment among the examples runs from its file to a model that predicts, with less data and fewer epochs.

Those that simulate their data first run in the tests of their plugins.
"""

from pathlib import Path

import pytest

import mmcore

EXAMPLES = Path(__file__).parents[2] / "examples"
FEW = ["training.epochs=1", "training.early_stopping=null"]
SMALLER = {
    "cross_validation": [f"dataset.path={EXAMPLES / 'items.csv'}", "split.folds=2"],
    "fine_tuning": ["dataset.rows=90", "dataset.size=64"],
    "late_fusion": ["dataset.rows=90"],
    "one_modality": ["dataset.rows=90"],
    "openmoji": ["dataset.rows=90", "explain.rows=2", "explain.explainer.permutations=2"],
    "own_table": [f"dataset.path={EXAMPLES / 'items.csv'}"],
}
WITH_THEIR_PLUGINS = {
    path.stem
    for folder in (Path(__file__).parents[1] / "plugins").iterdir()
    for test in folder.glob("test_*.py")
    for path in EXAMPLES.glob("*.yaml")
    if f'"{path.name}"' in test.read_text("utf-8")
}


def test_every_example_runs_somewhere():
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == {*SMALLER, *WITH_THEIR_PLUGINS}


@pytest.mark.parametrize("name", sorted(SMALLER))
def test_an_example_runs(name, tmp_path):
    experiment = mmcore.Experiment.load(EXAMPLES / f"{name}.yaml", overrides=[*FEW, *SMALLER[name]])
    run = experiment.run(tmp_path / "run")
    assert 0 <= (run.metrics.get("test") or run.metrics.get("pooled"))["top1"] <= 1
    assert (tmp_path / "run" / "report.html").is_file()
    if not experiment.split.folds:
        model = mmcore.load(tmp_path / "run")
        found = model.predict([{"text": "red heart", "title": "usb cable", "weight": 1}])
        assert set(found["prediction"]) <= set(model.labels)
