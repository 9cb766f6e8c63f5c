"""How good a finished run is under conditions worse than those it was trained under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import RunError, UserError, did_you_mean
from mmcore.evaluation.conditions import ChangedRows, Condition, lagging, presence_under
from mmcore.files import read_json, sha256, write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mmcore.experiment.prepared import Shared
    from mmcore.experiment.specification import Experiment

CONDITIONS = "conditions.json"
"""In a run's folder: its figures under conditions."""

SEED = 0
"""Which rows lack what, and the noise, are the same for every run."""


def evaluate_under(
    experiment: Experiment,
    folder: Path,
    conditions: Mapping[str, Condition],
    *,
    shared: Shared | None = None,
    tell: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure a finished run on its test rows under each condition; nothing is trained.

    What was measured before of the same model is taken from the run's `conditions.json`. Rows in which nothing is left
    of what the model reads can't be predicted and are left out; `n` says how many were judged.

    Args:
        experiment: of the run.
        folder: the run's folder.

    Returns:
        Condition → `n` and the task's figures, which are missing where no row is left.

    Raises:
        UserError: a condition does not fit the modalities' kinds, or the data can't be read.
    """
    model = sha256(folder / "model" / "model.json")  # which holds the hashes of all files of the model
    stored = _stored(folder, model)
    found = {}
    measure = None
    for name, condition in conditions.items():
        asked = condition.model_dump(mode="json")
        if stored.get(name, {}).get("condition") != asked:
            measure = measure or _Measuring(experiment, folder, shared, tell or (lambda event: None))
            stored[name] = {"condition": asked, "metrics": measure(condition)}
        found[name] = stored[name]["metrics"]
    if measure is not None:
        write_json(folder / CONDITIONS, {"model": model, "conditions": stored})
    return found


def refuse_unknown(conditions: Mapping[str, Condition], modalities: Sequence[str]) -> None:
    """Refuse conditions that name a modality which no run reads.

    Raises:
        UserError: with the nearest name.
    """
    for condition, asked in conditions.items():
        for name in asked.modalities:
            if name not in modalities:
                raise UserError(f"test_with.{condition}: no run reads {name!r}", hint=did_you_mean(name, modalities))


def stored_figures(folder: Path) -> dict[str, Any]:
    """`metric@condition` → figure, of all that a run was measured under."""
    path = folder / CONDITIONS
    kept = read_json(path)["conditions"] if path.is_file() else {}
    return {
        f"{metric}@{condition}": value
        for condition, each in kept.items()
        for metric, value in each["metrics"].items()
    }  # fmt: skip


def _stored(folder: Path, model: str) -> dict[str, Any]:
    try:
        kept = read_json(folder / CONDITIONS) if (folder / CONDITIONS).is_file() else {}
    except RunError:
        kept = {}
    return dict(kept["conditions"]) if kept.get("model") == model else {}


class _Measuring:
    """A finished run's model and its test rows, loaded once."""

    def __init__(self, experiment: Experiment, folder: Path, shared: Shared | None, tell: Any):
        from mmcore.catalog import load as load_catalog
        from mmcore.experiment.fitted import load
        from mmcore.experiment.prepared import prepare_data

        self.experiment, self.fitted = experiment, load(folder)
        self.data = prepare_data(experiment, load_catalog(), tell, shared)

    def __call__(self, condition: Condition) -> dict[str, Any]:
        """`n` and the task's figures."""
        from mmcore.data.loading import collate
        from mmcore.evaluation.inference import infer
        from mmcore.evaluation.metrics import scalar_metrics
        from mmcore.training.loop import training_device

        data, model, options = self.data, self.fitted.module, self.experiment.training
        rows = data.splits["test"] if len(data.splits["test"]) else data.splits["validation"]
        columns = [data.survey.modalities.index(name) for name in model.modalities]
        present = presence_under(condition, data.survey.present[rows][:, columns], model.modalities, rows, seed=SEED)
        rows, present = rows[present.any(1)], present[present.any(1)]
        if not len(rows):
            return {"n": 0}
        preparation = replace(data.preparation, kinds=lagging(data.preparation.kinds, condition))
        prepared = preparation.dataset(
            model, data.source.rows, root=data.source.root, indices=rows, targets=data.targets
        )
        changed = ChangedRows(prepared, present, condition, seed=SEED)
        found = infer(
            model, changed, collate, batch_size=options.encode_batch_size, device=training_device(options)
        )  # fmt: skip
        return {"n": len(rows), **scalar_metrics(data.task, found.logits, data.targets[rows])}
