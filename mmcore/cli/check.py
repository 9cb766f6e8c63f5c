"""`mmcore check`: the conformance kit, on an installed component or on all of a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mmcore.testing import CheckResult

MARKS = {"passed": "✓", "failed": "✗", "skipped": "–", "expected": "~"}


def check(
    name: Annotated[str, typer.Argument(help="A component's name, or a plugin's package or distribution.")],
    only: Annotated[list[str] | None, typer.Option(help="Run this check only; may be repeated.")] = None,
    expect: Annotated[
        list[str] | None, typer.Option(help="CHECK=REASON: a failure that is known; may be repeated.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="List what passed, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
) -> None:
    """Check that a component keeps the contract of its type.

    Example: mmcore check my_encoder
    """
    import json

    from mmcore.errors import UserError
    from mmcore.testing import run_checks

    expected = _expected(expect or [])
    broken = _broken_plugin(name)
    try:
        results = run_checks(
            name,
            only=only,
            expected_failures=expected,
            on_result=None if as_json else lambda result: _tell(result, show_all),
        )
    except UserError:
        if not broken:
            raise
        results = []  # so broken that it brings nothing to check
    failed = sum(not result.ok for result in results)
    if as_json:
        typer.echo(json.dumps([result.to_dict() for result in results], indent=2, ensure_ascii=False))
    elif results:
        _summarise(results)
    for problem in broken:
        typer.echo(f"✗ plugin {name}: {problem}", err=as_json)
    if failed or broken:
        raise typer.Exit(1)


def _broken_plugin(name: str) -> list[str]:
    """What is wrong with the plugin of this name, or with the one that a component of this name comes from."""
    from mmcore.catalog import load

    return [
        problem
        for record in load().plugins.records
        if name in (record.name, record.package, record.distribution)
        for problem in record.problems
    ]


def _expected(pairs: list[str]) -> dict[str, str]:
    from mmcore.errors import UserError

    expected = {}
    for pair in pairs:
        check, equals, reason = pair.partition("=")
        if not equals or not reason.strip():
            raise UserError(f"--expect {pair!r} gives no reason", hint="Write --expect CHECK=REASON.")
        expected[check.strip()] = reason.strip()
    return expected


def _tell(result: CheckResult, show_all: bool) -> None:
    if result.outcome == "passed" and not show_all:
        return
    line = f"{MARKS[result.outcome]} {result.component}: {result.check}"
    typer.echo(f"{line}\n    {result.message}" if result.message else line)


def _summarise(results: list[CheckResult]) -> None:
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in MARKS}
    words = {"passed": "passed", "failed": "failed", "skipped": "not applicable", "expected": "failed as expected"}
    typer.echo(", ".join(f"{count} {words[outcome]}" for outcome, count in counts.items() if count) + ".")
