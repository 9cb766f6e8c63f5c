"""Cohorts in BIDS folders that others might have made: files by nibabel, mne and pybv, tables by hand."""

import json

import mne
import nibabel
import numpy as np
import pybv
import pytest

import mmcore
import mmcore.catalog
from mmcore_ai4brain import AI4BrainOptions, build, check, modalities
from mmcore_ai4brain.clinical import is_near_label

TABLE = """participant_id	age	sex	MMSE	CDGLOBAL	arm	diagnosis
sub-01	71	F	29	0	x	CN
sub-02	68.5	M	n/a	0.5	y	MCI
sub-03	80	F	18	1	z	AD
sub-04	n/a	F	30	0	x	CN
sub-05	77	M	20	1	z	AD
sub-06	66	M	27	0.5	y	MCI
"""


def mri(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.ones((3, 3, 3), np.int16), np.eye(4)), path)


def raw(seconds=2):
    info = mne.create_info(["Cz", "Pz"], 64, "eeg")
    return mne.io.RawArray(1e-5 * np.random.default_rng(0).normal(size=(2, 64 * seconds)), info, verbose="error")


def edf(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    mne.export.export_raw(path, raw(), fmt="edf", verbose="error")


def brainvision(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    data = np.random.default_rng(1).normal(size=(2, 128))
    pybv.write_brainvision(data=data, sfreq=64, ch_names=["Cz", "Pz"], fname_base=name, folder_out=folder)


@pytest.fixture
def folder(tmp_path):
    """Subjects with and without sessions, EEG of two formats and two tasks, one without a folder."""
    (tmp_path / "participants.tsv").write_text(TABLE)
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "A cohort", "License": "CC BY 4.0"}))
    for session in ("01", "02"):
        mri(tmp_path / f"sub-01/ses-{session}/anat/sub-01_ses-{session}_T1w.nii.gz")
    edf(tmp_path / "sub-01/ses-01/eeg/sub-01_ses-01_task-rest_eeg.edf")
    edf(tmp_path / "sub-01/ses-01/eeg/sub-01_ses-01_task-oddball_eeg.edf")
    brainvision(tmp_path / "sub-02/eeg", "sub-02_task-rest_eeg")
    mri(tmp_path / "sub-02/anat/sub-02_T1w.nii")
    mri(tmp_path / "sub-03/anat/sub-03_run-2_T1w.nii.gz")
    mri(tmp_path / "sub-03/anat/sub-03_run-1_T1w.nii.gz")
    (tmp_path / "sub-03/anat/._sub-03_run-1_T1w.nii.gz").write_bytes(b"of the system")
    (tmp_path / "sub-04/anat").mkdir(parents=True)
    (tmp_path / "sub-05/anat").mkdir(parents=True)
    mri(tmp_path / "sub-99/anat/sub-99_T1w.nii.gz")
    return tmp_path


def read(folder, **options):
    return build(AI4BrainOptions(path=str(folder), **options))


def rows_of(source):
    return {row["row_id"]: row for row in source.rows}


def test_there_is_a_row_for_each_session_with_the_files_it_has(folder):
    rows = rows_of(read(folder))
    assert list(rows) == ["sub-01_ses-01", "sub-01_ses-02", "sub-02", "sub-03", "sub-04", "sub-05", "sub-06"]
    assert rows["sub-01_ses-01"]["mri_file"] == "sub-01/ses-01/anat/sub-01_ses-01_T1w.nii.gz"
    assert rows["sub-01_ses-02"]["eeg_file"] is None
    assert rows["sub-02"]["eeg_file"] == "sub-02/eeg/sub-02_task-rest_eeg.vhdr"
    assert rows["sub-02"]["mri_file"] == "sub-02/anat/sub-02_T1w.nii"
    assert rows["sub-03"]["mri_file"] == "sub-03/anat/sub-03_run-1_T1w.nii.gz"
    assert rows["sub-06"]["mri_file"] is None
    assert {row["participant_id"] for row in rows.values()} == {f"sub-0{n}" for n in range(1, 7)}


def test_the_source_is_split_by_subject_and_says_what_its_parts_are(folder):
    source = read(folder)
    assert source.group == "participant_id"
    assert source.id == "row_id"
    assert source.target == "diagnosis"
    assert source.root == folder
    options = AI4BrainOptions(path=str(folder))
    assert dict(modalities(options)) == {name: each.kind for name, each in source.modalities.items()}


