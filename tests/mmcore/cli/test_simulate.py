"""`mmcore simulate` writes a whole data set or nothing, and says how to go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_plugins import record

import mmcore


class Options(mmcore.Options):
    path: str


def dataset(simulate, name="trial", **more):
    return mmcore.Dataset(
        name=name,
        summary="A trial.",
        build=print,
        options=Options,
        modalities=lambda options: {"photo": "image", "title": "text"},
        simulate=simulate,
        licence="CC0",
        **more,
    )


def writes(folder, rows=40, seed=0):
    (folder / "table.csv").write_text(f"{rows} {seed}")
    (folder / "images").mkdir()
    (folder / "images" / "1.png").write_bytes(b"12345")


@pytest.fixture
def simulated(installed):
    def simulated(function):
        installed(record("trial", dataset(function), dataset(None, "plain")))

    return simulated


@pytest.mark.parametrize("there", [False, True])
def test_it_writes_the_layout_and_says_how_an_experiment_reads_it(call, simulated, tmp_path, there):
    simulated(writes)
    out = tmp_path / "new" / "data"
    if there:
        out.mkdir(parents=True)
    code, told, aside = call("simulate", "trial", str(out), "--rows", "7", "--seed", "3")
    assert code == 0
    assert (out / "table.csv").read_text() == "7 3"
    assert told == f"{out}: 2 files, 8 B\nmodalities: photo (image), title (text)\nlicence: CC0\n"
    assert f"dataset: {{name: trial, path: {out}}}" in aside
    assert list(out.parent.iterdir()) == [out]
    assert out.stat().st_mode & 0o777 == (tmp_path / "new").stat().st_mode & 0o777


def test_without_a_number_of_rows_the_simulator_decides(call, simulated, tmp_path):
    simulated(writes)
    call("simulate", "trial", str(tmp_path / "data"))
    assert (tmp_path / "data" / "table.csv").read_text() == "40 0"


def test_a_file_about_the_data_is_pointed_at(call, simulated, tmp_path):
    simulated(lambda folder, rows=1, seed=0: (folder / "about.json").write_text("{}"))
    assert f"{tmp_path / 'data' / 'about.json'}\n" in call("simulate", "trial", str(tmp_path / "data"))[1]


def test_json_has_the_facts_and_nothing_else(of_json, simulated, tmp_path):
    simulated(writes)
    out = str(tmp_path / "data")
    assert of_json("simulate", "trial", out) == {
        "dataset": "trial", "folder": out, "seed": 0, "files": 2, "bytes": 9, "licence": "CC0",
        "modalities": {"photo": "image", "title": "text"}, "next": f"dataset: {{name: trial, path: {out}}}",
    }  # fmt: skip


def test_a_simulator_that_says_how_far_it_is_gets_a_bar(call, simulated, tmp_path):
    def tells(folder, rows=40, seed=0, *, progress):
        writes(folder, rows, seed)
        for done in range(rows):
            progress("draw", done + 1, rows)

    simulated(tells)
    assert "draw: 40 of 40\n" in call("simulate", "trial", str(tmp_path / "data"))[2]


def test_nothing_that_is_there_is_overwritten(call, simulated, tmp_path):
    simulated(lambda folder, rows=1, seed=0: pytest.fail("called"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name, said in (("full", "holds something"), ("file", "is no folder"), ("lost", "is no folder")):
        code, out, err = call("simulate", "trial", str(tmp_path / name))
        assert (code, out) == (2, "")
        assert said in err
    assert (tmp_path / "full" / "mine").read_text() == (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("error", "code"), [(mmcore.UserError("no"), 2), (OSError("disk"), 1), (KeyboardInterrupt(), 130)]
)
def test_what_fails_or_is_stopped_leaves_nothing(call, simulated, tmp_path, error, code):
    def fails(folder, rows=40, seed=0):
        writes(folder, rows, seed)
        raise error

    simulated(fails)
    assert call("simulate", "trial", str(tmp_path / "data"))[0] == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("plain", "dataset 'plain': has no simulator. With one: "), ("trail", "Did you mean 'trial'?")],
)
def test_a_data_set_that_can_not_be_simulated_is_a_mistake_that_names_those_that_can(
    call, simulated, tmp_path, name, said
):
    simulated(writes)
    code, out, err = call("simulate", name, str(tmp_path / "data"))
    assert (code, out) == (2, "")
    assert said in err
    if name == "plain":
        assert "trial" in err


@pytest.mark.parametrize("arguments", [("--rows", "0"), ("--rows", "many"), ("--seed", "-1")])
def test_numbers_that_make_no_sense_are_refused(call, simulated, tmp_path, arguments):
    simulated(writes)
    assert call("simulate", "trial", str(tmp_path / "data"), *arguments)[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_the_customs_declarations_are_read_back(call, tmp_path, monkeypatch):
    from mmcore_hscode import HSCodeOptions, build

    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "cache"))
    code, out, _ = call("simulate", "hscode", str(tmp_path / "data"), "--rows", "40", "--seed", "1")
    assert code == 0
    assert "OpenMoji" in out
    about = json.loads(Path(tmp_path / "data" / "about.json").read_text(encoding="utf-8"))
    assert about["simulator"]["seed"] == 1
    options = HSCodeOptions(path=str(tmp_path / "data"), min_rows=1, deduplicate=False)
    assert build(options).rows.num_rows == 40
