"""`mmcore evaluate`: how good a fitted model is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    rows: Annotated[
        Path | None, typer.Argument(help="A table with the target; without one, a split of the run's own data.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Show how good a fitted model is.

    Accuracy or error, calibration and confusion matrix of a split, or of other rows with their target.

    Example: mmcore evaluate runs/hs --split test
    """
    import json

    from mmcore.cli.results import calibration_table, confusion_table, figures_table, per_class_table
    from mmcore.cli.tables import print_tables

    found, classes = _stored(run, split) if rows is None else _measured(run, rows)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    title = f"{split if rows is None else rows}, {found.get('n', '?')} rows"
    print_tables(
        figures_table(found, title), per_class_table(found), confusion_table(found, classes), calibration_table(found)
    )


def _stored(run: Path, split: str) -> tuple[dict[str, Any], list[str]]:
    """The figures that the run itself wrote; of a cross-validation, those over the test rows of all folds."""
    from mmcore.errors import UserError, did_you_mean
    from mmcore.run import RunFolder

    folder = RunFolder(run)
    folder.require_finished()
    metrics = folder.metrics()
    there = [part for part in ("train", "validation", "test") if part in metrics]
    if split not in there:
        raise UserError(f"the run has no split {split!r}", where=str(run), hint=did_you_mean(split, there))
    return metrics[split], list(metrics.get("classes", ()))


def _measured(run: Path, rows: Path) -> tuple[dict[str, Any], list[str]]:
    import mmcore

    model = mmcore.load(run)
    return model.evaluate(rows), model.labels
