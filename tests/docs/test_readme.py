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
    [experiment] = blocks("yaml")
    assert mmcore.Experiment.from_yaml(experiment).problems() == []


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
        if match := re.match(r"# (mmcore_shorthand/\w+\.py)\n", block):
            path = tmp_path / match.group(1)
            path.parent.mkdir(exist_ok=True)
            path.write_text(block)
    monkeypatch.syspath_prepend(tmp_path)
    import mmcore_shorthand

    [declaration] = mmcore_shorthand.mmcore_encoders()
    failed = [result for result in run_checks(declaration) if result.outcome == "failed"]
    assert failed == []


def test_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert missing == []