def test_what_nibabel_mne_and_pybv_wrote_is_read_by_the_kinds(folder):
    source = read(folder)
    kinds = {name: mmcore.catalog.load().kind(each.kind) for name, each in source.modalities.items()}
    decoded = dict.fromkeys(kinds, 0)
    for row in source.rows:
        for name, each in source.modalities.items():
            value = each.value(name, row)
            if value is not None:
                sample = kinds[name].decode(value, root=source.root, budget=mmcore.Budget())
                decoded[name] += 1
                if name == "eeg":
                    assert sample.values.shape == (2, 128)
                    assert sample.names == ("Cz", "Pz")
                    assert sample.rate == 64
    assert decoded == {"eeg": 2, "mri": 4, "clinical": 7}


def test_the_task_of_the_recording_can_be_chosen(folder):
    assert rows_of(read(folder))["sub-01_ses-01"]["eeg_file"].endswith("task-oddball_eeg.edf")  # the first by name
    rows = rows_of(read(folder, task="rest"))
    assert rows["sub-01_ses-01"]["eeg_file"].endswith("task-rest_eeg.edf")
    with pytest.raises(mmcore.OptionError, match="Did you mean 'rest'") as caught:
        read(folder, task="rset")
    assert caught.value.path == ("task",)


def test_near_labels_are_no_inputs_unless_asked_for_and_always_told(folder):
    source = read(folder)
    assert source.modalities["clinical"].columns == ("age", "sex")
    assert "MMSE, CDGLOBAL, arm all but say the diagnosis and are no inputs" in source.notice
    everything = read(folder, near_labels=True)
    assert everything.modalities["clinical"].columns == ("age", "sex", "MMSE", "CDGLOBAL", "arm")
    assert "Warning: MMSE, CDGLOBAL, arm all but say the diagnosis, and are used" in everything.notice
    named = read(folder, clinical=["age", "MMSE"])
    assert named.modalities["clinical"].columns == ("age", "MMSE")
    assert "Warning: MMSE all but" in named.notice


def test_columns_in_which_nothing_is_known_are_no_inputs(folder):
    """As mne-bids writes them, beside a name of the cohort that says nothing."""
    table = "participant_id\thand\tweight\tdiagnosis\nsub-01\tn/a\tn/a\tCN\nsub-02\tn/a\tn/a\tAD\n"
    (folder / "participants.tsv").write_text(table)
    (folder / "dataset_description.json").write_text('{"Name": "[Unspecified]"}')
    source = read(folder)
    assert source.modalities["clinical"].columns == ()
    assert all(source.modalities["clinical"].value("clinical", row) is None for row in source.rows)
    assert source.notice.startswith("2 subjects")


@pytest.mark.parametrize("name", ["MMSE", "mmse_total", "MMSCORE", "CDR", "CDRSB", "CDGLOBAL", "ADAS13", "MOCA", "FAQ",
                                  "DX", "DX_bl", "diagnosis_baseline", "Group", "clinical_cdr"])  # fmt: skip
def test_names_of_near_labels_are_known(name):
    assert is_near_label(name)


@pytest.mark.parametrize(
    "name", ["age", "sex", "education", "apoe4", "weight", "site", "grip", "grouping_age", "income"]
)
def test_other_names_are_not_taken_for_near_labels(name):
    assert not is_near_label(name)


def test_the_notice_says_whose_data_it_is_and_what_is_missing(folder):
    notice = read(folder).notice
    assert notice.startswith("A cohort. Licence: CC BY 4.0. 6 subjects, 7 sessions, 5 without EEG, 3 without MRI.")
    assert "1 folders of subjects that participants.tsv does not name" in notice
    assert "1 subjects without a folder" in notice
    assert "several files of a modality" in notice


def test_numbers_are_numbers_and_what_is_not_known_is_missing(folder):
    rows = rows_of(read(folder))
    assert rows["sub-02"]["age"] == 68.5
    assert rows["sub-04"]["age"] is None
    assert rows["sub-02"]["MMSE"] is None
    assert rows["sub-01_ses-01"]["sex"] == "F"


