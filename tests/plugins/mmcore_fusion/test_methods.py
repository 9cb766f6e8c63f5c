"""Methods over vectors against their NumPy transcriptions, row by row, with modalities missing."""

import formulas
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trials import METHODS, UNHURRIED, array, batch_of, batches, close, make, make_tiny, numbers, rows_of, shaken

import mmcore

COUNTS = [2, 3, 4]


@UNHURRIED
@given(batches(), st.integers(1, 6))
def test_multconcat_is_the_projections_beside_their_product(batch, width):
    widths, inputs, present = batch
    method = make("multconcat", widths, dim=width)
    maps = numbers(method.projections)
    close(method(inputs, present), [formulas.multconcat(row, maps, width) for row in rows_of(inputs, present)])
    assert method.dim == width * (len(widths) + 1)


@UNHURRIED
@given(batches())
def test_concat_is_the_vectors_side_by_side(batch):
    widths, inputs, present = batch
    method = make("concat", widths)
    expected = [formulas.concat(row, widths) for row in rows_of(inputs, present)]
    np.testing.assert_array_equal(method(inputs, present).detach().numpy(), expected)
    assert method.dim == sum(widths.values())


@pytest.mark.parametrize(
    ("name", "operation"), [("addition", "sum"), ("average", "mean"), ("max", "max"), ("product", "product")]
)
@UNHURRIED
@given(batches(), st.integers(1, 6))
def test_arithmetic_is_over_the_projections_of_those_present(name, operation, batch, width):
    widths, inputs, present = batch
    method = make(name, widths, dim=width)
    maps = numbers(method.projections)
    close(method(inputs, present), [formulas.arithmetic(row, maps, operation) for row in rows_of(inputs, present)])


@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize(("count", "tied"), [(2, None), (2, False), (3, None), (4, None), (3, True), (4, True)])
def test_gated_is_the_gated_multimodal_unit(count, tied, scalar):
    widths, inputs, present = batch_of(count)
    method = shaken(make("gated", widths, dim=5, tied=tied, scalar=scalar))
    maps, gates = numbers(method.projections), numbers(method.gate_maps)
    share = count == 2 if tied is None else tied
    expected = [formulas.gated(row, widths, maps, gates, share) for row in rows_of(inputs, present)]
    close(method(inputs, present), expected)


@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize("count", COUNTS)
def test_gates_can_be_read_and_give_the_result(count, scalar):
    widths, inputs, present = batch_of(count)
    method = shaken(make("gated", widths, dim=5, scalar=scalar, project=4, hidden=[3]))
    gates = method.gates(inputs, present)
    cleaned, _ = method.read(inputs, present)
    units = {name: method.projections[name](vector).tanh() for name, vector in cleaned.items()}
    together = sum(gates[name] * units[name] for name in widths)
    torch.testing.assert_close(method(inputs, present), method.after(together))
    for column, name in enumerate(widths):
        assert gates[name].shape == (len(present), 1 if scalar else 5)
        assert not gates[name][~present[:, column]].any()
        assert (gates[name][present[:, column]] > 0).all()


@pytest.mark.parametrize(("count", "tied"), [(2, None), (3, True)])
def test_tied_gates_of_a_row_sum_to_one(count, tied):
    widths, inputs, present = batch_of(count)
    gates = make("gated", widths, dim=5, tied=tied).gates(inputs, present)
    torch.testing.assert_close(sum(gates.values()), torch.ones(len(present), 5, dtype=torch.double))


@pytest.mark.parametrize("count", COUNTS)
def test_attention_is_a_sum_with_weights_by_softmax_over_those_present(count):
    widths, inputs, present = batch_of(count)
    method = shaken(make("attention", widths, dim=5))
    maps, score = numbers(method.projections), numbers(method.score)
    close(method(inputs, present), [formulas.attention(row, widths, maps, score) for row in rows_of(inputs, present)])
    weights = method.gates(inputs, present)
    torch.testing.assert_close(sum(weights.values()), torch.ones(len(present), 1, dtype=torch.double))
    for column, name in enumerate(widths):
        assert not weights[name][~present[:, column]].any()


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("count", COUNTS)
def test_mlb_is_a_layer_over_the_product_of_activations(count, activation):
    widths, inputs, present = batch_of(count)
    method = shaken(make("mlb", widths, width=6, dim=4, activation=activation))
    maps, output = numbers(method.projections), numbers(method.output)
    function = {"relu": formulas.relu, "tanh": np.tanh}[activation]
    close(method(inputs, present), [formulas.mlb(row, maps, output, function) for row in rows_of(inputs, present)])


