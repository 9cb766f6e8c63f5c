"""Mistakes that people make in experiment files: each is refused before anything is loaded, in one clear line."""

# ruff: noqa: E501 - a table is read in rows

import subprocess
import sys
from dataclasses import dataclass

import pytest

EXPERIMENT = """\
dataset:
  name: table
  path: items.csv
  modalities:
    title: {kind: text, column: title}
    facts: {kind: tabular, columns: [price, origin]}
  target: label
split: {test: 0.2, validation: 0.1}
encoders:
  title: {name: minilm, trainable: none}
  facts: mlp
fusion:
  strategy: intermediate
  method: {name: multconcat, dim: 16}
training: {epochs: 2, learning_rate: 1.0e-3}
explain: {explainer: mm_shap, rows: 4}
seed: 1
"""

ITEMS = "title,price,origin,seller,label\n" + "".join(
    f"thing {number},{number},DE,s{number % 4},{'ab'[number % 2]}\n" for number in range(20)
)


@dataclass(frozen=True)
class Mistake:
    """One mistake: what the file has in place of what is right, where that is noticed, and what is said."""

    name: str
    right: str
    wrong: str
    line: int
    said: str
    allowed: str

    def file(self) -> str:
        assert EXPERIMENT.count(self.right) == 1, self.right
        return EXPERIMENT.replace(self.right, self.wrong)


