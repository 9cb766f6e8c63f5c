"""What `mmcore new plugin` writes, and what the guide says, installs, is listed, checked, trained and explained."""

import json
import sys
import zipfile
from pathlib import Path
from typing import get_args

import pytest

from mmcore.errors import UserError
from mmcore.options import ComponentType
from mmcore.testing.scaffold import new_plugin

sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))

from plugin_guide import KIND, write_package, write_rows

TYPES = get_args(ComponentType)
EVERYTHING = [("encoder", "text"), ("encoder", "image"), ("encoder", "tabular")] + [
    (type_, None) for type_ in TYPES if type_ != "encoder"
]


@pytest.fixture(scope="module")
def written(tmp_path_factory, beside_all):
    """(type, kind) → its package; all of them installed in one place."""
    folder = tmp_path_factory.mktemp("written")
    packages = {
        (type_, kind): new_plugin(f"trial-{kind or type_.split('-')[-1]}", type_, kind=kind, parent=folder)
        for type_, kind in EVERYTHING
    }
    beside_all.install(*packages.values())
    return packages


@pytest.mark.parametrize(("type_", "kind"), EVERYTHING)
def test_it_is_listed_and_passes_the_checks(type_, kind, written, beside_all):
    name = written[type_, kind].name.replace("-", "_")
    listed = json.loads(beside_all.run("mmcore", "components", type_, "--json").stdout)
    assert name in {entry["name"] for entry in listed}
    checked = beside_all.run("mmcore", "check", name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "failed" not in checked.stdout


def test_the_code_that_is_written_is_tidy(written, beside_all, tmp_path):
    for package in written.values():
        for command in (["check"], ["format", "--check"]):
            done = beside_all.run("ruff", *command, ".", cwd=package)
            assert done.returncode == 0, done.stdout
    long = new_plugin("a-somewhat-longer-name", "modality-kind", parent=tmp_path)
    assert beside_all.run("ruff", "check", ".", cwd=long).returncode == 0


@pytest.mark.parametrize("type_", ["modality-kind", "explainer"])
def test_it_trains_at_once(type_, beside, tmp_path):
    package = new_plugin("trial", type_, parent=tmp_path)
    beside.install(package)
    fitted = beside.run("mmcore", "fit", "experiment.yaml", "-o", "run", "--json", cwd=package)
    assert fitted.returncode == 0, fitted.stderr
    assert json.loads(fitted.stdout)["metrics"]["test"]["n"] > 0
    if type_ == "explainer":
        assert len(list((package / "run" / "explanations" / "trial").glob("[0-9]*.png"))) == 4


def test_its_own_tests_pass(written, beside_all):
    tested = beside_all.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=written["encoder", "text"])
    assert tested.returncode == 0, tested.stdout


def test_names_may_begin_with_mmcore_and_hold_underscores(tmp_path):
    package = new_plugin("mmcore-heart_beat", "encoder", parent=tmp_path / "new" / "folder")
    assert (package / "src" / "mmcore_heart_beat" / "model.py").is_file()
    assert 'name="heart_beat"' in (package / "src" / "mmcore_heart_beat" / "__init__.py").read_text()
    assert [path.name for path in package.parent.iterdir()] == ["mmcore-heart_beat"]


def test_files_of_samples_stand_in_a_folder_of_their_own(written):
    package = written["encoder", "image"]
    cells = [line.split(",")[-1] for line in (package / "items.csv").read_text().splitlines()[1:]]
    assert len(cells) == 90
    assert all((package / cell).is_file() and cell.startswith("samples/") for cell in cells)


