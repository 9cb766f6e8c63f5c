"""The strategies: what they compute, what they lose, and what training drops."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import mmcore
import mmcore_fusion
from mmcore.model.encoder_bank import EncoderSlot
from mmcore.model.fusion_model import MethodFactory
from mmcore.model.unimodal import UnimodalModel
from mmcore_fusion.intermediate import without_some

CLASSES = ["x", "y", "z"]
TASK = mmcore.SingleLabel(classes=CLASSES)
STRATEGIES = {declaration.name: declaration for declaration in mmcore_fusion.mmcore_fusion_strategies()}
METHODS = {declaration.name: declaration for declaration in mmcore_fusion.mmcore_fusion_methods()}
SOME = [[True, True], [False, True], [True, False], [False, True], [True, True], [True, False]]


class Reader(nn.Module):
    def __init__(self, dim, tokens=False):
        super().__init__()
        self.dim, self.input_spec, self.with_tokens = dim, mmcore.InputSpec(), tokens
        self.layer = nn.Linear(4, dim)

    def forward(self, inputs):
        vector = self.layer(inputs["values"])
        if not self.with_tokens:
            return vector
        mask = torch.tensor([[True, False]] * len(vector))
        return mmcore.Representation(vector, torch.stack([vector, vector], dim=1), mask)


class VotesByWeight(nn.Module):
    """A decision-level method that learns."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.0, 1.0]))

    def forward(self, inputs, present):
        stacked = torch.stack(list(inputs.values()), dim=1)
        return (stacked * self.weight.softmax(0)[None, :, None] * present[:, :, None]).sum(1)


class ReadsTokens(nn.Module):
    """The mean of all tokens that count, of all modalities; remembers what it was given."""

    dim = 5

    def forward(self, inputs, present):
        self.given = inputs
        tokens = torch.cat([each.tokens for each in inputs.values()], dim=1)
        masks = [
            torch.ones(each.tokens.shape[:2], dtype=torch.bool) if each.mask is None else each.mask
            for each in inputs.values()
        ]
        masks = [mask & present[:, [column]] for column, mask in enumerate(masks)]
        weights = torch.cat(masks, dim=1)[..., None].float()
        return (tokens * weights).sum(1) / weights.sum(1).clamp(min=1)


def factory(method, task):
    if isinstance(method, str):
        declaration = METHODS[method]
        options = declaration.options(dim=7) if method == "multconcat" else declaration.options()
        return MethodFactory(declaration, lambda widths: declaration.build(options, widths, task))
    reads, level = ("tokens", "representation") if isinstance(method, ReadsTokens) else ("vector", "decision")
    declaration = mmcore.FusionMethod(name="own", summary="", build=len, level=level, reads=reads)
    return MethodFactory(declaration, lambda widths: method)


def make(strategy="intermediate", method="concat", *, readers=None, task=TASK, **options):
    torch.manual_seed(0)
    declaration = STRATEGIES[strategy]
    readers = readers or {"a": Reader(5), "b": Reader(6)}
    bank = mmcore.EncoderBank({name: EncoderSlot(None, reader, "all") for name, reader in readers.items()})
    more = {"parts": mmcore.Parts({}, {})} if strategy == "late" else {}
    return declaration.build(declaration.options(**options), {}, bank, factory(method, task), task, **more)


def make_batch(present=None, fill=0.0, rows=6, targets=None):
    generator = torch.Generator().manual_seed(1)
    present = torch.ones(rows, 2, dtype=torch.bool) if present is None else torch.tensor(present)
    values = {name: torch.randn(len(present), 4, generator=generator) for name in "ab"}
    inputs = {
        name: {"values": torch.where(present[:, [column]], values[name], fill)} for column, name in enumerate("ab")
    }
    targets = torch.arange(len(present)) % 3 if targets is None else targets
    return mmcore.Batch(("a", "b"), present, inputs, targets)


def layer_norm(values):
    return (values - values.mean(1, keepdims=True)) / np.sqrt(values.var(1, keepdims=True) + 1e-5)


def linear(layer, values):
    return values @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()


def numbers(tensor):
    return tensor.detach().numpy()


def test_intermediate_is_norm_then_method_then_linear_head():
    model, batch = make().eval(), make_batch()
    encoded = model.encode(batch)
    fused = np.concatenate([layer_norm(numbers(encoded[name].vector)) for name in "ab"], axis=1)
    output = model(batch)
    np.testing.assert_allclose(numbers(output.representation), fused, atol=1e-5)
    np.testing.assert_allclose(numbers(output.logits), linear(model.head[-1], fused), atol=1e-5)


