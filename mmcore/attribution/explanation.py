"""An explanation of one row: a value for every player, and what each modality contributed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mmcore.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from mmcore.attribution.trust import Trust
    from mmcore.data.kind import Kind, Players

FORMAT_VERSION = 1
"""The version of the JSON that explanations are kept in."""


@dataclass(frozen=True)
class Attribution:
    """What an explainer returns; a bare array of values does as well.

    Args:
        values: `(n,)`, or `(n, C)` for a game with several outputs; players in the game's order.
        errors: standard errors, shaped as `values`; None when the values are exact or nothing is known.
        share_errors: modality → standard error of its share.
        base_value: the value with all players masked, where the explainer knows it; else the game is asked.
        interactions: (modality, modality) → `(n_k, n_l)` or `(n_k, n_l, C)`: how players of the two need each other.
        settings: what the explainer decided by itself, for the record.
        players: modality → players, from an explainer that makes its own (one that needs the model, not a game).
        notes: plain warnings for a person.
    """

    values: np.ndarray
    errors: np.ndarray | None = None
    share_errors: Mapping[str, float] = field(default_factory=dict)
    base_value: float | np.ndarray | None = None
    interactions: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    players: Mapping[str, Players] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Part:
    """One modality in an explanation: its players, what they are worth, and what masking made of them."""

    labels: tuple[str, ...]
    values: np.ndarray
    errors: np.ndarray | None = None
    grid: tuple[int, ...] | None = None
    baseline: str = "default"

    @property
    def contribution(self) -> float:
        """Φ = Σ |φ_j| over the modality's players (MM-SHAP, arXiv:2212.08158, equation 2)."""
        return float(np.abs(self.values).sum())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Part):
            return NotImplemented
        same_errors = (self.errors is None) == (other.errors is None) and (
            self.errors is None or np.array_equal(self.errors, other.errors)  # type: ignore[arg-type]
        )
        named = (self.labels, self.grid, self.baseline) == (other.labels, other.grid, other.baseline)
        return named and same_errors and np.array_equal(self.values, other.values)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Drawing:
    """What a picture of an explanation needs beside its numbers."""

    kinds: Mapping[str, Kind]
    samples: Mapping[str, Any]
    players: Mapping[str, Players]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a model decided as it did for one row.

    Args:
        explainer: the name of the explainer; `settings` are its options as given, and what it decided beside them.
        id: of the row; `row` is its number in its table.
        prediction, target: class, list of labels or number; `correct` is None where there is nothing to compare.
        output: which output was explained (probability, logit, log_odds, quantity), of the class `explained`.
        value: that output for the row as it is; `base_value` with all players masked.
        additive: whether the values sum, with the base value, to `value`.
        parts: modality → players and values, of the modalities that played.
        asked: the modalities that were meant to play; the row may lack some of them.
        stayed: modalities that were there and did not play; `missing`: those that the row lacks.
        share_errors: modality → standard error of its share, where the explainer knows it.
        interactions: (modality, modality) → a row for each player of the first with a value for each of the second: how
            far the two need each other (positive) or say the same (negative).
        passes: encoder passes per modality; `evaluations`: coalitions whose value was computed.
        notes: plain warnings where a figure means little.
        trust: what checks of this explanation found, where they were asked for.
        drawing: samples and players for `plot`. It is not part of the JSON: keep the row, and set it again with
            `dataclasses.replace`.
    """

    explainer: str
    id: str
    prediction: Any
    output: str
    value: float
    base_value: float
    additive: bool
    parts: Mapping[str, Part]
    asked: tuple[str, ...]
    target: Any = None
    correct: bool | None = None
    explained: str | None = None
    row: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    stayed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    share_errors: Mapping[str, float] = field(default_factory=dict)
    interactions: Mapping[tuple[str, str], tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    passes: Mapping[str, int] = field(default_factory=dict)
    evaluations: int = 0
    notes: tuple[str, ...] = ()
    trust: Trust | None = None
    drawing: Drawing | None = field(default=None, repr=False, compare=False)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that played."""
        return tuple(self.parts)

    @property
    def values(self) -> np.ndarray:
        """`(n,)`: the values of all players, modality by modality."""
        return np.concatenate([part.values for part in self.parts.values()])

    @property
    def contributions(self) -> dict[str, float]:
        """Modality → Φ, the sum of its players' absolute values."""
        return {name: part.contribution for name, part in self.parts.items()}

    @property
    def signed(self) -> dict[str, float]:
        """Modality → the sum of its players' values: whether it speaks for the output or against it."""
        return {name: float(part.values.sum()) for name, part in self.parts.items()}

    @property
    def shares(self) -> dict[str, float]:
        """Modality → its part of all contributions; they sum to 1. Empty where no player changes anything."""
        return shares_of(self.contributions)

    @property
    def chance(self) -> dict[str, float]:
        """Modality → the share that it would have if all players counted alike."""
        return shares_of({name: float(len(part.labels)) for name, part in self.parts.items()})

    def strongest_interactions(self, count: int = 10) -> list[tuple[str, str, str, str, float]]:
        """The pairs of players across modalities that interact most: modality, player, modality, player, value."""
        found = [
            (one, self.parts[one].labels[i], other, self.parts[other].labels[j], value)
            for (one, other), table in self.interactions.items()
            for i, row in enumerate(table)
            for j, value in enumerate(row)
        ]
        return sorted(found, key=lambda pair: -abs(pair[-1]))[:count]

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain data, without its `drawing`."""
        from mmcore.attribution.stored import as_data

        return as_data(self)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The opposite of `to_dict`.

        Raises:
            DataError: it is no explanation, or one of another format.
        """
        from mmcore.attribution.stored import from_data

        return cls(**from_data(stored))

    def to_json(self) -> str:
        """The explanation as JSON, without its `drawing`."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The opposite of `to_json`; DataError for what is none."""
        try:
            stored = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(f"this is no explanation: not valid JSON ({error})") from error
        return cls.from_dict(stored)

    def to_frame(self) -> pd.DataFrame:
        """One row per player: id, modality, player, value, and its standard error where known."""
        import pandas as pd

        rows = []
        for name, part in self.parts.items():
            errors = [None] * len(part.labels) if part.errors is None else part.errors.tolist()
            for label, value, error in zip(part.labels, part.values.tolist(), errors, strict=True):
                rows.append((self.id, name, label, value, error))
        return pd.DataFrame(rows, columns=["id", "modality", "player", "value", "error"])

    def plot(self, path: str | Path | None = None) -> Figure:
        """A picture: every modality with its players coloured by their values, and the shares beside chance level.

        Without a `drawing`, as after `from_json`, players are bars with their names.

        Args:
            path: where to write it as well; the suffix decides (png, svg, pdf).
        """
        from mmcore.attribution.picture import draw, save

        figure = draw(self)
        if path is not None:
            save(figure, Path(path))
        return figure

    def _repr_html_(self) -> str:
        held = BytesIO()
        self.plot().savefig(held, format="png", dpi=110)
        encoded = base64.b64encode(held.getvalue()).decode()
        return f'<img alt="{escape(str(self), quote=True)}" src="data:image/png;base64,{encoded}">'

    def __str__(self) -> str:
        of = f" of {self.explained}" if self.explained is not None else ""
        said = ", ".join(f"{name} {share:.0%}" for name, share in self.shares.items()) or "no player changes anything"
        return f"{self.explainer} of {self.id or 'a row'}: {self.output}{of} {self.value:.3f}; shares: {said}"


def shares_of(amounts: Mapping[str, float]) -> dict[str, float]:
    """Each amount over their sum; empty where they are all 0.

    >>> shares_of({"image": 1.0, "text": 3.0}), shares_of({"image": 0.0})
    ({'image': 0.25, 'text': 0.75}, {})
    """
    total = sum(amounts.values())
    return {name: amount / total for name, amount in amounts.items()} if total > 0 else {}
