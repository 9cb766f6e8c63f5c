import json

import numpy as np
import pytest
from test_explanation import explanation

from mmcore.attribution.explanation import Part
from mmcore.attribution.tables import share_tables


def row(image, target="cup", prediction="cup", **changes):
    """A row of which the image makes up this share, with 3 players against 1."""
    parts = {
        "image": Part(("a", "b", "c"), np.array([image, 0.0, 0.0])),
        "text": Part(("d",), np.array([1 - image])),
    }
    correct = None if target is None else target == prediction
    return explanation(**{"parts": parts, "target": target, "prediction": prediction, "correct": correct, **changes})


def cells(table, name="image"):
    return {(line.of_class, line.group): str(line.shares[name]) for line in table.rows}


def test_shares_are_given_over_all_correct_and_incorrect_rows_and_per_class():
    rows = [row(0.2), row(0.4), row(0.9, target="shoe"), row(0.5, target="shoe", prediction="shoe")]
    (table,) = share_tables(rows)
    shown = cells(table)
    assert shown["all classes", "all"] == "50.0 ± 29.4 %, n = 4"
    assert shown["all classes", "correct"] == "36.7 ± 15.3 %, n = 3"
    assert shown["all classes", "incorrect"] == "90.0 %, n = 1"
    assert shown["cup", "all"] == "30.0 ± 14.1 %, n = 2"
    assert shown["cup", "incorrect"] == "–, n = 0"
    assert shown["shoe", "incorrect"] == "90.0 %, n = 1"


def test_means_and_deviations_are_numpys():
    shares = np.random.default_rng(0).random(20)
    (table,) = share_tables([row(float(share)) for share in shares])
    spread = table.rows[0].shares["image"]
    assert spread.mean == pytest.approx(shares.mean())
    assert spread.sd == pytest.approx(shares.std(ddof=1))


def test_chance_is_the_mean_part_of_the_players():
    (table,) = share_tables([row(0.2), row(0.4)])
    assert table.rows[0].chance == {"image": 0.75, "text": 0.25}
    assert table.rows[2].chance == {"image": None, "text": None}


def test_each_pair_has_its_table():
    pair = {"title": Part(("t",), np.array([1.0])), "text": Part(("d",), np.array([3.0]))}
    tables = share_tables([row(0.2), row(0.4, parts=pair, asked=("title", "text"))])
    assert [table.modalities for table in tables] == [("image", "text"), ("title", "text")]
    assert cells(tables[1], "title")["all classes", "all"] == "25.0 %, n = 1"


def test_rows_that_lack_a_modality_are_left_out_and_counted():
    alone = {"text": Part(("d",), np.array([1.0]))}
    silent = {"image": Part(("a",), np.zeros(1)), "text": Part(("d",), np.zeros(1))}
    (table,) = share_tables([row(0.2), row(0, parts=alone, missing=("image",)), row(0, parts=silent)])
    assert table.left_out == 2
    assert cells(table, "text")["all classes", "all"] == "80.0 %, n = 1"


def test_classes_come_in_the_given_order_also_without_rows():
    (table,) = share_tables([row(0.2), row(0.3, target="shoe")], classes=["shoe", "cable", "cup"])
    assert list(dict.fromkeys(line.of_class for line in table.rows)) == ["all classes", "shoe", "cable", "cup"]
    assert cells(table)["cable", "all"] == "–, n = 0"


@pytest.mark.parametrize(("target", "classes"), [(None, []), (2.5, []), (["cup", "shoe"], ["cup", "shoe"])])
def test_rows_belong_to_the_classes_that_they_have(target, classes):
    (table,) = share_tables([row(0.2, target=target, correct=None)])
    assert list(dict.fromkeys(line.of_class for line in table.rows))[1:] == classes


def test_rows_of_which_nothing_is_known_are_neither_right_nor_wrong():
    (table,) = share_tables([row(0.2, target=None), row(0.4)])
    assert [(line.group, line.n) for line in table.rows[:3]] == [("all", 2), ("correct", 1), ("incorrect", 0)]


def test_tables_are_data_frames_and_text():
    (table,) = share_tables([row(0.2), row(0.4)])
    assert json.loads(json.dumps(table.to_dict()))["rows"][0]["shares"]["image"]["n"] == 2
    assert table.to_frame().loc[0, "image mean"] == pytest.approx(0.3)
    assert "30.0 ± 14.1 %, n = 2" in str(table)


def test_no_explanations_make_no_tables():
    assert share_tables([]) == []
