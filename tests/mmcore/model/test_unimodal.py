"""One modality alone, and representations."""

import numpy as np
import torch
from torch import nn
from trial_parts import Linear, make_batch

import mmcore
from mmcore.model.encoder_bank import EncoderBank, EncoderSlot
from mmcore.model.unimodal import UnimodalModel
from mmcore.representation import Representation

TASK = mmcore.SingleLabel(classes=["x", "y"])


def make_model():
    torch.manual_seed(0)
    return UnimodalModel(EncoderBank({"a": EncoderSlot(None, Linear(), "all")}), TASK)


def test_it_is_encoder_layer_norm_and_linear_head():
    model, batch = make_model().eval(), make_batch(modalities=("a",))
    output = model(batch)
    vectors = model.encode(batch)["a"].vector.detach().numpy()
    normed = (vectors - vectors.mean(1, keepdims=True)) / np.sqrt(vectors.var(1, keepdims=True) + 1e-5)
    linear = model.head[-1]
    logits = normed @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    np.testing.assert_allclose(output.representation.detach().numpy(), normed, atol=1e-5)
    np.testing.assert_allclose(output.logits.detach().numpy(), logits, atol=1e-5)


def test_training_drops_values_of_the_representation_as_fusion_does():
    model = make_model()
    assert [layer.p for layer in model.modules() if isinstance(layer, nn.Dropout)][-2:] == [0.2, 0.2]


def test_every_parameter_learns():
    model, batch = make_model(), make_batch(modalities=("a",))
    model.loss(model(batch), batch).backward()
    assert all(parameter.grad.any() for parameter in model.parameters())


def test_absent_rows_of_a_representation_become_zeros_even_where_they_are_nan():
    vector, tokens = torch.full((2, 3), float("nan")), torch.full((2, 4, 3), float("nan"))
    vector[1], tokens[1] = 1.0, 1.0
    some = Representation(vector, tokens).only(torch.tensor([False, True]))
    assert some.vector.tolist() == [[0.0] * 3, [1.0] * 3]
    assert torch.equal(some.tokens[0], torch.zeros(4, 3))
    assert torch.equal(some.tokens[1], torch.ones(4, 3))
