"""Conditions: who is left, how strong the noise is, what a lagging clip shows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mmcore
from mmcore.data.kind import Kind
from mmcore.evaluation.conditions import ChangedRows, Condition, LaggingKind, presence_under

shares = st.floats(0, 1)


class Rows:
    """Prepared rows as `RowDataset` gives them: a signal of standard deviation 3, and whole numbers."""

    def __init__(self, count=200):
        self.count, self.kinds = count, {"signal": None, "words": None}
        self.blanks = {"signal": {"values": torch.zeros(50)}, "words": {"ids": torch.zeros(4, dtype=torch.long)}}

    def __len__(self):
        return self.count

    def __getitem__(self, position):
        from mmcore.data.loading import Item

        generator = torch.Generator().manual_seed(position)
        inputs = {
            "signal": {"values": 3 * torch.randn(50, generator=generator) + 7},
            "words": {"ids": torch.arange(4)},
        }
        return Item(inputs, {}, np.array([True, True]), position, None, self.kinds)


@given(shares, st.integers(0, 5))
@settings(deadline=None, max_examples=20)
def test_a_share_of_the_rows_lacks_a_modality_and_no_absent_one_appears(share, seed):
    before = np.random.default_rng(seed).random((400, 2)) < 0.8
    left = presence_under(Condition(missing={"b": share}), before, ("a", "b"), np.arange(400), seed=seed)
    assert (left[:, 0] == before[:, 0]).all()
    assert not (left & ~before).any()
    lost = (before & ~left)[:, 1].sum() / before[:, 1].sum()
    assert abs(lost - share) < 5 * np.sqrt(share * (1 - share) / before[:, 1].sum()) + 1e-9


def test_which_rows_lack_it_does_not_depend_on_the_other_modalities_or_rows():
    condition, rows = Condition(missing={"b": 0.5}), np.arange(100)
    both = presence_under(condition, np.ones((100, 2), dtype=bool), ("a", "b"), rows, seed=0)
    alone = presence_under(condition, np.ones((50, 1), dtype=bool), ("b",), rows[50:], seed=0)
    assert (both[50:, 1] == alone[:, 0]).all()


def test_noise_of_amount_one_is_as_strong_as_the_signal_and_the_same_each_time():
    rows, present = Rows(), np.ones((200, 2), dtype=bool)
    changed = ChangedRows(rows, present, Condition(noise={"signal": 1.0}), seed=1)
    noise = torch.stack([changed[row].inputs["signal"]["values"] - rows[row].inputs["signal"]["values"]
                         for row in range(200)])  # fmt: skip
    assert noise.std().item() == pytest.approx(3, rel=0.05)
    assert abs(noise.mean().item()) < 0.15
    assert torch.equal(changed[5].inputs["signal"]["values"], changed[5].inputs["signal"]["values"])
    assert torch.equal(changed[5].inputs["words"]["ids"], torch.arange(4))
    assert not torch.equal(noise[0], noise[1])


def test_whole_numbers_can_not_be_noisy():
    with pytest.raises(mmcore.OptionError, match="'words' is prepared as whole numbers"):
        ChangedRows(Rows(4), np.ones((4, 2), dtype=bool), Condition(noise={"words": 1.0}), seed=0)


def test_what_is_missing_is_blank_and_not_present():
    present = np.array([[True, False], [True, True]])
    changed = ChangedRows(Rows(2), present, Condition(missing={"words": 0.5}), seed=0)
    assert changed[0].present.tolist() == [True, False]
    assert changed[0].inputs["words"]["ids"].tolist() == [0, 0, 0, 0]
    assert changed[1].inputs["words"]["ids"].tolist() == [0, 1, 2, 3]


class Ticks(Kind):
    """One number a second."""

    decode = describe = blank = players = mask = render = None

    def duration(self, sample):
        return float(len(sample))

    def cut(self, sample, seconds):
        return sample[: int(seconds)]

    def prepare(self, sample, spec):
        return {"values": torch.tensor([sample[0], sample[-1]])}


def test_a_lagging_modality_shows_its_beginning_over_the_whole_time():
    late = LaggingKind(Ticks(), 3.0)
    assert late.prepare(list(range(10)), None)["values"].tolist() == [0, 6]
    assert late.duration([1, 2]) == 2
    with pytest.raises(mmcore.DataError, match="lasts 2 s can't lag 3 s"):
        late.prepare([1, 2], None)


def test_a_kind_without_time_can_not_be_out_of_step():
    class Still(Ticks):
        duration = Kind.duration

    with pytest.raises(mmcore.OptionError, match="no time axis, so it can't be out of step"):
        LaggingKind(Still(), 1.0).prepare([1, 2], None)
