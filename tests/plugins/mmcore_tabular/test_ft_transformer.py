"""FT-Transformer against a transcription of its equations in NumPy, and its published size."""

import numpy as np
import torch

import mmcore
from mmcore_tabular import Column, TabularDescription

COLUMNS = (
    Column(name="weight", type="number", mean=1.0, sd=2.0),
    Column(name="origin", type="category", values=("be", "cn", "de")),
    Column(name="price", type="number"),
)
DESCRIPTION = TabularDescription(columns=COLUMNS)


def built(**options):
    torch.manual_seed(0)
    return mmcore.build_encoder({"name": "ft_transformer", **options}, "tabular", DESCRIPTION).eval()


def softmax(values):
    powers = np.exp(values - values.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def norm(layer, values):
    centred = values - values.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * layer.weight.numpy() + layer.bias.numpy()


def linear(layer, values):
    return values @ layer.weight.numpy().T + layer.bias.numpy()


def expected(module, numbers, category, heads):
    columns = module.columns
    weight, bias = columns.weight.numpy(), columns.bias.numpy()
    tokens = [
        module.summary.numpy(),
        numbers[0] * weight[0] + bias[0],
        columns.embeddings[0].weight.numpy()[category] + bias[1],
        numbers[1] * weight[2] + bias[2],
    ]
    state = np.stack(tokens)
    for number, layer in enumerate(module.layers):
        read = state if number == 0 else norm(layer.attention_norm, state)
        query, key, value = np.split(linear(layer.query_key_value, read), 3, axis=-1)
        mixed = []
        for each in range(heads):
            part = slice(each * state.shape[1] // heads, (each + 1) * state.shape[1] // heads)
            scores = query[:, part] @ key[:, part].T / np.sqrt(state.shape[1] // heads)
            mixed.append(softmax(scores) @ value[:, part])
        state = state + linear(layer.out, np.concatenate(mixed, axis=1))
        first, gate = np.split(linear(layer.inner, norm(layer.norm, state)), 2, axis=-1)
        state = state + linear(layer.outer, first * np.maximum(gate, 0))
    return np.maximum(norm(module.norm, state[0]), 0)


@torch.no_grad()
def test_it_is_the_papers_equations():
    module = built(width=12, layers=2, heads=3)
    inputs = {"values": torch.tensor([[0.5, 2.0, -1.5]]), "missing": torch.zeros(1, 3)}
    found = module(inputs)
    assert np.allclose(found.vector[0].numpy(), expected(module, [0.5, -1.5], 2, 3), atol=1e-5)
    assert found.tokens.shape == (1, 3, 12)


def test_an_empty_cell_is_a_vector_of_its_columns_own():
    module = built(width=12, layers=1, heads=3)
    missing = torch.tensor([[1.0, 0.0, 0.0]])
    one = module({"values": torch.tensor([[0.0, 1.0, 1.0]]), "missing": missing}).vector
    other = module({"values": torch.tensor([[9.0, 1.0, 1.0]]), "missing": missing}).vector
    assert torch.allclose(one, other)


def test_a_table_without_columns_still_has_a_vector():
    module = mmcore.build_encoder("ft_transformer", "tabular", TabularDescription())
    assert module({"values": torch.zeros(2, 0), "missing": torch.zeros(2, 0)}).vector.shape == (2, 192)


def test_a_layer_has_the_papers_number_of_parameters():
    width, hidden = 192, 256
    attention, network = 4 * (width * width + width), (width + 1) * 2 * hidden + (hidden + 1) * width
    layer = built().layers[1]
    assert sum(parameter.numel() for parameter in layer.parameters()) == attention + network + 2 * 2 * width
