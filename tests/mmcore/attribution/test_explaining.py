import json

import numpy as np
import pytest
from toy_rows import toy_row

import mmcore
from mmcore.attribution.explaining import explain_row


class LeaveOneOut:
    """All that a stranger must write: what the output loses when a player is masked."""

    def explain(self, game):
        keep = np.ones((game.n_players, game.n_players), dtype=bool)
        np.fill_diagonal(keep, False)
        return game.ends()[1] - game.value(keep)


class Asking(LeaveOneOut):
    def __init__(self, **request):
        self.request = request

    def game_request(self, row):
        return mmcore.GameRequest(**self.request)


class Returning:
    def __init__(self, returned):
        self.returned = returned

    def explain(self, subject):
        return self.returned


def declared(**changes):
    return mmcore.Explainer(**{"name": "trial", "summary": "–", "build": LeaveOneOut, "needs": "game", **changes})


def explained(row=None, explainer=None, **changes):
    return explain_row(row or toy_row(), explainer or LeaveOneOut(), declared(**changes))


def test_a_strangers_explainer_returns_an_array_and_gets_an_explanation():
    row = toy_row()
    why = explained(row)
    assert (why.explainer, why.id, why.row, why.additive) == ("trial", "r1", 7, False)
    assert (why.prediction, why.target, why.correct) == (row.prediction, "shoe", row.prediction == "shoe")
    assert (why.output, why.explained) == ("probability", row.prediction)
    assert why.value == pytest.approx(float(row.logits.double().softmax(1).max()))
    assert why.modalities == ("picture", "title")
    assert why.parts["title"].labels == ("bro", "wn", "tra", "il", "sho", "e")
    assert why.parts["picture"].grid == (3, 3)
    assert why.passes == {"picture": 11, "title": 8}  # each player alone, none, and all


def test_contributions_and_shares_follow_the_published_formula():
    why = explained()
    values = {name: part.values for name, part in why.parts.items()}
    total = sum(np.abs(each).sum() for each in values.values())
    for name, each in values.items():
        assert why.contributions[name] == pytest.approx(np.abs(each).sum())
        assert why.signed[name] == pytest.approx(each.sum())
        assert why.shares[name] == pytest.approx(np.abs(each).sum() / total)
    assert sum(why.shares.values()) == pytest.approx(1)
    assert why.chance == {"picture": 9 / 15, "title": 6 / 15}


def test_a_request_decides_who_plays_and_how():
    request = {"play": ("title", "shop"), "granularity": "words", "output": "logit", "target": "cable"}
    why = explained(toy_row(("picture", "title", "shop")), Asking(**request))
    assert why.modalities == why.asked == ("title", "shop")
    assert why.stayed == ("picture",)
    assert (why.output, why.explained) == ("logit", "cable")
    assert why.parts["title"].labels == ("brown", "trail", "shoe")


def test_of_several_outputs_the_predicted_one_is_explained():
    one, all_ = explained(), explained(explainer=Asking(target="all"))
    np.testing.assert_allclose(all_.values, one.values)
    assert (all_.explained, all_.value) == (one.explained, pytest.approx(one.value))


def test_a_missing_modality_has_no_part_and_is_named():
    why = explained(toy_row(("picture", "title"), missing=("picture",)))
    assert (why.modalities, why.missing, why.asked) == (("title",), ("picture",), ("picture", "title"))
    assert why.shares == {"title": 1.0}
    assert why.notes[0] == "Only one modality plays, so its share is 1 whatever the model does."


def test_where_no_player_changes_anything_there_are_no_shares():
    why = explained(explainer=Returning(np.zeros(15)))
    assert why.shares == {}
    assert why.notes == ("No player changes the output, so there are no shares.",)


@pytest.mark.parametrize(
    ("task", "given", "target", "type_"),
    [
        (mmcore.Regression(mean=3, sd=2), 4.5, 4.5, float),
        (mmcore.MultiLabel(classes=["cup", "shoe"]), "shoe; cup", ["cup", "shoe"], list),
        (mmcore.SingleLabel(classes=["cup", "3"]), 3.0, "3", str),
    ],
    ids=lambda value: getattr(value, "type", None),
)
def test_every_task_is_explained_and_kept(task, given, target, type_):
    why = explained(toy_row(task=task, target=given))
    assert isinstance(why.prediction, type_)
    assert why.target == target
    assert why.correct == (None if task.type == "regression" else why.prediction == target)
    assert mmcore.Explanation.from_json(why.to_json()) == why


def test_without_a_target_nothing_is_right_or_wrong():
    why = explained(toy_row(target=None))
    assert (why.target, why.correct) == (None, None)


def test_an_explainer_that_needs_the_model_brings_its_players():
    row = toy_row()
    players = {name: row.players(name) for name in row.present}
    returned = mmcore.Attribution(np.arange(15.0), base_value=0.25, players=players, settings={"steps": 50})
    why = explained(row, Returning(returned), needs="model")
    assert (why.base_value, why.settings, why.passes) == (0.25, {"steps": 50}, {})
    assert why.parts["title"].values.tolist() == [9, 10, 11, 12, 13, 14]


@pytest.mark.parametrize(
    ("returned", "changes", "message"),
    [
        (np.zeros(3), {}, r"returned values \(3,\) for 15 players"),
        (np.full(15, np.nan), {}, "NaN or infinite"),
        ("much", {}, "returned str"),
        (mmcore.Attribution(np.zeros(15), errors=np.zeros(2)), {}, r"returned errors \(2,\)"),
        (mmcore.Attribution(np.zeros(15)), {"needs": "model"}, "no `players`"),
    ],
)
def test_an_explainer_that_breaks_its_contract_is_named(returned, changes, message):
    with pytest.raises(mmcore.ComponentError, match=message) as caught:
        explained(explainer=Returning(returned), **changes)
    assert "explainer 'trial'" in str(caught.value)


def test_a_request_of_another_type_is_refused():
    explainer = LeaveOneOut()
    explainer.game_request = lambda row: {"play": None}
    with pytest.raises(mmcore.ComponentError, match=r"returned dict, not a mmcore\.GameRequest"):
        explained(explainer=explainer)


def test_what_measures_data_sets_explains_no_row():
    with pytest.raises(mmcore.UserError, match="measures a data set"):
        explained(needs="dataset")


def test_a_row_with_nothing_present_is_refused():
    with pytest.raises(mmcore.DataError, match="none of the modalities picture, title"):
        toy_row(missing=("picture", "title"))


def test_explanations_are_the_same_each_time():
    assert explained().to_json() == explained().to_json()


def test_the_file_holds_what_the_report_reads():
    stored = json.loads(explained().to_json())
    for name in ("row", "id", "explainer", "settings", "target", "prediction", "correct", "modalities", "shares",
                 "chance", "value", "base_value"):  # fmt: skip
        assert name in stored
