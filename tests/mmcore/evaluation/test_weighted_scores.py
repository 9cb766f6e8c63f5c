"""Weighting a row k times is having it k times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_metrics import multi, single

from mmcore.evaluation.metrics import scalar_metrics
from mmcore.evaluation.weighted_scores import scorer


def problem(kind, seed, n=40):
    rng = np.random.default_rng(seed)
    if kind == "regression":
        from types import SimpleNamespace

        task = SimpleNamespace(type="regression", mean=3.0, sd=2.0)
        return task, rng.normal(size=(n, 1)).astype(np.float32), rng.normal(size=n)
    logits = np.round(rng.normal(size=(n, 6)), 1).astype(np.float32)
    logits[0], logits[1] = 200, -200  # certain: at the edges of the calibration bins
    if kind == "single_label":
        return single(6), logits, rng.integers(0, 5, n)
    return multi(6), logits, (rng.random((n, 6)) < 0.3).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["single_label", "multi_label", "regression"]), st.integers(0, 1000))
def test_repeated_rows_and_weights_give_the_same_figures(kind, seed):
    task, logits, targets = problem(kind, seed)
    rng = np.random.default_rng(seed)
    n = len(logits)
    weights = np.stack([np.ones(n, dtype=int), *rng.multinomial(n, np.full(n, 1 / n), 3)])
    found = scorer(task, logits, targets)(weights.astype(float))
    for row, counts in enumerate(weights):
        repeated = np.repeat(np.arange(len(logits)), counts)
        expected = scalar_metrics(task, logits[repeated], targets[repeated])
        for name, values in found.items():
            if expected[name] is None:
                assert not np.isfinite(values[row])
            else:
                assert values[row] == pytest.approx(expected[name], abs=2e-5), name
        assert set(found) >= set(expected) - {"top3", "top5"}
