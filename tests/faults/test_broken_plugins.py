"""Sixteen ways in which a plugin is broken, all installed at once: each is named with its reason, all else works."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import mmcore
from mmcore.catalog import load
from mmcore.cli.main import main

MMCORE = Path(sys.executable).with_name("mmcore")
EXAMPLE = Path(__file__).parents[2] / "examples" / "own_table.yaml"

ENCODER = """
import mmcore
from mmcore_tabular import TabularDescription, TabularSpec


def build(options, description: TabularDescription):
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.input_spec = TabularSpec(description.columns)
            self.dim = 4
            self.layer = torch.nn.Linear(2 * len(description.columns), 4)

        def forward(self, inputs):
            return self.layer(torch.cat([inputs["values"], inputs["missing"].float()], dim=1))

    return Net()


@mmcore.hookimpl
def mmcore_encoders():
    yield mmcore.Encoder(name="{name}", kind="tabular", summary="{name}", build=build)
"""


def encoder(name, right="", wrong=""):
    """A sound encoder, or one in which something is right no longer."""
    assert right in ENCODER
    return ENCODER.replace(right, wrong).replace("{name}", name) if right else ENCODER.replace("{name}", name)


YIELD = '    yield mmcore.Encoder(name="{name}", kind="tabular", summary="{name}", build=build)'

SEEN_WHEN_LISTED = {
    "import_error": (
        encoder("a", "import mmcore\n", "import mmcore\nraise RuntimeError('not today')\n"),
        "RuntimeError: not today",
    ),
    "system_exit": (
        encoder("b", "import mmcore\n", "import mmcore\nraise SystemExit(7)\n"),
        "tried to exit the program (SystemExit: 7)",
    ),
    "missing_dependency": (
        encoder("c", "import mmcore\n", "import mmcore\nimport nowhere_to_be_found\n"),
        "needs 'nowhere_to_be_found', which is not installed",
    ),
    "syntax_error": (
        encoder("d", "return Net()", "return Net("),
        "SyntaxError in __init__.py, line 19: '(' was never closed",
    ),
    "wrong_hook_name": (
        encoder("e", "def mmcore_encoders", "def mmcore_encoder"),
        "there is no hook 'mmcore_encoder'. Did you mean 'mmcore_encoders'?",
    ),
    "wrong_signature": (
        encoder("f", "def mmcore_encoders()", "def mmcore_encoders(kind)"),
        "mmcore_encoders(kind) has a wrong signature: the hook gives nothing",
    ),
    "returns_none": (
        encoder("g", YIELD, "    build"),
        "mmcore_encoders returned None; yield or return a list of Encoder",
    ),
    "non_declaration": (
        encoder("h", YIELD, "    yield {'name': 'h'}"),
        "mmcore_encoders gave dict, not mmcore.Encoder",
    ),
    "duplicate_within": (
        encoder("i", YIELD, f"{YIELD}\n{YIELD}"),
        "encoder 'i': is declared twice; the first one is used",
    ),
    "options_no_model": (
        encoder("j", "build=build", "build=build, options=dict"),
        "encoder 'j': its options are <class 'dict'>, not a class derived from mmcore.Options",
    ),
    "prints": (encoder("k", "import mmcore\n", "import mmcore\nprint('welcome')\n"), "prints while loading: 'welcome'"),
    "entry_to_nothing": (None, "leads to nothing: there is no module 'mmcore_entry_to_nothing'"),
}
"""Package (without mmcore_) → its source, and the reason that `mmcore plugins` gives."""

SEEN_WHEN_BUILT = {
    "build_raises": (
        encoder("raises", "    import torch\n", "    raise OSError('weights not found')\n"),
        "builds",
        "OSError: weights not found",
    ),
    "dim_differs": (
        encoder("narrow", "self.dim = 4", "self.dim = 8"),
        "returns_what_it_promised",
        "(6, 4)",
    ),
    "not_registered": (
        encoder(
            "hidden",
            "self.layer = torch.nn.Linear(2 * len(description.columns), 4)",
            "self.hidden = [torch.nn.Linear(2 * len(description.columns), 4)]",
        ).replace("self.layer(", "self.hidden[0]("),
        "registers_its_parameters",
        "hidden holds parameters or modules in a plain list",
    ),
    "nan_output": (
        encoder("nan", "return self.layer(", "return float('nan') * self.layer("),
        "returns_finite_numbers",
        "are NaN or infinite",
    ),
}
"""Package (without mmcore_) → its source, the check that fails, and its message."""


@pytest.fixture
def broken(site):
    """All of them, and two sound plugins, one of which shares a name with the other."""
    for name, (source, *_) in {**SEEN_WHEN_LISTED, **SEEN_WHEN_BUILT}.items():
        site.add(f"mmcore_{name}", source, version="0.7")
    site.add("mmcore_sound", encoder("sound") + SECOND)
    return site.add("mmcore_clashing", encoder("shared"))


SECOND = '    yield mmcore.Encoder(name="shared", kind="tabular", summary="shared", build=build)\n'


def run(*arguments):
    return subprocess.run([MMCORE, *arguments], capture_output=True, text=True, timeout=120)


def test_each_is_named_with_its_package_version_and_reason(broken):
    done = run("plugins")
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    for name, (_, reason) in SEEN_WHEN_LISTED.items():
        where = f"mmcore_{name} (mmcore-{name.replace('_', '-')} 0.7)"
        assert [line for line in told if line.startswith(f"✗ {where}: ") and reason in line], (name, done.stdout)
    problems = [line for line in told if line.startswith("✗")]
    assert len(problems) == len(SEEN_WHEN_LISTED)
    assert "encoder 'shared' is also in mmcore_sound: write mmcore_clashing/shared" in done.stdout
    assert "encoder 'shared' is also in mmcore_clashing: write mmcore_sound/shared" in done.stdout


def test_the_same_stands_in_the_json(broken):
    records = {record["package"]: record for record in json.loads(run("plugins", "--json").stdout)}
    assert {name: len(records[f"mmcore_{name}"]["problems"]) for name in SEEN_WHEN_LISTED} == dict.fromkeys(
        SEEN_WHEN_LISTED, 1
    )
    assert [name for name in SEEN_WHEN_BUILT if records[f"mmcore_{name}"]["problems"]] == []
    assert [each["name"] for each in records["mmcore_sound"]["components"]] == ["sound", "shared"]


def test_everything_else_is_listed_beside_them(broken):
    alone = subprocess.run(
        [MMCORE, "components", "--json"], capture_output=True, text=True, env={"PATH": ""}, timeout=120
    )
    with_them = run("components", "--json")
    before = {entry["qualified_name"] for entry in json.loads(alone.stdout)}
    after = {entry["qualified_name"] for entry in json.loads(with_them.stdout)}
    assert len(before) > 10
    usable = {"mmcore_duplicate_within/i", "mmcore_prints/k", "mmcore_sound/sound", "mmcore_sound/shared"}
    at_build = {
        f"mmcore_{name}/{each}"
        for name, each in zip(SEEN_WHEN_BUILT, ("raises", "narrow", "hidden", "nan"), strict=True)
    }
    assert after - before == usable | at_build | {"mmcore_clashing/shared"}
    assert before <= after
    assert "welcome" not in with_them.stdout + with_them.stderr
    assert run("--help").returncode == 0
    assert run("show", "encoder", "mlp").returncode == 0


def test_an_experiment_is_checked_beside_them(broken):
    done = run("fit", "--check", EXAMPLE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "The experiment is right.\n", "")
    mistaken = run("fit", "--check", EXAMPLE, "--set", "encoders.title=minlm")
    assert (mistaken.returncode, mistaken.stdout) == (2, "")
    assert "there is no encoder 'minlm' for text. Did you mean 'minilm'?" in mistaken.stderr


def test_the_names_of_the_broken_are_refused_with_the_reason(broken):
    done = run("show", "encoder", "c")
    assert done.returncode == 2
    assert "mmcore_missing_dependency (needs 'nowhere_to_be_found', which is not installed)" in done.stderr
    clash = run("show", "encoder", "shared")
    assert clash.returncode == 2
    assert "Write mmcore_clashing/shared or mmcore_sound/shared." in clash.stderr


def test_switching_one_off_takes_its_problem_away(broken):
    done = run("--disable-plugin", "system_exit", "plugins")
    assert "SystemExit" not in done.stdout
    assert "switched off" in done.stdout


@pytest.fixture
def catalogue(broken, monkeypatch):
    """This process's catalogue with all of them in it."""
    yield load(refresh=True)
    monkeypatch.undo()
    load(refresh=True)


