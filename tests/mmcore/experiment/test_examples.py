"""Every example is an experiment without mistakes, and means the same when it is written again."""

from pathlib import Path

import pytest

from mmcore.experiment.specification import Experiment

EXAMPLES = Path(__file__).parents[3] / "examples"
FILES = sorted(EXAMPLES.glob("*.yaml"))


def test_there_are_examples():
    assert len(FILES) >= 5


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_has_no_mistakes_and_a_line_that_runs_it(path, monkeypatch, beside_examples):
    monkeypatch.chdir(beside_examples)
    experiment = Experiment.load(path)
    assert experiment.problems() == []
    assert Experiment.from_yaml(experiment.to_yaml()) == experiment
    assert Experiment.from_yaml(experiment.resolved().to_yaml()) == experiment.resolved()
    assert f"mmcore fit examples/{path.name}" in path.read_text()
