"""Explaining rows of a run: which ones, one file each, and the tables over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.attribution.explaining import explain_row as explain_one
from mmcore.attribution.explanation import Explanation
from mmcore.attribution.row import Row
from mmcore.attribution.tables import ShareTable, share_tables
from mmcore.catalog import as_config
from mmcore.catalog import load as load_catalog
from mmcore.data.reading import iterate_rows
from mmcore.errors import ComponentError, DataError
from mmcore.files import read_json, write_json, write_text, writing

if TYPE_CHECKING:
    import pandas as pd

    from mmcore.attribution.evaluated import Measure
    from mmcore.catalog import Resolved
    from mmcore.data.source import DataSource
    from mmcore.experiment.fitted import FittedModel
    from mmcore.experiment.specification import Experiment
    from mmcore.options import ComponentConfig
    from mmcore.run import Event, RunFolder

Progress = Callable[[int, int], None]
"""Told (rows done, rows in all)."""


ROWS, MEASURED_ROWS = 12, 500
"""Rows that are explained, and rows that a measure over a data set looks at, where nobody says how many."""


@dataclass(frozen=True)
class Explained:
    """Explanations of a run's rows, or a measure over them, and where they lie."""

    folder: Path
    explanations: list[Explanation]
    tables: list[ShareTable]
    measure: Measure | None = None


def explain_row(
    model: FittedModel,
    samples: Mapping[str, Any],
    explainer: str | Mapping[str, Any] | ComponentConfig,
    *,
    row_id: str,
    number: int | None = None,
    target: Any = None,
    **options: Any,
) -> Explanation:
    """Explain one row of decoded samples by an explainer of the catalogue; `options` are added to its own."""
    resolved = _resolved(explainer, options)
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
    return explain_one(row, built, resolved.declaration, resolved.options)


