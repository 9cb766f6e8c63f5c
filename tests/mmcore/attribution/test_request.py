import pytest
from toy_rows import SAMPLES, toy_row

import mmcore
from mmcore.attribution.request import partition

ALL = ("picture", "title", "shop")


def sizes(row, **request):
    return {name: len(players) for name, players in partition(row, mmcore.GameRequest(**request)).items()}


def test_the_grid_is_as_fine_as_the_text():
    # brown trail shoe: 2 + 2 + 2 pieces and 2 special ones make 8, and ⌈√8⌉ = 3
    assert sizes(toy_row()) == {"picture": 9, "title": 6}


@pytest.mark.parametrize(("words", "side"), [(1, 2), (2, 2), (3, 3), (7, 3), (8, 4), (14, 4), (15, 5)])
def test_the_side_is_the_root_of_the_tokens_rounded_up(words, side, monkeypatch):
    monkeypatch.setitem(SAMPLES, "title", " ".join(["abc"] * words))
    assert sizes(toy_row()) == {"picture": side**2, "title": words}


def test_the_longest_text_that_plays_decides():
    assert sizes(toy_row(ALL))["picture"] == 9
    assert sizes(toy_row(ALL), play=("picture", "shop")) == {"picture": 9, "shop": 3}
    assert sizes(toy_row(ALL, missing=("title",))) == {"picture": 9, "shop": 3}


def test_without_a_text_the_side_is_four():
    assert sizes(toy_row(ALL, missing=("title", "shop"))) == {"picture": 16}
    assert sizes(toy_row(ALL), play=("picture",)) == {"picture": 16}


def test_a_wish_goes_to_the_kinds_that_know_it():
    assert sizes(toy_row(), granularity="words") == {"picture": 9, "title": 3}


def test_a_demand_for_one_modality_is_met_or_refused():
    assert sizes(toy_row(), granularity={"picture": 2, "title": "words"}) == {"picture": 4, "title": 3}
    with pytest.raises(mmcore.OptionError, match="squares have no granularity 'words'"):
        sizes(toy_row(), granularity={"picture": "words"})


def test_a_grid_that_is_asked_for_is_taken():
    assert sizes(toy_row(), grid=6) == {"picture": 36, "title": 6}


@pytest.mark.parametrize(
    "request_",
    [{"play": ("picture", "titel")}, {"granularity": {"titel": "words"}}, {"baseline": {"titel": "mean"}}],
)
def test_an_unknown_modality_is_refused_with_the_nearest_one(request_):
    with pytest.raises(mmcore.OptionError, match=r"no modality 'titel'. Did you mean 'title'\?"):
        sizes(toy_row(), **request_)


def test_an_unknown_baseline_is_refused_with_those_there_are():
    with pytest.raises(
        mmcore.OptionError, match="masked parts of 'picture' can't become 'defualt'; they can become default"
    ):
        sizes(toy_row(), baseline={"picture": "defualt"})


def test_a_row_that_lacks_all_that_should_play_is_refused():
    with pytest.raises(mmcore.DataError, match=r"should play \(shop\)"):
        sizes(toy_row(ALL, missing=("shop",)), play=("shop",))


def test_a_row_without_players_is_refused(monkeypatch):
    monkeypatch.setitem(SAMPLES, "title", " ")
    with pytest.raises(mmcore.DataError, match="nothing in the row can be masked"):
        sizes(toy_row(("title",)))
