"""Games: players grouped by modality, and a value for each coalition of them. Estimators know games, not models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from mmcore.errors import ComponentError

if TYPE_CHECKING:
    from mmcore.representation import Representation

COMBINATIONS = 65_536
"""Combinations of maskings whose value is asked for at a time."""


class Game(ABC):
    """Players of several modalities, and the value of every coalition.

    A coalition is a row of `keep (K, n)` bool: the players that are kept, while the others are masked. Players are
    numbered modality by modality.

    Args:
        labels: modality → what each of its players is called; a modality may have no player.
        outputs: the names of several values per coalition; None when there is one.

    Attributes:
        groups: modality → the numbers of its players.
        passes: modality → encoder passes made so far.
        evaluations: coalitions whose value was computed so far.
    """

    def __init__(self, labels: Mapping[str, Sequence[str]], outputs: Sequence[str] | None = None):
        self.labels: Mapping[str, tuple[str, ...]] = MappingProxyType({name: tuple(of) for name, of in labels.items()})
        self.outputs = None if outputs is None else tuple(outputs)
        groups, start = {}, 0
        for name, of in self.labels.items():
            groups[name] = range(start, start + len(of))
            start += len(of)
        self.groups: Mapping[str, range] = MappingProxyType(groups)
        self.n_players = start
        self.passes: Counter[str] = Counter()
        self.evaluations = 0

    @property
    def n_passes(self) -> int:
        """Encoder passes of all modalities: what a budget counts."""
        return self.passes.total()

    @property
    def two_stage(self) -> bool:
        """Whether it encodes each distinct masking of a modality once, so that combinations are nearly free."""
        return False

    def value(self, keep: np.ndarray) -> np.ndarray:
        """The values of coalitions `keep (K, n)` bool: `(K,)`, or `(K, C)` where there are several outputs; float64.

        Raises:
            ValueError: `keep` is not a bool array of that shape.
            ComponentError: the model gave something that is no finite number.
        """
        keep = np.asarray(keep)
        if keep.dtype != np.bool_ or keep.ndim != 2 or keep.shape[1] != self.n_players:
            raise ValueError(f"coalitions are (K, {self.n_players}) bool, not {keep.shape} {keep.dtype}")
        if not len(keep):
            return np.zeros((0,) if self.outputs is None else (0, len(self.outputs)))
        return self._finite(np.asarray(self._values(keep), dtype=np.float64))

    def product(self, keeps: Mapping[str, np.ndarray]) -> np.ndarray:
        """The values of every combination of per-modality maskings.

        Args:
            keeps: modality → `(m_k, n_k)` bool, one entry for each of `groups`.

        Returns:
            `(m_1, …, m_M)`, with outputs as a last axis where there are several; axes in the order of `groups`.
        """
        if set(keeps) != set(self.groups):
            raise ValueError(f"maskings of {sorted(keeps)} for the modalities {sorted(self.groups)}")
        shape = tuple(len(keeps[name]) for name in self.groups)
        parts = []
        for start in range(0, prod(shape), COMBINATIONS):
            flat = np.arange(start, min(start + COMBINATIONS, prod(shape)))
            places = zip(self.groups, np.unravel_index(flat, shape), strict=True)
            parts.append(self.value(np.concatenate([keeps[name][at] for name, at in places], axis=1)))
        values = np.concatenate(parts) if parts else self.value(np.zeros((0, self.n_players), bool))
        return values.reshape(shape + values.shape[1:])

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The value with every player masked, v(∅), and the value with all of them kept, v(N)."""
        keep = np.zeros((2, self.n_players), dtype=bool)
        keep[1] = True
        nobody, everybody = self.value(keep)
        return nobody, everybody

    @abstractmethod
    def _values(self, keep: np.ndarray) -> np.ndarray:
        """`(K,)` or `(K, C)` for K > 0 coalitions; counts `passes` and `evaluations`."""

    def _finite(self, values: np.ndarray) -> np.ndarray:
        bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if bad.any():
            raise ComponentError(
                f"the model gave NaN or infinity for {int(bad.sum())} of {len(values)} maskings of one row",
                hint="`mmcore check` finds encoders and methods that do so.",
            )
        return values


