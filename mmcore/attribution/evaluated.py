"""Rows of a data set with a fitted model, whose modalities can be mixed: what measures over data sets get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmcore.attribution.game import rows_of
from mmcore.data.loading import batch_from_tree, collate
from mmcore.errors import ComponentError, DataError
from mmcore.representation import Representation

if TYPE_CHECKING:
    from mmcore.data.loading import Item
    from mmcore.model.fusion_model import FusionModel
    from mmcore.tasks.task import Task

AT_A_TIME = 64
"""Rows that are encoded at a time."""

SCORES = {"single_label": "top1", "multi_label": "macro_f1", "regression": "r2"}
"""Type of task → the figure that measures of accuracy look at."""

HEADS_AT_A_TIME = 4096
"""Rows of encoded modalities that are fused at a time."""


@dataclass(frozen=True)
class Measure:
    """What a measure over a data set found.

    Args:
        name: of the explainer.
        question: what its figures answer, in one sentence.
        columns: heads of the table.
        lines: of the table: texts and numbers.
        n: rows that were looked at.
        notes: plain warnings where a figure means little.
        settings: options, and what the measure decided by itself.
    """

    name: str
    question: str
    columns: tuple[str, ...]
    lines: tuple[tuple[Any, ...], ...]
    n: int
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-like data."""
        return {
            "name": self.name, "question": self.question, "columns": list(self.columns),
            "lines": [list(line) for line in self.lines], "n": self.n, "notes": list(self.notes),
            "settings": dict(self.settings),
        }  # fmt: skip

    def value(self, line: str, column: str) -> Any:
        """What stands in a line, found by its first cell."""
        found = next(each for each in self.lines if each[0] == line)
        return found[self.columns.index(column)]


