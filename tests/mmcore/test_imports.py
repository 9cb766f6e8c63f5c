"""What lists, describes and validates stays light: seen from a second process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

HEAVY = (
    "torch",
    "timm",
    "transformers",
    "gradio",
    "datasets",
    "torchvision",
    "pandas",
    "sklearn",
    "shap",
    "matplotlib",
)

PROBE = """
import json, sys
sys.argv = ["mmcore", *json.loads(sys.argv[1])]
from mmcore.cli.main import main
code = None
try:
    main()
except SystemExit as left:
    code = left.code
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print("\\n" + json.dumps({"code": code, "loaded": loaded}))
"""

EXPERIMENT = """
dataset:
  name: table
  path: items.csv
  modalities:
    title: {kind: text, column: title}
    facts: {kind: tabular, columns: [price]}
  target: label
encoders:
  title: minilm
  facts: {name: mlp, width: 8}
fusion: {strategy: intermediate, method: {name: multconcat, dim: 16}}
explain: {explainer: mm_shap, rows: 4}
"""


def told(script, *arguments, folder=None):
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=folder, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["components"],
        ["components", "encoder", "--json"],
        ["plugins"],
        ["plugins", "--json"],
        ["show", "encoder", "minilm"],
        ["show", "encoder", "timm"],
        ["show", "encoder", "hf_text", "--json"],
        ["show", "fusion-method", "multconcat"],
        ["cache"],
        ["fit", "--help"],
        ["check", "--help"],
        ["explain", "--help"],
        ["new", "--help"],
    ],
    ids=" ".join,
)
def test_looking_around_loads_nothing_heavy(arguments):
    found = told(PROBE, json.dumps(arguments))
    assert found["code"] == 0
    assert sorted(set(HEAVY) & set(found["loaded"])) == []


VALIDATE = """
import json, sys
import mmcore
experiment = mmcore.Experiment.load("experiment.yaml")
experiment.validate()
try:
    mmcore.Experiment.load("mistaken.yaml").validate()
    refused = ""
except mmcore.UserError as error:
    refused = str(error)
loaded = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"name": experiment.encoders["title"].name, "refused": refused, "loaded": loaded}))
"""


def test_validating_an_experiment_file_loads_nothing_heavy(tmp_path):
    (tmp_path / "items.csv").write_text("title,price,label\nshoe,1,a\nboot,2,b\n")
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT)
    (tmp_path / "mistaken.yaml").write_text(EXPERIMENT.replace("dim: 16", "dim: 0"))
    found = told(VALIDATE, folder=tmp_path)
    assert found["name"] == "minilm"
    assert "mistaken.yaml:12" in found["refused"]
    assert sorted(set(HEAVY) & set(found["loaded"])) == []


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.yaml")))
def test_checking_an_experiment_file_loads_nothing_heavy(name, beside_examples):
    found = told(PROBE, json.dumps(["fit", "--check", f"examples/{name}"]), folder=beside_examples)
    assert found["code"] == 0
    assert sorted(set(HEAVY) & set(found["loaded"])) == []


def test_importing_the_package_and_its_declarations_loads_nothing_heavy():
    script = (
        "import json, sys, mmcore; mmcore.Encoder, mmcore.Options, mmcore.Kind, mmcore.SingleLabel, mmcore.hookimpl;"
        "print(json.dumps({'loaded': sorted({name.partition('.')[0] for name in sys.modules})}))"
    )
    assert sorted(set(HEAVY) & set(told(script)["loaded"])) == []


def test_the_probe_would_see_a_heavy_import():
    assert "pandas" in told(PROBE.replace("import json, sys", "import json, sys, pandas"), '["--version"]')["loaded"]
