"""Data sets that the library `datasets` wrote are read with their features and their own splits."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import wave
from collections import Counter

import datasets
import huggingface_hub.constants
import pytest
from PIL import Image

import mmcore
from mmcore_huggingface import HuggingFaceOptions, build, check, is_local, modalities
from mmcore_huggingface.hub import hub_features, hub_rows

NAMES = ["cable", "shirt", "tea"]


@pytest.fixture(autouse=True)
def own_caches(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
    datasets.disable_progress_bars()


def sound(number):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes([number, 0]) * 80)
    return {"bytes": buffer.getvalue(), "path": None}


FEATURES = {
    "photo": datasets.Image(),
    "speech": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
    "caption": datasets.Value("string"),
    "price": datasets.Value("float32"),
    "origin": datasets.ClassLabel(names=["be", "fr"]),
    "pulse": datasets.List(datasets.Value("float32")),
    "leads": datasets.List(datasets.List(datasets.Value("float32"))),
    "tags": datasets.List(datasets.Value("string")),
    "id": datasets.Value("string"),
    "label": datasets.ClassLabel(names=NAMES),
}


def rows(count, first=0, **changes):
    numbers = range(first, first + count)
    columns = {
        "photo": [Image.new("RGB", (6, 6), (number % 250, 1, 2)) for number in numbers],
        "speech": [sound(number % 200) for number in numbers],
        "caption": [f"caption {number}" for number in numbers],
        "price": [number / 2 for number in numbers],
        "origin": [number % 2 for number in numbers],
        "pulse": [[float(number), 1.0] for number in numbers],
        "leads": [[[float(number)], [1.0]] for number in numbers],
        "tags": [["a", "b"] for _ in numbers],
        "id": [f"r{number}" for number in numbers],
        "label": [number % 3 for number in numbers],
    }
    plain = datasets.Dataset.from_dict(columns | changes, features=datasets.Features(FEATURES))
    return plain.cast_column("speech", datasets.Audio(decode=False))  # encoding sounds would take torchcodec


@pytest.fixture
def save(tmp_path):
    def save(**parts):
        saved = parts.pop("whole", None) or datasets.DatasetDict(parts)
        saved.save_to_disk(tmp_path / "saved")
        return HuggingFaceOptions(path=str(tmp_path / "saved"))

    return save


def test_features_say_what_is_which_modality(save):
    options = save(whole=rows(6))
    found = {"photo": "image", "speech": "audio", "caption": "text", "pulse": "timeseries", "leads": "timeseries"}
    assert dict(modalities(options)) == {**found, "facts": "tabular"}
    source = build(options)
    assert source.modalities["facts"] == mmcore.ModalityField("tabular", ("price", "origin"), single=False)
    assert (source.target, source.splits, source.id) == ("label", None, None)
    assert source.notice == "Columns that are left out: tags (no kind reads List of Value string), id (names rows)."


def test_classes_are_read_by_name_and_media_stay_undecoded(save):
    source = build(save(whole=rows(6)))
    assert source.rows["label"][:] == ["cable", "shirt", "tea"] * 2
    assert source.rows["origin"][:] == ["be", "fr"] * 3
    row = source.rows[4]
    assert row["photo"]["bytes"].startswith(b"\x89PNG")
    assert row["speech"] == sound(4)
    assert row["leads"] == [[4.0], [1.0]]


def test_its_own_splits_are_kept_to(save):
    options = save(train=rows(9), validation=rows(4, 9), test=rows(5, 13))
    source = build(options.model_copy(update={"id": "id"}))
    ids = source.rows["id"][:]
    found = {part: [ids[number] for number in numbers] for part, numbers in source.splits.items()}
    assert found == {
        "train": [f"r{n}" for n in range(9)],
        "validation": [f"r{n}" for n in range(9, 13)],
        "test": [f"r{n}" for n in range(13, 18)],
    }
    assert build(options.model_copy(update={"own_split": False})).splits is None


def test_without_a_validation_split_training_rows_validate_of_each_class_alike(save):
    options = save(train=rows(90), test=rows(6, 90)).model_copy(update={"validation": 0.2})
    source = build(options)
    labels = source.rows["label"][:]
    assert Counter(labels[number] for number in source.splits["validation"]) == dict.fromkeys(NAMES, 6)
    assert sorted(source.splits["train"] + source.splits["validation"]) == list(range(90))
    assert source.splits["test"] == list(range(90, 96))
    assert source.splits == build(options).splits
    assert source.splits != build(options.model_copy(update={"split_seed": 1})).splits


def test_splits_of_other_names_have_to_be_named(save):
    options = save(train=rows(9), test_matched=rows(4, 9), test_other=rows(4, 13))
    with pytest.raises(mmcore.OptionError, match=r"train: …, test: …") as caught:
        check(save(left=rows(3), right=rows(3)))
    assert caught.value.path == ("splits",)
    save(train=rows(9), test_matched=rows(4, 9), test_other=rows(4, 13))
    source = build(options.model_copy(update={"splits": {"train": "train", "test": "test_other"}, "validation": 0}))
    assert {part: len(numbers) for part, numbers in source.splits.items()} == {"train": 9, "test": 4}
    assert source.rows.num_rows == 13
    assert "r9" not in source.rows["id"][:]
    with pytest.raises(mmcore.OptionError, match="Did you mean 'test_other'") as caught:
        check(options.model_copy(update={"splits": {"train": "train", "test": "test_othr"}}))
    assert caught.value.path == ("splits", "test")


def test_a_split_without_any_target_is_left_out_and_said(save):
    source = build(save(train=rows(9), validation=rows(3, 9), test=rows(3, 12, label=[-1, -1, -1])))
    assert set(source.splits) == {"train", "validation"}
    assert source.rows.num_rows == 12
    assert "Left out: split test, which has no label." in source.notice


def test_a_missing_class_is_missing(save):
    source = build(save(whole=rows(4, label=[0, -1, 2, None])))
    assert source.rows["label"][:] == ["cable", None, "tea", None]


def test_modalities_that_are_written_are_taken_as_written(save):
    options = HuggingFaceOptions.model_validate(
        {
            "path": save(whole=rows(4)).path,
            "modalities": {
                "said": {"kind": "text", "column": "caption"},
                "cost": {"kind": "tabular", "columns": ["price"]},
            },
            "target": "origin",
        }
    )
    source = build(options)
    assert dict(modalities(options)) == {"said": "text", "cost": "tabular"}
    assert source.modalities["cost"].value("cost", source.rows[2]) == {"price": 1.0}
    assert (source.target, source.notice) == ("origin", "")


@pytest.mark.parametrize(
    ("changes", "path", "said"),
    [
        ({"target": "lable"}, ("target",), "Did you mean 'label'"),
        ({"id": "no"}, ("id",), "no column 'no'"),
        ({"modalities": {"a": {"kind": "text", "column": "capton"}}}, ("modalities", "a", "column"), "'caption'"),
        (
            {"modalities": {"a": {"kind": "tabular", "columns": ["price", "x"]}}},
            ("modalities", "a", "columns", 1),
            "'x'",
        ),
        ({"modalities": {"a": {"kind": "text", "column": "label"}}}, ("modalities", "a"), "is also an input"),
        ({"root": "/not/there"}, ("root",), "no such folder"),
        ({"path": "/not/there"}, ("path",), "no such file"),
    ],
)
def test_what_is_not_there_is_named_with_the_option(save, changes, path, said):
    options = HuggingFaceOptions.model_validate({"path": save(whole=rows(4)).path, **changes})
    with pytest.raises(mmcore.OptionError, match=said) as caught:
        check(options)
    assert caught.value.path == path


def test_without_a_column_that_looks_like_a_target_one_is_asked_for(tmp_path):
    datasets.Dataset.from_dict({"text": ["a", "b"], "sense": ["x", "y"]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(mmcore.OptionError, match=r"text \(Value string\), sense \(Value string\)") as caught:
        check(HuggingFaceOptions(path=str(tmp_path / "saved")))
    assert caught.value.path == ("target",)


def test_the_only_class_is_the_target(tmp_path):
    features = datasets.Features({"text": datasets.Value("string"), "sense": datasets.ClassLabel(names=["x", "y"])})
    datasets.Dataset.from_dict({"text": ["a", "b"], "sense": [0, 1]}, features=features).save_to_disk(
        tmp_path / "saved"
    )
    source = build(HuggingFaceOptions(path=str(tmp_path / "saved")))
    assert (source.target, source.rows["sense"][:]) == ("sense", ["x", "y"])


@pytest.fixture
def parquet(tmp_path):
    """A folder as the hub has it."""
    folder = tmp_path / "parquet"
    (folder / "data").mkdir(parents=True)
    rows(9).to_parquet(folder / "data" / "train-00000-of-00001.parquet")
    rows(4, 9).to_parquet(folder / "data" / "test-00000-of-00001.parquet")
    return str(folder)


def test_a_folder_of_parquet_files_is_read_as_the_hub_lays_it_out(parquet):
    source = build(HuggingFaceOptions(path=parquet, validation=0))
    by_split = {source.rows["split"][number] for number in source.splits["test"]}
    assert (by_split, len(source.splits["test"])) == ({"test"}, 4)
    assert source.modalities["photo"].kind == "image"
    assert source.rows[0]["label"] == "cable"


def test_what_the_hub_gives_is_what_the_folder_gives(parquet, monkeypatch):
    """The library reads a local folder under the name of a data set on the hub; nothing else differs."""
    monkeypatch.setattr("mmcore_huggingface.is_local", lambda path: False)
    monkeypatch.setattr("mmcore_huggingface.rows.is_local", lambda path: False)
    hub_features.cache_clear()
    options = HuggingFaceOptions(path=parquet, validation=0)
    from_hub = build(options)
    monkeypatch.undo()
    from_folder = build(options)
    assert from_hub.modalities == from_folder.modalities
    for part in ("train", "test"):
        first = [from_hub.rows[number] for number in from_hub.splits[part]]
        second = [from_folder.rows[number] for number in from_folder.splits[part]]
        for each, other in zip(first, second, strict=True):
            assert each["photo"]["bytes"] == other["photo"]["bytes"]
            assert {**each, "photo": 0} == {**other, "photo": 0}
    assert from_hub.rows._fingerprint == hub_again(options).rows._fingerprint


def hub_again(options):
    from mmcore_huggingface import layout
    from mmcore_huggingface.rows import read_source

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmcore_huggingface.is_local", lambda path: False)
        patch.setattr("mmcore_huggingface.rows.is_local", lambda path: False)
        return read_source(options, layout(options))


def test_out_of_reach_of_the_hub_it_is_said_at_once_and_what_to_do(monkeypatch):
    monkeypatch.setattr("mmcore_huggingface.hub.is_reachable", lambda endpoint: False)
    before = huggingface_hub.constants.HF_HUB_OFFLINE
    start = time.monotonic()
    with pytest.raises(mmcore.OptionError, match=r"nobody/nothing: .*the hub is out of reach.*save_to_disk") as caught:
        check(HuggingFaceOptions(path="nobody/nothing"))
    assert caught.value.path == ("path",)
    with pytest.raises(mmcore.DataError, match="out of reach"):
        hub_rows("nobody/nothing", None, None)
    assert time.monotonic() - start < 5
    assert before == huggingface_hub.constants.HF_HUB_OFFLINE


def test_a_data_set_on_the_hub_with_everything_named_is_not_asked_about():
    options = {"modalities": {"said": {"kind": "text", "column": "text"}}, "target": "label"}
    check(HuggingFaceOptions.model_validate({"path": "nobody/nothing", **options}))


def test_what_looks_like_a_place_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert is_local("owner/name")
    assert not is_local("owner/other")
    with pytest.raises(mmcore.OptionError, match="holds no table"):
        check(HuggingFaceOptions(path="owner/name"))


def test_a_folder_of_another_table_is_left_to_the_data_set_table(tmp_path):
    (tmp_path / "items.csv").write_text("title,label\na,b\n")
    with pytest.raises(mmcore.OptionError, match=r"is no Hugging Face data set.*`table` reads other tables"):
        check(HuggingFaceOptions(path=str(tmp_path)))


def test_checking_a_folder_loads_nothing_heavy(save):
    script = (
        "import json, sys; from mmcore_huggingface import HuggingFaceOptions, check, modalities;"
        f"options = HuggingFaceOptions(path={save(whole=rows(3)).path!r}); check(options); modalities(options);"
        "print(json.dumps(sorted({'torch', 'datasets', 'pandas', 'transformers'} & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "dataset_dict.json").write_text('{"splits": []}'), "names no splits"),
        (lambda folder: (folder / "dataset_dict.json").write_text('{"splits"'), "is not valid JSON"),
        (lambda folder: (folder / "train" / "state.json").unlink(), "no state.json"),
        (lambda folder: (folder / "train" / "data-00000-of-00001.arrow").unlink(), "is not there"),
        (
            lambda folder: (folder / "train" / "data-00000-of-00001.arrow").write_bytes(b"ARROW"),
            "can't be read as Arrow",
        ),
    ],
)
def test_a_damaged_folder_is_refused_by_the_file(save, tmp_path, damage, said):
    options = save(train=rows(4), test=rows(4))
    damage(tmp_path / "saved")
    with pytest.raises(mmcore.OptionError, match=said) as caught:
        check(options)
    assert caught.value.path == ("path",)


def test_files_that_a_download_left_hidden_are_no_data(parquet, tmp_path):
    hidden = tmp_path / "parquet" / ".cache"
    hidden.mkdir()
    (hidden / "a.parquet").write_bytes(b"no")
    assert build(HuggingFaceOptions(path=parquet, validation=0)).rows.num_rows == 13
