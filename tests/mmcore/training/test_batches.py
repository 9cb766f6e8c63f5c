"""The order of training rows depends on the seed and the epoch alone."""

from hypothesis import given
from hypothesis import strategies as st

from mmcore.training.batches import EpochBatches


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5), st.integers(0, 5))
def test_every_row_comes_once_an_epoch_and_never_alone(n_rows, batch_size, seed, epoch):
    batches = EpochBatches(n_rows, batch_size=batch_size, seed=seed)
    batches.set_epoch(epoch)
    drawn = list(batches)
    assert sorted(row for batch in drawn for row in batch) == list(range(n_rows))
    assert len(drawn) == len(batches)
    assert all(len(batch) <= batch_size + 1 for batch in drawn)
    if n_rows > 1 and batch_size > 1:
        assert all(len(batch) > 1 for batch in drawn)
    again = EpochBatches(n_rows, batch_size=batch_size, seed=seed)
    again.set_epoch(epoch)
    assert list(again) == drawn


def test_epochs_and_seeds_are_shuffled_differently():
    orders = set()
    for seed in (0, 1):
        batches = EpochBatches(30, batch_size=30, seed=seed)
        for epoch in (0, 1, 2):
            batches.set_epoch(epoch)
            orders.add(tuple(next(iter(batches))))
    assert len(orders) == 6
