"""Rows to batches: prepared items, what stands for an absent modality, and their collation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmcore.data.batch import Batch
from mmcore.data.reading import RowReader, iterate_rows
from mmcore.errors import ComponentError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mmcore.data.kind import Inputs, Kind
    from mmcore.declarations import InputSpec

Tree = dict[str, Any]
"""A batch as nested dicts of tensors, which accelerate moves between devices."""

KEPT_BYTES = 2**30
"""Prepared rows that a data set keeps in memory, at most: a clip costs more to read again than to train on."""


@dataclass(frozen=True)
class Item:
    """One prepared row. `representations` hold what was computed before; such a modality has no inputs."""

    inputs: Mapping[str, Inputs]
    representations: Mapping[str, np.ndarray]
    present: np.ndarray
    index: int
    target: Any
    kinds: Mapping[str, Kind]


class RowDataset(torch.utils.data.Dataset[Item]):
    """Rows as prepared items, for a torch DataLoader with `collate`.

    Args:
        rows: a `datasets.Dataset` or a list of dicts.
        indices: the row numbers to give, in this order; None gives all.
        reader: decodes rows.
        kinds: modality → kind, in the model's order.
        specs: modality → how its encoder wants it prepared.
        blanks: modality → what stands where it is absent.
        targets: encoded targets by row number; None when unknown.
        representations: modality → vectors `(N, D)` by row number, computed before; its cells are not decoded.
        augment: modality → whether its samples are changed at random, by (seed, epoch, row), for training.
        seed: of the augmentation.

    Raises:
        InputError: when a row is taken that can't be read; survey rows before, and leave such rows out.
        DataError: when a row is taken that has no modality at all.
    """

    def __init__(
        self,
        rows: Any,
        *,
        reader: RowReader,
        kinds: Mapping[str, Kind],
        specs: Mapping[str, InputSpec],
        blanks: Mapping[str, Inputs],
        indices: np.ndarray | Sequence[int] | None = None,
        targets: np.ndarray | None = None,
        representations: Mapping[str, np.ndarray] | None = None,
        augment: Mapping[str, bool] | None = None,
        seed: int = 0,
    ):
        self.rows, self.reader, self.kinds, self.specs, self.blanks = rows, reader, dict(kinds), specs, blanks
        self.indices = np.arange(len(rows)) if indices is None else np.asarray(indices, dtype=np.int64)
        self.targets = targets
        self.representations = {name: vectors for name, vectors in (representations or {}).items() if name in kinds}
        self.augment = {name for name, wanted in (augment or {}).items() if wanted and name in kinds}
        self.seed, self.epoch = seed, 0
        self._kept: dict[int, Item] = {}
        self._room = 0 if self.augment else KEPT_BYTES
        self._live = RowReader(
            {name: reader.fields[name] for name in self.kinds if name not in self.representations},
            self.kinds, reader.root, reader.budget, reader.synchronised,
        )  # fmt: skip
        self._cached_present = self._look_up_presence()

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names, in order."""
        return tuple(self.kinds)

    def set_epoch(self, epoch: int) -> None:
        """Draw other augmentations than in other epochs; called by accelerate's data loaders too."""
        self.epoch = int(epoch)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Item:
        if position in self._kept:
            return self._kept[position]
        row = self.rows[int(self.indices[position])] if self._live.fields else {}
        return self._item(int(position), row)

    def __getitems__(self, positions: Sequence[int]) -> list[Item]:
        """Several items at once: torch's DataLoader asks so, and Arrow answers faster."""
        if not self._live.fields:
            return [self._item(int(position), {}) for position in positions]
        new = [int(position) for position in positions if int(position) not in self._kept]
        rows = iterate_rows(self.rows, self._live.columns, [int(self.indices[position]) for position in new])
        made = {position: self._item(position, row) for position, (_, row) in zip(new, rows, strict=True)}
        return [made[position] if position in made else self._kept[position] for position in map(int, positions)]

    def _item(self, position: int, row: Mapping[str, Any]) -> Item:
        index = int(self.indices[position])
        read = self._live.read(row)
        for name, error in read.problems.items():
            error.where = error.where or f"row {index}, {name}"
            raise error
        present = self._cached_present[position].copy()
        inputs, representations = {}, {}
        for column, name in enumerate(self.kinds):
            if name in self.representations:
                representations[name] = self.representations[name][index]
            elif name in read.samples:
                present[column] = True
                inputs[name] = self.kinds[name].prepare(
                    self._changed(name, column, read.samples[name], index), self.specs[name]
                )
            else:
                inputs[name] = self.blanks[name]
        if not present.any():
            raise DataError(f"row {index} has none of the modalities {', '.join(self.kinds)}")
        target = None if self.targets is None else self.targets[index]
        item = Item(inputs, representations, present, index, target, self.kinds)
        self._keep(position, item)
        return item

    def _keep(self, position: int, item: Item) -> None:
        """Remember a prepared row while there is room; not in a worker process, of which each would keep its own."""
        size = sum(tensor.nbytes for tensors in item.inputs.values() for tensor in tensors.values())
        if size and size <= self._room and torch.utils.data.get_worker_info() is None:
            self._room -= size
            self._kept[position] = item

    def _changed(self, name: str, column: int, sample: Any, index: int) -> Any:
        if name not in self.augment:
            return sample
        # by row and epoch, not by a running state: the same after a resume and with any number of workers
        return self.kinds[name].augment(sample, np.random.default_rng([self.seed, self.epoch, index, column]))

    def _look_up_presence(self) -> np.ndarray:
        """`(n, M)` bool for the modalities whose vectors are there; false for those that are read later."""
        present = np.zeros((len(self.indices), len(self.kinds)), dtype=bool)
        cached = [(column, name) for column, name in enumerate(self.kinds) if name in self.representations]
        if cached:
            columns = [column for _, name in cached for column in self.reader.fields[name].columns]
            for position, (_, row) in enumerate(iterate_rows(self.rows, columns, self.indices)):
                for column, name in cached:
                    present[position, column] = self.reader.is_present(name, row)
        return present