@pytest.mark.parametrize(
    ("name", "type_", "kind", "said"),
    [
        ("My-Encoder", "encoder", None, "can't name a package"),
        ("1st", "encoder", None, "can't name a package"),
        ("two--hyphens", "encoder", None, "can't name a package"),
        ("../away", "encoder", None, "can't name a package"),
        ("lambda", "encoder", None, "means something else in the code"),
        ("tensor", "encoder", None, "means something else in the code"),
        ("my-encoder", "encodr", None, "Did you mean 'encoder'"),
        ("my-encoder", "encoder", "txt", "Did you mean 'text'"),
        ("minilm", "encoder", None, "there is encoder 'minilm' already"),
        ("mmcore-minilm", "encoder", None, "there is encoder 'minilm' already"),
        ("json", "encoder", None, "a Python package 'json' is installed already"),
        ("my-method", "fusion-method", "text", "reads no kind of its own"),
    ],
)
def test_what_can_not_be_written_is_refused_and_nothing_is_left(name, type_, kind, said, tmp_path):
    with pytest.raises(UserError) as caught:
        new_plugin(name, type_, kind=kind, parent=tmp_path)
    assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_breaks_off_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*arguments, **settings):
        raise OSError("no space left on device")

    monkeypatch.setattr("mmcore.testing.scaffold.csv.DictWriter", full)
    with pytest.raises(OSError, match="no space left"):
        new_plugin("trial", "encoder", parent=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        new_plugin("trial", "encoder", parent=tmp_path)
    assert [path.name for path in (tmp_path / "trial").iterdir()] == ["mine.txt"]


@pytest.mark.acceptance
def test_our_wheel_holds_the_templates(clean):
    (wheel,) = clean.wheels.glob("mmcore_framework-*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if "/testing/templates/" in name}
    source = Path(__file__).parents[2]
    templates = (source / "mmcore" / "testing" / "templates").rglob("*.jinja")
    assert inside == {str(path.relative_to(source)) for path in templates}


@pytest.mark.acceptance
@pytest.mark.parametrize(("type_", "kind"), EVERYTHING)
def test_in_a_clean_environment_it_is_written_listed_checked_tested_trained_and_explained(type_, kind, clean, tmp_path):
    name = f"stranger-{kind or type_}"
    told = clean.run(
        "mmcore", "new", "plugin", name, "--type", type_, *(["--kind", kind] if kind else []), cwd=tmp_path
    )
    assert told.returncode == 0, told.stderr
    package, component = tmp_path / name, name.replace("-", "_")
    clean.install(clean.build(package))
    require_listed_and_checked(clean, type_, component)
    tested = clean.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=package)
    assert tested.returncode == 0, tested.stdout
    require_trained_and_explained(clean, package, component if type_ == "explainer" else "mm_shap")


@pytest.mark.acceptance
def test_in_a_clean_environment_a_kind_from_the_guide_alone_is_listed_checked_tested_trained_and_explained(
    clean, tmp_path
):
    package = write_package(KIND, tmp_path / "mmcore-pulse")
    write_rows(package)
    clean.install(clean.build(package))
    require_listed_and_checked(clean, "modality-kind", "pulse", package=KIND)
    tested = clean.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=package)
    assert tested.returncode == 0, tested.stdout
    require_trained_and_explained(clean, package, "mm_shap")
    assert len(list((package / "run" / "explanations" / "mm_shap").glob("[0-9]*.png"))) == 2


def require_listed_and_checked(clean, type_, component, package=None):
    package = package or component
    plugins = json.loads(clean.run("mmcore", "plugins", "--json").stdout)
    assert [record["problems"] for record in plugins if record["package"] == package] == [[]]
    assert all(not record["problems"] for record in plugins)
    listed = json.loads(clean.run("mmcore", "components", type_, "--json").stdout)
    assert component in {entry["name"] for entry in listed}
    checked = clean.run("mmcore", "check", package)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    where = clean.run(
        "python", "-c", f"import mmcore, {package}; print(mmcore.__file__, {package}.__file__, sep='\\n')"
    )
    for path in where.stdout.split():
        assert Path(path).is_relative_to(clean.binaries.parent), "the wheels, and not an editable install"


def require_trained_and_explained(clean, package, explainer):
    fitted = clean.run("mmcore", "fit", "experiment.yaml", "-o", "run", cwd=package)
    assert fitted.returncode == 0, fitted.stderr
    explained = clean.run("mmcore", "explain", "run", "--explainer", explainer, "--rows", "2", cwd=package)
    assert explained.returncode == 0, explained.stderr
    page = (package / "run" / "report.html").read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
