"""What can be chosen about training: the `training:` key of an experiment. Light: no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from mmcore.errors import OptionError
from mmcore.options import Options

Monitor = Literal[
    "loss", "top1", "top3", "top5", "macro_f1", "weighted_f1", "micro_f1", "map", "exact_match", "ece",
    "mae", "rmse", "r2",
]  # fmt: skip

Tracker = Literal[
    "azure_ml", "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "flyte", "kubeflow", "mlflow", "neptune",
    "swanlab", "tensorboard", "trackio", "wandb",
]  # fmt: skip

MONITORS: dict[str, tuple[str, ...]] = {
    "single_label": ("loss", "top1", "top3", "top5", "macro_f1", "weighted_f1", "ece"),
    "multi_label": ("loss", "map", "micro_f1", "macro_f1", "weighted_f1", "exact_match", "ece"),
    "regression": ("loss", "mae", "rmse", "r2"),
}
"""Which validation metrics can be monitored, by task type."""

LOWER_IS_BETTER = frozenset({"loss", "ece", "mae", "rmse"})
"""Metrics that a better model has less of; of all others it has more."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class TrainingOptions(Options):
    """How a model is trained.

    >>> TrainingOptions(epochs=3).batch_size
    64
    """

    epochs: int = Field(20, ge=1, le=100_000, description="passes over the training rows, at most")
    batch_size: int = Field(64, ge=1, le=1_000_000, description="rows per forward pass")
    learning_rate: float = Field(
        1e-3, gt=0, le=10, description="of the fusion, the head and encoders without one of their own"
    )
    weight_decay: float = Field(0.01, ge=0, le=10, description="of matrices; biases and norms are not decayed")
    optimizer: Literal["adamw", "adam", "sgd"] = Field("adamw", description="sgd has a momentum of 0.9")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "cosine", description="of the learning rate after the warm-up: constant, or falling to 0 over all epochs"
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="share of all steps over which the learning rate rises from 0")
    gradient_accumulation: int = Field(1, ge=1, le=100_000, description="batches per optimiser step")
    gradient_clip: float | None = Field(1.0, gt=0, description="largest norm of the gradient; null does not clip")
    monitor: Monitor = Field("loss", description="validation metric by which the best epoch is chosen")
    early_stopping: int | None = Field(
        5, ge=1, description="stop after so many epochs without a better monitored metric; null never stops early"
    )
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 on a GPU that has it, else none"
    )
    device: Literal["auto", "cpu"] = Field("auto", description="auto: a GPU where there is one")
    workers: int = Field(0, ge=0, le=256, description="processes that read and prepare rows; 0 does it in this one")
    encode_batch_size: int = Field(
        32, ge=1, le=1_000_000, description="rows per pass where nothing is trained: frozen encoders, validation"
    )
    checkpoint_every: Literal["epoch"] | Annotated[int, Field(ge=1)] = Field(
        "epoch", description="optimiser steps between checkpoints, beside the one after each epoch"
    )
    unimodal_baselines: bool | None = Field(
        None,
        description="also train each modality alone; null: where features are cached, so that it costs seconds",
    )
    report_to: Annotated[list[Tracker], BeforeValidator(_as_list)] = Field(
        default_factory=list, description="experiment trackers, as transformers.Trainer knows them"
    )


def check_monitor(options: TrainingOptions, task_type: str) -> None:
    """Refuse a monitored metric that this type of task does not have.

    Raises:
        OptionError: with the metrics that it has.

    >>> check_monitor(TrainingOptions(monitor="top1"), "single_label")
    """
    allowed = MONITORS.get(task_type, get_args(Monitor))
    if options.monitor not in allowed:
        raise OptionError(
            f"{options.monitor!r} is not a metric of a {task_type} task",
            path=("training", "monitor"),
            hint=f"Allowed: {', '.join(allowed)}.",
        )
