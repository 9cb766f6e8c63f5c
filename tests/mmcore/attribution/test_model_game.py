from itertools import product

import numpy as np
import pytest
import torch
from toy_rows import KINDS, toy_row

import mmcore
from mmcore.attribution.game import TwoStageGame
from mmcore.attribution.model_game import JointGame
from mmcore.data.batch import Batch


def some_coalitions(n, count=200, seed=0):
    return np.random.default_rng(seed).random((count, n)) < 0.5


def by_hand(row, game, coalition):
    """Logits of one masked row, by the kinds' own `mask` and one call of the whole model."""
    inputs = {}
    for name in row.model.modalities:
        prepared = row.prepared[name]
        if name in game.players:
            keep = coalition[game.groups[name].start : game.groups[name].stop]
            inputs[name] = KINDS[name].mask(prepared, game.players[name], keep[None])
        else:
            inputs[name] = KINDS[name].collate([prepared])
    present = torch.tensor([[name in row.samples for name in row.model.modalities]])
    with torch.no_grad():
        return row.model(Batch(row.model.modalities, present, inputs)).logits


@pytest.mark.parametrize("two_stage", [True, False])
def test_values_are_those_of_masking_the_row_and_calling_the_model(two_stage):
    row = toy_row(("picture", "title", "shop"), two_stage=two_stage)
    game = row.game(mmcore.GameRequest(output="logit", target="all", play=("picture", "title")))
    keep = some_coalitions(game.n_players, 30)
    expected = torch.cat([by_hand(row, game, coalition) for coalition in keep]).double().numpy()
    np.testing.assert_allclose(game.value(keep), expected, rtol=0, atol=1e-5)


def test_each_distinct_masking_is_encoded_once_and_counted():
    row = toy_row()
    game = row.game()
    row.model.encoded.clear()
    keep = some_coalitions(game.n_players)
    distinct = {}
    for name, of in game.groups.items():
        whole = np.ones((1, len(of)), dtype=bool)
        distinct[name] = len(np.unique(np.concatenate([keep[:, of.start : of.stop], whole]), axis=0))
    first = game.value(keep)
    assert dict(game.passes) == distinct  # the row as it is was encoded when the game was made
    assert {name: count + 1 for name, count in row.model.encoded.items()} == distinct  # since the count was cleared
    np.testing.assert_array_equal(game.value(keep), first)
    assert dict(game.passes) == distinct
    assert game.evaluations == 2 * len(keep)


def test_a_product_of_maskings_costs_their_sum():
    game = toy_row().game()
    assert isinstance(game, TwoStageGame)
    assert game.two_stage
    keeps = {name: np.unique(some_coalitions(len(of), 8, seed=1), axis=0) for name, of in game.groups.items()}
    values = game.product(keeps)
    assert game.n_passes <= 2 + sum(map(len, keeps.values()))
    for place in product(*(range(len(keep)) for keep in keeps.values())):
        keep = np.concatenate([keeps[name][at] for name, at in zip(keeps, place, strict=True)])
        assert values[place] == pytest.approx(game.value(keep[None])[0], abs=1e-7)


def test_a_product_of_several_outputs_has_them_last():
    game = toy_row().game(mmcore.GameRequest(target="all"))
    keeps = {name: some_coalitions(len(of), 2) for name, of in game.groups.items()}
    assert game.outputs == ("cup", "shoe", "cable")
    assert game.product(keeps).shape == (2, 2, 3)
    np.testing.assert_allclose(game.product(keeps).sum(-1), 1)


def test_emulated_representations_can_be_fused():
    game = toy_row().game()
    encoded = {name: game.encode(name, some_coalitions(len(of), 4)) for name, of in game.groups.items()}
    middle = {
        name: mmcore.Representation(of.vector.mean(0, keepdim=True), None if of.tokens is None else of.tokens[:1])
        for name, of in encoded.items()
    }
    passes = game.n_passes
    assert game.fuse(middle).shape == (1,)
    assert game.n_passes == passes


def test_a_model_without_two_stages_makes_a_joint_pass_per_distinct_coalition():
    row = toy_row(("picture", "title", "shop"), missing=("shop",), two_stage=False, batch_size=16)
    game = row.game()
    assert isinstance(game, JointGame)
    assert not game.two_stage
    keep = some_coalitions(game.n_players, 50)
    keep[10] = keep[3]
    game.value(keep)
    game.value(keep[:5])
    distinct = len(np.unique(keep, axis=0)) + 1  # and the row as it is
    assert dict(game.passes) == {"picture": distinct, "title": distinct}
    assert game.evaluations == distinct == row.model.encoded["picture"]


def test_a_joint_game_gives_the_values_of_the_two_stage_one():
    keep = some_coalitions(toy_row().game().n_players, 40)
    values = [toy_row(two_stage=two_stage).game().value(keep) for two_stage in (True, False)]
    np.testing.assert_allclose(*values, atol=1e-6)


@pytest.mark.parametrize("two_stage", [True, False])
def test_a_missing_modality_has_no_players_and_stays_absent(two_stage):
    row = toy_row(("picture", "title", "shop"), missing=("title",), two_stage=two_stage)
    game = row.game()
    assert list(game.groups) == ["picture", "shop"]
    assert "title" not in game.passes
    game.value(some_coalitions(game.n_players, 5))
    assert "title" not in game.passes
    assert row.model.encoded["title"] == 0


def test_modalities_that_do_not_play_stay_as_they_are():
    row = toy_row(("picture", "title", "shop"))
    game = row.game(mmcore.GameRequest(play=("picture", "shop")))
    assert list(game.groups) == ["picture", "shop"]
    np.testing.assert_allclose(game.ends()[1], row.score()(row.logits)[0], atol=1e-6)
    assert game.passes["title"] == 1


def test_the_smallest_chunks_give_the_same_values(monkeypatch):
    keep = some_coalitions(toy_row().game().n_players, 20)
    whole = toy_row().game().value(keep)
    monkeypatch.setattr("mmcore.attribution.model_game.NUMBERS_AT_A_TIME", 1)
    np.testing.assert_allclose(toy_row(batch_size=1).game().value(keep), whole, atol=1e-6)


def test_a_kind_that_loses_a_masking_is_named(monkeypatch):
    game = toy_row().game()
    monkeypatch.setattr(
        type(KINDS["title"]),
        "mask",
        lambda self, inputs, players, keep, *, baseline: {"values": inputs["values"][None]},
    )
    with pytest.raises(mmcore.ComponentError, match=r"Phrases\.mask made 1 rows of 'values' for 2 maskings of 'title'"):
        game.encode("title", np.eye(2, 6, dtype=bool))
