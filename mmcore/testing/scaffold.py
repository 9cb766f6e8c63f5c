"""`mmcore new plugin`: a package of a plugin, written from templates, that installs, passes its checks and trains."""

from __future__ import annotations

import csv
import keyword
import os
import random
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

from mmcore.errors import UserError, did_you_mean
from mmcore.options import ComponentType

TEMPLATES = Path(__file__).parent / "templates"
ROWS = 90
COLOURS = ("red", "green", "blue")

SUMMARIES = {
    "encoder": "A small network that reads {kind}",
    "fusion-method": "A mean of the modalities with learned weights",
    "fusion-strategy": "Normalised representations meet in one fusion method",
    "dataset": "Things with a shape and a make",
    "explainer": "What the output loses when each player alone is taken away",
    "modality-kind": "Rows of numbers",
}

TAKEN_CLASSES = frozenset(("Any", "Iterable", "Iterator", "Mapping", "Path", "Tensor"))
"""What the templates import, so that no class of theirs may be called so."""

FILES: Mapping[str, Mapping[str, str]] = {
    "encoder": {"model.py": "the network itself"},
    "fusion-method": {"method.py": "the method itself"},
    "fusion-strategy": {"strategy.py": "the model that it builds"},
    "dataset": {},
    "explainer": {"explainer.py": "the explainer itself"},
    "modality-kind": {"kind.py": "the kind itself", "encoder.py": "an encoder that reads it"},
}


@dataclass(frozen=True)
class Plan:
    """What is to be written.

    Args:
        name: as the user gave it; the distribution's name.
        type: the type of component.
        kind: of an encoder, the kind that it reads.
    """

    name: str
    type: str
    kind: str | None = None

    @property
    def package(self) -> str:
        """The name it is imported by: `mmcore-pulse` → `mmcore_pulse`."""
        return self.name.replace("-", "_")

    @property
    def component(self) -> str:
        """The component's name: `mmcore-pulse` → `pulse`."""
        return self.package.removeprefix("mmcore_")

    @property
    def class_name(self) -> str:
        """The name of classes: `my_encoder` → `MyEncoder`."""
        return "".join(word.capitalize() for word in self.component.split("_"))


def new_plugin(name: str, type: str, *, kind: str | None = None, parent: Path = Path()) -> Path:  # noqa: A002
    """Write a plugin's package into `parent/name` and return that folder.

    Args:
        name: lower-case letters, digits, hyphens and underscores, beginning with a letter; becomes the distribution's
            name, and with underscores the import package's; the component's too, without a leading `mmcore_`.
        type: encoder, fusion-method, fusion-strategy, dataset, explainer or modality-kind.
        kind: of an encoder, the kind that it reads; text when None.
        parent: the folder in which it is made.

    Raises:
        UserError: the name is not one, is taken, or the folder is there already; no such type or kind. Nothing is
            written then.
    """
    types = get_args(ComponentType)
    if type not in types:
        raise UserError(f"there is no type of component {type!r}", hint=did_you_mean(type, types))
    if kind is not None and type != "encoder":
        raise UserError(f"a {type} reads no kind of its own", hint="Leave out --kind.")
    plan = Plan(name, type, (kind or "text") if type == "encoder" else None)
    folder = parent / name
    _refuse_bad_name(plan)
    _refuse_taken(plan, folder)
    files = _rendered(plan)
    parent.mkdir(parents=True, exist_ok=True)
    unfinished = parent / f".{name}.{os.getpid()}"  # takes its name when it is whole
    unfinished.mkdir()
    try:
        for path, content in files.items():
            (unfinished / path).parent.mkdir(parents=True, exist_ok=True)
            (unfinished / path).write_text(content, encoding="utf-8")
        _write_items(plan, unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _refuse_bad_name(plan: Plan) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", plan.name):
        raise UserError(
            f"{plan.name!r} can't name a package",
            hint="Use lower-case letters, digits and single hyphens, beginning with a letter: my-encoder.",
        )
    if keyword.iskeyword(plan.package) or plan.class_name in TAKEN_CLASSES or not plan.component.strip("_"):
        raise UserError(f"{plan.name!r} means something else in the code", hint=f"Choose another name: my-{plan.name}.")


def _refuse_taken(plan: Plan, folder: Path) -> None:
    from mmcore.catalog import load

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError("is there already", where=str(folder), hint="Choose another name, or remove it.")
    if find_spec(plan.package) is not None:
        raise UserError(f"a Python package {plan.package!r} is installed already", hint="Choose another name.")
    for entry in load().entries():
        same = entry.declaration.type == plan.type and entry.declaration.name == plan.component
        if same and getattr(entry.declaration, "kind", None) == plan.kind:
            raise UserError(
                f"there is {plan.type} {plan.component!r} already, from {entry.package}", hint="Choose another name."
            )


def _rendered(plan: Plan) -> dict[str, str]:
    """Path in the package → content."""
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 - Python and TOML, not HTML
        loader=jinja2.FileSystemLoader(TEMPLATES), keep_trailing_newline=True, undefined=jinja2.StrictUndefined
    )
    values = _values(plan)
    source = _template_folder(plan)
    package = f"src/{plan.package}"
    templates = {
        "pyproject.toml": "shared/pyproject.toml.jinja",
        "README.md": "shared/README.md.jinja",
        ".gitignore": "shared/gitignore.jinja",
        "tests/test_plugin.py": "shared/tests/test_plugin.py.jinja",
        "experiment.yaml": f"{plan.type}/experiment.yaml.jinja",
        f"{package}/__init__.py": f"{plan.type}/__init__.py.jinja",
        **{f"{package}/{file}": f"{source}/{file}.jinja" for file in FILES[plan.type]},
    }
    return {path: environment.get_template(template).render(values) for path, template in templates.items()}


