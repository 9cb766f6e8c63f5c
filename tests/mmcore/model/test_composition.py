"""From choices to a model, by files' choices and by `mmcore.compose`."""

import re

import pytest
import torch
from torch import nn
from trial_parts import MoodDescription, NumbersDescription, make_batch

import mmcore
from mmcore.errors import ComponentError, CompositionError, OptionError, UserError
from mmcore.model import composition
from mmcore.model.composition import EncoderChoice, FusionChoice, build_model
from mmcore.options import ComponentConfig

TASK = mmcore.SingleLabel(classes=["x", "y"])
FUSION = {"strategy": "intermediate", "method": {"name": "multconcat", "dim": 8}}
DESCRIPTIONS = {"a": NumbersDescription(), "b": NumbersDescription()}
KINDS = {"a": "numbers", "b": "numbers"}


@pytest.fixture
def compose(catalog, monkeypatch):
    monkeypatch.setattr(composition, "load_catalog", lambda: catalog)
    return mmcore.compose


def build(catalog, fusion=FUSION, kinds=KINDS, samples=None, assets=None, **choices):
    chosen = fusion and FusionChoice(
        ComponentConfig.model_validate(fusion["strategy"]),
        ComponentConfig.model_validate(fusion["method"]) if "method" in fusion else None,
    )
    encoders = {
        name: choice if isinstance(choice, EncoderChoice) else EncoderChoice(ComponentConfig(name=choice))
        for name, choice in choices.items()
    }
    return build_model(
        encoders, kinds, {**DESCRIPTIONS, "c": NumbersDescription()}, chosen, TASK,
        samples=samples, assets=assets, catalog=catalog,
    )  # fmt: skip


def test_a_composed_model_of_named_and_of_plain_modules_learns(compose):
    torch.manual_seed(0)
    model = compose(
        encoders={"a": {"name": "linear", "dim": 5}, "b": nn.Linear(4, 6)},
        modalities={"b": NumbersDescription(count=4)},
        fusion=FUSION,
        task=TASK,
    )
    assert model.encoders.dims == {"a": 5, "b": 6}
    batch = make_batch(rows=16)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimiser.zero_grad()
        loss = model.loss(model(batch), batch)
        loss.backward()
        optimiser.step()
    output = model.eval()(batch)
    assert output.logits.shape == (16, 2)
    assert (output.logits.argmax(1) == batch.targets).float().mean() > 0.9


def test_one_modality_needs_no_fusion_and_several_need_one(compose):
    model = compose(encoders={"a": "linear"}, task=TASK)
    assert model(make_batch(modalities=("a",))).logits.shape == (5, 2)
    with pytest.raises(CompositionError, match=r"2 modalities \(a, b\) and no fusion"):
        compose(encoders={"a": "linear", "b": "linear"}, task=TASK)
    with pytest.raises(CompositionError, match="nothing to fuse"):
        compose(encoders={"a": "linear"}, task=TASK, fusion=FUSION)
    with pytest.raises(CompositionError, match="no modality"):
        compose(encoders={}, task=TASK)


def test_modalities_keep_the_order_in_which_they_are_given(compose):
    for names in (("a", "b"), ("b", "a")):
        assert compose(encoders=dict.fromkeys(names, "linear"), fusion=FUSION, task=TASK).modalities == names


def test_a_strategy_brings_a_method_of_its_own(compose):
    model = compose(encoders={"a": "linear", "b": "linear"}, fusion={"strategy": "late"}, task=TASK)
    assert set(model(make_batch()).per_modality_logits) == {"a", "b"}


