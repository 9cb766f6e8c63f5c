"""The catalogue: every component of every installed plugin, looked up by name, checked and built."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from mmcore.declarations import Component, Encoder, ModalityKind, Resources
from mmcore.errors import ComponentError, MissingDependency, MMCoreError, OptionError, did_you_mean
from mmcore.mistakes import option_problems
from mmcore.options import RESERVED, ComponentConfig, ComponentType, Options, component_references
from mmcore.plugins import PluginRecord, Plugins, discover

if TYPE_CHECKING:
    from mmcore.data.kind import Kind

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Entry:
    """A component in the catalogue, and whose it is."""

    declaration: Component
    package: str
    distribution: str
    version: str

    @property
    def type(self) -> ComponentType:
        """Encoder, fusion method …"""
        return self.declaration.type

    @property
    def name(self) -> str:
        """As users write it."""
        return self.declaration.name

    @property
    def kind(self) -> str | None:
        """The modality kind that an encoder reads; None of others."""
        return self.declaration.kind if isinstance(self.declaration, Encoder) else None

    @property
    def qualified(self) -> str:
        """The name that stays unique when two packages clash."""
        return f"{self.package}/{self.name}"


@dataclass(frozen=True)
class Resolved:
    """A component that was chosen, with its checked options."""

    declaration: Any
    options: Any


class Catalog:
    """Components by type and name.

    >>> Catalog(Plugins([])).entries()
    []
    """

    def __init__(self, plugins: Plugins):
        self.plugins = plugins
        self._entries = [
            Entry(declaration, record.package, record.distribution, record.version)
            for record in plugins.records
            for declaration in record.declarations
        ]
        self._kinds: dict[str, Kind] = {}

    def entries(self, type: str | None = None, *, kind: str | None = None, pattern: str = "*") -> list[Entry]:  # noqa: A002
        """Entries by type, modality kind of encoders, and a pattern for the name (`mmcore_text/*`, `*lip*`)."""
        found = [
            entry
            for entry in self._entries
            if (type is None or entry.type == type)
            and (kind is None or entry.kind == kind)
            and (fnmatchcase(entry.name, pattern) or fnmatchcase(entry.qualified, pattern))
        ]
        return sorted(found, key=lambda entry: (entry.type, entry.kind or "", entry.name, entry.package))

    def get(self, type: ComponentType, name: str, *, kind: str | None = None, path: KeyPath = ()) -> Any:  # noqa: A002
        """The declaration of a component.

        Args:
            name: as users write it, or `package/name`.
            kind: of an encoder, the kind that it must read.
            path: where the name stands in an experiment, for the error.

        Raises:
            OptionError: there is none of this name, or several; an encoder reads another kind.
        """
        named = [entry for entry in self._entries if entry.type == type and name in (entry.name, entry.qualified)]
        fitting = [entry for entry in named if kind is None or entry.kind == kind]
        if not fitting:
            raise self._none(type, name, kind, named, path)
        if len(fitting) > 1:
            kinds = sorted({entry.kind or "" for entry in fitting})
            if len(kinds) > 1:
                raise OptionError(
                    f"{type} {name!r} is there for {' and '.join(kinds)}", path=path, hint="Say which kind."
                )
            choices = " or ".join(sorted({entry.qualified for entry in fitting}))
            raise OptionError(f"{type} {name!r} is brought by several packages", path=path, hint=f"Write {choices}.")
        return fitting[0].declaration

    def resolve(
        self,
        type: ComponentType,  # noqa: A002
        config: ComponentConfig | str | Mapping[str, Any],
        *,
        kind: str | None = None,
        path: KeyPath = (),
    ) -> Resolved:
        """Look a component up and check its options.

        Raises:
            OptionError: the first problem.
        """
        chosen = as_config(config, path)
        declaration = self.get(type, chosen.name, kind=kind, path=path)
        options, problems = self._options(declaration, chosen, path)
        if problems:
            raise problems[0]
        return Resolved(declaration, options)

    def problems(
        self,
        type: ComponentType,  # noqa: A002
        config: ComponentConfig | str | Mapping[str, Any],
        *,
        kind: str | None = None,
        path: KeyPath = (),
    ) -> list[OptionError]:
        """All that is wrong with a choice of component and its options; empty when nothing is."""
        try:
            chosen = as_config(config, path)
            declaration = self.get(type, chosen.name, kind=kind, path=path)
        except OptionError as error:
            return [error]
        return self._options(declaration, chosen, path)[1]

    def build(
        self,
        declaration: Component,
        options: Options,
        *arguments: Any,
        resources: Resources | None = None,
        **further: Any,
    ) -> Any:
        """Make the component.

        Args:
            arguments: what `build` of its type gets after the options.
            resources: handed to a `build` that has such a parameter.
            further: the same, by the parameter's name.

        Raises:
            MissingDependency: what it requires is not installed.
            ComponentError: it failed in another way than by an error of mmcore's family.
        """
        where = f"{declaration.type} {declaration.name!r}"
        check_requirements(declaration)
        try:
            parameters = inspect.signature(declaration.build).parameters
            if isinstance(declaration, ModalityKind) and not parameters:
                return declaration.build()  # a kind's class is its own `build`
            offered = {"resources": resources or Resources(), **further}
            starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
            named = {name for name, parameter in parameters.items() if parameter.kind not in starred}
            more = {name: value for name, value in offered.items() if name in named}
            return declaration.build(options, *arguments, **more)
        except MMCoreError:
            raise
        except (Exception, SystemExit) as error:
            owner = self._owner(declaration)
            absent = error.name if isinstance(error, ModuleNotFoundError) else None
            if absent and absent.partition(".")[0] not in sys.modules:  # else its parent is there, and is at fault
                raise MissingDependency(
                    f"needs {absent!r}, which is not installed", where=where, hint=_install(declaration, absent)
                ) from error
            raise ComponentError(
                f"could not be built: {type(error).__name__}: {error}",
                where=where,
                hint=f"It comes from {owner}." if owner else None,
            ) from error

    def not_loaded(self, package: str | None = None) -> str:
        """Which plugins (or whether `package`) could bring what is not there, and why they don't; or an empty text."""
        reasons = [_why_absent(record) for record in self.plugins.records if package in (None, record.package)]
        missing = "; ".join(filter(None, reasons))
        return f"It may come from a plugin that is not loaded: {missing}." if missing else ""

    def kind(self, name: str) -> Kind:
        """A modality kind, built once."""
        if name not in self._kinds:
            declaration = self.get("modality-kind", name)
            self._kinds[name] = self.build(declaration, declaration.options())
        return self._kinds[name]

    def _options(
        self, declaration: Component, chosen: ComponentConfig, path: KeyPath
    ) -> tuple[Options | None, list[OptionError]]:
        try:
            written = json.dumps(chosen.options, default=_plain)
        except (TypeError, ValueError) as error:
            return None, [OptionError(f"its options can't be written down: {error}", path=path)]
        problems = option_problems(declaration.options, json.loads(written), path=path)
        if problems:
            return None, problems
        try:
            options = declaration.options.model_validate_json(written, strict=True)
        except ValidationError as error:  # pragma: no cover - option_problems has seen it already
            return None, [OptionError(str(error), path=path)]
        for way, reference, chosen_within in component_references(options):
            if reference.slot and reference.kind is None:
                continue  # of which kind is known only with the data set: the strategy's own check says more
            nested = _without_framework_keys(chosen_within) if reference.slot else chosen_within
            problems += self.problems(reference.type, nested, kind=reference.kind, path=(*path, *way))
        return options, problems

    def _none(
        self, type_: ComponentType, name: str, kind: str | None, named: Sequence[Entry], path: KeyPath
    ) -> OptionError:
        offered = self.entries(type_, kind=kind)
        names = sorted({entry.name for entry in offered})
        if named:
            reads = " and ".join(sorted({entry.kind or "" for entry in named}))
            return OptionError(
                f"{type_} {name!r} reads {reads}, not {kind}",
                path=path,
                hint=f"Encoders for {kind}: {', '.join(names) or 'none is installed'}.",
            )
        hint = did_you_mean(name, [*names, *(entry.qualified for entry in offered if "/" in name)])
        what = f"there is no {type_} {name!r}" + (f" for {kind}" if kind else "")
        package = name.partition("/")[0] if "/" in name else None
        return OptionError(what, path=path, hint=f"{hint} {self.not_loaded(package)}".rstrip())

    def _owner(self, declaration: Component) -> str:
        for entry in self._entries:
            if entry.declaration is declaration:
                return f"{entry.distribution} {entry.version}"
        return ""


