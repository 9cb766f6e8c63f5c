"""Items and batches: rows stay aligned whoever is absent, whatever was computed before, however many workers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcore.data.loading import RowDataset, batch_from_tree, collate
from mmcore.data.reading import RowReader
from mmcore.data.source import ModalityField
from mmcore.data.tables import read_table
from mmcore.errors import ComponentError, DataError, InputError


@pytest.fixture
def make(words, numbers, word_spec, tmp_path):
    def make(rows, **more):
        kinds = {"title": words, "facts": numbers}
        fields = {
            "title": ModalityField("text", ("title",)),
            "facts": ModalityField("tabular", ("weight",), single=False),
        }
        return RowDataset(
            rows,
            reader=RowReader(fields, kinds, tmp_path),
            kinds=kinds,
            specs={"title": word_spec(scale=2.0), "facts": word_spec()},
            blanks={name: kind.blank(None, None) for name, kind in kinds.items()},
            **more,
        )

    return make


ROWS = [
    {"title": "a bcd", "weight": 1.0},
    {"title": None, "weight": 2.0},
    {"title": "ab", "weight": None},
    {"title": "abc de f", "weight": 4.0},
]


@pytest.mark.parametrize("rows", [ROWS, read_table(ROWS)], ids=["dicts", "arrow"])
def test_rows_stay_aligned_when_one_lacks_a_modality(make, rows):
    data = make(rows, indices=[3, 1, 2, 0], targets=np.array([10, 11, 12, 13]))
    tree = collate(data.__getitems__([0, 1, 2, 3]))
    assert tree["inputs"]["title"]["values"].tolist() == [[6, 4, 2], [0, 0, 0], [4, 0, 0], [2, 6, 0]]
    assert tree["inputs"]["facts"]["values"].tolist() == [[4], [2], [0], [1]]
    assert tree["present"].tolist() == [[True, True], [False, True], [True, False], [True, True]]
    assert tree["index"].tolist() == [3, 1, 2, 0]
    assert tree["targets"].tolist() == [13, 11, 12, 10]
    one_by_one = collate([data[i] for i in range(4)])
    assert torch.equal(one_by_one["inputs"]["title"]["values"], tree["inputs"]["title"]["values"])
    assert torch.equal(one_by_one["present"], tree["present"])


def test_a_batch_has_what_its_tree_has(make):
    data = make(ROWS)
    batch = batch_from_tree(collate([data[0], data[1]]), data.modalities)
    assert batch.modalities == ("title", "facts")
    assert batch.targets is None
    assert len(batch) == 2
    assert batch.inputs["facts"]["values"].shape == (2, 1)


def test_vectors_computed_before_replace_decoding_but_not_presence(make, words):
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    data = make(read_table(ROWS), indices=[1, 3], representations={"title": vectors, "other": vectors})
    batch = batch_from_tree(collate([data[0], data[1]]), data.modalities)
    assert type(words).decoded == 0
    assert batch.representations["title"].vector.tolist() == [[2, 3], [6, 7]]
    assert list(batch.representations) == ["title"]
    assert list(batch.inputs) == ["facts"]
    assert batch.present.tolist() == [[False, True], [True, True]]


def test_a_row_that_can_t_be_read_or_has_nothing_is_refused_when_taken(make):
    data = make([{"title": 3}, {"title": None}])
    with pytest.raises(InputError, match="int is no text"):
        data[0]
    with pytest.raises(DataError, match="row 1 has none of the modalities title, facts"):
        data[1]


def test_augmentation_depends_on_seed_epoch_and_row_alone(make):
    rows = [{"title": "a bb ccc dddd eeeee", "weight": 1.0}] * 3
    data = make(rows, augment={"title": True, "facts": False}, seed=5)

    def first(position=0):
        return data[position].inputs["title"]["values"].tolist()

    epoch_0 = first()
    assert first() == epoch_0
    assert sorted(epoch_0) == [2, 4, 6, 8, 10]
    assert first(1) != epoch_0
    data.set_epoch(1)
    assert first() != epoch_0
    data.set_epoch(0)
    assert first() == epoch_0
    assert make(rows, augment={"title": False})[0].inputs["title"]["values"].tolist() == [2, 4, 6, 8, 10]


def test_a_row_that_is_changed_each_epoch_is_decoded_once_while_there_is_room(make, words, monkeypatch):
    rows = read_table([{"title": "a bb ccc", "weight": 1.0}] * 3)
    data = make(rows, augment={"title": True})
    for epoch in range(3):
        data.set_epoch(epoch)
        data.__getitems__([0, 1, 2])
        data[1]
    assert type(words).decoded == 3
    monkeypatch.setattr("mmcore.data.loading.KEPT_BYTES", 0)
    fresh = make(rows, augment={"title": True})
    fresh.set_epoch(2)
    kept, read_again = data.__getitems__([0, 1, 2]), fresh.__getitems__([0, 1, 2])
    for one, other in zip(kept, read_again, strict=True):
        assert torch.equal(one.inputs["title"]["values"], other.inputs["title"]["values"])
    fresh.__getitems__([0, 1, 2])
    assert type(words).decoded == 3 + 6


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_give_what_this_process_gives(make, workers):
    data = make(read_table(ROWS * 8), targets=np.arange(32), augment={"title": True})
    loader = torch.utils.data.DataLoader(data, batch_size=5, collate_fn=collate, num_workers=workers)
    trees = list(loader)
    assert torch.cat([tree["index"] for tree in trees]).tolist() == list(range(32))
    expected = collate([data[i] for i in range(5)])
    assert torch.equal(trees[0]["inputs"]["title"]["values"], expected["inputs"]["title"]["values"])


def test_a_collate_that_loses_a_row_is_refused(make, words):
    class Lossy(type(words)):
        def collate(self, prepared):
            return {"values": torch.zeros(len(prepared) - 1)}

    data = make(ROWS)
    data.kinds["title"] = Lossy()
    with pytest.raises(ComponentError, match=r"Lossy.collate made 1 rows of 'values' from 2 rows of 'title'"):
        collate([data[0], data[1]])


def test_a_prepared_row_is_kept_while_there_is_room(make, monkeypatch):
    read = RowReader.read
    seen = []
    monkeypatch.setattr(RowReader, "read", lambda self, row: seen.append(row["title"]) or read(self, row))
    data = make(ROWS)
    first = collate(data.__getitems__([0, 1]))
    again = collate(data.__getitems__([1, 0, 3]))
    assert seen == ["a bcd", None, "abc de f"]
    assert torch.equal(again["inputs"]["title"]["values"][1, :2], first["inputs"]["title"]["values"][0, :2])
    assert again["index"].tolist() == [1, 0, 3]
    monkeypatch.setattr("mmcore.data.loading.KEPT_BYTES", 0)
    without_room = make(ROWS)
    without_room.__getitems__([0])
    without_room.__getitems__([0])
    assert seen[3:] == ["a bcd", "a bcd"]


class Tokens:
    """What was computed before: as many tokens as the row's number, all of them that number."""

    def __getitem__(self, row):
        tokens = np.full((row, 2), row, dtype=np.float32)
        return {"vector": np.full(2, row, dtype=np.float32), "tokens": tokens, "mask": np.arange(row) != 1}