class EvaluatedRows:
    """Rows with their targets, and the model's answer to any mixture of their modalities.

    A model with two stages encodes each row once; every mixture after that is work for the head alone.

    Args:
        model: is put into evaluation mode.
        items: prepared rows, as data sets give them.
        targets: encoded, `(N, …)`; None where unknown.

    Attributes:
        modalities: names, in the order of the columns of `present`.
        present: `(N, M)` bool.
        passes: modality → rows that were encoded.
    """

    def __init__(self, model: FusionModel, items: Sequence[Item], targets: np.ndarray | None = None):
        self.model, self.targets = model.eval(), targets
        self.modalities = tuple(model.modalities)
        self._items = list(items)
        self.present = np.stack([item.present for item in self._items])
        held = next(model.parameters(), None)
        self._device = torch.device("cpu") if held is None else held.device
        self._encoded = self._encode() if model.two_stage else {}
        self.passes = {name: int(self.present[:, place].sum()) for place, name in enumerate(self.modalities)}

    def __len__(self) -> int:
        return len(self._items)

    @property
    def task(self) -> Task:
        """What the model predicts."""
        return self.model.task

    def logits(self, places: Mapping[str, np.ndarray] | None = None, *, without: Sequence[str] = ()) -> np.ndarray:
        """The model's logits `(K, C)` for rows put together from these rows; float64.

        Args:
            places: modality → the row that it is taken from, `(K,)`; rows as they are where it is left out. Where that
                row lacks it, the mixture lacks it too.
            without: modalities that every mixture lacks.
        """
        own = np.arange(len(self))
        count = len(next(iter(places.values()))) if places else len(self)
        chosen = {name: (places or {}).get(name, own) for name in self.modalities}
        if any(len(each) != count for each in chosen.values()):
            raise ValueError("mixtures of different lengths; give places for every modality")
        present = np.stack([self.present[chosen[name], at] for at, name in enumerate(self.modalities)], axis=1)
        present[:, [self.modalities.index(name) for name in without]] = False
        step = HEADS_AT_A_TIME if self.model.two_stage else AT_A_TIME
        parts = []
        for start in range(0, count, step):
            part = slice(start, start + step)
            parts.append(self._answer({name: at[part] for name, at in chosen.items()}, present[part]))
        found = np.concatenate(parts)
        if not np.isfinite(found).all():
            raise ComponentError("the model gave NaN or infinity", hint="`mmcore check` finds components that do so.")
        return found

    def probabilities(
        self, places: Mapping[str, np.ndarray] | None = None, *, without: Sequence[str] = ()
    ) -> np.ndarray:
        """As `logits`: probabilities `(K, C)`, or the quantity `(K, 1)` in regression."""
        logits = torch.from_numpy(self.logits(places, without=without))
        return np.asarray(self.task.probabilities(logits).numpy().reshape(len(logits), -1))

    def score(self, logits: np.ndarray) -> float:
        """How good logits `(N, C)` of these rows are, more is better: top-1, macro F1 of labels, R² of a quantity.

        Raises:
            DataError: the rows have no targets.
        """
        if self.targets is None:
            raise DataError("the rows have no targets, so nothing can be scored")
        from mmcore.evaluation.metrics import scalar_metrics

        found = scalar_metrics(self.task, logits, self.targets)[SCORES[self.task.type]]
        return 0.0 if found is None else float(found)

    def score_without(self) -> float:
        """The score of one answer for all rows, the one that their own targets favour."""
        if self.targets is None:
            raise DataError("the rows have no targets, so nothing can be scored")
        if self.task.type == "single_label":
            return float(np.bincount(self.targets).max() / len(self))
        if self.task.type == "multi_label":
            share = np.clip(self.targets.mean(axis=0), 1e-6, 1 - 1e-6)
            return self.score(np.repeat(np.log(share / (1 - share))[None], len(self), axis=0))
        return 0.0  # R² of the mean

    def _encode(self) -> dict[str, Representation]:
        keeps_tokens = bool(getattr(self.model, "reads_tokens", False))
        parts: dict[str, list[Representation]] = {name: [] for name in self.modalities}
        for start in range(0, len(self), AT_A_TIME):
            batch = batch_from_tree(collate(self._items[start : start + AT_A_TIME]), self.modalities)
            with torch.inference_mode():
                encoded = self.model.encode(batch.to(self._device))
            for name, each in encoded.items():
                parts[name].append(each if keeps_tokens else Representation(each.vector))
        return {name: joined(of) for name, of in parts.items()}

    def _answer(self, places: Mapping[str, np.ndarray], present: np.ndarray) -> np.ndarray:
        here = torch.from_numpy(present)
        with torch.inference_mode():
            if self.model.two_stage:
                taken = {
                    name: rows_of(of, places[name]).only(here[:, at].to(self._device))
                    for at, (name, of) in enumerate(self._encoded.items())
                }
                logits = self.model.fuse(taken, here.to(self._device)).logits
            else:
                from mmcore.data.batch import Batch

                inputs = {
                    name: self._items[0].kinds[name].collate([self._items[at].inputs[name] for at in places[name]])
                    for name in self.modalities
                }
                logits = self.model(Batch(self.modalities, here, inputs).to(self._device)).logits
        return np.asarray(logits.double().cpu().numpy())


def joined(parts: Sequence[Representation]) -> Representation:
    """Representations one below the other; tokens padded to the longest, where there are any."""
    vector = torch.cat([part.vector for part in parts])
    if any(part.tokens is None for part in parts):
        return Representation(vector)
    longest = max(part.tokens.shape[1] for part in parts if part.tokens is not None)
    tokens, masks = [], []
    for part in parts:
        assert part.tokens is not None
        lacking = longest - part.tokens.shape[1]
        mask = torch.ones(part.tokens.shape[:2], dtype=torch.bool) if part.mask is None else part.mask
        tokens.append(torch.nn.functional.pad(part.tokens, (0, 0, 0, lacking)))
        masks.append(torch.nn.functional.pad(mask.to(part.tokens.device), (0, lacking)))
    return Representation(vector, torch.cat(tokens), torch.cat(masks))
