"""The page: which sections a run has, and how they become one file that needs nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mmcore.files import write_text
from mmcore.report.calibration import calibration
from mmcore.report.classes import class_table, confusion
from mmcore.report.contents import Contents
from mmcore.report.curves import learning_curves
from mmcore.report.explained import explained
from mmcore.report.headline import headline
from mmcore.report.projection import projections
from mmcore.report.provenance import data_section, environment_section, reproduction
from mmcore.report.regression import scatter
from mmcore.report.results import result_table

REPORT_FILE = "report.html"

Build = Callable[[Contents], Any]

SECTIONS: tuple[tuple[str, str, Build], ...] = (
    ("results", "Result", result_table),
    ("scatter", "Predicted and true", scatter),
    ("confusion", "Confusion matrix", confusion),
    ("classes", "Classes", class_table),
    ("explained", "Why: explained rows", explained),
    ("projections", "Representations (t-SNE)", projections),
    ("calibration", "Calibration", calibration),
    ("curves", "Training", learning_curves),
    ("data", "Data", data_section),
    ("environment", "Environment", environment_section),
    ("reproduction", "Run it again", reproduction),
)
"""Name (also of its template), title, and what makes its figures, or None where the run has none."""


@dataclass(frozen=True)
class Section:
    """A part of the page whose files are there."""

    name: str
    title: str
    figures: Any


def write_report(folder: Path) -> Path:
    """Write `report.html` into a run folder from the files that lie there, and return its path.

    One file: styles and images inside, no script, nothing fetched. A section whose files are missing is left out.

    Raises:
        RunError: there are no results yet (no metrics.json), or a file is damaged.
    """
    target = Path(folder) / REPORT_FILE
    write_text(target, render(Contents(Path(folder))))
    return target


def render(contents: Contents) -> str:
    """The page as text; the same files give the same text."""
    built = ((name, title, build(contents)) for name, title, build in SECTIONS)
    sections = [Section(name, title, figures) for name, title, figures in built if figures]
    environment = Environment(
        loader=PackageLoader("mmcore.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    assert environment.loader is not None
    style, _, _ = environment.loader.get_source(environment, "report.css")
    page = environment.get_template("page.html").render(
        name=contents.folder.resolve().name,
        style=Markup(style),  # noqa: S704 our own file
        head=headline(contents),
        sections=sections,
    )
    return page.encode("utf-8", "replace").decode()  # a lone surrogate in a label can't be written
