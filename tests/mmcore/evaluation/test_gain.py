"""What fusion gained is said with its uncertainty, on the rows that all models saw."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from test_metrics import single

from mmcore.evaluation.gain import gain
from mmcore.evaluation.inference import Inference


def inference(logits, targets, index=None):
    n = len(logits)
    index = np.arange(n) if index is None else np.asarray(index)
    return Inference(
        ("a",), index, np.ones((n, 1), bool), np.asarray(logits, np.float32), None, {}, {}, np.asarray(targets)
    )


def model(targets, right, seed, count=4):
    """Logits that are right in a share of rows."""
    rng = np.random.default_rng(seed)
    said = np.where(rng.random(len(targets)) < right, targets, (targets + rng.integers(1, count, len(targets))) % count)
    return np.eye(count)[said] * 3 + rng.normal(size=(len(targets), count)) * 0.1


TARGETS = np.random.default_rng(0).integers(0, 4, 400)


def test_a_clear_gain_and_a_clear_loss_are_called_so():
    better = inference(model(TARGETS, 0.9, 1), TARGETS)
    worse = {"a": inference(model(TARGETS, 0.5, 2), TARGETS), "b": inference(model(TARGETS, 0.7, 3), TARGETS)}
    found = gain(single(4), better, worse)
    top1 = found["top1"]
    assert top1["modality"] == "b"
    assert top1["gain"] == pytest.approx(top1["fused"] - top1["best_single"])
    assert 0 < top1["low"] < top1["gain"] < top1["high"]
    assert top1["verdict"].startswith("fusion gained 0.")
    assert found["ece"]["gain"] == pytest.approx(found["ece"]["best_single"] - found["ece"]["fused"])
    assert "top5" not in found, "among four classes the true one is always in the first five"
    lost = gain(single(4), worse["a"], {"c": better})["top1"]
    assert lost["high"] < 0
    assert lost["verdict"].startswith("fusion lost 0.")
    json.dumps(found, allow_nan=False)


def test_no_gain_is_said_plainly():
    logits = model(TARGETS, 0.8, 1)
    other = logits.copy()
    other[:3] = np.roll(other[:3], 1, axis=1)
    found = gain(single(4), inference(logits, TARGETS), {"text": inference(other, TARGETS)})["top1"]
    assert found["low"] <= 0 <= found["high"]
    assert found["verdict"].startswith("fusion gained nothing that shows")


def test_the_interval_is_that_of_the_paired_difference():
    """Against the bootstrap written out, and far narrower than that of unpaired models would be."""
    fused, one = model(TARGETS, 0.85, 1), model(TARGETS, 0.85, 1)
    one[:20] = np.roll(one[:20], 1, axis=1)
    found = gain(single(4), inference(fused, TARGETS), {"a": inference(one, TARGETS)}, repetitions=4000)["top1"]
    difference = (fused.argmax(1) == TARGETS).astype(float) - (one.argmax(1) == TARGETS)
    rng = np.random.default_rng(5)
    means = [difference[rng.integers(0, 400, 400)].mean() for _ in range(4000)]
    low, high = np.quantile(means, [0.025, 0.975])
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.004)


def test_an_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held, trials = 0, 120
    for _ in range(trials):
        targets = rng.integers(0, 4, 150)
        fused, one = model(targets, 0.8, rng.integers(1 << 30)), model(targets, 0.7, rng.integers(1 << 30))
        found = gain(single(4), inference(fused, targets), {"a": inference(one, targets)}, repetitions=200, level=0.9)[
            "top1"
        ]
        held += found["low"] <= 0.1 <= found["high"]
    assert 0.82 <= held / trials <= 0.97


def test_rows_that_one_model_could_not_predict_are_left_out_for_all():
    fused = model(TARGETS, 0.9, 1)
    order = np.random.default_rng(0).permutation(400)[:100]
    some = inference(model(TARGETS, 0.9, 2)[order], TARGETS[order], order)
    found = gain(single(4), inference(fused, TARGETS), {"a": some})["top1"]
    assert found["rows"] == 100
    assert found["fused"] == pytest.approx((fused[order].argmax(1) == TARGETS[order]).mean())


def test_the_order_of_rows_does_not_matter_and_a_seed_gives_the_same_interval():
    fused, one = model(TARGETS, 0.9, 1), model(TARGETS, 0.8, 2)
    order = np.random.default_rng(0).permutation(400)
    straight = gain(single(4), inference(fused, TARGETS), {"a": inference(one, TARGETS)})
    turned = gain(single(4), inference(fused[order], TARGETS[order], order), {"a": inference(one, TARGETS)})
    assert straight == turned


def test_without_rivals_or_common_rows_there_is_nothing_to_say():
    fused = inference(model(TARGETS, 0.9, 1), TARGETS)
    assert gain(single(4), fused, {}) == {}
    assert gain(single(4), fused, {"a": inference(model(TARGETS, 0.9, 1), TARGETS, np.arange(400) + 1000)}) == {}


def test_regression_gains_are_errors_that_became_less():
    task = SimpleNamespace(type="regression", mean=0.0, sd=2.0)
    rng = np.random.default_rng(0)
    targets = rng.normal(size=200)
    near, far = (inference((targets + noise * rng.normal(size=200))[:, None], targets) for noise in (0.1, 0.5))
    found = gain(task, near, {"a": far})
    assert all(found[name]["low"] > 0 for name in ("mae", "rmse", "r2"))


def test_many_rows_and_classes_stay_within_memory_and_time():
    import time

    rng = np.random.default_rng(0)
    targets = rng.integers(0, 500, 5000)
    logits = [rng.normal(size=(5000, 500)).astype(np.float32) for _ in range(2)]
    started = time.monotonic()
    gain(single(500), inference(logits[0], targets), {"a": inference(logits[1], targets)}, repetitions=200)
    assert time.monotonic() - started < 20
