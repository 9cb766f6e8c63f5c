"""Conditions worse than those a model was trained under: modalities that are missing, noisy, out of step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch

from mmcore.data.kind import CapabilityMissing
from mmcore.errors import DataError, OptionError
from mmcore.options import Field, Options

if TYPE_CHECKING:
    from mmcore.data.kind import Inputs, Kind
    from mmcore.data.loading import Item, RowDataset

MEASURED_ROWS = 32
"""Rows by which the unit of the noise is measured."""

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, le=1000)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class Condition(Options):
    """What happens to test rows before a finished model sees them; modalities that it does not read are passed over.

    >>> Condition(missing={"rgb": 0.5}, noise={"depth": 1.0}).modalities
    ('depth', 'rgb')
    """

    missing: dict[str, Share] = Field(
        default_factory=dict, description="modality → share of the rows in which it is absent, drawn by row"
    )
    noise: dict[str, Amount] = Field(
        default_factory=dict,
        description="modality → standard deviation of Gaussian noise on its prepared tensors, in units of their own",
    )
    desynchronise: dict[str, Seconds] = Field(
        default_factory=dict,
        description="modality → seconds by which its clock lags at the end: it shows its beginning, spread over the "
        "whole time",
    )

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that it names."""
        return tuple(sorted({*self.missing, *self.noise, *self.desynchronise}))


class LaggingKind:
    """A kind that shows all but the last `seconds` of each sample; in everything else it is `kind`."""

    def __init__(self, kind: Kind, seconds: float):
        self._kind, self._seconds = kind, seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)

    def prepare(self, sample: Any, spec: Any) -> Inputs:
        """What the encoder sees of the sample's beginning.

        Raises:
            DataError: the sample is not longer than the lag.
            OptionError: the kind has no time axis.
        """
        try:
            left = self._kind.duration(sample) - self._seconds
            if left <= 0:
                raise DataError(f"a sample that lasts {left + self._seconds:.3g} s can't lag {self._seconds:.3g} s")
            return self._kind.prepare(self._kind.cut(sample, left), spec)
        except CapabilityMissing as error:
            raise OptionError(f"{error}, so it can't be out of step", path=("desynchronise",)) from error


def lagging(kinds: Mapping[str, Kind], condition: Condition) -> dict[str, Any]:
    """Modality → its kind, or one that lags as the condition says."""
    late = condition.desynchronise
    return {name: LaggingKind(kind, late[name]) if name in late else kind for name, kind in kinds.items()}


def presence_under(
    condition: Condition, present: np.ndarray, modalities: Sequence[str], index: np.ndarray, *, seed: int
) -> np.ndarray:
    """Who is left, `(N, M)` bool, of `present (N, M)`; drawn by seed and row number, so the same for every model.

    >>> presence_under(Condition(missing={"b": 1.0}), np.ones((2, 2), dtype=bool), ("a", "b"), np.arange(2), seed=0)
    array([[ True, False],
           [ True, False]])
    """
    left = np.array(present, dtype=bool)
    for column, name in enumerate(modalities):
        if share := condition.missing.get(name):
            draws = [_generator(seed, int(row), name, "missing").random() for row in index]
            left[:, column] &= np.array(draws) >= share
    return left


class ChangedRows(torch.utils.data.Dataset[Any]):
    """Prepared rows under a condition, for `mmcore.evaluation.inference.infer`.

    Args:
        rows: prepared rows, with their kinds replaced by `lagging` ones, and nothing cached.
        present: `(N, M)`, who is left; at least one in each row.
        condition: whose noise is added. Its unit is the standard deviation of each floating tensor over the first
            rows, so an amount of 1 is as strong as the signal, whatever the kind.

    Raises:
        OptionError: a modality is to be noisy and is prepared as whole numbers.
    """

    def __init__(self, rows: RowDataset, present: np.ndarray, condition: Condition, *, seed: int):
        self.rows, self.present, self.condition, self.seed = rows, present, condition, seed
        noisy = [name for name, amount in condition.noise.items() if amount and name in rows.kinds]
        self.units = {name: self._measured(name) for name in noisy}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Item:
        item = self.rows[position]
        inputs = dict(item.inputs)
        for column, name in enumerate(item.kinds):
            if not self.present[position, column]:
                inputs[name] = self.rows.blanks[name]
            elif name in self.units:
                inputs[name] = self._noisy(name, inputs[name], item.index)
        return replace(item, inputs=inputs, present=self.present[position].copy())

    def _noisy(self, name: str, inputs: Inputs, index: int) -> Inputs:
        draw = _generator(self.seed, index, name, "noise")
        amount = self.condition.noise[name]
        changed = dict(inputs)
        for key in sorted(self.units[name]):
            noise = torch.from_numpy(draw.standard_normal(tuple(inputs[key].shape)))
            changed[key] = inputs[key] + (amount * self.units[name][key] * noise).to(inputs[key].dtype)
        return changed

    def _measured(self, name: str) -> dict[str, float]:
        """Tensor → its standard deviation."""
        column = list(self.rows.kinds).index(name)
        there = np.flatnonzero(self.present[:, column])[:MEASURED_ROWS]
        values: dict[str, list[torch.Tensor]] = {}
        for position in there.tolist():
            for key, tensor in self.rows[position].inputs[name].items():
                if tensor.is_floating_point():
                    values.setdefault(key, []).append(tensor.reshape(-1).double())
        if len(there) and not values:
            raise OptionError(
                f"{name!r} is prepared as whole numbers, to which no noise can be added", path=("noise", name)
            )
        return {key: float(torch.cat(parts).std(correction=0)) for key, parts in values.items()}


def _generator(seed: int, row: int, name: str, purpose: str) -> np.random.Generator:
    return np.random.default_rng([seed, row, *f"{purpose} {name}".encode()])
