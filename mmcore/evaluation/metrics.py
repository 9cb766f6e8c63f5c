"""How good predictions are, by type of task: torchmetrics' figures as plain numbers, ready for JSON.

What is undefined (a mean over nothing) is None, never NaN.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmcore.evaluation.inference import Inference
    from mmcore.tasks.task import Task

Values = Tensor | np.ndarray

BINS = 15
"""Bins of equal width for calibration."""

LARGEST_CONFUSION_MATRIX = 256
"""Classes up to which the whole confusion matrix is given; the most frequent confusions always are."""


def scalar_metrics(task: Task, logits: Values, targets: Values) -> dict[str, float | None]:
    """The figures that are one number each, without the per-class parts: what training watches.

    Single-label: `top1`, `top3`, `top5` (accuracy among the k most probable classes), `macro_f1`, `weighted_f1`,
    `ece` (expected calibration error, 15 bins). Multi-label: `map` (mean average precision over the labels that occur),
    `micro_f1`, `macro_f1`, `weighted_f1`, `exact_match`, `ece`. Regression, in the target's own unit: `mae`, `rmse`,
    `r2`.

    Args:
        logits: `(N, C)`; `(N, 1)` in regression. N ≥ 1.
        targets: as the task encodes them.
    """
    scalars = {"single_label": _single_label, "multi_label": _multi_label, "regression": _regression}[task.type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchmetrics warns of classes without rows, which per_class shows
        return {
            name: _number(value) for name, value in scalars(task, _tensor(logits), torch.as_tensor(targets)).items()
        }


def metrics(task: Task, logits: Values, targets: Values) -> dict[str, Any]:
    """All figures: those of `scalar_metrics`, `n`, and where the task has classes the parts below.

    `per_class`: label → precision, recall, f1, support (multi-label: average_precision too). `calibration`: see
    `calibration_curve`. Single-label: `confusion`, rows are the true classes and columns the predicted ones (up to 256
    classes), and `confusions`, the most frequent wrong pairs.
    """
    found: dict[str, Any] = {"n": len(targets), **scalar_metrics(task, logits, targets)}
    if task.type == "regression":
        return found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found["per_class"] = per_class(task, logits, targets)
    found["calibration"] = calibration_curve(task, logits, targets)
    if task.type == "single_label":
        counts = confusion_counts(task, logits, targets)
        if len(class_names(task)) <= LARGEST_CONFUSION_MATRIX:
            matrix = np.zeros((len(class_names(task)), len(class_names(task))), dtype=int)
            for (target, predicted), count in counts.items():
                matrix[target, predicted] = count
            found["confusion"] = matrix.tolist()
        wrong = sorted((-n, target, predicted) for (target, predicted), n in counts.items() if target != predicted)
        found["confusions"] = [
            {"target": str(class_names(task)[target]), "prediction": str(class_names(task)[predicted]), "n": -n}
            for n, target, predicted in wrong[:20]
        ]
    return found


def scored(task: Task, found: Inference) -> dict[str, Any]:
    """All figures of an inference whose targets are known."""
    assert found.targets is not None
    return metrics(task, found.logits, found.targets)


def per_class(task: Task, logits: Values, targets: Values) -> dict[str, dict[str, float | int | None]]:
    """Label → precision, recall, f1 and support; 0 where a class has no row or no prediction."""
    from torchmetrics.functional import classification as tm

    probabilities, wanted = task.probabilities(_tensor(logits)), torch.as_tensor(targets)
    columns: dict[str, Tensor] = {}
    if task.type == "single_label":
        padded = _at_least_two(probabilities)
        for name, score in _scores(tm, "multiclass").items():
            columns[name] = score(padded, wanted, num_classes=padded.shape[1], average="none")
        columns["support"] = torch.bincount(wanted, minlength=len(class_names(task)))
    else:
        padded, truth = _at_least_two(probabilities), _at_least_two(wanted.int())
        for name, score in _scores(tm, "multilabel").items():
            columns[name] = score(padded, truth, padded.shape[1], threshold=_threshold(task), average="none")
        columns["average_precision"] = _average_precision(probabilities, wanted)
        columns["support"] = wanted.sum(0).long()
    listed = {name: values.tolist() for name, values in columns.items()}
    return {
        str(label): {
            name: int(values[row]) if name == "support" else _number(values[row]) for name, values in listed.items()
        }
        for row, label in enumerate(class_names(task))
    }


def calibration_curve(task: Task, logits: Values, targets: Values, *, bins: int = BINS) -> list[dict[str, float]]:
    """Confidence against accuracy, per bin of confidence that has rows: low, high, confidence, accuracy, n.

    Single-label: the most probable class. Multi-label: every label of every row, its probability and whether it holds.
    """
    probabilities = task.probabilities(_tensor(logits)).numpy()
    wanted = np.asarray(targets)
    if task.type == "single_label":
        confidence, right = probabilities.max(1), probabilities.argmax(1) == wanted
    else:
        confidence, right = probabilities.ravel(), wanted.ravel() > 0.5
    numbers = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "low": round(number / bins, 6),
            "high": round((number + 1) / bins, 6),
            "confidence": float(confidence[numbers == number].mean()),
            "accuracy": float(right[numbers == number].mean()),
            "n": int((numbers == number).sum()),
        }
        for number in np.unique(numbers).tolist()
    ]


def confusion_counts(task: Task, logits: Values, targets: Values) -> dict[tuple[int, int], int]:
    """(true class, predicted class) → rows, for the pairs that occur."""
    predicted = _tensor(logits).argmax(1).numpy()
    wanted = np.asarray(targets).astype(np.int64)
    pairs, counts = np.unique(wanted * len(class_names(task)) + predicted, return_counts=True)
    return {
        divmod(pair, len(class_names(task))): count for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True)
    }


def in_target_unit(task: Task, values: Values) -> np.ndarray:
    """Regression outputs or encoded targets `(N,)` or `(N, 1)` → `(N,)` float64 in the target's own unit."""
    plain = np.asarray(values, dtype=np.float64).reshape(-1)
    return plain * float(getattr(task, "sd", 1.0)) + float(getattr(task, "mean", 0.0))


