"""Checks of explanations: curves against their closed form, and explainers that do and do not hear the model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_rows import toy_row

import mmcore
from mmcore.attribution.cautions import cautions
from mmcore.attribution.estimators import exact
from mmcore.attribution.explaining import explain_row
from mmcore.attribution.explanation import Explanation, Part
from mmcore.attribution.game import FunctionGame
from mmcore.attribution.trust import Trust, curves, faithfulness, shuffled, trust

WEIGHTS = st.lists(st.floats(-5, 5), min_size=2, max_size=7)


class Exact:
    def game_request(self, row):
        return mmcore.GameRequest(grid=2)

    def explain(self, game):
        return mmcore.Attribution(exact(game).values)


class DeafToTheModel(Exact):
    def explain(self, game):
        return np.arange(game.n_players, dtype=float)


DECLARED = mmcore.Explainer(name="trial", summary="–", build=Exact, needs="game")


def explained(row, explainer=None, **changes):
    return explain_row(row, explainer or Exact(), DECLARED, **changes)


@given(WEIGHTS)
def test_curves_of_an_additive_game_are_running_sums(weights):
    weights = np.array(weights)
    game = FunctionGame({"image": len(weights) - 1, "text": 1}, lambda keep: keep @ weights)
    found = curves(game, weights)
    assert np.allclose(found.insertion, np.concatenate([[0], np.cumsum(np.sort(weights)[::-1])]))
    assert np.allclose(found.deletion, np.concatenate([[0], np.cumsum(np.sort(weights))]))
    areas = found.areas()
    assert areas["insertion"] >= areas["random"] - 1e-9
    assert areas["deletion"] <= areas["random"] + 1e-9


def test_the_area_is_that_of_the_trapezoids():
    game = FunctionGame({"image": 2}, lambda keep: keep @ np.array([1.0, 3.0]))
    assert curves(game, np.array([1.0, 3.0])).areas()["insertion"] == pytest.approx((0 + 3) / 4 + (3 + 4) / 4)


def test_a_shuffled_model_has_the_same_numbers_elsewhere_and_leaves_the_model_alone():
    model = toy_row().model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    other = shuffled(model)
    for name, parameter in other.named_parameters():
        assert torch.equal(parameter.flatten().sort().values, before[name].flatten().sort().values)
    assert any(not torch.equal(parameter, before[name]) for name, parameter in other.named_parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(map(torch.equal, other.parameters(), shuffled(model).parameters()))


def test_an_explanation_by_exact_values_is_more_faithful_than_chance_and_hears_the_model():
    row = toy_row()
    why = explained(row)
    found = trust(row, why, explained(row.of(shuffled(row.model)), target=why.explained))
    assert found.areas["deletion"] < found.areas["random"] < found.areas["insertion"]
    assert found.curves["insertion"][-1] == pytest.approx(why.value)
    assert found.curves["insertion"][0] == pytest.approx(why.base_value)
    assert abs(found.rank_correlation) < 0.9
    assert sum(found.shuffled_shares.values()) == pytest.approx(1)
    kept = replace(why, trust=found)
    assert Explanation.from_json(kept.to_json()) == replace(kept, drawing=None)


def test_an_explainer_that_does_not_hear_the_model_is_found_out():
    row = toy_row()
    why = explained(row, DeafToTheModel())
    other = explained(row.of(shuffled(row.model)), DeafToTheModel(), target=why.explained)
    assert trust(row, why, other).rank_correlation == pytest.approx(1)
    exact_areas, deaf_areas = faithfulness(row, explained(row)).areas(), faithfulness(row, why).areas()
    assert deaf_areas["insertion"] < exact_areas["insertion"]


def test_equal_values_have_no_rank_correlation():
    row = toy_row()
    why = explained(row)
    flat = replace(why, parts={name: replace(part, values=part.values * 0) for name, part in why.parts.items()})
    assert trust(row, why, flat).rank_correlation is None


def test_the_mean_is_over_those_that_have_the_figure():
    one = Trust({"insertion": 1.0, "deletion": 0.0, "random": 0.5}, None, {"image": 1.0}, {})
    other = Trust({"insertion": 0.0, "deletion": 0.0, "random": 0.5}, 0.5, {"image": 0.5, "text": 0.5}, {})
    mean = Trust.mean([one, other])
    assert mean.areas == {"insertion": 0.5, "deletion": 0.0, "random": 0.5}
    assert (mean.rank_correlation, mean.shuffled_shares) == (0.5, {"image": 0.75, "text": 0.5})


def made(image, text, **changes):
    parts = {name: Part(("a", "b"), np.array(values)) for name, values in (("image", image), ("text", text))}
    return Explanation(
        **{
            "explainer": "trial", "id": "1", "prediction": "shoe", "explained": "shoe", "output": "probability",
            "value": 0.9, "base_value": 0.1, "additive": True, "parts": parts, "asked": ("image", "text"), **changes,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("explanation", "said"),
    [
        (made([0.3, 0.1], [0.3, 0.1]), []),
        (made([0.0, 0.0], [0.0, 0.0]), ["No player changes the output"]),
        (made([0.003, 0.0], [0.0, 0.001]), ["move the output by 0.004"]),
        (made([0.3, 0.1], [0.3, 0.1], output="logit", base_value=3.0), []),
        (made([0.3, 0.1], [0.3, 0.1], base_value=0.7), ["a probability of 0.70"]),
        (made([0.3, 0.2], [0.2, 0.1], share_errors={"image": 0.1}), ["uncertain: 62% ± 16%"]),
        (made([0.3, 0.12], [0.3, 0.1], share_errors={"image": 0.02}), ["image, 51%, can't be told"]),
        (made([0.6, 0.1], [0.2, 0.1], share_errors={"image": 0.02}), []),
    ],
)
def test_cautions_say_where_a_share_means_little(explanation, said):
    found = list(cautions(explanation))
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))