MISTAKES = [
    # --- what is no YAML, or more than plain YAML
    Mistake("duplicate key", "seed: 1\n", "seed: 1\nseed: 2\n", 18, "the key 'seed' stands twice: here and in line 17", "Keep one"),
    Mistake("tab", "  strategy: inter", "\tstrategy: inter", 13, "a tab stands where spaces belong", "Indent with spaces"),
    Mistake("unclosed bracket", "columns: [price, origin]}", "columns: [price, origin}", 6, "is not YAML", "Check"),
    Mistake("bad indentation", "  method: {name", "    method: {name", 14, "is not YAML", "indentation"),
    Mistake(
        "bomb", "seed: 1\n", "seed: &a [" + "x, " * 300 + "x]\nb: &b [" + "*a, " * 300 + "*a]\nc: [" + "*b, " * 300 + "*b]\n",
        17, "holds more than 50000 values", "",
    ),
    Mistake("code", "seed: 1\n", "seed: !!python/object/apply:os.getcwd []\n", 17, "the tag '!!python/object/apply:os.getcwd' is not allowed", "Write plain values"),
    Mistake("not a number", "1.0e-3", ".nan", 15, "'.nan' is no finite number", ""),
    Mistake("two documents", "seed: 1\n", "---\nseed: 1\n", 17, "a second document begins here", "one experiment in one file"),
    # --- keys
    Mistake("unknown section", "training:", "trainning:", 15, "unknown key 'trainning' in the experiment", "Did you mean 'training'?"),
    Mistake("unknown key of training", "epochs: 2", "epoch: 2", 15, "unknown key 'epoch' in training", "Did you mean 'epochs'?"),
    Mistake("unknown key of split", "validation: 0.1", "valid: 0.1", 8, "unknown key 'valid' in split", "Did you mean 'validation'?"),
    Mistake("unknown option of a method", "dim: 16", "dims: 16", 14, "unknown key 'dims' in fusion.method", "Did you mean 'dim'?"),
    Mistake("unknown key of a modality", "column: title", "colum: title", 5, "unknown key 'colum' in dataset.modalities.title", "Did you mean 'column'?"),
    Mistake("missing section", "encoders:\n  title: {name: minilm, trainable: none}\n  facts: mlp\n", "", 1, "there is no modality to read", ""),
    Mistake("missing option", "  target: label\n", "", 1, "'target' is missing in dataset", "Needed: the column to predict"),
    Mistake("missing name", "{name: minilm, trainable: none}", "{trainable: none}", 10, "encoders.title needs a name", "Write the name of an encoder"),
    Mistake("nothing to encode", "\n  title: {name: minilm, trainable: none}\n  facts: mlp\n", " {}\n", 9, "there is no modality to read", ""),
    # --- types and bounds
    Mistake("text for a number", "epochs: 2", "epochs: two", 15, "training.epochs is 'two'", "a whole number from 1 to 100000"),
    Mistake("quoted number", "epochs: 2", "epochs: '2'", 15, "training.epochs is '2'", "a whole number from 1 to 100000"),
    Mistake("boolean for a number", "seed: 1", "seed: true", 17, "seed is true", "a whole number from 0 to 4294967295"),
    Mistake("word for a boolean", "validation: 0.1", "stratify: no", 8, "split.stratify is 'no'", "true, false"),
    Mistake("list for a mapping", "{epochs: 2, learning_rate: 1.0e-3}", "[1, 2]", 15, "training is [1, 2]", "a mapping with epochs"),
    Mistake("out of bounds", "learning_rate: 1.0e-3", "learning_rate: -0.1", 15, "training.learning_rate is -0.1", "a number above 0 and at most 10"),
    Mistake("option of a method out of bounds", "dim: 16", "dim: 0", 14, "fusion.method.dim is 0", "Allowed: a whole number"),
    Mistake("unknown choice", "epochs: 2", "monitor: top_1", 15, "training.monitor is 'top_1'", "Did you mean 'top1'?"),
    Mistake("shares above one", "test: 0.2, validation: 0.1", "test: 0.9, validation: 0.1", 8, "test + validation is 1", "leave something to train on"),
    Mistake("unknown way to train", "trainable: none", "trainable: some", 10, "encoders.title.trainable is 'some'", "none, all"),
    Mistake("no blocks", "trainable: none", "trainable: {last: 0}", 10, "encoders.title.trainable is {'last': 0}", "none, all"),
    Mistake("unknown task", "seed: 1", "seed: 1\ntask: singel_label", 18, "task is 'singel_label'", "Did you mean 'single_label'?"),
    # --- components
    Mistake("unknown data set", "name: table", "name: tabel", 1, "there is no dataset 'tabel'", "Did you mean 'table'?"),
    Mistake("unknown encoder", "name: minilm", "name: minlm", 10, "there is no encoder 'minlm' for text", "Did you mean 'minilm'?"),
    Mistake("encoder of another kind", "facts: mlp", "facts: minilm", 11, "encoder 'minilm' reads text, not tabular", "Encoders for tabular: ft_transformer, mlp"),
    Mistake("unknown strategy", "strategy: intermediate", "strategy: intermediary", 13, "there is no fusion-strategy 'intermediary'", "Did you mean 'intermediate'?"),
    Mistake("unknown method", "{name: multconcat, dim: 16}", "multiconcat", 14, "there is no fusion-method 'multiconcat'", "Did you mean 'multconcat'?"),
    Mistake("method that does not fit", "{name: multconcat, dim: 16}", "soft_voting", 14, "method 'soft_voting' combines decisions, strategy 'intermediate' representations", "Methods for intermediate: addition, attention, average"),
    Mistake("unknown explainer", "explainer: mm_shap", "explainer: mmshap", 16, "there is no explainer 'mmshap'", "Did you mean 'mm_shap'?"),
    Mistake("weights that are not there", "trainable: none", "weights: best.safetensors", 10, "there is no weights file 'best.safetensors'", "pretrained, none, or the path"),
    Mistake("weights of an encoder without", "facts: mlp", "facts: {name: mlp, weights: pretrained}", 11, "encoder 'mlp' has no pretrained weights", "Allowed: none"),
    Mistake("metric of another task", "epochs: 2", "monitor: rmse", 15, "'rmse' is not a metric of a single_label task", "Allowed: loss, top1"),
    # --- data
    Mistake("unknown modality", "  facts: mlp", "  fact: mlp", 11, "the data set has no modality 'fact'", "Did you mean 'facts'?"),
    Mistake("unknown kind", "kind: tabular", "kind: tabluar", 6, "there is no modality-kind 'tabluar'", "Did you mean 'tabular'?"),
    Mistake("target column missing", "target: label", "target: lable", 7, "no column 'lable' in items.csv", "Did you mean 'label'?"),
    Mistake("input column missing", "[price, origin]", "[price, orign]", 6, "no column 'orign' in items.csv", "Did you mean 'origin'?"),
    Mistake("target among the inputs", "[price, origin]", "[price, label]", 1, "the target column 'label' is also an input", "modality 'facts'"),
    Mistake("no such table", "path: items.csv", "path: item.csv", 3, "item.csv", "items.csv"),
    # --- how things fit together
    Mistake("fusion left out", "fusion:\n  strategy: intermediate\n  method: {name: multconcat, dim: 16}\n", "", 1, "2 modalities (title, facts) and no fusion", "Say when they are fused"),
    Mistake("nothing to fuse", "  facts: mlp\n", "", 11, "there is one modality, so there is nothing to fuse", "Leave `fusion` out"),
    Mistake("another encoder under one share", "{name: minilm, trainable: none}\n  facts: mlp", "{name: minilm, share: x}\n  facts: {name: mlp, share: x}", 11, "shares 'x' with 'title', but asks for another encoder", "write the same for both"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "items.csv").write_text(ITEMS)
    return folder


@pytest.fixture
def mmcore(folder, monkeypatch, capsys):
    from mmcore.cli.main import main

    monkeypatch.chdir(folder)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mmcore", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        told = capsys.readouterr()
        return caught.value.code or 0, told.out, told.err

    return call


def test_the_experiment_without_a_mistake_is_right(folder, mmcore):
    (folder / "right.yaml").write_text(EXPERIMENT)
    assert mmcore("fit", "--check", "right.yaml") == (0, "The experiment is right.\n", "")


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_told_with_file_line_value_and_what_is_allowed(mistake, folder, mmcore):
    text = mistake.file()
    if mistake.name == "metric of another task":
        text += "task: single_label\n"
    (folder / "experiment.yaml").write_text(text)
    code, out, err = mmcore("fit", "--check", "experiment.yaml")
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    first = err.splitlines()[0]
    assert f"experiment.yaml:{mistake.line}: " in first
    assert mistake.said in first
    assert mistake.allowed in first


def test_there_are_at_least_thirty_and_no_two_alike():
    assert len({mistake.wrong for mistake in MISTAKES} | {""}) >= 31
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)


