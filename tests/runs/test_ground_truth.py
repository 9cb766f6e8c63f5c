"""Measures and explanations of trained models on data whose structure is known beforehand."""

import numpy as np
import pytest
import torch

import mmcore
from mmcore.experiment.explanations import explain_run

BOTH = ("first", "second")


def fitted(folder, structure, method="concat", **dataset):
    experiment = mmcore.Experiment(
        dataset={"name": "synthetic", "structure": structure, **dataset},
        encoders={name: {"name": "mlp", "width": 16, "dropout": 0.0} for name in BOTH},
        fusion={"strategy": "intermediate", "method": method},
        training={"epochs": 15, "batch_size": 64, "learning_rate": 5e-3, "early_stopping": None,
                  "unimodal_baselines": False},
        seed=0,
    )  # fmt: skip
    return experiment.run(folder)


@pytest.fixture(scope="module")
def xor_run(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("xor") / "run", "xor", {"name": "multconcat", "dim": 16})


@pytest.fixture(scope="module")
def unique_run(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("unique") / "run", "unique", second_noise=1.0)


@pytest.fixture(scope="module")
def complementary_run(tmp_path_factory):
    return fitted(tmp_path_factory.mktemp("complementary") / "run", "complementary")


def measured(run, name, **options):
    return dict(explain_run(run.folder, name, **options).measure.lines)


def test_the_behaviour_of_a_model_of_xor_is_interaction(xor_run):
    assert xor_run.metrics["test"]["top1"] > 0.98
    assert measured(xor_run, "intershap")["all rows together"] >= 0.97


def test_the_behaviour_of_a_model_of_unique_data_is_not(unique_run):
    assert unique_run.metrics["test"]["top1"] > 0.98
    assert measured(unique_run, "intershap")["all rows together"] <= 0.02


def test_without_interactions_xor_is_chance_and_additive_data_lose_nothing(xor_run, complementary_run):
    assert measured(xor_run, "emap")["its additive projection"] < 0.6
    assert complementary_run.metrics["test"]["top1"] > 0.98
    assert measured(complementary_run, "emap")["lost without interactions"] == pytest.approx(0, abs=1e-9)


def test_a_modality_of_noise_has_less_than_its_chance_level(unique_run):
    table = explain_run(unique_run.folder, "product_shap", rows=60).tables[0].rows[0]
    assert table.chance["second"] == 0.5
    assert table.shares["second"].mean < 0.1


def test_a_modality_that_the_head_ignores_has_no_share(complementary_run):
    model = mmcore.load(complementary_run.folder)
    linear = next(module for module in reversed(list(model.module.modules())) if isinstance(module, torch.nn.Linear))
    assert linear.in_features == 32  # the two representations side by side
    with torch.no_grad():
        linear.weight[:, 16:] = 0
    row = {**{f"first_{n}": 0.5 for n in range(1, 5)}, **{f"second_{n}": -0.3 for n in range(1, 5)}}
    why = model.explain(row, "product_shap")
    assert why.shares["second"] < 1e-6
    assert why.shares["first"] > 1 - 1e-6


def test_what_misleads_has_a_higher_share_where_the_model_errs(tmp_path):
    run = fitted(tmp_path / "run", "misleading", rows=2000, first_noise=1.0, second_noise=0.2, misleading=0.08)
    rows = explain_run(run.folder, "modality_shapley", rows=120).tables[0].rows
    shares = {row.group: row.shares["second"] for row in rows[:3]}
    assert shares["incorrect"].n >= 20
    error = np.hypot(*(shares[group].sd / np.sqrt(shares[group].n) for group in ("correct", "incorrect")))
    assert shares["incorrect"].mean - shares["correct"].mean > error
