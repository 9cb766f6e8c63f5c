"""The edge: what a person is told, where, and with which exit code."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

import mmcore
import mmcore.catalog
from mmcore.cli.main import VERBS
from mmcore.errors import MMCoreError, UserError
from mmcore.hookspecs import Command
from mmcore.plugins import PluginRecord, Plugins

A_FAULT = "This is a fault of mmcore or of a plugin; --debug shows where."
MMCORE = Path(sys.executable).with_name("mmcore")


@pytest.fixture
def commands(monkeypatch):
    """Make a function the command `act` of a plugin; or several commands."""

    def install(*functions, **named):
        found = [Command(name, f"Summary of {name}.", function) for name, function in named.items()]
        found += [Command("act", "Summary of act.", lambda function=function: function) for function in functions]
        catalog = mmcore.catalog.Catalog(Plugins([PluginRecord("p", "mmcore_p", "p", "1", commands=found)]))
        monkeypatch.setattr(mmcore.catalog, "load", lambda refresh=False: catalog)

    return install


def raising(error):
    def act():
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            UserError("no column 'x'", where="a.csv", hint="Did you mean 'y'?"),
            2,
            "a.csv: no column 'x'. Did you mean 'y'?",
        ),
        (MMCoreError("the file is damaged"), 1, "the file is damaged"),
        (ZeroDivisionError("by zero"), 1, f"ZeroDivisionError: by zero. {A_FAULT}"),
        (PermissionError(13, "Permission denied", "/runs/a"), 1, "/runs/a: Permission denied. --debug shows where."),
        (OSError(28, "No space left on device"), 1, "No space left on device. --debug shows where."),
        (KeyboardInterrupt(), 130, "stopped"),
        (typer.Exit(3), 3, None),
    ],
)
def test_an_error_is_one_line_on_standard_error_and_an_exit_code(call, commands, error, code, said):
    commands(raising(error))
    assert call("act") == (code, "", f"error: {said}\n" if said else "")


@pytest.mark.parametrize(("error", "code"), [(UserError("no column"), 2), (ZeroDivisionError("by zero"), 1)])
@pytest.mark.parametrize("arguments", [["--debug", "act"], ["act", "--debug"]])
def test_debug_shows_the_traceback_and_leaves_the_exit_code(call, commands, error, code, arguments):
    commands(raising(error))
    given, out, err = call(*arguments)
    assert (given, out) == (code, "")
    assert err.startswith("Traceback (most recent call last):")
    assert "in act\n    raise error\n" in err
    assert err.splitlines()[-1].startswith(f"error: {str(error) if code == 2 else 'ZeroDivisionError'}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["componets"], "there is no command 'componets'. Did you mean 'components'?"),
        (["components", "--jsno"], "See: mmcore components --help"),
        (["show"], "Missing argument 'TYPE'. See: mmcore show --help"),
        (["components", "encodr"], "there is no component type 'encodr'. Did you mean 'encoder'?"),
        (["components", "--kind", "imag"], "there is no modality-kind 'imag'. Did you mean 'image'?"),
        (["show", "encoder", "minlm"], "there is no encoder 'minlm'. Did you mean 'minilm'?"),
        (
            ["show", "encoder", "minilm", "--kind", "image"],
            "encoder 'minilm' reads text, not image. Encoders for image:",
        ),
    ],
)
def test_a_mistake_in_the_command_is_one_line_and_two(call, arguments, said):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_without_a_command_there_is_help_and_two(call):
    code, out, err = call()
    assert (code, out) == (2, "")
    assert "Commands:" in err


def test_every_verb_has_help_with_an_example(call):
    commands = [command.name for command in mmcore.catalog.load().plugins.commands]
    for verb in (*VERBS, "new experiment", "new plugin", *commands):
        code, out, err = call(*verb.split(), "--help")
        assert (code, err) == (0, "")
        assert f"Example: mmcore {verb}" in out.replace("\n", " "), verb


def test_every_file_beside_the_frame_is_a_verb():
    folder = Path(import_module("mmcore.cli").__file__).parent
    modules = {path.stem for path in folder.glob("*.py")}
    frame = {"__init__", "main", "new_plugin", "progress", "results", "rows", "tables"}
    assert modules - frame == set(VERBS)


def test_help_lists_the_verbs_and_the_plugins_commands_without_building_one(call, commands):
    def never():
        raise AssertionError("built for a list")

    commands(paint=never)
    code, out, _ = call("--help")
    assert code == 0
    assert [verb for verb in VERBS if f"\n  {verb} " not in out] == []
    assert "paint       Summary of paint." in out


def test_a_plugins_command_takes_arguments_and_prints(call, commands):
    def act(name: str, times: int = 1):
        """Greet.

        Example: mmcore act you
        """
        typer.echo(f"hello {name} " * times)

    commands(act)
    assert call("act", "you", "--times", "2")[:2] == (0, "hello you hello you \n")
    assert "Example: mmcore act you" in call("act", "--help")[1]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ImportError("no cv2 here"), 1, "command 'paint': could not be built: ImportError: no cv2 here"),
        (
            ModuleNotFoundError("No module named 'cv2'", name="cv2"),
            2,
            "command 'paint': needs 'cv2', which is not installed",
        ),
        (SystemExit(0), 1, "command 'paint': could not be built: tried to exit the program (SystemExit: 0)"),
    ],
)
def test_a_plugins_command_that_can_not_be_built_is_named_with_its_package(call, commands, error, code, said):
    commands(paint=raising(error))
    assert call("paint") == (code, "", f"error: {said}. It comes from p 1.\n")


def test_a_plugins_command_with_a_signature_that_typer_can_not_read_is_named_with_its_package(call, commands):
    def act(how: list[dict[str, int]]):
        """No command line has such an argument."""

    commands(act)
    code, out, err = call("act", "1")
    assert (code, out) == (1, "")
    assert err.startswith("error: command 'act': could not be built: ")
    assert err.endswith("It comes from p 1.\n")


def test_a_plugins_command_is_built_once_and_only_when_it_is_named(call, commands):
    def quietly():
        pass

    built = []
    commands(act=lambda: built.append("act") or quietly, other=lambda: built.append("other") or quietly)
    assert call("act")[0] == 0
    assert built == ["act"]


def test_a_plugin_can_not_take_the_place_of_a_verb(call, commands):
    commands(plugins=raising(AssertionError("not ours")))
    code, out, _ = call("plugins")
    assert code == 0
    assert "command 'plugins' is one of mmcore's own, which stays" in out
    assert call("--help")[1].count("\n  plugins ") == 1


def test_a_plugin_that_is_left_out_takes_its_commands_with_it(site):
    site.add("mmcore_prints", PRINTS)
    for arguments, more in ((["--disable-plugin", "prints"], {}), ([], {"MMCORE_DISABLE_PLUGINS": "prints"})):
        environment = {**os.environ, **more}
        listed = subprocess.run([MMCORE, *arguments, "--help"], capture_output=True, text=True, env=environment)
        assert listed.returncode == 0
        assert "says hello" not in listed.stdout
        done = subprocess.run([MMCORE, *arguments, "hello"], capture_output=True, text=True, env=environment)
        assert (done.returncode, done.stdout) == (2, "")
        assert "there is no command 'hello'" in done.stderr
        assert "It may come from a plugin that is not loaded: mmcore_prints (switched off)." in done.stderr


def test_a_plugin_to_leave_out_that_is_not_there_is_a_mistake(call):
    code, out, err = call("--disable-plugin", "tetx", "components")
    assert (code, out) == (2, "")
    assert "there is no plugin 'tetx'. Did you mean 'text'?" in err


def test_a_plugin_is_left_out_by_option_and_by_environment():
    for arguments, more in ((["--disable-plugin", "text"], {}), ([], {"MMCORE_DISABLE_PLUGINS": "mmcore_text"})):
        done = subprocess.run(
            [MMCORE, *arguments, "components", "--json"], capture_output=True, text=True, env={**os.environ, **more}
        )
        packages = {entry["package"] for entry in json.loads(done.stdout)}
        assert "mmcore_image" in packages
        assert "mmcore_text" not in packages


def test_the_version_is_printed_also_by_python_m(call):
    assert call("--version") == (0, f"mmcore {mmcore.__version__}\n", "")
    done = subprocess.run([sys.executable, "-m", "mmcore", "--version"], capture_output=True, text=True)
    assert done.stdout == f"mmcore {mmcore.__version__}\n"


PRINTS = """
import mmcore

@mmcore.hookimpl
def mmcore_commands():
    yield mmcore.Command(name="hello", summary="says hello", build=lambda: lambda: print("hello"))
"""


def test_output_into_a_closed_pipe_ends_quietly(site):
    site.add("mmcore_prints", PRINTS)
    for arguments in (["components"], ["plugins", "--json"], ["hello"]):
        # buffered, so that what a plugin merely prints meets the closed pipe at the very end
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        pipe = subprocess.PIPE
        process = subprocess.Popen([MMCORE, *arguments], stdout=pipe, stderr=pipe, env=buffered)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() != 0


def test_where_output_is_no_terminal_there_are_no_colours_and_no_character_that_it_lacks(site):
    site.add("mmcore_bad", "raise ValueError('no')")
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([MMCORE, "plugins"], capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert b"? mmcore_bad (mmcore-bad 1.0): ValueError: no" in done.stdout
