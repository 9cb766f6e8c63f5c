"""Plugins: found through entry points, each loaded by itself, so that a broken one breaks nothing but itself."""

from __future__ import annotations

import inspect
import io
import logging
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from mmcore import hookspecs
from mmcore.declarations import (
    API_VERSION,
    Component,
    Dataset,
    Encoder,
    Explainer,
    FusionMethod,
    FusionStrategy,
    ModalityKind,
)
from mmcore.errors import did_you_mean
from mmcore.hookspecs import PROJECT, Command
from mmcore.options import RESERVED, Options

GROUP = "mmcore"
"""The entry point group."""

DISABLE = "MMCORE_DISABLE_PLUGINS"
"""Environment variable: names of plugins to leave out, separated by commas."""

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


@dataclass
class PluginRecord:
    """One entry point: what it brought, or why it brought nothing.

    Args:
        name: of the entry point.
        package: the import package, by which its components are told apart from others' of the same name.
        problems: what is wrong with it; what could be used nevertheless is in `declarations`.
        notes: what a person should know, without anything being wrong.
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
    enabled: bool = True
    module: ModuleType | None = None


class Plugins:
    """All plugins of this process."""

    def __init__(self, records: list[PluginRecord]):
        self.records = records
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        for record in records:
            for event in _listeners(record):
                self._manager.register(event, name=f"{record.package}:{record.name}:{event.name}")

    @property
    def commands(self) -> list[Command]:
        """The commands that plugins bring; of two with one name the first."""
        found: dict[str, Command] = {}
        for record in self.records:
            for command in record.commands:
                found.setdefault(command.name, command)
        return list(found.values())

    def call(self, event: str, **arguments: Any) -> None:
        """Tell every plugin that listens; one that fails is reported and nothing else."""
        for implementation in getattr(self._manager.hook, event).get_hookimpls():
            wanted = {name: arguments[name] for name in implementation.argnames}
            try:
                implementation.function(**wanted)
            except Exception as error:
                logging.getLogger("mmcore").warning(
                    "plugin %s failed on %s: %s: %s", implementation.plugin_name, event, type(error).__name__, error
                )


def discover(disabled: Iterable[str] = ()) -> Plugins:
    """Load every plugin but the disabled ones, each by itself.

    Args:
        disabled: names of entry points, packages or distributions, beside those in MMCORE_DISABLE_PLUGINS.
    """
    off = {_normal(name) for name in (*disabled, *os.environ.get(DISABLE, "").split(",")) if name.strip()}
    records: list[PluginRecord] = []
    seen: set[tuple[str, str]] = set()
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        if (point.name, point.value) in seen:
            continue  # the same distribution, found twice on the path
        seen.add((point.name, point.value))
        record = _record_of(point)
        records.append(record)
        if off & {_normal(record.name), _normal(record.package), _normal(record.distribution)}:
            record.enabled = False
        else:
            _load(point, record)
    _note_clashes(records)
    return Plugins(records)


def _record_of(point: EntryPoint) -> PluginRecord:
    distribution = point.dist
    return PluginRecord(
        name=point.name,
        package=point.value.partition(":")[0].strip().split(".")[0],
        distribution=distribution.name if distribution else "",
        version=distribution.version if distribution else "",
    )


def _load(point: EntryPoint, record: PluginRecord) -> None:
    """Import one plugin and ask it what it brings; whatever goes wrong is noted, never raised."""
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            record.module = point.load()
            _collect(record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        record.problems.append(_told(error))
    if said.getvalue().strip():
        record.problems.append(f"prints while loading: {said.getvalue().strip().splitlines()[0][:80]!r}")
    if not (record.problems or record.declarations or record.commands or any(_listeners(record))):
        record.notes.append("contributes nothing")


def _told(error: BaseException) -> str:
    """Why a plugin could not be loaded, in one line."""
    if isinstance(error, ModuleNotFoundError):
        return f"needs {error.name!r}, which is not installed"
    if isinstance(error, SyntaxError):
        return f"SyntaxError in {os.path.basename(error.filename or '?')}, line {error.lineno}: {error.msg}"
    if isinstance(error, SystemExit):
        return f"tried to exit the program while loading (SystemExit: {error.code})"
    return f"{type(error).__name__}: {error}".splitlines()[0]


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


def _hook_functions(record: PluginRecord) -> Iterator[tuple[str, Any]]:
    """The functions of a plugin that are hooks, in the order of their names; what is no right hook is noted."""
    for name, function in sorted(vars(record.module).items() if record.module else ()):
        marked = getattr(function, f"{PROJECT}_impl", None) is not None
        if not callable(function) or not (marked or name in HOOKS):
            continue
        if not marked:
            record.problems.append(f"{name} is not marked with @mmcore.hookimpl")
        elif name not in HOOKS:
            record.problems.append(f"there is no hook {name!r}. {did_you_mean(name, HOOKS)}")
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
        record.problems.append(f"{name} failed: {_told(error)}")


def _admit(record: PluginRecord, hook: str, item: Any) -> None:
    """Take a declaration that keeps the contract; say why of one that does not."""
    expected = CONTRIBUTIONS[hook]
    if not isinstance(item, expected):
        record.problems.append(f"{hook} gave {type(item).__name__}, not mmcore.{expected.__name__}")
        return
    if isinstance(item, Command):
        record.commands.append(item)
        return
    assert isinstance(item, Component)
    problem = declaration_problem(item)
    if problem is None and any(_identity(item) == _identity(other) for other in record.declarations):
        problem = "is declared twice; the first one is used"
    if problem:
        record.problems.append(f"{item.type} {item.name!r}: {problem}")
    else:
        record.declarations.append(item)


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
    return None


def _identity(declaration: Component) -> tuple[str, str, str]:
    return declaration.type, declaration.name, getattr(declaration, "kind", "")


def _note_clashes(records: list[PluginRecord]) -> None:
    owners: dict[tuple[str, str, str], list[PluginRecord]] = {}
    for record in records:
        for declaration in record.declarations:
            owners.setdefault(_identity(declaration), []).append(record)
    for (type_, name, _), sharing in owners.items():
        packages = [record.package for record in sharing]
        if len(packages) > 1:
            for record in sharing:
                others = ", ".join(package for package in packages if package != record.package)
                record.notes.append(
                    f"{type_} {name!r} is also in {others or 'another entry point'}: write {record.package}/{name}"
                )


@dataclass(frozen=True, eq=False)
class _Listener:
    """One event function of a plugin, as pluggy registers it."""

    name: str


def _listeners(record: PluginRecord) -> Iterator[Any]:
    if not record.module or not record.enabled:
        return
    for name, function in vars(record.module).items():
        marked = getattr(function, f"{PROJECT}_impl", None) is not None
        if name in HOOKS and name not in CONTRIBUTIONS and marked and _wrong_signature(name, function) is None:
            listener = _Listener(name)
            object.__setattr__(listener, name, function)
            yield listener


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name.strip()).lower()
