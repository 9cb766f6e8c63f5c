"""Explanations of a run's rows: a file and a picture each, then the tables over all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.attribution.explaining import explain_row
from mmcore.attribution.explanation import Explanation
from mmcore.attribution.row import Row
from mmcore.attribution.table_files import write_share_tables
from mmcore.attribution.tables import ShareTable, share_tables
from mmcore.attribution.trust import Trust, shuffled, trust
from mmcore.catalog import load as load_catalog
from mmcore.data.reading import iterate_rows
from mmcore.errors import DataError
from mmcore.experiment.workers import in_workers
from mmcore.files import read_json, write_text

if TYPE_CHECKING:
    import pandas as pd

    from mmcore.attribution.evaluated import Measure
    from mmcore.catalog import Resolved
    from mmcore.data.source import DataSource
    from mmcore.experiment.fitted import FittedModel
    from mmcore.model.fusion_model import FusionModel
    from mmcore.options import ComponentConfig
    from mmcore.run import RunFolder

Pair = tuple[str, str]


@dataclass(frozen=True)
class Explained:
    """Explanations of a run's rows, or a measure over them, and where they lie.

    Args:
        folder: what was written lies here.
        explanations: in the order of the rows; pair by pair, where pairs were asked for.
        tables: shares over classes: one, or one for each pair.
        measure: of an explainer of data sets.
        skipped: rows that lack every modality that should play.
    """

    folder: Path
    explanations: list[Explanation]
    tables: list[ShareTable]
    measure: Measure | None = None
    skipped: int = 0

    @property
    def trust(self) -> Trust | None:
        """What the checks say on average; None where they were not asked for."""
        held = [each.trust for each in self.explanations if each.trust is not None]
        return Trust.mean(held) if held else None


@dataclass(frozen=True)
class Job:
    """What is explained by what, and where it is kept.

    Args:
        run: a finished run; it is told the progress.
        place: a folder; explanations go to `place/<explainer>`, those of a pair to `<one>+<other>` in it.
        config: the explainer as it was chosen, for other processes.
        resolved: the same, checked.
        check: whether each explanation is checked as well; see `mmcore.attribution.trust`.
    """

    run: RunFolder
    place: Path
    config: ComponentConfig
    resolved: Resolved
    check: bool = False

    @property
    def folder(self) -> Path:
        """Where the explainer's own results lie."""
        return self.place / str(self.resolved.declaration.name)


def explain_rows(
    model: FittedModel,
    source: DataSource,
    chosen: pd.DataFrame,
    job: Job,
    *,
    pairs: Sequence[Pair] = (),
    workers: int = 1,
) -> Explained:
    """Explain the rows of a table of predictions, in this process or in several."""
    name, folder = job.resolved.declaration.name, job.folder
    asked: Sequence[Pair | None] = pairs or [None]
    tasks = [(pair, chosen.iloc[[at]]) for pair in asked for at in range(len(chosen))]
    stage, found, skipped = f"explain by {name}", [], 0
    if workers > 1:
        arguments = (str(job.run.path), job.config, folder, job.check)
        results = in_workers(_explain_task, tasks, workers, setup=_set_up, arguments=arguments)
    else:
        explainer = RowExplainer(model, source, job.resolved, folder, job.check)
        results = (explainer.explain(row, pair) for pair, row in tasks)
    for done, explanation in enumerate(results, 1):
        if explanation is None:
            skipped += 1
        else:
            found.append(explanation)
        job.run.event({"event": "progress", "stage": stage, "done": done, "total": len(tasks)})
    tables = share_tables(found, model.labels)
    if pairs:
        for table in tables:
            write_share_tables([table], folder / "+".join(table.modalities), "table")
        write_share_tables(tables, folder, "pairs")
    else:
        write_share_tables(tables, folder, "table")
    return Explained(folder, found, tables, skipped=skipped)