def test_intermediate_leaves_representations_as_they_are_where_asked():
    model, batch = make(normalise=False).eval(), make_batch()
    encoded = model.encode(batch)
    expected = torch.cat([encoded["a"].vector, encoded["b"].vector], dim=1)
    assert torch.equal(model(batch).representation, expected)


def test_late_is_a_model_per_modality_and_the_mean_of_their_probabilities():
    model, batch = make("late", "soft_voting").eval(), make_batch()
    encoded, output = model.encode(batch), model(batch)
    for name in "ab":
        expected = linear(model.heads[name][-1], layer_norm(numbers(encoded[name].vector)))
        np.testing.assert_allclose(numbers(output.per_modality_logits[name]), expected, atol=1e-5)
    own = [output.per_modality_logits[name].softmax(1) for name in "ab"]
    torch.testing.assert_close(output.logits.softmax(1), (own[0] + own[1]) / 2)


@pytest.mark.parametrize("strategy", ["intermediate", "late"])
def test_of_one_modality_the_strategies_are_what_they_are_compared_with(strategy):
    """So that the gain over one modality alone is that of fusion, not of another recipe."""
    method = {"intermediate": "concat", "late": "soft_voting"}[strategy]
    model = make(strategy, method, readers={"a": Reader(5)})
    alone = UnimodalModel(model.encoders, TASK)
    alone.norm = model.norms["a"]
    alone.head = model.head if strategy == "intermediate" else model.heads["a"]
    full = make_batch()
    batch = mmcore.Batch(("a",), full.present[:, :1], {"a": full.inputs["a"]}, full.targets)
    outputs = []
    for each in (model, alone):
        torch.manual_seed(7)
        outputs.append(each.train()(batch).logits.softmax(1))
    torch.testing.assert_close(*outputs)


def test_the_loss_of_late_fusion_is_the_mean_of_what_each_modality_loses_over_its_rows():
    model, batch = make("late", "soft_voting").eval(), make_batch(SOME)
    output = model(batch)
    expected = []
    for column, name in enumerate("ab"):
        rows = [row for row, here in enumerate(SOME) if here[column]]
        chosen = output.per_modality_logits[name].log_softmax(1)[rows, batch.targets[rows]]
        expected.append(-float(chosen.detach().mean()))
    assert model.loss(output, batch).item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_a_modality_that_no_row_has_costs_nothing_in_late_fusion():
    model, batch = make("late", "soft_voting").eval(), make_batch([[True, False]] * 3)
    output = model(batch)
    expected = TASK.loss(output.per_modality_logits["a"], batch.targets)
    torch.testing.assert_close(model.loss(output, batch), expected)


def test_a_method_that_learns_does_not_teach_the_modalities():
    plain, learned = make("late", "soft_voting"), make("late", VotesByWeight())
    batch = make_batch()
    for model in (plain, learned):
        model.eval().loss(model(batch), batch).backward()
    for (name, expected), own in zip(plain.heads.named_parameters(), learned.heads.parameters(), strict=True):
        torch.testing.assert_close(own.grad, expected.grad, msg=name)
    assert learned.method.weight.grad.any()


@pytest.mark.parametrize(
    ("task", "targets"),
    [
        (mmcore.MultiLabel(classes=CLASSES), torch.eye(3).repeat(2, 1)),
        (mmcore.Regression(), torch.linspace(-1, 1, 6)),
    ],
)
@pytest.mark.parametrize("strategy", ["intermediate", "late"])
def test_both_strategies_train_on_every_task(strategy, task, targets):
    model = make(strategy, {"intermediate": "multconcat", "late": "soft_voting"}[strategy], task=task)
    batch = make_batch(SOME, targets=targets)
    first = None
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        loss = model.loss(model(batch), batch)
        first = first or loss.item()
        loss.backward()
        optimiser.step()
    assert model.eval().loss(model(batch), batch).item() < 0.3 * first


@pytest.mark.parametrize("fill", [1e6, float("nan"), float("-inf")])
@pytest.mark.parametrize(
    ("strategy", "method", "options"),
    [
        ("intermediate", "multconcat", {}),
        ("intermediate", "multconcat", {"placeholder": "learned"}),
        ("intermediate", "concat", {"normalise": False}),
        ("late", "soft_voting", {}),
    ],
)
def test_what_stands_where_a_modality_is_absent_changes_neither_output_nor_gradient(strategy, method, options, fill):
    gradients = []
    for content in (0.0, fill):
        model, batch = make(strategy, method, **options).eval(), make_batch(SOME, content)
        model.loss(model(batch), batch).backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for own, expected in zip(*gradients, strict=True):
        assert torch.isfinite(own).all()
        assert torch.equal(own, expected)


