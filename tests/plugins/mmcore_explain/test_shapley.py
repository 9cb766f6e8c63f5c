"""`product_shap`, `modality_shapley` and `occlusion` on the trial's row, checked against brute force over its game."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mmcore.attribution.estimators.enumeration import all_masks, exact
from mmcore.attribution.explaining import explain_row
from mmcore.attribution.explanation import Explanation
from mmcore.attribution.request import GameRequest
from mmcore.catalog import load
from mmcore.errors import DataError, OptionError
from mmcore.testing.trial_row import trial_row


def explained(name, row=None, play=None, **options):
    declaration = load().get("explainer", name)
    chosen = declaration.options.model_validate(options)
    return explain_row(row or trial_row(), load().build(declaration, chosen), declaration, chosen, play=play)


def test_product_shap_is_exact_where_the_passes_suffice_and_says_so():
    found = explained("product_shap", passes=10_000)
    game = trial_row().game(GameRequest())
    np.testing.assert_allclose(found.values, exact(game).values, atol=1e-9)
    assert found.settings["found_by"]["estimator"] == "exact"
    assert found.share_errors == {}


@pytest.mark.parametrize("estimator", ["product_gp", "kernel", "lattice", "permutation"])
def test_each_estimator_comes_near_and_reports_errors(estimator):
    found = explained("product_shap", estimator=estimator, passes=150, grid=3)
    truth = exact(trial_row().game(GameRequest(grid=3))).values
    assert found.settings["found_by"]["estimator"] == estimator
    assert sum(found.passes.values()) <= 150
    assert np.abs(found.values - truth).max() < np.abs(truth).max() / 2
    assert all(part.errors is not None for part in found.parts.values())


def test_a_model_without_two_stages_is_explained_by_permutations_unless_exact_is_affordable():
    found = explained("product_shap", trial_row(two_stage=False), passes=2_000, grid=3)
    assert found.settings["found_by"]["estimator"] == "permutation"
    small = explained("product_shap", trial_row(two_stage=False), passes=2_000, play=["numbers"])
    assert small.settings["found_by"]["estimator"] == "exact"


def test_modality_shapley_is_the_definition_over_modalities():
    found = explained("modality_shapley")
    game = trial_row().game(GameRequest())
    keep = np.concatenate(
        [np.repeat(all_masks(3)[:, [place]], len(of), axis=1) for place, of in enumerate(game.groups.values())], axis=1
    )
    values = game.value(keep)
    expected = []
    for player in range(3):
        gains = {mask: values[mask | 1 << player] - values[mask] for mask in range(8) if not mask >> player & 1}
        expected.append(sum(gain * {0: 1 / 3, 1: 1 / 6, 2: 1 / 3}[mask.bit_count()] for mask, gain in gains.items()))
    np.testing.assert_allclose(found.values, expected, atol=1e-9)
    assert [part.labels for part in found.parts.values()] == [("picture",), ("text",), ("numbers",)]
    assert set(found.interactions) == {("picture", "text"), ("picture", "numbers"), ("text", "numbers")}
    assert sum(found.passes.values()) == 6


def test_modality_shapley_lists_what_is_missing_and_explains_what_is_there():
    found = explained("modality_shapley", trial_row(missing=("text",)))
    assert found.missing == ("text",)
    assert set(found.parts) == {"picture", "numbers"}
    alone = explained("modality_shapley", trial_row(missing=("text", "numbers")))
    assert alone.values.tolist() == [pytest.approx(alone.value - alone.base_value)]
    assert alone.interactions == {}


def test_interactions_survive_json_and_name_their_players(tmp_path):
    found = explained("product_shap", passes=10_000, interactions=True, grid=2)
    truth = exact(trial_row().game(GameRequest(grid=2)), interactions=True).interactions
    for pair, table in found.interactions.items():
        np.testing.assert_allclose(table, truth[pair], atol=1e-9)
    again = Explanation.from_dict(json.loads(found.to_json()))
    assert again.interactions == found.interactions
    first, player, second, other, value = found.strongest_interactions(1)[0]
    i, j = found.parts[first].labels.index(player), found.parts[second].labels.index(other)
    assert value == found.interactions[first, second][i][j]
    assert abs(value) == max(abs(each) for table in found.interactions.values() for row in table for each in row)
    found.plot(tmp_path / "why.png")
    replace(explained("modality_shapley"), drawing=None).plot(tmp_path / "modalities.png")
    explained("modality_shapley").plot(tmp_path / "modalities.svg")


def test_occlusion_is_what_each_player_alone_takes_with_it():
    found = explained("occlusion", grid=2)
    game = trial_row().game(GameRequest(grid=2))
    everybody = np.ones((1, game.n_players), dtype=bool)
    for player in range(game.n_players):
        without = everybody.copy()
        without[0, player] = False
        assert found.values[player] == pytest.approx(float(game.value(everybody)[0] - game.value(without)[0]))


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"passes": 12, "estimator": "permutation"}, OptionError, "too small"),
        ({"play": ["sound"]}, OptionError, "no modality 'sound'"),
        ({"output": "quantity"}, OptionError, "predicts no quantity"),
        ({"target": "d"}, OptionError, "knows no class 'd'"),
        ({"estimator": "kernel", "interactions": True}, OptionError, "estimates no interactions"),
        ({"estimator": "exact", "grid": 6}, OptionError, "too many for exact"),
    ],
)
def test_what_can_not_be_explained_is_refused_with_the_reason(options, error, told):
    with pytest.raises(error, match=told):
        explained("product_shap", **options)


def test_a_modality_that_should_play_and_is_missing_is_refused():
    with pytest.raises(DataError, match="none of the modalities that should play"):
        explained("product_shap", trial_row(missing=("text",)), play=["text"])


@pytest.mark.parametrize("algorithm", ["permutation", "kernel", "sampling", "exact"])
def test_shap_plays_our_games_and_comes_to_the_truth(algorithm):
    found = explained("shap", algorithm=algorithm, grid=2, evaluations=4096)
    truth = exact(trial_row().game(GameRequest(grid=2))).values
    near = 1e-6 if algorithm in ("kernel", "exact") else np.abs(truth).max() / 20
    assert np.abs(found.values - truth).max() < near
    assert sum(found.passes.values()) <= 2**4 + 2**5 + 2**3


SHAPIQ = [
    "KernelSHAP", "UnbiasedKernelSHAP", "PermutationSamplingSV", "StratifiedSamplingSV", "OwenSamplingSV", "SVARM",
    "SHAPIQ",
]  # fmt: skip


@pytest.mark.parametrize("algorithm", SHAPIQ)
def test_shapiq_plays_our_games_and_comes_near_the_truth(algorithm):
    found = explained("shapiq", algorithm=algorithm, grid=2, evaluations=4096)
    truth = exact(trial_row().game(GameRequest(grid=2))).values
    assert np.abs(found.values - truth).max() < np.abs(truth).max() / 5


def test_shapiqs_pairs_become_interactions():
    found = explained("shapiq", pairs=True, grid=2, evaluations=4096)
    truth = exact(trial_row().game(GameRequest(grid=2)), interactions=True).interactions
    for pair, table in found.interactions.items():
        np.testing.assert_allclose(table, truth[pair], atol=1e-6)  # k-SII of the highest order is SII


def test_shapiq_explains_one_output():
    with pytest.raises(OptionError, match="explains one output"):
        explained("shapiq", target="all")
