"""Admission of one plugin: import it, ask what it brings, and take what keeps the contract; the rest is noted.

One bad declaration, or one bad plugin, must not spoil what the others bring.
"""

from __future__ import annotations

import inspect
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, get_args

from mmcore import hookspecs
from mmcore.declarations import (
    API_VERSION,
    Component,
    Dataset,
    Encoder,
    Explainer,
    FusionMethod,
    FusionStrategy,
    Level,
    ModalityKind,
    Weights,
)
from mmcore.errors import did_you_mean
from mmcore.hookspecs import PROJECT, Command
from mmcore.options import RESERVED, Options

CONTRIBUTIONS: dict[str, type] = {
    "mmcore_modality_kinds": ModalityKind,
    "mmcore_encoders": Encoder,
    "mmcore_fusion_strategies": FusionStrategy,
    "mmcore_fusion_methods": FusionMethod,
    "mmcore_datasets": Dataset,
    "mmcore_explainers": Explainer,
    "mmcore_commands": Command,
}
"""Hook → what it yields. The other hooks are events."""

HOOKS = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("mmcore_")}


_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TEXTS = ("summary", "reference", "licence", "extra", "kind")


@dataclass
class PluginRecord:
    """One entry point: what it brought, or why it brought nothing.

    Args:
        name: of the entry point.
        package: the import package, by which its components are told apart from others' of the same name.
        problems: what is wrong with it; what could be used nevertheless is in `declarations`.
        notes: what a person should know, without anything being wrong.
        listeners: event → the function that wants to hear of it.
        enabled: false when it was switched off.
    """

    name: str
    package: str
    distribution: str
    version: str
    declarations: list[Component] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    listeners: dict[str, Callable[..., None]] = field(default_factory=dict)
    enabled: bool = True
    module: ModuleType | None = None

    def is_called(self, name: str) -> bool:
        """Whether `name` is that of its entry point, package or distribution; - _ and . are alike, as for pip."""
        return normal(name) in {normal(self.name), normal(self.package), normal(self.distribution)}


def normal(name: str) -> str:
    """A name as pip compares it.

    >>> normal("MMCore-Pulse") == normal("mmcore_pulse ")
    True
    """
    return re.sub(r"[-_.]+", "_", name.strip()).lower()


def admit(record: PluginRecord, point: EntryPoint) -> None:
    """Import one plugin and ask it what it brings; whatever goes wrong is noted, never raised."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings(record=True) as warned:
        try:
            module = point.load()
            if isinstance(module, ModuleType):
                record.module = module
                _collect(record)
            else:
                record.problems.append(f"its entry point {point.value!r} leads to {module!r:.60}, not to a module")
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            record.problems.append(_nowhere(point, error) or told(error))
    if said.getvalue().strip():
        record.problems.append(f"prints while loading: {said.getvalue().strip().splitlines()[0][:80]!r}")
    record.notes += dict.fromkeys(f"warns while loading: {_first_line(warning.message)}" for warning in warned)
    if not (record.problems or record.declarations or record.commands or record.listeners):
        record.notes.append("contributes nothing")


def _nowhere(point: EntryPoint, error: BaseException) -> str | None:
    """That the entry point leads to nothing, where this is the reason."""
    module, _, attribute = point.value.partition(":")
    named = module.strip()
    if isinstance(error, ModuleNotFoundError) and error.name and f"{named}.".startswith(f"{error.name}."):
        return f"its entry point {point.value!r} leads to nothing: there is no module {error.name!r}"
    if isinstance(error, AttributeError) and attribute and named in sys.modules:
        return f"its entry point {point.value!r} leads to nothing: {_first_line(error)}"
    return None


def told(error: BaseException) -> str:
    """An exception in one line."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"needs {error.name!r}, which is not installed"
    if isinstance(error, SyntaxError):
        return f"SyntaxError in {os.path.basename(error.filename or '?')}, line {error.lineno}: {error.msg}"
    if isinstance(error, SystemExit):
        return f"tried to exit the program (SystemExit: {error.code})"
    return f"{type(error).__name__}: {_first_line(error)}".removesuffix(": ")


def _first_line(error: object) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # an error of a stranger's class may fail at this, too
        return "no message"
    return lines[0] if lines else ""


def _collect(record: PluginRecord) -> None:
    """Ask every hook of a plugin for what it contributes."""
    wanted = getattr(record.module, "mmcore_api", API_VERSION)
    if wanted != API_VERSION:
        record.problems.append(f"was written for version {wanted} of the plugin API; this is version {API_VERSION}")
        return
    for name, function in _hook_functions(record):
        if name in CONTRIBUTIONS:
            for item in _contributions(record, name, function):
                _admit(record, name, item)
        else:
            record.listeners[name] = function


