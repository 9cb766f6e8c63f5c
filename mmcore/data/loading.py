"""Rows to batches: prepared items, what stands for an absent modality, and their collation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmcore.data.batch import Batch
from mmcore.data.fingerprints import size_of
from mmcore.data.reading import ReadRow, RowReader, iterate_rows
from mmcore.errors import ComponentError, DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmcore.data.kind import Inputs, Kind
    from mmcore.declarations import InputSpec

Tree = dict[str, Any]
"""A batch as nested dicts of tensors, which accelerate moves between devices."""

KEPT_BYTES = 2**30
"""Prepared rows that a data set keeps in memory, at most: a clip costs more to read again than to train on."""


StoredRow = Mapping[str, np.ndarray]
"""What was computed of one row: "vector" `(D,)`, and where there are tokens "tokens" `(L, D)` and "mask" `(L,)`."""

Stored = Any
"""What was computed of all rows, by row number: vectors `(N, D)`, or what gives a `StoredRow` for each number."""


@dataclass(frozen=True)
class Item:
    """One prepared row. `representations` hold what was computed before; such a modality has no inputs."""

    inputs: Mapping[str, Inputs]
    representations: Mapping[str, StoredRow]
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
        representations: modality → what was computed before, by row number; its cells are not decoded. Several in a
            tuple take turns, epoch by epoch.
        augment: modality → whether its samples are changed at random, by (seed, epoch, row), for training.
            Synchronised modalities are changed by the same draws.
        views: modality → after how many epochs its changes begin again; without end where it is left out.
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
        representations: Mapping[str, Stored | tuple[Stored, ...]] | None = None,
        augment: Mapping[str, bool] | None = None,
        views: Mapping[str, int] | None = None,
        seed: int = 0,
    ):
        self.rows, self.reader, self.kinds, self.specs, self.blanks = rows, reader, dict(kinds), specs, blanks
        self.indices = np.arange(len(rows)) if indices is None else np.asarray(indices, dtype=np.int64)
        self.targets = targets
        self.representations = {name: stored for name, stored in (representations or {}).items() if name in kinds}
        wanted = [name for name in self.kinds if name not in self.representations]
        self.augment = {name for name, changed in (augment or {}).items() if changed and name in wanted}
        self.views, self.seed, self.epoch = dict(views or {}), seed, 0
        self._kept: dict[int, Item] = {}
        self._decoded: dict[int, ReadRow] = {}  # where prepared rows differ from epoch to epoch
        self._room = KEPT_BYTES
        self._live = _reader_of(wanted, reader)
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
            return self._with_stored(self._kept[position])
        known = position in self._decoded or not self._live.fields
        return self._item(int(position), {} if known else self.rows[int(self.indices[position])])

    def __getitems__(self, positions: Sequence[int]) -> list[Item]:
        """Several items at once: torch's DataLoader asks so, and Arrow answers faster."""
        if not self._live.fields:
            return [self._item(int(position), {}) for position in positions]
        new = [int(at) for at in positions if int(at) not in self._kept and int(at) not in self._decoded]
        rows = iterate_rows(self.rows, self._live.columns, [int(self.indices[position]) for position in new])
        made = {position: self._item(position, row) for position, (_, row) in zip(new, rows, strict=True)}
        return [made.get(position) or self[position] for position in map(int, positions)]

    def _item(self, position: int, row: Mapping[str, Any]) -> Item:
        index = int(self.indices[position])
        read = self._decoded.get(position) or self._live.read(row)
        for name, error in read.problems.items():
            if name in self.kinds:  # not one that is read for its length alone
                error.where = error.where or f"row {index}, {name}"
                raise error
        present = self._cached_present[position].copy()
        inputs = {}
        for column, name in enumerate(self.kinds):
            if name in self.representations:
                continue
            if name in read.samples:
                present[column] = True
                sample = self._changed(name, read.samples[name], index)
                inputs[name] = self.kinds[name].prepare(sample, self.specs[name])
            else:
                inputs[name] = self.blanks[name]
        if not present.any():
            raise DataError(f"row {index} has none of the modalities {', '.join(self.kinds)}")
        target = None if self.targets is None else self.targets[index]
        item = Item(inputs, {}, present, index, target, self.kinds)
        self._keep(position, item, read)
        return self._with_stored(item)

    def _with_stored(self, item: Item) -> Item:
        """With what was computed of the row before; of several views, this epoch's."""
        if not self.representations:
            return item
        found = {}
        for name, stored in self.representations.items():
            of_epoch = stored[self.epoch % len(stored)] if isinstance(stored, tuple) else stored
            row = of_epoch[item.index]
            found[name] = row if isinstance(row, Mapping) else {"vector": row}
        return replace(item, representations=found)

    def _keep(self, position: int, item: Item, read: ReadRow) -> None:
        """Remember a prepared row, or its samples where they are changed, while there is room; not in a worker process,
        of which each would keep its own.
        """
        if position in self._decoded or torch.utils.data.get_worker_info() is not None:
            return
        if self.augment:
            size = sum(map(size_of, read.samples.values()))
        else:
            size = sum(tensor.nbytes for tensors in item.inputs.values() for tensor in tensors.values())
        if not 0 < size <= self._room:
            return
        self._room -= size
        if self.augment:
            self._decoded[position] = read
        else:
            self._kept[position] = item

    def _changed(self, name: str, sample: Any, index: int) -> Any:
        if name not in self.augment:
            return sample
        view = self.epoch % self.views[name] if name in self.views else self.epoch
        # by row and epoch, not by a running state: the same after a resume and with any number of workers; by the time
        # axis, not the modality: the same part of a colour image and of its depths
        axis = next((group for group in self.reader.synchronised if name in group), (name,))
        draws = np.random.default_rng([self.seed, view, index, *" ".join(axis).encode()])
        return self.kinds[name].augment(sample, draws)

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

    `inputs` modality → name → `(B, …)`; `representations` modality → "vector" → `(B, D)`, and where tokens were
    computed "tokens" → `(B, L, D)`, padded with zeros, and "mask" → `(B, L)` bool, true for those that count;
    `present (B, M)` bool; `index (B,)`; `targets (B, …)` where there are any.
    """
    first = items[0]
    tree: Tree = {
        "inputs": {name: _collate_inputs(items, name) for name in first.inputs},
        "representations": {
            name: _collate_stored([item.representations[name] for item in items]) for name in first.representations
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
            name: Representation(stored["vector"], stored.get("tokens"), stored.get("mask"))
            for name, stored in tree.get("representations", {}).items()
        },
        index=tree.get("index"),
    )


def _reader_of(names: Sequence[str], reader: RowReader) -> RowReader:
    """Reads these modalities, and those on one time axis with them: together they say how long each is."""
    axes = {name: next((group for group in reader.synchronised if name in group), (name,)) for name in names}
    read = {other for axis in axes.values() for other in axis if len(axis) > 1} | set(names)
    fields = {name: field for name, field in reader.fields.items() if name in read}
    return RowReader(fields, reader.kinds, reader.root, reader.budget, reader.synchronised)


def _collate_stored(rows: Sequence[StoredRow]) -> dict[str, torch.Tensor]:
    stored = {"vector": torch.from_numpy(np.stack([row["vector"] for row in rows]))}
    if "tokens" in rows[0]:
        longest = max(1, *(len(row["mask"]) for row in rows))
        tokens = np.zeros((len(rows), longest, rows[0]["tokens"].shape[1]), dtype=np.float32)
        mask = np.zeros((len(rows), longest), dtype=bool)
        for number, row in enumerate(rows):
            tokens[number, : len(row["mask"])], mask[number, : len(row["mask"])] = row["tokens"], row["mask"]
        stored |= {"tokens": torch.from_numpy(tokens), "mask": torch.from_numpy(mask)}
    return stored


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
