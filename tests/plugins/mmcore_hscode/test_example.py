"""The example runs from simulated declarations to an explanation, with the pretrained encoders that it names."""

from __future__ import annotations

from pathlib import Path

import mmcore
from mmcore_hscode import simulate

EXAMPLE = Path(__file__).parents[3] / "examples" / "hscode.yaml"


def test_the_example_runs_at_reduced_size(tmp_path):
    simulate(tmp_path / "data", 72, 0)
    experiment = mmcore.Experiment.load(
        EXAMPLE,
        overrides=[
            f"dataset.path={tmp_path / 'data'}", "dataset.level=2", "dataset.min_rows=8",
            "training.epochs=1", "training.unimodal_baselines=false", "explain.rows=1",
        ],
    )  # fmt: skip
    run = experiment.run(tmp_path / "run")
    assert 0 <= run.metrics["test"]["top1"] <= 1
    model = mmcore.load(tmp_path / "run")
    assert [len(code) for code in model.classes] == [2] * len(model.classes)
    found = model.predict([{"description": "usb type usb cable"}, {"title": "Grüner Tee 250 g", "image": None}])
    assert len(found) == 2
    assert set(model.module.state_dict()) == {key for key in model.module.state_dict() if "category" not in key.split(".")[:1]}