def test_all_mistakes_of_a_file_are_told_at_once_the_first_in_the_file_first(folder, mmcore):
    wrong = EXPERIMENT
    for right, mistake in [
        ("seed: 1", "seed: -1"), ("name: multconcat", "name: multiconcat"), ("target: label", "target: lable"),
        ("epochs: 2", "epoch: 2"),
    ]:  # fmt: skip
        wrong = wrong.replace(right, mistake)
    (folder / "experiment.yaml").write_text(wrong)
    code, _, err = mmcore("fit", "--check", "experiment.yaml")
    lines = [line.partition("experiment.yaml:")[2].partition(":")[0] for line in err.splitlines()]
    assert code == 2
    assert lines == ["7", "14", "15", "17"]


def test_nothing_is_written_for_an_experiment_with_a_mistake(folder, mmcore):
    (folder / "experiment.yaml").write_text(EXPERIMENT.replace("epochs: 2", "epochs: 0"))
    assert mmcore("fit", "experiment.yaml", "-o", "run")[0] == 2
    assert not (folder / "run").exists()
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.epochs=many", "--set training.epochs=many: training.epochs is 'many'"),
        ("training.epoch=3", "--set training.epoch=3: unknown key 'epoch' in training. Did you mean 'epochs'?"),
        ("fusion.method=soft_voting", "--set fusion.method=soft_voting: method 'soft_voting' combines decisions"),
        ("fusion.method.dim=-1", "--set fusion.method.dim=-1: fusion.method.dim is -1"),
        ("training.epochs", "--set training.epochs: is no change"),
        ("training.epochs=[1", "--set training.epochs=[1:1: is not YAML"),
    ],
)
def test_a_mistake_in_a_change_is_told_with_the_change(override, said, folder, mmcore):
    (folder / "right.yaml").write_text(EXPERIMENT)
    code, _, err = mmcore("fit", "--check", "right.yaml", "--set", override)
    assert code == 2
    assert said in err.splitlines()[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "experiment.yaml: is empty"),
        (b"- a\n- b\n", "experiment.yaml:1: holds ['a', 'b'], not an experiment"),
        ("dataset: caf\u00e9".encode("latin-1"), "experiment.yaml:1: byte 0xe9 is not UTF-8"),
        (b"a: " + b"x" * 300_000, "experiment.yaml: is larger than 256 KiB"),
        (b"a: " + b"[" * 3000, "is nested deeper than 32 levels"),
        (b"a: 1\n\x00", "experiment.yaml:2: holds the control character"),
    ],
)
def test_what_is_no_experiment_file_at_all_is_told(content, said, folder, mmcore):
    (folder / "experiment.yaml").write_bytes(content)
    code, _, err = mmcore("fit", "experiment.yaml")
    assert code == 2
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fit",), "which experiment?"),
        (("fit", "exprimant.yaml"), "there is no such file"),
        (("fit", "."), "is a folder, not an experiment file"),
        (("fit", "--resume", "nowhere"), "nowhere: there is no run to resume here"),
        (("fit", "right.yaml", "--resume", "nowhere"), "--resume goes on with the experiment of the run as it was"),
        (("evaluate", "nowhere"), "nowhere: there is no run here"),
        (("predict", "nowhere", "items.csv"), "nowhere: there is no run here"),
        (("predict", "nowhere", "items.csv", "-o", "out.xlsx"), "out.xlsx: .xlsx says no format that can be written"),
        (("embed", "nowhere", "items.csv", "-o", "out"), "a name without an ending says no format"),
        (("report", "nowhere"), "nowhere: there is no run here"),
        (("new", "experiment", "--data", "nothing.csv", "-o", "-"), "nothing.csv"),
        (("new", "experiment", "--data", "items.csv", "--target", "lable", "-o", "-"), "Did you mean 'label'?"),
        (("new", "experiment", "--data", "items.csv", "-o", "items.csv"), "items.csv: is there already"),
    ],
)
def test_a_mistake_on_the_command_line_is_told(arguments, said, folder, mmcore):
    (folder / "right.yaml").write_text(EXPERIMENT)
    code, _, err = mmcore(*arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("mistake", [MISTAKES[0], MISTAKES[9], MISTAKES[31]], ids=lambda mistake: mistake.name)
def test_a_process_exits_with_2_and_one_line(mistake, folder):
    (folder / "process.yaml").write_text(mistake.file())
    done = subprocess.run(
        [sys.executable, "-m", "mmcore.cli.main", "fit", "process.yaml"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"process.yaml:{mistake.line}: {mistake.said}" in done.stderr


def test_validation_imports_nothing_heavy(folder):
    (folder / "right.yaml").write_text(EXPERIMENT)
    code = (
        "import sys; from mmcore.experiment.specification import Experiment\n"
        "Experiment.load('right.yaml').validate()\n"
        "heavy = {'torch', 'timm', 'transformers', 'datasets', 'pandas', 'sklearn', 'gradio', 'shap', 'matplotlib.pyplot'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
