"""`mmcore show`: one component, with its options."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmcore.catalog import Catalog, Entry


def show(
    type_: Annotated[str, typer.Argument(metavar="TYPE", help="encoder, fusion-method, …")],
    name: Annotated[str, typer.Argument(help="The component's name.")],
    kind: Annotated[str | None, typer.Option(help="Of an encoder whose name several kinds have.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with the options' JSON schema.")] = False,
) -> None:
    """Show a component: options with defaults and bounds, reference, weights, licence.

    Example: mmcore show encoder efficientnet_lite0
    """
    from mmcore.catalog import load
    from mmcore.cli.components import check_type, summary
    from mmcore.cli.tables import print_json

    catalog = load()
    chosen = check_type(type_)
    if kind is not None:
        kind = catalog.get("modality-kind", kind).name
    entries = _found(catalog, chosen, name, kind)
    if as_json:
        described = [{**summary(each), **_more(each), "options": _schema(each)} for each in entries]
        print_json(described[0] if len(described) == 1 else described)
        return
    for entry in entries:
        _print(entry)


def _found(catalog: Catalog, type_: Any, name: str, kind: str | None) -> list[Entry]:
    """The entries of a name: one, or one per kind where no kind was asked for."""
    same = [entry for entry in catalog.entries(type_, kind=kind) if name in (entry.name, entry.qualified)]
    if len({entry.kind for entry in same}) > 1:
        return same
    declaration = catalog.get(type_, name, kind=kind)
    return [entry for entry in same if entry.declaration is declaration]


def _more(entry: Entry) -> dict[str, Any]:
    declaration = entry.declaration
    weights = getattr(declaration, "weights", None)
    facts = {
        "level": getattr(declaration, "level", None),
        "levels": list(getattr(declaration, "levels", ())) or None,
        "additive": getattr(declaration, "additive", None),
        "weights": None if weights is None else asdict(weights),
        "requires": list(declaration.requires) or None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _schema(entry: Entry) -> dict[str, Any]:
    """The JSON schema of the options; names and meanings alone where a type has none."""
    from pydantic.errors import PydanticUserError

    options = entry.declaration.options
    try:
        return options.model_json_schema()
    except PydanticUserError:
        said = {name: {"description": info.description or ""} for name, info in options.model_fields.items()}
        return {"properties": said}


def _print(entry: Entry) -> None:
    from mmcore.cli.tables import print_table
    from mmcore.mistakes import allowed_values

    declaration = entry.declaration
    typer.echo(f"{entry.name} · {entry.type}" + (f" for {entry.kind}" if entry.kind else ""))
    typer.echo(declaration.summary)
    facts = [
        ("from", f"{entry.distribution} {entry.version} ({entry.package})"),
        ("reference", declaration.reference),
        ("licence", declaration.licence),
    ]
    weights = getattr(declaration, "weights", None)
    if weights is not None:
        network = "no network needed" if weights.offline else "downloaded when first used"
        facts += [("weights", f"{weights.source} ({network})"), ("licence of the weights", weights.licence)]
    if level := getattr(declaration, "level", "") or " or ".join(getattr(declaration, "levels", ())):
        facts.append(("combines at", f"{level} level"))
    for label, value in facts:
        if value:
            typer.echo(f"  {label}: {value}")
    schema = _schema(entry)
    rows = [
        (name, _default(name, schema), allowed_values(info, schema), str(info.get("description", "")))
        for name, info in schema.get("properties", {}).items()
    ]
    if rows:
        print_table(("option", "default", "allowed", "meaning"), rows)
    else:
        typer.echo("  It has no options.")


def _default(option: str, schema: dict[str, Any]) -> str:
    """An option's default, as YAML has it; nothing where a schema can't say it."""
    import json

    if option in schema.get("required", ()):
        return "needed"
    about = schema["properties"][option]
    return json.dumps(about["default"], ensure_ascii=False).strip('"') if "default" in about else ""
