"""`mmcore compare` at the edge: what it prints and how it exits. The grids themselves are tested with `comparison`."""

import json

import pytest

from mmcore.experiment.document import to_yaml


@pytest.fixture
def grid(tmp_path):
    table = tmp_path / "items.csv"
    table.write_text("a,b,class\n" + "1.0,0.2,x\n0.1,0.9,y\n" * 20)
    base = {
        "dataset": {
            "name": "table",
            "path": str(table),
            "target": "class",
            "modalities": {name: {"kind": "tabular", "columns": [name]} for name in ("a", "b")},
        },
        "encoders": {"a": {"name": "mlp", "width": 4}, "b": {"name": "mlp", "width": 4}},
        "fusion": {"strategy": "intermediate", "method": "concat"},
        "training": {"epochs": 1, "unimodal_baselines": False, "device": "cpu"},
    }
    rows = [{"fusion.method": "concat"}, {}, {"fusion.method": "soft_voting"}, {"fusion.method": "max"}]
    path = tmp_path / "grid.yaml"
    path.write_text(to_yaml({"base": base, "vary": {"seed": [1, 2]}, "rows": rows}))
    return path


def run(*arguments):
    from mmcore.cli.main import main

    with pytest.raises(SystemExit) as left:
        main(["compare", *map(str, arguments)])
    return left.value.code


def test_a_plan_says_what_runs_what_repeats_and_what_is_impossible_and_runs_nothing(grid, capsys, tmp_path):
    assert run(grid, "--plan", "-o", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "4 runs; 2 combinations come to the same as another; 2 are impossible" in said
    assert "method 'soft_voting' combines decisions" in said
    assert not (tmp_path / "out").exists()
    assert run(grid, "--plan", "--json") == 0
    assert [entry["impossible"] is None for entry in json.loads(capsys.readouterr().out)].count(False) == 2


def test_a_mistake_in_the_file_is_one_line_with_its_place_and_exit_code_2(grid, capsys):
    grid.write_text(grid.read_text().replace("vary:", "vray:"))
    assert run(grid) == 2
    said = capsys.readouterr().err
    assert f"{grid}:" in said
    assert "Did you mean 'vary'?" in said
    assert "Traceback" not in said


def test_a_failed_run_is_told_and_the_exit_code_is_1(grid, capsys, tmp_path):
    broken = tmp_path / "one.csv"
    broken.write_text("a,b,class\n" + "1.0,0.2,x\n" * 20)
    text = grid.read_text().replace("rows:", f"rows:\n- dataset.path: {broken}\n  seed: 1", 1)
    grid.write_text(text)
    assert run(grid, "-o", tmp_path / "out", "--json", "--quiet") == 1
    table = json.loads(capsys.readouterr().out)
    assert sorted(bool(row["errors"]) for row in table["rows"]) == [False, False, True]
    assert all((tmp_path / "out" / f"table.{end}").is_file() for end in ("md", "csv", "tex", "html", "json"))