def collate(items: Sequence[Item]) -> Tree:
    """Items as one batch: nested dicts of tensors.

    `inputs` modality → name → `(B, …)`; `representations` modality → "vector" → `(B, D)`; `present (B, M)` bool;
    `index (B,)`; `targets (B, …)` where there are any.
    """
    first = items[0]
    tree: Tree = {
        "inputs": {name: _collate_inputs(items, name) for name in first.inputs},
        "representations": {
            name: {"vector": torch.from_numpy(np.stack([item.representations[name] for item in items]))}
            for name in first.representations
        },
        "present": torch.from_numpy(np.stack([item.present for item in items])),
        "index": torch.tensor([item.index for item in items]),
    }
    if first.target is not None:
        tree["targets"] = torch.from_numpy(np.stack([item.target for item in items]))
    return tree


def batch_from_tree(tree: Mapping[str, Any], modalities: Sequence[str]) -> Batch:
    """What `collate` made, as the `Batch` that models read."""
    from mmcore.representation import Representation

    return Batch(
        modalities=tuple(modalities),
        present=tree["present"],
        inputs={name: dict(inputs) for name, inputs in tree.get("inputs", {}).items()},
        targets=tree.get("targets"),
        representations={
            name: Representation(stored["vector"]) for name, stored in tree.get("representations", {}).items()
        },
        index=tree.get("index"),
    )


def _collate_inputs(items: Sequence[Item], name: str) -> Inputs:
    kind = items[0].kinds[name]
    inputs = kind.collate([item.inputs[name] for item in items])
    for key, tensor in inputs.items():
        if len(tensor) != len(items):
            raise ComponentError(
                f"{type(kind).__name__}.collate made {len(tensor)} rows of {key!r} from {len(items)} rows of {name!r}",
                hint="A batch that loses a row would misalign every row after it.",
            )
    return inputs
