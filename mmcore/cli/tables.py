"""Tables that a person likes to read, on standard output; plain text where that is no terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import typer


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Columns as wide as they need; a column with nothing in it is left out, long cells wrap at the terminal's end."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [list(row) for row in rows]
    shown = [number for number in range(len(columns)) if any(row[number] for row in cells)]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, highlight=False)
    for number in shown:
        table.add_column(columns[number], overflow="fold", no_wrap=number == shown[0])
    for row in cells:
        table.add_row(*(Text(row[number]) for number in shown))
    terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if terminal else 200)  # a file or a pipe has no width
    if title:
        console.print(Text(title, style="bold"), soft_wrap=True)
    with console.capture() as captured:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


def print_json(value: Any) -> None:
    """Indented JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
