"""Methods that read tokens against their NumPy transcriptions: masks, missing modalities, order."""

import formulas
import numpy as np
import pytest
import torch
from trials import METHODS, array, close, make, make_tiny, numbers, rows_of, shaken, tokens_of

import mmcore

COUNTS = [2, 3, 4]
TOKEN_METHODS = [name for name, each in METHODS.items() if each.reads == "tokens"]


def attention_numbers(module):
    return {part: numbers(getattr(module, part)) for part in ("query", "key", "value", "output")}


def stack_numbers(module):
    return [
        {"attention": attention_numbers(layer.attention), "inner": [numbers(layer.inner[0]), numbers(layer.inner[3])]}
        for layer in module.layers
    ]


@pytest.mark.parametrize("main", [None, "m1"])
@pytest.mark.parametrize("count", COUNTS)
def test_cross_attention_is_softmax_of_queries_and_keys_over_the_others_tokens(count, main):
    widths, inputs, present = tokens_of(count)
    method = shaken(make("cross_attention", widths, dim=6, heads=2, main=main))
    attentions = {name: attention_numbers(module) for name, module in method.attentions.items()}
    maps = numbers(method.projections)
    expected = [formulas.cross_attention(row, maps, attentions, 2, main, 6) for row in rows_of(inputs, present)]
    close(method(inputs, present), expected)
    assert method.dim == 6 * (1 if main else count)


@pytest.mark.parametrize("pool", ["last", "mean"])
@pytest.mark.parametrize("count", COUNTS)
def test_mult_is_a_crossmodal_transformer_for_each_pair(count, pool):
    # the paper reads the last token: one that counts is last in the transcription, which has no others
    widths, inputs, present = tokens_of(count, rows=3)
    method = make("mult", widths, dim=4, heads=2, layers=2, memory_layers=1, pool=pool)
    inputs = {name: mmcore.Representation(each.vector, each.tokens) for name, each in inputs.items()}
    crossmodal = {
        name: {other: stack_numbers(stack) for other, stack in others.items()}
        for name, others in method.crossmodal.items()
    }
    memories = {name: stack_numbers(stack) for name, stack in method.memories.items()}
    inner = [numbers(method.inner[0]), numbers(method.inner[3])]
    maps = numbers(method.projections)
    expected = [formulas.mult(row, maps, crossmodal, memories, inner, 2, 4, pool) for row in rows_of(inputs, present)]
    close(method(inputs, present), expected, 1e-4, 1e-6)  # sinusoids are computed in single precision
    assert method.dim == count * (count - 1) * 4


@pytest.mark.parametrize("count", COUNTS)
def test_joint_transformer_is_a_transformer_over_all_tokens(count):
    widths, inputs, present = tokens_of(count)
    method = make("joint_transformer", widths, dim=4, heads=2, layers=2)
    marks = {name: array(mark) for name, mark in method.marks.items()}
    layers = stack_numbers(method.stack)
    maps = numbers(method.projections)
    expected = [
        formulas.joint_transformer(row, maps, marks, array(method.reader), layers, 2)
        for row in rows_of(inputs, present)
    ]
    close(method(inputs, present), expected)


def test_our_transformer_layer_is_that_of_torch():
    from mmcore_fusion.attention import TransformerLayer

    torch.manual_seed(0)
    ours = TransformerLayer(8, 2, 0.0).double().eval()
    theirs = torch.nn.TransformerEncoderLayer(8, 2, 32, 0.0, batch_first=True, norm_first=True).double().eval()
    inner = ours.attention
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat([inner.query.weight, inner.key.weight, inner.value.weight]),
            "self_attn.in_proj_bias": torch.cat([inner.query.bias, inner.key.bias, inner.value.bias]),
            "self_attn.out_proj.weight": inner.output.weight,
            "self_attn.out_proj.bias": inner.output.bias,
            "linear1.weight": ours.inner[0].weight,
            "linear1.bias": ours.inner[0].bias,
            "linear2.weight": ours.inner[3].weight,
            "linear2.bias": ours.inner[3].bias,
            **{
                f"norm{number}.{part}": getattr(norm, part)
                for number, norm in ((1, ours.norm), (2, ours.inner_norm))
                for part in ("weight", "bias")
            },
        }
    )
    tokens = torch.randn(3, 5, 8, dtype=torch.double)
    mask = torch.tensor([[True] * 5, [True, False, True, False, False], [False, True, True, True, True]])
    with torch.no_grad():
        expected = theirs(tokens, src_key_padding_mask=~mask)
        torch.testing.assert_close(ours(tokens, tokens, mask)[mask], expected[mask])


