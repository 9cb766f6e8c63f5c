"""A data set on its way into training: read, surveyed, split, described, its targets encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.data.reading import RowReader, iterate_rows, read_targets, row_id
from mmcore.data.splits import Selected, Split, fold_source, split_source
from mmcore.data.survey import refuse_too_many
from mmcore.data.survey import survey as survey_rows
from mmcore.errors import DataError
from mmcore.experiment.preparation import Preparation
from mmcore.files import digest
from mmcore.tasks.inference import infer_task

if TYPE_CHECKING:
    from mmcore.catalog import Catalog
    from mmcore.data.source import DataSource
    from mmcore.data.survey import Survey
    from mmcore.experiment.specification import Experiment
    from mmcore.model.frozen import FrozenEncoders
    from mmcore.tasks.task import Task

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class PreparedData:
    """Rows that can be trained on.

    Args:
        splits: train, validation, test → row numbers, ascending.
        targets: encoded, by row number; rows that are not usable hold zeros.
        preparation: the modalities, described by the training rows.
    """

    source: DataSource
    survey: Survey
    splits: Split
    task: Task
    targets: np.ndarray
    preparation: Preparation

    def training_samples(self, modality: str) -> Iterator[Any]:
        """Decoded samples of one modality in the training rows that have it, one at a time."""
        return self.preparation.samples(self.source, modality, self.splits["train"])

    def ids(self, rows: np.ndarray) -> list[str]:
        """What a person finds these rows by."""
        columns = [self.source.id] if self.source.id else []
        if not columns:
            return [str(int(row)) for row in rows]
        return [row_id(self.source, number, row) for number, row in iterate_rows(self.source.rows, columns, rows)]

    def summary(self) -> dict[str, Any]:
        """Counts for metrics.json: rows, those used, problems by reason, missing modalities, sizes of the splits."""
        return {
            "rows": len(self.survey),
            "used": int(self.survey.usable.sum()),
            "problems": self.survey.counts(),
            "missing": self.survey.missing(),
            "splits": {part: len(rows) for part, rows in self.splits.items()},
            "notice": self.source.notice,
        }

    def fingerprint(self) -> dict[str, str]:
        """Per modality, a text that changes when the data change."""
        return {name: self.survey.fingerprint(name) for name in self.survey.modalities}

    def manifest(self, experiment: Experiment) -> dict[str, Any]:
        """What a saved model must say of itself to be built again without the data."""
        return {
            "modalities": self.preparation.to_list(),
            "synchronised": [list(group) for group in self.preparation.synchronised],
            "encoders": {name: slot.to_short_form() for name, slot in experiment.encoders.items()},
            "fusion": experiment.fusion.to_short_form() if experiment.fusion else None,
            "task": self.task.model_dump(mode="json"),
            "target": self.source.target,
            "id": self.source.id,
            "notice": self.source.notice,
        }


class Shared:
    """What experiments that run in one process share: data sets that were read, and frozen encoders."""

    def __init__(self) -> None:
        self._read: dict[str, _Read] = {}
        self._prepared: dict[str, PreparedData] = {}

    @cached_property
    def frozen(self) -> FrozenEncoders:
        """Pretrained encoders that no training changes."""
        from mmcore.model.frozen import FrozenEncoders

        return FrozenEncoders()

    def read(self, experiment: Experiment, catalog: Catalog, tell: Tell) -> _Read:
        """The experiment's data set before it is split; read once for equal data sets, tasks and modalities."""
        key = digest(_of_the_data(experiment))
        if key not in self._read:
            self._read[key] = _read(experiment, catalog, tell)
        return self._read[key]

    def prepared(self, experiment: Experiment, catalog: Catalog, tell: Tell) -> PreparedData:
        """The experiment's data, split and described; once for equal data sets, tasks, modalities, splits and seeds."""
        key = digest([*_of_the_data(experiment), experiment.to_dict().get("split"), experiment.seed])
        if key not in self._prepared:
            read = self.read(experiment, catalog, tell)
            split = split_source(read.source, read.survey, experiment.split, labels=read.strata, seed=experiment.seed)
            self._prepared[key] = read.prepared(split, catalog)
        return self._prepared[key]


