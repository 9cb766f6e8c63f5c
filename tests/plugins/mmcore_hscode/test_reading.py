"""Declarations are read as customs write them, and every choice of modalities has one test set."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import mmcore
from mmcore_hscode import build, check, clean_text, code_at_level, modalities
from mmcore_hscode.reading import table_path


def ids(source, part):
    names = source.rows["id"][:]
    return [names[number] for number in source.splits[part]]


@pytest.mark.parametrize(
    ("written", "level", "code"),
    [
        ("0902.10.00", 6, "090210"),
        ("0902.10.00", 4, "0902"),
        ("0902.10.00", 2, "09"),
        (" 0902 10 ", 6, "090210"),
        ("902.10", 6, "090210"),
        (90210, 6, "090210"),
        (90210.0, 6, "090210"),
        (9021000, 6, "090210"),
        ("8517-13-00-00", 6, "851713"),
        ("85", 2, "85"),
        ("85", 4, None),
        ("85171", 6, "085171"),
        ("n/a", 2, None),
        ("", 2, None),
        (None, 2, None),
        (8517.5, 2, None),
        (True, 2, None),
        ("８５１７１３", 6, None),
        ("85171300000000", 6, None),
    ],
)
def test_a_code_is_its_first_digits_and_a_lost_leading_zero_comes_back(written, level, code):
    assert code_at_level(written, level) == code


@given(st.integers(1, 99), st.integers(0, 99), st.integers(0, 99), st.sampled_from([2, 4, 6]))
def test_a_code_survives_being_a_number(chapter, heading, subheading, level):
    code = f"{chapter:02d}{heading:02d}{subheading:02d}"
    assert code_at_level(int(code), level) == code_at_level(code, level) == code[:level]


def test_texts_are_cleaned_only_of_what_is_asked_for():
    text = "NEW!! café-crème №5 (2 pcs) €3 ★"
    assert clean_text(text, ()) == text
    assert clean_text(text, ("punctuation",)) == "NEW café crème 5 2 pcs 3"
    assert clean_text(text, ("digits",)) == "NEW!! café-crème № ( pcs) € ★"
    assert clean_text(text, ("case", "punctuation", "digits")) == "new café crème pcs"


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text):
    steps = ("punctuation", "digits")
    assert clean_text(clean_text(text, steps), steps) == clean_text(text, steps)


@pytest.mark.parametrize(("level", "codes"), [(6, {"090210", "854442"}), (4, {"0902", "8544"}), (2, {"09", "85"})])
def test_the_level_says_how_many_digits_are_predicted_and_rare_codes_are_left_out(rows, write, options, level, codes):
    write(rows)
    source = build(options(level=level))
    assert Counter(source.rows["hs_code"][:]) == dict.fromkeys(codes, 60)
    assert f"6 have a code with fewer than 10 of them ({'640399'[:level]})" in source.notice


def test_rare_codes_are_counted_at_the_level_that_is_predicted(rows, write, options):
    write([*rows, *({**each, "id": f"x{n}", "invoice_description": f"x{n}", "hs_code": "6404.19"}
                    for n, each in enumerate(rows[-6:]))])  # fmt: skip
    assert set(build(options(level=6)).rows["hs_code"][:]) == {"090210", "854442"}
    assert set(build(options(level=2)).rows["hs_code"][:]) == {"09", "85", "64"}


def test_when_every_code_is_rare_it_is_said(rows, write, options):
    write(rows)
    with pytest.raises(mmcore.DataError, match=r"no code has 61 declarations; the most frequent one has 60"):
        build(options(min_rows=61))


@pytest.mark.parametrize("stored", ["csv", "tsv", "parquet", "jsonl"])
def test_every_table_format_gives_the_same_rows(rows, write, options, tmp_path, stored):
    if stored == "csv":
        write(rows)
    elif stored == "tsv":
        write(rows, "table.tsv", delimiter="\t")
    else:
        write(rows, "table.csv")
        frame = pd.read_csv(tmp_path / "table.csv", dtype=str)
        (tmp_path / "table.csv").unlink()
        if stored == "parquet":
            frame.to_parquet(tmp_path / "table.parquet")
        else:
            frame.to_json(tmp_path / "table.jsonl", orient="records", lines=True)
    source = build(options())
    assert source.rows.num_rows == 120
    assert source.rows[1] == {**rows[1], "hs_code": "090210"}
    assert source.root == tmp_path


def test_codes_that_pandas_wrote_as_numbers_keep_their_leading_zero(rows, write, options, tmp_path):
    write(rows)
    frame = pd.read_csv(tmp_path / "table.csv", dtype=str)
    (tmp_path / "table.csv").unlink()
    frame["hs_code"] = frame["hs_code"].str.replace(".", "").str[:6].astype("int64")
    frame.to_parquet(tmp_path / "table.parquet")
    assert Counter(build(options()).rows["hs_code"][:]) == {"090210": 60, "854442": 60}


def test_of_declarations_with_one_description_the_first_stays(rows, write, options):
    repeated = [{**rows[0], "id": "again", "invoice_description": " THING  0 ", "title": "another"}]
    write([*rows[:120], *repeated])
    source = build(options())
    assert source.rows.num_rows == 120
    assert "again" not in source.rows["id"][:]
    assert "1 repeat an invoice description" in source.notice
    assert build(options(deduplicate=False)).rows.num_rows == 121


def test_declarations_without_a_description_are_not_repetitions_of_each_other(rows, write, options):
    write(
        [{**each, "invoice_description": "" if n < 20 else each["invoice_description"]} for n, each in enumerate(rows)]
    )
    source = build(options())
    assert source.rows.num_rows == 120
    assert source.rows["invoice_description"][:20] == [None] * 20


def test_cleaning_comes_before_duplicates_are_looked_for(rows, write, options):
    write(rows)
    assert build(options()).rows.num_rows == 120
    with pytest.raises(mmcore.DataError, match="the most frequent one has 1"):  # "thing" is all that is left
        build(options(clean=["digits"]))
    source = build(options(clean=["digits", "punctuation", "case"], deduplicate=False))
    assert set(source.rows["title"][:]) == {"thing no"}


def incomplete(rows):
    """Rows of which every fifth lacks something, in turn a title, a category, a description, a picture."""
    for number, each in enumerate(rows[:120]):
        if number % 5 == 0:
            lacking = ("title", "category", "invoice_description", "image")[number // 5 % 4]
            yield {**each, lacking: ""}
        else:
            yield each


def test_only_complete_declarations_test_by_code_in_proportion(rows, write, options):
    written = list(incomplete(rows))
    write(written)
    source = build(options())
    complete = {each["id"] for each in written if all(each.values())}
    by_code = Counter(source.rows["hs_code"][number] for number in source.splits["test"])
    assert set(ids(source, "test")) <= complete
    assert by_code == {"090210": 5, "854442": 5}  # a tenth of 48 complete ones each
    assert len(source.splits["validation"]) == 2 * 6  # 0.11 of the 55 others of each code
    together = sorted(number for part in source.splits.values() for number in part)
    assert together == list(range(120))


def test_the_test_set_is_the_same_for_every_choice_of_modalities_and_run(rows, write, options):
    from mmcore.data.reading import RowReader
    from mmcore.data.splits import SplitOptions, split_source
    from mmcore.data.survey import survey
    from mmcore_image.kind import ImageKind
    from mmcore_text.kind import TextKind

    write(list(incomplete(rows)))
    tested = set()
    for chosen in (["image"], ["description"], ["title", "category"], ["image", "description", "title", "category"]):
        source = build(options())
        kinds = {"image": ImageKind(), "text": TextKind()}
        fields = {name: source.modalities[name] for name in chosen}
        reader = RowReader(fields, {name: kinds[field.kind] for name, field in fields.items()}, source.root)
        for seed in (0, 1):
            split = split_source(source, survey(source, reader), SplitOptions(), seed=seed)
            tested.add(tuple(source.rows["id"][int(number)] for number in split["test"]))
    assert len(tested) == 1


def test_another_seed_draws_another_test_set_of_the_same_rows(rows, write, options):
    write(rows)
    first, second = build(options(split_seed=1)), build(options(split_seed=2))
    assert first.rows.to_list() == second.rows.to_list()
    assert ids(first, "test") != ids(second, "test")
    assert build(options(own_split=False)).splits is None


@pytest.mark.parametrize("what", ["lost", "torn", "folder"])
def test_a_picture_that_can_not_be_read_does_not_test(rows, write, options, tmp_path, what):
    write(rows[:120])
    broken = {f"p/{number}.png" for number in range(0, 120, 2)} | {"p/1.png", "p/3.png"}
    for name in broken:
        path = tmp_path / name
        content = path.read_bytes()
        path.unlink()
        if what == "torn":
            path.write_bytes(content[: len(content) // 2])
        if what == "folder":
            path.mkdir()
    source = build(options())
    images = source.rows["image"][:]
    tested = {images[number] for number in source.splits["test"]}
    assert len(tested) == 6
    assert tested.isdisjoint(broken)


def test_a_cell_that_holds_no_code_is_a_problem_of_its_row_and_an_empty_one_is_no_target(rows, write, options):
    write([{**rows[0], "hs_code": "unknown"}, {**rows[1], "hs_code": ""}, *rows[2:120]])
    source = build(options(min_rows=1))
    assert source.problems == {0: {"hs_code": "'unknown' is no HS code of 6 digits or more"}}
    assert source.rows["hs_code"][:2] == [None, None]
    parts = {number for part in source.splits.values() for number in part}
    assert parts.isdisjoint({0, 1})


def test_columns_of_other_names_and_fewer_modalities(rows, write, options):
    names = {"invoice_description": "D", "hs_code": "HS", "image": "photo", "id": "declaration"}
    write([{names.get(key, key): value for key, value in each.items() if key != "category"} for each in rows],
          pictures=False)  # fmt: skip
    chosen = options(description="D", target="HS", image=None, category=None, id="declaration")
    source = build(chosen)
    assert modalities(chosen) == {"description": "text", "title": "text"}
    assert {name: field.columns for name, field in source.modalities.items()} == {
        "description": ("D",), "title": ("title",),
    }  # fmt: skip
    assert (source.target, source.id) == ("HS", "declaration")
    assert len(source.splits["test"]) == 12


def test_without_an_id_column_rows_go_by_their_number(rows, write, options):
    write([{key: value for key, value in each.items() if key != "id"} for each in rows])
    assert build(options()).id is None
    with pytest.raises(mmcore.OptionError, match="no column 'number'"):
        build(options(id="number"))


def test_other_columns_stay_for_the_experiments_own_split(rows, write, options):
    write([{**each, "seller": f"s{n % 7}"} for n, each in enumerate(rows)])
    assert "seller" in build(options(own_split=False)).rows.column_names


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"title": "titel"}, ("title",), r"Did you mean 'title'\?.*If the declarations have none: title: null"),
        ({"target": "hs"}, ("target",), "no column 'hs'"),
        ({"pictures": "/not/there"}, ("pictures",), "no such folder"),
        ({"path": "/not/there"}, ("path",), "no such file"),
    ],
)
def test_what_is_not_there_is_named_with_the_option(rows, write, options, changes, path, said):
    write(rows)
    with pytest.raises(mmcore.OptionError, match=said) as caught:
        check(options(**changes))
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"level": 5}, "Input should be 2, 4 or 6"),
        ({"title": "category"}, "title and category name the same column 'category'"),
        ({"image": None, "description": None, "title": None, "category": None}, "no modality is left"),
        ({"min_rows": 0}, "greater than or equal to 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, changes, said):
    with pytest.raises(ValidationError, match=said):
        options(**changes)


def test_a_folder_means_its_only_table(rows, write, options, tmp_path):
    path = write(rows)
    assert table_path(str(tmp_path)) == table_path(str(path)) == path
    write(rows, "second.tsv", delimiter="\t")
    with pytest.raises(mmcore.OptionError, match=r"holds several tables \(second\.tsv, table\.csv\)"):
        check(options())
