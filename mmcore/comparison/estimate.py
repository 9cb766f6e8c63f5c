"""How long a grid will take: a few rows through each encoder and a step of each kind of run, timed and multiplied."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.comparison.grid import Cell
from mmcore.comparison.planning import distinct
from mmcore.experiment.encoding import encoder_banks, rows_of_modality
from mmcore.experiment.prepared import Shared, prepare_data
from mmcore.files import digest

if TYPE_CHECKING:
    from mmcore.data.batch import Batch
    from mmcore.experiment.specification import Experiment

TRIAL_ROWS = 16
"""Rows of the data set that are encoded to see how long one takes."""

OVERHEAD = 2.0
"""Seconds of a run beside encoding and training steps: building, judging, saving. As measured for small models."""


@dataclass(frozen=True)
class Estimate:
    """How long a grid takes at most, in seconds in one process; early stopping makes it less.

    Args:
        passes: of frozen encoders, each once over its data set; less where their vectors are cached already.
        runs: training and judging.
    """

    passes: float
    runs: float

    @property
    def seconds(self) -> float:
        """Together."""
        return self.passes + self.runs


def estimate(cells: Sequence[Cell]) -> Estimate:
    """Time parts of the grid's runs and count how often they will be needed.

    Runs that differ in their method and seed alone are taken for equally long.

    Raises:
        UserError: a data set can't be read.
    """
    shared = Shared()
    passes: dict[str, float] = {}
    seconds: dict[str, float] = {}
    runs = 0.0
    for cell in distinct(cells):
        assert cell.experiment is not None
        alike = _alike(cell.experiment)
        if alike not in seconds:
            trial = _Trial(cell.experiment, shared)
            seconds[alike] = trial.seconds_of_run()
            passes.update(trial.seconds_of_passes(known=passes))
        runs += seconds[alike]
    return Estimate(sum(passes.values()), runs)


def _alike(experiment: Experiment) -> str:
    data = experiment.to_dict()
    strategy = (data.get("fusion") or {}).get("strategy")
    return digest([data["dataset"], data.get("split"), data["encoders"], strategy, data["training"]])


class _Trial:
    """One experiment's model, untrained, and how long its parts take."""

    def __init__(self, experiment: Experiment, shared: Shared):
        from mmcore.catalog import load
        from mmcore.experiment.encoding import cacheable_modalities
        from mmcore.experiment.finished import finished_models
        from mmcore.model.composition import build_model
        from mmcore.training.loop import training_device

        catalog = load()
        self.experiment, self.device = experiment, training_device(experiment.training)
        self.data = prepare_data(experiment, catalog, lambda event: None, shared)
        preparation = self.data.preparation
        finished = finished_models(experiment, self.data, catalog)
        self.model = build_model(
            {name: slot.choice() for name, slot in experiment.encoders.items()},
            {name: preparation.fields[name].kind for name in preparation.modalities},
            preparation.descriptions,
            experiment.fusion,
            self.data.task,
            samples=self.data.training_samples,
            runs={name: fitted.module for name, fitted in finished.items()},
            catalog=catalog,
            frozen=shared.frozen,
        ).to(self.device)
        augmented = frozenset(name for name, slot in experiment.encoders.items() if slot.augment is True)
        self.cached = cacheable_modalities(self.model, augmented)

    def seconds_of_passes(self, known: Mapping[str, float]) -> dict[str, float]:
        """Each frozen encoder that is not known yet → seconds of its pass over the data set."""
        found = {}
        for name in self.cached:
            data = self.experiment.to_dict()
            key = digest([data["dataset"], name, data["encoders"].get(name)])
            if key in known:
                continue
            present = self.data.survey.present[:, list(self.data.survey.modalities).index(name)]
            rows = np.flatnonzero(present & self.data.survey.usable)
            slot = self.experiment.encoders.get(name)
            views = (slot.views or 0) * len(np.intersect1d(rows, self.data.splits["train"])) if slot else 0
            found[key] = self._seconds_of_encoding(name, rows[:TRIAL_ROWS]) / TRIAL_ROWS * (len(rows) + views)
        return found

    def _seconds_of_encoding(self, name: str, rows: np.ndarray) -> float:
        import torch

        from mmcore.data.loading import batch_from_tree, collate

        bank = next(bank for bank in encoder_banks(self.model) if name in bank.modalities)
        dataset = rows_of_modality(self.model, name, self.data.source, self.data.preparation, rows)
        self.model.eval()
        start = time.perf_counter()
        batch = batch_from_tree(collate(dataset.__getitems__(range(len(rows)))), (name,))
        with torch.inference_mode():
            bank.encode(batch.to(self.device))
        return time.perf_counter() - start

    def seconds_of_run(self) -> float:
        """Reading what is not cached, training for all epochs with a look at the validation rows, and the end."""
        import torch

        options = self.experiment.training
        train, validation = (self.data.splits[part] for part in ("train", "validation"))
        if not len(train) or not any(value.requires_grad for value in self.model.parameters()):
            return OVERHEAD
        start = time.perf_counter()
        batch = self._batch(train[: options.batch_size])
        reading = (time.perf_counter() - start) / len(batch.present) * (len(train) + len(validation))
        self.model.train()
        self._step(batch)  # the first one makes what is made once
        step = _seconds(lambda: self._step(batch))
        self.model.eval()
        with torch.inference_mode():
            look = _seconds(lambda: self.model(batch))
        steps, looks = (math.ceil(len(rows) / options.batch_size) * options.epochs for rows in (train, validation))
        return OVERHEAD + reading + steps * step + looks * look

    def _step(self, batch: Batch) -> None:
        self.model.loss(self.model(batch), batch).backward()
        self.model.zero_grad()

    def _batch(self, rows: np.ndarray) -> Batch:
        """These rows; zeros for the vectors of frozen encoders, which take as long as true ones; true tokens."""
        import torch

        from mmcore.data.loading import batch_from_tree, collate
        from mmcore.experiment.encoding import token_modalities

        count = len(self.data.targets)
        widths = {name: dim for bank in encoder_banks(self.model) for name, dim in bank.dims.items()}
        tokens = token_modalities(self.model) & set(self.cached)
        zeros = {name: np.broadcast_to(np.float32(0), (count, widths[name])) for name in set(self.cached) - tokens}
        dataset = self.data.preparation.dataset(
            self.model, self.data.source.rows, root=self.data.source.root, indices=rows, targets=self.data.targets,
            features=zeros,
        )  # fmt: skip
        batch = batch_from_tree(collate(dataset.__getitems__(range(len(rows)))), self.model.modalities)
        batch = batch.to(self.device)
        if tokens:
            self.model.eval()
            with torch.no_grad():
                encoded = self.model.encode(batch)
            batch.representations |= {name: encoded[name] for name in tokens}
        return batch


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
