"""Rows of a data set with a fitted model, whose modalities can be mixed: what measures over data sets get."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmcore.attribution.game import rows_of
from mmcore.data.loading import batch_from_tree, collate
from mmcore.errors import ComponentError, DataError
from mmcore.representation import Representation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmcore.data.loading import Item
    from mmcore.model.fusion_model import FusionModel
    from mmcore.representation import Output
    from mmcore.tasks.task import Task

AT_A_TIME = 64
"""Rows that are encoded at a time."""

SCORES = {"single_label": "top1", "multi_label": "macro_f1", "regression": "r2"}
"""Type of task → the figure that measures of accuracy look at."""

FUSED = "fused"
"""The name of the fused representation among those of modalities."""

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
        draw: makes a matplotlib figure of it, where it has one.
    """

    name: str
    question: str
    columns: tuple[str, ...]
    lines: tuple[tuple[Any, ...], ...]
    n: int
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    draw: Callable[[], Figure] | None = field(default=None, repr=False, compare=False)

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
        starts = range(0, len(items), AT_A_TIME)
        batches = (
            [encoded_batch(model, items[start : start + AT_A_TIME]) for start in starts] if model.two_stage else []
        )
        self._set(model, np.stack([item.present for item in items]), batches, targets)
        self._items = [] if model.two_stage else list(items)

    @classmethod
    def of_encoded(
        cls, model: FusionModel, batches: Sequence[EncodedBatch], targets: np.ndarray | None = None
    ) -> EvaluatedRows:
        """Rows of a model with two stages that `encoded_batch` encoded before."""
        made = cls.__new__(cls)
        made._set(model, np.concatenate([present.numpy() for present, _ in batches]), batches, targets)
        made._items = []
        return made

    def _set(
        self, model: FusionModel, present: np.ndarray, batches: Sequence[EncodedBatch], targets: np.ndarray | None
    ) -> None:
        self.model, self.present, self.targets = model.eval(), present, targets
        self.modalities = tuple(model.modalities)
        self._device = _device_of(model)
        names = batches[0][1] if batches else ()
        self._encoded = {name: joined([parts[name].to(self._device) for _, parts in batches]) for name in names}
        self.passes = {name: int(self.present[:, place].sum()) for place, name in enumerate(self.modalities)}

    def __len__(self) -> int:
        return len(self.present)

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

    def representations(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Modality, and last FUSED → the places of the rows that have one `(n,)`, and their vectors `(n, D)`.

        Models of one stage represent no modality by itself; those that fuse decisions have no fused representation.
        """
        found = {}
        for at, name in enumerate(self.modalities):
            if name in self._encoded:
                there = np.flatnonzero(self.present[:, at])
                found[name] = (there, self._encoded[name].vector.double().cpu().numpy()[there])
        own = {name: np.arange(len(self)) for name in self.modalities}
        fused = [self._output(part, self.present[part[self.modalities[0]]]).representation for part in _parts(own)]
        if all(part is not None for part in fused):
            vectors = torch.cat([part for part in fused if part is not None]).double().cpu().numpy()
            found[FUSED] = (np.arange(len(self)), vectors)
        return found

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

    def _answer(self, places: Mapping[str, np.ndarray], present: np.ndarray) -> np.ndarray:
        return np.asarray(self._output(places, present).logits.double().cpu().numpy())

    def _output(self, places: Mapping[str, np.ndarray], present: np.ndarray) -> Output:
        here = torch.from_numpy(present)
        with torch.inference_mode():
            if self.model.two_stage:
                taken = {
                    name: rows_of(of, places[name]).only(here[:, at].to(self._device))
                    for at, (name, of) in enumerate(self._encoded.items())
                }
                return self.model.fuse(taken, here.to(self._device))
            from mmcore.data.batch import Batch

            inputs = {
                name: self._items[0].kinds[name].collate([self._items[at].inputs[name] for at in places[name]])
                for name in self.modalities
            }
            return self.model(Batch(self.modalities, here, inputs).to(self._device))


EncodedBatch = tuple[torch.Tensor, Mapping[str, Representation]]
"""`present (B, M)` bool, and modality → representation of B rows."""


def encoded_batch(model: FusionModel, items: Sequence[Item]) -> EncodedBatch:
    """Encode prepared rows by a model with two stages; tokens only where its head reads them."""
    keeps_tokens = bool(getattr(model, "reads_tokens", False))
    batch = batch_from_tree(collate(list(items)), tuple(model.modalities))
    with torch.inference_mode():
        encoded = model.eval().encode(batch.to(_device_of(model)))
    return torch.from_numpy(np.stack([item.present for item in items])), {
        name: each if keeps_tokens else Representation(each.vector) for name, each in encoded.items()
    }


def _device_of(model: FusionModel) -> torch.device:
    held = next(model.parameters(), None)
    return torch.device("cpu") if held is None else held.device


def _parts(places: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """The places in parts that a model of one stage can take at a time."""
    count = len(next(iter(places.values())))
    for start in range(0, count, AT_A_TIME):
        yield {name: at[start : start + AT_A_TIME] for name, at in places.items()}


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
