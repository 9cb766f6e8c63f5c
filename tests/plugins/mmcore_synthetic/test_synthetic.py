"""Synthetic structures: what can be reached is known in closed form, and what is drawn follows it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import mmcore
from mmcore_synthetic import SyntheticOptions, build
from mmcore_synthetic.drawing import observed, sample
from mmcore_synthetic.structures import complementary, misleading, oracle, redundant, structure, unique, xor

NOISE = st.floats(0.2, 3.0)
ALL = ("unique", "complementary", "redundant", "xor", "mixture", "misleading")


@given(NOISE, NOISE)
def test_oracles_are_the_closed_forms(one, other):
    first, second = norm.cdf(1 / one), norm.cdf(1 / other)
    close = {"abs": 2e-3}
    assert oracle(unique(), one, other) == pytest.approx(
        {"neither": 0.5, "first": first, "second": 0.5, "both": first}, **close
    )
    assert oracle(redundant(), one, other)["both"] == pytest.approx(norm.cdf(np.hypot(1 / one, 1 / other)), **close)
    alone = {"first": 0.5, "second": 0.5, "neither": 0.5}
    assert oracle(xor(), one, other) == pytest.approx(
        {**alone, "both": first * second + (1 - first) * (1 - second)}, **close
    )
    assert oracle(complementary(), one, other) == pytest.approx(
        {"neither": 0.25, "first": first / 2, "second": second / 2, "both": first * second}, **close
    )


@given(st.floats(0, 1))
def test_a_modality_that_misleads_in_more_than_half_of_the_rows_is_read_the_other_way_round(wrongly):
    found = oracle(misleading(wrongly), 0.0, 0.0)
    assert found == pytest.approx({"neither": 0.5, "first": 1.0, "second": max(wrongly, 1 - wrongly), "both": 1.0})


@pytest.mark.parametrize("name", ALL)
def test_rows_are_drawn_as_the_structure_says(name):
    table = structure(SyntheticOptions(structure=name))
    assert table.sum() == pytest.approx(1)
    drawn = sample(table, 200_000, seed=0)
    counted = np.zeros_like(table)
    np.add.at(counted, drawn, 1 / 200_000)
    assert np.abs(counted - table).max() < 5 * np.sqrt(0.25 / 200_000)


def test_the_best_threshold_on_what_is_observed_reaches_the_oracle():
    noise = 0.8
    label, said, _ = sample(unique(), 50_000, seed=1)
    values = observed(said, 3, noise, np.random.default_rng(2))
    direction = values[said == 1].mean(0) - values[said == 0].mean(0)
    right = ((values @ direction > 0) == (label == 1)).mean()
    assert right == pytest.approx(oracle(unique(), noise, noise)["both"], abs=0.01)


@pytest.mark.parametrize("name", ALL)
def test_a_data_set_has_two_tables_a_label_and_its_oracle(name):
    source = build(SyntheticOptions(structure=name, rows=40, columns=3))
    assert {name: field.columns for name, field in source.modalities.items()} == {
        "first": ("first_1", "first_2", "first_3"),
        "second": ("second_1", "second_2", "second_3"),
    }
    assert len(source.rows) == 40
    assert set(source.rows["label"][:]) <= {"yes", "no", "first", "second", "neither", "both"}
    assert "both " in source.notice


def test_equal_seeds_give_equal_rows_and_others_do_not():
    one, again, other = (build(SyntheticOptions(rows=30, seed=seed)).rows[:] for seed in (0, 0, 1))
    assert one == again
    assert one["first_1"] != other["first_1"]


def test_a_mixture_of_nothing_is_refused():
    with pytest.raises(mmcore.OptionError, match="a mixture of nothing"):
        build(SyntheticOptions(structure="mixture", mixture={"unique": 0, "redundant": 0, "xor": 0}))


def test_the_example_runs(tmp_path):
    path = Path(__file__).parents[3] / "examples" / "synthetic.yaml"
    overrides = ["dataset.rows=90", "training.epochs=2", "training.unimodal_baselines=false", "explain.rows=1"]
    mmcore.Experiment.load(path, overrides=overrides).run(tmp_path / "run")
    model = mmcore.load(tmp_path / "run")
    row = build(SyntheticOptions(rows=20)).rows[0]
    assert set(model.predict([row, {"first": {"first_1": 0.5}}])["prediction"]) <= {"yes", "no"}
    assert "No classifier is right more often" in (tmp_path / "run" / "report.html").read_text("utf-8")