@pytest.mark.parametrize("count", COUNTS)
def test_mfb_sums_products_by_groups_and_has_length_one(count):
    widths, inputs, present = batch_of(count)
    method = shaken(make("mfb", widths, dim=4, factor=3))
    maps = numbers(method.projections)
    # the length is guarded by 1e-12 under its root
    close(method(inputs, present), [formulas.mfb(row, maps, 4, 3) for row in rows_of(inputs, present)], 1e-7)


def test_mfb_whose_products_are_all_dropped_has_a_finite_gradient():
    torch.manual_seed(0)
    method = make("mfb", {"a": 3, "b": 3}, dim=8, factor=1, dropout=0.9).train()
    inputs = {name: torch.randn(16, 3, dtype=torch.double) for name in "ab"}
    output = method(inputs, torch.ones(16, 2, dtype=torch.bool))
    output.sum().backward()
    assert (output == 0).any()
    assert all(torch.isfinite(parameter.grad).all() for parameter in method.parameters())


@pytest.mark.parametrize("count", COUNTS)
def test_mutan_is_a_sum_of_products_over_ranks(count):
    widths, inputs, present = batch_of(count)
    method = shaken(make("mutan", widths, width=5, rank=3, dim=4))
    parts = [numbers(part) for part in (method.projections, method.slices, method.output)]
    close(method(inputs, present), [formulas.mutan(row, *parts, 3) for row in rows_of(inputs, present)])


@pytest.mark.parametrize("count", COUNTS)
def test_block_is_a_small_mutan_for_each_chunk(count):
    widths, inputs, present = batch_of(count)
    method = shaken(make("block", widths, width=12, chunks=3, rank=2, dim=4))
    maps, output = numbers(method.projections), numbers(method.output)
    slices = {name: (array(part.weight), array(part.bias)) for name, part in method.slices.items()}
    expected = [formulas.block(row, maps, slices, output, 3) for row in rows_of(inputs, present)]
    close(method(inputs, present), expected, 1e-7)


@pytest.mark.parametrize("count", COUNTS)
def test_bilinear_has_a_form_for_each_pair(count):
    widths, inputs, present = batch_of(count)
    method = shaken(make("bilinear", widths, project=None, dim=4))
    forms = {pair: array(form) for pair, form in zip(method.pairs, method.forms, strict=True)}
    expected = [
        formulas.bilinear(row, forms, numbers(method.linears), array(method.bias)) for row in rows_of(inputs, present)
    ]
    close(method(inputs, present), expected)


@pytest.mark.parametrize("main", [None, "m1"])
@pytest.mark.parametrize("count", COUNTS)
def test_film_scales_and_shifts_the_main_modality(count, main):
    widths, inputs, present = batch_of(count)
    method = shaken(make("film", widths, main=main))
    name = main or "m0"
    expected = [formulas.film(row, name, numbers(method.modulations), widths[name]) for row in rows_of(inputs, present)]
    close(method(inputs, present), expected)
    assert method.dim == widths[name]


@pytest.mark.parametrize("beta", [0.1, 1.0, 10.0])
@pytest.mark.parametrize(("count", "main"), [(2, None), (3, "m1"), (4, "m3")])
def test_mag_moves_the_main_modality_by_a_bounded_shift(count, main, beta):
    widths, inputs, present = batch_of(count)
    method = make("mag", widths, main=main, beta=beta)
    name = main or "m0"
    expected = [
        formulas.mag(row, name, numbers(method.gate_maps), numbers(method.shifts), beta, widths[name])
        for row in rows_of(inputs, present)
    ]
    close(method(inputs, present), expected, 1e-7, 1e-7)