class TwoStageGame(Game):
    """A game whose model encodes each modality by itself: m_1 + … + m_M passes buy m_1 · … · m_M values.

    `value` and `product` use `encode` and `fuse`; an estimator that knows what maskings look like to the head
    (because it emulates them) may call these itself.
    """

    @property
    def two_stage(self) -> bool:
        """True."""
        return True

    @abstractmethod
    def encode(self, modality: str, keep: np.ndarray) -> Representation:
        """Maskings `keep (m, n_k)` of one modality, encoded: m rows. Each distinct masking costs one pass, once."""

    @abstractmethod
    def fuse(self, representations: Mapping[str, Representation]) -> np.ndarray:
        """The values `(K,)` or `(K, C)` of K rows of every modality of `groups`: head evaluations only."""

    def fuse_product(self, representations: Mapping[str, Representation]) -> np.ndarray:
        """The values of every combination of rows, `(m_1, …, m_M)` and outputs; as `product`."""
        shape = tuple(len(representations[name].vector) for name in self.groups)
        parts = []
        for start in range(0, prod(shape), COMBINATIONS):
            flat = np.arange(start, min(start + COMBINATIONS, prod(shape)))
            places = zip(self.groups, np.unravel_index(flat, shape), strict=True)
            parts.append(self.fuse({name: rows_of(representations[name], at) for name, at in places}))
        values = np.concatenate(parts)
        return values.reshape(shape + values.shape[1:])

    def product(self, keeps: Mapping[str, np.ndarray]) -> np.ndarray:
        """As of every game, by `encode` and `fuse_product`."""
        if set(keeps) != set(self.groups):
            raise ValueError(f"maskings of {sorted(keeps)} for the modalities {sorted(self.groups)}")
        shape = tuple(len(keeps[name]) for name in self.groups)
        if not prod(shape):
            return np.zeros(shape if self.outputs is None else (*shape, len(self.outputs)))
        encoded = {name: self.encode(name, np.asarray(keeps[name], dtype=bool)) for name in self.groups}
        return self._finite(self.fuse_product(encoded).reshape(prod(shape), -1)).reshape(
            shape if self.outputs is None else (*shape, len(self.outputs))
        )

    def _values(self, keep: np.ndarray) -> np.ndarray:
        parts = {name: keep[:, of.start : of.stop] for name, of in self.groups.items()}
        return self.fuse({name: self.encode(name, part) for name, part in parts.items()})


def rows_of(representation: Representation, places: np.ndarray) -> Representation:
    """The rows of a representation at these places, in this order."""
    import torch

    from mmcore.representation import Representation

    index = torch.from_numpy(np.asarray(places, dtype=np.int64)).to(representation.vector.device)
    parts = (representation.vector, representation.tokens, representation.mask)
    taken = [None if part is None else part[index] for part in parts]
    return Representation(taken[0], taken[1], taken[2])  # type: ignore[arg-type]


class FunctionGame(Game):
    """A game given by a function: known values for tests, and for explaining anything that is not a model.

    It counts passes as a two-stage model would: one for each distinct masking of a modality.

    Args:
        labels: as of every game; a number stands for that many players.
        function: `keep (K, n)` → `(K,)` or `(K, C)`.

    >>> game = FunctionGame({"image": 2, "text": 1}, lambda keep: keep @ np.array([1.0, 2.0, 4.0]))
    >>> game.value(np.array([[True, False, True], [True, True, True]])).tolist(), dict(game.passes)
    ([5.0, 7.0], {'image': 2, 'text': 1})
    """

    def __init__(
        self,
        labels: Mapping[str, Sequence[str] | int],
        function: Callable[[np.ndarray], np.ndarray],
        outputs: Sequence[str] | None = None,
    ):
        named = {
            name: tuple(f"{name} {number}" for number in range(of)) if isinstance(of, int) else tuple(of)
            for name, of in labels.items()
        }
        super().__init__(named, outputs)
        self._function = function
        self._seen: dict[str, set[bytes]] = {name: set() for name in self.groups}

    def _values(self, keep: np.ndarray) -> np.ndarray:
        for name, of in self.groups.items():
            self._seen[name].update(map(bytes, np.packbits(keep[:, of.start : of.stop], axis=1)))
            self.passes[name] = len(self._seen[name])
        self.evaluations += len(keep)
        return self._function(keep)


class TableGame(FunctionGame):
    """A game given by the values of all 2^n coalitions; player i is bit i of a coalition's number.

    >>> xor = TableGame({"image": 1, "text": 1}, [0.0, 1.0, 1.0, 0.0])
    >>> xor.value(np.array([[False, False], [True, False], [True, True]])).tolist()
    [0.0, 1.0, 0.0]
    """

    def __init__(
        self,
        labels: Mapping[str, Sequence[str] | int],
        values: Sequence[float] | np.ndarray,
        outputs: Sequence[str] | None = None,
    ):
        self.values = np.asarray(values, dtype=np.float64)
        super().__init__(labels, self._look_up, outputs)
        if len(self.values) != 2**self.n_players:
            raise ValueError(f"{len(self.values)} values for {self.n_players} players; there are 2^n coalitions")

    def _look_up(self, keep: np.ndarray) -> np.ndarray:
        return self.values[keep @ (1 << np.arange(self.n_players))]