def _single_label(task: Task, logits: Tensor, targets: Tensor) -> dict[str, Any]:
    from torchmetrics.functional import classification as tm

    probabilities = _at_least_two(task.probabilities(logits))
    count = probabilities.shape[1]
    ranks = (logits > logits.gather(1, targets[:, None])).sum(1)  # classes before the true one
    found: dict[str, Any] = {"top1": (logits.argmax(1) == targets).float().mean()}
    found |= {f"top{k}": (ranks < k).float().mean() for k in (3, 5)}
    for average in ("macro", "weighted"):
        found[f"{average}_f1"] = tm.multiclass_f1_score(probabilities, targets, num_classes=count, average=average)
    found["ece"] = tm.multiclass_calibration_error(probabilities, targets, num_classes=count, n_bins=BINS)
    return found


def _multi_label(task: Task, logits: Tensor, targets: Tensor) -> dict[str, Any]:
    from torchmetrics.functional import classification as tm

    probabilities, wanted = task.probabilities(logits), targets.int()
    padded, truth = _at_least_two(probabilities), _at_least_two(wanted)
    found: dict[str, Any] = {"map": _average_precision(probabilities, wanted).nanmean()}
    for average in ("micro", "weighted"):
        found[f"{average}_f1"] = tm.multilabel_f1_score(
            padded, truth, num_labels=padded.shape[1], threshold=_threshold(task), average=average
        )
    claimed = probabilities > _threshold(task)
    each = tm.multilabel_f1_score(
        padded, truth, num_labels=padded.shape[1], threshold=_threshold(task), average="none"
    )[: wanted.shape[1]]
    seen = (claimed | wanted.bool()).any(0)  # as with single labels: one that nobody has and nobody claims says nothing
    found["macro_f1"] = each[seen].mean() if seen.any() else 0.0
    found["exact_match"] = (claimed == wanted.bool()).all(1).float().mean()
    found["ece"] = tm.binary_calibration_error(probabilities.flatten(), wanted.flatten(), n_bins=BINS)
    return found


def _regression(task: Task, logits: Tensor, targets: Tensor) -> dict[str, Any]:
    from torchmetrics.functional import mean_absolute_error, mean_squared_error, r2_score

    predicted = torch.from_numpy(in_target_unit(task, logits))
    wanted = torch.from_numpy(in_target_unit(task, targets))
    spread = len(wanted) > 1 and bool((wanted != wanted[0]).any())
    return {
        "mae": mean_absolute_error(predicted, wanted),
        "rmse": mean_squared_error(predicted, wanted, squared=False),
        "r2": r2_score(predicted, wanted) if spread else None,
    }


def _average_precision(probabilities: Tensor, targets: Tensor) -> Tensor:
    """`(C,)`; NaN for a label that no row has."""
    from torchmetrics.functional.classification import binary_average_precision

    nothing = torch.tensor(float("nan"))
    return torch.stack(
        [
            binary_average_precision(probabilities[:, label], targets[:, label].int())
            if targets[:, label].any()
            else nothing
            for label in range(targets.shape[1])
        ]
    )


def _at_least_two(columns: Tensor) -> Tensor:
    """A single class gets an empty one beside it: torchmetrics asks for two, and the empty one counts nowhere."""
    return columns if columns.shape[1] > 1 else torch.nn.functional.pad(columns, (0, 1))


def _scores(tm: Any, prefix: str) -> dict[str, Callable[..., Tensor]]:
    return {
        "precision": getattr(tm, f"{prefix}_precision"),
        "recall": getattr(tm, f"{prefix}_recall"),
        "f1": getattr(tm, f"{prefix}_f1_score"),
    }


def class_names(task: Any) -> tuple[str, ...]:
    """The classes of a task; none in regression."""
    return tuple(getattr(task, "classes", ()))


def _threshold(task: Any) -> float:
    return float(task.threshold)


def _tensor(values: Values) -> Tensor:
    return torch.as_tensor(values).detach().float().cpu()


def _number(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
