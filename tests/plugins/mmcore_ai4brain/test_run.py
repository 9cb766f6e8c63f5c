"""A cohort from its folder to a fitted model: subjects stay together, and what is missing is missing."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

import mmcore
import mmcore_ai4brain
from mmcore_ai4brain import AI4BrainOptions

EXAMPLE = Path(__file__).parents[3] / "examples" / "ai4brain.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort") / "simulated"
    mmcore_ai4brain.simulate(folder, rows=30, seed=5)
    return folder


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory):
    """The example's experiment, on fewer subjects, in two epochs, with smaller encoders."""
    told = YAML(typ="safe").load(EXAMPLE)
    told["dataset"]["path"] = str(folder)
    told["encoders"]["eeg"] = {"name": told["encoders"]["eeg"], "filters": 2, "seconds": 2.0, "windows": 1}
    told["encoders"]["mri"] = {"name": "cnn3d", "widths": [4, 8], "size": 8}
    told["training"] = {"epochs": 2, "batch_size": 8, "unimodal_baselines": False}
    del told["explain"]
    return mmcore.Experiment.from_dict(told).run(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def rows(folder):
    """Session → its row."""
    return {row["row_id"]: row for row in mmcore_ai4brain.build(AI4BrainOptions(path=str(folder))).rows}


@pytest.fixture(scope="module")
def predicted(run):
    return pd.read_parquet(run.folder / "predictions.parquet")


@pytest.fixture(scope="module")
def model(run):
    return mmcore.load(run.folder)


def probabilities(model, rows, folder):
    found = model.predict(rows, root=folder)
    assert found["error"].isna().all()
    return np.array(found["probabilities"].tolist())


def test_no_subject_is_in_two_splits(predicted):
    parts = predicted.assign(subject=predicted["id"].str.split("_").str[0]).groupby("subject")["split"].nunique()
    assert (parts == 1).all()
    assert set(predicted["split"]) == {"train", "validation", "test"}
    assert predicted["id"].str.split("_").str[0].duplicated().any()  # some have two sessions: the claim is not empty


def test_every_session_takes_part_whatever_it_lacks(predicted, rows):
    assert set(predicted["id"]) == set(rows)
    assert any(row["mri_file"] is None for row in rows.values())
    assert any(row["eeg_file"] is None for row in rows.values())


def test_deleting_all_mri_of_the_test_set_changes_predictions_only_through_presence(
    model, predicted, rows, folder, tmp_path
):
    """Sessions without MRI stay as they were; the others become what the same session without MRI always was."""
    tested = predicted[predicted["split"] == "test"].set_index("id")
    without = tmp_path / "without"
    shutil.copytree(folder, without)
    for name in tested.index:
        for path in (without / name.replace("_", "/")).glob("anat/*"):
            path.unlink()
    reread = {row["row_id"]: row for row in mmcore_ai4brain.build(AI4BrainOptions(path=str(without))).rows}
    assert all(reread[name]["mri_file"] is None for name in tested.index)
    before = np.array(tested["probabilities"].tolist())
    after = probabilities(model, [reread[name] for name in tested.index], without)
    lacked = np.array([rows[name]["mri_file"] is None for name in tested.index])
    assert after[lacked] == pytest.approx(before[lacked], abs=1e-5)
    assert (np.abs(after[~lacked] - before[~lacked]).max(1) > 1e-6).all()
    # another person's picture, then deleted as well: what stood there does not matter
    other = next(row["mri_file"] for row in rows.values() if row["mri_file"])
    swapped = [{**rows[name], "mri_file": other} for name in tested.index]
    assert np.abs(probabilities(model, swapped, folder) - after).max() > 1e-6
    emptied = [{**row, "mri_file": None} for row in swapped]
    assert probabilities(model, emptied, folder) == pytest.approx(after, abs=1e-6)


def test_an_absent_picture_s_voxels_are_never_read(model, rows, folder):
    """The model itself, with NaN where MRI is absent."""
    chosen = [row for row in rows.values() if row["mri_file"] and row["eeg_file"]][:3]
    names = list(model.modalities)
    inputs = {}
    for name in names:
        kind, spec = model.preparation.kinds[name], model.module.input_specs[name]
        value = model.preparation.fields[name]
        samples = [kind.decode(value.value(name, row), root=folder, budget=mmcore.Budget()) for row in chosen]
        inputs[name] = kind.collate([kind.prepare(sample, spec) for sample in samples])
    present = torch.ones(3, len(names), dtype=torch.bool)
    present[:, names.index("mri")] = False
    module = model.module.eval()
    with torch.no_grad():
        first = module(mmcore.Batch(tuple(names), present, inputs)).logits
        inputs["mri"] = {key: torch.full_like(tensor, torch.nan) for key, tensor in inputs["mri"].items()}
        second = module(mmcore.Batch(tuple(names), present, inputs)).logits
    assert torch.isfinite(first).all()
    assert torch.equal(first, second)


def test_columns_are_scaled_by_the_training_rows_alone(model, predicted, rows):
    trained = [rows[name] for name in predicted[predicted["split"] == "train"]["id"]]
    columns = {column.name: column for column in model.preparation.descriptions["clinical"].columns}
    assert "mmse" not in columns
    assert "cdr" not in columns
    ages = np.array([row["age"] for row in trained])
    assert columns["age"].mean == pytest.approx(ages.mean())
    assert columns["age"].sd == pytest.approx(ages.std())
    everyone = np.array([row["age"] for row in rows.values()])
    assert columns["age"].mean != pytest.approx(everyone.mean(), abs=1e-9)


def test_one_modality_alone_leaves_out_the_sessions_that_lack_it(folder, rows, tmp_path):
    run = mmcore.Experiment(
        dataset={"name": "ai4brain", "path": str(folder)},
        encoders={"mri": {"name": "cnn3d", "widths": [4], "size": 8}},
        training={"epochs": 1, "batch_size": 16},
    ).run(tmp_path / "run")
    predicted = pd.read_parquet(run.folder / "predictions.parquet")
    assert set(predicted["id"]) == {name for name, row in rows.items() if row["mri_file"]}


def test_a_recording_with_other_electrodes_is_left_out_with_the_reason(folder, rows, tmp_path):
    import mne

    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    name = [name for name, row in rows.items() if row["eeg_file"]][-1]
    path = changed / rows[name]["eeg_file"]
    raw = mne.io.read_raw_edf(path, preload=True, verbose="error").pick(["O1", "O2", "Pz"])
    path.unlink()
    mne.export.export_raw(path, raw, fmt="edf", verbose="error")
    run = mmcore.Experiment(
        dataset={"name": "ai4brain", "path": str(changed)},
        encoders={"eeg": {"name": "eegnet", "filters": 2, "seconds": 2.0, "windows": 1}},
        training={"epochs": 1, "batch_size": 16},
    ).run(tmp_path / "run")
    predicted = pd.read_parquet(run.folder / "predictions.parquet")
    assert set(predicted["id"]) == {other for other, row in rows.items() if row["eeg_file"]} - {name}


def test_a_broken_picture_is_left_out_with_the_reason_and_the_rest_is_used(folder, rows, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    broken = [name for name, row in rows.items() if row["mri_file"]][:2]
    for name in broken:
        path = changed / rows[name]["mri_file"]
        path.write_bytes(path.read_bytes()[:5000])
    run = mmcore.Experiment(
        dataset={"name": "ai4brain", "path": str(changed)},
        encoders={"mri": {"name": "cnn3d", "widths": [4], "size": 8}, "clinical": "mlp"},
        fusion={"strategy": "intermediate", "method": "concat"},
        training={"epochs": 1, "batch_size": 16, "unimodal_baselines": False},
    ).run(tmp_path / "run")
    predicted = pd.read_parquet(run.folder / "predictions.parquet")
    assert set(predicted["id"]) == set(rows) - set(broken)
