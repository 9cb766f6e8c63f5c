"""A cohort in a BIDS folder as rows: one for each session, with its EEG, its MRI and what is known of the subject."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import mmcore
from mmcore_ai4brain.clinical import split_columns
from mmcore_ai4brain.tsv import Cell, read_tsv, with_numbers

if TYPE_CHECKING:
    from mmcore_ai4brain import AI4BrainOptions

SUBJECT = "participant_id"
OURS = ("row_id", "session_id", "eeg_file", "mri_file")
"""Columns that the files are found by."""

EEG = (".edf", ".bdf", ".vhdr")
MRI = ("_T1w.nii.gz", "_T1w.nii")


@dataclass
class Found:
    """The rows, and what a person should know of how they came about."""

    rows: list[dict[str, Cell]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    tasks: set[str] = field(default_factory=set)


def check_options(options: AI4BrainOptions) -> None:
    """Look at the folder and at the header of participants.tsv.

    Raises:
        OptionError: no such folder, no participants.tsv, no such column; its path leads to the option.
    """
    root = Path(options.path)
    if not root.is_dir():
        raise mmcore.OptionError(
            f"no such folder: {options.path}",
            path=("path",),
            hint=f"A simulated cohort is written by: mmcore simulate ai4brain {options.path}",
        )
    table = root / "participants.tsv"
    if not table.is_file():
        raise mmcore.OptionError(
            f"no participants.tsv in {options.path}",
            path=("path",),
            hint="It names the subjects and their diagnoses: see docs/use_cases/ai4brain.md.",
        )
    columns = _header(table)
    for path in sorted(root.glob("sub-*/sub-*_sessions.tsv"))[:1]:
        columns += _header(path)
    wanted: dict[tuple[str | int, ...], str] = {("target",): options.target}
    wanted |= {("clinical", number): name for number, name in enumerate(options.clinical or ())}
    for place, name in wanted.items():
        if name not in columns:
            raise mmcore.OptionError(
                f"no column {name!r} in {table}", path=place, hint=mmcore.did_you_mean(name, columns)
            )
    if options.target in (options.clinical or ()):
        raise mmcore.OptionError(f"the target {options.target!r} is also an input", path=("clinical",))


def read_cohort(options: AI4BrainOptions) -> mmcore.DataSource:
    """The cohort as a data source: split by subject whatever the experiment says.

    A session that lacks EEG or MRI has a row without them. Subjects whose target is unknown are left out.

    Raises:
        OptionError: as `check_options` does, or no EEG of the task that is asked for.
        DataError: a table that can't be read, a subject twice, nobody left.
    """
    check_options(options)
    root = Path(options.path)
    found = _collect(root, options)
    if not found.rows:
        raise mmcore.DataError(f"no subject has a {options.target}", where=str(root / "participants.tsv"))
    if options.task is not None and options.task not in found.tasks:
        raise mmcore.OptionError(
            f"no EEG of task {options.task!r}", path=("task",), hint=mmcore.did_you_mean(options.task, found.tasks)
        )
    rows = with_numbers(found.rows, frozenset({SUBJECT, *OURS}))
    allowed, near = split_columns(rows, options.target, frozenset(OURS))
    clinical = list(options.clinical or ([*allowed, *near] if options.near_labels else allowed))
    return mmcore.DataSource(
        rows=mmcore.read_table(rows),
        modalities={
            "eeg": mmcore.ModalityField("timeseries", ("eeg_file",)),
            "mri": mmcore.ModalityField("volume", ("mri_file",)),
            "clinical": mmcore.ModalityField("tabular", tuple(clinical), single=False),
        },
        target=options.target,
        root=root,
        id="row_id",
        group=SUBJECT,
        notice=_notice(root, rows, found, clinical, near),
        broken_limit=options.broken_limit,
    )


def _collect(root: Path, options: AI4BrainOptions) -> Found:
    found = Found()
    people: dict[str, dict[str, Cell]] = {}
    for person in read_tsv(root / "participants.tsv", SUBJECT):
        subject = f"sub-{str(person[SUBJECT]).removeprefix('sub-')}"
        if subject in people:
            raise mmcore.DataError(f"subject {subject!r} stands there twice", where=str(root / "participants.tsv"))
        people[subject] = {**person, SUBJECT: subject}
    folders = {path.name for path in root.glob("sub-*") if path.is_dir()}
    found.counts["folders of subjects that participants.tsv does not name"] = len(folders - set(people))
    for subject, person in sorted(people.items()):
        found.counts["subjects without a folder"] += subject not in folders
        for session in _sessions(root / subject):
            row = {**person, **session}
            if row.get(options.target) is None:
                found.counts[f"sessions without {options.target}, left out"] += 1
                continue
            label = session["session_id"]
            folder = root / subject / (f"ses-{label}" if label else "")
            row["row_id"] = f"{subject}_ses-{label}" if label else subject
            row["eeg_file"] = _relative(root, _eeg(folder, options.task, found), found)
            row["mri_file"] = _relative(root, _named(folder / "anat", MRI), found)
            found.rows.append(row)
    return found


def _sessions(folder: Path) -> list[dict[str, Cell]]:
    """Each session's name (None where the subject has no folders of sessions) and what sessions.tsv says of it."""
    names = sorted(path.name.removeprefix("ses-") for path in folder.glob("ses-*") if path.is_dir())
    said: dict[str, dict[str, Cell]] = {}
    table = folder / f"{folder.name}_sessions.tsv"
    if table.is_file():
        said = {str(row["session_id"]).removeprefix("ses-"): row for row in read_tsv(table, "session_id")}
    found: list[dict[str, Cell]] = []
    for name in names or [""]:
        known = {key: value for key, value in said.get(name, {}).items() if value is not None}
        found.append({**known, "session_id": name or None})
    return found


