"""Tables that a person likes to read, on standard output; plain text where that is no terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

WIDTH_OF_A_FILE = 200
"""Characters of a line where there is no terminal: a file or a pipe has no width."""


def new_table(title: str = "") -> Table:
    """An empty table in the style of all of ours."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    return Table(title=title, box=SIMPLE_HEAD, pad_edge=False, show_edge=False, highlight=False)


def print_tables(*tables: Table | str | None) -> None:
    """Print tables and lines of text one below the other; None is passed over."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=WIDTH_OF_A_FILE, no_color=True)
    for table in tables:
        if table is None:
            continue
        if not isinstance(table, str) and table.title:
            console.print(Text(str(table.title), style="bold"), soft_wrap=True)  # its own would wrap at its width
            table.title = None
        with console.capture() as captured:
            console.print(table)
        typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Columns as wide as they need; a column with nothing in it is left out, long cells wrap at the terminal's end."""
    from rich.text import Text

    cells = [list(row) for row in rows]
    shown = [number for number in range(len(columns)) if any(row[number] for row in cells)]
    table = new_table(title)
    for number in shown:
        table.add_column(columns[number], overflow="fold", no_wrap=number == shown[0])
    for row in cells:
        table.add_row(*(Text(row[number]) for number in shown))
    print_tables(table)


def print_json(value: Any) -> None:
    """Indented JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))
