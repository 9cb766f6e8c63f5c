import numpy as np
import pytest
from matplotlib.image import imread
from test_explaining import Asking, explained
from toy_rows import toy_row

import mmcore

ALL = ("picture", "title", "shop")


@pytest.fixture(scope="module")
def why():
    return explained(toy_row(ALL), Asking(play=("picture", "title")))


def texts(figure):
    return {text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))}


def test_every_modality_and_the_shares_have_a_panel(why):
    shown = texts(why.plot())
    assert {"picture", "title", "shop", "stays as it is", "Shares", "chance level"} <= shown
    assert f"{100 * why.shares['title']:.0f} %" in shown


def test_the_samples_are_drawn_by_their_kinds(why):
    assert any(axes.images for axes in why.plot().axes)
    assert "brown trail shoe" in texts(why.plot())


def test_bars_are_as_long_as_the_shares(why):
    last = why.plot().axes[-1]
    assert [bar.get_width() for bar in last.patches] == pytest.approx(list(why.shares.values()))


def test_chance_levels_are_marked(why):
    marks = [line.get_xdata()[0] for line in why.plot().axes[-1].lines if len(line.get_xdata()) == 2]
    assert marks == pytest.approx(list(why.chance.values()))


def test_without_samples_players_are_bars_with_their_names(why):
    back = mmcore.Explanation.from_json(why.to_json())
    figure = back.plot()
    assert {"bro", "wn", "patch 0"} <= texts(figure)
    assert not any(axes.images for axes in figure.axes)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_pictures_are_written_the_same_each_time(why, suffix, tmp_path):
    paths = [tmp_path / f"{number}.{suffix}" for number in range(2)]
    for path in paths:
        why.plot(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths


def test_a_png_is_a_picture(why, tmp_path):
    why.plot(tmp_path / "why.png")
    pixels = imread(tmp_path / "why.png")
    assert min(pixels.shape[:2]) > 300
    assert np.ptp(pixels) > 0.5


def test_another_suffix_is_refused(why, tmp_path):
    with pytest.raises(mmcore.UserError, match="Did you mean 'png'"):
        why.plot(tmp_path / "why.pngg")


def test_words_that_look_like_mathematics_are_drawn_as_they_are(tmp_path):
    row = toy_row(id="$x$ $\\frac{")
    explained(row).plot(tmp_path / "why.png")


def test_no_window_system_and_no_global_figure_is_touched(why):
    import sys

    why.plot()
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()
