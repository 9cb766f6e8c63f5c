"""The main job, as a new user meets it: three seeds, an empty cache, the report."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

MMCORE = Path(sys.executable).with_name("mmcore")
SEEDS = (7, 8, 9)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("demo")
    environment = {**os.environ, "MMCORE_CACHE": str(place / "cache"), "HF_HUB_OFFLINE": "1"}
    for seed in SEEDS:
        done = subprocess.run(
            [MMCORE, "demo", "-o", place / str(seed), "--set", f"seed={seed}"],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return {seed: place / str(seed) for seed in SEEDS}


def test_fusion_is_not_below_the_best_single_modality_and_above_a_linear_probe(runs):
    metrics = {seed: json.loads((folder / "metrics.json").read_text()) for seed, folder in runs.items()}
    for seed, found in metrics.items():
        gain = found["gain"]["top1"]
        print(f"seed {seed}: fused {gain['fused']:.3f}, best single ({gain['modality']}) {gain['best_single']:.3f}")
        assert gain["fused"] >= gain["best_single"]
    mean = sum(found["test"]["top1"] for found in metrics.values()) / len(SEEDS)
    print(f"mean {mean:.3f}")
    assert mean > 0.84


def test_the_report_shows_what_it_must_without_a_network(runs):
    page = (runs[SEEDS[0]] / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)
    for text in ("image alone", "text alone", "fused", "Confusion matrix", "mm_shap"):
        assert text in page
    explained = list((runs[SEEDS[0]] / "explanations" / "mm_shap").glob("[0-9]*.json"))
    verdicts = [json.loads(path.read_text())["correct"] for path in explained]
    assert len(verdicts) == 12
    assert {True, False} == set(verdicts)
