"""What pydantic finds wrong with options, said to people: the value, what is allowed, the nearest name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from mmcore.errors import OptionError, did_you_mean

KeyPath = tuple[str | int, ...]
Schema = Mapping[str, Any]

COMPONENT_MODELS = {"ComponentConfig": "a component", "EncoderSlot": "an encoder"}
NO_EXPERIMENT = "the experiment"


def option_problems(model: type[BaseModel], values: Any, *, path: KeyPath = ()) -> list[OptionError]:
    """What is wrong with plain `values` for `model`; empty when they fit. A text is no number, 1 is no boolean.

    >>> from mmcore.options import Field, Options
    >>> class Width(Options):
    ...     width: int = Field(64, ge=1, le=512)
    >>> print(option_problems(Width, {"width": 0}, path=("method",))[0])
    method.width is 0. Allowed: a whole number from 1 to 512.
    """
    try:
        model.model_validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        return _said(error, model, values, path)
    return []


def shown(value: Any) -> str:
    """A value as a person would write it, cut to a length that fits in a line.

    >>> shown(None), shown(True), shown("eight")
    ('null', 'true', "'eight'")
    """
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def dotted(path: KeyPath) -> str:
    """A way to a value as people write it: "encoders.text.trainable"."""
    return ".".join(map(str, path))


def _said(error: ValidationError, model: type[BaseModel], values: Any, path: KeyPath) -> list[OptionError]:
    schema = _schema(model)
    found: dict[KeyPath, OptionError] = {}
    for detail in error.errors():
        way = _way(detail["loc"], values)
        around = _value_at(values, way)
        absent = detail["type"] == "missing" or (detail["loc"][-1:] == ("name",) and isinstance(around, Mapping))
        if absent:
            way = (*way, detail["loc"][-1])
        if any(way[: len(known)] == known and way != known for known in found):
            continue  # another branch of a union, or inside of what is wrong as a whole
        if way not in found:
            found[way] = _problem(detail, schema, values, way, path)
    return list(found.values())


def _problem(detail: Any, schema: Schema, values: Any, way: KeyPath, path: KeyPath) -> OptionError:
    full = (*path, *way)
    around = _at(schema, way[:-1], schema)
    if detail["type"] == "extra_forbidden":
        place = dotted(full[:-1]) or NO_EXPERIMENT
        return OptionError(
            f"unknown key {str(way[-1])!r} in {place}",
            path=full,
            hint=did_you_mean(str(way[-1]), around.get("properties", {})),
        )
    value = _value_at(values, way)
    here = _at(schema, way, schema)
    if isinstance(value, str) and detail["loc"]:  # a short form: the word stands for the key that pydantic names
        here = _at(schema, (*way, detail["loc"][-1]), schema) or here
    allowed = allowed_values(here, schema)
    if detail["type"] == "missing" or (value is None and way[-1:] == ("name",)):
        return _missing(full, around, here, schema)
    if detail["type"] == "value_error":
        reason = str(detail["ctx"]["error"])
        return OptionError(f"{dotted(full)}: {reason}" if full else reason, path=full)
    hint = f"Allowed: {allowed}." if allowed else str(detail["msg"])
    choices = _choices(here, schema)
    if isinstance(value, str) and choices and (near := did_you_mean(value, choices)).startswith("Did"):
        hint = f"{near} {hint}"
    return OptionError(f"{dotted(full) or NO_EXPERIMENT} is {shown(value)}", path=full, hint=hint)


def _missing(full: KeyPath, around: Schema, here: Schema, schema: Schema) -> OptionError:
    place = dotted(full[:-1]) or NO_EXPERIMENT
    if full[-1] == "name":
        kind = COMPONENT_MODELS.get(around.get("title", ""), "a component")
        return OptionError(f"{place} needs a name", path=full, hint=f"Write the name of {kind}, or name: …")
    needed = here.get("description") or allowed_values(here, schema)
    return OptionError(
        f"{str(full[-1])!r} is missing in {place}", path=full, hint=f"Needed: {needed}." if needed else None
    )


def allowed_values(here: Schema, schema: Schema) -> str:
    """What a JSON schema allows, in words; an empty text when it says nothing.

    >>> allowed_values({"type": "integer", "minimum": 1}, {})
    'a whole number of at least 1'
    >>> allowed_values({"anyOf": [{"enum": ["none", "all"]}, {"type": "number"}, {"type": "null"}]}, {})
    'none, all, null or a number'
    """
    here = _resolved(here, schema)
    kind = here.get("type")
    if branches := here.get("anyOf", here.get("oneOf")):
        said = [allowed_values(branch, schema) for branch in branches]
        words = [part for part in said if part and not part.startswith("a")]
        phrases = [part for part in said if part.startswith("a")]
        return " or ".join(dict.fromkeys([", ".join(words)] * bool(words) + phrases))
    if "enum" in here or "const" in here:
        return ", ".join(str(choice) for choice in here.get("enum", [here.get("const")]))
    if here.get("title") in COMPONENT_MODELS:
        return "a name, or a mapping with `name` and options"
    if kind == "object":
        keys = list(here.get("properties", {}))
        if keys:
            return f"a mapping with {', '.join(keys)}"
        return "a mapping that is not empty" if here.get("minProperties") else "a mapping"
    if kind == "array":
        inner = allowed_values(here.get("items", {}), schema)
        return f"a list, each {inner}" if inner else "a list"
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _bounds(here)
    if kind == "string":
        return "a text that is not empty" if here.get("minLength") else "a text"
    return {"boolean": "true, false", "null": "null"}.get(str(kind), "")


def _bounds(here: Schema) -> str:
    multiple = f", a multiple of {here['multipleOf']}" if "multipleOf" in here else ""
    if {"minimum", "maximum"} <= set(here):
        return f" from {here['minimum']} to {here['maximum']}{multiple}"
    words = (
        ("minimum", "of at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
    )
    said = [f"{word} {here[key]:g}" for key, word in words if key in here]
    return (f" {' and '.join(said)}" if said else "") + multiple


def _choices(here: Schema, schema: Schema) -> list[str]:
    here = _resolved(here, schema)
    found = [str(choice) for choice in here.get("enum", ())]
    for part in (*here.get("anyOf", ()), *([here["items"]] if isinstance(here.get("items"), Mapping) else ())):
        found += _choices(part, schema)
    return found


def _schema(model: type[BaseModel]) -> Schema:
    from pydantic.errors import PydanticUserError

    try:
        return model.model_json_schema()
    except PydanticUserError:  # a type that JSON schema can't say; the problem is told without what is allowed
        return {}


def _resolved(here: Schema, schema: Schema) -> Schema:
    while "$ref" in here:
        beside = {key: value for key, value in here.items() if key != "$ref"}
        target = schema.get("$defs", {}).get(here["$ref"].rpartition("/")[2], {})
        here = {**target, **beside}
    return here


def _at(here: Schema, way: Sequence[str | int], schema: Schema) -> Schema:
    """The schema of what `way` leads to; an empty one where it can't be told."""
    here = _resolved(here, schema)
    if not way:
        return here
    key = way[0]
    branches = [here, *(_resolved(part, schema) for part in (*here.get("anyOf", ()), *here.get("oneOf", ())))]
    for branch in branches:
        inner: Any = branch.get("properties", {}).get(key)
        if inner is None and isinstance(key, int):
            inner = branch.get("items")
        if inner is None and isinstance(key, str) and isinstance(branch.get("additionalProperties"), Mapping):
            inner = branch["additionalProperties"]
        if isinstance(inner, Mapping):
            return _at(inner, way[1:], schema)
    return {}


def _way(location: Sequence[str | int], values: Any) -> KeyPath:
    """The part of pydantic's location that leads through the values; names of union branches are passed over."""
    way: list[str | int] = []
    for step in location:
        if (isinstance(values, Mapping) and step in values) or (
            isinstance(values, list) and isinstance(step, int) and step < len(values)
        ):
            way.append(step)
            values = values[step]  # type: ignore[index]
    return tuple(way)


def _value_at(values: Any, way: KeyPath) -> Any:
    for step in way:
        try:
            values = values[step]
        except (KeyError, IndexError, TypeError):
            return None
    return values