@pytest.mark.parametrize("name", TOKEN_METHODS)
@pytest.mark.parametrize("fill", [torch.nan, torch.inf, 7.0])
def test_neither_absent_modalities_nor_tokens_that_do_not_count_change_output_or_gradient(name, fill):
    widths, inputs, present = tokens_of(3)
    results = []
    for content in (0.0, fill):
        torch.manual_seed(0)
        method = make_tiny(name, widths)
        spoilt = {}
        for column, (own, each) in enumerate(inputs.items()):
            here = present[:, [column]]
            counts = here & (torch.ones_like(here) if each.mask is None else each.mask)
            spoilt[own] = mmcore.Representation(
                each.vector.where(here, content), each.tokens.where(counts[..., None], content), each.mask
            )
        output = method(spoilt, present)
        output.square().sum().backward()
        results.append([output.detach(), *[each.grad for each in method.parameters() if each.grad is not None]])
    for own, expected in zip(*results, strict=True):
        assert torch.isfinite(own).all()
        assert torch.equal(own, expected)


@pytest.mark.parametrize("name", TOKEN_METHODS)
def test_padding_at_the_end_changes_nothing(name):
    widths, inputs, present = tokens_of(3)
    method = make_tiny(name, widths)
    padded = {}
    for own, each in inputs.items():
        mask = torch.ones(each.tokens.shape[:2], dtype=torch.bool) if each.mask is None else each.mask
        padded[own] = mmcore.Representation(
            each.vector,
            torch.cat([each.tokens, torch.full_like(each.tokens[:, :2], 9.0)], dim=1),
            torch.cat([mask, torch.zeros_like(mask[:, :1]).expand(-1, 2)], dim=1),
        )
    torch.testing.assert_close(method(padded, present), method(inputs, present))


@pytest.mark.parametrize("name", TOKEN_METHODS)
def test_a_present_modality_none_of_whose_tokens_count_is_as_good_as_absent(name):
    widths, inputs, present = tokens_of(3)
    present[:] = True
    method = make_tiny(name, widths)
    silent = {**inputs, "m2": mmcore.Representation(
        inputs["m2"].vector, inputs["m2"].tokens, torch.zeros(inputs["m2"].tokens.shape[:2], dtype=torch.bool)
    )}  # fmt: skip
    without = present.clone()
    without[:, 2] = False
    torch.testing.assert_close(method(silent, present), method(inputs, without))


@pytest.mark.parametrize("name", TOKEN_METHODS)
def test_a_representation_without_tokens_is_one_token(name):
    widths, inputs, present = tokens_of(3)
    method = make_tiny(name, widths)
    bare = {own: mmcore.Representation(each.vector) for own, each in inputs.items()}
    one = {own: mmcore.Representation(each.vector, each.vector[:, None]) for own, each in inputs.items()}
    torch.testing.assert_close(method(bare, present), method(one, present))


@pytest.mark.parametrize("name", TOKEN_METHODS)
def test_modalities_with_tokens_are_told_apart_by_name_and_not_by_place(name):
    widths, inputs, present = tokens_of(3, width=3)
    method = make_tiny(name, widths)
    turned = method(dict(reversed(inputs.items())), present.flip(1))
    torch.testing.assert_close(turned, method(inputs, present))


@pytest.mark.parametrize("name", ["cross_attention", "joint_transformer"])
def test_the_order_of_tokens_does_not_matter_where_no_places_are_given(name):
    widths, inputs, present = tokens_of(2)
    method = make_tiny(name, widths)
    turned = {
        own: mmcore.Representation(each.vector, each.tokens.flip(1), None if each.mask is None else each.mask.flip(1))
        for own, each in inputs.items()
    }
    torch.testing.assert_close(method(turned, present), method(inputs, present))


def test_the_order_of_tokens_matters_to_mult():
    widths, inputs, present = tokens_of(2)
    method = make_tiny("mult", widths, pool="mean")
    turned = {own: mmcore.Representation(each.vector, each.tokens.flip(1)) for own, each in inputs.items()}
    straight = {own: mmcore.Representation(each.vector, each.tokens) for own, each in inputs.items()}
    assert not np.allclose(array(method(turned, present)), array(method(straight, present)))


def test_channel_stack_blanks_absent_grids_and_leaves_the_others():
    method = METHODS["channel_stack"].build(mmcore.NoOptions(), {"rgb": 1, "depth": 1}, None)
    given = {
        "rgb": {"pixels": torch.ones(2, 3, 4, 4), "lengths": torch.tensor([4, 4])},
        "depth": {"pixels": torch.full((2, 1, 4, 4), torch.nan), "lengths": torch.tensor([3, 3])},
    }
    given["depth"]["pixels"][0] = 2.0
    returned = method(given, torch.tensor([[True, True], [False, False]]))
    assert returned["rgb"]["pixels"][0].equal(given["rgb"]["pixels"][0])
    assert returned["depth"]["pixels"][0].equal(given["depth"]["pixels"][0])
    assert not returned["rgb"]["pixels"][1].any()
    assert not returned["depth"]["pixels"][1].any()
    assert returned["depth"]["lengths"].tolist() == [3, 0]
    assert torch.isnan(given["depth"]["pixels"][1]).all()  # what was given is as it was
