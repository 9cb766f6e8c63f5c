"""`mmcore new experiment`: a commented experiment file from the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.experiment.document import to_yaml
from mmcore.experiment.guessing import (
    LOOKED_AT,
    TableGuess,
    guess_table,
    methods_of,
    suitable_encoders,
    suitable_explainer,
    suitable_fusion,
    table_dataset,
)
from mmcore.training.options import TrainingOptions

FIRST = ("epochs", "batch_size", "learning_rate", "early_stopping")
"""Training options that stand in the file; the others are commented out."""

if TYPE_CHECKING:
    from mmcore.catalog import Catalog


def starter_experiment(path: str | Path, *, target: str | None = None) -> tuple[str, TableGuess]:
    """An experiment file for a table, with comments that say what else could be chosen; and what was guessed.

    Raises:
        UserError: the table can't be read, its target can't be told, or nothing in it can be read by an encoder.
    """
    from mmcore.catalog import load

    catalog = load()
    guess = guess_table(first_values(path), catalog, target=target)
    return _text(starter_sections(str(path), guess, catalog), guess, catalog), guess


def first_values(path: str | Path) -> dict[str, list[Any]]:
    """The values in the first rows of a table, by column."""
    from mmcore.data.tables import read_table

    rows = read_table(path)
    return {name: list(rows[name][:LOOKED_AT]) for name in rows.column_names}


def starter_sections(path: str, guess: TableGuess, catalog: Catalog, *, root: str | None = None) -> dict[str, Any]:
    """An experiment on a table, as plain data."""
    dataset = table_dataset(catalog)
    assert dataset.for_table is not None
    sections: dict[str, Any] = {
        "dataset": {
            "name": dataset.name,
            **dataset.for_table(path, guess.modalities, guess.target, row_id=guess.id, root=root),
        },
        "encoders": {name: suitable_encoders(field.kind, catalog)[0].name for name, field in guess.modalities.items()},
    }
    if len(guess.modalities) > 1 and (fusion := suitable_fusion(catalog)):
        sections["fusion"] = fusion
    return sections


def _text(sections: Mapping[str, Any], guess: TableGuess, catalog: Catalog) -> str:
    """The file, section by section, each with its comment."""
    parts = [
        "# An experiment: `mmcore fit` this file. What is commented out shows the defaults.",
        _block("dataset", sections["dataset"], _dataset_notes(guess)),
        "# How rows are split; `group: COLUMN` keeps rows together, `column: COLUMN` takes the split from the table.\n"
        "split: {test: 0.2, validation: 0.1, stratify: true}",
        "# task: single_label           # or multi_label, regression; told from the target if left out",
        _block("encoders", sections["encoders"], _encoder_notes(guess, catalog)),
    ]
    if "fusion" in sections:
        parts.append(_block("fusion", sections["fusion"], _fusion_notes(sections["fusion"], catalog)))
    parts.append(_training())
    if explainer := suitable_explainer(catalog):
        parts.append(f"# Why: how many test rows are explained.\nexplain: {{explainer: {explainer.name}, rows: 12}}")
    return "\n\n".join([*parts, "seed: 0"]) + "\n"


def _block(key: str, value: Any, notes: list[str]) -> str:
    comments = "".join(f"# {note}\n" for note in notes)
    return comments + to_yaml({key: value}).rstrip("\n")


def _training() -> str:
    """The section `training`: the first keys to turn, and the others commented out with their defaults."""
    lines = ["training:"]
    for name, field in TrainingOptions.model_fields.items():
        key = f"{name}: {to_yaml({'_': field.get_default(call_default_factory=True)})[3:].strip() or 'null'}"
        lines.append(f"  {key:<26} # {field.description}" if name in FIRST else f"  # {key:<24} # {field.description}")
    return "\n".join(lines)


def _dataset_notes(guess: TableGuess) -> list[str]:
    notes = ["The kinds were guessed from the columns; correct what is wrong."]
    return notes + [f"Column {column!r} is left out: {reason}." for column, reason in guess.left_out.items()]


def _encoder_notes(guess: TableGuess, catalog: Catalog) -> list[str]:
    notes = [
        "Which encoder reads each modality; leave a modality out to see what it brings.",
        "With options: {name: …, trainable: none | all | {last: 2}, learning_rate: 1.0e-5}.",
    ]
    for kind in dict.fromkeys(field.kind for field in guess.modalities.values()):
        names = ", ".join(encoder.name for encoder in suitable_encoders(kind, catalog))
        notes.append(f"For {kind}: {names}.")
    return notes


def _fusion_notes(fusion: Mapping[str, Any], catalog: Catalog) -> list[str]:
    strategies = [entry.declaration for entry in catalog.entries("fusion-strategy")]
    lines = ["When and how modalities are fused."]
    for strategy in sorted(strategies, key=lambda one: one.name):
        names = ", ".join(method.name for method in methods_of(strategy, catalog))  # type: ignore[arg-type]
        lines.append(f"{strategy.name}: {names or 'brings its own method'}.")
    return lines
