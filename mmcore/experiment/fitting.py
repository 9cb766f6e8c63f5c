"""Train one model on prepared data, alone or beside its unimodal baselines, and say how good it is on each split."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch

from mmcore.data.loading import collate
from mmcore.errors import DataError
from mmcore.evaluation.gain import gain
from mmcore.evaluation.inference import Inference, infer
from mmcore.evaluation.metrics import scalar_metrics, scored
from mmcore.experiment.encoding import Encoded, Encoding
from mmcore.experiment.prepared import Shared
from mmcore.model.artefact import save_model
from mmcore.model.composition import build_model
from mmcore.training.loop import TrainingResult, train, training_device

if TYPE_CHECKING:
    import numpy as np

    from mmcore.catalog import Catalog
    from mmcore.experiment.fitted import FittedModel
    from mmcore.experiment.prepared import PreparedData
    from mmcore.experiment.specification import Experiment
    from mmcore.model.fusion_model import FusionModel
    from mmcore.run import Event, RunFolder

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Trained:
    """A trained model, how its training went, and what it gives for the rows of each split."""

    model: FusionModel
    training: TrainingResult
    inferences: Mapping[str, Inference]
    seconds: float


@dataclass
class Fitting:
    """One experiment on one data set with one split, being trained in one run folder."""

    experiment: Experiment
    data: PreparedData
    catalog: Catalog
    run: RunFolder
    shared: Shared
    resume: bool = False
    encoded: Encoded = field(default_factory=Encoded)

    def fit(self) -> tuple[Trained, dict[str, Trained]]:
        """Train the model, then each modality alone where that was asked for or costs only seconds."""
        model = self.build(self.data.preparation.modalities)
        if model.learns_from_decisions and not len(self.data.splits["validation"]):
            raise DataError(
                "the fusion method learns from decisions on the validation split, and there is none",
                where="split.validation",
                hint="Give the validation split a share of the rows.",
            )
        self.data.preparation.refuse_augmenting(self.augmented())
        start = time.perf_counter()
        self.encoded = self.encode(model)
        self.encoding_seconds = time.perf_counter() - start
        fused = self.train(model, "fused")
        alone = {}
        if self.wants_baselines():
            for name in self.experiment.encoders:
                alone[name] = self.train(self.build((name,)), name)
        return fused, alone

    def build(self, modalities: tuple[str, ...]) -> FusionModel:
        """The experiment's model of these modalities, untrained; of a single one, its encoder and a head."""
        torch.manual_seed(self.experiment.seed)
        preparation = self.data.preparation
        return build_model(
            {name: slot.choice() for name, slot in self.experiment.encoders.items() if name in modalities},
            {name: preparation.fields[name].kind for name in modalities},
            preparation.descriptions,
            self.experiment.fusion if len(modalities) > 1 else None,
            self.data.task,
            samples=self.data.training_samples,
            runs={name: fitted.module for name, fitted in self.finished.items()},
            catalog=self.catalog,
            frozen=self.shared.frozen,
        )

    @cached_property
    def finished(self) -> Mapping[str, FittedModel]:
        """The models of finished runs that the strategy builds upon."""
        from mmcore.experiment.finished import finished_models

        return finished_models(self.experiment, self.data, self.catalog)

    def encode(self, model: FusionModel) -> Encoded:
        """What each encoder that stays as it is gives for all rows."""
        model.to(training_device(self.experiment.training))
        return Encoding(model, self.experiment, self.data, self.shared.frozen.digest, self.run.event).run()

    def augmented(self) -> frozenset[str]:
        """The modalities whose training samples are changed at random."""
        return frozenset(name for name, slot in self.experiment.encoders.items() if slot.augment)

    def wants_baselines(self) -> bool:
        """Whether each modality is to be trained alone: as asked, else where all features are at hand."""
        if len(self.data.preparation.modalities) < 2 or not self.experiment.encoders:
            return False
        asked = self.experiment.training.unimodal_baselines
        return asked if asked is not None else set(self.encoded.plain) == set(self.experiment.encoders)

    def train(self, model: FusionModel, name: str) -> Trained:
        """Train `model` on the rows that it can read, and run it over every split."""
        self.run.event({"event": "stage", "stage": "train", "model": name})
        start = time.perf_counter()
        rows = {part: self.readable(model, self.data.splits[part]) for part in SPLITS}
        result = self.optimise(model, name, rows)
        if model.learns_from_decisions:
            self.learn_from_decisions(model, rows["validation"])
        inferences = {part: self.infer(model, rows[part]) for part in SPLITS if len(rows[part])}
        return Trained(model, result, inferences, time.perf_counter() - start)

    def optimise(self, model: FusionModel, name: str, rows: Mapping[str, np.ndarray]) -> TrainingResult:
        """Train what is trainable in `model`; nothing happens to a model of finished parts."""
        if not any(parameter.requires_grad for parameter in model.parameters()):
            self.tell({"event": "message", "text": f"{name}: nothing in the model is left to train"})
            return TrainingResult(best_epoch=0, history=[], stopped_early=False, steps=0)
        options = self.experiment.training
        return train(
            model,
            self.dataset(model, rows["train"], augment=True),
            self.dataset(model, rows["validation"]) if len(rows["validation"]) else None,
            collate,
            options,
            checkpoints=self.run.checkpoints / name,
            seed=self.experiment.seed,
            metric=functools.partial(scalar_metrics, self.data.task),
            on_event=self.tell,
            resume=self.resume,
            name=name,
        )

    def infer(self, model: FusionModel, rows: np.ndarray) -> Inference:
        """What `model` gives for these rows."""
        options = self.experiment.training
        return infer(
            model,
            self.dataset(model, rows),
            collate,
            batch_size=options.encode_batch_size,
            device=training_device(options),
            workers=options.workers,
        )

    def learn_from_decisions(self, model: FusionModel, rows: np.ndarray) -> None:
        """Let a method learn how to weigh the modalities' decisions, on rows that nothing was trained on."""
        found = self.infer(model, rows)
        decisions = {name: torch.from_numpy(logits) for name, logits in found.per_modality_logits.items()}
        model.fit_decisions(decisions, torch.from_numpy(found.present), torch.from_numpy(self.data.targets[rows]))

    def readable(self, model: FusionModel, rows: np.ndarray) -> np.ndarray:
        """Those of `rows` in which at least one of the model's modalities is present."""
        columns = [self.data.survey.modalities.index(name) for name in model.modalities]
        return rows[self.data.survey.present[rows][:, columns].any(1)]

    def dataset(self, model: FusionModel, rows: np.ndarray, *, augment: bool = False) -> Any:
        """Prepared rows for `model`, from cached features where they are there."""
        return self.data.preparation.dataset(
            model,
            self.data.source.rows,
            root=self.data.source.root,
            indices=rows,
            targets=self.data.targets,
            features=self.encoded.of(model, augment=augment),
            augment=dict.fromkeys(self.augmented(), True) if augment else {},
            views={name: slot.views for name, slot in self.experiment.encoders.items() if slot.views},
            seed=self.experiment.seed,
        )

    def tell(self, event: Event) -> None:
        """Pass an event on to the run folder, and the end of an epoch to plugins as well."""
        self.run.event(event)
        if event["event"] == "epoch" and event.get("model") == "fused":
            self.catalog.plugins.call(
                "mmcore_epoch_ended", folder=self.run.path, epoch=event["epoch"], metrics=event["metrics"]
            )


