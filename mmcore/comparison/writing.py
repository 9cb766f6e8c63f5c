"""The table of a grid as Markdown, CSV, LaTeX, HTML and JSON."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from mmcore.comparison.table import Figure, Row, Table
from mmcore.files import write_json, write_text
from mmcore.report.wording import is_lower_better, metric_name

TEST = "p: McNemar's exact test (numbers: Wilcoxon's) against the best row, over the same test rows, seeds pooled."


GAIN = "gain: by how much the first metric is better than of the best modality alone, with the same seed."


def write_table(table: Table, folder: Path) -> list[Path]:
    """Write `table.md`, `table.csv`, `table.tex`, `table.html` and `table.json` into `folder`, each whole."""
    made = []
    for name, text in (
        ("table.md", to_markdown(table, folder)), ("table.csv", to_csv(table)), ("table.tex", to_latex(table)),
        ("table.html", to_html(table, folder)),
    ):  # fmt: skip
        write_text(folder / name, text)
        made.append(folder / name)
    write_json(folder / "table.json", to_json(table))
    return [*made, folder / "table.json"]


def figure_text(figure: Figure | None) -> str:
    """Mean and spread.

    >>> figure_text(Figure(0.8123, 0.0101, 3)), figure_text(None)
    ('0.812 ± 0.010', '–')
    """
    if figure is None:
        return "–"
    return f"{figure.mean:.3f}" + (f" ± {figure.sd:.3f}" if figure.sd is not None else "")


def headings(table: Table) -> list[str]:
    """The column heads: settings, metrics with the better direction, the test."""
    gain = ["gain"] if has_gains(table) else []
    return [*(column_name(column) for column in table.columns), *map(metric_head, table.metrics), *gain, "p"]


def has_gains(table: Table) -> bool:
    """Whether a run can be compared with each of its modalities alone."""
    return any(row.gain is not None for row in table.rows)


def gain_text(gain: Figure | None) -> str:
    """A gain with its sign.

    >>> gain_text(Figure(0.034, 0.01, 3)), gain_text(None)
    ('+0.034 ± 0.010', '')
    """
    if gain is None:
        return ""
    return f"{gain.mean:+.3f}" + (f" ± {gain.sd:.3f}" if gain.sd is not None else "")


def metric_head(metric: str) -> str:
    """A metric as a column head, with the condition and the better direction.

    >>> metric_head("mae"), metric_head("top1@noisy")
    ('Mean absolute error ↓', 'Top-1 accuracy, noisy ↑')
    """
    name, _, condition = metric.partition("@")
    return f"{metric_name(name)}{condition and ', '}{condition} {'↓' if is_lower_better(name) else '↑'}"


def column_name(key: str) -> str:
    """A dotted key as a column head.

    >>> column_name("encoders.image"), column_name("fusion.method")
    ('image', 'method')
    """
    return key.rpartition(".")[2].replace("_", " ")


def body(table: Table, mark: Callable[[str, int], str]) -> list[list[str]]:
    """The lines; `mark(text, place)` marks the best (0) and second (1) figure of each metric."""
    ranks = {metric: table.ranks(metric) for metric in table.metrics}
    lines = []
    for number, row in enumerate(table.rows):
        cells = [row.settings[column] for column in table.columns]
        for metric in table.metrics:
            text = figure_text(row.figures.get(metric))
            place = ranks[metric].get(number, 9)
            cells.append(mark(text, place) if place < 2 and len(table.rows) > 1 else text)
        if has_gains(table):
            cells.append(gain_text(row.gain))
        lines.append([*cells, p_text(row)])
    return lines


def p_text(row: Row) -> str:
    """The p of a line; what failed says so."""
    if not row.figures:
        return "failed"
    return "" if row.p is None else "<0.001" if row.p < 0.001 else f"{row.p:.3f}"


def to_markdown(table: Table, folder: Path) -> str:
    """A table of pipes, notes, the costs, and where the runs lie."""

    def mark(text: str, place: int) -> str:
        return f"**{text}**" if place == 0 else f"<u>{text}</u>"

    heads = headings(table)
    lines = [f"# {table.title}", ""] if table.title else []
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in body(table, mark)]
    lines += ["", *notes(table), ""]
    lines += ["## Runs", ""]
    for row in table.rows:
        where = ", ".join(f"[{path.name}]({os.path.relpath(path, folder)})" for path in row.folders)
        lines.append(f"- {' · '.join(row.settings.values())}: {row.seconds:.1f} s; {where}")
        lines += [f"  - failed: {error}" for error in row.errors]
    return "\n".join(lines) + "\n"


def notes(table: Table) -> list[str]:
    """What stands below the table: the seeds, the test, the costs, what could not be combined."""
    seeds = sorted({figure.n for row in table.rows for figure in row.figures.values()})
    over = f"Mean ± standard deviation over {'–'.join(map(str, seeds))} seeds. " if seeds and seeds[-1] > 1 else ""
    passes = ", ".join(f"{name} {count:,}" for name, count in table.passes.items()) or "none"
    found = [f"{over}{TEST}", f"Cost: {table.seconds:.1f} s; rows through frozen encoders: {passes}."]
    if has_gains(table):
        found.insert(1, GAIN)
    found += [f"Not run: {label}: {reason}" for label, reason in table.impossible]
    return found


def to_csv(table: Table) -> str:
    """Plain numbers: settings, then mean, sd and n of each metric, p, seconds."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    measured = [f"{metric}{end}" for metric in table.metrics for end in ("", "_sd", "_n")]
    writer.writerow([*table.columns, *measured, "gain", "p", "seconds"])
    for row in table.rows:
        cells: list[Any] = [row.settings[column] for column in table.columns]
        for metric in table.metrics:
            figure = row.figures.get(metric)
            cells += ["", "", ""] if figure is None else [figure.mean, "" if figure.sd is None else figure.sd, figure.n]
        cells.append("" if row.gain is None else row.gain.mean)
        writer.writerow([*cells, "" if row.p is None else row.p, round(row.seconds, 3)])
    return stream.getvalue()


