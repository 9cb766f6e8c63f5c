"""Methods by name, random batches with modalities missing, and a batch row by row."""

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st

import mmcore
import mmcore_fusion

TASKS = {
    "single_label": mmcore.SingleLabel(classes=["x", "y", "z"]),
    "multi_label": mmcore.MultiLabel(classes=["x", "y", "z"]),
    "regression": mmcore.Regression(),
}
UNHURRIED = settings(deadline=None, max_examples=30)
"""A busy machine is no failure."""

METHODS = {declaration.name: declaration for declaration in mmcore_fusion.mmcore_fusion_methods()}


def make(name, widths, task="single_label", **options):
    declaration = METHODS[name]
    return declaration.build(declaration.options(**options), widths, TASKS[task]).double().eval()


def make_tiny(name, widths, task="single_label", **options):
    return make(name, widths, task, **{**METHODS[name].tiny, **options})


def rows_of(inputs, present):
    """Each row as modality → vector, or tokens that count; None where it is absent."""
    for row, here in enumerate(present.tolist()):
        yield {name: content(inputs[name], row) if here[column] else None for column, name in enumerate(inputs)}


def content(given, row):
    if isinstance(given, mmcore.Representation):
        return given.tokens[row].numpy() if given.mask is None else given.tokens[row][given.mask[row]].numpy()
    return given[row].numpy()


def numbers(module):
    """A linear layer as `(W, b)`, W alone where it has no constant; a container as a mapping."""
    if isinstance(module, torch.nn.Linear):
        weight = module.weight.detach().numpy()
        return weight if module.bias is None else (weight, module.bias.detach().numpy())
    return {name: numbers(part) for name, part in module.items()}


def array(tensor):
    return tensor.detach().numpy()


def shaken(module):
    """The module with random parameters, so that nothing is 0 or 1 by its initialisation."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype))
    return module


@st.composite
def batches(draw, *, width=None, least=1, most=4):
    """Widths, inputs and presence of some modalities; every row has at least one."""
    count, rows = draw(st.integers(least, most)), draw(st.integers(1, 5))
    widths = {f"m{number}": width or draw(st.integers(1, 5)) for number in range(count)}
    pattern = st.lists(st.booleans(), min_size=count, max_size=count).filter(any)
    present = torch.tensor(draw(st.lists(pattern, min_size=rows, max_size=rows)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    scale = draw(st.sampled_from([0.1, 1.0, 30.0]))
    inputs = {
        name: scale * torch.randn(rows, own, generator=generator, dtype=torch.double) for name, own in widths.items()
    }
    return widths, inputs, present


def batch_of(count, rows=7, seed=0, width=None):
    """Widths, inputs and presence: the first row has everything, the others all but some."""
    generator = torch.Generator().manual_seed(seed)
    widths = {f"m{number}": width or 3 + number for number in range(count)}
    inputs = {name: torch.randn(rows, own, generator=generator, dtype=torch.double) for name, own in widths.items()}
    present = torch.rand(rows, count, generator=generator) < 0.6
    present[0] = True
    present[torch.arange(rows), torch.arange(rows) % count] = True
    return widths, inputs, present


def tokens_of(count, rows=6, seed=0, width=None):
    """The same with tokens, as many for each modality as it has; in some of the modalities not all count."""
    widths, vectors, present = batch_of(count, rows, seed, width)
    generator = torch.Generator().manual_seed(seed + 1)
    inputs = {}
    for column, (name, own) in enumerate(widths.items()):
        tokens = torch.randn(rows, 2 + column, own, generator=generator, dtype=torch.double)
        mask = torch.rand(tokens.shape[:2], generator=generator) < 0.7
        mask[:, column % tokens.shape[1]] = True
        inputs[name] = mmcore.Representation(vectors[name], tokens, None if column == 1 else mask)
    return widths, inputs, present


def close(returned, expected, rtol=1e-9, atol=1e-11):
    np.testing.assert_allclose(returned.detach().numpy(), np.array(expected), rtol=rtol, atol=atol)
