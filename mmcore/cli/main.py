"""The edge: `mmcore`'s commands, found when they are asked for, and errors shown once."""

from __future__ import annotations

import io
import os
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

import mmcore
from mmcore.errors import MMCoreError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmcore.hookspecs import Command

VERBS = (
    "fit", "evaluate", "predict", "embed", "explain", "report", "compare", "simulate", "new", "components", "show",
    "plugins", "check", "doctor", "cache",
)  # fmt: skip
"""Each is a module beside this one, and a function (or a typer app) of its own name in it."""

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""click's; newer typer releases carry a click of their own, so that `import click` may name another class."""


class LazyGroup(TyperGroup):
    """Imports a command's module when the command is named, or all of them for the list of commands."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Our own verbs in the order of a user's way, then those of plugins."""
        return [*VERBS, *_plugin_commands()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name."""
        if cmd_name in VERBS:
            return _as_click(cmd_name, getattr(import_module(f"mmcore.cli.{cmd_name}"), cmd_name))
        command = _plugin_commands().get(cmd_name)
        return _built(command) if command else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Each command with its whole first sentence; a plugin's with its summary, so that none is built for a list."""
        ours = [(name, self.get_command(ctx, name).get_short_help_str(300)) for name in VERBS]
        theirs = [(command.name, command.summary) for command in _plugin_commands().values()]
        with formatter.section("Commands"):
            formatter.write_dl([*ours, *theirs])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As click's, with the nearest name for one that is unknown."""
        if args and not args[0].startswith("-") and args[0] not in (*VERBS, *_plugin_commands()):
            from mmcore.catalog import load

            near = did_you_mean(args[0], self.list_commands(ctx))
            ctx.fail(f"there is no command {args[0]!r}. {near} {load().not_loaded()}".rstrip())
        return super().resolve_command(ctx, args)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"mmcore {mmcore.__version__}")
        raise typer.Exit


def _leave_out(names: list[str] | None) -> list[str] | None:
    """Switch plugins off, before anything asks what is installed."""
    from mmcore.catalog import disable, load

    disable(names or [])
    for name in names or []:
        records = load().plugins.records
        if not any(record.is_called(name) for record in records):
            raise typer.BadParameter(
                f"there is no plugin {name!r}. {did_you_mean(name, {each.name for each in records})}"
            )
    return names


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def mmcore_(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
    disable_plugin: Annotated[
        list[str] | None,
        typer.Option(
            is_eager=True,
            callback=_leave_out,
            help="Leave a plugin out; may be repeated. Also: MMCORE_DISABLE_PLUGINS=a,b.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Multimodal learning as composition: which encoder, when to fuse, how, and why the model decided so.

    Example: mmcore fit experiment.yaml -o runs/first
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code: 0 done, 2 a mistake of the user's, 1 a failure of ours."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ✓ gets a question mark, not a traceback
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    try:
        code = app(args=[each for each in given if each != "--debug"], prog_name="mmcore", standalone_mode=False)
        sys.stdout.flush()  # a closed pipe shows here, not when Python ends
        if code == 130:
            _say("stopped")
        sys.exit(code if isinstance(code, int) else 0)
    except UsageError as error:
        _say(_usage(error))
        sys.exit(2)
    except MMCoreError as error:
        _fail(error, str(error), debug)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _say("stopped")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to be flushed into the pipe
        sys.exit(141)
    except OSError as error:
        about = f"{error.filename}: " if error.filename else ""
        _fail(error, f"{about}{error.strerror or error}. --debug shows where.", debug)
        sys.exit(1)
    except Exception as error:
        fault = "This is a fault of mmcore or of a plugin; --debug shows where."
        _fail(error, f"{type(error).__name__}: {error}. {fault}", debug)
        sys.exit(1)


def _fail(error: BaseException, said: str, debug: bool) -> None:
    if debug:
        traceback.print_exception(error)
    _say(said)


def _usage(error: Any) -> str:
    """A mistake in the command itself; the whole help when nothing was asked for."""
    said = error.format_message().rstrip(".")
    if "\n" in said:
        print(said, file=sys.stderr)
        return "name a command"
    command = error.ctx.command_path if error.ctx else "mmcore"
    return f"{said}{'' if said.endswith('?') else '.'} See: {command} --help"


def _say(text: str) -> None:
    for line in text.splitlines() or [""]:
        print(f"error: {line}", file=sys.stderr)


def _plugin_commands() -> dict[str, Command]:
    from mmcore.catalog import load

    return {command.name: command for command in load().plugins.commands if command.name not in VERBS}


def _built(command: Command) -> Any:
    """A plugin's command; a failure is the plugin's, and only when its command was named."""
    from mmcore.admission import told
    from mmcore.catalog import load
    from mmcore.errors import ComponentError, MissingDependency

    (owner, *_) = (record for record in load().plugins.records if command in record.commands)
    where, source = f"command {command.name!r}", f"It comes from {owner.distribution} {owner.version}."
    try:
        return _as_click(command.name, command.build())
    except MMCoreError:
        raise
    except ModuleNotFoundError as error:
        raise MissingDependency(told(error), where=where, hint=source) from error
    except (Exception, SystemExit) as error:
        raise ComponentError(f"could not be built: {told(error)}", where=where, hint=source) from error


def _as_click(name: str, found: Any) -> Any:
    """A typer app, or a function as typer reads its signature."""
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        single.command(name)(found)
        command: Any = typer.main.get_command(single)
    else:
        command = typer.main.get_command(found)
    command.name = name
    return command


if __name__ == "__main__":
    main()
