"""The simulated cohort: what lies behind it, what is in its files, and what can be told from it at best."""

import json
from pathlib import Path

import mne
import nibabel
import numpy as np
import pytest
from scipy.signal import welch
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis

import mmcore
import mmcore_ai4brain
from mmcore_ai4brain import cohort as model
from mmcore_ai4brain.phantom import FLUID, SIDE, STEP, head
from mmcore_ai4brain.waves import BEHIND, CHANNELS, IN_FRONT, RATE, THETA, recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort") / "simulated"
    mmcore_ai4brain.simulate(folder, rows=30, seed=11)
    return folder


@pytest.fixture(scope="module")
def many():
    return model.draw_cohort(40_000, seed=99)


def test_the_best_scores_that_are_stated_are_those_of_the_constants(many):
    found = model.best_scores(many)
    assert {key: found[key] for key in model.BEST} == pytest.approx(model.BEST, abs=0.008)


@pytest.mark.parametrize("modality", ["eeg", "mri"])
def test_no_classifier_beats_the_best_one_and_a_good_one_comes_close(many, modality):
    """Given the class these measures are Gaussian, so that quadratic discriminant analysis is Bayes' rule."""
    rows = np.flatnonzero(many.present[modality])
    names = [name for name, measure in model.MEASURES.items() if measure.modality == modality]
    features = np.stack([many.measures[name][rows] for name in names], axis=1)
    half = len(rows) // 2
    learned = QuadraticDiscriminantAnalysis().fit(features[:half], many.label[rows][:half])
    accuracy = learned.score(features[half:], many.label[rows][half:])
    best = (model.best_labels(many, [modality]) == many.label)[rows][half:].mean()
    assert accuracy == pytest.approx(best, abs=0.006)


def test_no_modality_tells_all_and_each_adds_something():
    best = model.BEST
    singles = [best[name] for name in model.MODALITIES]
    assert all(0.55 < score < 0.72 for score in singles)
    pairs = [best["eeg+mri"], best["eeg+clinical"], best["mri+clinical"]]
    assert min(pairs) > max(singles) + 0.04
    assert best["eeg+mri+clinical"] > max(pairs) + 0.02
    assert best["eeg+mri+clinical"] < 0.9


def test_severity_lies_behind_every_measure(many):
    for name, measure in model.MEASURES.items():
        correlation = np.corrcoef(many.measures[name], many.severity)[0, 1]
        assert np.sign(correlation) == np.sign(measure.slope)
        assert 0.4 < abs(correlation) < 0.9


def test_a_third_has_each_diagnosis_and_some_lack_a_modality_or_come_twice(many):
    assert np.bincount(many.label[many.session == 1]).tolist() == [13_334, 13_333, 13_333]
    for name, share in model.WITHOUT.items():
        assert (~many.present[name]).mean() == pytest.approx(share, abs=0.01)
    assert (many.session == 2).sum() == pytest.approx(model.SECOND_SESSION * 40_000, rel=0.03)
    assert many.present["clinical"].all()


def test_sessions_of_one_subject_are_of_one_person(many):
    second = np.flatnonzero(many.session == 2)
    first = second - 1
    assert (many.subject[first] == many.subject[second]).all()
    assert (many.age[first] == many.age[second]).all()
    assert (many.measures["tmt_b"][first] == many.measures["tmt_b"][second]).all()
    again = np.corrcoef(many.measures["ventricles"][first], many.measures["ventricles"][second])[0, 1]
    assert 0.6 < again < 0.99  # measured anew


def test_a_session_without_anything_is_judged_without_an_error():
    cohort = model.draw_cohort(30, 0)
    cohort.present["mri"][:] = False
    assert set(model.best_labels(cohort, ["mri"])) == {0}
    assert model.best_scores(cohort)["mri"] is None


def power(wave, low, high):
    frequencies, density = welch(wave, RATE, nperseg=4 * RATE)
    return density[(frequencies >= low) & (frequencies <= high)].sum()


def test_waves_hold_the_peak_and_the_slowing_that_they_are_made_of():
    peaks, slowings = [], []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        peak, slowing = generator.uniform(8, 11), generator.uniform(-2, 1)
        waves = recording(peak, slowing, generator)
        assert waves.shape == (19, 20 * RATE)
        assert 5 < waves.std() < 80
        frequencies, density = welch(waves[CHANNELS.index("O1")], RATE, nperseg=4 * RATE)
        band = (frequencies > 7.2) & (frequencies < 13)
        weights = np.clip(density[band] - np.median(density[band]), 0, None)
        peaks.append((peak, (frequencies[band] * weights).sum() / weights.sum()))
        theta = sum(power(waves[i], THETA - 1.2, THETA + 1.2) for i in range(19))
        alpha = sum(power(waves[i], peak - 1.2, peak + 1.2) for i in range(19))
        slowings.append((slowing, np.log(theta / alpha)))
    assert np.corrcoef(np.transpose(peaks))[0, 1] > 0.9
    assert np.corrcoef(np.transpose(slowings))[0, 1] > 0.9
    assert len(BEHIND) == len(IN_FRONT) == len(CHANNELS) == 19


