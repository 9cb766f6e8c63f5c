"""Modalities on one time axis: cut to what all cover, and told where they can't belong together."""

import numpy as np
import pytest

import mmcore
from mmcore.catalog import load
from mmcore.data.reading import RowReader

KIND = load().kind("timeseries")


def read(first, second, groups=(("a", "b"),)):
    fields = {name: mmcore.ModalityField("timeseries", (name,)) for name in "ab"}
    reader = RowReader(fields, dict.fromkeys("ab", KIND), "", synchronised=groups)
    row = {
        name: None if seconds is None else {"values": np.zeros((1, round(seconds * rate))), "rate": rate}
        for name, seconds, rate in (("a", first, 100), ("b", second, 20))
    }
    return reader.read(row)


def test_samples_of_different_rates_are_cut_to_the_time_that_both_cover():
    found = read(2.0, 2.1)
    assert not found.problems
    assert found.samples["a"].values.shape == (1, 200)
    assert found.samples["b"].values.shape == (1, 40)


def test_what_is_not_synchronised_stays_as_it_is():
    assert read(2.0, 9.0, groups=()).samples["b"].values.shape == (1, 180)


@pytest.mark.parametrize(("first", "second", "longer"), [(2.0, 3.0, "b"), (3.0, 2.0, "a")])
def test_a_sample_that_lasts_far_longer_is_a_problem_of_its_row(first, second, longer):
    found = read(first, second)
    assert set(found.problems) == {longer}
    assert found.problems[longer].reason == "not synchronised"
    assert "3 s" in str(found.problems[longer])


def test_one_that_is_absent_changes_nothing():
    assert read(None, 3.0).samples["b"].values.shape == (1, 60)
