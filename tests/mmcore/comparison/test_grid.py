"""Grids: what runs, what does not, and what the table says of it."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, wilcoxon

import mmcore
from mmcore.comparison.grid import Grid
from mmcore.comparison.table import Figure, Row, Table, paired_p
from mmcore.comparison.writing import to_html, to_latex, to_markdown
from mmcore.experiment.document import to_yaml

WORDS = {"cable": ["usb cable", "power cord"], "shoe": ["trail shoe", "boot"], "cup": ["tea mug", "glass cup"]}


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    path, draw = tmp_path_factory.mktemp("items") / "items.csv", random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["title", "weight", "price", "class"])
        for _ in range(90):
            label = draw.choice(sorted(WORDS))
            title = draw.choice(WORDS[draw.choice(sorted(WORDS)) if draw.random() < 0.3 else label])
            weight = {"cable": 0.1, "shoe": 0.8, "cup": 0.4}[label] + draw.gauss(0, 0.3)
            writer.writerow([title, f"{weight:.3f}", f"{draw.uniform(1, 50):.2f}", label])
    return path


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    before = os.environ.get("MMCORE_CACHE")
    os.environ["MMCORE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["MMCORE_CACHE"]
    else:
        os.environ["MMCORE_CACHE"] = before


def base(items, **changes):
    small = {"name": "hf_text", "scratch": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}}
    return {
        "dataset": {
            "name": "table",
            "path": str(items),
            "modalities": {
                "title": {"kind": "text", "column": "title"},
                "facts": {"kind": "tabular", "columns": ["weight", "price"]},
            },
            "target": "class",
        },
        "encoders": {"title": {**small, "trainable": "none"}, "facts": {"name": "mlp", "width": 8}},
        "fusion": {"strategy": "intermediate", "method": {"name": "multconcat", "dim": 8}},
        "training": {"epochs": 2, "batch_size": 32, "unimodal_baselines": False, "device": "cpu"},
        **changes,
    }


KEYS = st.sampled_from(["seed", "fusion.method", "training.epochs", "task.type"])


@given(
    st.dictionaries(KEYS, st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True), max_size=3),
    st.lists(st.dictionaries(KEYS, st.integers(10, 19), max_size=2), max_size=3),
)
@settings(deadline=None)
def test_each_row_runs_with_all_combinations_of_what_varies(vary, rows):
    changes = list(Grid.from_dict({"base": {}, "vary": vary, "rows": rows}).changes())
    assert len(changes) == max(len(rows), 1) * int(np.prod([len(values) for values in vary.values()] or [1]))
    for number, row in enumerate(rows or [{}]):
        part = changes[number * len(changes) // max(len(rows), 1) : (number + 1) * len(changes) // max(len(rows), 1)]
        assert all(change[key] == value for change in part for key, value in row.items())


@given(st.integers(0, 3), st.integers(0, 3))
def test_what_holds_all_keys_of_an_exclusion_is_left_out(first, second):
    vary = {"seed": [0, 1, 2, 3], "training.epochs": [0, 1, 2, 3]}
    grid = Grid.from_dict({"base": {}, "vary": vary, "exclude": [{"seed": first, "training.epochs": second}]})
    left = [(change["seed"], change["training.epochs"]) for change in grid.changes()]
    assert len(left) == 15
    assert (first, second) not in left


def test_equal_experiments_run_once_and_impossible_ones_not_at_all(items, tmp_path):
    grid = {
        "base": base(items),
        "vary": {"seed": [1, 2]},
        "rows": [
            {"fusion.method": {"name": "multconcat", "dim": 8}},
            {},
            {"fusion.method": "soft_voting"},
            {"encoders.title": None},
        ],
        "table": {"title": "Items", "metrics": ["top1", "macro_f1"]},
    }
    told = []
    table = mmcore.compare(grid, tmp_path / "grid", on_event=told.append)
    assert next(event["total"] for event in told if event["event"] == "grid") == 4
    assert len(list((tmp_path / "grid" / "runs").iterdir())) == 4
    assert [row.settings["modalities"] for row in table.rows] == ["title, facts", "facts"]
    assert [reason.split(".")[0] for _, reason in table.impossible] == [
        "method 'soft_voting' combines decisions, strategy 'intermediate' representations"
    ]
    first = table.rows[0]
    values = [json.loads((path / "metrics.json").read_text())["test"]["top1"] for path in first.folders]
    assert first.figures["top1"] == Figure(float(np.mean(values)), float(np.std(values, ddof=1)), 2)
    assert table.passes == {"title": 180}  # random weights by the seed: two encoders, each with one pass
    stored = json.loads((tmp_path / "grid" / "table.json").read_text())
    assert stored["rows"][0]["figures"]["top1"]["mean"] == first.figures["top1"].mean
    again = []
    mmcore.compare(grid, tmp_path / "grid", on_event=again.append)
    assert [event["reused"] for event in again if event["event"] == "grid" and event["done"]] == [True] * 4


def test_each_modality_alone_runs_once_in_a_grid_and_the_gain_is_over_the_best_of_them(items, tmp_path):
    training = {"epochs": 2, "batch_size": 32, "unimodal_baselines": True, "device": "cpu"}
    grid = {
        "base": base(items, training=training),
        "vary": {"fusion.method": ["concat", "addition"], "seed": [1, 2]},
    }
    table = mmcore.compare(grid, tmp_path)
    assert [(row.settings["fusion.method"], row.settings["modalities"]) for row in table.rows] == [
        ("concat", "title, facts"), ("addition", "title, facts"), ("–", "title"), ("–", "facts"),
    ]  # fmt: skip
    assert len(list((tmp_path / "runs").iterdir())) == 8
    scores = [
        [json.loads((path / "metrics.json").read_text())["test"]["top1"] for path in row.folders] for row in table.rows
    ]
    for row, fused in zip(table.rows[:2], scores[:2], strict=True):
        gains = [score - max(one, other) for score, one, other in zip(fused, scores[2], scores[3], strict=True)]
        assert row.gain == Figure(pytest.approx(np.mean(gains)), pytest.approx(np.std(gains, ddof=1)), 2)
    assert [row.gain for row in table.rows[2:]] == [None, None]
    assert "| gain | p |" in (tmp_path / "table.md").read_text()


def test_modalities_lists_those_that_stay(items):
    vary = {"modalities": [None, ["facts"], ["facts", "title"], ["sound"]]}
    cells = Grid.from_dict({"base": base(items), "vary": vary}).cells()
    assert [cell.experiment and list(cell.experiment.encoders) for cell in cells] == [
        ["title", "facts"], ["facts"], ["title", "facts"], None,
    ]  # fmt: skip
    assert cells[1].experiment.fusion is None
    assert cells[0].key == cells[2].key
    assert "'sound'" in cells[3].reason


def test_the_estimate_grows_with_epochs_and_counts_a_shared_pass_once(items):
    from mmcore.comparison.estimate import OVERHEAD, estimate
    from mmcore.comparison.planning import shared_passes

    def of(**training):
        settings = {"batch_size": 32, "unimodal_baselines": False, "device": "cpu", **training}
        return Grid.from_dict({"base": base(items, training=settings), "vary": {"seed": [1, 2, 3]}}).cells()

    few, many = estimate(of(epochs=1)), estimate(of(epochs=400))
    assert few.passes > 0
    assert many.runs > few.runs > 3 * OVERHEAD
    assert shared_passes(of(epochs=1)) == [("title by hf_text", 3)]


def test_a_run_that_fails_is_told_in_the_table_and_the_others_go_on(items, tmp_path):
    lost = items.with_name("one-class.csv")
    lost.write_text("title,weight,price,class\n" + "a,1,1,x\n" * 30)
    grid = {"base": base(items), "rows": [{"label": "good"}, {"label": "bad", "dataset.path": str(lost)}]}
    table = mmcore.compare(grid, tmp_path)
    good, bad = table.rows
    assert good.settings == {"label": "good"}
    assert good.figures
    assert not bad.figures
    assert "nothing to tell apart" in bad.errors[0]
    assert "failed" in (tmp_path / "table.md").read_text()


def test_several_processes_give_the_same_table_as_one(items, tmp_path):
    grid = {"base": base(items), "rows": [{"fusion.method": "concat"}, {"fusion.method": "addition"}]}
    one = mmcore.compare(grid, tmp_path / "one")
    two = mmcore.compare(grid, tmp_path / "two", workers=2)
    assert [row.figures.keys() for row in one.rows] == [row.figures.keys() for row in two.rows]
    assert all(row.figures for row in two.rows)


def test_a_grid_that_was_killed_goes_on_where_it_was(items, tmp_path):
    grid = tmp_path / "grid.yaml"
    changed = base(items, training={"epochs": 30, "batch_size": 4, "unimodal_baselines": False, "early_stopping": None})
    grid.write_text(to_yaml({"base": changed, "rows": [{"fusion.method": "concat"}, {"fusion.method": "max"}]}))
    command = [sys.executable, "-m", "mmcore", "compare", str(grid), "-o", str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for _ in range(1200):
        if list(tmp_path.glob("out/runs/*/checkpoints/fused/*/complete*")) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=True)
    assert [row["errors"] for row in json.loads(done.stdout)["rows"]] == [[], []]


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        ({"rows": []}, "base"),
        ({"base": {}, "vray": {}}, "Did you mean 'vary'"),
        ({"base": {}, "vary": {"seed": []}}, "seed has no values"),
        ({"base": {}, "vary": {"seed": 3}}, "vary"),
    ],
)
def test_a_mistake_in_a_grid_is_told_with_its_place(tmp_path, grid, told):
    path = tmp_path / "grid.yaml"
    path.write_text(to_yaml(grid))
    with pytest.raises(mmcore.UserError, match=told) as caught:
        Grid.load(path)
    assert "grid.yaml" in str(caught.value)


def test_a_grid_of_impossible_combinations_is_refused_with_the_reason(tmp_path):
    with pytest.raises(mmcore.UserError, match="no combination of the grid is possible"):
        mmcore.compare({"base": {"dataset": "nothing"}}, tmp_path)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_right_and_wrong_are_compared_by_mcnemars_exact_test(pairs):
    first = {number: float(pair[0]) for number, pair in enumerate(pairs)}
    second = {number: float(pair[1]) for number, pair in enumerate(pairs)}
    only_second, only_first = pairs.count((0, 1)), pairs.count((1, 0))
    expected = binomtest(only_second, only_first + only_second).pvalue if only_first + only_second else 1.0
    assert paired_p(first, second) == pytest.approx(expected)


def test_distances_are_compared_by_wilcoxons_test():
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=20), draw.normal(1, size=20)
    found = paired_p(dict(enumerate(first)), dict(enumerate(second)))
    assert found == pytest.approx(wilcoxon(second - first).pvalue)


def a_table():
    def row(name, top1, p=None):
        return Row({"fusion.method": name}, {"top1": Figure(top1, 0.01, 3)}, p, (Path("/x/runs/a_b"),), (), 1.5)

    rows = (row("multconcat", 0.9), row("a_b & c", 0.8, 0.0001), row("lmf", 0.5, 0.2))
    return Table(
        "50 % <b>", ("fusion.method",), ("top1",), rows, (("late, concat", "does not fit"),), {"image": 10}, 4.5
    )


def test_the_best_is_bold_and_the_second_underlined_in_every_format():
    table = a_table()
    assert "| multconcat | **0.900 ± 0.010** |" in to_markdown(table, Path("/x"))
    assert "<u>0.800 ± 0.010</u>" in to_markdown(table, Path("/x"))
    latex = to_latex(table)
    assert r"multconcat & \textbf{0.900 $\pm$ 0.010} &" in latex
    assert r"a\_b \& c & \underline{0.800 $\pm$ 0.010} & $<$0.001 \\" in latex
    assert latex.count("{") == latex.count("}")
    page = to_html(table, Path("/x"))
    assert "<td><b>0.900 ± 0.010</b></td>" in page
    assert "50 % &lt;b&gt;" in page
    assert "late, concat: does not fit" in page
    assert 'href="runs/a_b"' in page