def _hook_functions(record: PluginRecord) -> Iterator[tuple[str, Any]]:
    """The functions of a plugin that are hooks, in the order of their names; what is no right hook is noted."""
    for defined, function in sorted(vars(record.module).items()):
        mark = getattr(function, f"{PROJECT}_impl", None) if inspect.isroutine(function) else None
        if not isinstance(mark, dict):
            if defined in HOOKS and function is not HOOKS[defined]:
                what = "is not marked with @mmcore.hookimpl" if callable(function) else "is not a function"
                record.problems.append(f"{defined} {what}")
            continue
        name = mark["specname"] or defined
        if name not in HOOKS:
            if not mark["optionalhook"]:
                record.problems.append(f"there is no hook {name!r}. {did_you_mean(name, HOOKS)}")
        elif mark["wrapper"] or mark["hookwrapper"]:
            record.problems.append(f"{defined} wraps what other plugins do, which no hook of mmcore's allows")
        elif problem := _wrong_signature(name, function):
            record.problems.append(problem)
        else:
            yield name, function


def _wrong_signature(name: str, function: Any) -> str | None:
    allowed = list(inspect.signature(HOOKS[name]).parameters)
    asked = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    extra = [parameter for parameter in asked if parameter not in allowed]
    if not extra:
        return None
    takes = ", ".join(allowed) or "nothing"
    return f"{name}({', '.join(asked)}) has a wrong signature: the hook gives {takes}"


def _contributions(record: PluginRecord, name: str, function: Any) -> Iterator[Any]:
    """What a hook returns or yields, one by one; a failure ends it and is noted."""
    try:
        given = function()
        if given is None:
            record.problems.append(f"{name} returned None; yield or return a list of {CONTRIBUTIONS[name].__name__}")
            return
        yield from [given] if isinstance(given, Component | Command) else given
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        record.problems.append(f"{name} failed: {told(error)}")


def _admit(record: PluginRecord, hook: str, item: Any) -> None:
    """Take a declaration that keeps the contract; say why of one that does not."""
    expected = CONTRIBUTIONS[hook]
    if not isinstance(item, expected):
        record.problems.append(f"{hook} gave {type(item).__name__}, not mmcore.{expected.__name__}")
    elif isinstance(item, Command):
        problem = command_problem(item) or _twice(item.name, [other.name for other in record.commands])
        if problem:
            record.problems.append(f"command {item.name!r}: {problem}")
        else:
            record.commands.append(item)
    elif isinstance(item, Component):
        problem = declaration_problem(item) or _twice(identity(item), [identity(each) for each in record.declarations])
        if problem:
            record.problems.append(f"{item.type} {item.name!r}: {problem}")
        else:
            record.declarations.append(item)


def _twice(identity: object, others: list[Any]) -> str | None:
    return "is declared twice; the first one is used" if identity in others else None


def identity(declaration: Component) -> tuple[str, str, str]:
    """What is unique in a catalogue: type, name, and the kind that an encoder reads."""
    return declaration.type, declaration.name, getattr(declaration, "kind", "")


def declaration_problem(declaration: Component) -> str | None:
    """What is wrong with a declaration by itself; None when nothing is."""
    if not isinstance(declaration.name, str) or not _NAME.fullmatch(declaration.name):
        return "its name must be lower-case letters, digits and underscores, beginning with a letter"
    if not (isinstance(declaration.options, type) and issubclass(declaration.options, Options)):
        return f"its options are {declaration.options!r}, not a class derived from mmcore.Options"
    reserved = sorted(RESERVED & set(declaration.options.model_fields))
    if reserved:
        return f"its option {reserved[0]!r} is a key of the framework; choose another name"
    if not callable(declaration.build):
        return "its `build` can't be called"
    if isinstance(declaration, Encoder) and not declaration.kind:
        return "it names no modality kind"
    return _wrong_type(declaration)


def command_problem(command: Command) -> str | None:
    """What is wrong with a command by itself; None when nothing is."""
    if not isinstance(command.name, str) or not re.fullmatch(r"[a-z][a-z0-9-]*", command.name):
        return "its name must be lower-case letters, digits and hyphens, beginning with a letter"
    if not isinstance(command.summary, str) or not callable(command.build):
        return "its summary must be a text, and its `build` a function"
    return None


def _wrong_type(declaration: Component) -> str | None:
    """The first field of another type than it promises: a dataclass does not look, and whoever lists it would fail."""
    texts = [name for name in _TEXTS if hasattr(declaration, name)]
    for name in texts:
        if not isinstance(getattr(declaration, name), str):
            return f"its {name} is {getattr(declaration, name)!r:.60}, not a text"
    for name in ("requires", "levels"):
        value = getattr(declaration, name, ())
        if not isinstance(value, tuple | list) or not all(isinstance(each, str) for each in value):
            return f"its {name} is {value!r:.60}, not a tuple of texts"
    for level in (*getattr(declaration, "levels", ()), *([declaration.level] if hasattr(declaration, "level") else ())):
        if level not in get_args(Level):
            return f"it combines at {level!r}. {did_you_mean(str(level), get_args(Level))}"
    if not isinstance(declaration.tiny, Mapping):
        return f"its tiny options are {declaration.tiny!r:.60}, not a mapping"
    if isinstance(declaration, Encoder) and not isinstance(declaration.weights, Weights | None):
        return f"its weights are {declaration.weights!r:.60}, not mmcore.Weights"
    return None
