import numpy as np
import pytest
import torch

import mmcore
from mmcore.attribution.score import make_score

CLASSES = ("cup", "shoe", "cable")
LOGITS = torch.tensor([[0.5, 2.0, -1.0], [3.0, 0.0, 1.0]])
SINGLE = mmcore.SingleLabel(classes=CLASSES)
MULTI = mmcore.MultiLabel(classes=CLASSES)


def score(task=SINGLE, output=None, target="predicted", truth=None):
    return make_score(task, output, target, LOGITS[:1], truth)


def softmax(logits):
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True)


def test_the_probability_of_the_predicted_class_is_the_default():
    made = score()
    assert (made.label, made.output, made.outputs) == ("shoe", "probability", None)
    np.testing.assert_allclose(made(LOGITS), softmax(LOGITS.double().numpy())[:, 1])


def test_the_logit_is_the_models_own_number():
    assert score(output="logit")(LOGITS).tolist() == [2.0, 0.0]


@pytest.mark.parametrize("task", [SINGLE, MULTI])
def test_log_odds_are_those_of_the_probability(task):
    p = score(task, target="cable")(LOGITS)
    np.testing.assert_allclose(score(task, "log_odds", "cable")(LOGITS), np.log(p / (1 - p)))


def test_the_true_class_can_be_explained():
    assert score(target="true", truth="cable").label == "cable"
    assert score(MULTI, target="true", truth=["cup"]).label == "cup"


def test_all_classes_come_at_once():
    made = score(target="all")
    assert made.outputs == CLASSES
    np.testing.assert_allclose(made(LOGITS), softmax(LOGITS.double().numpy()))


def test_a_regression_is_explained_in_its_own_unit():
    task = mmcore.Regression(mean=10, sd=2)
    made = make_score(task, None, "predicted", torch.tensor([[1.0]]), None)
    assert (made.label, made.output) == (None, "quantity")
    assert made(torch.tensor([[1.0], [-1.0]])).tolist() == [12.0, 8.0]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"target": "sho"}, mmcore.OptionError, "no class 'sho'. Did you mean 'shoe'"),
        ({"target": "true"}, mmcore.DataError, "true class is not known"),
        ({"task": MULTI, "target": "true", "truth": ["cup", "shoe"]}, mmcore.DataError, "2 true labels"),
        ({"output": "quantity"}, mmcore.OptionError, "predicts no quantity"),
        ({"task": mmcore.Regression(), "output": "probability"}, mmcore.OptionError, "has no probability"),
        ({"task": mmcore.Regression(), "target": "cup"}, mmcore.OptionError, "has no class 'cup'"),
    ],
)
def test_what_the_task_does_not_have_is_refused(changes, error, message):
    with pytest.raises(error, match=message):
        score(**changes)