def test_tokens_computed_before_are_padded_and_padding_does_not_count(make):
    data = make(read_table(ROWS), indices=[3, 1], representations={"title": Tokens()})
    batch = batch_from_tree(collate([data[0], data[1]]), data.modalities)
    given = batch.representations["title"]
    assert given.vector.tolist() == [[3, 3], [1, 1]]
    assert given.tokens[..., 0].tolist() == [[3, 3, 3], [1, 0, 0]]
    assert given.mask.tolist() == [[True, False, True], [True, False, False]]


def test_a_batch_without_a_single_token_has_one_that_does_not_count(make):
    data = make(read_table(ROWS), indices=[0], representations={"title": Tokens()})
    given = batch_from_tree(collate([data[0]]), data.modalities).representations["title"]
    assert given.tokens.tolist() == [[[0, 0]]]
    assert given.mask.tolist() == [[False]]


def test_views_computed_before_take_turns_beside_rows_that_are_kept(make):
    views = tuple(np.full((4, 2), number, dtype=np.float32) for number in (10, 20, 30))
    data = make(read_table(ROWS), representations={"title": views})
    for epoch, expected in enumerate((10, 20, 30, 10)):
        data.set_epoch(epoch)
        assert data[0].representations["title"]["vector"].tolist() == [expected] * 2
        assert data.__getitems__([0])[0].representations["title"]["vector"].tolist() == [expected] * 2
        assert data[0].inputs["facts"]["values"].tolist() == [1]


def test_live_views_are_the_draws_of_the_first_epochs_again(make):
    rows = [{"title": "a bb ccc dddd eeeee", "weight": 1.0}]
    endless, cycled = (make(rows, augment={"title": True}, views=views, seed=5) for views in ({}, {"title": 2}))

    def drawn(data, epoch):
        data.set_epoch(epoch)
        return data[0].inputs["title"]["values"].tolist()

    assert [drawn(cycled, epoch) for epoch in range(4)] == [drawn(endless, epoch) for epoch in (0, 1, 0, 1)]
    assert drawn(endless, 2) != drawn(endless, 0)
