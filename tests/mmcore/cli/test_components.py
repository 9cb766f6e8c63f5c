"""`mmcore components`: what it lists, for people and for programs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_plugins import encoder, record

from mmcore.catalog import load

MMCORE = Path(sys.executable).with_name("mmcore")


def test_the_whole_catalogue_is_listed(of_json):
    listed = [(entry["type"], entry["kind"], entry["qualified_name"]) for entry in of_json("components")]
    assert listed == [(entry.type, entry.kind, entry.qualified) for entry in load().entries()]
    assert {"summary", "reference", "licence", "version", "distribution"} <= set(of_json("components")[0])


def test_they_are_chosen_by_type_kind_and_pattern(of_json, call):
    chosen = {entry["name"] for entry in of_json("components", "encoder", "--kind", "image")}
    assert chosen == {entry.name for entry in load().entries("encoder", kind="image")}
    assert of_json("components", "encoder", "--kind", "mmcore_image/image") == of_json(
        "components", "encoder", "--kind", "image"
    )
    assert {entry["name"] for entry in of_json("components", "fusion-methods", "*concat")} == {"concat", "multconcat"}
    assert [entry["name"] for entry in of_json("components", "encoder", "mmcore_text/mini*")] == ["minilm"]


@pytest.mark.parametrize("plural", ["fusion_strategies", "fusion-strategies", "fusion_strategy"])
def test_a_plural_is_understood(of_json, plural):
    assert of_json("components", plural) == of_json("components", "fusion-strategy") != []


def test_a_pattern_that_nothing_fits_lists_nothing(call, of_json):
    assert call("components", "encoder", "nothing*") == (0, "", "Nothing of this is installed.\n")
    assert of_json("components", "encoder", "nothing*") == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["encodr"], "there is no component type 'encodr'. Did you mean 'encoder'?"),
        (["encoder", "minlm"], "there is no encoder 'minlm'. Did you mean 'minilm'?"),
        (["encoder", "--kind", "imag"], "there is no modality-kind 'imag'. Did you mean 'image'?"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_an_unknown_name_is_a_mistake_with_the_nearest_one(call, arguments, said, form):
    assert call("components", *arguments, *form) == (2, "", f"error: {said}\n")


def test_each_is_told_with_what_it_is_and_whose(call):
    _, out, err = call("components")
    (line,) = (line for line in out.splitlines() if line.startswith("multconcat"))
    entry = load().entries("fusion-method", pattern="multconcat")[0]
    assert entry.declaration.summary in line
    assert line.rstrip().endswith(entry.package)
    assert err == ""


def test_plugins_that_could_not_be_loaded_are_mentioned_beside_the_results(call, of_json, installed):
    installed(record("x", problems=["needs 'av', which is not installed"]))
    code, out, err = call("components")
    assert code == 0
    assert "mmcore_x" not in out
    assert err == "Not everything could be loaded: mmcore_x. See: mmcore plugins\n"


def test_what_looks_like_markup_is_shown_as_it_is(call, installed):
    installed(record("x", encoder(summary="[bold]boxes[/bold] [0, 1]")))
    assert "[bold]boxes[/bold] [0, 1]" in call("components", "encoder", "trial")[1]


def test_it_is_the_same_text_in_a_pipe_without_colours_whatever_the_terminal_is():
    outputs = {
        subprocess.run([MMCORE, "components"], capture_output=True, env={"TERM": term, "COLUMNS": width}).stdout
        for term, width in (("xterm-256color", "40"), ("dumb", "200"))
    }
    (output,) = outputs
    assert b"\x1b" not in output


def test_json_in_a_pipe_is_all_of_standard_output():
    done = subprocess.run([MMCORE, "components", "--json"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)) == len(load().entries())
