"""The methods against their NumPy transcriptions."""

import formulas
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import mmcore
import mmcore_fusion

TASKS = {
    "single_label": mmcore.SingleLabel(classes=["x", "y", "z"]),
    "multi_label": mmcore.MultiLabel(classes=["x", "y", "z"]),
    "regression": mmcore.Regression(),
}
METHODS = {declaration.name: declaration for declaration in mmcore_fusion.mmcore_fusion_methods()}


def make(name, widths, task="single_label", **options):
    declaration = METHODS[name]
    return declaration.build(declaration.options(**options), widths, TASKS[task]).double()


def rows_of(inputs, present):
    """Each row as modality → vector, None where it is absent."""
    for row, here in enumerate(present.tolist()):
        yield {name: inputs[name][row].numpy() if here[column] else None for column, name in enumerate(inputs)}


@st.composite
def batches(draw, *, width=None):
    """Widths, inputs and presence of 1 to 4 modalities; every row has at least one."""
    count, rows = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    widths = {f"m{number}": width or draw(st.integers(1, 5)) for number in range(count)}
    pattern = st.lists(st.booleans(), min_size=count, max_size=count).filter(any)
    present = torch.tensor(draw(st.lists(pattern, min_size=rows, max_size=rows)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    scale = draw(st.sampled_from([0.1, 1.0, 30.0]))
    inputs = {
        name: scale * torch.randn(rows, own, generator=generator, dtype=torch.double) for name, own in widths.items()
    }
    return widths, inputs, present


@given(batches(), st.integers(1, 6))
def test_multconcat_is_the_projections_beside_their_product(batch, width):
    widths, inputs, present = batch
    method = make("multconcat", widths, dim=width)
    weights = {
        name: (layer.weight.detach().numpy(), layer.bias.detach().numpy()) for name, layer in method.projections.items()
    }
    expected = [formulas.multconcat(row, weights, width) for row in rows_of(inputs, present)]
    np.testing.assert_allclose(method(inputs, present).detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    assert method.dim == width * (len(widths) + 1)


@given(batches())
def test_concat_is_the_vectors_side_by_side(batch):
    widths, inputs, present = batch
    method = make("concat", widths)
    expected = [formulas.concat(row, widths) for row in rows_of(inputs, present)]
    np.testing.assert_array_equal(method(inputs, present).detach().numpy(), expected)
    assert method.dim == sum(widths.values())


def test_concat_projects_where_a_width_is_asked_for():
    torch.manual_seed(0)
    widths = {"a": 3, "b": 5}
    method = make("concat", widths, project=4)
    inputs = {name: torch.randn(6, own, dtype=torch.double) for name, own in widths.items()}
    returned = method(inputs, torch.tensor([[True, True]] * 5 + [[True, False]])).detach().numpy()
    for column, name in enumerate(widths):
        linear = method.projections[name][0]
        expected = formulas.relu(inputs[name].numpy() @ linear.weight.detach().numpy().T + linear.bias.detach().numpy())
        here = 6 if name == "a" else 5
        np.testing.assert_allclose(returned[:here, 4 * column : 4 * column + 4], expected[:here])
    assert not returned[5, 4:].any()


@pytest.mark.parametrize("task", TASKS)
@given(data=st.data())
def test_soft_voting_is_the_mean_of_the_votes_that_were_cast(task, data):
    widths, inputs, present = data.draw(batches(width=TASKS[task].n_outputs))
    fused = TASKS[task].probabilities(make("soft_voting", widths, task)(inputs, present)).numpy()
    expected = [formulas.soft_vote(row, task) for row in rows_of(inputs, present)]
    np.testing.assert_allclose(fused, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_soft_voting_over_very_sure_modalities_stays_finite_with_its_gradient(task):
    width = TASKS[task].n_outputs
    sure = torch.tensor([[300.0, -300.0, 0.0][:width]] * 2).double().requires_grad_()
    method = make("soft_voting", {"a": width, "b": width}, task)
    fused = method({"a": sure, "b": -sure}, torch.tensor([[True, True], [True, False]]))
    fused.sum().backward()
    assert torch.isfinite(fused).all()
    assert torch.isfinite(sure.grad).all()


def test_a_single_vote_is_the_decision():
    logits = torch.randn(4, 3, dtype=torch.double)
    present = torch.tensor([[True, False]] * 4)
    fused = make("soft_voting", {"a": 3, "b": 3})({"a": logits, "b": torch.full_like(logits, torch.nan)}, present)
    torch.testing.assert_close(fused.softmax(1), logits.softmax(1))


def test_fused_votes_on_one_label_are_logarithms_of_probabilities():
    inputs = {name: torch.randn(4, 3, dtype=torch.double) for name in "ab"}
    fused = make("soft_voting", {"a": 3, "b": 3})(inputs, torch.tensor([[True, True], [True, False]] * 2))
    torch.testing.assert_close(fused.exp().sum(1), torch.ones(4, dtype=torch.double))


@pytest.mark.parametrize("name", METHODS)
def test_modalities_are_told_apart_by_name_and_not_by_place(name):
    widths = {"a": 3, "b": 3}
    torch.manual_seed(0)
    method = make(name, widths)
    inputs = {own: torch.randn(2, 3, dtype=torch.double) for own in widths}
    present = torch.tensor([[True, True], [True, False]])
    torch.testing.assert_close(method(dict(reversed(inputs.items())), present.flip(1)), method(inputs, present))
