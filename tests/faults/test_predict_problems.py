"""`mmcore predict` on rows of which some are broken: what can be predicted is, and the rest is told, one line each."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import mmcore
from mmcore.cli.main import main

COMMAND = [str(Path(sys.executable).with_name("mmcore"))]
COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200)}
COLUMNS = ("id", "photo", "title", "weight", "origin", "class")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with 60 pictures, a table of them with two wrong cells, and a run fitted to it."""
    folder = tmp_path_factory.mktemp("items")
    draw = np.random.default_rng(0)
    rows = []
    for number in range(60):
        label = ("red", "blue")[number % 2]
        pixels = np.clip(draw.normal(COLOURS[label], 25, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
        weight = f"{draw.normal(5 if label == 'red' else 1):.2f}"
        rows.append([f"i{number}", f"{number}.png", f"a {label} thing", weight, "MA" if number % 3 else "BE", label])
    rows[7][3] = "heavy"
    rows[8][1] = "gone.png"
    write(folder / "items.csv", rows)
    environment = {"MMCORE_CACHE": str(folder / "cache"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    before = {key: os.environ.get(key) for key in environment}
    os.environ.update(environment)
    mmcore.Experiment.from_dict(experiment(folder)).run(folder / "run")
    yield folder
    for key, value in before.items():
        if value is None:
            del os.environ[key]
        else:
            os.environ[key] = value


def experiment(folder: Path) -> dict:
    return {
        "dataset": {
            "name": "table",
            "path": str(folder / "items.csv"),
            "modalities": {
                "photo": {"kind": "image", "column": "photo"},
                "title": {"kind": "text", "column": "title"},
                "facts": {"kind": "tabular", "columns": ["weight", "origin"]},
            },
            "target": "class",
            "id": "id",
        },
        "encoders": {
            "photo": {"name": "timm", "model": "test_efficientnet", "weights": "none", "trainable": "none"},
            "title": {"name": "hf_text", "scratch": {"width": 16, "layers": 1, "vocabulary": 300}, "max_length": 16},
            "facts": {"name": "mlp", "width": 8},
        },
        "fusion": {"strategy": "intermediate", "method": "concat"},
        "training": {"epochs": 2, "batch_size": 16, "unimodal_baselines": False},
        "seed": 1,
    }


def write(path: Path, rows) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([COLUMNS, *rows])
    return path


@pytest.fixture(scope="module")
def broken(place):
    """A table of good, incomplete and broken rows."""
    content = (place / "1.png").read_bytes()
    (place / "cut.png").write_bytes(content[: len(content) // 2])
    (place / "empty.png").touch()
    (place / "text.png").write_text("no picture")
    os.mkfifo(place / "pipe.png")
    rows = [
        ["good", "0.png", "a red thing", "5.0", "MA"],
        ["cut", "cut.png", "a red thing", "5.0", "MA"],
        ["gone", "nowhere.png", "a red thing", "5.0", "MA"],
        ["no text", "1.png", "", "1.0", "BE"],
        ["no picture", "", "a blue thing", "1.0", "BE"],
        ["nothing", "", "", "", ""],
        ["typed", "1.png", "a blue thing", "light", "BE"],
        ["new origin", "1.png", "a blue thing", "1.0", "CN"],
        ["empty", "empty.png", "a blue thing", "1.0", "BE"],
        ["other", "text.png", "a blue thing", "1.0", "BE"],
        ["pipe", "pipe.png", "a blue thing", "1.0", "BE"],
        ["two", "cut.png", "a blue thing", "light", "BE"],
        ["text only", "", "a blue thing", "", ""],
    ]
    return write(place / "broken.csv", [[*row, ""] for row in rows])


PREDICTED = ["good", "no text", "no picture", "new origin", "text only"]
SAID = {
    "cut": "photo: can't be decoded (image file is truncated",
    "gone": "photo: there is no file 'nowhere.png'",
    "nothing": "none of the modalities photo, title, facts is present",
    "typed": "facts: 'light' in column 'weight' is no number",
    "empty": "photo: it has no content",
    "other": "photo: no image format is recognised in it",
    "pipe": "photo: 'pipe.png' is no regular file",
    "two": "photo: can't be decoded (image file is truncated",
}


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


def predict(place, *arguments):
    """`mmcore predict` in a process of its own."""
    done = subprocess.run(
        [*COMMAND, "predict", str(place / "run"), *map(str, arguments)],
        capture_output=True, text=True, cwd=place, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def predict_here(place, capsys):
    """The same command in this process, which has torch already."""

    def predict_here(*arguments):
        with pytest.raises(SystemExit) as caught:
            main(["predict", str(place / "run"), *map(str, arguments)])
        told = capsys.readouterr()
        return Done(caught.value.code or 0, told.out, told.err)

    return predict_here


@pytest.fixture(scope="module")
def done(place, broken):
    return predict(place, broken, "-o", place / "out.csv")


@pytest.fixture(scope="module")
def out(place, done):
    return pd.read_csv(place / "out.csv", index_col="id", keep_default_na=False)


def test_everything_that_can_be_predicted_is_and_the_rest_has_an_error(out):
    assert out.index[out["error"] == ""].tolist() == PREDICTED
    assert out.index[out["error"] != ""].tolist() == list(SAID)
    for name, said in SAID.items():
        assert out["error"][name].startswith(said)
        assert out.loc[name, ["prediction", "probability:blue", "probability:red"]].tolist() == ["", "", ""]
    for name in PREDICTED:
        assert out["prediction"][name] in COLOURS
        assert float(out["probability:blue"][name]) + float(out["probability:red"][name]) == pytest.approx(1)


def test_rows_keep_their_order(out, broken):
    assert out.index.tolist() == pd.read_csv(broken)["id"].tolist()


def test_a_row_with_two_problems_names_both_in_one_line(out):
    assert "; facts: 'light' in column 'weight' is no number" in out["error"]["two"]


def test_each_problem_is_one_line_on_standard_error_and_the_last_line_sums_up(place, done, broken):
    assert done.returncode == 0
    assert done.stdout == ""
    *problems, summary = done.stderr.splitlines()
    rows = pd.read_csv(broken)["id"].tolist()
    assert [line.split(": ", 1)[0] for line in problems] == [f"row {rows.index(name)} (id {name})" for name in SAID]
    assert summary == f"5 of 13 rows predicted in {place / 'out.csv'}; 8 failed"


def test_a_broken_neighbour_does_not_change_a_prediction(place, out):
    alone = mmcore.load(place / "run").predict(
        [{"photo": "0.png", "title": "a red thing", "weight": 5.0, "origin": "MA"}], root=place
    )
    assert alone["prediction"][0] == out["prediction"]["good"]
    wanted = [float(out[f"probability:{label}"]["good"]) for label in ("blue", "red")]
    assert alone["probabilities"][0] == pytest.approx(wanted, abs=1e-5)


def test_strict_writes_the_same_and_exits_with_2(place, broken, out, predict_here):
    done = predict_here(broken, "-o", place / "strict.csv", "--strict")
    assert done.returncode == 2
    assert (place / "strict.csv").read_text() == (place / "out.csv").read_text()
    assert "5 of 13 rows predicted" in done.stderr


def test_strict_is_content_with_absent_modalities(place, predict_here):
    table = write(place / "incomplete.csv", [["a", "", "a red thing", "", "", ""], ["b", "3.png", "", "", "", ""]])
    done = predict_here(table, "--strict", "--json")
    assert (done.returncode, done.stderr) == (0, "2 of 2 rows predicted\n")
    assert [json.loads(line)["error"] for line in done.stdout.splitlines()] == [None, None]


def test_when_no_row_can_be_predicted_the_exit_code_is_2(place):
    table = write(place / "hopeless.csv", [["a", "nowhere.png", "x", "1", "MA", ""], ["b", "", "", "", "", ""]])
    done = predict(place, table, "-o", place / "hopeless-out.csv")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"0 of 2 rows predicted in {place / 'hopeless-out.csv'}; 2 failed"
    assert pd.read_csv(place / "hopeless-out.csv")["error"].notna().all()


def test_a_table_that_can_not_be_read_leaves_the_earlier_output_alone(place, out, predict_here):
    before = (place / "out.csv").read_bytes()
    (place / "ragged.csv").write_text("id,photo\na,0.png,too,many\n")
    for table in ("ragged.csv", "not-there.csv"):
        done = predict_here(place / table, "-o", place / "out.csv")
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1
    assert (place / "out.csv").read_bytes() == before


def test_nothing_is_left_half_written(place, done):
    assert not [path.name for path in place.iterdir() if path.name.startswith(".")]


def test_an_output_folder_that_can_not_be_written_is_told_in_one_line(place, broken, predict_here):
    done = predict_here(broken, "-o", place / "items.csv" / "out.csv")
    assert done.returncode in (1, 2)
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1


def test_in_training_such_rows_are_left_out_and_counted_by_reason(place):
    data = json.loads((place / "run" / "metrics.json").read_text())["data"]
    assert (data["rows"], data["used"]) == (60, 58)
    assert data["problems"] == {"not found": 1, "wrong type": 1}
    assert sum(data["splits"].values()) == 58
    with (place / "run" / "problems.csv").open() as stream:
        told = {row["id"]: row for row in csv.DictReader(stream)}
    assert {name: (row["modality"], row["reason"]) for name, row in told.items()} == {
        "i7": ("facts", "wrong type"),
        "i8": ("photo", "not found"),
    }
    assert "'heavy' in column 'weight' is no number" in told["i7"]["message"]
    stored = pd.read_parquet(place / "run" / "predictions.parquet")
    assert not {"i7", "i8"} & set(stored["id"])


def test_left_out_rows_do_not_count_in_the_description(place):
    saved = json.loads((place / "run" / "model" / "model.json").read_text())
    [facts] = [entry for entry in saved["modalities"] if entry["name"] == "facts"]
    stored = pd.read_parquet(place / "run" / "predictions.parquet")
    weights = pd.read_csv(place / "items.csv", index_col="id")["weight"]
    of_train = weights[stored.loc[stored["split"] == "train", "id"]].astype(float)
    weight = facts["description"]["columns"][0]
    assert weight["type"] == "number"
    assert weight["mean"] == pytest.approx(of_train.mean())
    assert weight["sd"] == pytest.approx(of_train.std(ddof=0))
