"""Tensor fusion in full and of low rank: the same contraction, and a scale that training can use."""

import formulas
import numpy as np
import pytest
import torch
from trials import array, batch_of, close, make, numbers, rows_of, shaken

import mmcore
from mmcore_fusion.tensors import LowRankCore


def core_numbers(core):
    return {
        "factors": {name: array(factor) for name, factor in core.factors.items()},
        "weights": array(core.weights),
        "bias": array(core.bias),
    }


@pytest.mark.parametrize("rank", [1, 4])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_low_rank_core_equals_the_contraction_with_the_full_tensor(count, rank):
    torch.manual_seed(count)
    widths = {f"m{number}": 3 + number for number in range(count)}
    core = shaken(LowRankCore(widths, 5, rank))  # in single precision, as it is used
    inputs = {name: torch.randn(6, width) for name, width in widths.items()}
    tensor = formulas.full_tensor(
        [array(factor).astype(float) for factor in core.factors.values()], array(core.weights)
    )
    assert tensor.shape == (*[width + 1 for width in widths.values()], 5)
    expected = [
        formulas.contracted([vector[row].double().numpy() for vector in inputs.values()], tensor, array(core.bias))
        for row in range(6)
    ]
    returned = array(core(inputs, torch.ones(6, count, dtype=torch.bool)))
    np.testing.assert_allclose(returned, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_the_low_rank_core_has_47_parameters_for_two_inputs_of_10_two_outputs_and_rank_1():
    core = LowRankCore({"a": 10, "b": 10}, 2, 1)
    assert sum(parameter.numel() for parameter in core.parameters()) == 47


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_low_rank_core_without_a_modality_is_that_of_the_others(count):
    widths, inputs, present = batch_of(count)
    core = shaken(LowRankCore(widths, 5, 3)).double()
    close(core(inputs, present), [formulas.low_rank(row, **core_numbers(core)) for row in rows_of(inputs, present)])


@pytest.mark.parametrize("count", [2, 3, 4])
def test_lmf_normalises_before_and_after_the_core(count):
    widths, inputs, present = batch_of(count)
    method = make("lmf", widths, project=6, rank=2, dim=5)
    subnets = {name: numbers(subnet[1]) for name, subnet in method.subnets.items()}
    expected = [formulas.lmf(row, subnets, core_numbers(method.core)) for row in rows_of(inputs, present)]
    close(method(inputs, present), expected, 1e-7)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_lmf_of_true_sizes_has_a_sane_scale_and_sends_gradient_to_every_factor(count, scale):
    torch.manual_seed(0)
    widths = dict(zip("abcd", (2048, 768, 768, 768), strict=False))
    widths = {name: widths[name] for name in "abcd"[:count]}
    method = make("lmf", widths).float()
    inputs = {name: scale * torch.randn(32, width) for name, width in widths.items()}
    output = method(inputs, torch.ones(32, count, dtype=torch.bool))
    assert 0.1 < output.std() < 10
    inner = {name: method.subnets[name](vector) for name, vector in inputs.items()}
    core = method.core(inner, torch.ones(32, count, dtype=torch.bool))
    # each rank is a product of factors 1 + u with u of unit variance
    assert 0.5 < core.std(0).mean() / (2**count - 1) ** 0.5 < 1.5
    (output * torch.randn(32, 128)).sum().backward()
    for factor in method.core.factors.values():
        assert (factor.grad.flatten(1).norm(dim=1) > 1e-3).all()  # each rank, one by one


def test_lmf_registers_its_factors():
    method = make("lmf", {"a": 4, "b": 5}, project=6, rank=2, dim=3)
    shapes = {name: tuple(value.shape) for name, value in method.state_dict().items() if "factors" in name}
    assert shapes == {"core.factors.a": (2, 7, 3), "core.factors.b": (2, 7, 3)}


def test_lmf_takes_inputs_as_they_are_but_normalised_where_no_projection_is_wanted():
    method = make("lmf", {"a": 4, "b": 1}, project=None, rank=2, dim=3)
    assert method.core.factors["a"].shape == (2, 5, 3)
    inputs = {"a": torch.randn(4, 4).double(), "b": torch.arange(4.0).double()[:, None]}
    present = torch.ones(4, 2, dtype=torch.bool)
    changed = method({**inputs, "b": inputs["b"] + 1}, present)
    assert not torch.equal(method(inputs, present), changed)  # a single number is not normalised away


@pytest.mark.parametrize("count", [2, 3, 4])
def test_tensor_fusion_is_a_layer_over_the_outer_product(count):
    widths, inputs, present = batch_of(count)
    method = make("tensor_fusion", widths, project=None, dim=4)
    layer = numbers(method.layer[1])
    close(method(inputs, present), [formulas.tensor_fusion(row, widths, layer) for row in rows_of(inputs, present)])


def test_a_tensor_that_does_not_fit_is_refused_with_the_figures_and_what_would_fit():
    widths = {"photo": 2048, "title": 768}
    with pytest.raises(mmcore.CompositionError) as refused:
        make("tensor_fusion", widths, project=None)
    assert "2049 × 769 = 1,575,681 entries" in str(refused.value)
    assert "201,687,168 weights (0.8 GB), more than the 50,000,000" in str(refused.value)
    assert "Set `project` to 624 or less" in str(refused.value)
    with pytest.raises(mmcore.CompositionError, match="Set `project` to 8 or less"):
        make("tensor_fusion", widths, project=9, max_weights=128 * 99)
    assert make("tensor_fusion", widths, project=8, max_weights=128 * 99).dim == 128
    with pytest.raises(mmcore.CompositionError, match="smaller `dim`, or use lmf"):
        make("tensor_fusion", widths, max_weights=100)


def test_the_true_sizes_of_four_modalities_fit():
    assert make("tensor_fusion", dict(zip("abcd", (2048, 768, 768, 768), strict=True))).dim == 128
