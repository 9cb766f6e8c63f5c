"""Texts as they are drawn: wrapped, cut where they do not fit, on the colours of their values."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmcore_text.drawing import draw_text, laid_out, wide, wrapped


def drawn(text, spans, values):
    figure = Figure(figsize=(3, 2), dpi=60)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw_text(axes, text, spans, values)
        canvas.draw()
    return axes, np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


@given(text=st.text(max_size=200), columns=st.integers(2, 40))
def test_lines_hold_every_character_but_white_space_once_and_fit(text, columns):
    lines = wrapped(text, columns)
    shown = [position for start, end in lines for position in range(start, end)]
    assert shown == sorted(set(shown))
    assert "".join("".join(text[at] for at in shown).split()) == "".join(text.split())
    assert all(wide(text[start:end]) <= columns for start, end in lines)


def test_words_stay_whole_where_they_fit():
    text = "a pair of running shoes"
    assert [text[start:end] for start, end in wrapped(text, 10)] == ["a pair of", "running", "shoes"]


def test_a_text_that_does_not_fit_is_cut_and_says_so():
    text, lines, columns = laid_out("The quick brown fox. " * 5000, 200.0, 150.0)
    assert text.endswith("…")
    assert len(text) < 3000
    assert all(wide(text[start:end]) <= columns for start, end in lines)
    assert laid_out("a short one", 200.0, 150.0)[0] == "a short one"


def test_a_million_characters_are_drawn_at_once():
    drawn("x" * 1_000_000, [(0, 1)], np.array([1.0]))


def test_what_speaks_for_the_output_is_red_and_what_speaks_against_it_blue():
    shown = drawn("good bad none", [(0, 4), (5, 8), (9, 13)], np.array([1.0, -1.0, 0.0]))[1]
    redness = shown[..., 0] - shown[..., 2]
    left, right = np.flatnonzero((redness > 60).any(0)), np.flatnonzero((redness < -60).any(0))
    assert len(left) > 20
    assert len(right) > 10
    assert left.max() < right.min()


def test_values_of_tokens_of_one_character_are_added_up():
    alone = drawn("é x", [(0, 1), (2, 3)], np.array([1.0, 1.0]))[1]
    several = drawn("é x", [(0, 1), (0, 1), (2, 3)], np.array([1.5, -0.5, 1.0]))[1]
    assert (alone == several).all()


@pytest.mark.parametrize(
    "text", ["日本語 テキスト", "😀👩‍👩‍👧", "مرحبا", "$5 $10 _x^2", "\u200b", "e\u0301", "", "\x00a"]
)
def test_every_script_is_drawn_without_a_warning(text):
    drawn(text, [], None)


def test_dollars_are_no_mathematics():
    axes, _ = drawn("$5$", [], None)
    assert [each.get_text() for each in axes.texts] == ["$", "5", "$"]
