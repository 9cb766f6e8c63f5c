"""`--set a.b=value`: changes to an experiment from outside its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mmcore.errors import UserError
from mmcore.experiment.document import Document, KeyPath, parse_value

SHORT_FORMS = (
    (("dataset",), "name"),
    (("task",), "type"),
    (("encoders", "*"), "name"),
    (("fusion", "strategy"), "name"),
    (("fusion", "method"), "name"),
    (("explain", "explainer"), "name"),
)
"""Where a bare word may stand for a mapping, and which key of that mapping the word is."""


def with_overrides(document: Document, overrides: Iterable[str]) -> Document:
    """A document with each `dotted.key=value` applied, in order; values are YAML.

    An encoder set to null is left out. Setting an option of a component that is written as a bare name keeps the name.

    Raises:
        UserError: an override is none, or leads through something that is no mapping.

    >>> document = Document({"fusion": {"method": "concat"}, "encoders": {"image": "timm", "text": "minilm"}}, "e.yaml")
    >>> with_overrides(document, ["fusion.method.dim=64", "encoders.text=null"]).data
    {'fusion': {'method': {'name': 'concat', 'dim': 64}}, 'encoders': {'image': 'timm'}}
    """
    for override in overrides:
        document = _with_override(document, override)
    return document


def with_values(document: Document, changes: Mapping[str, Any]) -> Document:
    """A document with each dotted key set to its value, in order.

    >>> with_values(Document({"encoders": {"image": "timm"}}, "e.yaml"), {"encoders.image": None, "seed": 3}).data
    {'encoders': {}, 'seed': 3}
    """
    for key, value in changes.items():
        path = tuple(key.split("."))
        if not all(path):
            raise UserError(f"{key!r} is no dotted key", where=document.source)
        document = _with_value(document, path, value, key)
    return document


def _with_override(document: Document, override: str) -> Document:
    key, equals, text = override.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    origin = f"--set {override}"
    if not equals or not all(path):
        raise UserError("is no change", where=origin, hint="Write --set key.of.option=value, as in training.epochs=3.")
    return _with_value(document, path, parse_value(text, source=origin), origin)


def _with_value(document: Document, path: tuple[str, ...], value: Any, origin: str) -> Document:
    remove = value is None and len(path) == 2 and path[0] == "encoders"
    taken: list[str | int] = []
    data = _changed(document.data, path, value, taken, origin, remove=remove)
    origins = {known: shown for known, shown in document.origins.items() if known[: len(path)] != tuple(taken)}
    return replace(document, data=data, origins={**origins, tuple(taken): origin})


def _changed(
    container: Any, path: tuple[str, ...], value: Any, taken: list[str | int], origin: str, *, remove: bool
) -> Any:
    """A copy of `container` in which `path` leads to `value`; the way taken is appended to `taken`."""
    if not path:
        return value
    if isinstance(container, list) and path[0].isdecimal() and int(path[0]) < len(container):
        position = int(path[0])
        taken.append(position)
        inner = _changed(container[position], path[1:], value, taken, origin, remove=remove)
        return [*container[:position], inner, *container[position + 1 :]]
    if isinstance(container, str) and (word := _short_form(tuple(taken))):
        container = {word: container}
    if container is None:
        container = {}
    if not isinstance(container, dict):
        way = ".".join(map(str, taken)) or "the experiment"
        raise UserError(f"{way} is {container!r}, which has no {path[0]!r} inside", where=origin)
    taken.append(path[0])
    if remove and len(path) == 1:
        return {key: item for key, item in container.items() if key != path[0]}
    return {**container, path[0]: _changed(container.get(path[0]), path[1:], value, taken, origin, remove=remove)}


def _short_form(path: KeyPath) -> str | None:
    for pattern, word in SHORT_FORMS:
        if len(pattern) == len(path) and all(known in ("*", part) for known, part in zip(pattern, path, strict=True)):
            return word
    return None