def test_what_is_known_of_a_session_goes_before_what_is_known_of_the_subject(folder):
    (folder / "sub-01/sub-01_sessions.tsv").write_text(
        "session_id\tage\tdiagnosis\tacq_time\nses-01\t71\tn/a\tn/a\nses-02\t73\tMCI\t2020\n"
    )
    source = read(folder)
    rows = rows_of(source)
    assert (rows["sub-01_ses-01"]["age"], rows["sub-01_ses-01"]["diagnosis"]) == (71, "CN")
    assert (rows["sub-01_ses-02"]["age"], rows["sub-01_ses-02"]["diagnosis"]) == (73, "MCI")
    assert source.modalities["clinical"].columns == ("age", "sex", "arm")  # which now says it no longer


def test_sessions_without_a_diagnosis_are_left_out_and_counted(folder):
    (folder / "participants.tsv").write_text(TABLE.replace("1\tz\tAD", "1\tz\tn/a", 1))
    source = read(folder)
    assert "sub-03" not in rows_of(source)
    assert "1 sessions without diagnosis, left out" in source.notice


def test_names_without_their_prefix_and_a_mark_at_the_beginning_do_no_harm(folder):
    (folder / "participants.tsv").write_text("\ufeff" + TABLE.replace("sub-", ""), encoding="utf-8")
    rows = rows_of(read(folder))
    assert rows["sub-02"]["mri_file"] == "sub-02/anat/sub-02_T1w.nii"
    assert {row["participant_id"] for row in rows.values()} == {f"sub-0{n}" for n in range(1, 7)}


def test_another_column_can_be_the_target(folder):
    source = read(folder, target="MMSE")
    assert source.target == "MMSE"
    assert "MMSE" not in source.modalities["clinical"].columns
    assert "CDGLOBAL" not in source.modalities["clinical"].columns
    assert len(source.rows) == 6  # of one it is not known


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE + "sub-02\t70\tF\t1\t0\tx\tAD\n", "participants.tsv:8: participant_id 'sub-02' stands in line 3 too"),
        (TABLE + "02\t70\tF\t1\t0\tx\tAD\n", "subject 'sub-02' stands there twice"),
        (TABLE + "sub-07\t70\tF\n", "participants.tsv:8: 3 cells under 7 columns"),
        (TABLE + "\t70\tF\t1\t0\tx\tAD\n", "participants.tsv:8: no participant_id"),
        (TABLE.replace("sex", "age"), "two columns are named 'age'"),
        (TABLE.replace("participant_id", "subject_id"), "no column 'participant_id'"),
        (TABLE.split("\n")[0] + "\n", "no subject has a diagnosis"),
    ],
)
def test_tables_that_can_not_be_trusted_are_refused_with_their_line(folder, text, message):
    (folder / "participants.tsv").write_text(text)
    with pytest.raises(mmcore.DataError) as caught:
        read(folder)
    assert message in str(caught.value)


def test_a_table_that_is_no_text_is_refused(folder):
    (folder / "participants.tsv").write_bytes(b"\xff\xfe\x00\x00")
    with pytest.raises(mmcore.DataError, match="can't be read"):
        read(folder)


def test_a_missing_folder_table_or_column_is_an_option_s_mistake(folder, tmp_path):
    for options, path, words in (
        ({"path": str(folder / "nowhere")}, ("path",), "mmcore simulate ai4brain"),
        ({"path": str(folder / "sub-01")}, ("path",), "no participants.tsv"),
        ({"path": str(folder), "target": "diagnosys"}, ("target",), "Did you mean 'diagnosis'"),
        ({"path": str(folder), "clinical": ["age", "sx"]}, ("clinical", 1), "Did you mean 'sex'"),
        ({"path": str(folder), "clinical": ["age", "diagnosis"]}, ("clinical",), "also an input"),
    ):
        with pytest.raises(mmcore.OptionError) as caught:
            check(AI4BrainOptions(**options))
        assert caught.value.path == path
        assert words in str(caught.value)


def test_a_folder_without_eeg_is_read_too(folder):
    for path in folder.glob("sub-*/**/eeg/*"):
        path.unlink()
    source = read(folder)
    assert {row["eeg_file"] for row in source.rows} == {None}
