"""What fusion gained over the best single modality: a paired bootstrap over rows, said in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.evaluation.weighted_scores import scorer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmcore.evaluation.inference import Inference
    from mmcore.tasks.task import Task

_LOWER_IS_BETTER = frozenset({"ece", "mae", "rmse"})
_CELLS = 4_000_000
"""Row weights held in memory at once."""


def gain(
    task: Task,
    fused: Inference,
    singles: Mapping[str, Inference],
    *,
    level: float = 0.95,
    repetitions: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Any]]:
    """Per metric: the fused model against the best single modality on the same rows, and an interval for the gain.

    The best single modality is the one that does best on these rows, so the comparison leans against fusion. Rows are
    drawn with replacement, the same ones for both models, and the interval is the percentile interval of the gain
    (Efron & Tibshirani 1993, §13.3). A gain above 0 is always good: for `ece`, `mae` and `rmse` it is what became less.

    Args:
        singles: modality → what the model of it alone gave. Rows that a single model could not predict, because its
            modality is absent there, are left out for all.
        level: of the interval.

    Returns:
        metric → fused, best_single, modality, gain, low, high, rows, verdict. Metrics that are undefined on these rows
        are left out; without common rows or singles the mapping is empty.
    """
    common = fused.index
    for single in singles.values():
        common = np.intersect1d(common, single.index)
    if not singles or len(common) == 0 or fused.targets is None:
        return {}
    aligned = _at(fused, common)
    targets = np.asarray(aligned.targets)
    score_fused = scorer(task, aligned.logits, targets)
    score_single = {name: scorer(task, _at(single, common).logits, targets) for name, single in singles.items()}
    everything = np.ones((1, len(common)))
    fused_values = {name: float(value[0]) for name, value in score_fused(everything).items()}
    single_values = {
        modality: {name: float(value[0]) for name, value in score(everything).items()}
        for modality, score in score_single.items()
    }
    best = {name: _best(single_values, name) for name, value in fused_values.items() if np.isfinite(value)}
    draws = _draw(score_fused, score_single, best, len(common), repetitions, seed)
    result = {}
    for name, modality in best.items():
        if modality is None:
            continue
        sign = -1.0 if name in _LOWER_IS_BETTER else 1.0
        difference = sign * (fused_values[name] - single_values[modality][name])
        values = sign * draws[name]
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        low, high = (float(bound) for bound in np.quantile(values, [(1 - level) / 2, (1 + level) / 2]))
        result[name] = {
            "fused": fused_values[name],
            "best_single": single_values[modality][name],
            "modality": modality,
            "gain": difference,
            "low": low,
            "high": high,
            "rows": len(common),
            "verdict": verdict(difference, low, high, modality, level),
        }
    return result


def verdict(difference: float, low: float, high: float, modality: str, level: float = 0.95) -> str:
    """What a gain and its interval say.

    >>> verdict(0.021, 0.004, 0.038, "text")
    'fusion gained 0.021 over text alone (95 % interval 0.004 to 0.038)'
    >>> verdict(0.003, -0.012, 0.018, "text")
    'fusion gained nothing that shows: 0.003 over text alone, and the 95 % interval -0.012 to 0.018 includes 0'
    """
    interval = f"{100 * level:g} % interval {low:.3f} to {high:.3f}"
    if low > 0:
        return f"fusion gained {difference:.3f} over {modality} alone ({interval})"
    if high < 0:
        return f"fusion lost {-difference:.3f} against {modality} alone ({interval})"
    return f"fusion gained nothing that shows: {difference:.3f} over {modality} alone, and the {interval} includes 0"


def _at(inference: Inference, rows: np.ndarray) -> Inference:
    order = np.argsort(inference.index, kind="stable")
    return inference.rows(order[np.searchsorted(inference.index[order], rows)])


def _best(values: Mapping[str, Mapping[str, float]], metric: str) -> str | None:
    """The modality that does best; the first one by name where several do."""
    sign = -1.0 if metric in _LOWER_IS_BETTER else 1.0
    found = [(-sign * scores[metric], name) for name, scores in values.items() if np.isfinite(scores[metric])]
    return min(found)[1] if found else None


def _draw(
    score_fused: Any,
    score_single: Mapping[str, Any],
    best: Mapping[str, str | None],
    n: int,
    repetitions: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Metric → fused minus best single, per resampling of the rows."""
    rng = np.random.default_rng(seed)
    chunk = max(1, _CELLS // n)
    used = sorted({modality for modality in best.values() if modality is not None})
    differences: dict[str, list[np.ndarray]] = {name: [] for name in best}
    for start in range(0, repetitions, chunk):
        weights = rng.multinomial(n, np.full(n, 1 / n), size=min(chunk, repetitions - start)).astype(float)
        fused = score_fused(weights)
        single = {modality: score_single[modality](weights) for modality in used}
        for name, modality in best.items():
            if modality is not None:
                differences[name].append(fused[name] - single[modality][name])
    return {name: np.concatenate(parts) for name, parts in differences.items() if parts}