@pytest.mark.parametrize(("strategy", "method"), [("intermediate", "multconcat"), ("late", "soft_voting")])
def test_what_stands_in_a_representation_where_it_is_absent_does_no_harm_either(strategy, method):
    gradients = []
    for content in (0.0, float("nan")):
        model, batch = make(strategy, method).eval(), make_batch(SOME)
        encoded = {
            name: mmcore.Representation(each.vector.masked_fill(~batch.present[:, [column]], content))
            for column, (name, each) in enumerate(model.encode(batch).items())
        }
        model.loss(model.fuse(encoded, batch.present), batch).backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.equal(own, expected) for own, expected in zip(*gradients, strict=True))


def test_a_placeholder_among_tokens_counts_as_every_token():
    method = ReadsTokens()
    model = make(method=method, readers={name: Reader(5, tokens=True) for name in "ab"}, placeholder="learned").eval()
    model(make_batch(SOME))
    given = method.given["a"]
    for row, (here, _) in enumerate(SOME):
        assert given.mask[row].tolist() == ([True, False] if here else [True, True])
        assert here or torch.equal(given.tokens[row], model.placeholders["a"].expand(2, 5))


def test_a_learned_placeholder_stands_for_an_absent_modality_and_learns():
    model, batch = make(placeholder="learned").eval(), make_batch(SOME)
    output = model(batch)
    absent = [row for row, here in enumerate(SOME) if not here[0]]
    for row in absent:
        assert torch.equal(output.representation[row, :5], model.placeholders["a"])
    model.loss(output, batch).backward()
    assert all(parameter.grad.any() for parameter in model.placeholders.values())


def test_a_method_that_reads_tokens_gets_one_of_an_encoder_that_has_none():
    method = ReadsTokens()
    model = make(method=method, readers={"a": Reader(5, tokens=True), "b": Reader(5)}).eval()
    output = model(make_batch(SOME))
    assert [each.tokens.shape for each in method.given.values()] == [(6, 2, 5), (6, 1, 5)]
    only_b = layer_norm(numbers(model.encode(make_batch(SOME))["b"].vector))[1]
    np.testing.assert_allclose(numbers(output.representation[1]), only_b, atol=1e-5)
    model(make_batch([[False, True]] * 2))  # a gives no tokens at all: it was not called
    assert method.given["a"].tokens.shape == (2, 1, 5)


@given(
    st.lists(st.lists(st.booleans(), min_size=3, max_size=3).filter(any), min_size=1, max_size=20),
    st.floats(0, 0.99),
    st.integers(0, 1000),
)
def test_dropping_modalities_leaves_each_row_some_of_those_it_had(present, share, seed):
    torch.manual_seed(seed)
    before = torch.tensor(present)
    after = without_some(before, share)
    assert not (after & ~before).any()
    assert after.any(1).all()


def test_modalities_are_dropped_as_often_as_asked_and_all_alike():
    torch.manual_seed(0)
    share, rows = 0.4, 40_000
    after = without_some(torch.ones(rows, 3, dtype=torch.bool), share).float()
    # each is dropped with `share`, save where all three would be and one of them stays
    expected = 1 - share + share**3 / 3
    assert after.mean(0).tolist() == pytest.approx([expected] * 3, abs=0.01)


def test_modalities_are_dropped_in_training_only():
    model, batch = make(modality_dropout=0.9, dropout=0.0), make_batch()
    model.train()
    emptied = [(model(batch).representation[:, :5] == 0).all(1).any() for _ in range(5)]
    assert any(emptied)
    model.eval()
    assert not (model(batch).representation[:, :5] == 0).all(1).any()
    assert torch.equal(model(batch).logits, model(batch).logits)


def test_with_a_unimodal_loss_each_encoder_learns_though_the_fused_head_ignores_it():
    model, batch = make(unimodal_loss=0.5, dropout=0.0).train(), make_batch(present=SOME)
    torch.nn.init.zeros_(list(model.head.modules())[-1].weight)
    output = model(batch)
    own = []
    for column, name in enumerate("ab"):
        here = batch.present[:, column]
        own.append(TASK.loss(output.per_modality_logits[name][here], batch.targets[here]).item())
    expected = TASK.loss(output.logits, batch.targets).item() + 0.5 * np.mean(own)
    assert model.loss(output, batch).item() == pytest.approx(expected, rel=1e-6)
    model.loss(output, batch).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.encoders.parameters())
    assert model.eval()(batch).per_modality_logits == {}
    assert not len(make().unimodal_heads)
