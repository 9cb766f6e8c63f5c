"""The simulated cohort as files: a BIDS folder of EDF, NIfTI and TSV, and what the best classifier scores on it."""

from __future__ import annotations

import datetime
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import mmcore
from mmcore_ai4brain import cohort as model
from mmcore_ai4brain.phantom import SIDE, STEP, head
from mmcore_ai4brain.waves import CHANNELS, RATE, SECONDS, recording

VERSION = 1
"""Raised when the same seed gives other files."""

COLUMNS: dict[str, dict[str, Any]] = {
    "age": {"Description": "age at the first session", "Units": "years"},
    "sex": {"Description": "sex", "Levels": {"F": "female", "M": "male"}},
    "education": {"Description": "years of school and study", "Units": "years"},
    "apoe4": {"Description": "APOE ε4 alleles, 0 to 2"},
    "tmt_b": {"Description": "Trail Making Test, part B", "Units": "s"},
    "fluency": {"Description": "animals named in a minute"},
    "gds": {"Description": "Geriatric Depression Scale, 0 to 15"},
    "mmse": {"Description": "Mini-Mental State Examination, 0 to 30; all but says the diagnosis"},
    "cdr": {"Description": "global Clinical Dementia Rating; all but says the diagnosis"},
    "diagnosis": {
        "Description": "diagnosis",
        "Levels": {"CN": "control", "MCI": "mild cognitive impairment", "AD": "Alzheimer's disease"},
    },
}


def write_cohort(
    folder: Path, subjects: int, seed: int, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """Write a cohort; `about.json` says what the best classifiers score on it.

    Args:
        folder: made if it is not there; must be empty.
        subjects: how many, at least one of each class; a quarter of them come twice, so that there are more rows.
        seed: equal seeds give equal files, byte for byte.
        progress: told (stage, done, total).

    Raises:
        OptionError: too few subjects, or the folder is not empty.
    """
    if subjects < len(model.CLASSES):
        raise mmcore.OptionError(f"{subjects} subjects can't have {len(model.CLASSES)} diagnoses", path=("rows",))
    if folder.exists() and any(folder.iterdir()):
        raise mmcore.OptionError(f"{folder} is not empty", hint="Name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    cohort = model.draw_cohort(subjects, seed)
    _write_json(folder / "about.json", _about(cohort, subjects, seed))  # before anything could be trained on it
    _write_tables(folder, cohort, subjects, seed)
    for row in range(len(cohort)):
        if progress is not None:
            progress("sessions", row, len(cohort))
        generator = np.random.default_rng([seed, 5, row])
        name = f"sub-{cohort.subject[row] + 1:04d}_ses-{cohort.session[row]:02d}"
        place = folder / name.replace("_", "/")
        place.mkdir(parents=True)
        measured = {key: float(values[row]) for key, values in cohort.measures.items()}
        if cohort.present["eeg"][row]:
            waves = recording(measured["alpha_peak"], measured["slowing"], generator)
            (place / "eeg").mkdir()
            _write_edf(place / "eeg" / f"{name}_task-rest_eeg.edf", waves, int(cohort.subject[row]))
        if cohort.present["mri"][row]:
            values = head(measured["hippocampus"], measured["ventricles"], generator)
            (place / "anat").mkdir()
            _write_nifti(place / "anat" / f"{name}_T1w.nii.gz", values, flipped=bool(cohort.subject[row] % 3 == 2))
    if progress is not None:
        progress("sessions", len(cohort), len(cohort))


def _about(cohort: model.Cohort, subjects: int, seed: int) -> dict[str, Any]:
    return {
        "simulator": f"mmcore ai4brain, version {VERSION}",
        "seed": seed,
        "subjects": subjects,
        "rows": len(cohort),
        "measure": "accuracy of Bayes' rule by the true constants and the measures behind the files: an upper bound",
        "this cohort": model.best_scores(cohort),
        "without end": dict(model.BEST),
        "chance": round(float(np.bincount(cohort.label).max() / len(cohort)), 4),
    }


def _write_tables(folder: Path, cohort: model.Cohort, subjects: int, seed: int) -> None:
    generator = np.random.default_rng([seed, 6])
    sex = generator.random(subjects) < 0.5
    education = np.clip(np.round(generator.normal(12, 3.5, subjects)), 4, 22).astype(int)
    depression = generator.binomial(15, 0.15, subjects)
    errors = generator.normal(0, 1, (2, subjects))
    first = {int(subject): row for row, subject in reversed(list(enumerate(cohort.subject)))}
    lines = ["\t".join(["participant_id", *COLUMNS])]
    for subject in range(subjects):
        row = first[subject]
        severity, risk = float(cohort.severity[row]), int(cohort.risk[row])
        staged = severity + 0.15 * errors[1, subject]
        cells = [
            f"sub-{subject + 1:04d}",
            f"{cohort.age[row]:.1f}",
            "F" if sex[subject] else "M",
            str(education[subject]),
            "n/a" if risk < 0 else str(risk),
            f"{np.exp(cohort.measures['tmt_b'][row]):.2f}",
            f"{cohort.measures['fluency'][row]:.2f}",
            str(depression[subject]),
            str(int(np.clip(round(29 - 3.2 * severity + errors[0, subject]), 0, 30))),
            "0" if staged < 0.5 else "0.5" if staged < 1.5 else "1",
            model.CLASSES[cohort.label[row]],
        ]
        lines.append("\t".join(cells))
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_json(folder / "participants.json", COLUMNS)
    _write_json(
        folder / "dataset_description.json",
        {
            "Name": "A simulated cohort: EEG, MRI and clinical scores",
            "BIDSVersion": "1.10.0",
            "DatasetType": "raw",
            "License": "CC0",
            "GeneratedBy": [{"Name": "mmcore simulate ai4brain", "Version": str(VERSION)}],
        },
    )
    _write_json(
        folder / "task-rest_eeg.json",
        {
            "TaskName": "rest",
            "SamplingFrequency": RATE,
            "EEGReference": "average",
            "PowerLineFrequency": 50,
            "SoftwareFilters": "n/a",
            "RecordingDuration": SECONDS,
        },
    )
    (folder / "README").write_text("Simulated: no person is behind it. See about.json.\n", encoding="utf-8")
    (folder / ".bidsignore").write_text("about.json\n", encoding="utf-8")


def _write_edf(path: Path, waves: np.ndarray, subject: int) -> None:
    import edfio

    signals = [
        edfio.EdfSignal(
            np.clip(wave, -800, 800), RATE, label=label, physical_dimension="uV", physical_range=(-800, 800)
        )
        for label, wave in zip(CHANNELS, waves, strict=True)
    ]
    day = datetime.date(2020, 1, 1)  # a fixed day: files of one seed are equal byte for byte
    edf = edfio.Edf(
        signals,
        patient=edfio.Patient(code=f"sub-{subject + 1:04d}"),
        recording=edfio.Recording(startdate=day),
        starttime=datetime.time(10, 0, 0),
    )
    edf.write(path)


def _write_nifti(path: Path, values: np.ndarray, *, flipped: bool) -> None:
    """Every third scanner stores voxels from right to left, as many do."""
    import nibabel

    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = -(SIDE - 1) / 2 * STEP
    stored = np.round(np.clip(values, 0, 32767)).astype(np.int16)
    if flipped:
        stored, affine[0] = stored[::-1], -affine[0]
    image = nibabel.Nifti1Image(stored, affine)
    image.set_sform(affine, code="scanner")
    image.header.set_xyzt_units("mm")
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=6, mtime=0))


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
