"""Explaining a run after it is finished: another explainer, more rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import RunError
from mmcore.experiment.specification import Experiment
from mmcore.files import locked, read_json
from mmcore.run import RunFolder

if TYPE_CHECKING:
    from mmcore.attribution.explanation import Explanation
    from mmcore.experiment.prepared import PreparedData


def explain_again(
    folder: str | Path,
    explainer: str | Mapping[str, Any],
    *,
    rows: int = 12,
    on_event: Callable[[dict[str, Any]], None] | None = None,
) -> list[Explanation]:
    """Explain test rows of a finished run; they take the place of what this explainer said before.

    Args:
        folder: the run folder. Its data must still be where they were, and as they were.
        explainer: a name, or a mapping of name and options.
        rows: how many test rows.
        on_event: told what happens.

    Raises:
        UserError: there is no finished run, its data have changed, or the explainer can't be used.
    """
    from mmcore.catalog import load
    from mmcore.experiment.explanations import explain_run
    from mmcore.experiment.prepared import prepare_data
    from mmcore.report.write import write_report

    path = Path(folder)
    run = RunFolder(path, [on_event] if on_event else [])
    run.require_finished()
    written = Experiment.load(path / "experiment.yaml")
    if written.split.folds:
        raise RunError("a cross-validation has a model per fold", where=str(path), hint=f"Explain {path}/folds/1.")
    asked = Experiment.from_dict({**written.to_dict(), "explain": {"explainer": explainer, "rows": rows}})
    asked.validate()
    assert asked.explain is not None
    catalog = load()
    with locked(path, "writing this run"):
        data = prepare_data(asked, catalog, run.event)
        _refuse_changed(path, data)
        told = path / "explanations" / asked.explain.explainer.name.replace("/", "__")
        shutil.rmtree(told, ignore_errors=True)
        explain_run(asked, data, catalog, run)
        write_report(path)
    return stored_explanations(told)


def stored_explanations(folder: Path) -> list[Explanation]:
    """The explanations of one explainer's folder, by row."""
    from mmcore.attribution.explanation import Explanation

    files = sorted((file for file in folder.glob("*.json") if file.stem.isdigit()), key=lambda file: int(file.stem))
    return [Explanation.from_json(file.read_text(encoding="utf-8")) for file in files]


def _refuse_changed(folder: Path, data: PreparedData) -> None:
    """Other rows would be split otherwise: what the model has learned from could be among the test rows."""
    before = read_json(folder / "environment.json").get("data", {})
    changed = [name for name, found in data.fingerprint().items() if before.get(name) != found]
    if changed:
        raise RunError(
            f"the data have changed since this run was fitted ({', '.join(changed)})",
            where=str(folder),
            hint="Fit it again, or explain single rows in Python: mmcore.load(folder).explain(row).",
        )
