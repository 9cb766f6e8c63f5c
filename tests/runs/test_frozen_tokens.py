"""Frozen encoders are passed once, for tokens and for augmented views too, and runs go as if they read every row."""

import csv
import random

import numpy as np
import pytest
from PIL import Image

import mmcore
from mmcore.features import list_features
from mmcore.model.encoder_bank import EncoderBank
from mmcore.run import RunFolder

TITLES = {"red": ["a red thing", "red", "one more thing that is quite red"], "blue": ["blue", "so very blue a thing"]}
ENCODERS = {
    "title": {
        "name": "hf_text", "scratch": {"width": 16, "layers": 1, "heads": 2, "vocabulary": 300}, "trainable": "none",
    },
    "photo": {"name": "resnet50", "layers": [1, 1, 1, 1], "size": 32, "weights": "none", "trainable": "none"},
}  # fmt: skip
EPOCHS = 3


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """48 rows of a title and a photo, of which some have but one."""
    folder, draw = tmp_path_factory.mktemp("things"), random.Random(0)
    with (folder / "things.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["title", "photo", "class"])
        for row in range(48):
            label = draw.choice(sorted(TITLES))
            noise = np.random.default_rng(row).integers(0, 90, (40, 50, 3))
            noise[..., 0 if label == "red" else 2] += 120
            Image.fromarray(noise.astype(np.uint8)).save(folder / f"{row}.png")
            lacking = draw.choice(["title", "photo", "none", "none", "none"])
            writer.writerow(
                ["" if lacking == "title" else draw.choice(TITLES[label]),
                 "" if lacking == "photo" else f"{row}.png", label]
            )  # fmt: skip
    return folder / "things.csv"


def experiment(things, method="cross_attention", **photo):
    return mmcore.Experiment.from_dict(
        {
            "dataset": {
                "name": "table",
                "path": str(things),
                "modalities": {
                    "title": {"kind": "text", "column": "title"},
                    "photo": {"kind": "image", "column": "photo"},
                },
                "target": "class",
            },
            "encoders": {**ENCODERS, "photo": {**ENCODERS["photo"], **photo}},
            "fusion": {"strategy": "intermediate", "method": {"name": method, "dim": 20}},
            "training": {"epochs": EPOCHS, "batch_size": 8, "encode_batch_size": 8, "unimodal_baselines": False},
            "seed": 1,
        }
    )


@pytest.fixture
def passed(monkeypatch, tmp_path):
    """How many rows each encoder read; the feature cache is empty."""
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "cache"))
    counted = {"title": 0, "photo": 0}
    call = EncoderBank._call

    def counting(self, name, inputs, count):
        counted[name] += count
        return call(self, name, inputs, count)

    monkeypatch.setattr(EncoderBank, "_call", counting)
    return counted


def scores(run):
    return {part: {k: v for k, v in run.metrics[part].items() if isinstance(v, float)} for part in ("train", "test")}


def readable(things):
    rows = list(csv.DictReader(things.open(encoding="utf-8")))
    return {name: sum(bool(row[name]) for row in rows) for name in ENCODERS}


@pytest.mark.parametrize("method", ["cross_attention", "mult"])
def test_tokens_are_computed_once_and_a_run_ends_as_if_every_epoch_had_encoded_them(
    things, passed, method, tmp_path, monkeypatch
):
    kept = experiment(things, method).run(tmp_path / "kept")
    assert passed == readable(things)
    assert [stored.tokens for stored in list_features()] == [True, True]
    experiment(things, method).run(tmp_path / "again")
    assert passed == readable(things)

    monkeypatch.setenv("MMCORE_TOKEN_CACHE_GB", "0")
    live = experiment(things, method).run(tmp_path / "live")
    assert passed["title"] > (EPOCHS + 1) * readable(things)["title"]
    told = [
        event["text"]
        for event in RunFolder(live.folder).events()
        if event["event"] == "message" and "tokens of" in event["text"]
    ]
    assert len(told) == 2
    assert "'title'" in told[0]
    assert "may hold 0 GiB" in told[0]
    for part, expected in scores(live).items():
        assert scores(kept)[part] == pytest.approx(expected, abs=1e-4)
    losses = [[epoch["train_loss"] for epoch in run.metrics["history"]["fused"]["epochs"]] for run in (kept, live)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_each_view_of_a_training_row_is_encoded_once_and_epochs_take_turns(things, passed, tmp_path, monkeypatch):
    kept = experiment(things, augment={"views": 2}).run(tmp_path / "kept")
    train = kept.metrics["data"]["splits"]["train"]
    assert passed["title"] == readable(things)["title"]
    assert readable(things)["photo"] < passed["photo"] <= readable(things)["photo"] + 2 * train
    assert len(list_features()) == 4

    monkeypatch.setenv("MMCORE_TOKEN_CACHE_GB", "0")
    live = experiment(things, augment={"views": 2}).run(tmp_path / "live")
    for part, expected in scores(live).items():
        assert scores(kept)[part] == pytest.approx(expected, abs=1e-4)
    losses = [[epoch["train_loss"] for epoch in run.metrics["history"]["fused"]["epochs"]] for run in (kept, live)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_views_change_the_training_and_share_the_plain_pass_with_runs_that_have_none(things, passed, tmp_path):
    plain = experiment(things, "multconcat").run(tmp_path / "plain")
    before = dict(passed)
    varied = experiment(things, "multconcat", augment={"views": 1}).run(tmp_path / "varied")
    assert passed["title"] == before["title"]
    assert 0 < passed["photo"] - before["photo"] <= varied.metrics["data"]["splits"]["train"]
    losses = [run.metrics["history"]["fused"]["epochs"][0]["train_loss"] for run in (plain, varied)]
    assert losses[0] != losses[1]


def test_a_kind_that_can_t_change_samples_says_so_before_training(things, passed, tmp_path):
    data = experiment(things).to_dict()
    data["encoders"]["title"]["augment"] = {"views": 2}
    with pytest.raises(mmcore.OptionError, match="kind 'text' can't be changed at random"):
        mmcore.Experiment.from_dict(data).run(tmp_path / "run")
    assert passed == {"title": 0, "photo": 0}


class Stopped(Exception):
    """Stands for whatever ends a process."""


def test_a_pass_that_was_stopped_goes_on_and_ends_with_the_same_tokens_and_model(things, passed, tmp_path, monkeypatch):
    def files(cache):
        return {place.name: (place / "tokens.f32").read_bytes() for place in sorted((cache / "features").glob("[!.]*"))}

    def model(folder):
        return [item.read_bytes() for item in sorted((folder / "model").rglob("*.safetensors"))]

    asked = experiment(things, augment={"views": 2})
    asked.run(tmp_path / "whole")
    calls, counting = [], EncoderBank._call

    def failing(self, *arguments):
        calls.append(1)
        if len(calls) in (3, 14):  # within the pass over the titles, and within that over the photos' second view
            raise Stopped
        return counting(self, *arguments)

    monkeypatch.setattr(EncoderBank, "_call", failing)
    monkeypatch.setenv("MMCORE_CACHE", str(tmp_path / "torn"))
    before = dict(passed)
    for resume in (False, True):
        with pytest.raises(Stopped):
            asked.run(tmp_path / "run", resume=resume)
    asked.run(tmp_path / "run", resume=True)
    assert {name: passed[name] - before[name] for name in passed} == before  # no batch that was kept was read again
    assert files(tmp_path / "torn") == files(tmp_path / "cache")
    assert len(files(tmp_path / "torn")) == 4
    assert model(tmp_path / "run") == model(tmp_path / "whole")
