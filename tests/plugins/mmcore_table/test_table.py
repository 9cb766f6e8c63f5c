"""One's own table becomes a data set; what the options get wrong is said before any row is read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

import mmcore
from mmcore_table import TableOptions, build, check, mmcore_datasets, modalities


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def options(tmp_path):
    (tmp_path / "items.csv").write_text(
        "sku,photo,title,weight,price,hs6\n007,a.png,2020,1.5,3,640399\n008,b.png,1999,,4,010121\n"
    )

    def options(**changes):
        return TableOptions.model_validate(
            {
                "path": str(tmp_path / "items.csv"),
                "modalities": {
                    "photo": {"kind": "image", "column": "photo"},
                    "title": {"kind": "text", "column": "title"},
                    "facts": {"kind": "tabular", "columns": ["weight", "price"]},
                },
                "target": "hs6",
                "id": "sku",
                **changes,
            }
        )

    return options


def test_a_table_becomes_a_source_whose_texts_stay_as_written(options, tmp_path):
    source = build(options())
    assert source.rows["title"][:] == ["2020", "1999"]
    assert source.rows["sku"][:] == ["007", "008"]
    assert source.rows["hs6"][:] == ["640399", "010121"]
    row = source.rows[1]
    assert {name: field.value(name, row) for name, field in source.modalities.items()} == {
        "photo": "b.png", "title": "1999", "facts": {"weight": None, "price": 4},
    }  # fmt: skip
    assert {name: field.kind for name, field in source.modalities.items()} == modalities(options())
    assert (source.target, source.id, source.root, source.broken_limit) == ("hs6", "sku", tmp_path, 0.05)


def test_one_column_under_columns_is_still_a_record(options):
    source = build(options(modalities={"facts": {"kind": "tabular", "columns": ["price"]}}))
    assert source.modalities["facts"].value("facts", source.rows[0]) == {"price": 3}


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"target": "hs66"}, ("target",), "no column 'hs66'.*Did you mean 'hs6'"),
        ({"id": "skew"}, ("id",), "no column 'skew'"),
        (
            {"modalities": {"photo": {"kind": "image", "column": "foto"}}},
            ("modalities", "photo", "column"),
            "Did you mean 'photo'",
        ),
        (
            {"modalities": {"facts": {"kind": "tabular", "columns": ["weight", "prise"]}}},
            ("modalities", "facts", "columns", 1),
            "Did you mean 'price'",
        ),
        ({"root": "/not/there"}, ("root",), "no such folder"),
    ],
)
def test_what_is_not_in_the_table_is_named_with_its_place_and_neighbour(options, changes, path, said):
    with pytest.raises(mmcore.OptionError, match=said) as caught:
        check(options(**changes))
    assert caught.value.path == path


def test_a_table_that_is_not_there_is_named_with_its_neighbour(options, tmp_path):
    with pytest.raises(mmcore.OptionError, match=r"no such file\. Did you mean 'items\.csv'") as caught:
        check(options(path=str(tmp_path / "item.csv")))
    assert caught.value.path == ("path",)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"modalities": {}}, "at least 1"),
        ({"modalities": {"a": {"kind": "text"}}}, "either `column`"),
        ({"modalities": {"a": {"kind": "text", "column": "title", "columns": ["title"]}}}, "either `column`"),
        ({"modalities": {"a": {"kind": "tabular", "columns": ["price", "price"]}}}, "names a column twice"),
        ({"modalities": {"a": {"kind": "text", "column": "hs6"}}}, "target column 'hs6' is also an input"),
        ({"broken_limit": 2}, "less than or equal to 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, changes, said):
    with pytest.raises(ValidationError, match=said):
        options(**changes)


def test_labels_of_a_csv_cell_are_parted(options, tmp_path):
    (tmp_path / "tags.csv").write_text("title,tags\na,x; y\nb,x\n")
    source = build(
        TableOptions.model_validate(
            {
                "path": str(tmp_path / "tags.csv"),
                "modalities": {"title": {"kind": "text", "column": "title"}},
                "target": "tags",
                "separator": ";",
            }
        )
    )
    assert source.rows["tags"][:] == [["x", "y"], ["x"]]


def test_the_declaration_says_what_the_data_set_is():
    (declaration,) = mmcore_datasets()
    assert (declaration.name, declaration.options, declaration.check) == ("table", TableOptions, check)
