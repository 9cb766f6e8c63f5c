"""What the documents and the examples point at is there: files, headings, commands, options of commands."""

import re
from pathlib import Path

import pytest
import typer

import mmcore
from mmcore.cli.main import app

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
EXAMPLES = sorted([*(ROOT / "examples").rglob("*.yaml"), *(ROOT / "examples").glob("*.py")])
OURS = re.compile(r"\b((?:mmcore|plugins|docs|examples|benchmarks|tests)/[\w./-]*\w)")
OF_THE_GUIDE = {"tests/test_pulse.py"}
"""Files of packages that the guide for plugin authors writes."""
SUBMODULES = {"testing"}

FENCED = re.compile(r"^```(?:sh|text)$.*?^```$", flags=re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^(?:cd \S+ && |\s*Example: |# +| {4})?mmcore ([a-z]+ ?[^#\n]*)", flags=re.MULTILINE)
INLINE = re.compile(r"`mmcore ([a-z]+ ?[^`]*)`")


def name(path):
    return str(path.relative_to(ROOT))


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(path):
    """The headings of a document as GitHub names them."""
    heads = re.findall(r"^#+ (.*)$", without_code(path.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path):
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(path.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        file, _, heading = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (heading and heading not in anchors(there)):
            missing.append(target)
    assert missing == []


@pytest.mark.parametrize("path", [*DOCUMENTS, *EXAMPLES], ids=name)
def test_files_of_ours_that_are_named_are_there(path):
    named = set(OURS.findall(path.read_text(encoding="utf-8")))
    assert sorted(found for found in named - OF_THE_GUIDE if not (ROOT / found).exists()) == []


@pytest.mark.parametrize("path", [*DOCUMENTS, *EXAMPLES], ids=name)
def test_commands_that_are_named_are_there_with_their_options(path):
    group = typer.main.get_command(app)
    context = group.make_context("mmcore", ["components"], resilient_parsing=True)
    wrong = []
    for line in commands_in(path):
        verb, *words = line.split()
        command = group.get_command(context, verb)
        known = options_of(command) if command else set()
        flags = [word.partition("=")[0].rstrip(".,;:)") for word in words if word.startswith("--")]
        wrong += [line] if command is None else [f"{verb} {flag}" for flag in flags if flag not in known]
    assert wrong == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_public_names_that_are_written_are_there(path):
    written = set(re.findall(r"\bmmcore\.([A-Za-z]\w*)", path.read_text(encoding="utf-8")))
    assert sorted(each for each in written if each not in mmcore.__all__ and each not in SUBMODULES) == []


def commands_in(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".md":
        return SHELL.findall(text)
    return [line for block in FENCED.findall(text) for line in SHELL.findall(block)] + INLINE.findall(text)


def options_of(command):
    """Of a command and of what it parts into."""
    own = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    return {"--help", *own}.union(*(options_of(each) for each in getattr(command, "commands", {}).values()))
