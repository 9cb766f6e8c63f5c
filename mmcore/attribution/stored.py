"""Explanations as JSON-like data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.attribution.explanation import FORMAT_VERSION, Part
from mmcore.errors import DataError

if TYPE_CHECKING:
    from mmcore.attribution.explanation import Explanation
    from mmcore.attribution.trust import Trust

_PLAIN = (
    "explainer", "id", "row", "prediction", "target", "correct", "output", "explained", "value", "base_value",
    "additive", "evaluations",
)  # fmt: skip


def as_data(explanation: Explanation) -> dict[str, Any]:
    """All but the drawing; Φ, shares and chance levels are written out for those who read the file elsewhere."""
    return {
        "format": FORMAT_VERSION,
        **{name: getattr(explanation, name) for name in _PLAIN},
        "settings": dict(explanation.settings),
        "modalities": list(explanation.modalities),
        "players": {name: _part_as_data(part) for name, part in explanation.parts.items()},
        "asked": list(explanation.asked),
        "stayed": list(explanation.stayed),
        "missing": list(explanation.missing),
        "contributions": explanation.contributions,
        "shares": explanation.shares,
        "share_errors": dict(explanation.share_errors),
        "chance": explanation.chance,
        "interactions": [
            {"modalities": list(pair), "values": [list(row) for row in table]}
            for pair, table in explanation.interactions.items()
        ],
        "passes": dict(explanation.passes),
        "notes": list(explanation.notes),
        "trust": None if explanation.trust is None else explanation.trust.to_dict(),
    }


def from_data(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that make the explanation again."""
    if not isinstance(stored, Mapping) or "players" not in stored:
        raise DataError("this is no explanation: it holds no players")
    if stored.get("format") != FORMAT_VERSION:
        raise DataError(
            f"this explanation is of format {stored.get('format')!r}; this version reads {FORMAT_VERSION}",
            hint="Make it again with `mmcore explain`.",
        )
    try:
        return {
            **{name: stored[name] for name in _PLAIN},
            "settings": stored["settings"],
            "parts": {name: _part(stored["players"][name]) for name in stored["modalities"]},
            "asked": tuple(stored["asked"]),
            "stayed": tuple(stored["stayed"]),
            "missing": tuple(stored["missing"]),
            "share_errors": stored["share_errors"],
            "interactions": {
                (each["modalities"][0], each["modalities"][1]): tuple(tuple(row) for row in each["values"])
                for each in stored.get("interactions", ())
            },
            "passes": stored["passes"],
            "notes": tuple(stored["notes"]),
            "trust": _trust(stored.get("trust")),
        }
    except KeyError as error:
        raise DataError(f"this explanation lacks {error}") from error


def _trust(stored: Mapping[str, Any] | None) -> Trust | None:
    from mmcore.attribution.trust import Trust

    return None if stored is None else Trust.from_dict(stored)


def _part_as_data(part: Part) -> dict[str, Any]:
    return {
        "labels": list(part.labels),
        "values": part.values.tolist(),
        "errors": None if part.errors is None else part.errors.tolist(),
        "grid": None if part.grid is None else list(part.grid),
        "baseline": part.baseline,
    }


def _part(stored: Mapping[str, Any]) -> Part:
    return Part(
        labels=tuple(stored["labels"]),
        values=np.array(stored["values"], dtype=np.float64),
        errors=None if stored["errors"] is None else np.array(stored["errors"], dtype=np.float64),
        grid=None if stored["grid"] is None else tuple(stored["grid"]),
        baseline=stored["baseline"],
    )
