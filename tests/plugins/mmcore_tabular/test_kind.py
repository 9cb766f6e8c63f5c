"""The kind `tabular`: cells read, columns described, rows standardised, columns masked and drawn."""

import datetime
import math
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import mmcore
from mmcore_tabular import Column, TabularDescription, TabularSpec
from mmcore_tabular.columns import as_number, looks_like_values
from mmcore_tabular.kind import FARTHEST, TabularKind

KIND = TabularKind()
NUMBERS = st.floats(-1e6, 1e6)
MAX = sys.float_info.max


def decode(value, **budget):
    return KIND.decode(value, root=Path(), budget=mmcore.Budget(**budget))


def spec_of(*rows):
    description = KIND.describe([decode(row) for row in rows])
    return KIND.default_spec(description), description


def prepared(row, spec):
    return {name: tensor.tolist() for name, tensor in KIND.prepare(decode(row), spec).items()}


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (1, 1.0),
        (1.5, 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (Decimal("2.25"), 2.25),
        ("1.5", "1.5"),
        (" MA ", "MA"),
        (True, "true"),
        (np.bool_(False), "false"),
        ("True", "true"),
        ("FALSE", "false"),
        ("NA", "NA"),
        (None, None),
        ("", None),
        ("  ", None),
        (float("nan"), None),
        (Decimal("nan"), None),
    ],
    ids=repr,
)
def test_a_cell_is_a_number_a_text_or_missing(cell, found):
    assert decode({"x": cell}) == {"x": found}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (float("inf"), "not finite"),
        (-float("inf"), "not finite"),
        (10**400, "not finite"),
        ([1], "wrong type"),
        (b"1", "wrong type"),
        (datetime.date(2026, 1, 1), "wrong type"),
        (1j, "wrong type"),
        ("x" * 50, "too large"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_other_cells_are_refused_and_their_column_is_named(cell, reason):
    with pytest.raises(mmcore.InputError, match="'weight'") as caught:
        decode({"weight": cell}, characters=49)
    assert caught.value.reason == reason
    assert len(str(caught.value)) < 120


def test_a_value_that_is_no_mapping_is_a_single_column():
    assert decode(2.5) == {"value": 2.5}


def test_a_row_is_absent_when_no_cell_says_anything():
    assert KIND.is_missing({"a": None, "b": "", "c": float("nan")})
    assert not KIND.is_missing({"a": None, "b": 0})
    assert KIND.is_missing(None)


@given(values=st.lists(st.one_of(NUMBERS, st.none()), min_size=2, max_size=60).filter(any))
@settings(deadline=None)
def test_mean_and_standard_deviation_are_those_of_numpy(values):
    numbers = np.array([value for value in values if value is not None])
    [column] = spec_of(*({"x": value} for value in values))[1].columns
    assert column.type == "number"
    assert np.isclose(column.mean, numbers.mean(), rtol=1e-9, atol=1e-6)
    assert column.sd == 1.0 or np.isclose(column.sd, numbers.std(), rtol=1e-5, atol=1e-6)
    if len(set(numbers)) == 1:  # not by numpy's deviation: it underflows to 0 for [0, 1e-200]
        assert column.sd == 1.0


@pytest.mark.parametrize(
    "values",
    [(MAX, -MAX, 3.0), (MAX, MAX, -MAX), (1e200, 0.0), (1e200,) * 3, (1e-320, 0.0), (-MAX, 1.0, 2.0, 3.0)],
    ids=str,
)
def test_numbers_at_the_ends_of_double_precision_are_described_and_prepared_finitely(values):
    spec, description = spec_of(*({"x": value} for value in values))
    [column] = description.columns
    assert math.isfinite(column.mean)
    assert math.isfinite(column.sd)
    assert column.sd > 0
    assert TabularDescription.model_validate_json(description.model_dump_json()) == description
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    sd = math.sqrt(sum(((number - mean) / 2**900) ** 2 for number in exact) / len(exact))
    if sd > 1e-100:
        assert column.sd / 2.0**900 == pytest.approx(sd)
        assert [prepared({"x": value}, spec)["values"][0] for value in values] == pytest.approx(
            [float((number - mean) / 2**900) / sd for number in exact], rel=1e-5, abs=1e-5
        )
    else:
        assert all(math.isfinite(prepared({"x": value}, spec)["values"][0]) for value in values)


def test_the_description_needs_one_reading_and_survives_json():
    rows = [{"x": number, "kind": "ab"[number % 2]} for number in range(10)]
    description = KIND.describe(iter([decode(row) for row in rows]))
    assert TabularDescription.model_validate_json(description.model_dump_json()) == description
    assert [column.name for column in description.columns] == ["x", "kind"]


def test_numbers_written_as_text_count_like_numbers():
    as_text = spec_of(*({"x": str(number)} for number in range(5)))[1]
    assert as_text == spec_of(*({"x": number} for number in range(5)))[1]


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e-3", 1e-3), (" 7 ", 7.0), ("-0.5", -0.5), ("1,5", None), ("12_34", None), ("nan", None), ("1e999", None)],
)
def test_what_a_text_says_as_a_number(text, number):
    assert as_number(text) == number


