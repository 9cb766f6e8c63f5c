"""The order of training rows: drawn anew for each epoch, from the seed and the epoch alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator


class EpochBatches(torch.utils.data.Sampler[list[int]]):
    """Batches of row positions, shuffled by (seed, epoch), so that a resumed epoch goes on in the order it began.

    A last batch of a single row joins the batch before it: batch normalisation can't train on one row.

    >>> batches = EpochBatches(5, batch_size=2, seed=0)
    >>> sorted(sum(batches, [])), [len(batch) for batch in batches]
    ([0, 1, 2, 3, 4], [2, 3])
    """

    drop_last = False

    def __init__(self, n_rows: int, *, batch_size: int, seed: int):
        self.n_rows, self.batch_size, self.seed, self.epoch = n_rows, batch_size, seed, 0
        self.generator = torch.Generator()
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        """Shuffle otherwise than in other epochs."""
        self.epoch = int(epoch)
        self.generator.manual_seed(int(np.random.SeedSequence([self.seed, self.epoch]).generate_state(1)[0]))

    def __len__(self) -> int:
        return len(self._starts())

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.n_rows)
        for batch in np.split(order, self._starts()[1:]):
            yield batch.tolist()

    def _starts(self) -> list[int]:
        starts = list(range(0, self.n_rows, self.batch_size))
        if len(starts) > 1 and self.n_rows - starts[-1] == 1:
            starts.pop()
        return starts
