import math
from itertools import permutations

import numpy as np
import pytest
import shap
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_rows import toy_row

import mmcore
import mmcore_explain
from mmcore.attribution.explaining import explain_row
from mmcore.attribution.game import FunctionGame, TableGame
from mmcore_explain import MMShapOptions

DECLARATION = next(each for each in mmcore_explain.mmcore_explainers() if each.name == "mm_shap")


def explainer(**options):
    return DECLARATION.build(MMShapOptions(**options))


def explain(row, play=None, **options):
    return explain_row(row, explainer(**options), DECLARATION, MMShapOptions(**options), play=play)


def stock_shap(row, seed):
    """The published procedure by hand: shap on ids, each masked one undone in the inputs, the whole model each time."""
    picture, title = row.prepared["picture"]["values"].numpy(), row.prepared["title"]["values"].numpy()
    tokens = len(title) - 2
    side = math.ceil(math.sqrt(len(title)))
    cell = len(picture) // side
    column = int(row.logits.argmax())

    def masker(mask, features):
        return (np.where(mask, features, 0)[None],)

    def predict(features):
        probabilities = []
        for each in features:
            pixels, ids = picture.copy(), title.copy()
            for place in range(side**2):
                if not each[place]:
                    across, down = place % side, place // side
                    pixels[down * cell : (down + 1) * cell, across * cell : (across + 1) * cell] = 0
            ids[1:-1][each[side**2 :] == 0] = 0
            inputs = {"picture": {"values": torch.tensor(pixels)[None]}, "title": {"values": torch.tensor(ids)[None]}}
            batch = mmcore.Batch(row.model.modalities, torch.ones(1, 2, dtype=torch.bool), inputs)
            with torch.no_grad():
                probabilities.append(float(row.model(batch).logits.double().softmax(1)[0, column]))
        return np.array(probabilities)

    count = side**2 + tokens
    made = shap.PermutationExplainer(predict, masker, seed=seed)
    found = made(np.ones((1, count), dtype=int), max_evals=10 * (2 * count + 1), silent=True)
    return found.values[0], float(found.base_values[0])


@pytest.mark.parametrize("seed", [0, 11])
def test_values_are_those_of_stock_shap_driven_by_hand(seed):
    why = explain(toy_row(), seed=seed)
    values, base = stock_shap(toy_row(), seed)
    assert np.abs(values).max() > 0.01  # there is something to compare
    np.testing.assert_allclose(why.values, values, rtol=0, atol=1e-6)
    assert why.base_value == pytest.approx(base, abs=1e-6)


def test_the_score_is_the_published_formula():
    why = explain(toy_row())
    phi = why.values
    n_patches = 9
    picture = np.abs(phi[:n_patches]).sum()
    title = np.abs(phi[n_patches:]).sum()
    t_shap = title / (title + picture)  # T-SHAP of the authors' code, and V-SHAP = 1 - T-SHAP
    assert why.shares["title"] == pytest.approx(t_shap)
    assert why.shares["picture"] == pytest.approx(1 - t_shap)


@pytest.mark.parametrize("output", ["probability", "logit", "log_odds"])
def test_values_sum_to_the_output_minus_the_base_value(output):
    why = explain(toy_row(), output=output)
    assert why.output == output
    assert why.additive
    assert why.base_value + why.values.sum() == pytest.approx(why.value, abs=1e-6)


def test_ten_permutations_make_ten_times_2p_plus_1_evaluations_and_fewer_passes():
    row = toy_row()
    why = explain(row)
    assert why.evaluations == 10 * (2 * 15 + 1) + 2  # and the two ends, for the record
    assert why.passes == row.model.encoded
    assert why.passes["picture"] < why.evaluations
    assert why.passes["title"] <= 2**6


def test_a_model_without_two_stages_gets_the_same_values():
    row, apart = toy_row(two_stage=False), explain(toy_row())
    joint = explain(row)
    np.testing.assert_allclose(joint.values, apart.values, atol=1e-6)
    assert joint.passes == row.model.encoded
    assert joint.passes["title"] == joint.passes["picture"] == joint.evaluations
    assert joint.passes["picture"] > apart.passes["picture"]


def test_words_can_be_players():
    why = explain(toy_row(), granularity="words")
    assert why.parts["title"].labels == ("brown", "trail", "shoe")


def test_a_pair_plays_while_the_others_stay():
    why = explain(toy_row(("picture", "title", "shop")), play=("title", "shop"))
    assert (why.modalities, why.stayed) == (("title", "shop"), ("picture",))
    assert why.base_value + why.values.sum() == pytest.approx(why.value, abs=1e-6)