_loaded: dict[tuple[str, ...], Catalog] = {}
_disabled: tuple[str, ...] = ()


def load(*, refresh: bool = False) -> Catalog:
    """The catalogue of this process; plugins are loaded once, and again with `refresh`."""
    if refresh:
        importlib.invalidate_caches()  # a package installed a moment ago is seen
    if refresh or _disabled not in _loaded:
        _loaded[_disabled] = Catalog(discover(_disabled))
    return _loaded[_disabled]


def disable(names: Sequence[str]) -> None:
    """Leave plugins out of every catalogue that this process loads from now on."""
    global _disabled
    _disabled = tuple(sorted(names))


def as_config(config: ComponentConfig | str | Mapping[str, Any], path: KeyPath = ()) -> ComponentConfig:
    """A component's choice in any of its forms.

    Raises:
        OptionError: it has no name.
    """
    if isinstance(config, ComponentConfig):
        return config
    try:
        return ComponentConfig.model_validate(config)
    except ValidationError as error:
        raise OptionError(
            f"{config!r} names no component", path=path, hint="Write a name, or name: … with options."
        ) from error


def check_encoder(config: ComponentConfig | str | Mapping[str, Any], kind: str, path: KeyPath = ()) -> None:
    """Refuse an encoder, as a slot asks for it, that does not read a kind or whose options are wrong. Builds nothing.

    Raises:
        OptionError: the first problem.
    """
    for problem in load().problems("encoder", _without_framework_keys(as_config(config, path)), kind=kind, path=path):
        raise problem


def _without_framework_keys(config: ComponentConfig) -> ComponentConfig:
    own = {key: value for key, value in config.options.items() if key not in RESERVED}
    return ComponentConfig(name=config.name, options=own)


def check_requirements(declaration: Component) -> None:
    """Refuse a component whose required packages are not installed.

    Raises:
        MissingDependency: with what to install.
    """
    missing = [name for name in declaration.requires if not is_installed(name)]
    if missing:
        raise MissingDependency(
            f"needs {', '.join(map(repr, missing))}, which {'is' if len(missing) == 1 else 'are'} not installed",
            where=f"{declaration.type} {declaration.name!r}",
            hint=_install(declaration, missing[0]),
        )


def is_installed(module: str) -> bool:
    """Whether a module can be found, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _install(declaration: Component, module: str | None) -> str:
    return f"""pip install {f'"{declaration.extra}"' if declaration.extra else module}"""


def _plain(value: Any) -> Any:
    """Paths and numbers of NumPy, as Python callers give them, as an experiment file would hold them."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError(f"{value!r:.60} is {type(value).__name__}")


def _why_absent(record: PluginRecord) -> str:
    if not record.enabled:
        return f"{record.package} (switched off)"
    return f"{record.package} ({record.problems[0]})" if record.problems else ""
