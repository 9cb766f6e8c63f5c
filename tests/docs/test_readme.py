"""What the README says works, and what is generated is fresh."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_generated_documents_are_fresh():
    done = subprocess.run([sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_experiment_is_right(monkeypatch):
    import mmcore

    monkeypatch.chdir(ROOT)
    [experiment] = [block for block in blocks("yaml") if "base:" not in block]
    assert mmcore.Experiment.from_yaml(experiment).problems() == []


def test_the_grid_gives_the_rows_of_its_table(tmp_path):
    import mmcore
    from mmcore.comparison.planning import with_baselines

    [text] = [block for block in blocks("yaml") if "base:" in block]
    (tmp_path / "grid.yaml").write_text(text)
    cells = with_baselines(mmcore.Grid.load(tmp_path / "grid.yaml").cells())
    assert [cell.reason for cell in cells if cell.experiment is None] == []
    shown = [line.split(" | ")[:2] for line in README.splitlines() if re.match(r"\| .* ± ", line)]
    run = {
        (experiment.fusion.method.name if experiment.fusion else "–", ", ".join(experiment.modalities()))
        for experiment in (cell.experiment for cell in cells)
    }
    assert {(method.strip("| "), modalities) for method, modalities in shown} == run
    assert f"The {len(cells)} runs" in README


def test_the_python_block_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    scope = {}
    exec(next(block for block in blocks("python") if "Experiment.load" in block), scope)
    assert sum(scope["why"].shares.values()) == pytest.approx(1)
    assert scope["run"].metrics["test"]["top1"] > 0.7


def test_the_plugin_keeps_its_promises(monkeypatch, tmp_path):
    from mmcore.testing import run_checks

    for block in blocks("python"):
        if match := re.match(r"# (mmcore_pulse/\w+\.py)\n", block):
            path = tmp_path / match.group(1)
            path.parent.mkdir(exist_ok=True)
            path.write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("mmcore_pulse", "mmcore_pulse.model"):  # the guide for plugin authors has a package of this name
        monkeypatch.delitem(sys.modules, name, raising=False)
    try:
        import mmcore_pulse

        [declaration] = mmcore_pulse.mmcore_encoders()
        results = run_checks(declaration)
    finally:
        for name in ("mmcore_pulse", "mmcore_pulse.model"):
            sys.modules.pop(name, None)
    assert [result for result in results if result.outcome == "failed"] == []
    assert sum(result.outcome == "passed" for result in results) > 10