def test_a_column_with_a_text_here_and_there_is_still_one_of_numbers():
    rows = [{"x": number} for number in range(19)] + [{"x": "abc"}]
    spec, description = spec_of(*rows)
    assert spec.columns[0].type == "number"
    assert spec.columns[0].mean == 9.0
    for row, fits in (({"x": 5}, True), ({"x": "5"}, True), ({"x": None}, True), ({}, True), ({"x": "abc"}, False)):
        if fits:
            KIND.check(decode(row), description)
            continue
        with pytest.raises(mmcore.InputError, match="'abc' in column 'x' is no number") as caught:
            KIND.check(decode(row), description)
        assert caught.value.reason == "wrong type"
        with pytest.raises(mmcore.InputError, match="'abc' in column 'x' is no number"):
            KIND.prepare(decode(row), spec)


def test_a_column_of_mostly_texts_is_one_of_categories_numbers_included():
    spec, description = spec_of(*({"x": value} for value in ("b", "a", 1, 2.5, "b")))
    assert spec.columns == (Column(name="x", type="category", values=("1", "2.5", "a", "b")),)
    KIND.check(decode({"x": 99}), description)
    assert prepared({"x": 1.0}, spec)["values"] == prepared({"x": "1"}, spec)["values"] == [1.0]


@given(values=st.lists(NUMBERS, min_size=3, max_size=30, unique=True))
@settings(deadline=None)
def test_training_rows_are_standardised(values):
    spec, _ = spec_of(*({"x": value} for value in values))
    found = np.array([prepared({"x": value}, spec)["values"][0] for value in values])
    wanted = (np.array(values) - spec.columns[0].mean) / spec.columns[0].sd
    assert np.allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_missing_cells_are_flagged_and_stand_at_the_mean():
    spec, _ = spec_of({"x": 1, "c": "a"}, {"x": 3, "c": "b"})
    assert prepared({"x": None, "c": "b"}, spec) == {"values": [0.0, 2.0], "missing": [1.0, 0.0]}
    assert prepared({"x": 2}, spec) == {"values": [0.0, 0.0], "missing": [0.0, 1.0]}
    assert prepared({"x": 3, "c": "a", "more": 7}, spec) == {"values": [1.0, 1.0], "missing": [0.0, 0.0]}
    assert {name: tensor.tolist() for name, tensor in KIND.blank(spec, TabularDescription()).items()} == {
        "values": [0.0, 0.0],
        "missing": [1.0, 1.0],
    }


def test_a_category_that_was_not_seen_has_a_number_of_its_own_and_is_not_missing():
    spec, _ = spec_of({"c": "a"}, {"c": "b"})
    assert prepared({"c": "zebra"}, spec) == {"values": [0.0], "missing": [0.0]}
    assert prepared({"c": "a"}, spec)["values"] == [1.0]


def test_an_absurd_number_stays_within_single_precision():
    spec, _ = spec_of({"x": 0.0}, {"x": 1e-12})
    assert prepared({"x": 1e300}, spec)["values"] == [FARTHEST]
    assert prepared({"x": -1e300}, spec)["values"] == [-FARTHEST]


def test_a_column_that_is_always_empty_or_always_alike_does_no_harm():
    spec, _ = spec_of({"e": None, "s": 5}, {"e": None, "s": 5})
    assert [column.type for column in spec.columns] == ["category", "number"]
    assert prepared({"e": "new", "s": 6}, spec) == {"values": [0.0, 1.0], "missing": [0.0, 0.0]}


