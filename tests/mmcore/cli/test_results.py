import re

import pytest

from mmcore.cli.results import (
    calibration_table,
    confusion_table,
    figures_table,
    per_class_table,
    result_table,
    verdict,
)
from mmcore.cli.tables import print_tables


def metrics(low, high, gain):
    return {
        "task": "single_label",
        "classes": ["a", "b"],
        "test": {
            "top1": 0.9, "ece": 0.05, "n": 200, "confusion": [[99, 1], [0, 100]],
            "per_class": {"a": {"precision": 1.0, "recall": 0.99, "f1": 0.995, "support": 100}},
            "calibration": [{"low": 0.0, "high": 0.5, "confidence": 0.4, "accuracy": 0.5, "n": 10}],
        },
        "baselines": {"image": {"test": {"top1": 0.7, "ece": 0.1}}, "text": {"test": {"top1": 0.85, "ece": 0.08}}},
        "gain": {
            "top1": {"fused": 0.9, "best_single": 0.85, "modality": "text", "gain": gain, "low": low, "high": high}
        },
    }  # fmt: skip


def printed(capsys, *tables):
    print_tables(*tables)
    return capsys.readouterr().out


def test_the_table_shows_each_modality_alone_the_fused_model_and_the_gain(capsys):
    text = printed(capsys, result_table(metrics(0.01, 0.09, 0.05), ["image", "text"]))
    head, row = (next(line for line in text.splitlines() if word in line) for word in ("image alone", "Top-1"))
    assert [word for word in ("image alone", "text alone", "fused", "gain", "95 % interval") if word not in head] == []
    cells = re.split(r" {2,}", row.strip())
    assert cells == ["Top-1 accuracy ↑", "70.0\u202f%", "85.0\u202f%", "90.0\u202f%", "+5.0", "+1.0 to +9.0"]
    assert "test, 200 rows" in text
    assert "\x1b" not in text


def test_one_modality_has_no_gain(capsys):
    found = {"task": "single_label", "test": {"top1": 0.8, "n": 3}, "baselines": {}, "gain": {}}
    text = printed(capsys, result_table(found, ["text"]))
    assert "gain" not in text
    assert "fused" not in text
    assert verdict(found) is None


@pytest.mark.parametrize(
    ("low", "high", "gain", "said"),
    [
        (0.01, 0.09, 0.05, "fusion gained 5.0 points over text alone"),
        (-0.02, 0.04, 0.01, "fusion gained nothing that shows over text alone: +1.0 points"),
        (-0.09, -0.01, -0.05, "fusion lost 5.0 points against text alone"),
    ],
)
def test_the_verdict_says_plainly_what_fusion_gained(low, high, gain, said):
    assert said in verdict(metrics(low, high, gain))


def test_without_test_rows_the_validation_rows_are_shown(capsys):
    found = {"task": "regression", "validation": {"mae": 1.5, "n": 3}}
    assert "validation, 3 rows" in printed(capsys, result_table(found, ["text"]))
    assert result_table({"task": "regression"}, ["text"]) is None


def test_a_split_is_shown_with_classes_confusion_and_calibration(capsys):
    found = metrics(0, 0, 0)["test"]
    text = printed(
        capsys,
        figures_table(found, "test"),
        per_class_table(found),
        confusion_table(found, ["a", "b"]),
        calibration_table(found),
    )
    assert "90.0\u202f%" in text
    assert "0.995" in text
    assert ["1", "a", "99", "1"] in [line.split() for line in text.splitlines()]
    assert "confidence" in text


def test_of_many_classes_the_most_frequent_confusions_are_shown(capsys):
    found = {"confusion": [[0] * 30] * 30, "confusions": [{"target": "shoe", "prediction": "boot", "n": 7}]}
    text = printed(capsys, confusion_table(found, []))
    assert "shoe" in text
    assert "7" in text
    assert confusion_table({}, []) is None
    assert calibration_table({}) is None
    assert per_class_table({}) is None


def test_a_gain_over_fewer_rows_than_were_tested_says_so():
    found = metrics(0.01, 0.09, 0.05)
    assert "Over the" not in verdict(found)
    found["gain"]["top1"]["rows"] = found["test"]["n"] - 6
    assert verdict(found).endswith("rows that have every modality.")
