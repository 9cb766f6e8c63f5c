"""Tables of shares as files: JSON, CSV in long form, Markdown and LaTeX for a paper."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmcore.files import write_json, write_text, writing

if TYPE_CHECKING:
    from mmcore.attribution.tables import ShareRow, ShareTable

COLUMNS = ("explainer", "players", "class", "predictions", "n", "modality", "mean", "sd", "chance")


def write_share_tables(tables: Sequence[ShareTable], folder: Path, name: str) -> None:
    """Write `name.json`, `.csv`, `.md` and `.tex` into a folder, each whole."""
    write_json(folder / f"{name}.json", [table.to_dict() for table in tables])
    with writing(folder / f"{name}.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for table in tables:
            writer.writerows(_long(table))
    write_text(folder / f"{name}.md", "\n".join(map(to_markdown, tables)))
    write_text(folder / f"{name}.tex", "\n".join(map(to_latex, tables)))


def headings(table: ShareTable) -> list[str]:
    """The column heads of the wide form: the group, its size, each modality's share, and chance."""
    return ["class", "predictions", "n", *table.modalities, "chance"]


def cells(table: ShareTable, row: ShareRow) -> list[str]:
    """One line of the wide form: shares in per cent, mean ± standard deviation; chance of the modalities in order."""
    levels = [row.chance[name] for name in table.modalities]
    chance = " / ".join("–" if level is None else f"{100 * level:.0f}" for level in levels)
    shares = [str(row.shares[name]).rpartition(", n")[0] for name in table.modalities]
    return [row.of_class, row.group, str(row.n), *(share or "–" for share in shares), f"{chance} %" if row.n else "–"]


def to_markdown(table: ShareTable) -> str:
    """The table with its title.

    >>> from mmcore.attribution.tables import ShareTable
    >>> print(to_markdown(ShareTable("mm_shap", ("image", "text"), (), 0)))
    mm_shap: shares of image and text
    <BLANKLINE>
    | class | predictions | n | image | text | chance |
    |---|---|---:|---:|---:|---:|
    <BLANKLINE>
    """
    lines = [title(table), "", _line(headings(table)), "|---|---|" + "---:|" * (len(table.modalities) + 2)]
    lines += [_line([cell.replace("|", "\\|") for cell in cells(table, row)]) for row in table.rows]
    return "\n".join([*lines, ""])


def to_latex(table: ShareTable) -> str:
    """A `tabular` between rules of booktabs."""
    columns = "ll" + "r" * (len(table.modalities) + 2)
    lines = [f"% {title(table)}", f"\\begin{{tabular}}{{{columns}}}", "\\toprule"]
    lines += [_latex_line(headings(table)), "\\midrule"]
    lines += [_latex_line(cells(table, row)) for row in table.rows]
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}", ""])


def title(table: ShareTable) -> str:
    """What the table shows, and how many rows it leaves out."""
    names = " and ".join(filter(None, [", ".join(table.modalities[:-1]), table.modalities[-1]]))
    left_out = f"; {table.left_out} rows left out that lack one of them" if table.left_out else ""
    return f"{table.explainer}: shares of {names}{left_out}"


def _long(table: ShareTable) -> Iterator[list[object]]:
    for row in table.rows:
        for name in table.modalities:
            of = row.shares[name]
            played = "+".join(table.modalities)
            yield [
                table.explainer, played, row.of_class, row.group, row.n, name, of.mean, of.sd, row.chance[name],
            ]  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _latex_line(cells: Sequence[str]) -> str:
    plain = [cell.replace("\\", "\\textbackslash{}") for cell in cells]
    for char, written in (("&", "\\&"), ("%", "\\%"), ("_", "\\_"), ("#", "\\#"), ("$", "\\$"), ("±", "$\\pm$")):
        plain = [cell.replace(char, written) for cell in plain]
    return " & ".join(plain) + " \\\\"
