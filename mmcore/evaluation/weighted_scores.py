"""Metrics under many weightings of the rows at once: what a bootstrap needs, in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mmcore.evaluation.metrics import BINS, in_target_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmcore.tasks.task import Task


def scorer(task: Task, logits: np.ndarray, targets: np.ndarray) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """A function from row weights `(R, N)` to metrics by name, each `(R,)`; NaN where undefined.

    With all weights 1 they are the figures of `mmcore.evaluation.metrics.scalar_metrics`.
    """
    if task.type == "regression":
        return _regression(in_target_unit(task, logits), in_target_unit(task, targets))
    probabilities = task.probabilities(torch.as_tensor(logits).float()).numpy()
    if task.type == "single_label":
        return _single_label(np.asarray(logits), probabilities, np.asarray(targets).astype(np.int64))
    return _multi_label(probabilities, np.asarray(targets) > 0.5, float(getattr(task, "threshold", 0.5)))


def _single_label(
    logits: np.ndarray, probabilities: np.ndarray, targets: np.ndarray
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    count = logits.shape[1]
    predicted = logits.argmax(1)
    right = predicted == targets
    ranks = (logits > np.take_along_axis(logits, targets[:, None], 1)).sum(1)

    def score(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = weights.sum(1)
        hits = _sums(weights * right, targets, count)
        true, claimed = _sums(weights, targets, count), _sums(weights, predicted, count)
        f1 = _ratio(2 * hits, true + claimed)  # NaN for a class that no row has or is given
        found = {"top1": (weights @ right) / total}
        found |= {f"top{k}": (weights @ (ranks < k)) / total for k in (3, 5) if k < count}
        found["macro_f1"] = _mean_of_defined(f1)
        found["weighted_f1"] = (np.nan_to_num(f1) * true).sum(1) / total
        found["ece"] = _ece(weights, probabilities.max(1), right)
        return found

    return score


def _multi_label(
    probabilities: np.ndarray, targets: np.ndarray, threshold: float
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    claimed = probabilities > threshold
    rankings = [_ranking(probabilities[:, label]) for label in range(targets.shape[1])]
    exact = (claimed == targets).all(1)

    def score(weights: np.ndarray) -> dict[str, np.ndarray]:
        hits, true, said = (weights @ part.astype(float) for part in (claimed & targets, targets, claimed))
        f1 = _ratio(2 * hits, true + said)
        precision = [
            _average_precision(weights, targets[:, label], *rankings[label]) for label in range(targets.shape[1])
        ]
        flat = np.repeat(weights, targets.shape[1], axis=1)
        return {
            "map": _mean_of_defined(np.stack(precision, axis=1)),
            "micro_f1": np.nan_to_num(_ratio(2 * hits.sum(1), (true + said).sum(1))),
            "macro_f1": np.nan_to_num(_mean_of_defined(f1)),
            "weighted_f1": np.nan_to_num(_ratio((np.nan_to_num(f1) * true).sum(1), true.sum(1))),
            "exact_match": (weights @ exact) / weights.sum(1),
            "ece": _ece(flat, probabilities.ravel(), targets.ravel()),
        }

    return score


def _regression(predicted: np.ndarray, targets: np.ndarray) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    error = predicted - targets

    def score(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = weights.sum(1)
        squared = weights @ error**2
        mean = (weights @ targets) / total
        spread = (weights * (targets - mean[:, None]) ** 2).sum(1)
        return {
            "mae": (weights @ np.abs(error)) / total,
            "rmse": np.sqrt(squared / total),
            "r2": 1 - _ratio(squared, spread),
        }

    return score


def _sums(weights: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """`(R, N)` summed within each group of rows → `(R, count)`."""
    order = np.argsort(groups, kind="stable")
    found, starts = np.unique(groups[order], return_index=True)
    sums = np.zeros((len(weights), count))
    sums[:, found] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def _ece(weights: np.ndarray, confidence: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Expected calibration error: Σ over bins of |Σ w (confidence − right)| / Σ w."""
    edges = torch.linspace(0, 1, BINS + 1).numpy()
    bins = np.searchsorted(edges, confidence, side="right") - 1
    return np.abs(_sums(weights * (confidence - right), bins, BINS + 1)).sum(1) / weights.sum(1)


def _ranking(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows by falling score, and the last position of each run of equal scores."""
    order = np.argsort(-scores, kind="stable")
    return order, np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)


def _average_precision(weights: np.ndarray, targets: np.ndarray, order: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Σ (recall step) · precision over the distinct scores; NaN without a positive row."""
    taken = weights[:, order]
    hits = np.cumsum(taken * targets[order], axis=1)[:, ends]
    precision = np.nan_to_num(_ratio(hits, np.cumsum(taken, axis=1)[:, ends]))
    steps = np.diff(hits, axis=1, prepend=0.0)
    return _ratio((steps * precision).sum(1), hits[:, -1])


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    return _ratio(np.nan_to_num(values).sum(1), (~np.isnan(values)).sum(1))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) > 0)