def _of_the_data(experiment: Experiment) -> list[Any]:
    plain = experiment.to_dict()
    return [plain["dataset"], plain.get("task"), list(experiment.modalities())]


def prepare_data(experiment: Experiment, catalog: Catalog, tell: Tell, shared: Shared | None = None) -> PreparedData:
    """Read, survey and split the data set of an experiment, infer the task, describe the modalities that it uses.

    Args:
        shared: what was read before, and where to keep what is read now.

    Raises:
        UserError: the data can't be read, split or predicted from.
    """
    prepared = (shared or Shared()).prepared(experiment, catalog, tell)
    tell({"event": "message", "text": prepared.survey.summary()})
    return prepared


def prepare_folds(experiment: Experiment, catalog: Catalog, tell: Tell) -> list[PreparedData]:
    """As `prepare_data`, once for each fold of `split.folds`."""
    read = _read(experiment, catalog, tell)
    splits = fold_source(read.source, read.survey, experiment.split, labels=read.strata, seed=experiment.seed)
    prepared = [read.prepared(split, catalog) for split in splits]
    tell({"event": "message", "text": prepared[0].survey.summary()})
    return prepared


def open_source(experiment: Experiment, catalog: Catalog) -> DataSource:
    """The data set of an experiment."""
    resolved = catalog.resolve("dataset", experiment.dataset, path=("dataset",))
    source: DataSource = catalog.build(resolved.declaration, resolved.options)
    return source


@dataclass(frozen=True)
class _Read:
    """A data set before it is split."""

    source: DataSource
    survey: Survey
    labels: list[Any]
    task: Task
    modalities: tuple[str, ...]

    @property
    def strata(self) -> list[Any] | None:
        return None if self.task.type == "regression" else self.labels

    def prepared(self, split: Split, catalog: Catalog) -> PreparedData:
        preparation = Preparation.of(self.source, self.modalities, split["train"], catalog)
        survey = self.survey.leaving_out(preparation.misfits(self.source, self.survey))
        refuse_too_many(survey, self.source.broken_limit)
        split = {part: rows[survey.usable[rows]] for part, rows in split.items()}
        task = self.task.fitted_to(Selected(self.labels, split["train"]))
        usable = np.flatnonzero(survey.usable)
        encoded = task.encode(Selected(self.labels, usable))
        targets = np.zeros((len(self.labels), *encoded.shape[1:]), dtype=encoded.dtype)
        targets[usable] = encoded
        return PreparedData(self.source, survey, split, task, targets, preparation)


def _read(experiment: Experiment, catalog: Catalog, tell: Tell) -> _Read:
    tell({"event": "stage", "stage": "read the data"})
    source = open_source(experiment, catalog)
    if source.target is None:
        raise DataError("the data set has no target", hint="Name the column to predict: dataset: {target: …}.")
    names = tuple(experiment.modalities())
    fields = {name: source.modalities[name] for name in names}
    kinds = {name: catalog.kind(field.kind) for name, field in fields.items()}
    reader = RowReader(fields, kinds, source.root, synchronised=source.synchronised)

    def progress(stage: str, done: int, total: int) -> None:
        tell({"event": "progress", "stage": stage, "done": done, "total": total})

    survey = survey_rows(source, reader, progress=progress)
    if source.notice:
        tell({"event": "message", "text": source.notice})
    labels = read_targets(source)
    task = infer_task(Selected(labels, np.flatnonzero(survey.usable)), experiment.task)
    tell({"event": "message", "text": f"Task: {task.describe()}"})
    return _Read(source, survey, labels, task, names)
