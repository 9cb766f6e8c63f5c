"""Train one model on prepared data, alone or beside its unimodal baselines, and say how good it is on each split."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from mmcore.data.loading import collate
from mmcore.evaluation.gain import gain
from mmcore.evaluation.inference import Inference, infer
from mmcore.evaluation.metrics import scalar_metrics, scored
from mmcore.experiment.encoding import cacheable_modalities, encode_modality
from mmcore.model.artefact import save_model
from mmcore.model.composition import build_model
from mmcore.training.loop import train, training_device

if TYPE_CHECKING:
    import numpy as np

    from mmcore.catalog import Catalog
    from mmcore.experiment.prepared import PreparedData
    from mmcore.experiment.specification import Experiment
    from mmcore.model.fusion_model import FusionModel
    from mmcore.run import Event, RunFolder
    from mmcore.training.loop import TrainingResult

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
    resume: bool = False
    features: dict[str, np.ndarray] = field(default_factory=dict)

    def fit(self) -> tuple[Trained, dict[str, Trained]]:
        """Train the model, then each modality alone where that was asked for or costs only seconds."""
        model = self.build(tuple(self.experiment.encoders))
        start = time.perf_counter()
        self.features = self.encode(model)
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
            {name: self.experiment.encoders[name].choice() for name in modalities},
            {name: preparation.fields[name].kind for name in modalities},
            preparation.descriptions,
            self.experiment.fusion if len(modalities) > 1 else None,
            self.data.task,
            samples=self.data.training_samples,
            catalog=self.catalog,
        )

    def encode(self, model: FusionModel) -> dict[str, np.ndarray]:
        """The vectors of all rows for each modality whose encoder stays as it is."""
        model.to(training_device(self.experiment.training))
        found = {}
        for name in cacheable_modalities(model, self.augmented()):
            found[name] = encode_modality(
                model,
                name,
                self.data.source,
                self.data.survey,
                self.data.preparation,
                identity=self.experiment.encoders[name].model_dump(mode="json"),
                batch_size=self.experiment.training.encode_batch_size,
                progress=self.progress,
            )
        return found

    def augmented(self) -> frozenset[str]:
        """The modalities whose training samples are changed at random."""
        return frozenset(name for name, slot in self.experiment.encoders.items() if slot.augment)

    def wants_baselines(self) -> bool:
        """Whether each modality is to be trained alone: as asked, else where all features are at hand."""
        if len(self.experiment.encoders) < 2:
            return False
        asked = self.experiment.training.unimodal_baselines
        return asked if asked is not None else set(self.features) == set(self.experiment.encoders)

    def train(self, model: FusionModel, name: str) -> Trained:
        """Train `model` on the rows that it can read, and run it over every split."""
        options = self.experiment.training
        self.run.event({"event": "stage", "stage": "train", "model": name})
        start = time.perf_counter()
        rows = {part: self.readable(model, self.data.splits[part]) for part in SPLITS}
        result = train(
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
        inferences = {
            part: infer(
                model,
                self.dataset(model, rows[part]),
                collate,
                batch_size=options.encode_batch_size,
                device=training_device(options),
                workers=options.workers,
            )
            for part in SPLITS
            if len(rows[part])
        }
        return Trained(model, result, inferences, time.perf_counter() - start)

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
            features={name: self.features[name] for name in model.modalities if name in self.features},
            augment=dict.fromkeys(self.augmented(), True) if augment else {},
            seed=self.experiment.seed,
        )

    def tell(self, event: Event) -> None:
        """Pass an event on to the run folder, and the end of an epoch to plugins as well."""
        self.run.event(event)
        if event["event"] == "epoch" and event.get("model") == "fused":
            self.catalog.plugins.call(
                "mmcore_epoch_ended", folder=self.run.path, epoch=event["epoch"], metrics=event["metrics"]
            )

    def progress(self, stage: str, done: int, total: int) -> None:
        """Tell how far a stage is."""
        self.run.event({"event": "progress", "stage": stage, "done": done, "total": total})


def fit_and_evaluate(
    experiment: Experiment, data: PreparedData, catalog: Catalog, run: RunFolder, *, resume: bool
) -> dict[str, Any]:
    """Train, save and measure; returns what metrics.json holds."""
    from mmcore.experiment.predictions import write_baselines, write_embeddings, write_predictions

    fitting = Fitting(experiment, data, catalog, run, resume)
    fused, alone = fitting.fit()
    save_model(fused.model, run.model, data.manifest(experiment))
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
