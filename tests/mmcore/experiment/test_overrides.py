import pytest

from mmcore.errors import UserError
from mmcore.experiment.document import parse_document
from mmcore.experiment.overrides import with_overrides

DOCUMENT = parse_document(
    "dataset: {name: table, modalities: {facts: {columns: [a, b]}}}\n"
    "encoders: {image: timm, text: {name: minilm}}\n"
    "fusion: {strategy: intermediate, method: {name: multconcat, dim: 256}}\n"
    "task: single_label\n",
    source="e.yaml",
)


def changed(*overrides):
    return with_overrides(DOCUMENT, overrides).data


def test_a_value_is_replaced_whole():
    assert changed("fusion.method=concat")["fusion"]["method"] == "concat"


def test_an_option_beside_a_name_keeps_the_others():
    assert changed("fusion.method.dim=64")["fusion"]["method"] == {"name": "multconcat", "dim": 64}


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("encoders.image.trainable=all", ("encoders", "image"), {"name": "timm", "trainable": "all"}),
        ("fusion.strategy.dropout=0.1", ("fusion", "strategy"), {"name": "intermediate", "dropout": 0.1}),
        ("task.threshold=0.4", ("task",), {"type": "single_label", "threshold": 0.4}),
    ],
)
def test_a_bare_name_becomes_a_mapping_that_keeps_it(override, path, value):
    found = changed(override)
    for key in path:
        found = found[key]
    assert found == value


def test_missing_sections_are_made():
    assert changed("training.epochs=3", "explain.rows=2")["training"] == {"epochs": 3}


def test_values_are_yaml():
    assert changed("training={epochs: 3, learning_rate: 1e-4}")["training"] == {"epochs": 3, "learning_rate": 1e-4}
    assert changed("training.early_stopping=null")["training"] == {"early_stopping": None}
    assert changed("training.early_stopping=")["training"] == {"early_stopping": None}
    assert changed("dataset.path=a=b.csv")["dataset"]["path"] == "a=b.csv"


def test_an_encoder_set_to_null_is_left_out():
    assert list(changed("encoders.image=null")["encoders"]) == ["text"]


def test_a_position_in_a_list_can_be_changed():
    assert changed("dataset.modalities.facts.columns.1=c")["dataset"]["modalities"]["facts"]["columns"] == ["a", "c"]


def test_later_changes_win_and_the_document_stays_as_it_was():
    before = str(DOCUMENT.data)
    assert changed("training.epochs=3", "training.epochs=4")["training"]["epochs"] == 4
    assert str(DOCUMENT.data) == before


def test_a_changed_value_is_shown_at_its_change_and_all_others_at_their_line():
    document = with_overrides(DOCUMENT, ["fusion.method.dim=64"])
    assert document.where(("fusion", "method", "dim")) == "--set fusion.method.dim=64"
    assert document.where(("fusion", "method", "name")) == "e.yaml:3"
    assert document.where(("encoders", "image")) == "e.yaml:2"


@pytest.mark.parametrize("override", ["training.epochs", "=3", "a..b=3", ""])
def test_what_is_no_change_is_refused(override):
    with pytest.raises(UserError, match="is no change"):
        changed(override)


def test_a_way_through_a_plain_value_is_refused():
    with pytest.raises(UserError, match=r"dataset\.name is 'table', which has no 'x' inside"):
        changed("dataset.name.x=3")


def test_a_value_that_is_no_yaml_is_refused_with_the_change():
    with pytest.raises(UserError, match=r"--set training.epochs=\[1"):
        changed("training.epochs=[1")