def to_latex(table: Table) -> str:
    """A `tabular` of the package booktabs."""

    def mark(text: str, place: int) -> str:
        return rf"\textbf{{{text}}}" if place == 0 else rf"\underline{{{text}}}"

    arrows = {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "±": r"$\pm$", "<": r"$<$", "–": "--"}

    def tex(text: str) -> str:
        for sign, written in arrows.items():
            text = text.replace(sign, written)
        return text

    def plain(text: str) -> str:
        for sign in "&%$#_":
            text = text.replace(sign, f"\\{sign}")
        return tex(text)

    count = len(table.columns)
    lines = [
        r"\begin{tabular}{" + "l" * count + "r" * (len(headings(table)) - count) + "}", r"\toprule",
        " & ".join(plain(head) for head in headings(table)) + r" \\", r"\midrule",
    ]  # fmt: skip
    for row in body(table, mark):
        lines.append(" & ".join([*map(plain, row[:count]), *map(tex, row[count:])]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def to_html(table: Table, folder: Path) -> str:
    """One self-contained page."""

    def mark(text: str, place: int) -> str:
        return f"\0{'b' if place == 0 else 'u'}{text}\1"

    def cell(text: str) -> str:
        for sign in "bu":
            if text.startswith(f"\0{sign}"):
                return f"<td><{sign}>{escape(text[2:-1])}</{sign}></td>"
        return f"<td>{escape(text)}</td>"

    title = escape(table.title or "Comparison")
    heads = "".join(f"<th>{escape(head)}</th>" for head in headings(table))
    lines = "".join("<tr>" + "".join(map(cell, row)) + "</tr>\n" for row in body(table, mark))
    below = "".join(f"<p>{escape(note)}</p>" for note in notes(table))
    runs = "".join(_run_line(row, folder) for row in table.rows)
    return PAGE.format(title=title, heads=heads, lines=lines, below=below, runs=runs, count=len(table.columns) + 1)


def _run_line(row: Row, folder: Path) -> str:
    links = [f'<a href="{escape(os.path.relpath(path, folder))}">{escape(path.name)}</a>' for path in row.folders]
    errors = "".join(f"<br>failed: {escape(error)}" for error in row.errors)
    return f"<li>{escape(' · '.join(row.settings.values()))}: {row.seconds:.1f} s; {', '.join(links)}{errors}</li>"


def to_json(table: Table) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "title": table.title,
        "columns": list(table.columns),
        "metrics": list(table.metrics),
        "rows": [_row_json(row) for row in table.rows],
        "impossible": [{"label": label, "reason": reason} for label, reason in table.impossible],
        "cost": {"seconds": round(table.seconds, 3), "passes": dict(table.passes)},
    }


def _row_json(row: Row) -> dict[str, Any]:
    figures = {name: {"mean": each.mean, "sd": each.sd, "n": each.n} for name, each in row.figures.items()}
    return {
        "settings": dict(row.settings), "figures": figures, "p": row.p, "seconds": row.seconds,
        "gain": None if row.gain is None else {"mean": row.gain.mean, "sd": row.gain.sd, "n": row.gain.n},
        "runs": [str(path) for path in row.folders], "errors": list(row.errors),
    }  # fmt: skip


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1b1f24;
  background: #fff }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums }} .wide {{ overflow-x: auto }}
th, td {{ padding: .3rem .8rem; text-align: left; border-bottom: 1px solid #d0d7de }}
th {{ border-bottom: 2px solid #57606a }} td:nth-child(n+{count}), th:nth-child(n+{count}) {{ text-align: right }}
p, li {{ color: #424a53; font-size: .9rem }}
</style></head><body><h1>{title}</h1>
<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>
{lines}</tbody></table></div>
{below}<h2>Runs</h2><ul>{runs}</ul></body></html>
"""
