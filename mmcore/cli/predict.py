"""`mmcore predict`: a fitted model on other rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import pandas as pd


def predict(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    rows: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines, Parquet, or a Hugging Face dataset folder.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A .csv, .tsv, .jsonl or .parquet file; by default CSV to standard output."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 when a row could not be predicted.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows per forward pass.")] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines to standard output.")] = False,
) -> None:
    """Predict the rows of a table.

    A row with a broken input gets an error, the rest a prediction; an empty cell is an absent modality. Exits with 0
    when some rows failed, and with 2 when none could be predicted.

    Example: mmcore predict runs/hs items.csv -o out.csv
    """
    import mmcore
    from mmcore.cli.rows import finish, require_writable, write_rows

    require_writable(out)
    model = mmcore.load(run)
    found = model.predict(rows, batch_size=batch_size)
    write_rows(_with_columns(found, model.labels, flat=_is_flat(out, as_json)), out, as_json=as_json)
    finish(found, "predicted", out, strict=strict)


def _is_flat(out: Path | None, as_json: bool) -> bool:
    """Whether what is written has plain cells only."""
    return out.suffix.lower() in (".csv", ".tsv") if out is not None else not as_json


def _with_columns(found: pd.DataFrame, labels: list[str], *, flat: bool) -> pd.DataFrame:
    """In files of plain cells, a probability column per label instead of a list; several predicted labels by ';'."""
    if not flat:
        return found
    import pandas as pd

    found = found.copy()
    found["prediction"] = [
        ";".join(map(str, value)) if isinstance(value, list | tuple) else value for value in found["prediction"]
    ]
    if "probabilities" not in found:
        return found
    lists = [value if value is not None else [None] * len(labels) for value in found.pop("probabilities")]
    columns = pd.DataFrame(lists, columns=[f"probability:{label}" for label in labels], index=found.index)
    error = found.pop("error")
    return pd.concat([found, columns, error], axis=1)