def test_a_head_holds_the_ventricles_that_it_is_made_of():
    stated, found = [], []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        ventricles = generator.uniform(3.0, 4.4)
        values = head(6.0, ventricles, generator)
        middle = SIDE // 2
        core = values[middle - 8 : middle + 8, middle - 12 : middle + 14, middle - 3 : middle + 9]
        white = np.quantile(core, 0.9)
        share = np.clip((white - core) / (white * (1 - FLUID / 112)), 0, 1)
        stated.append(np.exp(ventricles))
        found.append(share.sum() * STEP**3 / 1000)
    assert np.corrcoef(stated, found)[0, 1] > 0.97
    assert np.polyfit(stated, found, 1)[0] == pytest.approx(1.0, abs=0.25)


def test_a_smaller_hippocampus_leaves_fluid_where_it_was():
    large, small = (head(volume, 3.4, np.random.default_rng(5)) for volume in (7.0, 4.0))
    changed = np.argwhere(np.abs(large - small) > 0.05 * large.max())
    assert len(changed) > 10
    assert (small - large).sum() < 0
    away = np.abs((changed - (SIDE - 1) / 2) * STEP)
    assert 20 < away[:, 0].mean() < 40  # on both sides
    assert (np.sign(changed[:, 0] - (SIDE - 1) / 2) > 0).mean() == pytest.approx(0.5, abs=0.2)


def test_recordings_are_real_edf_as_mne_reads_them(folder):
    files = sorted(folder.glob("sub-*/ses-*/eeg/*_eeg.edf"))
    assert len(files) > 20
    raw = mne.io.read_raw_edf(files[0], preload=True, verbose="error")
    assert raw.ch_names == list(CHANNELS)
    assert raw.info["sfreq"] == RATE
    assert raw.get_data().shape == (19, 20 * RATE)
    assert 5e-6 < raw.get_data().std() < 8e-5  # volts


def test_pictures_are_real_nifti_and_some_scanners_count_from_the_right(folder):
    files = sorted(folder.glob("sub-*/ses-*/anat/*_T1w.nii.gz"))
    images = [nibabel.load(path) for path in files]
    assert {image.shape for image in images} == {(SIDE,) * 3}
    assert {nibabel.aff2axcodes(image.affine) for image in images} == {tuple("RAS"), tuple("LAS")}
    assert all(int(image.header["sform_code"]) == 1 for image in images)
    assert images[0].header.get_zooms() == (STEP,) * 3


def test_the_best_scores_lie_beside_the_data(folder):
    oracle = json.loads((folder / "about.json").read_text())
    cohort = model.draw_cohort(30, 11)
    assert oracle["without end"] == model.BEST
    assert oracle["this cohort"] == model.best_scores(cohort)
    assert (oracle["seed"], oracle["subjects"], oracle["rows"]) == (11, 30, len(cohort))


def test_files_are_those_that_the_cohort_has(folder):
    cohort = model.draw_cohort(30, 11)
    for row in range(len(cohort)):
        place = folder / f"sub-{cohort.subject[row] + 1:04d}" / f"ses-{cohort.session[row]:02d}"
        assert place.is_dir()
        assert bool(list(place.glob("eeg/*.edf"))) == cohort.present["eeg"][row]
        assert bool(list(place.glob("anat/*.nii.gz"))) == cohort.present["mri"][row]


def test_scores_that_doctors_diagnose_by_say_the_diagnosis(folder):
    source = mmcore_ai4brain.build(mmcore_ai4brain.AI4BrainOptions(path=str(folder)))
    mmse = {name: [] for name in model.CLASSES}
    for row in source.rows:
        mmse[row["diagnosis"]].append(row["mmse"])
    assert np.mean(mmse["CN"]) > np.mean(mmse["MCI"]) + 2 > np.mean(mmse["AD"]) + 4


def test_a_folder_with_something_in_it_is_left_alone(folder):
    with pytest.raises(mmcore.OptionError, match="not empty"):
        mmcore_ai4brain.simulate(folder, rows=3, seed=0)


def test_two_subjects_are_too_few(tmp_path):
    with pytest.raises(mmcore.OptionError, match="3 diagnoses"):
        mmcore_ai4brain.simulate(tmp_path / "new", rows=2, seed=0)
    assert not (tmp_path / "new").exists()


def test_the_page_of_the_use_case_states_these_constants_and_scores():
    page = (Path(__file__).parents[3] / "docs" / "use_cases" / "ai4brain.md").read_text(encoding="utf-8")
    tables = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    best = next(row for row in tables if row[0] == "without end")
    assert [float(cell) for cell in best[2:9]] == list(model.BEST.values())
    seeds = [row for row in tables if row[0].isdigit() and len(row) == 10]
    assert [int(row[0]) for row in seeds] == [0, 1, 2, 3, 4, 5]
    for row in seeds:
        cohort = model.draw_cohort(240, int(row[0]))
        assert int(row[1]) == len(cohort)
        assert [float(cell) for cell in row[2:]] == pytest.approx(list(model.best_scores(cohort).values()), abs=6e-4)
    slopes = {row[0]: [] for row in tables}
    for row in tables:
        if row[0] in {"EEG", "MRI", "clinical"} and len(row) == 5:
            number = row[2].replace("−", "-").replace(" ", "").removesuffix("Hz").removesuffix("ml")
            slopes[row[0]].append(float(number))
    assert slopes["EEG"] + slopes["MRI"] + slopes["clinical"] == [
        *(measure.slope for measure in model.MEASURES.values()),
        model.RISK[1],
    ]
