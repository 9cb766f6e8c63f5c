"""The simulated cohort: a hidden severity behind EEG, MRI and clinical scores, and the best that can be told from them.

The constants are frozen: a cohort is its seed and number of subjects. They are ours, with directions and rough sizes
as the literature has them (slowing of alpha: doi:10.1016/j.clinph.2004.01.001; hippocampus and ventricles:
doi:10.1212/WNL.0b013e3181cb3e25), and noise chosen so that no modality decides alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CLASSES = ("CN", "MCI", "AD")
SEVERITY = (0.0, 1.0, 2.0)
"""Mean hidden severity of each class."""

SEVERITY_SD = 0.35
AGE = (70.0, 72.0, 74.0)
"""Mean age of each class, in years."""

AGE_SD = 6.5
AGE_CENTRE = 72.0


@dataclass(frozen=True)
class Measure:
    """A measured quantity: `start + slope · u + by_age · (age − 72) + noise`, with u the severity in its modality."""

    modality: str
    start: float
    slope: float
    noise: float
    by_age: float = 0.0


MEASURES: Mapping[str, Measure] = {
    "alpha_peak": Measure("eeg", 10.4, -0.9, 0.45),  # Hz
    "slowing": Measure("eeg", -0.9, 0.75, 0.40),  # log of theta's power over alpha's
    "hippocampus": Measure("mri", 7.0, -1.0, 0.45, by_age=-0.03),  # ml, both sides
    "ventricles": Measure("mri", 3.3, 0.33, 0.18, by_age=0.015),  # log of ml
    "tmt_b": Measure("clinical", 4.45, 0.30, 0.22, by_age=0.01),  # log of seconds
    "fluency": Measure("clinical", 20.0, -3.2, 3.2),  # animals in a minute
}

OWN_WAY = {"eeg": 0.55, "mri": 0.55, "clinical": 0.60}
"""How far a person's severity in one modality lies from the hidden one (standard deviation): what one measurement
more of the same modality can't tell."""

RISK = (-1.8, 0.6)
"""Logit of carrying ε4 on one chromosome: intercept, and slope by severity."""

WITHOUT = {"mri": 0.12, "eeg": 0.12}
"""Share of the sessions that lack a modality."""

WITHOUT_RISK = 0.15
"""Share of the subjects whose genotype is not known."""

SECOND_SESSION = 0.25
"""Share of the subjects that come again: the same person, measured anew."""

MODALITIES = ("eeg", "mri", "clinical")

BEST = {
    "eeg": 0.666, "mri": 0.674, "clinical": 0.627,
    "eeg+mri": 0.746, "eeg+clinical": 0.726, "mri+clinical": 0.729, "eeg+mri+clinical": 0.772,
}  # fmt: skip
"""Accuracy of the best classifier that there can be, over sessions drawn without end that have these modalities."""


@dataclass(frozen=True)
class Cohort:
    """What lies behind the files; arrays have an entry for each session.

    Args:
        subject: number of the subject, from 0.
        session: 1 or 2.
        label: number of the class.
        severity: the hidden severity.
        measures: name → value, as it is put into the files.
        risk: ε4 alleles, 0 to 2; −1 where not known.
        age: in years.
        present: modality → whether the session has it.
    """

    subject: np.ndarray
    session: np.ndarray
    label: np.ndarray
    severity: np.ndarray
    measures: Mapping[str, np.ndarray]
    risk: np.ndarray
    age: np.ndarray
    present: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.label)


def draw_cohort(subjects: int, seed: int) -> Cohort:
    """A cohort of `subjects`, a third of each class, some of whom have two sessions."""
    generator = np.random.default_rng([seed, 4])
    label = generator.permutation(np.arange(subjects) % len(CLASSES))
    severity = np.asarray(SEVERITY)[label] + generator.normal(0, SEVERITY_SD, subjects)
    age = np.round(np.asarray(AGE)[label] + generator.normal(0, AGE_SD, subjects), 1)
    risk = generator.binomial(2, _carrier(severity))
    risk = np.where(generator.random(subjects) < WITHOUT_RISK, -1, risk)
    own = {name: severity + generator.normal(0, OWN_WAY[name], subjects) for name in MODALITIES}
    again = np.flatnonzero(generator.random(subjects) < SECOND_SESSION)
    subject = np.concatenate([np.arange(subjects), again])
    session = np.concatenate([np.ones(subjects, int), np.full(len(again), 2)])
    order = np.lexsort((session, subject))
    subject, session = subject[order], session[order]
    measures = {}
    for name, measure in MEASURES.items():
        once = measure.modality == "clinical"  # scored once, in participants.tsv
        noise = (
            generator.normal(0, measure.noise, subjects)[subject]
            if once
            else generator.normal(0, measure.noise, len(subject))
        )
        ageing = measure.by_age * (age - AGE_CENTRE)
        measures[name] = measure.start + (measure.slope * own[measure.modality] + ageing)[subject] + noise
    present = {name: generator.random(len(subject)) >= WITHOUT.get(name, 0.0) for name in MODALITIES}
    return Cohort(subject, session, label[subject], severity[subject], measures, risk[subject], age[subject], present)