@dataclass
class RowExplainer:
    """Explains rows of predictions one by one, and keeps each in a file."""

    model: FittedModel
    source: DataSource
    resolved: Resolved
    folder: Path
    check: bool = False
    _built: Any = field(init=False)

    def __post_init__(self) -> None:
        self._built = load_catalog().build(self.resolved.declaration, self.resolved.options)

    def explain(self, chosen: pd.DataFrame, pair: Pair | None) -> Explanation | None:
        """Explain the row of a table of one prediction; None if it lacks the modalities that should play."""
        preparation, options = self.model.preparation, self.resolved.options
        reader = preparation.reader(self.source.root)
        number, entry = next(rows_of_run(self.source, reader.columns, chosen))
        place = self.folder if pair is None else self.folder / "+".join(pair)
        known = _known(place / f"{number}.json", options.model_dump(mode="json"))
        if known is not None and (known.trust is not None or not self.check):
            return known
        read = reader.read(entry)
        if read.problems or not read.samples:
            raise DataError(f"row {number} can't be read any more", hint="Are the data those of the run?")
        if pair is not None and not set(pair) & set(read.samples):
            return None
        row = Row(
            self.model.module, preparation.kinds, read.samples, descriptions=preparation.descriptions,
            id=str(entry["__id"]), number=number, target=entry["__target"],
        )  # fmt: skip
        explanation = explain_row(row, self._built, self.resolved.declaration, options, play=pair)
        if self.check:
            explanation = checked(row, explanation, self._built, self.resolved, self._shuffled, play=pair)
        explanation.plot(place / f"{number}.png")
        write_text(place / f"{number}.json", explanation.to_json())
        return explanation

    @cached_property
    def _shuffled(self) -> FusionModel:
        return shuffled(self.model.module)


def checked(
    row: Row,
    explanation: Explanation,
    built: Any,
    resolved: Resolved,
    without_learning: FusionModel,
    *,
    play: Sequence[str] | None = None,
) -> Explanation:
    """The explanation with its `trust`: the same class explained for a model that has learned nothing, and curves."""
    other = explain_row(
        row.of(without_learning), built, resolved.declaration, resolved.options, play=play, target=explanation.explained
    )
    return replace(explanation, trust=trust(row, explanation, other))


def rows_of_run(
    source: DataSource, columns: Sequence[str], chosen: pd.DataFrame
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row numbers and rows, with `__id` and `__target` of the stored prediction.

    Raises:
        DataError: the data are not those of the run.
    """
    wanted = [*columns, *([source.id] if source.id else [])]
    numbers = chosen["row"].to_numpy()
    if len(numbers) and numbers.max() >= len(source.rows):
        raise DataError("the data are no longer those of the run: there are fewer rows")
    targets = [plain(value) for value in chosen["target"]]
    rows = iterate_rows(source.rows, wanted, numbers)
    for (number, row), name, target in zip(rows, chosen["id"], targets, strict=True):
        if source.id and str(row.get(source.id)) != name:
            raise DataError(f"the data are no longer those of the run: row {number} was {name!r}")
        yield number, {**row, "__id": name, "__target": target}


def plain(value: Any) -> Any:
    """Of arrays and NumPy's numbers, the Python values."""
    return value.tolist() if hasattr(value, "tolist") else value


def _known(path: Path, settings: Mapping[str, Any]) -> Explanation | None:
    """An explanation that is there already, made with the same settings."""
    if not path.is_file() or not path.with_suffix(".png").is_file():
        return None
    stored = read_json(path)
    same = all(stored.get("settings", {}).get(name) == value for name, value in settings.items())
    return Explanation.from_dict(stored) if same else None


_explainer: RowExplainer | None = None


def _set_up(run: str, config: ComponentConfig, folder: Path, check: bool) -> None:
    from mmcore.experiment.fitted import load
    from mmcore.experiment.prepared import open_source
    from mmcore.experiment.specification import Experiment

    global _explainer
    catalog = load_catalog()
    resolved = catalog.resolve("explainer", config, path=("explainer",))
    experiment = Experiment.load(Path(run) / "experiment.yaml")
    _explainer = RowExplainer(load(run), open_source(experiment, catalog), resolved, folder, check)


def _explain_task(pair: Pair | None, chosen: pd.DataFrame) -> Explanation | None:
    assert _explainer is not None
    found = _explainer.explain(chosen, pair)
    return None if found is None else Explanation.from_dict(found.to_dict())  # without samples, which are large
