"""Class by class: precision, recall and F1, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from mmcore.report.contents import Contents
from mmcore.report.svg import document, rectangle, text
from mmcore.report.wording import MISSING, percent, shortened

COLUMNS = {"precision": "Precision", "recall": "Recall", "f1": "F1", "average_precision": "Average precision"}
LARGEST_TABLE = 14
"""Classes up to which the confusion matrix is a table with its counts; above, it is a picture."""
FEW = 24
"""Classes up to which the class table is open; above, the hardest come first and the rest is folded away."""
HARDEST = 10


def class_table(contents: Contents) -> dict[str, Any] | None:
    """Per class: how many rows, precision, recall, F1; hardest classes apart where there are many."""
    per_class = contents.results.get("per_class") or {}
    if not per_class:
        return None
    there = [name for name in COLUMNS if any(values.get(name) is not None for values in per_class.values())]
    rows = [
        {
            "label": label,
            "support": f"{values['support']:,}" if values.get("support") is not None else MISSING,
            "cells": [
                {"text": percent(values.get(name)), "width": round(100 * (values.get(name) or 0), 1)} for name in there
            ],
            "f1": values.get("f1") or 0.0,
            "rows": values.get("support") or 0,
        }
        for label, values in per_class.items()
    ]
    rows.sort(key=lambda row: (-row["rows"], row["label"]))
    hardest = sorted((row for row in rows if row["rows"]), key=lambda row: (row["f1"], -row["rows"], row["label"]))
    many = len(rows) > FEW
    return {
        "columns": [COLUMNS[name] for name in there],
        "rows": rows,
        "hardest": hardest[:HARDEST] if many else [],
        "without_rows": sum(not row["rows"] for row in rows),
    }


def confusion(contents: Contents) -> dict[str, Any] | None:
    """The confusion matrix as a table or a picture, and the most frequent confusions."""
    matrix = contents.results.get("confusion")
    confusions = contents.results.get("confusions") or (_most_frequent(matrix, contents.classes) if matrix else [])
    if not matrix and not confusions:
        return None
    labels = contents.classes if matrix and len(contents.classes) == len(matrix) else []
    return {
        "table": _table(matrix, labels) if matrix and len(matrix) <= LARGEST_TABLE else None,
        "svg": _picture(matrix, labels) if matrix and len(matrix) > LARGEST_TABLE else None,
        "labels": labels,
        "confusions": confusions[:10],
    }


def _table(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "label": labels[row] if labels else str(row),
            "total": sum(counts),
            "cells": [
                {
                    "n": n,
                    "share": percent(n / sum(counts), 0) if sum(counts) else MISSING,
                    "depth": _depth(n, sum(counts)),
                    "right": row == column,
                }
                for column, n in enumerate(counts)
            ],
        }
        for row, counts in enumerate(matrix)
    ]


def _depth(n: int, total: int) -> int:
    """How deep a cell is coloured, in percent: by the share of its row, and never invisible when it is not 0."""
    return 0 if not n or not total else round(12 + 88 * n / total)


def _picture(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Markup:
    size = len(matrix)
    cell = max(4.0, min(24.0, 720 / size))
    named = bool(labels) and cell >= 7
    font = min(11.0, cell + 0.8)
    longest = max((len(shortened(label, 22)) for label in labels), default=0) if named else 0
    margin = 8 + (longest * font * 0.56 if named else 16)
    side = size * cell
    parts = [rectangle(margin, margin, side, side, "plate")]
    for row, counts in enumerate(matrix):
        total = sum(counts)
        for column, n in enumerate(counts):
            if n:
                who = f"{labels[row]} → {labels[column]}" if labels else f"{row} → {column}"
                title = f"{who}: {n} of {total}"
                style = "cell right" if row == column else "cell wrong"
                parts.append(
                    rectangle(
                        margin + column * cell, margin + row * cell, cell * 0.94, cell * 0.94, style,
                        title=title, css=f"opacity:{_depth(n, total) / 100}",
                    )
                )  # fmt: skip
        if named:
            name, middle = shortened(labels[row], 22), margin + (row + 0.5) * cell
            size_ = Markup(' style="font-size:{}px"').format(round(font, 1))
            parts.append(
                Markup('<text class="tick end"{} x="{}" y="{}">{}</text>').format(
                    size_, round(margin - 4, 1), round(middle + font * 0.35, 1), name
                )
            )
            parts.append(
                Markup('<text class="tick start"{} transform="translate({} {}) rotate(-90)">{}</text>').format(
                    size_, round(middle + font * 0.35, 1), round(margin - 4, 1), name
                )
            )
    if not named:
        parts.append(text(margin, margin - 5, "predicted →", "tick start"))
        parts.append(
            Markup('<text class="tick end" transform="translate({} {}) rotate(-90)">← true</text>').format(
                margin - 6, margin
            )
        )
    right = sum(matrix[place][place] for place in range(size))
    total = sum(map(sum, matrix))
    title = f"Confusion matrix of {size} classes: {right} of {total} rows on the diagonal. Most frequent: see the list."
    return document(round(margin + side + 4), round(margin + side + 4), parts, title=title, style="matrix")


def _most_frequent(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> list[dict[str, Any]]:
    found = [
        (-n, row, column) for row, counts in enumerate(matrix) for column, n in enumerate(counts) if n and row != column
    ]
    names = classes if len(classes) == len(matrix) else [str(place) for place in range(len(matrix))]
    return [{"target": names[row], "prediction": names[column], "n": -n} for n, row, column in sorted(found)[:20]]
