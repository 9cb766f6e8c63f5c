"""Why: rows with their pictures and shares, right and wrong ones, and the shares over classes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from mmcore.attribution.trust import Trust
from mmcore.files import read_json
from mmcore.report.contents import Contents
from mmcore.report.wording import MISSING, listed, number, percent

SHOWN = 12
"""Rows shown per explainer; half of them wrong ones where there are as many."""
CLASSES = 30
"""Classes in the table of shares, the most frequent first."""

_PNG = b"\x89PNG\r\n\x1a\n"
_LARGEST_PICTURE = 4_000_000


def explained(contents: Contents) -> list[dict[str, Any]] | None:
    """Per explainer: the rows shown, the table of shares."""
    folders = sorted(path for path in (contents.folder / "explanations").glob("*") if path.is_dir())
    found = [entry for folder in folders if (entry := _of_explainer(folder, contents))]
    return found or None


def _of_explainer(folder: Path, contents: Contents) -> dict[str, Any] | None:
    files = sorted((path for path in folder.glob("*.json") if path.stem.isdigit()), key=lambda path: int(path.stem))
    read = [(path, read_json(path)) for path in files]
    read = [(path, found) for path, found in read if isinstance(found, dict) and isinstance(found.get("shares"), dict)]
    if not read:
        return None
    everything = [found for _, found in read]
    names = _modalities(contents, everything)
    return {
        "name": str(everything[0].get("explainer") or folder.name),
        "settings": _settings(everything[0].get("settings")),
        "rows": [_row(path, found, names, contents) for path, found in chosen(read)],
        "total": len(read),
        "names": names,
        "table": share_table(everything, names),
        "trust": _trust(everything),
        "by_class": any(isinstance(one.get("target"), str) for one in everything),
    }


def chosen(read: Sequence[tuple[Path, Mapping[str, Any]]]) -> list[tuple[Path, Mapping[str, Any]]]:
    """At most twelve, in their order: half of them wrong ones where there are as many."""
    wrong = [entry for entry in read if entry[1].get("correct") is False]
    rest = [entry for entry in read if entry[1].get("correct") is not False]
    of_wrong = min(len(wrong), max(SHOWN // 2, SHOWN - len(rest)))
    kept = {path for path, _ in [*wrong[:of_wrong], *rest[: SHOWN - of_wrong]]}
    return [entry for entry in read if entry[0] in kept]


def share_table(explanations: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Shares as mean ± standard deviation: over all rows, those predicted right, wrong, and those of each class."""
    groups: list[tuple[str, str, list[Mapping[str, Any]]]] = [("All rows", "whole", list(explanations))]
    if any(isinstance(one.get("correct"), bool) for one in explanations):
        groups.append(("Predicted right", "whole", [one for one in explanations if one.get("correct") is True]))
        groups.append(("Predicted wrong", "whole", [one for one in explanations if one.get("correct") is False]))
    by_class: dict[str, list[Mapping[str, Any]]] = {}
    for one in explanations:
        if isinstance(one.get("target"), str):
            by_class.setdefault(str(one["target"]), []).append(one)
    ordered = sorted(by_class, key=lambda label: (-len(by_class[label]), label))[:CLASSES]
    groups += [(label, "class", by_class[label]) for label in ordered]
    return [
        {"label": label, "kind": kind, "n": len(of), "cells": [_mean_share(of, name) for name in names]}
        for label, kind, of in groups
    ]


def _mean_share(explanations: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    values = [float(one["shares"][name]) for one in explanations if one["shares"].get(name) is not None]
    if not values:
        return {"text": f"{MISSING}, n = 0", "width": 0}
    spread = f" ± {100 * stdev(values):.1f}" if len(values) > 1 else ""
    return {"text": f"{100 * fmean(values):.1f}{spread}\u202f%", "width": round(100 * fmean(values), 1)}


def _modalities(contents: Contents, explanations: Sequence[Mapping[str, Any]]) -> list[str]:
    there = list(dict.fromkeys(str(name) for one in explanations for name in one["shares"]))
    return [name for name in contents.modalities if name in there] + [n for n in there if n not in contents.modalities]


def _trust(explanations: Sequence[Mapping[str, Any]]) -> str:
    """What checks of the explanations say on average; nothing where none were made."""
    held = [Trust.from_dict(one["trust"]) for one in explanations if one.get("trust")]
    if not held:
        return ""
    mean = Trust.mean(held)
    areas, same = {name: number(area) for name, area in mean.areas.items()}, mean.rank_correlation
    ranked = "" if same is None else f" and ranks the parts with a correlation of {number(same)} to these"
    shares = listed([f"{name} {percent(share, 0)}" for name, share in mean.shuffled_shares.items()])
    return (
        f"Checked on {len(held)} rows. Strongest parts first, the output has an area of {areas['insertion']} as they "
        f"join and of {areas['deletion']} as they leave, against {areas['random']} in random order. A model with "
        f"shuffled weights gives shares of {shares}{ranked}: 1 would say that nothing learned is in them."
    )


def _row(path: Path, found: Mapping[str, Any], names: Sequence[str], contents: Contents) -> dict[str, Any]:
    shares = {name: float(found["shares"][name]) for name in names if found["shares"].get(name) is not None}
    chance: dict[str, Any] = found.get("chance") or {}
    return {
        "id": str(found.get("id", found.get("row", path.stem))),
        "target": _label(found.get("target")),
        "prediction": _label(found.get("prediction")),
        "correct": found.get("correct") if isinstance(found.get("correct"), bool) else None,
        "picture": _picture(path.with_suffix(".png")),
        "alt": _alt(found, shares),
        "shares": [
            {
                "name": name,
                "text": percent(share, 0),
                "width": round(100 * max(0.0, min(1.0, share)), 2),
                "chance": None if chance.get(name) is None else round(100 * float(chance[name]), 2),
                "colour": contents.colour(name),
            }
            for name, share in shares.items()
        ],
        "value": number(found["value"]) if isinstance(found.get("value"), int | float) else "",
        "base": number(found["base_value"]) if isinstance(found.get("base_value"), int | float) else "",
    }


def _alt(found: Mapping[str, Any], shares: Mapping[str, float]) -> str:
    said = listed([f"{name} {percent(share, 0)}" for name, share in shares.items()])
    return (
        f"Row {found.get('id', found.get('row', ''))} with every part coloured by what it speaks for; "
        f"true {_label(found.get('target'))}, predicted {_label(found.get('prediction'))}; shares: {said}."
    )


def _label(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "no label"
    return number(value) if isinstance(value, float) else str(value)


def _picture(path: Path) -> str:
    """A PNG file as a data URI; nothing where it is none or far too large."""
    if not path.is_file() or path.stat().st_size > _LARGEST_PICTURE:
        return ""
    content = path.read_bytes()
    return f"data:image/png;base64,{base64.b64encode(content).decode()}" if content.startswith(_PNG) else ""


def _settings(settings: Any) -> str:
    if not isinstance(settings, Mapping):
        return ""
    return ", ".join(f"{name} {value}" for name, value in settings.items() if isinstance(value, str | int | float))