def test_a_missing_modality_has_no_players():
    why = explain(toy_row(("picture", "title", "shop"), missing=("title",)))
    assert list(why.shares) == ["picture", "shop"]
    assert why.missing == ("title",)


def test_one_player_gets_everything():
    why = explain(toy_row(("title",), missing=()), granularity="words")
    assert len(why.values) == 3
    single = explainer().explain(TableGame({"text": 1}, [0.25, 1.0]))
    assert single.values.tolist() == [0.75]


@pytest.mark.parametrize(
    "task", [mmcore.Regression(mean=10, sd=4), mmcore.MultiLabel(classes=["cup", "shoe"])], ids=lambda task: task.type
)
def test_other_tasks_are_explained(task):
    why = explain(toy_row(task=task, target=None))
    assert why.output == ("quantity" if task.type == "regression" else "probability")
    assert why.base_value + why.values.sum() == pytest.approx(why.value, abs=1e-4)


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(0, 2))
@settings(max_examples=15, deadline=None)
def test_values_are_efficient_and_a_dummy_gets_nothing(seed, first, second):
    rng = np.random.default_rng(seed)
    n = first + second
    table = rng.normal(size=2**n)
    game = TableGame({"a": first, "b": second, "dummy": 1}, np.concatenate([table, table]))
    found = explainer(permutations=2, seed=seed % 1000).explain(game)
    assert found.values.sum() == pytest.approx(table[-1] - table[0])
    assert found.values[n] == pytest.approx(0, abs=1e-12)


def test_many_permutations_come_to_the_shapley_values():
    table = np.random.default_rng(1).normal(size=16)
    exact = np.zeros(4)
    for order in permutations(range(4)):
        held = 0
        for player in order:
            exact[player] += table[held | 1 << player] - table[held]
            held |= 1 << player
    exact /= 24
    found = explainer(permutations=3000).explain(TableGame({"a": 2, "b": 2}, table))
    assert (np.abs(found.values - exact) < 4 * found.errors).all()
    assert found.errors.max() < 0.05


def test_standard_errors_are_as_large_as_the_spread_of_repetitions():
    table = np.random.default_rng(2).normal(size=64)
    found = [explainer(seed=seed).explain(TableGame({"a": 3, "b": 3}, table)) for seed in range(150)]
    spread = np.std([each.values for each in found], axis=0, ddof=1)
    said = np.sqrt(np.mean([each.errors**2 for each in found], axis=0))
    np.testing.assert_allclose(said, spread, rtol=0.25)
    shares = [np.abs(each.values[:3]).sum() / np.abs(each.values).sum() for each in found]
    assert np.mean([each.share_errors["a"] for each in found]) == pytest.approx(np.std(shares), rel=0.4)


def test_several_outputs_are_explained_at_once():
    weights = np.array([[1.0, -1.0], [2.0, 0.5], [0.0, 3.0]])
    game = FunctionGame({"a": 2, "b": 1}, lambda keep: keep @ weights, outputs=["x", "y"])
    np.testing.assert_allclose(explainer(permutations=2).explain(game).values, weights, atol=1e-12)


def test_the_seed_decides_and_numpys_own_generator_is_left_alone():
    np.random.seed(5)
    expected = np.random.random()
    np.random.seed(5)
    first, second, other = (explain(toy_row(), permutations=2, seed=seed) for seed in (1, 1, 2))
    assert np.random.random() == expected
    assert first.to_json() == second.to_json()
    assert not np.array_equal(first.values, other.values)


def test_the_options_are_kept_as_they_were_given():
    options = MMShapOptions(grid=3, permutations=2)
    why = explain_row(toy_row(), DECLARATION.build(options), DECLARATION, options)
    assert why.settings == options.model_dump(mode="json")
    assert mmcore.Explanation.from_json(why.to_json()).settings == why.settings


def test_nothing_is_printed(capfd):
    explain(toy_row(), permutations=2)
    assert capfd.readouterr() == ("", "")


def test_an_unknown_modality_in_a_pair_is_refused():
    with pytest.raises(mmcore.OptionError, match="Did you mean 'title'"):
        explain(toy_row(), play=("picture", "titel"))


@pytest.mark.parametrize("options", [{"grid": 0}, {"permutations": 1}, {"granularity": "x"}])
def test_options_out_of_bounds_are_refused(options):
    with pytest.raises(ValueError, match="validation error"):
        MMShapOptions(**options)


def test_a_model_that_gives_nan_is_refused():
    row = toy_row()
    torch.nn.init.constant_(row.model.head, torch.nan)
    with pytest.raises(mmcore.ComponentError, match="NaN"):
        explain(row)
