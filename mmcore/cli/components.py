"""`mmcore components`: what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmcore.catalog import Entry

TITLES = {
    "encoder": "Encoders (which)",
    "fusion-strategy": "Fusion strategies (when)",
    "fusion-method": "Fusion methods (how)",
    "explainer": "Explainers (why)",
    "dataset": "Data sets",
    "modality-kind": "Modality kinds",
}


def components(
    type_: Annotated[
        str | None,
        typer.Argument(metavar="TYPE", help=f"One of {', '.join(TITLES)}.", show_default=False),
    ] = None,
    pattern: Annotated[str, typer.Argument(help="Names to list; * stands for anything.")] = "*",
    kind: Annotated[str | None, typer.Option(help="Encoders of this modality kind only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what is installed: encoders, strategies, methods, data sets, explainers, kinds.

    Example: mmcore components encoder --kind image
    """
    from mmcore.catalog import load
    from mmcore.cli.tables import print_json, print_table
    from mmcore.errors import UserError, did_you_mean

    chosen = check_type(type_)
    catalog = load()
    if kind is not None:
        kind = catalog.get("modality-kind", kind).name
    entries = catalog.entries(chosen, kind=kind, pattern=pattern)
    if not entries and not set(pattern) & set("*?["):
        names = [entry.name for entry in catalog.entries(chosen, kind=kind)]
        raise UserError(f"there is no {chosen or 'component'} {pattern!r}", hint=did_you_mean(pattern, names))
    if as_json:
        print_json([summary(entry) for entry in entries])
        return
    for each, title in TITLES.items():
        rows = [entry for entry in entries if entry.type == each]
        if rows:
            print_table(("name", "for", "what", "from"), [_row(entry) for entry in rows], title=title)
    if not entries:
        typer.echo("Nothing of this is installed.", err=True)
    _mention_broken(catalog)


def check_type(name: str | None) -> Any:
    """A component type by its name; a plural is understood.

    Raises:
        UserError: there is no such type.
    """
    from mmcore.errors import UserError, did_you_mean

    if name is None:
        return None
    plain = name.removesuffix("s").replace("_", "-").replace("strategie", "strategy")
    if plain not in TITLES:
        raise UserError(f"there is no component type {name!r}", hint=did_you_mean(plain, TITLES))
    return plain


def summary(entry: Entry) -> dict[str, Any]:
    """What `--json` says of a component."""
    declaration = entry.declaration
    return {
        "type": entry.type,
        "name": entry.name,
        "kind": entry.kind,
        "summary": declaration.summary,
        "reference": declaration.reference,
        "licence": declaration.licence,
        "package": entry.package,
        "distribution": entry.distribution,
        "version": entry.version,
        "qualified_name": entry.qualified,
    }


def _row(entry: Entry) -> tuple[str, str, str, str]:
    level = getattr(entry.declaration, "level", "") or " or ".join(getattr(entry.declaration, "levels", ()))
    return entry.name, entry.kind or level, entry.declaration.summary, entry.package


def _mention_broken(catalog: Any) -> None:
    broken = [record.package for record in catalog.plugins.records if record.problems]
    if broken:
        typer.echo(f"Not everything could be loaded: {', '.join(broken)}. See: mmcore plugins", err=True)