def best_labels(cohort: Cohort, modalities: Sequence[str]) -> np.ndarray:
    """The most probable class of each session, given the constants and what these modalities measured.

    Bayes' rule with the hidden severity integrated out: given class and severity, measures and age are Gaussian, and
    the genotype is binomial. A session that lacks a modality is judged by the others.
    """
    grid = np.linspace(-4.5, 4.5, 61)  # standard deviations of the severity around its class
    scores = np.full((len(cohort), len(CLASSES)), -np.inf)
    patterns = np.stack([cohort.present[name] for name in modalities], axis=1)
    for pattern in np.unique(patterns, axis=0):
        rows = np.flatnonzero((patterns == pattern).all(1))
        seen = [name for name, there in zip(modalities, pattern, strict=True) if there]
        if not seen:
            continue  # nothing to tell by: the first class, as good as any
        names = [name for name, measure in MEASURES.items() if measure.modality in seen]
        for label in range(len(CLASSES)):
            severity = SEVERITY[label] + SEVERITY_SD * grid
            inner = _log_gaussian(cohort, rows, names, "clinical" in seen, severity, AGE[label])
            if "clinical" in seen:
                inner = inner + _log_risk(cohort.risk[rows], severity)
            weighted = inner - grid**2 / 2
            top = weighted.max(1, keepdims=True)
            scores[rows, label] = top[:, 0] + np.log(np.exp(weighted - top).sum(1))
    return scores.argmax(1)


def best_scores(cohort: Cohort) -> dict[str, float | None]:
    """Accuracy of `best_labels` for every set of modalities, over the sessions that have all of the set."""
    scores: dict[str, float | None] = {}
    for names in (key.split("+") for key in BEST):
        rows = np.logical_and.reduce([cohort.present[name] for name in names])
        hits = best_labels(cohort, names) == cohort.label
        scores["+".join(names)] = round(float(hits[rows].mean()), 4) if rows.any() else None
    scores["all"] = round(float((best_labels(cohort, MODALITIES) == cohort.label).mean()), 4)
    return scores


def _carrier(severity: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-(RISK[0] + RISK[1] * severity))))


def _log_risk(risk: np.ndarray, severity: np.ndarray) -> np.ndarray:
    """`(rows, severities)`; 0 where the genotype is not known. The number of ways does not depend on the class."""
    p = _carrier(severity)[None]
    found = np.where(risk < 0, 0, risk)[:, None]
    return np.where(risk[:, None] < 0, 0.0, found * np.log(p) + (2 - found) * np.log(1 - p))


def _log_gaussian(
    cohort: Cohort, rows: np.ndarray, names: list[str], with_age: bool, severity: np.ndarray, age: float
) -> np.ndarray:
    """`(rows, severities)`: log density of measures (and age, which is clinical) given severity and class.

    Age is integrated out where it is not seen, and so is each modality's own way, which its measures share.
    """
    measures = [MEASURES[name] for name in names]
    slope = np.array([each.slope for each in measures])
    by_age = np.array([each.by_age for each in measures])
    same = np.array([[a.modality == b.modality for b in measures] for a in measures], dtype=float)
    way = np.array([OWN_WAY[each.modality] for each in measures])
    covariance = np.diag([each.noise**2 for each in measures]) + same * np.outer(slope * way, slope * way)
    values = np.stack([cohort.measures[name][rows] for name in names], axis=1)
    start = np.array([each.start for each in measures]) + by_age * (age - AGE_CENTRE)
    if with_age:
        values = np.concatenate([values, cohort.age[rows, None]], axis=1)
        by_age = np.append(by_age, 1.0)
        covariance = np.pad(covariance, (0, 1))
        start, slope = np.append(start, age), np.append(slope, 0.0)
    covariance = covariance + AGE_SD**2 * np.outer(by_age, by_age)
    factor = np.linalg.cholesky(covariance)
    whitened = np.linalg.solve(factor, (values - start).T)  # (measures, rows)
    along = np.linalg.solve(factor, slope)
    distance = (whitened**2).sum(0)[:, None] - 2 * np.outer(along @ whitened, severity) + (along @ along) * severity**2
    return np.asarray(-0.5 * distance - np.log(np.diag(factor)).sum())
