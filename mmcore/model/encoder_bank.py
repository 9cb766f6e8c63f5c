"""The encoders of a model: one tower per module, and which modality goes through which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn

from mmcore.errors import ComponentError, CompositionError
from mmcore.model.trainable import Trainable, apply_trainable, train_mode
from mmcore.representation import Representation

if TYPE_CHECKING:
    from mmcore.data.batch import Batch
    from mmcore.declarations import Encoder, InputSpec


@dataclass
class EncoderSlot:
    """One modality's encoder.

    Args:
        declaration: where the module comes from; None for a module that the caller made.
        module: the encoder. One without `input_spec` is a plain torch module: it is called with the tensor `primary`.
        trainable: "none", "all" or {"last": N}.
        learning_rate: of its parameters; None for the training's own.
        share: modalities with one share name go through one tower; their slots must hold the same module.
        input_spec: of a plain module; others bring their own.
        dim: width of a plain module's vectors; others bring their own.
        primary: the input that a plain module is called with.
    """

    declaration: Encoder | None
    module: nn.Module
    trainable: Trainable = "none"
    learning_rate: float | None = None
    share: str | None = None
    input_spec: InputSpec | None = None
    dim: int | None = None
    primary: str = "values"

    @property
    def label(self) -> str:
        """How errors name the encoder."""
        return repr(self.declaration.name) if self.declaration else type(self.module).__name__


class EncoderBank(nn.Module):
    """The encoders of several modalities.

    Attributes:
        towers: tower name → module.
        tower_of: modality → tower name.
        dims: modality → width of its vectors.
        specs: modality → how its samples are prepared.
    """

    def __init__(self, slots: Mapping[str, EncoderSlot]):
        super().__init__()
        self._slots = dict(slots)
        self.tower_of = {name: slot.share or name for name, slot in slots.items()}
        self.towers = nn.ModuleDict()
        for name, slot in slots.items():
            tower = self.tower_of[name]
            _refuse_as_name_of_a_module(name, tower)
            if tower in self.towers:
                if self.towers[tower] is not slot.module:
                    raise CompositionError(f"modality {name!r} shares {tower!r}, but brings a module of its own")
                continue
            self.towers[tower] = slot.module
            apply_trainable(slot.module, slot.trainable, where=f"encoder {slot.label} of {name!r}")
        self.dims = {name: _promised(slot, "dim", name) for name, slot in slots.items()}
        self.specs = {name: _promised(slot, "input_spec", name) for name, slot in slots.items()}

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(self._slots)

    def tower(self, modality: str) -> nn.Module:
        """The module that a modality goes through."""
        return self.towers[self.tower_of[modality]]

    def is_frozen(self, modality: str) -> bool:
        """Whether nothing in a modality's tower trains."""
        return not any(parameter.requires_grad for parameter in self.tower(modality).parameters())

    def encode(self, batch: Batch) -> dict[str, Representation]:
        """The representation of each modality that a batch has; zeros in the rows where it is absent.

        Representations that the batch brings are used as they are. An encoder sees the rows in which its modality is
        present and no others.

        Raises:
            ComponentError: an encoder returned something else than it promised.
        """
        encoded = {}
        for name in (name for name in self.modalities if name in batch.modalities):
            present = batch.present[:, batch.modalities.index(name)]
            ready = batch.representations.get(name)
            encoded[name] = (self._encode(name, batch, present) if ready is None else ready).only(present)
        return encoded

    def parameter_groups(self, default_lr: float) -> list[dict[str, Any]]:
        """The trainable parameters of each tower with its learning rate."""
        groups, seen = [], set()
        for name, slot in self._slots.items():
            if self.tower_of[name] in seen:
                continue
            seen.add(self.tower_of[name])
            parameters = [parameter for parameter in self.tower(name).parameters() if parameter.requires_grad]
            if parameters:
                groups.append(
                    {"params": parameters, "lr": default_lr if slot.learning_rate is None else slot.learning_rate}
                )
        return groups

    def train(self, mode: bool = True) -> Self:
        """Frozen parts stay in evaluation mode."""
        self.training = self.towers.training = mode
        for tower in self.towers.values():
            train_mode(tower, mode=mode)
        return self

    def _encode(self, name: str, batch: Batch, present: Tensor) -> Representation:
        inputs = batch.inputs.get(name)
        if inputs is None:
            raise ComponentError(f"the batch holds neither inputs nor a representation of {name!r}")
        if bool(present.all()):
            return self._call(name, inputs, len(present))
        rows = present.nonzero()[:, 0]
        if not len(rows):
            return Representation(torch.zeros(len(present), self.dims[name], device=present.device))
        some = self._call(name, {key: tensor[rows] for key, tensor in inputs.items()}, len(rows))
        return _spread(some, rows, len(present))

    def _call(self, name: str, inputs: Mapping[str, Tensor], count: int) -> Representation:
        slot, tower = self._slots[name], self.tower(name)
        returned = tower(inputs) if hasattr(tower, "input_spec") else tower(inputs[slot.primary])
        representation = returned if isinstance(returned, Representation) else None
        if isinstance(returned, Tensor):
            representation = Representation(returned)
        if representation is None:
            raise ComponentError(
                f"encoder {slot.label} of {name!r} returned {type(returned).__name__}",
                hint="Return a mmcore.Representation, or a tensor (B, dim).",
            )
        expected = (count, self.dims[name])
        if tuple(representation.vector.shape) != expected:
            raise ComponentError(
                f"encoder {slot.label} of {name!r} promised {expected}, returned {tuple(representation.vector.shape)}",
                hint="`dim` must be the width of what forward returns, one row per row of the batch.",
            )
        return representation


def _spread(some: Representation, rows: Tensor, count: int) -> Representation:
    """The rows of `some` at their places among `count` rows, zeros elsewhere."""

    def place(values: Tensor | None) -> Tensor | None:
        if values is None:
            return None
        return values.new_zeros(count, *values.shape[1:]).index_copy(0, rows, values)

    vector = place(some.vector)
    assert vector is not None
    return Representation(vector, place(some.tokens), place(some.mask))


def _refuse_as_name_of_a_module(*names: str) -> None:
    for name in names:
        if not name or "." in name or hasattr(nn.ModuleDict(), name) or hasattr(nn.ParameterDict(), name):
            raise CompositionError(
                f"{name!r} can't be the name of a modality or a tower: modules are named after it, and torch does not "
                "allow that name",
                hint=f"Call it {name.replace('.', '_')}_, for example." if name else None,
            )


def _promised(slot: EncoderSlot, what: str, modality: str) -> Any:
    value = getattr(slot.module, what, None)
    value = getattr(slot, what) if value is None else value
    if value is None:
        raise ComponentError(
            f"encoder {slot.label} of {modality!r} has no `{what}`",
            hint="Its module needs `input_spec` (how samples are prepared) and `dim` (the width of its vectors).",
        )
    return value


def banks_in(modules: Iterable[nn.Module]) -> list[EncoderBank]:
    """The encoder banks among modules."""
    return [module for module in modules if isinstance(module, EncoderBank)]
