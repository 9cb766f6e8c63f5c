"""What `mmcore new plugin` writes installs, is listed, passes the checks, trains and is explained."""

import json
from pathlib import Path
from typing import get_args

import pytest

from mmcore.errors import UserError
from mmcore.options import ComponentType
from mmcore.testing.scaffold import new_plugin

TYPES = get_args(ComponentType)


@pytest.mark.parametrize("type_", TYPES)
def test_it_is_listed_and_passes_the_checks(type_, beside, tmp_path):
    package = new_plugin(f"trial-{type_}", type_, parent=tmp_path)
    beside.install(package)
    name = f"trial_{type_.replace('-', '_')}"
    listed = json.loads(beside.run("mmcore", "components", type_, "--json").stdout)
    assert name in {entry["name"] for entry in listed}
    checked = beside.run("mmcore", "check", name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "failed" not in checked.stdout


@pytest.mark.parametrize(("type_", "kind"), [("encoder", "image"), ("modality-kind", None), ("explainer", None)])
def test_it_trains_at_once(type_, kind, beside, tmp_path):
    package = new_plugin("trial", type_, kind=kind, parent=tmp_path)
    beside.install(package)
    fitted = beside.run("mmcore", "fit", "experiment.yaml", "-o", "run", "--json", cwd=package)
    assert fitted.returncode == 0, fitted.stderr
    assert json.loads(fitted.stdout)["metrics"]["test"]["n"] > 0
    if type_ == "explainer":
        assert len(list((package / "run" / "explanations" / "trial").glob("[0-9]*.png"))) == 4


def test_its_own_tests_pass_and_its_code_is_tidy(beside, tmp_path):
    package = new_plugin("trial", "encoder", parent=tmp_path)
    beside.install(package)
    tested = beside.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=package)
    assert tested.returncode == 0, tested.stdout
    assert beside.run("ruff", "check", ".", cwd=package).returncode == 0


@pytest.mark.parametrize(
    ("name", "type_", "kind", "said"),
    [
        ("My-Encoder", "encoder", None, "can't name a package"),
        ("1st", "encoder", None, "can't name a package"),
        ("my-encoder", "encodr", None, "Did you mean 'encoder'"),
        ("my-encoder", "encoder", "txt", "Did you mean 'text'"),
        ("minilm", "encoder", None, "there is encoder 'minilm' already"),
        ("json", "encoder", None, "a Python package 'json' is installed already"),
        ("my-method", "fusion-method", "text", "reads no kind of its own"),
    ],
)
def test_what_can_not_be_written_is_refused_and_nothing_is_left(name, type_, kind, said, tmp_path):
    with pytest.raises(UserError) as caught:
        new_plugin(name, type_, kind=kind, parent=tmp_path)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        new_plugin("trial", "encoder", parent=tmp_path)
    assert [path.name for path in (tmp_path / "trial").iterdir()] == ["mine.txt"]


@pytest.mark.acceptance
@pytest.mark.parametrize("type_", TYPES)
def test_in_a_clean_environment_it_is_listed_checked_trained_and_explained(type_, clean, tmp_path):
    package = new_plugin(f"stranger-{type_}", type_, parent=tmp_path)
    clean.install(package)
    name = f"stranger_{type_.replace('-', '_')}"
    plugins = json.loads(clean.run("mmcore", "plugins", "--json").stdout)
    [mine] = [record for record in plugins if record["package"] == name]
    assert mine["problems"] == []
    assert all(not record["problems"] for record in plugins)
    checked = clean.run("mmcore", "check", name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    fitted = clean.run("mmcore", "fit", "experiment.yaml", "-o", "run", cwd=package)
    assert fitted.returncode == 0, fitted.stderr
    explainer = name if type_ == "explainer" else "mm_shap"
    explained = clean.run("mmcore", "explain", "run", "--explainer", explainer, "--rows", "2", cwd=package)
    assert explained.returncode == 0, explained.stderr
    where = clean.run("python", "-c", "import mmcore; print(mmcore.__file__)", cwd=package).stdout.strip()
    assert Path(where).is_relative_to(clean.binaries.parent), "our own wheel, not the editable install"
