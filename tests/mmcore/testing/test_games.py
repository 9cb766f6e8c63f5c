"""Games with known answers, against shapiq's exact computer and our own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapiq import ExactComputer

from mmcore.attribution.estimators import exact
from mmcore.testing.games import additive, bilinear, majority, parity, unanimity

GAMES = {
    "additive": additive({"image": [1.0, -2.0], "text": [0.5], "sound": [3.0]}),
    "bilinear": bilinear({"image": [1.0, 2.0, -1.0], "text": [3.0, 0.5]}),
    "unanimity": unanimity({"image": 3, "text": 2}, [0, 3, 4]),
    "a dictator": unanimity({"image": 3, "text": 2}, [1]),
    "majority": majority({"image": 3, "text": 2}),
    "odd parity": parity({"image": 3, "text": 2}),
    "even parity": parity({"image": 3, "text": 3}),
    "xor": parity({"image": 1, "text": 1}),
    "a mixture": 0.5 * bilinear({"image": [1.0, 2.0], "text": [3.0]}) + parity({"image": 2, "text": 1}),
}


@pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)
def test_the_closed_forms_are_what_enumeration_finds(game):
    computer = ExactComputer(lambda keep: game.value(np.asarray(keep, dtype=bool)), n_players=game.n_players)
    values = computer("SV", order=1)
    assert [values[(player,)] for player in range(game.n_players)] == pytest.approx(game.shapley.tolist(), abs=1e-12)
    pairs = computer("SII", order=2)
    for (one, other), table in game.interactions.items():
        for i, first in enumerate(game.groups[one]):
            for j, second in enumerate(game.groups[other]):
                assert pairs[(first, second)] == pytest.approx(table[i, j], abs=1e-12)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=4), st.lists(st.floats(-3, 3), min_size=1, max_size=4))
def test_our_exact_estimator_finds_them_too(a, b):
    game = bilinear({"image": a, "text": b})
    found = exact(game, interactions=True)
    assert found.values == pytest.approx(game.shapley, abs=1e-9)
    assert found.interactions[("image", "text")] == pytest.approx(game.interactions[("image", "text")], abs=1e-9)


def test_games_that_are_none_are_refused():
    with pytest.raises(ValueError, match="two modalities"):
        bilinear({"image": [1.0]})
    with pytest.raises(ValueError, match="odd number"):
        majority({"image": 4})
    with pytest.raises(ValueError, match="members"):
        unanimity({"image": 2}, [2])
    with pytest.raises(ValueError, match="no sum"):
        majority({"image": 3}) + parity({"image": 2})