@pytest.mark.parametrize(
    ("encoders", "told"),
    [
        ({"a": nn.Linear(9, 2), "b": "linear"}, "Linear of 'a' fails on blank numbers inputs: RuntimeError"),
        ({"a": nn.Flatten(0), "b": "linear"}, r"Flatten of 'a' returned Tensor of shape \(8,\)"),
        ({"a": nn.GRU(4, 2), "b": "linear"}, "GRU of 'a' returned tuple"),
        ({"a": "lineal", "b": "linear"}, "Did you mean 'linear'"),
        ({"a": {"name": "linear", "width": 2}, "b": "linear"}, "width"),
        ({"a": {"name": "linear", "trainable": {"last": 9}}, "b": "linear"}, "there are 3"),
        ({"a": {"name": "linear", "share": "s"}, "b": {"name": "linear", "dim": 9, "share": "s"}}, "ask for different"),
        ({"a": {"name": "linear", "share": "b"}, "b": "linear"}, "'b' is a modality that shares no encoder"),
        ({"a": "function", "b": "linear"}, "returned builtin_function_or_method, not a torch.nn.Module"),
        ({"a": "linear", "type": "linear"}, "'type' can't be the name of a modality"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(compose, encoders, told):
    modalities = {"a": NumbersDescription()} if isinstance(encoders["a"], nn.Module) else None
    with pytest.raises((UserError, ComponentError), match=told):
        compose(encoders=encoders, modalities=modalities, fusion=FUSION, task=TASK)


@pytest.mark.parametrize(
    ("fusion", "told"),
    [
        ("intermediate", "Write fusion="),
        ({"method": "concat"}, "Write fusion="),
        ({"strategy": "intermediate", "methode": "concat"}, "Did you mean 'method'"),
        ({"strategy": "intermediat"}, "Did you mean 'intermediate'"),
        ({"strategy": "intermediate", "method": "multconcta"}, "Did you mean 'multconcat'"),
        ({"strategy": {"name": "intermediate", "dropout": 2}}, "dropout"),
        ({"strategy": "intermediate", "method": "soft_voting"}, "Methods for intermediate: addition, attention"),
        ({"strategy": "undecided"}, "needs a method"),
    ],
)
def test_a_wrong_fusion_is_refused_with_what_is_allowed(compose, fusion, told):
    with pytest.raises(UserError, match=re.escape(told)):
        compose(encoders={"a": "linear", "b": "linear"}, fusion=fusion, task=TASK)


def test_a_module_without_a_description_is_asked_for_one(compose):
    with pytest.raises(CompositionError, match=r"Give its description: modalities=\{'a'"):
        compose(encoders={"a": nn.Linear(4, 2)}, task=TASK)
    with pytest.raises(CompositionError, match="MoodDescription"):
        compose(encoders={"a": "moody"}, task=TASK)
    with pytest.raises(CompositionError, match="has no `input_spec`, and mood has none by default"):
        compose(encoders={"a": nn.Linear(4, 2)}, modalities={"a": MoodDescription(scale=1)}, task=TASK)
    with pytest.raises(CompositionError, match="belongs to no installed kind"):
        compose(encoders={"a": nn.Linear(4, 2)}, modalities={"a": mmcore.Description()}, task=TASK)


def test_a_strategy_that_returns_no_fusion_model_is_named(catalog):
    with pytest.raises(ComponentError, match="fusion-strategy 'careless': returned Linear"):
        build(catalog, {"strategy": "careless"}, a="linear", b="linear")


def test_a_broken_promise_of_width_is_told_when_the_model_runs(catalog):
    model = build(catalog, a="promising", b="linear")
    with pytest.raises(ComponentError, match=r"encoder 'promising' of 'a' promised \(5, 64\), returned \(5, 3\)"):
        model(make_batch())


@pytest.mark.parametrize(
    ("choice", "loaded", "frozen"),
    [
        ({}, "pretrained", True),
        ({"weights": "none"}, "none", False),
        ({"trainable": "all"}, "pretrained", False),
        ({"weights": "none", "trainable": "none"}, "none", True),
        ({"weights": "/a/file.pt"}, "/a/file.pt", True),
    ],
)
def test_pretrained_weights_stay_as_they_are_unless_asked_otherwise(catalog, choice, loaded, frozen):
    chosen = EncoderChoice(ComponentConfig(name="pretrained"), **choice)
    bank = build(catalog, a=chosen, b="linear").encoders
    assert bank.tower("a").loaded == loaded
    assert bank.is_frozen("a") == frozen
    assert not bank.is_frozen("b")


def test_an_encoder_adapts_to_the_training_samples_of_all_that_share_it(catalog):
    samples = {"a": [torch.ones(4)] * 2, "b": [torch.ones(4)] * 3, "c": []}
    shared = EncoderChoice(ComponentConfig(name="adapted"), share="both")
    model = build(catalog, kinds={**KINDS, "c": "numbers"}, samples=samples.get, a=shared, c="linear", b=shared)
    assert model.modalities == ("a", "c", "b")
    assert model.encoders.tower("a") is model.encoders.tower("b")
    assert model.encoders.tower("a").seen == 5


def test_modalities_of_different_kinds_share_no_encoder(catalog):
    shared = EncoderChoice(ComponentConfig(name="linear"), share="s")
    with pytest.raises(CompositionError, match="of kinds numbers and mood"):
        build(catalog, kinds={"a": "numbers", "b": "mood"}, a=shared, b=shared)


def test_an_encoder_of_another_kind_is_refused_at_its_place(catalog):
    with pytest.raises(OptionError, match="reads mood, not numbers") as caught:
        build(catalog, a="linear", b="moody")
    assert caught.value.path == ("encoders", "b")


def test_the_same_seed_builds_the_same_model(catalog):
    states = []
    for _ in range(2):
        torch.manual_seed(4)
        states.append(build(catalog, a="linear", b="linear").state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
