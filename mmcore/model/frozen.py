"""Pretrained encoders that stay as they are, built once in a process for the models that share them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from mmcore.model.artefact import SavedFile, state_digest

if TYPE_CHECKING:
    from torch import nn

KEPT = 8
"""How many encoders are kept, the last used ones: a grid of more builds some of them again."""


class FrozenEncoders:
    """Encoders that no training changes, and digests of their states.

    The runs of a grid differ in their heads: most of them read through the same few encoders.
    """

    def __init__(self) -> None:
        self._built: OrderedDict[str, nn.Module] = OrderedDict()
        self._digests: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()
        self.saved: dict[str, SavedFile] = {}
        """What an encoder's state stands for → a file that holds it."""

    def get(self, key: str, build: Callable[[], nn.Module]) -> nn.Module:
        """The encoder that `key` stands for, built where it is not at hand."""
        if key not in self._built:
            self._built[key] = build()
        self._built.move_to_end(key)
        while len(self._built) > KEPT:
            self._built.popitem(last=False)
        return self._built[key]

    def digest(self, module: nn.Module) -> str:
        """`state_digest`, taken once of an encoder that is kept here."""
        if not any(module is kept for kept in self._built.values()):
            return state_digest(module)
        if module not in self._digests:
            self._digests[module] = state_digest(module)
        return self._digests[module]
