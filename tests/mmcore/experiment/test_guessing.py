import pytest

import mmcore
from mmcore.catalog import Catalog
from mmcore.errors import DataError, UserError
from mmcore.experiment.guessing import (
    guess_table,
    suitable_encoders,
    suitable_explainer,
    suitable_fusion,
    table_dataset,
)
from mmcore.plugins import PluginRecord, Plugins


class Described(mmcore.Description):
    pass


class Prepared(mmcore.InputSpec):
    pass


def build(*arguments):
    raise AssertionError("nothing is built to guess")


def kind(name, guess, **more):
    return mmcore.ModalityKind(
        name=name, summary=name, build=build, description=Described, input_spec=Prepared, guess=guess, **more
    )


def encoder(name, **more):
    return mmcore.Encoder(name=name, kind="text", summary=name, build=build, **more)


KINDS = [
    kind("picture", lambda column, values: float(all(str(value).endswith(".png") for value in values))),
    kind("text", lambda column, values: 0.6 if any(" " in str(value) for value in values) else 0.1),
    kind("numbers", lambda column, values: 0.8 * all(isinstance(v, float) for v in values), joins_columns=True),
    kind("silent", None),
]
COLUMNS = {
    "sku": ["A-1", "A-2", "A-3"],
    "photo": ["a.png", None, "c.png"],
    "main title": ["a shoe", "a boot", ""],
    "weight": [1.0, 2.0, None],
    "price": [3.0, 4.0, 5.0],
    "nothing": [None, "", float("nan")],
    "code": ["x", "x", "x"],
    "label": ["a", "b", "a"],
}


def catalog(*declarations):
    return Catalog(Plugins([PluginRecord("p", "p", "p", "1", declarations=list(declarations))]))


def test_columns_become_modalities_of_the_kind_that_they_look_like_most():
    guess = guess_table(COLUMNS, catalog(*KINDS))
    assert {name: (field.kind, field.columns, field.single) for name, field in guess.modalities.items()} == {
        "photo": ("picture", ("photo",), True),
        "main_title": ("text", ("main title",), True),
        "numbers": ("numbers", ("weight", "price"), False),
    }
    assert (guess.target, guess.id) == ("label", "sku")
    assert guess.left_out == {"nothing": "empty", "code": "looks like no kind that is installed"}


def test_all_that_was_guessed_is_told():
    told = "\n".join(guess_table(COLUMNS, catalog(*KINDS)).describe())
    assert all(column in told for column in COLUMNS)


def test_what_the_user_names_is_not_guessed():
    guess = guess_table(COLUMNS, catalog(*KINDS), target="code", row_id="photo")
    assert (guess.target, guess.id) == ("code", "photo")
    assert "photo" not in guess.modalities


def test_a_column_that_repeats_is_no_id():
    assert guess_table({**COLUMNS, "sku": ["A-1", "A-1", "A-3"]}, catalog(*KINDS)).id is None


@pytest.mark.parametrize("named", [{"target": "labl"}, {"row_id": "labl"}])
def test_a_column_that_is_not_there_is_refused_with_the_nearest(named):
    with pytest.raises(DataError, match="Did you mean 'label'"):
        guess_table(COLUMNS, catalog(*KINDS), **named)


def test_without_a_name_that_says_target_the_user_is_asked():
    with pytest.raises(UserError, match=r"which column is to be predicted\?.*photo"):
        guess_table({"photo": ["a.png"]}, catalog(*KINDS))


def test_a_table_with_nothing_to_read_is_refused():
    with pytest.raises(UserError, match="no column looks like a modality"):
        guess_table({"code": ["x"], "label": ["a"]}, catalog(*KINDS))


def test_modalities_never_share_a_name():
    columns = {"a b": ["x y"], "a.b": ["x y"], "text": ["x y"], "label": ["a"]}
    assert list(guess_table(columns, catalog(*KINDS)).modalities) == ["a_b", "a_b_2", "text"]


def test_the_encoder_to_begin_with_is_installed_and_needs_no_network():
    offline, online = mmcore.Weights("a", "MIT", offline=True), mmcore.Weights("a", "MIT")
    found = suitable_encoders(
        "text",
        catalog(
            encoder("absent", weights=offline, requires=("no_such_package",)),
            encoder("hub", weights=online),
            encoder("scratch"),
            encoder("shipped", weights=offline, requires=("json",)),
        ),
    )
    assert [one.name for one in found] == ["shipped", "scratch", "hub", "absent"]
    with pytest.raises(UserError, match="no encoder for video is installed"):
        suitable_encoders("video", catalog())


def test_the_fusion_to_begin_with_joins_representations_with_a_method_that_fits():
    strategies = [
        mmcore.FusionStrategy(name="a_late", summary="", build=build, levels=("decision",), default_method="vote"),
        mmcore.FusionStrategy(name="middle", summary="", build=build, levels=("representation",)),
    ]
    methods = [
        mmcore.FusionMethod(name="vote", summary="", build=build, level="decision"),
        mmcore.FusionMethod(name="join", summary="", build=build, level="representation"),
    ]
    assert suitable_fusion(catalog(*strategies, *methods)) == {"strategy": "middle", "method": "join"}
    assert suitable_fusion(catalog(strategies[0])) == {"strategy": "a_late", "method": "vote"}
    assert suitable_fusion(catalog()) is None


def test_the_explainer_to_begin_with_plays_games_on_rows():
    explainers = [
        mmcore.Explainer(name="a", summary="", build=build, needs="dataset", additive=True),
        mmcore.Explainer(name="b", summary="", build=build, needs="game"),
        mmcore.Explainer(name="c", summary="", build=build, needs="game", additive=True),
    ]
    assert suitable_explainer(catalog(*explainers)).name == "c"
    assert suitable_explainer(catalog(explainers[0])) is None


def test_without_a_data_set_that_reads_tables_this_is_said():
    with pytest.raises(UserError, match="no data set that reads tables is installed"):
        table_dataset(catalog())
