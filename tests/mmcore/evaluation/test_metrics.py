"""The figures are scikit-learn's, for every type of task, and JSON can hold them."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcore.evaluation.metrics import calibration_curve, metrics, scalar_metrics


def single(count):
    return SimpleNamespace(
        type="single_label",
        classes=tuple(f"c{number}" for number in range(count)),
        probabilities=lambda logits: torch.softmax(logits, 1),
    )


def multi(count, threshold=0.5):
    return SimpleNamespace(
        type="multi_label",
        classes=tuple(f"c{number}" for number in range(count)),
        threshold=threshold,
        probabilities=torch.sigmoid,
    )


def softmax(logits):
    return torch.softmax(torch.as_tensor(logits), 1).numpy()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 60))
def test_single_label_figures_are_scikit_learns(seed, count, n):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, count)).astype(np.float32) * 2
    targets = rng.integers(0, max(1, count - 1), n)  # a class that never occurs
    found = metrics(single(count), logits, targets)
    predicted = logits.argmax(1)
    assert found["n"] == n
    assert found["top1"] == pytest.approx(sk.accuracy_score(targets, predicted), abs=1e-6)
    for k in (3, 5):
        expected = sk.top_k_accuracy_score(targets, softmax(logits), k=k, labels=range(count)) if 2 < count > k else 1.0
        assert found[f"top{k}"] == pytest.approx(expected, abs=1e-6)
    for average in ("macro", "weighted"):
        expected = sk.f1_score(targets, predicted, average=average, zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(expected, abs=1e-6)
    assert found["confusion"] == sk.confusion_matrix(targets, predicted, labels=range(count)).tolist()
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        targets, predicted, labels=range(count), zero_division=0
    )
    for number in range(count):
        mine = found["per_class"][f"c{number}"]
        expected = (precision[number], recall[number], f1[number], support[number])
        assert (mine["precision"], mine["recall"], mine["f1"], mine["support"]) == pytest.approx(expected, abs=1e-6)
    json.dumps(found, allow_nan=False)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 50), st.sampled_from([0.3, 0.5]))
def test_multi_label_figures_are_scikit_learns(seed, count, n, threshold):
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=(n, count)), 1).astype(np.float32)  # rounded: ties
    targets = rng.integers(0, 2, (n, count))
    targets[:, -1] = 0  # a label that never holds
    found = metrics(multi(count, threshold), logits, targets.astype(np.float32))
    probabilities = torch.sigmoid(torch.as_tensor(logits)).numpy()
    predicted = (probabilities > threshold).astype(int)
    occurring = [label for label in range(count) if targets[:, label].any()]
    if occurring:
        expected = sk.average_precision_score(targets[:, occurring], probabilities[:, occurring], average="macro")
        assert found["map"] == pytest.approx(expected, abs=1e-5)
    else:
        assert found["map"] is None
    assert found["exact_match"] == pytest.approx(sk.accuracy_score(targets, predicted), abs=1e-6)
    for average in ("micro", "weighted"):
        single_column = {"y_true": targets.ravel(), "y_pred": predicted.ravel(), "average": "binary"}
        several = {"y_true": targets, "y_pred": predicted, "average": average}
        expected = sk.f1_score(**(single_column if count == 1 else several), zero_division=0)
        assert found[f"{average}_f1"] == pytest.approx(expected, abs=1e-6)
    known = [label for label in range(count) if targets[:, label].any() or predicted[:, label].any()]
    expected = [sk.f1_score(targets[:, label], predicted[:, label], zero_division=0) for label in known]
    assert found["macro_f1"] == pytest.approx(np.mean(expected) if expected else 0.0, abs=1e-6)
    for label in range(count):
        mine = found["per_class"][f"c{label}"]
        assert mine["precision"] == pytest.approx(
            sk.precision_score(targets[:, label], predicted[:, label], zero_division=0), abs=1e-6
        )
        assert mine["support"] == targets[:, label].sum()
        assert (mine["average_precision"] is None) == (label not in occurring)
    json.dumps(found, allow_nan=False)


def test_a_single_class_is_no_error():
    found = metrics(single(1), np.zeros((3, 1), dtype=np.float32), np.zeros(3, dtype=int))
    assert (found["top1"], found["macro_f1"], found["confusion"]) == (1.0, 1.0, [[3]])


def test_regression_figures_are_scikit_learns_in_the_targets_own_unit():
    rng = np.random.default_rng(0)
    task = SimpleNamespace(type="regression", mean=50.0, sd=8.0)
    logits, targets = rng.normal(size=(30, 1)).astype(np.float32), rng.normal(size=30).astype(np.float32)
    found = metrics(task, logits, targets)
    predicted, wanted = logits[:, 0] * 8.0 + 50, targets * 8.0 + 50
    assert found["mae"] == pytest.approx(sk.mean_absolute_error(wanted, predicted), rel=1e-5)
    assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(wanted, predicted), rel=1e-5)
    assert found["r2"] == pytest.approx(sk.r2_score(wanted, predicted), rel=1e-4)
    json.dumps(found, allow_nan=False)


@pytest.mark.parametrize("targets", [[1.5], [2.0, 2.0, 2.0]])
def test_an_undefined_r2_is_none(targets):
    task = SimpleNamespace(type="regression", mean=0.0, sd=1.0)
    found = scalar_metrics(task, np.ones((len(targets), 1), dtype=np.float32), np.array(targets))
    assert found["r2"] is None
    assert found["mae"] is not None


def test_calibration_error_is_what_the_curve_shows():
    rng = np.random.default_rng(1)
    logits, targets = rng.normal(size=(200, 4)).astype(np.float32) * 2, rng.integers(0, 4, 200)
    curve = calibration_curve(single(4), logits, targets)
    assert sum(part["n"] for part in curve) == 200
    error = sum(part["n"] * abs(part["confidence"] - part["accuracy"]) for part in curve) / 200
    assert scalar_metrics(single(4), logits, targets)["ece"] == pytest.approx(error, abs=1e-5)
    assert all(part["low"] <= part["confidence"] <= part["high"] for part in curve)


def test_the_most_frequent_confusions_are_named():
    logits = np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 2, 0]]
    found = metrics(single(3), logits, np.array([0, 1, 0, 0, 2, 2]))
    assert found["confusions"] == [
        {"target": "c0", "prediction": "c1", "n": 2},
        {"target": "c2", "prediction": "c0", "n": 1},
    ]


def test_with_thousands_of_classes_the_matrix_is_left_out_and_the_rest_is_quick():
    rng = np.random.default_rng(0)
    found = metrics(single(2000), rng.normal(size=(300, 2000)).astype(np.float32), rng.integers(0, 2000, 300))
    assert "confusion" not in found
    assert len(found["confusions"]) == 20
    assert len(found["per_class"]) == 2000
