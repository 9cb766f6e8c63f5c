"""The bank: who sees which rows, what is frozen, and what breaks a promise."""

import copy

import pytest
import torch
from torch import nn
from trial_parts import Linear, NumbersSpec, make_batch

from mmcore.data.batch import Batch
from mmcore.errors import ComponentError, CompositionError
from mmcore.model.compatibility import usable_as_name
from mmcore.model.encoder_bank import EncoderBank, EncoderSlot
from mmcore.representation import Representation

ABSENT = [[True, True], [False, True], [True, False], [False, True], [True, True]]


class Plain(nn.Module):
    """A module that knows nothing of mmcore."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, values):
        return self.inner(values)


class WithTokens(Linear):
    def forward(self, inputs):
        vector = super().forward(inputs).vector
        return Representation(
            vector, torch.stack([vector, -vector], dim=1), torch.ones(len(vector), 2, dtype=torch.bool)
        )


class Noisy(nn.Module):
    """Batch norm has buffers, dropout draws numbers: both change in training."""

    def __init__(self):
        super().__init__()
        self.dim, self.input_spec = 4, NumbersSpec()
        self.blocks = nn.ModuleList([nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)) for _ in range(2)])

    def forward(self, inputs):
        values = inputs["values"]
        for block in self.blocks:
            values = block(values)
        return values


def bank_of(a=None, b=None, **slot):
    torch.manual_seed(0)
    return EncoderBank(
        {"a": EncoderSlot(None, a or Linear(), **{"trainable": "all", **slot}), "b": EncoderSlot(None, b or Linear())}
    )


@pytest.mark.parametrize("fill", [0.0, 1e6, float("nan"), float("inf")])
def test_absent_rows_are_zeros_and_leave_the_others_alone_whatever_stands_there(fill):
    bank = bank_of()
    full, some = bank.encode(make_batch()), bank.encode(make_batch(present=ABSENT, fill=fill))
    for column, name in enumerate("ab"):
        here = torch.tensor(ABSENT)[:, column]
        torch.testing.assert_close(some[name].vector[here], full[name].vector[here])
        assert not some[name].vector[~here].any()


def test_an_encoder_is_called_with_present_rows_only_and_not_at_all_without_any():
    bank = bank_of()
    bank.encode(make_batch(present=ABSENT))
    bank.encode(make_batch(present=[[False, True]] * 3))
    assert bank.tower("a").calls == [3]
    assert bank.tower("b").calls == [4, 3]


def test_a_modality_absent_from_the_whole_batch_is_zeros_of_its_width():
    encoded = bank_of(Linear(dim=7)).encode(make_batch(present=[[False, True]] * 3))
    assert encoded["a"].vector.shape == (3, 7)
    assert not encoded["a"].vector.any()


def test_tokens_and_masks_stand_in_their_rows():
    encoded = bank_of(WithTokens()).encode(make_batch(present=ABSENT))["a"]
    here = torch.tensor(ABSENT)[:, 0]
    assert encoded.tokens.shape == (5, 2, 3)
    assert torch.equal(encoded.tokens[here][:, 1], -encoded.vector[here])
    assert not encoded.tokens[~here].any()
    assert torch.equal(encoded.mask.all(1), here)


def test_gradient_flows_through_rows_that_are_put_in_their_places():
    bank = bank_of()
    bank.encode(make_batch(present=ABSENT))["a"].vector.sum().backward()
    assert all(parameter.grad.any() for parameter in bank.tower("a").parameters())


def test_a_row_alone_has_the_same_vector_as_in_a_batch():
    bank, batch = bank_of(), make_batch()
    one = Batch(batch.modalities, batch.present[2:3], {"a": {"values": batch.inputs["a"]["values"][2:3]},
                                                       "b": {"values": batch.inputs["b"]["values"][2:3]}})  # fmt: skip
    torch.testing.assert_close(bank.encode(one)["a"].vector[0], bank.encode(batch)["a"].vector[2])


def test_a_representation_that_the_batch_brings_replaces_the_encoder():
    bank, batch = bank_of(), make_batch(present=ABSENT)
    ready = torch.full((5, 3), 2.0)
    without = Batch(
        batch.modalities, batch.present, {"b": batch.inputs["b"]}, representations={"a": Representation(ready)}
    )
    encoded = bank.encode(without)["a"].vector
    assert torch.equal(encoded.any(1), batch.present[:, 0])
    assert bank.tower("a").calls == []


def test_a_batch_in_another_order_of_modalities_is_read_by_name():
    bank, batch = bank_of(), make_batch(present=ABSENT)
    turned = Batch(("b", "a"), batch.present.flip(1), batch.inputs)
    torch.testing.assert_close(bank.encode(turned)["a"].vector, bank.encode(batch)["a"].vector)


def test_a_modality_that_the_batch_lacks_is_named():
    batch = make_batch()
    with pytest.raises(ComponentError, match="of 'b'"):
        bank_of().encode(Batch(batch.modalities, batch.present, {"a": batch.inputs["a"]}))


def test_a_plain_module_is_called_with_the_main_tensor():
    slot = EncoderSlot(None, Plain(nn.Linear(4, 6)), "all", input_spec=NumbersSpec(), dim=6)
    bank = EncoderBank({"a": slot})
    batch = make_batch(modalities=("a",))
    expected = slot.module(batch.inputs["a"]["values"])
    torch.testing.assert_close(bank.encode(batch)["a"].vector, expected)


@pytest.mark.parametrize(
    ("returns", "told"),
    [
        (lambda values: values[:, :2], r"promised \(5, 3\), returned \(5, 2\)"),
        (lambda values: values[:1, :3], r"promised \(5, 3\), returned \(1, 3\)"),
        (lambda values: values.mean(), r"promised \(5, 3\), returned \(\)"),
        (lambda values: {"vector": values}, "returned dict"),
    ],
)
def test_what_breaks_the_promise_is_told_with_both_shapes(returns, told):
    slot = EncoderSlot(None, Plain(returns), input_spec=NumbersSpec(), dim=3)
    with pytest.raises(ComponentError, match=f"encoder Plain of 'a' {told}"):
        EncoderBank({"a": slot}).encode(make_batch(modalities=("a",)))


@pytest.mark.parametrize("missing", ["dim", "input_spec"])
def test_an_encoder_must_state_its_width_and_its_input_spec(missing):
    encoder = Linear()
    delattr(encoder, missing)
    with pytest.raises(ComponentError, match=f"has no `{missing}`"):
        bank_of(encoder)


def test_a_frozen_encoder_has_no_gradient_and_stays_in_evaluation_mode():
    bank = bank_of(b=Noisy()).train()
    before = copy.deepcopy(bank.tower("b").state_dict())
    first, second = (bank.encode(make_batch())["b"].vector for _ in range(2))
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in bank.tower("b").state_dict().items())
    assert bank.is_frozen("b")
    assert not bank.is_frozen("a")
    assert bank.tower("a").training


def test_a_frozen_encoder_passes_gradient_on_to_its_inputs():
    bank, batch = bank_of(), make_batch()
    batch.inputs["b"]["values"].requires_grad_()
    bank.encode(batch)["b"].vector.sum().backward()
    assert batch.inputs["b"]["values"].grad.any()
    assert all(parameter.grad is None for parameter in bank.tower("b").parameters())


def test_an_encoder_that_has_nothing_to_train_is_frozen():
    module = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(4, affine=False))
    slot = EncoderSlot(None, module, "all", input_spec=NumbersSpec(), dim=4)
    bank, batch = EncoderBank({"a": slot}).train(), make_batch(modalities=("a",))
    assert bank.is_frozen("a")
    assert torch.equal(bank.encode(batch)["a"].vector, bank.encode(batch)["a"].vector)
    assert int(module[1].num_batches_tracked) == 0


def test_the_frozen_blocks_of_a_partly_trained_encoder_stay_in_evaluation_mode():
    bank = bank_of(Noisy(), trainable={"last": 1}).train()
    first, last = bank.tower("a").blocks
    assert not any(part.training for part in first.modules())
    assert all(part.training for part in last.modules())
    assert not any(part.training for part in bank.eval().modules())


def test_encoders_that_share_a_name_are_one_module():
    shared = Linear()
    bank = EncoderBank({name: EncoderSlot(None, shared, "all", share="both") for name in ("a", "b")})
    batch = make_batch()
    batch.inputs["b"] = batch.inputs["a"]
    encoded = bank.encode(batch)
    assert torch.equal(encoded["a"].vector, encoded["b"].vector)
    assert len(list(bank.parameters())) == len(list(shared.parameters()))
    assert all(name.startswith("towers.both.") for name in bank.state_dict())
    assert len(bank.parameter_groups(0.1)) == 1


def test_modules_that_only_claim_to_be_shared_are_refused():
    with pytest.raises(CompositionError, match="'b' shares 'both', but brings a module of its own"):
        EncoderBank({name: EncoderSlot(None, Linear(), share="both") for name in ("a", "b")})


def test_each_tower_learns_at_its_own_rate_and_frozen_ones_not_at_all():
    slots = {
        "a": EncoderSlot(None, Linear(), "all", learning_rate=1e-5),
        "b": EncoderSlot(None, Linear(), "none"),
        "c": EncoderSlot(None, Linear(), {"last": 1}),
    }
    groups = EncoderBank(slots).parameter_groups(1e-3)
    assert [(len(group["params"]), group["lr"]) for group in groups] == [(6, 1e-5), (2, 1e-3)]


@pytest.mark.parametrize("name", ["type", "values", "training", "item.photo", ""])
def test_names_that_torch_does_not_allow_are_refused_with_a_reason(name):
    with pytest.raises(CompositionError, match="can't be the name of a modality"):
        EncoderBank({name: EncoderSlot(None, Linear())})


def test_the_list_of_names_that_torch_does_not_allow_is_complete():
    holders = (nn.ModuleDict(), nn.ParameterDict())
    taken = {name for holder in holders for name in [*dir(holder), *vars(holder)] if not name.startswith("_")}
    taken -= {"smart_apply"}  # transformers adds it to every module while it loads a model
    assert {name for name in taken if usable_as_name(name)} == set()
    assert all(usable_as_name(name) for name in ("image", "text", "name", "class", "data", "id", "forward_", "photo 1"))
