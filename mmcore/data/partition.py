"""Partition rows or groups into parts of given shares, each class in proportion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def partition_rows(
    strata: np.ndarray, fractions: np.ndarray, generator: np.random.Generator, *, keep_in_first: bool = True
) -> np.ndarray:
    """Part number per row.

    Rows are laid out class by class, shuffled within each, and dealt like cards: each goes to the part that is
    farthest behind its share. So every part is within a row of its share, and within about a row in every class.

    Args:
        strata: `(n,)` class numbers.
        fractions: `(P,)` shares, summing to 1.
        generator: shuffles; the only source of chance.
        keep_in_first: give part 0 at least one row of each class, so that no class is tested that was never trained.

    >>> parts = partition_rows(np.repeat([0, 1], 10), np.array([.5, .5]), np.random.default_rng(0))
    >>> [int((parts[:10] == part).sum()) for part in (0, 1)]
    [5, 5]
    """
    order = generator.permutation(np.arange(len(strata), dtype=np.int32))  # half the memory of numpy's own numbers
    ranks = generator.permutation(
        np.arange(int(strata.max(initial=-1)) + 1, dtype=np.int32)
    )  # the order of the classes is chance too
    order = order[np.argsort(ranks[strata[order]], kind="stable")]
    part_of = np.empty(len(strata), dtype=np.int8)
    part_of[order] = np.fromiter(_deal(len(strata), list(map(float, fractions))), np.int8, len(strata))
    if keep_in_first and fractions[0] > 0:
        _mend_classes(part_of, strata, order)
    return part_of


def partition_groups(
    strata: np.ndarray, groups: np.ndarray, fractions: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """Part number per row; rows of one group stay together.

    Greedy, as scikit-learn's StratifiedGroupKFold, for unequal shares: groups with the most uneven classes first, each
    to the part where it leaves the least squared distance to the wanted counts, in units of each class's size.

    >>> parts = partition_groups(np.zeros(6, int), np.array([0, 0, 1, 1, 2, 2]), np.array([.67, .33]),
    ...                          np.random.default_rng(0))
    >>> sorted(parts.tolist())
    [0, 0, 0, 0, 1, 1]
    """
    n_groups, n_classes = int(groups.max(initial=-1)) + 1, int(strata.max(initial=-1)) + 1
    counts = np.zeros((n_groups, n_classes))
    np.add.at(counts, (groups, strata), 1)
    counts = counts[:, counts.any(0)]
    sizes = counts.sum(0)
    scaled = counts / sizes  # (G, C): each class weighs the same, however rare
    order = generator.permutation(n_groups)
    order = order[np.argsort(-scaled[order].max(1, initial=0.0), kind="stable")]
    behind = np.repeat(np.asarray(fractions, dtype=float)[:, None], scaled.shape[1], axis=1)  # (P, C), still wanted
    used = np.asarray(fractions) > 0
    part_of_group = np.zeros(n_groups, dtype=np.int64)
    for group in order[counts[order].any(1)]:
        # |behind - x|² - |behind|² for the part that takes x: smallest where the group is missed most
        cost = (scaled[group] * (scaled[group] - 2 * behind)).sum(1)
        cost[~used] = np.inf
        part = int(np.argmin(cost))
        part_of_group[group] = part
        behind[part] -= scaled[group]
    _fill_empty_parts(part_of_group, counts.sum(1), used)
    return part_of_group[groups]


def _deal(n: int, fractions: list[float]) -> Iterator[int]:
    behind = [0.0] * len(fractions)
    for _ in range(n):
        for part, fraction in enumerate(fractions):
            behind[part] += fraction
        part = max(range(len(fractions)), key=behind.__getitem__)
        behind[part] -= 1
        yield part


def _mend_classes(part_of: np.ndarray, strata: np.ndarray, order: np.ndarray) -> None:
    """Move one row of each class that part 0 lacks there, in place."""
    has = np.zeros(int(strata.max(initial=-1)) + 1, dtype=bool)
    has[strata[part_of == 0]] = True
    for row in order:
        if not has[strata[row]]:
            part_of[row] = 0
            has[strata[row]] = True


def _fill_empty_parts(part_of_group: np.ndarray, sizes: np.ndarray, used: np.ndarray) -> None:
    """A part that got no group takes the smallest of the part with the most groups, in place."""
    for part in np.flatnonzero(used):
        held = np.bincount(part_of_group[sizes > 0], minlength=len(used))
        if held[part] == 0 and held.max() > 1:
            donors = np.flatnonzero((part_of_group == int(held.argmax())) & (sizes > 0))
            part_of_group[donors[np.argmin(sizes[donors])]] = part
