"""Choosing and running checks: for a module, a declaration or a name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from mmcore.declarations import (
    Component,
    Dataset,
    Encoder,
    Explainer,
    FusionMethod,
    FusionStrategy,
    ModalityKind,
)
from mmcore.errors import UserError, did_you_mean
from mmcore.testing.bench import Bench, Surroundings
from mmcore.testing.check import REGISTERED, Check, CheckResult, perform

Target = Component | ModuleType | str | Iterable[Any]
"""A declaration, a plugin's module, the name of an installed component, or several of these."""


def declarations_of(target: Target) -> list[Component]:
    """The declarations that a target means.

    Raises:
        UserError: no installed component has that name, or a module declares nothing.
    """
    if isinstance(target, Component):
        return [target]
    if isinstance(target, ModuleType):
        return _declared_by(target)
    if isinstance(target, str):
        return _installed(target)
    return [declaration for each in target for declaration in declarations_of(each)]  # type: ignore[union-attr]


def checks_for(declaration: Component) -> list[Check]:
    """The checks that apply to a declaration, by its type and by the facts it declares, in order."""
    _load_checks()
    chosen = [check for check in REGISTERED if check.applies_to(declaration)]
    return sorted(chosen, key=lambda check: check.name != "builds" and check.types != (Component,))


def run_checks(
    target: Target,
    *,
    options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
    on_result: Callable[[CheckResult], None] | None = None,
) -> list[CheckResult]:
    """Run all checks that apply, each guarded, and say what came of them.

    Args:
        target: a declaration, a plugin's module, the name of an installed component, or several of these.
        options: options to try with, instead of the declaration's `tiny` ones.
        expected_failures: name of a check (or "component name/check") → why it fails. One that passes is a failure.
        only: names of the checks to run; all that apply when None.
        on_result: told each result as it comes.

    Raises:
        UserError: nothing of that name is installed, or a check is named that does not exist.
    """
    declarations = declarations_of(target)
    expected = dict(expected_failures or {})
    _refuse_unknown([*expected, *(only or ())], declarations)
    results = []
    with tempfile.TemporaryDirectory(prefix="mmcore-check-") as folder:
        surroundings = Surroundings(declarations)
        for number, declaration in enumerate(declarations):
            bench = bench_for(declaration, Path(folder) / str(number), surroundings, options)
            for check in checks_for(declaration):
                if only is not None and check.name not in only:
                    continue
                result = perform(check, bench, _expectation(expected, declaration, check))
                results.append(result)
                if on_result is not None:
                    on_result(result)
    return results


def conformance(
    target: Target,
    *,
    options: Mapping[str, Any] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a pytest test of every check that applies: the test gets `check`, and calls it.

        @mmcore.testing.conformance(my_plugin, expected_failures={"keeps_rows_apart": "it is a batch norm"})
        def test_keeps_its_contract(check):
            check()

    A check that can't say anything is skipped with its reason; one that is expected to fail is an xfail with its
    reason, and fails when it passes after all.
    """
    import pytest

    declarations = declarations_of(target)
    expected = dict(expected_failures or {})
    _refuse_unknown(expected, declarations)
    surroundings = Surroundings(declarations)
    parameters = []
    for declaration in declarations:
        bench = cache(_bench_maker(declaration, surroundings, options))
        for check in checks_for(declaration):
            reason = _expectation(expected, declaration, check)
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason is not None else []
            name = f"{declaration.type}-{declaration.name}-{check.name}"
            parameters.append(pytest.param(_test_of(check, bench), id=name, marks=marks))
    return pytest.mark.parametrize("check", parameters)


def bench_for(
    declaration: Component, folder: Path, surroundings: Surroundings, options: Mapping[str, Any] | None = None
) -> Bench:
    """The bench on which a declaration of this type is tried."""
    from mmcore.testing.datasets import DatasetBench
    from mmcore.testing.encoders import EncoderBench
    from mmcore.testing.explainers import ExplainerBench
    from mmcore.testing.kinds import KindBench
    from mmcore.testing.methods import MethodBench
    from mmcore.testing.strategies import StrategyBench

    benches: dict[type[Component], type[Bench]] = {
        ModalityKind: KindBench, Encoder: EncoderBench, FusionMethod: MethodBench,
        FusionStrategy: StrategyBench, Dataset: DatasetBench, Explainer: ExplainerBench,
    }  # fmt: skip
    for type_, bench in benches.items():
        if isinstance(declaration, type_):
            folder.mkdir(parents=True, exist_ok=True)
            return bench(declaration, folder, surroundings, options)
    raise TypeError(f"{type(declaration).__name__} is not a type of declaration that mmcore knows")


def _bench_maker(
    declaration: Component, surroundings: Surroundings, options: Mapping[str, Any] | None
) -> Callable[[], Bench]:
    def make() -> Bench:
        holder = tempfile.TemporaryDirectory(prefix="mmcore-check-")
        bench = bench_for(declaration, Path(holder.name), surroundings, options)
        bench.holder = holder  # type: ignore[attr-defined]  # the folder lives as long as the bench
        return bench

    return make


def _test_of(check: Check, bench: Callable[[], Bench]) -> Callable[[], None]:
    def run() -> None:
        import pytest

        result = perform(check, bench())
        if result.outcome == "skipped":
            pytest.skip(result.message)
        if result.outcome == "failed":
            pytest.fail(f"{result.component}: {result.message}", pytrace=False)

    return run


def _declared_by(module: ModuleType) -> list[Component]:
    import pluggy

    from mmcore import hookspecs

    manager = pluggy.PluginManager("mmcore")
    manager.add_hookspecs(hookspecs)
    manager.register(module)
    manager.check_pending()
    found: list[Component] = []
    for name in HOOKS:
        for declared in getattr(manager.hook, name)():
            found.extend(declared or ())
    if not found:
        raise UserError(
            f"the module {module.__name__!r} declares nothing", hint="Are its hooks marked @mmcore.hookimpl?"
        )
    return found


HOOKS = (
    "mmcore_modality_kinds",
    "mmcore_encoders",
    "mmcore_fusion_strategies",
    "mmcore_fusion_methods",
    "mmcore_datasets",
    "mmcore_explainers",
)


def _installed(name: str) -> list[Component]:
    from mmcore.catalog import load

    entries = load().entries()
    names = {
        text
        for entry in entries
        for text in (entry.declaration.name, entry.qualified, entry.package, entry.distribution)
        if text
    }
    found = [
        entry.declaration
        for entry in entries
        if name in (entry.declaration.name, entry.qualified, entry.package, entry.distribution)
    ]
    if not found:
        raise UserError(f"no component and no plugin is called {name!r}", hint=did_you_mean(name, names))
    return found


def _expectation(expected: Mapping[str, str], declaration: Component, check: Check) -> str | None:
    return expected.get(f"{declaration.name}/{check.name}", expected.get(check.name))


def _refuse_unknown(names: Iterable[str], declarations: Sequence[Component]) -> None:
    known = {check.name for declaration in declarations for check in checks_for(declaration)}
    for name in names:
        if name.rpartition("/")[2] not in known:
            raise UserError(f"there is no check {name!r} of these components", hint=did_you_mean(name, known))


def _load_checks() -> None:
    for name in (
        "declared",
        "modules",
        "encoders",
        "methods",
        "strategies",
        "kinds",
        "players",
        "datasets",
        "explainers",
    ):
        import_module(f"mmcore.testing.{name}")