def fit_and_evaluate(
    experiment: Experiment,
    data: PreparedData,
    catalog: Catalog,
    run: RunFolder,
    shared: Shared | None = None,
    *,
    resume: bool,
) -> dict[str, Any]:
    """Train, save and measure; returns what metrics.json holds."""
    from mmcore.experiment.predictions import write_baselines, write_embeddings, write_predictions

    fitting = Fitting(experiment, data, catalog, run, shared or Shared(), resume)
    fused, alone = fitting.fit()
    finished = {name: dict(fitted.manifest) for name, fitted in fitting.finished.items()}
    save_model(fused.model, run.model, {**data.manifest(experiment), "runs": finished}, fitting.shared.frozen)
    write_predictions(run.path / "predictions.parquet", data, fused.inferences)
    write_embeddings(run.path / "embeddings.parquet", data, fused.inferences)
    if alone:
        write_baselines(
            run.path / "baselines.parquet", data, {name: trained.inferences for name, trained in alone.items()}
        )
    measured = measure(fitting, fused, alone)
    run.write_json("metrics.json", measured)
    return measured


def measure(fitting: Fitting, fused: Trained, alone: Mapping[str, Trained]) -> dict[str, Any]:
    """The figures of a run: per split, each modality alone, what fusion gained, the data, the course, the cost."""
    task, data = fitting.data.task, fitting.data
    judged = "test" if "test" in fused.inferences else "validation"
    gained = {}
    if judged in fused.inferences:
        singles = {name: trained.inferences[judged] for name, trained in alone.items() if judged in trained.inferences}
        gained = gain(task, fused.inferences[judged], singles, seed=fitting.experiment.seed)
    return {
        "task": task.type,
        "modalities": list(data.preparation.modalities),
        "classes": list(getattr(task, "classes", ())),
        **{part: scored(task, found) for part, found in fused.inferences.items()},
        "baselines": {
            name: {part: scored(task, found) for part, found in trained.inferences.items()}
            for name, trained in alone.items()
        },
        "gain": gained,
        "data": data.summary(),
        "history": {
            "fused": _course(fused.training),
            **{name: _course(trained.training) for name, trained in alone.items()},
        },
        "cost": {
            "parameters": sum(value.numel() for value in fused.model.parameters()),
            "trainable_parameters": sum(value.numel() for value in fused.model.parameters() if value.requires_grad),
            "encoding_seconds": round(fitting.encoding_seconds, 3),
            "training_seconds": round(fused.seconds, 3),
        },
    }


def _course(training: TrainingResult) -> dict[str, Any]:
    return {
        "epochs": training.history,
        "best_epoch": training.best_epoch,
        "stopped_early": training.stopped_early,
        "steps": training.steps,
    }
