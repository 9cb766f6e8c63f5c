"""`mmcore embed`: the representations of rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def embed(
    run: Annotated[Path, typer.Argument(help="The run folder.")],
    rows: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines, Parquet, or a Hugging Face dataset folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .parquet, .jsonl, .csv or .tsv file.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 when a row could not be represented.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Rows per forward pass.")] = 64,
) -> None:
    """Write the representations of rows.

    The fused one of each row and that of each of its modalities, for t-SNE or retrieval.

    Example: mmcore embed runs/hs items.csv -o z.parquet
    """
    import mmcore
    from mmcore.cli.rows import finish, require_writable, write_rows

    require_writable(out)
    found = mmcore.load(run).embed(rows, batch_size=batch_size)
    write_rows(found, out)
    finish(found, "represented", out, strict=strict)
