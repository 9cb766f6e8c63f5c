"""What the guide for plugin authors writes out keeps its contract, trains, and is explained."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from plugin_guide import FILES, GUIDE, KIND, PACKAGES, write_package, write_rows

import mmcore.catalog
from mmcore.testing import run_checks


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The guide's packages, found through their entry points as installed ones."""
    site = tmp_path_factory.mktemp("site")
    for package in PACKAGES:
        project = write_package(package, tmp_path_factory.mktemp(package))
        shutil.copytree(project / "src" / package, site / package)
        entry = re.search(r"entry-points.mmcore\]\n(.*?)\n", (project / "pyproject.toml").read_text()).group(1)
        info = site / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[mmcore]\n{entry}\n".replace('"', ""))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(site)
        patch.setenv("PYTHONPATH", str(site))
        mmcore.catalog.load(refresh=True)
        yield site
    for name in [name for name in sys.modules if name.split(".")[0] in PACKAGES]:
        del sys.modules[name]
    mmcore.catalog.load(refresh=True)


def test_each_type_of_component_has_an_example():
    hooks = set(re.findall(r"^def (mmcore_\w+)\(\)", "\n".join(FILES.values()), flags=re.MULTILINE))
    assert hooks == set(mmcore.testing.kit.HOOKS)
    for hook in hooks:
        assert f"| `{hook}` |" in GUIDE


def test_the_code_of_the_guide_is_tidy(tmp_path):
    for package in PACKAGES:
        write_package(package, tmp_path / package)
    ruff = [Path(sys.executable).with_name("ruff"), "check", "--isolated", "--line-length", "120"]
    done = subprocess.run(
        [*ruff, "--select", "E,F,I,UP,B", "--config", "src=['*/src']", tmp_path], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_what_the_guide_writes_keeps_its_contract(package, installed):
    results = run_checks(package)
    assert [result for result in results if result.outcome == "failed"] == []
    assert sum(result.outcome == "passed" for result in results) > 10 - 2 * (package == "mmcore_wards")


def test_the_kind_of_the_guide_trains_and_is_explained(installed, tmp_path, monkeypatch):
    folder = write_package(KIND, tmp_path / "pulse")
    write_rows(folder)
    monkeypatch.chdir(folder)
    run = mmcore.Experiment.load("experiment.yaml").run(tmp_path / "run")
    assert len(list((tmp_path / "run" / "explanations" / "mm_shap").glob("[0-9]*.json"))) == 2
    why = run.model().explain({"beat": "1.0 1.1 1.2 1.3", "price": 3}, permutations=2)
    assert set(why.shares) == {"beat", "facts"}


SMALL = {"name": "hf_text", "scratch": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}}
COLUMNS = {"name": "columns", "dim": 8}


@pytest.mark.parametrize(
    ("encoders", "fusion"),
    [
        ({"note": SMALL, "measured": COLUMNS}, {"strategy": "normed", "method": {"name": "maximum", "dim": 8}}),
        ({"measured": COLUMNS}, {"strategy": {"name": "light", "light": ["note"], "dim": 8}}),
        ({"note": SMALL, "measured": COLUMNS}, {"strategy": "late", "method": "trusted"}),
    ],
    ids=["normed", "light", "trusted"],
)
def test_the_other_components_of_the_guide_train_together(encoders, fusion, installed, tmp_path):
    wards = mmcore.catalog.load().get("dataset", "wards")
    run = mmcore.Experiment.from_dict(
        {
            "dataset": {"name": "wards", **wards.example(tmp_path)},
            "encoders": encoders,
            "fusion": fusion,
            "training": {"epochs": 2, "batch_size": 8, "unimodal_baselines": False},
            "explain": {"explainer": "joining", "rows": 1},
        }
    ).run(tmp_path / "run")
    assert run.metrics["test"]["n"] > 0
    assert len(list((tmp_path / "run" / "explanations" / "joining").glob("[0-9]*.json"))) == 1
    assert set(run.model().module.modalities) == {"note", "measured"}


def test_what_learns_from_decisions_has_learned(installed):
    import torch
    from mmcore_trusted.method import Trusted

    method = Trusted({"good": 2, "bad": 2})
    targets = torch.arange(100) % 2
    right = torch.eye(2)[targets]
    method.fit({"bad": 1 - right, "good": right}, torch.ones(100, 2, dtype=torch.bool), targets)
    assert method.trust.tolist() == pytest.approx([101 / 102, 1 / 102])


def test_the_simulator_of_the_guide_is_found_by_the_command(installed, tmp_path):
    from typer.testing import CliRunner

    from mmcore.cli.main import app

    done = CliRunner().invoke(app, ["simulate", "wards", str(tmp_path / "wards"), "--rows", "12", "--json"])
    assert done.exit_code == 0, done.output
    assert '"note": "text"' in done.output
    assert len((tmp_path / "wards" / "wards.csv").read_text().splitlines()) == 13