def _template_folder(plan: Plan) -> str:
    """An encoder's code follows what it reads; of kinds without a template of their own, the numbers as they are."""
    if plan.type != "encoder":
        return plan.type
    own = TEMPLATES / "encoder" / str(plan.kind)
    return f"encoder/{plan.kind if own.is_dir() else 'any'}"


def _values(plan: Plan) -> dict[str, Any]:
    from mmcore import __version__

    summary = SUMMARIES[plan.type].format(kind=plan.kind)
    of_kind = {} if plan.kind is None else _values_of_kind(plan.kind)
    return {
        "distribution": plan.name,
        "package": plan.package,
        "component": plan.component,
        "class_name": plan.class_name,
        "type": plan.type,
        "type_in_words": plan.type.replace("-", " "),
        "article": "an" if plan.type[0] in "aeiou" else "a",
        "summary": summary,
        "files": list(FILES[plan.type].items()),
        "dependencies": of_kind.pop("dependencies", [f"mmcore-framework>={__version__}"]),
        "kind": plan.kind,
        **of_kind,
    }


def _values_of_kind(kind: str) -> dict[str, Any]:
    """Where the kind's description and input spec come from, its main tensor, and the columns of its examples."""
    from mmcore import __version__

    entry = _kind_entry(kind)
    declaration = entry.declaration
    ours = declaration.extra if declaration.extra.startswith("mmcore-framework[") else "mmcore-framework"
    theirs = [entry.distribution] if entry.distribution != "mmcore-framework" else []
    return {
        "kind_package": declaration.description.__module__.split(".")[0],
        "description_class": declaration.description.__name__,
        "spec_package": declaration.input_spec.__module__.split(".")[0],
        "spec_class": declaration.input_spec.__name__,
        "primary": declaration.build(declaration.options()).primary,
        "sample_columns": _sample_columns(kind),
        "dependencies": [f"{ours}>={__version__}", *theirs],
    }


def _kind_entry(kind: str) -> Any:
    from mmcore.catalog import load

    entries = [entry for entry in load().entries() if entry.declaration.type == "modality-kind"]
    for entry in entries:
        if entry.declaration.name == kind:
            if getattr(entry.declaration, "examples", None) is None:
                raise UserError(f"the kind {kind!r} declares no `examples`, from which data could be made up")
            return entry
    names = [entry.declaration.name for entry in entries]
    raise UserError(f"there is no modality kind {kind!r}", hint=did_you_mean(kind, names))


def _sample_columns(kind: str) -> list[str]:
    """Names of the columns that hold the kind's examples: those of a dict, or one."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        example = _kind_entry(kind).declaration.examples(Path(folder), 1)[0]
    return list(example) if isinstance(example, Mapping) else ["sample"]


def _write_items(plan: Plan, folder: Path) -> None:
    """`items.csv`: made-up things whose label follows from their shape and make, and samples of the kind if any."""
    samples = _samples(plan, folder)
    things = made_up_things(ROWS)
    columns = dict.fromkeys([*things[0], *(samples[0] if samples else {})])
    with (folder / "items.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(columns), lineterminator="\n")
        table.writeheader()
        for index, thing in enumerate(things):
            table.writerow({**(samples[index] if samples else {}), **thing})


def made_up_things(count: int) -> list[dict[str, Any]]:
    """Rows whose label can be told from height and width, or from weight and colour, but better from all.

    >>> sorted({row["label"] for row in made_up_things(9)})
    ['box', 'plate', 'rod']
    """
    dice = random.Random(0)  # noqa: S311 - data to play with
    centres = {"box": (10.0, 10.0, 8.0), "plate": (2.0, 14.0, 3.0), "rod": (14.0, 2.0, 2.0)}
    rows = []
    for number in range(count):
        label = sorted(centres)[number % 3]
        height, width, weight = (abs(dice.gauss(centre, 2.5)) + 0.1 for centre in centres[label])
        colour = COLOURS[number % 3] if dice.random() < 0.6 else dice.choice(COLOURS)
        rows.append(
            {
                "id": f"item-{number:03d}",
                "height": f"{height:.2f}",
                "width": f"{width:.2f}",
                "weight": f"{weight:.2f}",
                "colour": colour,
                "label": label,
            }
        )
    return rows


def _samples(plan: Plan, folder: Path) -> Sequence[Mapping[str, Any]]:
    """Cells of the kind, as columns of `items.csv`; their files are written into the package's folder."""
    if plan.type == "modality-kind":
        return [{"sample": _wave(index)} for index in range(ROWS)]
    if plan.kind is None:
        return []
    beside = folder / "samples"
    beside.mkdir()
    values = _kind_entry(plan.kind).declaration.examples(beside, ROWS)
    if any(isinstance(value, bytes) for value in values):
        raise UserError(f"examples of the kind {plan.kind!r} can't stand in a CSV file")
    rows = [value if isinstance(value, Mapping) else {"sample": value} for value in values]
    if any(beside.iterdir()):  # cells are names of files, relative to their folder
        return [{column: f"samples/{value}" for column, value in row.items()} for row in rows]
    beside.rmdir()
    return rows


def _wave(index: int) -> str:
    from math import sin

    return " ".join(f"{sin(step * (1 + index % 3) / 4 + index):.3f}" for step in range(24 + index % 5))
