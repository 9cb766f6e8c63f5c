"""`mmcore explain`: why a fitted model decides so, on rows of its test split."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmcore.attribution.evaluated import Measure
    from mmcore.attribution.tables import ShareTable
    from mmcore.attribution.trust import Trust


class By(StrEnum):
    """What the printed table is broken down by."""

    CLASS = "class"


def explain(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    explainer: Annotated[
        str | None,
        typer.Option(help="Its name, or {name: …, option: …}; by default the one of the experiment."),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(min=1, help="How many rows of the split, right and wrong ones: 12; for a measure at random: 500."),
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option("--ids", "--id", help="Explain this row instead; may be repeated.")
    ] = None,
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Two modalities that play while the others stay as they are.", metavar="A B"),
    ] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Every pair of modalities, one after the other.")] = False,
    by: Annotated[By | None, typer.Option(help="Print the shares of each class too.")] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Check each: does masking what it names matter, has it heard the model?"),
    ] = False,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A folder for what is found, instead of the run's explanations/.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes that work side by side.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the tables and each row's explanation as JSON.")
    ] = False,
) -> None:
    """Explain test rows of a run, or measure over them.

    Values and pictures go to its explanations/, the shares over classes are printed.

    Example: mmcore explain runs/hs --explainer mm_shap --rows 64 --pair image title --by class
    """
    from mmcore.cli.progress import EventPrinter
    from mmcore.cli.tables import print_json
    from mmcore.experiment.explanations import explain_run
    from mmcore.report.write import write_report
    from mmcore.run import RunFolder

    RunFolder(run).require_finished()
    chosen = _chosen(run, explainer)
    with EventPrinter(quiet=quiet) as show:
        found = explain_run(
            run, chosen, rows=rows, ids=ids or (), split=split, pairs="all" if pairs else [pair] if pair else (),
            check=check, out=out, workers=workers, on_event=show,
        )  # fmt: skip
    report = write_report(run) if out is None else None
    if as_json:
        print_json({
            "tables": [table.to_dict() for table in found.tables],
            **({} if found.trust is None else {"trust": found.trust.to_dict()}),
            "explanations": [one.to_dict() for one in found.explanations],
            **({} if found.measure is None else {"measure": found.measure.to_dict()}),
        })  # fmt: skip
        return
    if found.measure is not None:
        _print_measure(found.measure)
        typer.echo(f"{found.measure.n} rows measured; the table: {found.folder / 'measure.csv'}")
        return
    for table in found.tables:
        _print(table, by_class=by is By.CLASS)
    if found.trust is not None:
        _print_trust(found.trust)
    if found.skipped:
        typer.echo(f"{found.skipped} times a row had neither of the two, and was left out.")
    typer.echo(f"{len(found.explanations)} explanations in {found.folder}")
    if report is not None:
        typer.echo(f"Report: {report}")


def _chosen(run: Path, explainer: str | None) -> str | dict[str, Any]:
    """The explainer that is asked for, as it would stand in an experiment."""
    from mmcore.errors import UserError
    from mmcore.experiment.document import parse_value
    from mmcore.experiment.specification import Experiment

    if explainer is not None:
        value = parse_value(explainer, source="--explainer")
        if not isinstance(value, str | dict) or not value:
            raise UserError(f"--explainer {explainer!r} names none", hint="Write a name, or {name: …, option: …}.")
        return value
    written = Experiment.load(run / "experiment.yaml").explain
    if written is None:
        raise UserError("the experiment names no explainer", where=str(run), hint="Name one with --explainer.")
    return written.explainer.to_short_form()


def _print_measure(measure: Measure) -> None:
    from mmcore.cli.tables import print_table

    def shown(value: Any) -> str:
        return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)

    typer.echo(measure.question)
    print_table(list(measure.columns), [[shown(value) for value in line] for line in measure.lines])
    for note in measure.notes:
        typer.echo(note)


def _print_trust(trust: Trust) -> None:
    areas, same = trust.areas, trust.rank_correlation
    typer.echo(
        f"Checks: with the strongest players joining first the output has the area {areas['insertion']:.3f}, with them "
        f"leaving first {areas['deletion']:.3f}, in random order {areas['random']:.3f}."
    )
    said = "shares and ranks can't be compared" if same is None else f"rank correlation {same:.2f}"
    shares = ", ".join(f"{name} {share:.0%}" for name, share in trust.shuffled_shares.items())
    typer.echo(f"With the model's weights shuffled: {said} (1: the explanation ignores the model); shares {shares}.")


def _print(table: ShareTable, *, by_class: bool) -> None:
    """The shares over all rows, those predicted right and wrong, and perhaps the same of each class that has rows."""
    from mmcore.attribution.table_files import cells, headings, title
    from mmcore.attribution.tables import EVERY_CLASS
    from mmcore.cli.tables import print_table

    told = {row.of_class for row in table.rows if row.n} if by_class else {EVERY_CLASS}
    lines = [cells(table, row) for row in table.rows if row.of_class in told]
    print_table(headings(table), lines, title=title(table))
