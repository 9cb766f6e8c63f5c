"""One row on its way to an explanation: its samples, prepared for a model, and what the model says of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from mmcore.attribution.request import GameRequest, partition
from mmcore.attribution.score import Score, make_score
from mmcore.data.batch import Batch
from mmcore.errors import DataError
from mmcore.tasks.values import label_text, labels_of

if TYPE_CHECKING:
    from mmcore.attribution.model_game import ModelGame
    from mmcore.data.kind import Inputs, Kind, Players
    from mmcore.declarations import Description
    from mmcore.model.fusion_model import FusionModel
    from mmcore.representation import Representation
    from mmcore.tasks.task import Task


class Row:
    """A row and the model that is asked about it. Explainers that need the model get this.

    Args:
        model: is put into evaluation mode.
        kinds: modality → its kind.
        samples: modality → decoded sample; one that is absent is not in it.
        descriptions: modality → what training rows looked like; needed for the modalities that are absent.
        id: how the row is called.
        number: which row of its table it is.
        target: as it stands in the data; None when unknown.
        batch_size: maskings that are encoded at a time.
    """

    def __init__(
        self,
        model: FusionModel,
        kinds: Mapping[str, Kind],
        samples: Mapping[str, Any],
        *,
        descriptions: Mapping[str, Description],
        id: str = "",  # noqa: A002 (as in every table of ours)
        number: int | None = None,
        target: Any = None,
        batch_size: int = 32,
    ):
        self.model, self.kinds, self.samples = model.eval(), kinds, samples
        self.id, self.number, self.batch_size = id, number, batch_size
        self._descriptions, self._target = descriptions, target
        if not self.present:
            raise DataError(f"row {id} has none of the modalities {', '.join(model.modalities)}")

    def of(self, model: FusionModel) -> Row:
        """The same row for another model that is composed alike."""
        return Row(
            model, self.kinds, self.samples, descriptions=self._descriptions,
            id=self.id, number=self.number, target=self._target, batch_size=self.batch_size,
        )  # fmt: skip

    @property
    def task(self) -> Task:
        """What the model predicts."""
        return self.model.task

    @property
    def present(self) -> tuple[str, ...]:
        """The modalities that the row has, in the model's order."""
        return tuple(name for name in self.model.modalities if name in self.samples)

    @property
    def missing(self) -> tuple[str, ...]:
        """The modalities that the row lacks."""
        return tuple(name for name in self.model.modalities if name not in self.samples)

    @cached_property
    def device(self) -> torch.device:
        """Where the model computes."""
        held = next(self.model.parameters(), None)
        return torch.device("cpu") if held is None else held.device

    @cached_property
    def prepared(self) -> dict[str, Inputs]:
        """Modality → tensors without a batch dimension; a blank where it is absent."""
        return {name: self._prepare(name) for name in self.model.modalities}

    def batch(self) -> Batch:
        """The row as a batch of one, on the model's device."""
        inputs = {name: self.kinds[name].collate([prepared]) for name, prepared in self.prepared.items()}
        return Batch(self.model.modalities, self.presence(1), inputs).to(self.device)

    def presence(self, count: int) -> torch.Tensor:
        """`(count, M)` bool: who is present, as often as asked for."""
        here = torch.tensor([[name in self.samples for name in self.model.modalities]])
        return here.expand(count, -1)

    @cached_property
    def encoded(self) -> dict[str, Representation]:
        """Modality → the row as it is, encoded; one row each. For models with two stages."""
        with torch.inference_mode():
            return self.model.encode(self.batch())

    @cached_property
    def logits(self) -> torch.Tensor:
        """`(1, C)`: what the model says of the row as it is."""
        with torch.inference_mode():
            if not self.model.two_stage:
                return self.model(self.batch()).logits
            return self.model.fuse(self.encoded, self.presence(1).to(self.device)).logits

    @property
    def prediction(self) -> Any:
        """A class, a list of labels or a number."""
        return self.task.predict(self.logits)[0]

    @property
    def target(self) -> Any:
        """The true class, labels or number, written as predictions are; None when unknown."""
        if self._target is None:
            return None
        if self.task.type == "regression":
            return float(self._target)
        if self.task.type == "multi_label":
            held = set(labels_of(self._target))
            return [label for label in self.task.classes if label in held]  # type: ignore[attr-defined]
        return label_text(self._target)

    @property
    def correct(self) -> bool | None:
        """Whether the prediction is the target; None in regression and where the target is unknown."""
        if self.target is None or self.task.type == "regression":
            return None
        return bool(self.prediction == self.target)

    def players(self, modality: str, granularity: str | int = "auto") -> Players:
        """How the modality's sample is divided."""
        return self.kinds[modality].players(
            self.samples[modality],
            self.prepared[modality],
            self.model.input_specs[modality],
            granularity=granularity,
        )

    def score(self, request: GameRequest | None = None) -> Score:
        """The output that a request means."""
        request = request or GameRequest()
        return make_score(self.task, request.output, request.target, self.logits, self._target)

    def game(self, request: GameRequest | None = None) -> ModelGame:
        """The game that a request means; by default every modality plays, as in MM-SHAP."""
        from mmcore.attribution.model_game import model_game

        request = request or GameRequest()
        return model_game(self, partition(self, request), self.score(request), request.baseline)

    def _prepare(self, name: str) -> Inputs:
        kind, spec = self.kinds[name], self.model.input_specs[name]
        if name in self.samples:
            return kind.prepare(self.samples[name], spec)
        if name not in self._descriptions:
            raise DataError(f"{name!r} is absent from the row, and nothing describes what stands in for it")
        return kind.blank(spec, self._descriptions[name])
