"""Which maskings of a modality are encoded: nobody, everybody, and complementary pairs far from one another."""

from __future__ import annotations

import numpy as np

from mmcore.attribution.estimators.enumeration import all_masks

CANDIDATES = 12
"""Of so many random masks the one farthest from those taken is taken next."""


class Design:
    """A growing set of masks of n players, as rows `(m, n)` bool; a larger one begins with the smaller one."""

    def __init__(self, n: int, generator: np.random.Generator):
        self.n, self.generator = n, generator
        ends = np.zeros((min(2, 2**n), n), dtype=bool)
        ends[-1] = True
        self.masks = ends if n else np.zeros((1, 0), dtype=bool)

    @property
    def complete(self) -> bool:
        """Whether all 2^n masks are there."""
        return self.n < 63 and len(self.masks) >= 2**self.n

    def extend(self, count: int) -> np.ndarray:
        """At least `count` masks, all of them where there are no more; pairs are never parted."""
        most = 2**self.n if self.n < 63 else count
        if count >= most and not self.complete:
            self._add(_missing(self.masks, all_masks(self.n)))
        while len(self.masks) < min(count, most):
            self._add(self._farthest_pair())
        return self.masks

    def _farthest_pair(self) -> np.ndarray:
        known = {bytes(row) for row in np.packbits(self.masks, axis=1)}
        while True:
            drawn = self.generator.random((CANDIDATES, self.n)) < self.generator.random((CANDIDATES, 1))
            new = np.array([bytes(row) not in known for row in np.packbits(drawn, axis=1)])
            if new.any():
                break
        drawn = drawn[new]
        distances = (drawn[:, None, :] != self.masks[None, :, :]).sum(axis=2).min(axis=1)
        best = drawn[int(distances.argmax())]
        return np.stack([best, ~best])

    def _add(self, rows: np.ndarray) -> None:
        self.masks = np.concatenate([self.masks, rows])


def _missing(known: np.ndarray, everything: np.ndarray) -> np.ndarray:
    have = {bytes(row) for row in np.packbits(known, axis=1)}
    return everything[[bytes(row) not in have for row in np.packbits(everything, axis=1)]]


def shares_of_budget(budget: int, sizes: dict[str, int], wanted: dict[str, float]) -> dict[str, int]:
    """Masks for each modality: in proportion to `wanted`, at most 2^n each, what one does not need for the others."""
    most = {name: 2**n if n < 31 else 2**31 for name, n in sizes.items()}
    found: dict[str, int] = {}
    left, open_ = budget, dict(wanted)
    while open_:
        total = sum(open_.values()) or 1.0
        share = {name: left * part / total for name, part in open_.items()}
        full = [name for name in open_ if share[name] >= most[name]]
        if not full:
            found |= {name: max(2, int(part)) for name, part in share.items()}
            break
        for name in full:
            found[name] = most[name]
            left -= most[name]
            del open_[name]
    return {name: min(most[name], found[name]) for name in sizes}