def check(capsys, name):
    with pytest.raises(SystemExit) as caught:
        main(["check", name])
    return caught.value.code, capsys.readouterr().out


def test_what_shows_only_when_built_is_named_by_check(catalogue, capsys):
    for package, (_, failing, said) in SEEN_WHEN_BUILT.items():
        code, told = check(capsys, f"mmcore_{package}")
        assert code == 1
        lines = told.splitlines()
        (at,) = (number for number, line in enumerate(lines) if line.startswith("✗") and line.endswith(f": {failing}"))
        assert said in lines[at + 1], told


def test_check_says_why_a_plugin_brings_nothing(catalogue, capsys):
    code, told = check(capsys, "mmcore_syntax_error")
    assert code == 1
    assert "✗ plugin mmcore_syntax_error: SyntaxError in __init__.py" in told


def test_a_model_is_composed_with_a_sound_plugin_beside_the_broken_ones(catalogue):
    import torch

    from mmcore_tabular import Column, TabularDescription

    described = TabularDescription(columns=(Column(name="price", type="number", mean=0.0, sd=1.0),))
    model = mmcore.compose(
        encoders={"left": "sound", "right": {"name": "mlp", "width": 8}},
        modalities={"left": described, "right": described},
        fusion={"strategy": "intermediate", "method": "concat"},
        task=mmcore.SingleLabel(classes=("a", "b")),
    )
    assert sum(parameter.numel() for parameter in model.parameters()) > 0
    assert isinstance(model, torch.nn.Module)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "raises",
            "encoder 'raises': could not be built: OSError: weights not found. It comes from mmcore-build-raises 0.7",
        )
    ],
)
def test_a_build_that_raises_is_named_with_its_package_where_it_is_used(catalogue, name, said):
    from mmcore_tabular import TabularDescription

    found = catalogue.resolve("encoder", name)
    with pytest.raises(mmcore.ComponentError) as caught:
        catalogue.build(found.declaration, found.options, TabularDescription(columns=()))
    assert said in str(caught.value)
