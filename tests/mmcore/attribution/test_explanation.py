import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import mmcore
from mmcore.attribution.explanation import Part

finite = st.floats(-1e6, 1e6)


def explanation(**changes):
    parts = {
        "image": Part(("a", "b"), np.array([1.0, -3.0]), np.array([0.1, 0.2]), (1, 2)),
        "text": Part(("red $shoe$ <b>",), np.array([4.0])),
    }
    given_ = {
        "explainer": "trial", "id": "r1", "prediction": "cup", "output": "probability", "explained": "cup",
        "value": 0.75, "base_value": 0.25, "additive": True, "parts": parts, "asked": ("image", "text"),
    }  # fmt: skip
    return mmcore.Explanation(**{**given_, **changes})


def test_shares_are_over_absolute_values():
    why = explanation()
    assert why.contributions == {"image": 4.0, "text": 4.0}
    assert why.signed == {"image": -2.0, "text": 4.0}
    assert why.shares == {"image": 0.5, "text": 0.5}
    assert why.values.tolist() == [1, -3, 4]


@given(st.lists(arrays.arrays(np.float64, st.integers(0, 4), elements=finite), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_json_gives_back_every_number(values):
    parts = {f"m{number}": Part(tuple(map(str, each)), each) for number, each in enumerate(values)}
    why = explanation(parts=parts, share_errors={"m0": 0.5}, passes={"m0": 3}, notes=("beware",))
    back = mmcore.Explanation.from_json(why.to_json())
    assert back.to_json() == why.to_json()
    for name, part in parts.items():
        np.testing.assert_array_equal(back.parts[name].values, part.values)
    assert sum(why.shares.values()) == pytest.approx(1) or not any(np.any(each) for each in values)


def test_json_gives_back_errors_grids_and_order():
    parts = {
        "z": Part(("b", "a"), np.array([1.0, 2.0]), np.array([0.5, 0.5]), (2, 1), "mean"),
        "a": Part((), np.zeros(0)),
    }
    back = mmcore.Explanation.from_json(explanation(parts=parts, target=["x"], correct=False).to_json())
    assert list(back.parts) == ["z", "a"]
    part = back.parts["z"]
    assert (part.labels, part.grid, part.baseline, part.errors.tolist()) == (("b", "a"), (2, 1), "mean", [0.5, 0.5])
    assert (back.target, back.correct) == (["x"], False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "holds no players"),
        ('{"players": {}, "format": 99}', "of format 99; this version reads 1"),
        ('{"players": {}, "format": 1}', "lacks 'explainer'"),
    ],
)
def test_what_is_no_explanation_is_refused(text, message):
    with pytest.raises(mmcore.DataError, match=message):
        mmcore.Explanation.from_json(text)


def test_the_frame_has_a_row_per_player():
    frame = explanation().to_frame()
    assert frame.columns.tolist() == ["id", "modality", "player", "value", "error"]
    assert frame["value"].tolist() == [1, -3, 4]
    assert frame["modality"].tolist() == ["image", "image", "text"]


def test_numbers_that_json_has_not_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        replace(explanation(), value=float("nan")).to_json()


def test_the_notebook_shows_a_picture_and_escapes_what_users_wrote():
    shown = explanation(id='"><script>')._repr_html_()
    assert shown.startswith("<img ")
    assert "<script>" not in shown


def test_it_says_in_a_line_what_it_is():
    assert str(explanation()) == "trial of r1: probability of cup 0.750; shares: image 50%, text 50%"
    assert json.loads(explanation().to_json())["format"] == 1
