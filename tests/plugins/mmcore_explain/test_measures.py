"""Measures over data sets on heads whose answer is known: additive, XOR, blind to a modality."""

import numpy as np
import pytest
import torch
from torch import nn

import mmcore
from mmcore.attribution.evaluated import EvaluatedRows
from mmcore.catalog import load
from mmcore.data.loading import Item
from mmcore.errors import DataError, OptionError
from mmcore.testing.trial_row import TrialKind

KIND = TrialKind()
COUNT = 200


class Known(mmcore.FusionModel):
    """Two modalities of one number each; logits by a function of them, absent ones being 0."""

    def __init__(self, function, modalities=("a", "b"), two_stage=True):
        super().__init__(
            modalities, dict.fromkeys(modalities, mmcore.InputSpec()), mmcore.SingleLabel(classes=["no", "yes"])
        )
        self.function, self.two_stage = function, two_stage
        self.unused = nn.Parameter(torch.zeros(1))

    def encode(self, batch):
        return {name: mmcore.Representation(batch.inputs[name]["values"].double()) for name in batch.modalities}

    def fuse(self, representations, present):
        numbers = [
            torch.where(present[:, place], representations[name].vector[:, 0], 0.0)
            for place, name in enumerate(self.modalities)
        ]
        yes = self.function(*numbers)
        return mmcore.Output(torch.stack([torch.zeros_like(yes), yes], dim=1))


def rows_of(function, labels, *, modalities=("a", "b"), two_stage=True, seed=0):
    draw = np.random.default_rng(seed)
    values = draw.choice([-1.0, 1.0], size=(COUNT, len(modalities))).astype(np.float32)
    items = [
        Item(
            {name: {"values": torch.from_numpy(row[[place]])} for place, name in enumerate(modalities)},
            {}, np.ones(len(modalities), dtype=bool), number, None, dict.fromkeys(modalities, KIND),
        )
        for number, row in enumerate(values)
    ]  # fmt: skip
    targets = np.array([int(labels(*row)) for row in values])
    return EvaluatedRows(Known(function, modalities, two_stage), items, targets)


def measured(name, rows, **options):
    declaration = load().get("explainer", name)
    return load().build(declaration, declaration.options.model_validate(options)).measure(rows)


def xor(**more):
    return rows_of(lambda a, b: -8.0 * a * b, lambda a, b: a * b < 0, **more)


def additive(**more):
    return rows_of(lambda a, b: 3.0 * a + 1.0 * b, lambda a, b: 3 * a + b > 0, **more)


def blind(**more):
    return rows_of(lambda a, b: 5.0 * a, lambda a, b: a > 0, **more)


@pytest.mark.parametrize("two_stage", [True, False])
def test_all_behaviour_of_xor_is_interaction(two_stage):
    found = measured("intershap", xor(two_stage=two_stage))
    assert found.value("all rows together", "share of behaviour") >= 0.97
    assert found.value("a with b", "share of behaviour") >= 0.97


def test_a_modality_that_the_head_ignores_brings_no_interaction():
    found = measured("intershap", blind())
    assert found.value("all rows together", "share of behaviour") <= 0.02
    assert found.value("b", "share of behaviour") < 1e-6
    assert found.value("a", "share of behaviour") == pytest.approx(1, abs=1e-6)


def test_the_additive_projection_falls_to_chance_on_xor_and_loses_nothing_on_additive_logits():
    assert measured("emap", xor()).value("its additive projection", "score") < 0.65
    assert measured("emap", xor()).value("the model", "score") == 1
    assert measured("emap", additive()).value("lost without interactions", "score") == 0
    assert measured("emap", blind()).value("lost without interactions", "score") == 0


def test_with_three_modalities_the_projection_is_that_of_an_additive_model():
    rows = rows_of(
        lambda a, b, c: 2 * a + b + 0.5 * c, lambda a, b, c: 2 * a + b + 0.5 * c > 0, modalities=("a", "b", "c")
    )
    assert measured("emap", rows, repeats=200).value("lost without interactions", "score") < 0.05


def test_shape_adds_up_and_sees_cooperation_only_where_it_is():
    cooperating, adding = measured("shape", xor()), measured("shape", blind())
    assert cooperating.value("cooperation", "part of the score") > 0.4
    assert adding.value("cooperation", "part of the score") == pytest.approx(0, abs=0.1)
    assert adding.value("b", "part of the score") < 0 < adding.value("a", "part of the score")
    for found in (cooperating, adding):
        parts = [found.value(name, "part of the score") for name in "ab"]
        assert sum(parts) == pytest.approx(found.value("all together", "part of the score"))


def test_swapping_costs_what_the_model_needs_and_nothing_else():
    found = measured("perceptual_score", blind())
    assert found.value("a", "lost") == pytest.approx(0.5, abs=0.05)
    assert found.value("b", "lost") == 0
    both = measured("perceptual_score", xor())
    assert both.value("a", "lost") == pytest.approx(0.5, abs=0.05)
    assert both.value("b", "lost") == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("how", ["missing", "swapped"])
def test_a_robustness_curve_starts_at_the_score_and_is_flat_where_the_modality_does_not_matter(how):
    found = measured("robustness", blind(), how=how, steps=4)
    assert found.columns == ("modality", "0%", "25%", "50%", "75%", "100%", "area")
    assert found.value("b", "0%") == found.value("b", "100%") == found.value("b", "area") == 1
    assert found.value("a", "0%") == 1
    assert found.value("a", "100%") == pytest.approx(0.5, abs=0.12)
    curve = [found.value("a", column) for column in found.columns[1:-1]]
    assert curve == sorted(curve, reverse=True)


def test_one_modality_alone_is_refused_by_what_compares():
    rows = rows_of(lambda a: a, lambda a: a > 0, modalities=("a",))
    for name in ("intershap", "emap"):
        with pytest.raises(OptionError, match="reads a alone"):
            measured(name, rows)
    assert measured("perceptual_score", rows).value("a", "lost") > 0.3


def test_rows_without_targets_can_not_be_scored():
    rows = blind()
    rows.targets = None
    measured("intershap", rows)
    with pytest.raises(DataError, match="no targets"):
        measured("shape", rows)


def test_measures_are_the_same_each_time():
    assert measured("intershap", xor()) == measured("intershap", xor())


def test_separation_of_each_modality_is_that_of_its_own_values():
    found = measured("separation", rows_of(lambda a, b: 5.0 * a, lambda a, b: a > 0), neighbours=5)
    lines = {line[:2]: line[2:] for line in found.lines}
    assert lines["a", "all classes"] == (COUNT, 1.0, 1.0)
    assert abs(lines["b", "all classes"][1]) < 0.1
    assert lines["a", "no"][0] + lines["a", "yes"][0] == COUNT
    assert found.draw is None  # a single number has no map
    with pytest.raises(OptionError, match="no"):
        measured("separation", rows_of(lambda a, b: a, lambda a, b: a > 0, two_stage=False))


@pytest.mark.parametrize("task", [mmcore.MultiLabel(classes=["no", "yes"]), mmcore.Regression()])
def test_separation_needs_a_class_for_each_row(task):
    rows = additive()
    rows.model.task = task
    with pytest.raises(OptionError, match="one class each"):
        measured("separation", rows)