@pytest.mark.parametrize("pool", ["mean", "sum", "max"])
@pytest.mark.parametrize("count", COUNTS)
def test_deep_set_is_a_network_over_the_pooled_set(count, pool):
    widths, inputs, present = batch_of(count)
    method = shaken(make("deep_set", widths, dim=5, pool=pool))
    maps, rho = numbers(method.projections), [numbers(method.rho[0]), numbers(method.rho[2])]
    close(method(inputs, present), [formulas.deep_set(row, maps, rho, pool) for row in rows_of(inputs, present)])


VECTOR_METHODS = [name for name, each in METHODS.items() if each.level == "representation" and each.reads == "vector"]
PROJECTED = [name for name in VECTOR_METHODS if name != "lmf"]  # whose projection is its own, and normalised


@pytest.mark.parametrize("name", PROJECTED)
def test_any_method_can_have_a_projection_before_and_an_mlp_after(name):
    widths, inputs, present = batch_of(3)
    method = shaken(make_tiny(name, widths, project=4, hidden=[6, 5]))
    projected = {}
    for column, (own, vector) in enumerate(inputs.items()):
        weight, constant = numbers(method.before[own][0])
        flat = formulas.relu(vector.numpy() @ weight.T + constant)
        projected[own] = torch.tensor(flat).where(present[:, [column]], torch.nan)
    plain = make_tiny(name, dict.fromkeys(widths, 4), project=None)
    own_state = {
        key: value for key, value in method.state_dict().items() if key.split(".")[0] not in ("before", "after")
    }
    plain.load_state_dict(own_state)
    inner = plain(projected, present).detach().numpy()
    first, second = numbers(method.after[0]), numbers(method.after[2])
    hidden = formulas.relu(inner @ first[0].T + first[1])
    close(method(inputs, present), formulas.relu(hidden @ second[0].T + second[1]))
    assert method.dim == 5


@pytest.mark.parametrize("name", [name for name, each in METHODS.items() if each.level == "representation"])
def test_an_mlp_after_sets_the_width(name):
    method = make_tiny(name, {"a": 4, "b": 4}, hidden=[7])
    given = torch.randn(3, 4, dtype=torch.double)
    inputs = dict.fromkeys(
        "ab", given if METHODS[name].reads == "vector" else mmcore.Representation(given, given[:, None])
    )
    assert method(inputs, torch.ones(3, 2, dtype=torch.bool)).shape == (3, 7)
    assert method.dim == 7


@pytest.mark.parametrize("name", ["film", "mag", "cross_attention"])
def test_a_main_modality_that_is_none_is_refused(name):
    with pytest.raises(mmcore.CompositionError, match=r"`main` of .* is 'foto'.* Did you mean 'photo'"):
        make_tiny(name, {"photo": 4, "title": 4}, main="foto")


def test_bilinear_forms_that_do_not_fit_are_refused_with_the_figures():
    with pytest.raises(mmcore.CompositionError, match=r"201,326,592 weights \(0.8 GB\).*Set `project` to 625 or less"):
        make("bilinear", {"a": 2048, "b": 768}, project=None)
    assert make("bilinear", {"a": 2048, "b": 768}, project=625, max_weights=50_000_000).dim == 128


@pytest.mark.parametrize(("name", "options"), [("block", {"width": 10, "chunks": 3}), ("mult", {"dim": 8, "heads": 3})])
def test_sizes_that_do_not_divide_are_refused(name, options):
    with pytest.raises(ValueError, match="can't be cut into 3 equal"):
        METHODS[name].options(**options)


