"""Tasks against scikit-learn, torch and NumPy."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.utils.class_weight import compute_class_weight

from mmcore.errors import DataError, OptionError, UserError
from mmcore.tasks.classes import MultiLabel, SingleLabel
from mmcore.tasks.inference import infer_task, task_from_dict
from mmcore.tasks.options import Head, TaskOptions
from mmcore.tasks.regression import Regression
from mmcore.tasks.values import label_text

LABELS = st.text(st.characters(exclude_characters=",;|", exclude_categories=("Cs",)), min_size=1, max_size=5)


def test_describing_a_task_does_not_import_torch():
    code = "from mmcore.tasks.inference import infer_task as t; t(['a', 'b']).describe(); exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", f"import sys; {code}"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["a", "b", "a"], SingleLabel(classes=["a", "b"])),
        ([True, False], SingleLabel(classes=["False", "True"])),
        ([10, 9, 1, 10], SingleLabel(classes=["1", "9", "10"])),
        ([0.0, 1.0, 1], SingleLabel(classes=["0", "1"])),
        (["b", "10", "9"], SingleLabel(classes=["9", "10", "b"])),
        ([["x"], [], ["y", "x"]], MultiLabel(classes=["x", "y"])),
        (list(range(20)), SingleLabel(classes=[str(number) for number in range(20)])),
        (["1.5", "2.5"], SingleLabel(classes=["1.5", "2.5"])),
    ],
)
def test_the_target_says_what_the_task_is(targets, expected):
    assert infer_task(targets) == expected


def test_many_whole_numbers_and_fractions_are_a_quantity():
    assert infer_task(list(range(21))).type == "regression"
    assert infer_task([1, 2.5]).type == "regression"


def test_the_asked_type_overrides_the_target():
    assert infer_task([1, 2, 3], TaskOptions(type="regression")) == Regression(mean=2.0, sd=np.std([1, 2, 3]))
    texts = ["red, cheap", "", "red|new; old"]
    assert infer_task(texts, TaskOptions(type="multi_label")).classes == ("cheap", "new", "old", "red")
    assert infer_task([0.5, 1.5], TaskOptions(type="single_label")).classes == ("0.5", "1.5")


@given(st.lists(st.sampled_from(["nan", "NaN", "b", "a", "2", "10", "inf", "-1"]), min_size=2, unique=True), st.data())
def test_classes_do_not_depend_on_the_order_of_rows(labels, data):
    assert infer_task(labels).classes == infer_task(data.draw(st.permutations(labels))).classes


@given(st.lists(LABELS, min_size=2, unique=True), st.data())
def test_single_labels_survive_encoding(labels, data):
    task = infer_task(labels)
    values = data.draw(st.lists(st.sampled_from(labels)))
    assert task.decode(task.encode(values)) == values


@given(st.lists(st.lists(st.sampled_from("abcd"), unique=True).map(sorted), min_size=1))
def test_multiple_labels_survive_encoding(values):
    task = MultiLabel(classes=list("abcd"))
    assert task.decode(task.encode(values)) == values


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_quantities_survive_encoding(values):
    task = Regression().fitted_to(values)
    assert task.decode(task.encode(values)) == pytest.approx(values, rel=1e-4, abs=1e-5 * task.sd + 1e-3)


def test_equal_numbers_are_one_class_however_they_are_written():
    task = SingleLabel(classes=["1", "2"])
    assert task.encode([1, 1.0, "1", np.int64(2), np.float64(2)]).tolist() == [0, 0, 0, 1, 1]
    assert label_text("01") == "01"


def test_an_unknown_label_is_named_with_its_row_and_the_nearest_class():
    with pytest.raises(DataError, match=r"row 1: 'shoo' is none of the classes\. Did you mean 'shoe'\?"):
        SingleLabel(classes=["shoe", "cup"]).encode(["cup", "shoo"])
    with pytest.raises(DataError, match="row 0: 'x'"):
        MultiLabel(classes=["a", "b"]).encode([["a", "x"]])


@pytest.mark.parametrize("value", ["abc", None, float("nan"), float("inf"), True])
def test_what_is_no_number_is_no_target_of_a_regression(value):
    with pytest.raises(DataError, match="row 1"):
        infer_task([1.0, value], TaskOptions(type="regression"))


@pytest.mark.parametrize("type_", [None, "single_label", "multi_label", "regression"])
def test_no_targets_are_refused(type_):
    with pytest.raises(DataError, match="no row has a target"):
        infer_task([], TaskOptions(type=type_))


def test_a_single_class_leaves_nothing_to_tell_apart():
    with pytest.raises(DataError, match="every target is 'a'"):
        infer_task(["a", "a"])
    with pytest.raises(DataError, match="no row has a label"):
        infer_task([[], []])


def test_balanced_weights_are_those_of_scikit_learn():
    training = ["a"] * 7 + ["b"] * 2 + ["c"]
    task = SingleLabel(classes=["a", "b", "c"], class_weights="balanced").fitted_to(training)
    expected = compute_class_weight("balanced", classes=np.array(["a", "b", "c"]), y=np.array(training))
    assert task.class_weights == pytest.approx(expected.tolist())


def test_balanced_weights_leave_a_class_without_training_rows_alone():
    task = SingleLabel(classes=["a", "b", "c"], class_weights="balanced").fitted_to(["a", "a", "b"])
    assert task.class_weights == pytest.approx((0.75, 1.5, 1.0))


def test_balanced_labels_weigh_their_positive_rows_like_their_negative_ones():
    task = MultiLabel(classes=["a", "b"], class_weights="balanced").fitted_to([["a"], ["a"], ["a", "b"], []])
    assert task.class_weights == pytest.approx((1 / 3, 3.0))


def test_balanced_weights_that_nobody_computed_say_so():
    task = SingleLabel(classes=["a", "b"], class_weights="balanced")
    with pytest.raises(UserError, match="fitted_to"):
        task.loss(torch.zeros(1, 2), torch.tensor([0]))


def test_weights_by_name_are_put_in_order_and_the_others_weigh_one():
    assert SingleLabel(classes=["a", "b", "c"], class_weights={"b": 3}).class_weights == (1.0, 3.0, 1.0)
    task = infer_task(["b", "a"], TaskOptions(class_weights={"b": 2.0}))
    assert task.class_weights == (1.0, 2.0)


def test_a_weight_for_no_class_is_an_option_error_at_its_place():
    with pytest.raises(OptionError, match="Did you mean 'shoe'") as caught:
        infer_task(["shoe", "cup"], TaskOptions(class_weights={"shoo": 2.0}))
    assert caught.value.path == ("task", "class_weights", "shoo")


def test_the_weighted_loss_is_torchs():
    generator = torch.Generator().manual_seed(0)
    logits, targets = torch.randn(9, 3, generator=generator), torch.tensor([0, 1, 2] * 3)
    task = SingleLabel(classes=["a", "b", "c"], class_weights={"a": 5.0, "c": 0.5})
    expected = torch.nn.functional.cross_entropy(logits, targets, weight=torch.tensor([5.0, 1.0, 0.5]))
    torch.testing.assert_close(task.loss(logits, targets), expected)
    plain = SingleLabel(classes=["a", "b", "c"])
    torch.testing.assert_close(plain.loss(logits, targets), torch.nn.functional.cross_entropy(logits, targets))


def test_the_multi_label_loss_is_binary_cross_entropy():
    generator = np.random.default_rng(0)
    logits, targets = generator.normal(size=(6, 3)), generator.integers(0, 2, size=(6, 3)).astype(float)
    weight = np.array([2.0, 1.0, 0.5])
    p = 1 / (1 + np.exp(-logits))
    expected = -(weight * targets * np.log(p) + (1 - targets) * np.log(1 - p))
    task = MultiLabel(classes=["a", "b", "c"], class_weights=tuple(weight))
    rows = task.loss_per_row(torch.from_numpy(logits), torch.from_numpy(targets))
    np.testing.assert_allclose(rows.numpy(), expected.mean(1), rtol=1e-9)


def test_the_regression_loss_is_the_squared_error_in_standard_deviations():
    task = Regression().fitted_to([0.0, 10.0])
    targets = torch.from_numpy(task.encode([10.0, 0.0]))
    logits = torch.tensor([[1.0], [1.0]])  # one standard deviation above the mean: 10
    assert task.loss_per_row(logits, targets).tolist() == [0.0, 4.0]
    assert task.probabilities(logits).tolist() == [[10.0], [10.0]]
    assert task.predict(logits) == [10.0, 10.0]


def test_a_constant_quantity_does_not_divide_by_zero():
    task = Regression().fitted_to([3.0, 3.0])
    assert task.encode([3.0, 4.0]).tolist() == [0.0, 1.0]


def test_predictions_are_in_the_targets_own_terms():
    logits = torch.tensor([[3.0, -3.0], [-3.0, 3.0]])
    assert SingleLabel(classes=["a", "b"]).predict(logits) == ["a", "b"]
    assert MultiLabel(classes=["a", "b"]).predict(torch.tensor([[3.0, 3.0], [-3.0, -3.0]])) == [["a", "b"], []]
    assert MultiLabel(classes=["a", "b"], threshold=0.97).predict(logits) == [[], []]
    torch.testing.assert_close(SingleLabel(classes=["a", "b"]).probabilities(logits).sum(1), torch.ones(2))


@pytest.mark.parametrize("hidden", [[], [5], [7, 3]])
def test_a_head_has_the_asked_layers(hidden):
    head = SingleLabel(classes=["a", "b"], head=Head(hidden=hidden, dropout=0.5)).build_head(4)
    linear = [layer for layer in head if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in linear] == [*hidden, 2]
    assert sum(isinstance(layer, torch.nn.ReLU) for layer in head) == len(hidden)
    assert all(layer.p == 0.5 for layer in head if isinstance(layer, torch.nn.Dropout))
    assert head(torch.zeros(1, 4)).shape == (1, 2)


@pytest.mark.parametrize(
    "task",
    [
        SingleLabel(classes=["a", "b"], class_weights={"a": 2.0}, head=Head(hidden=[3])),
        MultiLabel(classes=["é", "b"], threshold=0.3),
        Regression(mean=1 / 3, sd=1e-9),
    ],
)
def test_a_task_survives_json(task):
    import json

    assert task_from_dict(json.loads(json.dumps(task.model_dump(mode="json")))) == task


def test_options_come_as_a_word_or_a_mapping():
    from pydantic import TypeAdapter

    read = TypeAdapter(TaskOptions).validate_python
    assert read("regression") == TaskOptions(type="regression")
    assert read({"class_weights": "balanced"}).class_weights == "balanced"
    for wrong in ("ranking", {"type": "regression", "class_weights": "balanced"}, {"head": {"depth": 3}}):
        with pytest.raises(ValidationError):
            read(wrong)


def test_a_class_that_is_there_twice_or_a_weight_too_few_is_refused():
    with pytest.raises(ValidationError, match="there twice"):
        SingleLabel(classes=["a", "a"])
    with pytest.raises(ValidationError, match="1 class weights for 2 classes"):
        SingleLabel(classes=["a", "b"], class_weights=(1.0,))
