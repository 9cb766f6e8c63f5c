"""`mmcore plugins`: the packages that bring components, and what is wrong with the broken ones."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmcore.plugins import PluginRecord


def plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the installed plugins: version, what each adds, what is broken and why.

    Example: mmcore plugins
    """
    from mmcore.catalog import load
    from mmcore.cli.tables import print_json, print_table

    records = load().plugins.records
    if as_json:
        print_json([described(record) for record in records])
        return
    print_table(
        ("plugin", "package", "distribution", "adds"),
        [
            (record.name, record.package, f"{record.distribution} {record.version}".strip(), _adds(record))
            for record in records
        ],
    )
    for record in records:
        where = f"{record.package} ({record.distribution} {record.version})"
        for problem in _problems(record):
            typer.echo(f"✗ {where}: {problem}")
        for note in record.notes:
            typer.echo(f"· {where}: {note}")


def described(record: PluginRecord) -> dict[str, Any]:
    """What `--json` says of a plugin."""
    return {
        "name": record.name,
        "package": record.package,
        "distribution": record.distribution,
        "version": record.version,
        "enabled": record.enabled,
        "components": [
            {"type": each.type, "name": each.name, "kind": getattr(each, "kind", None)} for each in record.declarations
        ],
        "commands": [command.name for command in record.commands],
        "problems": _problems(record),
        "notes": record.notes,
    }


def _problems(record: PluginRecord) -> list[str]:
    from mmcore.cli.main import VERBS

    hidden = [command.name for command in record.commands if command.name in VERBS]
    return record.problems + [f"command {name!r} is one of mmcore's own, which stays" for name in hidden]


def _adds(record: PluginRecord) -> str:
    if not record.enabled:
        return "switched off"
    counts = Counter[str](each.type for each in record.declarations)
    counts.update({"command": len(record.commands)} if record.commands else {})
    said = [f"{count} {_plural(type_, count)}" for type_, count in sorted(counts.items())]
    return ("broken; " if _problems(record) else "") + (", ".join(said) or "nothing")


def _plural(type_: str, count: int) -> str:
    word = type_.replace("-", " ")
    if count == 1:
        return word
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