@pytest.mark.parametrize("name", ["product", "mlb", "mfb", "mutan", "block", "lmf"])
def test_a_product_of_four_modalities_lets_every_one_of_them_through_from_the_start(name):
    torch.manual_seed(0)
    widths = dict.fromkeys("abcd", 32)
    method = make(name, widths)
    inputs = {own: torch.randn(64, 32, dtype=torch.double) for own in widths}
    present = torch.ones(64, 4, dtype=torch.bool)
    whole = method(inputs, present)
    for own in widths:
        others = [torch.roll(inputs[other], 1, 0) if other != own else inputs[other] for other in widths]
        mixed = method(dict(zip(widths, others, strict=True)), present)
        # what one modality says alone is still seen with all the others exchanged: a linear term is there
        centred, again = whole - whole.mean(0), mixed - mixed.mean(0)
        assert (centred * again).sum() / (centred.norm() * again.norm()) > 0.05


SYMMETRIC = ["addition", "average", "max", "product", "mlb", "mfb", "mutan", "block", "bilinear", "deep_set", "lmf"]


@pytest.mark.parametrize("name", SYMMETRIC)
@UNHURRIED
@given(batches(width=3, least=2, most=4), st.randoms(use_true_random=False))
def test_a_symmetric_method_does_not_care_for_the_order_in_which_modalities_are_declared(name, batch, random):
    widths, inputs, present = batch
    names = list(widths)
    random.shuffle(names)
    method = make_tiny(name, widths)
    turned = make_tiny(name, {own: widths[own] for own in names})
    state = method.state_dict()
    if name == "bilinear":  # pairs stand the other way round
        for place, (first, second) in enumerate(turned.pairs):
            before = method.pairs.index((first, second) if (first, second) in method.pairs else (second, first))
            form = method.forms[before].detach()
            state[f"forms.{place}"] = form if (first, second) in method.pairs else form.transpose(1, 2)
    turned.load_state_dict(state)
    columns = [list(widths).index(own) for own in names]
    expected = method(inputs, present)
    torch.testing.assert_close(
        turned({own: inputs[own] for own in names}, present[:, columns]), expected, rtol=1e-7, atol=1e-9
    )


@pytest.mark.parametrize("name", [name for name, each in METHODS.items() if each.reads == "vector"])
def test_modalities_are_told_apart_by_name_and_not_by_place(name):
    widths = {"a": 3, "b": 3}
    torch.manual_seed(0)
    method = make_tiny(name, widths)
    inputs = {own: torch.randn(2, 3, dtype=torch.double) for own in widths}
    present = torch.tensor([[True, True], [True, False]])
    torch.testing.assert_close(method(dict(reversed(inputs.items())), present.flip(1)), method(inputs, present))


@pytest.mark.parametrize("name", [name for name, each in METHODS.items() if each.reads == "vector"])
@UNHURRIED
@given(batches(width=3, least=2, most=4), st.sampled_from([torch.nan, torch.inf, -1e300, 7.0]))
def test_what_stands_where_a_modality_is_absent_changes_neither_output_nor_gradient(name, batch, content):
    widths, inputs, present = batch
    torch.manual_seed(0)
    method = make_tiny(name, widths)
    results = []
    for fill in (0.0, content):
        leaves = {
            own: vector.where(present[:, [column]], fill).requires_grad_()
            for column, (own, vector) in enumerate(inputs.items())
        }
        method.zero_grad()
        output = method(leaves, present)
        (output * torch.linspace(0.5, 1.5, output.shape[1])).sum().backward()
        given_back = [leaf.grad for leaf in leaves.values()] + [each.grad for each in method.parameters()]
        results.append([output.detach(), *[each for each in given_back if each is not None]])
    for own, expected in zip(*results, strict=True):
        assert torch.isfinite(own).all()
        assert torch.equal(own, expected)


@pytest.mark.parametrize("name", [name for name, each in METHODS.items() if each.reads == "vector"])
@UNHURRIED
@given(batches(width=3, least=2, most=3))
def test_a_row_does_not_depend_on_the_others(name, batch):
    widths, inputs, present = batch
    method = make_tiny(name, widths)
    together = method(inputs, present)
    for row in range(len(present)):
        alone = method({own: vector[[row]] for own, vector in inputs.items()}, present[[row]])
        torch.testing.assert_close(alone[0], together[row], rtol=1e-8, atol=1e-10)
