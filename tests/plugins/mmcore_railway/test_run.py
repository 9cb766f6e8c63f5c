"""From clips on disk to a model: with one modality missing here and there, and what fusion reads."""

import csv
from pathlib import Path

import pytest

import mmcore

EXAMPLE = Path(__file__).parents[3] / "examples" / "railway.yaml"
C3D = {"name": "c3d", "weights": "none", "width": 0.03, "frames": 4, "size": 32, "dropout": 0.0, "squash": True}


@pytest.fixture(scope="module")
def with_a_gap(simulated, tmp_path_factory):
    """The simulated clips, one of them without depth, by a table beside them."""
    with (simulated / "clips.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    next(row for row in rows if row["split"] == "test")["depth"] = ""
    path = simulated / "with-a-gap.csv"
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    yield path
    path.unlink()


def test_a_clip_without_depth_is_trained_on_and_predicted_by_what_it_has(with_a_gap, tmp_path):
    experiment = mmcore.Experiment(
        dataset={"name": "railway", "path": str(with_a_gap)},
        encoders={"rgb": C3D, "depth": C3D},
        fusion={"strategy": "intermediate", "method": {"name": "multconcat", "dim": 8}},
        training={"epochs": 1, "batch_size": 4, "early_stopping": None, "unimodal_baselines": False},
        seed=0,
    )
    run = experiment.run(tmp_path / "run")
    assert 0 <= run.metrics["test"]["top1"] <= 1
    model = mmcore.load(tmp_path / "run")
    with with_a_gap.open() as stream:
        clip = next(csv.DictReader(stream))
    root = with_a_gap.parent
    whole = {name: str(root / clip[name]) for name in ("rgb", "depth")}
    both, alone = (model.predict([row]) for row in (whole, {"rgb": whole["rgb"]}))
    assert len(both) == len(alone) == 1


def test_the_example_runs_at_reduced_size(simulated, tmp_path):
    small = ("frames=4", "size=32", "width=8")
    smaller = [f"encoders.{name}.{option}" for name in ("rgb", "depth") for option in small]
    shorter = ["training.epochs=1", "training.batch_size=4", "explain.rows=1", "explain.explainer.permutations=2"]
    experiment = mmcore.Experiment.load(EXAMPLE, overrides=[f"dataset.path={simulated}", *smaller, *shorter])
    run = experiment.run(tmp_path / "run")
    assert 0 <= run.metrics["test"]["top1"] <= 1
    assert (tmp_path / "run" / "report.html").is_file()