def explain_run(
    folder: str | Path,
    explainer: str | Mapping[str, Any] | ComponentConfig = "mm_shap",
    *,
    rows: int | None = None,
    ids: Sequence[str] = (),
    split: str = "test",
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> Explained:
    """Explain rows of a finished run's own data, and write them into its `explanations/` folder.

    Rows that were explained before with the same settings are not explained again.

    Args:
        rows: how many of the split: right and wrong ones alike as far as there are any, for a measure over a data set
            at random; None for 12, or 500.
        ids: these rows instead, of any split.
        options: of the explainer.

    Raises:
        UserError: there is no such row or split, or the data are no longer those of the run.
    """
    from mmcore.experiment.fitted import load
    from mmcore.experiment.prepared import open_source
    from mmcore.experiment.specification import Experiment
    from mmcore.run import RunFolder

    model = load(folder)
    run = RunFolder(Path(folder), [on_event] if on_event else [])
    experiment = Experiment.load(run.path / "experiment.yaml")
    resolved = _resolved(explainer, options)
    measuring = resolved.declaration.needs == "dataset"
    count = rows or (MEASURED_ROWS if measuring else ROWS)
    chosen = _chosen(_predictions(run), rows=count, ids=ids, split=split, seed=experiment.seed, evenly=not measuring)
    source = open_source(experiment, load_catalog())
    if measuring:
        return measure_rows(model, source, chosen, resolved, run)
    return explain_rows(model, source, chosen, resolved, run)


def explain_fitted(experiment: Experiment, source: DataSource, run: RunFolder) -> Explained:
    """What an experiment's `explain:` asks for, at the end of its run."""
    from mmcore.experiment.fitted import load_artefact

    assert experiment.explain is not None
    model = load_artefact(run.model, load_catalog(), folder=run.path)
    resolved = _resolved(experiment.explain.explainer, {})
    predictions = _predictions(run)
    split = "test" if (predictions["split"] == "test").any() else "validation"
    measuring = resolved.declaration.needs == "dataset"
    count = experiment.explain.rows
    chosen = _chosen(predictions, rows=count, ids=(), split=split, seed=experiment.seed, evenly=not measuring)
    return (measure_rows if measuring else explain_rows)(model, source, chosen, resolved, run)


def explain_rows(
    model: FittedModel, source: DataSource, chosen: pd.DataFrame, resolved: Resolved, run: RunFolder
) -> Explained:
    """Explain the rows of a table of predictions: a JSON file and a picture each, then the tables over all of them."""
    name = resolved.declaration.name
    folder = run.path / "explanations" / name
    built = load_catalog().build(resolved.declaration, resolved.options)
    settings = resolved.options.model_dump(mode="json")
    reader = model.preparation.reader(source.root)
    found: list[Explanation] = []
    stage, total = f"explain by {name}", len(chosen)
    for number, entry in _rows(source, reader.columns, chosen):
        target = folder / f"{number}.json"
        known = _known(target, settings)
        if known is None:
            read = reader.read(entry)
            if read.problems or not read.samples:
                raise DataError(f"row {number} can't be read any more", hint="Are the data those of the run?")
            row = Row(
                model.module, model.preparation.kinds, read.samples, descriptions=model.preparation.descriptions,
                id=str(entry["__id"]), number=number, target=entry["__target"],
            )  # fmt: skip
            known = explain_one(row, built, resolved.declaration, resolved.options)
            known.plot(folder / f"{number}.png")
            write_text(target, known.to_json())
        found.append(known)
        run.event({"event": "progress", "stage": stage, "done": len(found), "total": total})
    tables = share_tables(found, model.labels)
    write_json(folder / "table.json", [table.to_dict() for table in tables])
    return Explained(folder, found, tables)


def measure_rows(
    model: FittedModel, source: DataSource, chosen: pd.DataFrame, resolved: Resolved, run: RunFolder
) -> Explained:
    """Measure over rows of a table of predictions; the result is written as JSON and CSV."""
    import csv

    from mmcore.attribution.evaluated import EvaluatedRows, Measure

    name = resolved.declaration.name
    folder = run.path / "explanations" / name
    numbers = chosen["row"].to_numpy()
    list(_rows(source, [], chosen))  # the data must be those of the run
    run.event({"event": "stage", "stage": f"measure by {name}"})
    targets = model.task.encode([_plain(value) for value in chosen["target"]])
    dataset = model.preparation.dataset(model.module, source.rows, root=source.root, indices=numbers)
    rows = EvaluatedRows(model.module, dataset.__getitems__(range(len(numbers))), targets)
    found = load_catalog().build(resolved.declaration, resolved.options).measure(rows)
    if not isinstance(found, Measure):
        raise ComponentError(f"explainer {name!r} returned {type(found).__name__}, not a mmcore.Measure")
    write_json(folder / "measure.json", {**found.to_dict(), "passes": rows.passes})
    with writing(folder / "measure.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([found.columns, *found.lines])
    return Explained(folder, [], [], found)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _resolved(explainer: str | Mapping[str, Any] | ComponentConfig, options: Mapping[str, Any]) -> Resolved:
    config = as_config(explainer, ("explain", "explainer"))
    merged = config.model_copy(update={"options": {**config.options, **options}})
    return load_catalog().resolve("explainer", merged, path=("explain", "explainer"))


def _predictions(run: RunFolder) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(run.path / "predictions.parquet")


def _chosen(
    predictions: pd.DataFrame, *, rows: int | None, ids: Sequence[str], split: str, seed: int, evenly: bool = True
) -> pd.DataFrame:
    """The predictions to explain, in the order of the data set; `evenly`: wrong ones as often as right ones."""
    if ids:
        missing = sorted(set(ids) - set(predictions["id"]))
        if missing:
            raise DataError(f"the run has no row {missing[0]!r}", hint="Ids stand in its predictions.parquet.")
        return predictions[predictions["id"].isin(list(ids))].sort_values("row")
    table = predictions[predictions["split"] == split]
    if table.empty:
        known = ", ".join(dict.fromkeys(predictions["split"]))
        raise DataError(f"the run has no split {split!r}", hint=f"It has {known}.")
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


def _same(target: Any, prediction: Any) -> bool:
    plain = [value.tolist() if hasattr(value, "tolist") else value for value in (target, prediction)]
    return bool(plain[0] == plain[1])


def _rows(source: DataSource, columns: Sequence[str], chosen: pd.DataFrame) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row numbers and rows, with `__id` and `__target` of the stored prediction; the data must be those of the run."""
    wanted = [*columns, *([source.id] if source.id else [])]
    numbers = chosen["row"].to_numpy()
    if len(numbers) and numbers.max() >= len(source.rows):
        raise DataError("the data are no longer those of the run: there are fewer rows")
    targets = [value.tolist() if hasattr(value, "tolist") else value for value in chosen["target"]]
    rows = iterate_rows(source.rows, wanted, numbers)
    for (number, row), name, target in zip(rows, chosen["id"], targets, strict=True):
        if source.id and str(row.get(source.id)) != name:
            raise DataError(f"the data are no longer those of the run: row {number} was {name!r}")
        yield number, {**row, "__id": name, "__target": target}


def _known(path: Path, settings: Mapping[str, Any]) -> Explanation | None:
    """An explanation that is there already, made with the same settings."""
    if not path.is_file() or not path.with_suffix(".png").is_file():
        return None
    stored = read_json(path)
    same = all(stored.get("settings", {}).get(name) == value for name, value in settings.items())
    return Explanation.from_dict(stored) if same else None
