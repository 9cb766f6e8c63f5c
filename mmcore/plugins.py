"""Plugins: found through entry points, each loaded by itself, so that a broken one breaks nothing but itself."""

from __future__ import annotations

import copy
import logging
import os
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, EntryPoint, distributions
from types import ModuleType
from typing import Any

import pluggy

from mmcore import hookspecs
from mmcore.admission import PluginRecord, admit, identity, normal, told
from mmcore.hookspecs import PROJECT, Command

GROUP = "mmcore"
"""The entry point group."""

DISABLE = "MMCORE_DISABLE_PLUGINS"
"""Environment variable: names of plugins to leave out, separated by commas."""


class Plugins:
    """All plugins of this process."""

    def __init__(self, records: list[PluginRecord]):
        self.records = records
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        for number, record in enumerate(records):
            listening = ModuleType(record.package)
            vars(listening).update(record.listeners)
            self._manager.register(listening, name=f"{record.package}#{number}")

    @property
    def commands(self) -> list[Command]:
        """The commands that plugins bring; of two with one name the first."""
        found: dict[str, Command] = {}
        for record in self.records:
            for command in record.commands:
                found.setdefault(command.name, command)
        return list(found.values())

    def call(self, event: str, **arguments: Any) -> None:
        """Tell every plugin that listens; one that fails is reported and nothing else.

        Each gets a copy of its own, so that no listener can change what is written into the run.
        """
        for implementation in getattr(self._manager.hook, event).get_hookimpls():
            wanted = {name: copy.deepcopy(arguments[name]) for name in implementation.argnames}
            try:
                implementation.function(**wanted)
            except (Exception, SystemExit) as error:
                logging.getLogger("mmcore").warning(
                    "plugin %s failed on %s: %s",
                    implementation.plugin_name.partition("#")[0],
                    event,
                    told(error),
                )


def discover(disabled: Iterable[str] = ()) -> Plugins:
    """Load every plugin but the disabled ones, each by itself.

    Args:
        disabled: names of entry points, packages or distributions, beside those in MMCORE_DISABLE_PLUGINS.
    """
    off = [name for name in (*disabled, *os.environ.get(DISABLE, "").split(",")) if name.strip()]
    records: list[PluginRecord] = []
    for record, point in sorted(_installed(), key=lambda found: (found[0].name, found[0].package)):
        records.append(record)
        if any(record.is_called(name) for name in off):
            record.enabled = False
        elif point is not None:
            admit(record, point)
    _note_clashes(records)
    return Plugins(records)


def _installed() -> Iterator[tuple[PluginRecord, EntryPoint | None]]:
    """Every plugin's entry point; None in place of those of a distribution whose own records can't be read.

    `importlib.metadata.entry_points` reads all distributions in one go, and one damaged file fails it for all.
    """
    seen: set[str] = set()
    for distribution in distributions():
        if not _has_plugins(distribution):
            continue
        name, version = _identity_of(distribution)
        if normal(name) in seen:
            continue  # a second one of this name, later on the path: what is imported is the first
        seen.add(normal(name))
        try:
            points = list(distribution.entry_points.select(group=GROUP))
        except Exception as error:
            problem = f"its entry_points.txt can't be read: {told(error)}"
            yield PluginRecord(name, normal(name), name, version, problems=[problem]), None
            continue
        for point in points:
            package = point.value.partition(":")[0].strip().split(".")[0]
            yield PluginRecord(point.name, package, name, version), point


def _has_plugins(distribution: Distribution) -> bool:
    try:
        text = distribution.read_text("entry_points.txt") or ""
    except Exception:  # not even text: no plugin of ours, as far as anyone can tell
        return False
    return re.search(rf"^\s*\[{GROUP}\]", text, re.MULTILINE) is not None


def _identity_of(distribution: Distribution) -> tuple[str, str]:
    """Name and version; of a damaged distribution what its folder's name says."""
    try:
        name, version = distribution.name, distribution.version
    except Exception:  # importlib.metadata raises different things for different damages
        name, version = "", ""
    folder = getattr(distribution, "_path", None)
    return name or (folder.name.partition(".")[0] if folder else "?"), version or ""


def _note_clashes(records: list[PluginRecord]) -> None:
    """Say which names several packages bring; of one package's entry points the first keeps a name for itself."""
    owners: dict[tuple[str, str, str], dict[str, PluginRecord]] = {}
    for record in records:
        for declaration in list(record.declarations):
            sharing = owners.setdefault(identity(declaration), {})
            if record.package in sharing:
                point = sharing[record.package].name
                record.declarations = [each for each in record.declarations if each is not declaration]
                record.problems.append(f"{declaration.type} {declaration.name!r} came by entry point {point!r} already")
            sharing.setdefault(record.package, record)
    for (type_, name, _), sharing in owners.items():
        for package, record in sharing.items():
            if others := ", ".join(other for other in sharing if other != package):
                record.notes.append(f"{type_} {name!r} is also in {others}: write {package}/{name}")
    commands: dict[str, PluginRecord] = {}
    for record in records:
        for command in record.commands:
            first = commands.setdefault(command.name, record)
            if first is not record:
                record.problems.append(f"command {command.name!r} is that of {first.package} already")
