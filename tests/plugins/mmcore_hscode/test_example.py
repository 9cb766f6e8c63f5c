"""The example runs from simulated declarations to predictions, with the pretrained encoders that it names."""

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
            "training.epochs=1", "training.unimodal_baselines=false", "explain=null",
        ],
    )  # fmt: skip
    run = experiment.run(tmp_path / "run")
    assert 0 <= run.metrics["test"]["top1"] <= 1
    model = mmcore.load(tmp_path / "run")
    assert [len(code) for code in model.labels] == [2] * len(model.labels)
    (bank,) = (module for module in model.module.modules() if isinstance(module, mmcore.EncoderBank))
    assert set(bank.towers) == {"image", "texts"}  # three texts, one module
    found = model.predict([{"description": "usb type usb cable"}, {"title": "Grüner Tee 250 g", "image": None}])
    assert set(found["prediction"]) <= set(model.labels)
