"""Explaining rows of a run, or measuring over them: which rows, by what, and where the result lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mmcore.attribution.explaining import explain_row as explain_one
from mmcore.attribution.row import Row
from mmcore.attribution.trust import shuffled
from mmcore.catalog import as_config
from mmcore.catalog import load as load_catalog
from mmcore.errors import DataError, OptionError, did_you_mean
from mmcore.experiment.explained_rows import Explained, Job, checked, explain_rows
from mmcore.experiment.measured_rows import measure_rows

if TYPE_CHECKING:
    import pandas as pd

    from mmcore.attribution.explanation import Explanation
    from mmcore.catalog import Resolved
    from mmcore.data.source import DataSource
    from mmcore.experiment.fitted import FittedModel
    from mmcore.experiment.specification import Experiment
    from mmcore.options import ComponentConfig
    from mmcore.run import Event, RunFolder

ROWS, MEASURED_ROWS = 12, 500
"""Rows that are explained, and rows that a measure over a data set looks at, where nobody says how many."""

Pairs = Sequence[tuple[str, str]] | Literal["all"]
"""Modalities that play two by two while the others stay as they are."""


def explain_row(
    model: FittedModel,
    samples: Mapping[str, Any],
    explainer: str | Mapping[str, Any] | ComponentConfig,
    *,
    row_id: str,
    number: int | None = None,
    target: Any = None,
    play: Sequence[str] | None = None,
    check: bool = False,
    **options: Any,
) -> Explanation:
    """Explain one row of decoded samples by an explainer of the catalogue; `options` are added to its own."""
    resolved = _resolved(_config(explainer, options))
    row = Row(
        model.module,
        model.preparation.kinds,
        samples,
        descriptions=model.preparation.descriptions,
        id=row_id,
        number=number,
        target=target,
    )
    built = load_catalog().build(resolved.declaration, resolved.options)
    found = explain_one(row, built, resolved.declaration, resolved.options, play=play)
    return checked(row, found, built, resolved, shuffled(model.module), play=play) if check else found


def explain_run(
    folder: str | Path,
    explainer: str | Mapping[str, Any] | ComponentConfig = "mm_shap",
    *,
    rows: int | None = None,
    ids: Sequence[str] = (),
    split: str = "test",
    pairs: Pairs = (),
    check: bool = False,
    out: str | Path | None = None,
    workers: int = 1,
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> Explained:
    """Explain rows of a finished run's own data, or measure over them.

    Rows that were explained before with the same settings are not explained again.

    Args:
        rows: how many of the split: right and wrong ones alike as far as there are any, for a measure over a data set
            at random; None for 12, or 500.
        ids: these rows instead, of any split.
        pairs: explain every row once for each pair of modalities, the others staying as they are; "all" means every
            pair that the model reads.
        check: also check each explanation: curves of insertion and deletion, and the model with its weights shuffled.
        out: a folder for what is found; the run's `explanations/` by default.
        workers: processes that explain, or encode, side by side.
        options: of the explainer.

    Raises:
        UserError: there is no such row, split or modality, or the data are no longer those of the run.
    """
    from mmcore.experiment.fitted import load
    from mmcore.experiment.prepared import open_source
    from mmcore.experiment.specification import Experiment
    from mmcore.run import RunFolder

    model = load(folder)
    run = RunFolder(Path(folder), [on_event] if on_event else [])
    experiment = Experiment.load(run.path / "experiment.yaml")
    config = _config(explainer, options)
    resolved = _resolved(config)
    measuring = resolved.declaration.needs == "dataset"
    chosen_pairs = _pairs(pairs, model.modalities)
    if measuring and chosen_pairs:
        raise OptionError(f"{resolved.declaration.name!r} measures all modalities", hint="Leave the pairs out.")
    if measuring and check:
        raise OptionError(f"{resolved.declaration.name!r} explains no rows", hint="Leave the check out.")
    count = rows or (MEASURED_ROWS if measuring else ROWS)
    chosen = _chosen(_predictions(run), rows=count, ids=ids, split=split, seed=experiment.seed, evenly=not measuring)
    source = open_source(experiment, load_catalog())
    place = Path(out) if out is not None else run.path / "explanations"
    if measuring:
        return measure_rows(model, source, chosen, resolved, run, place, workers=workers)
    job = Job(run, place, config, resolved, check)
    return explain_rows(model, source, chosen, job, pairs=chosen_pairs, workers=workers)


def explain_fitted(experiment: Experiment, source: DataSource, run: RunFolder) -> Explained:
    """What an experiment's `explain:` asks for, at the end of its run."""
    from mmcore.experiment.fitted import load_artefact

    assert experiment.explain is not None
    model = load_artefact(run.model, load_catalog(), folder=run.path)
    config = experiment.explain.explainer
    resolved = _resolved(config)
    predictions = _predictions(run)
    split = "test" if (predictions["split"] == "test").any() else "validation"
    measuring = resolved.declaration.needs == "dataset"
    count = experiment.explain.rows
    chosen = _chosen(predictions, rows=count, ids=(), split=split, seed=experiment.seed, evenly=not measuring)
    place = run.path / "explanations"
    if measuring:
        return measure_rows(model, source, chosen, resolved, run, place)
    pairs = _pairs(experiment.explain.pairs, model.modalities)
    return explain_rows(model, source, chosen, Job(run, place, config, resolved), pairs=pairs)