def test_masked_columns_are_the_mean_or_an_unknown_category():
    spec, _ = spec_of({"x": 1, "c": "a"}, {"x": 3, "c": "b"})
    row = decode({"x": 3, "c": "b"})
    inputs = KIND.prepare(row, spec)
    players = KIND.players(row, inputs, spec)
    assert players.labels == ("x", "c")
    masked = KIND.mask(inputs, players, np.array([[True, True], [False, True], [True, False], [False, False]]))
    assert masked["values"].tolist() == [[1.0, 2.0], [0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
    assert masked["missing"].tolist() == [[0.0, 0.0]] * 4
    mean = prepared({"x": 2, "c": "unknown"}, spec)
    assert masked["values"][3].tolist() == mean["values"]


def test_a_masked_cell_that_is_missing_becomes_the_baseline_too():
    spec, _ = spec_of({"x": 1}, {"x": 3})
    row = decode({"x": None})
    inputs = KIND.prepare(row, spec)
    masked = KIND.mask(inputs, KIND.players(row, inputs, spec), np.array([[True], [False]]))
    assert masked["missing"].tolist() == [[1.0], [0.0]]


def test_other_granularities_are_refused():
    spec, _ = spec_of({"x": 1})
    with pytest.raises(mmcore.OptionError, match="Allowed: columns"):
        KIND.players(decode({"x": 1}), {}, spec, granularity="tokens")


def drawn(*arguments):
    figure = Figure(figsize=(3, 2))
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    KIND.render(axes, *arguments)
    canvas.draw()
    return axes


def test_bars_are_named_by_column_and_cell_and_coloured_by_sign():
    row = decode({"weight": 0.25, "origin": "MA", "price": None})
    spec, _ = spec_of({"weight": 1, "origin": "MA", "price": 3})
    axes = drawn(row, KIND.players(row, {}, spec), np.array([1.0, -2.0, 0.5]))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["weight = 0.25", "origin = MA", "price = –"]
    assert [bar.get_width() for bar in axes.patches] == [1.0, -2.0, 0.5]
    red, blue, again = (bar.get_facecolor() for bar in axes.patches)
    assert red == again
    assert red[0] > 0.6 > blue[0]
    assert blue[2] > 0.6 > red[2]


def test_of_many_columns_the_strongest_are_drawn_and_the_others_counted():
    row = decode({f"column {number}": number for number in range(40)})
    spec, _ = spec_of(row)
    axes = drawn(row, KIND.players(row, {}, spec), np.arange(40.0) - 5)
    assert len(axes.patches) == 14
    assert axes.get_xlabel() == "and 26 weaker columns"
    assert axes.get_yticklabels()[-1].get_text() == "column 39 = 39"


def test_without_values_a_row_is_a_list_of_its_cells():
    axes = drawn(decode({"weight": 0.25, "note": "$5 " * 40}))
    assert [text.get_text() for text in axes.texts] == ["weight = 0.25", "note = $5 $5 $5 $5 $5 $5 $…"]


def test_columns_of_numbers_and_of_few_words_look_like_values():
    assert looks_like_values("x", [1, 2.5, None, "3"]) == 0.9
    assert looks_like_values("x", [np.int64(1), np.float32(2), Decimal(3)]) == 0.9
    assert looks_like_values("c", ["MA", "BE"] * 5) == 0.7
    assert looks_like_values("title", [f"a thing number {number}" for number in range(20)]) < 0.5
    assert looks_like_values("bytes", [b"1"]) == 0.0
    assert looks_like_values("empty", []) == 0.0


def test_the_perceptron_embeds_categories_and_reads_flags():
    from mmcore_tabular import MLPOptions
    from mmcore_tabular.mlp import TabularMLP

    torch.manual_seed(0)
    rows = [{"x": number, "c": "ab"[number % 2]} for number in range(10)]
    spec, description = spec_of(*rows)
    encoder = TabularMLP(MLPOptions(width=8), description).eval()
    assert encoder.input_spec == TabularSpec(description.columns)

    def vector(row):
        return encoder(KIND.collate([KIND.prepare(decode(row), spec)])).vector[0]

    base = vector({"x": 4.5, "c": "a"})
    assert base.shape == (8,)
    for other in ({"x": None, "c": "a"}, {"x": 4.5, "c": "b"}, {"x": 4.5, "c": "new"}, {"x": 5, "c": "a"}):
        assert not torch.allclose(base, vector(other))
    assert torch.equal(vector({"x": 1, "c": "new"}), vector({"x": 1, "c": "newer"}))
    assert len(encoder.blocks) == 2
