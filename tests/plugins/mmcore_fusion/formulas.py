"""The methods transcribed in NumPy, row by row, over the modalities that a row has: no tensors, no `where`."""

import numpy as np


def relu(values):
    return np.maximum(values, 0)


def softmax(values):
    powers = np.exp(values - values.max())
    return powers / powers.sum()


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def multconcat(row, weights, width):
    """`row`: modality → vector, or None where it is absent; `weights`: modality → (W, b). arXiv:2406.04349."""
    outputs = {
        name: None if vector is None else relu(weights[name][0] @ vector + weights[name][1])
        for name, vector in row.items()
    }
    slots = [np.zeros(width) if output is None else output for output in outputs.values()]
    product = np.prod([output for output in outputs.values() if output is not None], axis=0)
    return np.concatenate([*slots, product])


def concat(row, widths):
    return np.concatenate([np.zeros(widths[name]) if vector is None else vector for name, vector in row.items()])


def soft_vote(row, task_type):
    """What the fused probabilities are (in regression, the fused output)."""
    cast = [logits for logits in row.values() if logits is not None]
    squash = {"single_label": softmax, "multi_label": sigmoid, "regression": lambda value: value}[task_type]
    return np.mean([squash(logits) for logits in cast], axis=0)