def _eeg(folder: Path, task: str | None, found: Found) -> list[Path]:
    files = _named(folder / "eeg", tuple(f"_eeg{suffix}" for suffix in EEG))
    tasks = {path: match[1] for path in files if (match := re.search(r"_task-([A-Za-z0-9]+)", path.name))}
    found.tasks.update(tasks.values())
    return [path for path in files if task is None or tasks.get(path) == task]


def _named(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    """Files by their endings, in order; those of the system (`._…`) left out."""
    if not folder.is_dir():
        return []
    lowered = tuple(ending.lower() for ending in endings)
    return sorted(
        path for path in folder.iterdir() if path.name.lower().endswith(lowered) and not path.name.startswith(".")
    )


def _relative(root: Path, files: list[Path], found: Found) -> str | None:
    if len(files) > 1:
        found.counts["sessions with several files of a modality, of which the first by name is read"] += 1
    return files[0].relative_to(root).as_posix() if files else None


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            return [name.strip() for name in stream.readline().rstrip("\n").split("\t")]
    except (OSError, UnicodeDecodeError) as error:
        raise mmcore.DataError(f"can't be read ({error})", where=str(path)) from error


def _notice(root: Path, rows: list[dict[str, Cell]], found: Found, clinical: list[str], near: list[str]) -> str:
    """Whose data it is, what was left out, and which inputs all but say the diagnosis."""
    subjects = len({row[SUBJECT] for row in rows})
    without = [f"{sum(row[f'{name}_file'] is None for row in rows)} without {name.upper()}" for name in ("eeg", "mri")]
    parts = [*_said_of_itself(root), f"{subjects} subjects, {len(rows)} sessions, {', '.join(without)}."]
    parts += [f"{count} {what}." for what, count in found.counts.items() if count]
    used = [name for name in clinical if name in near]
    if used:
        parts.append(f"Warning: {', '.join(used)} all but say the diagnosis, and are used as inputs.")
    left = [name for name in near if name not in clinical]
    if left:
        parts.append(f"{', '.join(left)} all but say the diagnosis and are no inputs (near_labels: true takes them).")
    return " ".join(parts)


def _said_of_itself(root: Path) -> list[str]:
    """Name, licence and how to acknowledge, out of dataset_description.json where there is one."""
    try:
        told = json.loads((root / "dataset_description.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return []
    if not isinstance(told, dict):
        return []
    words = {"Name": "{}.", "License": "Licence: {}.", "HowToAcknowledge": "{}"}
    return [form.format(str(told[key]).rstrip(".")) for key, form in words.items() if _is_said(told.get(key))]


def _is_said(value: object) -> bool:
    return bool(value) and not str(value).startswith("[")  # "[Unspecified]", as mne-bids writes