def _config(explainer: str | Mapping[str, Any] | ComponentConfig, options: Mapping[str, Any]) -> ComponentConfig:
    config = as_config(explainer, ("explain", "explainer"))
    return config.model_copy(update={"options": {**config.options, **options}})


def _resolved(config: ComponentConfig) -> Resolved:
    return load_catalog().resolve("explainer", config, path=("explain", "explainer"))


def _pairs(pairs: Pairs, modalities: Sequence[str]) -> list[tuple[str, str]]:
    """In the model's order, each once."""
    if pairs == "all":
        if len(modalities) < 2:
            raise OptionError(f"the model reads {modalities[0]} alone, so there is no pair")
        return list(combinations(modalities, 2))
    for one, other in pairs:
        for name in (one, other):
            if name not in modalities:
                raise OptionError(f"the model has no modality {name!r}", hint=did_you_mean(name, modalities))
        if one == other:
            raise OptionError(f"a pair needs two modalities; {one!r} is there twice")
    order = list(modalities).index
    return list(dict.fromkeys((a, b) if order(a) < order(b) else (b, a) for a, b in pairs))


def _predictions(run: RunFolder) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(run.path / "predictions.parquet")


def _chosen(
    predictions: pd.DataFrame, *, rows: int | None, ids: Sequence[str], split: str, seed: int, evenly: bool = True
) -> pd.DataFrame:
    """The predictions to explain, in the order of the data set; `evenly`: wrong ones as often as right ones."""
    if ids:
        known = set(predictions["id"])
        for name in ids:
            if name not in known:
                raise DataError(
                    f"the run has no row {name!r}",
                    hint=f"{_nearest(name, known)}Ids stand in its predictions.parquet.",
                )
        return predictions[predictions["id"].isin(list(ids))].sort_values("row")
    table = predictions[predictions["split"] == split]
    if table.empty:
        splits = ", ".join(dict.fromkeys(predictions["split"]))
        raise DataError(f"the run has no split {split!r}", hint=f"It has {splits}.")
    if rows is None or rows >= len(table):
        return table.sort_values("row")
    right = np.array([_same(t, p) for t, p in zip(table["target"], table["prediction"], strict=True)])
    order = np.random.default_rng(seed).permutation(len(table))
    if not evenly:
        return table.iloc[np.sort(order[:rows])].sort_values("row")
    wrong, good = order[~right[order]], order[right[order]]
    half = max(rows // 2, rows - len(good))
    kept = np.concatenate([wrong[:half], good])[:rows]
    return table.iloc[np.sort(kept)].sort_values("row")


def _nearest(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, known, n=1)
    return f"Did you mean {found[0]!r}? " if found else ""


def _same(target: Any, prediction: Any) -> bool:
    plain = [value.tolist() if hasattr(value, "tolist") else value for value in (target, prediction)]
    return bool(plain[0] == plain[1])
