import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmcore
from mmcore.attribution.game import FunctionGame, Game, TableGame


def coalitions(n):
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)


def test_players_are_numbered_modality_by_modality():
    game = TableGame({"image": 2, "none": 0, "text": ["a", "b"]}, np.zeros(16))
    assert dict(game.groups) == {"image": range(2), "none": range(2, 2), "text": range(2, 4)}
    assert game.n_players == 4
    assert game.labels["text"] == ("a", "b")


@given(st.lists(st.integers(0, 3), min_size=1, max_size=3), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_a_product_holds_the_value_of_every_combination(sizes, seed):
    rng = np.random.default_rng(seed)
    names = [f"m{number}" for number in range(len(sizes))]
    game = TableGame(dict(zip(names, sizes, strict=True)), rng.normal(size=2 ** sum(sizes)))
    keeps = {name: rng.random((int(rng.integers(1, 4)), size)) < 0.5 for name, size in zip(names, sizes, strict=True)}
    product = game.product(keeps)
    assert product.shape == tuple(map(len, keeps.values()))
    for place in np.ndindex(*product.shape):
        keep = np.concatenate([keeps[name][at] for name, at in zip(names, place, strict=True)])
        assert product[place] == game.value(keep[None])[0]


def test_several_outputs_are_the_last_axis():
    table = np.arange(16.0).reshape(8, 2)
    game = TableGame({"image": 2, "text": 1}, table, outputs=["cup", "shoe"])
    assert game.value(coalitions(3)).tolist() == table.tolist()
    product = game.product({"image": coalitions(2), "text": coalitions(1)})
    assert product.shape == (4, 2, 2)
    assert product[3, 1].tolist() == table[7].tolist()


def test_passes_are_distinct_maskings_and_evaluations_all_coalitions():
    game = TableGame({"image": 2, "text": 1}, np.zeros(8))
    game.value(coalitions(3))
    game.value(coalitions(3))
    assert dict(game.passes) == {"image": 4, "text": 2}
    assert game.n_passes == 6
    assert game.evaluations == 16


def test_the_ends_are_nobody_and_everybody():
    nobody, everybody = TableGame({"image": 1, "text": 1}, [0.5, 0, 0, 2]).ends()
    assert (nobody, everybody) == (0.5, 2.0)


@pytest.mark.parametrize("keep", [np.ones((2, 2), bool), np.ones((2, 3)), np.ones(3, bool)])
def test_what_is_no_array_of_coalitions_is_refused(keep):
    with pytest.raises(ValueError, match=r"\(K, 3\) bool"):
        TableGame({"image": 2, "text": 1}, np.zeros(8)).value(keep)


def test_no_coalitions_have_no_values():
    assert TableGame({"image": 1}, [0, 1]).value(np.zeros((0, 1), bool)).shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(bad):
    game = FunctionGame({"image": 2}, lambda keep: np.where(keep[:, 0], bad, 0.0))
    with pytest.raises(mmcore.ComponentError, match="2 of 4 maskings"):
        game.value(coalitions(2))


def test_a_table_needs_a_value_for_every_coalition():
    with pytest.raises(ValueError, match="2\\^n"):
        TableGame({"image": 2}, [0, 1])


def test_the_public_name_is_the_contract():
    assert mmcore.Game is Game
