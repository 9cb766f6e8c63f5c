"""Train a fusion model: deterministic, resumable, with the best epoch's weights at the end."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from mmcore.errors import DataError, MissingDependency, RunError
from mmcore.files import digest
from mmcore.training.checkpoints import checkpoint_path, discard_incomplete, keep_only, latest_checkpoint
from mmcore.training.determinism import deterministic
from mmcore.training.options import TrainingOptions, check_monitor
from mmcore.training.progress import TrainingProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import TrainingArguments

    from mmcore.model.fusion_model import FusionModel
    from mmcore.training.trainer import Metric, ModelTrainer


@dataclass(frozen=True)
class TrainingResult:
    """What came out of a training.

    Args:
        best_epoch: the epoch (from 1) whose weights the model has; without a validation split, the last.
        history: per epoch: `epoch`, `train_loss`, and of the validation split `loss` and the metrics.
        stopped_early: whether the patience ran out before the last epoch.
        steps: optimiser steps, those before a resume included.
        resumed_from: the step of the checkpoint that it went on from; None when it began anew.
    """

    best_epoch: int
    history: list[dict[str, Any]]
    stopped_early: bool
    steps: int
    resumed_from: int | None = None


def train(
    model: FusionModel,
    train_set: Any,
    validation_set: Any | None,
    collate: Callable[..., Any],
    options: TrainingOptions,
    *,
    checkpoints: Path,
    seed: int,
    metric: Metric | None = None,
    on_event: Callable[[dict[str, Any]], None] | None = None,
    resume: bool = False,
    name: str = "fused",
) -> TrainingResult:
    """Train `model` in place and leave it in eval mode, with the weights of its best epoch.

    The same model, data, options and seed give the same bits, also after a kill and `resume`: then the caller builds
    the model as before (frozen weights are not in checkpoints) and training goes on from the last complete checkpoint,
    or from the start when there is none.

    Args:
        train_set: a map-style data set; `collate` makes trees of its items (see `mmcore.data.loading`).
        validation_set: chooses the best epoch and stops early; None trains all epochs and keeps the last weights.
        checkpoints: a folder for this training alone; the caller deletes it when the run is finished.
        metric: from validation logits and targets to metrics.
        on_event: told `resumed`, `progress`, `epoch` and `early_stopped`, with the model's `name` as "model".

    Raises:
        OptionError: the task has no such metric to monitor.
        DataError: there is nothing to train on.
        RunError: the checkpoints are of another training.
        UserError: the loss stopped being a finite number.
        MissingDependency: a tracker is not installed.
    """
    check_monitor(options, getattr(model.task, "type", ""))
    _check_trackers(options)
    for split, rows in (("training", train_set), ("validation", validation_set)):
        if rows is not None and len(rows) == 0:
            raise DataError(f"the {split} split has no rows")
    folder = Path(checkpoints)
    latest = _where_to_start(folder, resume=resume)
    identity = _identity(model, train_set, validation_set, options, seed)
    progress = TrainingProgress.load(latest) if latest else TrainingProgress(identity)
    if progress.identity != identity:
        raise RunError(
            "its checkpoints are of another experiment, data set or model",
            where=str(folder.parent),
            hint="Fit into another folder, or start again with --overwrite.",
        )
    tell = _named(on_event, name)
    done = _step(latest)
    if latest:
        tell({"event": "resumed", "step": done})
    home = next(model.parameters()).device
    if not (progress.stopped_early or progress.epoch == options.epochs):
        with deterministic():
            trainer = _trainer(
                model, train_set, validation_set, collate, options, folder, seed, progress, metric, tell, name
            )
            trainer.train(resume_from_checkpoint=str(latest) if latest else None)
            done = int(trainer.state.global_step)
    _load_weights(model, checkpoint_path(folder, progress.best_step or done))
    model.to(home).eval()
    return TrainingResult(
        best_epoch=progress.best_epoch or progress.epoch,
        history=progress.history,
        stopped_early=progress.stopped_early and progress.epoch < options.epochs,
        steps=done,
        resumed_from=_step(latest) if latest else None,
    )


def training_device(options: TrainingOptions) -> torch.device:
    """Where a model trains and is evaluated under these options."""
    return torch.device("cuda", 0) if options.device == "auto" and torch.cuda.is_available() else torch.device("cpu")


def precision_of(options: TrainingOptions, device: torch.device) -> tuple[str, str]:
    """The precision that a device trains in ("no", "bf16" or "fp16"), and what to say where it lacks the wanted one.

    >>> precision_of(TrainingOptions(), torch.device("cpu"))
    ('no', '')
    >>> precision_of(TrainingOptions(mixed_precision="fp16"), torch.device("cpu"))
    ('no', 'This device has no fp16: training without mixed precision.')
    """
    wanted, on_gpu = options.mixed_precision, device.type == "cuda"
    bf16 = on_gpu and torch.cuda.is_bf16_supported()
    if wanted == "auto":
        return ("bf16" if bf16 else "no"), ""
    if wanted == "no" or (wanted == "bf16" and (bf16 or not on_gpu)) or (wanted == "fp16" and on_gpu):
        return wanted, ""
    return "no", f"This device has no {wanted}: training without mixed precision."


def _where_to_start(folder: Path, *, resume: bool) -> Path | None:
    if not resume:
        keep_only(folder, ())
        return None
    discard_incomplete(folder)
    return latest_checkpoint(folder)


def _step(checkpoint: Path | None) -> int:
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def _identity(
    model: FusionModel, train_set: Any, validation_set: Any | None, options: TrainingOptions, seed: int
) -> str:
    chosen = options.model_dump(exclude={"workers", "checkpoint_every", "report_to", "unimodal_baselines"})
    return digest(
        {
            "options": chosen,
            "seed": seed,
            "rows": [len(train_set), len(validation_set) if validation_set is not None else None],
            "parameters": [(name, list(p.shape), p.requires_grad) for name, p in model.named_parameters()],
        }
    )


def _named(on_event: Callable[[dict[str, Any]], None] | None, name: str) -> Callable[[dict[str, Any]], None]:
    def tell(event: dict[str, Any]) -> None:
        if on_event is not None:
            on_event({**event, "model": name})

    return tell


def _load_weights(model: FusionModel, checkpoint: Path) -> None:
    from mmcore.training.trainer import WEIGHTS_FILE

    saved = load_file(checkpoint / WEIGHTS_FILE)
    outcome = model.load_state_dict({name.removeprefix("model."): value for name, value in saved.items()}, strict=False)
    if outcome.unexpected_keys:
        raise RunError(
            f"the checkpoint holds {outcome.unexpected_keys[0]!r}, the model does not", where=str(checkpoint)
        )


def _trainer(
    model: FusionModel,
    train_set: Any,
    validation_set: Any | None,
    collate: Callable[..., Any],
    options: TrainingOptions,
    folder: Path,
    seed: int,
    progress: TrainingProgress,
    metric: Metric | None,
    tell: Callable[[dict[str, Any]], None],
    name: str,
) -> ModelTrainer:
    from mmcore.training.trainer import ModelTrainer

    precision, message = precision_of(options, training_device(options))
    if message:
        tell({"event": "message", "text": message})
    arguments = _arguments(options, precision, folder, seed)
    trainer = ModelTrainer(
        model,
        arguments,
        train_set=train_set,
        validation_set=validation_set,
        collate=collate,
        options=options,
        progress=progress,
        metric=metric,
        tell=tell,
        name=name,
    )
    for callback in trainer.callback_handler.callbacks:
        if type(callback).__name__ == "TensorBoardCallback" and callback.logging_dir is None:
            callback.logging_dir = str(folder.parent / "tensorboard" / name)  # checkpoints are deleted in the end
    return trainer


def _arguments(options: TrainingOptions, precision: str, folder: Path, seed: int) -> TrainingArguments:
    from transformers import TrainingArguments

    device = training_device(options)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        lr_scheduler_type={"constant": "constant_with_warmup"}.get(options.schedule, options.schedule),
        warmup_steps=options.warmup,
        gradient_accumulation_steps=options.gradient_accumulation,
        max_grad_norm=options.gradient_clip or 0.0,
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=device.type == "cpu",
        seed=seed % 2**32,  # what numpy takes
        data_seed=seed % 2**32,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=None,  # rotated by us, once the new checkpoint is complete
        logging_strategy="no",
        logging_nan_inf_filter=False,
        report_to=[str(tracker) for tracker in options.report_to] or "none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=options.workers,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # no DataParallel: several devices are several processes (torchrun)
    return arguments


def _check_trackers(options: TrainingOptions) -> None:
    packages = {"azure_ml": "azureml", "dagshub": "dagshub", "flyte": "flytekit", "kubeflow": "kubeflow_training"}
    for tracker in options.report_to:
        package = packages.get(tracker, tracker)
        if importlib.util.find_spec(package) is None:
            raise MissingDependency(
                f"the tracker {tracker!r} is not installed", where="training.report_to", hint=f"pip install {package}"
            )
