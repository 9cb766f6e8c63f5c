"""Splits part rows as asked: in proportion, by group, from a column, in folds; the seed alone decides."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.model_selection import StratifiedGroupKFold

from mmcore.data.partition import partition_groups, partition_rows
from mmcore.data.source import DataSource
from mmcore.data.splits import SplitOptions, fold_source, make_folds, make_splits, split_source
from mmcore.data.survey import Survey
from mmcore.data.tables import read_table
from mmcore.errors import DataError, OptionError

labels_of_rows = st.lists(st.sampled_from("aaaabbcd"), min_size=30, max_size=200)


def classes_of(rows, labels):
    return Counter(labels[row] for row in rows)


@settings(max_examples=60, deadline=None)
@given(labels=labels_of_rows, seed=st.integers(0, 99), test=st.floats(0.1, 0.4), validation=st.floats(0.1, 0.4))
def test_parts_cover_every_row_once_in_their_shares_and_in_proportion(labels, seed, test, validation):
    n = len(labels)
    split = make_splits(SplitOptions(test=test, validation=validation), np.arange(n), labels=labels, seed=seed)
    assert sorted(np.concatenate(list(split.values()))) == list(range(n))
    assert set(labels) == {labels[row] for row in split["train"]}
    few = sum(count < 3 for count in Counter(labels).values())  # at most one row of each is moved into train
    for part, share in {"train": 1 - test - validation, "validation": validation, "test": test}.items():
        assert abs(len(split[part]) - share * n) < 2 + few
        for label, count in Counter(labels).items():
            assert abs(classes_of(split[part], labels)[label] - share * count) < 2.5
    again = make_splits(SplitOptions(test=test, validation=validation), np.arange(n), labels=labels, seed=seed)
    assert all((again[part] == split[part]).all() for part in split)


def test_another_seed_gives_another_split_and_row_numbers_are_kept():
    rows = np.arange(1000, 1100)
    first, second = (make_splits(SplitOptions(), rows, seed=seed)["test"] for seed in (0, 1))
    assert len(first) == len(second) == 20
    assert set(first) != set(second)
    assert set(first) <= set(rows)


def test_every_row_is_as_likely_to_test_as_any_other():
    counts = np.zeros(50)
    labels = ["a"] * 30 + ["b"] * 20
    for seed in range(400):
        counts[make_splits(SplitOptions(), np.arange(50), labels=labels, seed=seed)["test"]] += 1
    assert abs(counts / 400 - 0.2).max() < 0.2 * 0.5  # four standard deviations are 0.08
    assert abs(counts[:30].mean() / 400 - 0.2) < 0.02


def test_the_only_row_of_a_class_trains():
    labels = ["common"] * 50 + ["rare"]
    for seed in range(20):
        assert (
            50 in make_splits(SplitOptions(test=0.4, validation=0.3), np.arange(51), labels=labels, seed=seed)["train"]
        )


def test_rows_with_several_labels_are_stratified_by_their_rarest():
    labels = [["x", "rare"] if i % 10 == 0 else ["x"] for i in range(100)]
    test = make_splits(SplitOptions(test=0.2), np.arange(100), labels=labels)["test"]
    assert sum(row % 10 == 0 for row in test) == 2


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=8, max_size=40),
    seed=st.integers(0, 99),
    stratify=st.booleans(),
)
def test_groups_never_part(sizes, seed, stratify):
    groups = [f"g{i}" for i, size in enumerate(sizes) for _ in range(size)]
    labels = [("a", "b")[(i * 7) % 3 == 0] for i in range(len(groups))]
    options = SplitOptions(stratify=stratify, group="g")
    split = make_splits(options, np.arange(len(groups)), labels=labels, groups=groups, seed=seed)
    assert sorted(np.concatenate(list(split.values()))) == list(range(len(groups)))
    held = [{groups[row] for row in split[part]} for part in split]
    assert all(held)
    assert sum(map(len, held)) == len(sizes)


def test_grouped_folds_are_as_balanced_as_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(120), generator.integers(1, 15, 120))
    strata = (generator.random(120)[groups] + generator.random(len(groups)) > 1.2).astype(int)

    def unevenness(part_of):
        shares = [np.bincount(strata[part_of == fold], minlength=2) / np.bincount(strata) for fold in range(5)]
        return np.abs(np.array(shares) - 0.2).max()

    theirs = np.empty(len(groups), dtype=int)
    for fold, (_, test) in enumerate(
        StratifiedGroupKFold(5, shuffle=True, random_state=0).split(groups, strata, groups)
    ):
        theirs[test] = fold
    ours = partition_groups(strata, groups, np.full(5, 0.2), np.random.default_rng(0))
    assert unevenness(ours) <= unevenness(theirs) + 0.005


def test_a_row_without_a_group_is_refused():
    with pytest.raises(DataError, match="1 usable rows have no value in the group column 'g'"):
        make_splits(SplitOptions(group="g"), np.arange(3), groups=["a", None, "b"])


@pytest.mark.parametrize("stratify", [True, False])
def test_folds_test_every_row_once_and_validate_on_others(stratify):
    labels = ["a"] * 40 + ["b"] * 13
    splits = make_folds(SplitOptions(folds=5, stratify=stratify), np.arange(53), labels=labels, seed=3)
    assert sorted(np.concatenate([split["test"] for split in splits])) == list(range(53))
    for split in splits:
        assert sorted(np.concatenate(list(split.values()))) == list(range(53))
        assert len(split["test"]) in (10, 11)
        assert len(split["validation"]) in (5, 6)
        if stratify:
            assert classes_of(split["test"], labels)["b"] in (2, 3)


def test_grouped_folds_keep_groups_together():
    groups = [f"g{i % 10}" for i in range(60)]
    for split in make_folds(SplitOptions(folds=4, group="g"), np.arange(60), groups=groups):
        held = [{groups[row] for row in rows} for rows in split.values()]
        assert sum(map(len, held)) == 10
    with pytest.raises(DataError, match="10 groups can't make 11 folds"):
        make_folds(SplitOptions(folds=11, group="g"), np.arange(60), groups=groups)


def test_a_column_decides_and_validation_is_drawn_where_it_names_none():
    column = ["train"] * 8 + ["TEST", "val"]
    split = make_splits(SplitOptions(column="s"), np.arange(10), column=column)
    assert {part: rows.tolist() for part, rows in split.items()} == {
        "train": list(range(8)), "validation": [9], "test": [8],
    }  # fmt: skip
    split = make_splits(SplitOptions(column="s", validation=0.25), np.arange(9), column=column[:9])
    assert (len(split["train"]), len(split["validation"]), split["test"].tolist()) == (6, 2, [8])


def test_a_column_with_unknown_words_or_with_torn_groups_is_refused():
    with pytest.raises(DataError, match="the split column 's' holds 'tset'"):
        make_splits(SplitOptions(column="s"), np.arange(2), column=["train", "tset"])
    with pytest.raises(DataError, match="holds None"):
        make_splits(SplitOptions(column="s"), np.arange(2), column=["train", None])
    with pytest.raises(DataError, match="no row for train"):
        make_splits(SplitOptions(column="s"), np.arange(1), column=["test"])
    with pytest.raises(DataError, match="g 'x' is both in train and in test"):
        make_splits(SplitOptions(column="s", group="g"), np.arange(2), column=["train", "test"], groups=["x", "x"])


def test_too_few_rows_are_refused():
    with pytest.raises(DataError, match="3 usable rows are too few: nothing is left for validation"):
        make_splits(SplitOptions(), np.arange(3))


@pytest.mark.parametrize(
    "options",
    [
        {"test": 0.6, "validation": 0.4}, {"test": 1.0}, {"test": -0.1}, {"folds": 1}, {"column": "s", "folds": 3},
        {"folds": 3, "test": 0.2}, {"column": "s", "test": 0.2}, {"folds": 2, "validation": 0.5}, {"tset": 0.2},
    ],
)  # fmt: skip
def test_options_that_contradict_each_other_are_refused(options):
    with pytest.raises(ValidationError):
        SplitOptions(**options)


@pytest.mark.parametrize("options", [{}, {"folds": 3}, {"column": "s", "validation": 0.0}, {"test": 0.5, "group": "g"}])
def test_options_survive_being_written(options):
    assert SplitOptions.model_validate(SplitOptions(**options).model_dump()) == SplitOptions(**options)


@pytest.fixture
def source():
    rows = read_table([{"patient": f"p{i // 2}", "part": "train" if i < 14 else "test"} for i in range(20)])
    return DataSource(rows=rows, modalities={}, target=None, root=Path())


@pytest.fixture
def all_but_row_3():
    usable = np.ones(20, dtype=bool)
    usable[3] = False
    return Survey((), np.ones((20, 0), bool), usable, [], np.ones((20, 0), np.uint64))


def test_unusable_rows_are_in_no_part(source, all_but_row_3):
    for options in (SplitOptions(), SplitOptions(group="patient"), SplitOptions(column="part")):
        split = split_source(source, all_but_row_3, options, labels=["a", "b"] * 10)
        assert sorted(np.concatenate(list(split.values()))) == [i for i in range(20) if i != 3]
    folds = fold_source(source, all_but_row_3, SplitOptions(folds=3, group="patient"))
    assert 3 not in np.concatenate([split["test"] for split in folds])


def test_a_column_that_is_not_there_is_named_with_its_neighbour(source, all_but_row_3):
    with pytest.raises(OptionError, match=r"no column 'patiant'\. Did you mean 'patient'") as caught:
        split_source(source, all_but_row_3, SplitOptions(group="patiant"))
    assert caught.value.path == ("split", "group")


def test_a_data_set_s_own_split_is_taken_and_must_not_overlap(source, all_but_row_3):
    def own(**splits):
        return DataSource(rows=source.rows, modalities={}, target=None, root=Path(), splits=splits)

    split = split_source(own(train=[5, 3, 4], test=[7]), all_but_row_3, SplitOptions())
    assert {part: rows.tolist() for part, rows in split.items()} == {"train": [4, 5], "validation": [], "test": [7]}
    with pytest.raises(OptionError, match="brings its own split"):
        split_source(own(train=[1]), all_but_row_3, SplitOptions(test=0.5))
    with pytest.raises(OptionError, match="can't be folded"):
        fold_source(own(train=[1]), all_but_row_3, SplitOptions(folds=3))
    with pytest.raises(DataError, match="row 4 is both in train and in test"):
        split_source(own(train=[4], test=[4]), all_but_row_3, SplitOptions())


def test_dealing_without_classes_is_within_a_row_of_each_share():
    for n in (1, 7, 100):
        parts = partition_rows(
            np.zeros(n, int), np.array([0.7, 0.1, 0.2]), np.random.default_rng(n), keep_in_first=False
        )
        assert abs(np.bincount(parts, minlength=3) - n * np.array([0.7, 0.1, 0.2])).max() < 1


def of_subjects(seed=0, **more):
    """Sixty rows of subjects with one to three of them, each subject in one of four hospitals."""
    generator = np.random.default_rng(seed)
    subject = np.sort(generator.integers(0, 30, 60))
    rows = [
        {"title": str(row), "subject": f"s{who}", "site": f"h{who % 4}", "day": f"d{row % 7}", "part": "train"}
        for row, who in enumerate(subject)
    ]
    for row in rows:
        row["part"] = "test" if row["site"] == "h0" else "train"
    labels = ["ab"[who % 2] for who in subject]
    source = DataSource(rows=read_table(rows), modalities={}, target=None, root=Path("."), group="subject", **more)
    usable = np.ones(60, dtype=bool)
    survey = Survey((), np.ones((60, 0), bool), usable, [], np.zeros((60, 0), np.uint64))
    return source, survey, subject, labels


@given(
    seed=st.integers(0, 10**6),
    options=st.sampled_from(
        [{}, {"stratify": False}, {"group": "subject"}, {"group": "site", "test": 0.25}, {"column": "part"}]
    ),
)
@settings(max_examples=40, deadline=None)
def test_a_data_set_s_own_groups_never_part_whatever_the_options_say(seed, options):
    source, survey, subject, labels = of_subjects()
    split = split_source(source, survey, SplitOptions(**options), labels=labels, seed=seed)
    owners = [set(subject[rows]) for rows in split.values()]
    assert sum(len(rows) for rows in split.values()) == 60
    assert not owners[0] & owners[1]
    assert not owners[0] & owners[2]
    assert not owners[1] & owners[2]


def test_a_data_set_s_own_groups_never_part_in_folds():
    source, survey, subject, labels = of_subjects()
    for split in fold_source(source, survey, SplitOptions(folds=4), labels=labels):
        assert not set(subject[split["test"]]) & set(subject[np.concatenate([split["train"], split["validation"]])])


@pytest.mark.parametrize("options", [{"group": "day"}, {"group": "title"}, {"group": "day", "folds": 3}])
def test_groups_that_would_part_a_data_set_s_own_are_refused(options):
    source, survey, _, labels = of_subjects()
    split = fold_source if "folds" in options else split_source
    with pytest.raises(OptionError, match="would part the rows of subject"):
        split(source, survey, SplitOptions(**options), labels=labels)


def test_a_split_of_its_own_that_parts_its_own_groups_is_refused():
    _, survey, subject, _ = of_subjects()
    torn = int(np.flatnonzero(subject[1:] == subject[:-1])[0])
    splits = {"train": [row for row in range(60) if row != torn], "test": [torn]}
    with pytest.raises(DataError, match=f"subject 's{subject[torn]}' is both in train and in test"):
        split_source(of_subjects(splits=splits)[0], survey, SplitOptions())


def test_a_split_column_that_parts_a_data_set_s_own_groups_is_refused():
    source, survey, subject, labels = of_subjects()
    rows = source.rows.to_list()
    torn = int(np.flatnonzero(subject[1:] == subject[:-1])[0])
    rows[torn]["part"] = "validation"
    source = DataSource(rows=read_table(rows), modalities={}, target=None, root=Path("."), group="subject")
    with pytest.raises(DataError, match=r"subject 's.*' is both in"):
        split_source(source, survey, SplitOptions(column="part"), labels=labels)
