"""Structures as tables: how probable each class is together with what each modality says.

Each modality says -1 or 1, which noise then hides. A structure is the joint distribution `(C, 2, 2)` of the class, what
the first modality says and what the second says; index 0 is -1. All that can be known beforehand follows from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import mmcore

if TYPE_CHECKING:
    from mmcore_synthetic import SyntheticOptions

STEPS = 801
"""Points of the grid on which oracle accuracies are integrated, for each modality; odd, so that 0 is one."""
REACH = 6.0
"""Standard deviations beyond -1 and 1 that the grid covers."""


def unique() -> np.ndarray:
    """The class is what the first modality says; the second says anything."""
    table = np.zeros((2, 2, 2))
    table[[0, 1], [0, 1], :] = 0.25
    return table


def redundant() -> np.ndarray:
    """Both say the class."""
    table = np.zeros((2, 2, 2))
    table[[0, 1], [0, 1], [0, 1]] = 0.5
    return table


def xor() -> np.ndarray:
    """The class is whether they say different things."""
    table = np.zeros((2, 2, 2))
    table[0, [0, 1], [0, 1]] = 0.25
    table[1, [0, 1], [1, 0]] = 0.25
    return table


def complementary() -> np.ndarray:
    """Four classes: one for each pair of things that are said."""
    return np.eye(4).reshape(4, 2, 2) / 4


def misleading(wrongly: float) -> np.ndarray:
    """The first says the class, the second says the other one in a share `wrongly` of the rows."""
    table = redundant() * (1 - wrongly)
    table[[0, 1], [0, 1], [1, 0]] = wrongly / 2
    return table


def structure(options: SyntheticOptions) -> np.ndarray:
    """The table `(C, 2, 2)` that the options mean; it sums to 1.

    Raises:
        OptionError: a mixture whose weights are all 0.
    """
    if options.structure == "misleading":
        return misleading(options.misleading)
    plain = {"unique": unique, "redundant": redundant, "xor": xor, "complementary": complementary}
    if options.structure != "mixture":
        return plain[options.structure]()
    weights = options.mixture.model_dump()
    if not sum(weights.values()):
        raise mmcore.OptionError("a mixture of nothing: all weights are 0", path=("mixture",))
    mixed = [weight / sum(weights.values()) * plain[name]() for name, weight in weights.items()]
    return np.sum(mixed, axis=0)


def oracle(table: np.ndarray, first_noise: float, second_noise: float) -> dict[str, float]:
    """The accuracy that no classifier exceeds by the first modality, by the second, by both, and by neither.

    max_y p(y, x) integrated over x, which matters only along the line from what -1 looks like to what 1 looks like.

    >>> {name: round(value, 3) for name, value in oracle(xor(), 0.0, 0.0).items()}
    {'neither': 0.5, 'first': 0.5, 'second': 0.5, 'both': 1.0}
    """
    first, second = _densities(first_noise), _densities(second_noise)
    alone = [np.einsum("cs,sx->cx", table.sum(axis), of) for axis, of in ((2, first), (1, second))]
    both = np.einsum("cst,sx,ty->cxy", table, first, second, optimize=True)
    return {
        "neither": float(table.sum((1, 2)).max()),
        "first": float(alone[0].max(0).sum()),
        "second": float(alone[1].max(0).sum()),
        "both": float(both.max(0).sum()),
    }


def _densities(noise: float) -> np.ndarray:
    """`(2, points)`: the probability of each stretch of the line where -1, and where 1 is said."""
    if noise == 0:
        return np.eye(2)
    edges = np.linspace(-1 - REACH * noise, 1 + REACH * noise, STEPS + 1)
    places = (edges[:-1] + edges[1:]) / 2
    heights = np.exp(-((places - np.array([[-1.0], [1.0]])) ** 2) / (2 * noise**2))
    return heights / heights.sum(axis=1, keepdims=True)
