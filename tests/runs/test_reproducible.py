"""Same experiment, data and seed: the same model file; also after signal 9 at any moment and a resume."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_items import experiment_of

import mmcore
from mmcore.run import RunFolder

MMCORE = Path(sys.executable).with_name("mmcore")


def hashes(folder):
    return [hashlib.sha256(item.read_bytes()).hexdigest() for item in sorted((folder / "model").glob("*.safetensors"))]


@pytest.fixture(scope="module")
def experiment_file(items, tmp_path_factory):
    data = experiment_of(
        items,
        encoders={
            "title": {"name": "hf_text", "scratch": {"width": 16, "layers": 1}, "weights": "none"},
            "facts": "mlp",
        },
        training={"epochs": 2, "batch_size": 16, "checkpoint_every": 2, "unimodal_baselines": True},
    )
    path = tmp_path_factory.mktemp("experiment") / "experiment.yaml"
    path.write_text(mmcore.Experiment.from_dict(data).to_yaml(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def undisturbed(experiment_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    done = subprocess.run([MMCORE, "fit", experiment_file, "-o", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def start(*arguments):
    return subprocess.Popen([MMCORE, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(process, reached):
    """Poll until `reached()`; false when the process ended before."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if reached():
            return True
        time.sleep(0.001)
    return False


def events(folder, kind):
    path = folder / "events.jsonl"
    return path.read_text(encoding="utf-8").count(f'"event": "{kind}"') if path.exists() else 0


def in_a_save(folder):
    return any(not (checkpoint / "complete").exists() for checkpoint in (folder / "checkpoints").glob("*/checkpoint-*"))


def kill_and_resume(experiment_file, folder, reached):
    process = start("fit", experiment_file, "-o", folder)
    assert wait_for(process, reached), "the process ended before the moment to kill it"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert RunFolder(folder).state() == "interrupted"
    with pytest.raises(mmcore.RunError, match="was killed"):
        mmcore.load(folder)
    done = subprocess.run([MMCORE, "fit", "--resume", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert RunFolder(folder).state() == "finished"


def test_two_runs_write_the_same_file(experiment_file, undisturbed, tmp_path):
    subprocess.run([MMCORE, "fit", experiment_file, "-o", tmp_path / "again"], check=True, capture_output=True)
    assert hashes(tmp_path / "again") == hashes(undisturbed)


def moments(folder):
    return {
        "while encoding or before training": lambda: events(folder, "stage") >= 2,
        "in the first epoch": lambda: any((folder / "checkpoints").glob("fused/checkpoint-*/complete")),
        "in the middle": lambda: events(folder, "epoch") >= 2,
        "during a save": lambda: in_a_save(folder),
        "in a baseline": lambda: any((folder / "checkpoints").glob("facts/checkpoint-*")),
    }


@pytest.mark.parametrize("moment", sorted(moments(Path())))
def test_killed_and_resumed_it_writes_the_same_file(moment, experiment_file, undisturbed, tmp_path):
    folder = tmp_path / "run"
    kill_and_resume(experiment_file, folder, moments(folder)[moment])
    assert hashes(folder) == hashes(undisturbed)
    ours, theirs = (json.loads((place / "metrics.json").read_text()) for place in (folder, undisturbed))
    assert {**ours, "cost": None} == {**theirs, "cost": None}


@pytest.mark.acceptance
def test_twenty_kills_at_random_moments(experiment_file, undisturbed, tmp_path):
    draw = random.Random(5)
    seen = RunFolder(undisturbed).events()
    length = seen[-1]["time"] - seen[0]["time"]
    for number in range(20):
        folder = tmp_path / str(number)
        delay = draw.uniform(0.02, 0.9) * length
        begun = []

        def reached(folder=folder, delay=delay, begun=begun):
            if not begun and events(folder, "run_started"):
                begun.append(time.monotonic())
            return bool(begun) and time.monotonic() - begun[0] > delay

        kill_and_resume(experiment_file, folder, reached)
        assert hashes(folder) == hashes(undisturbed)


def test_two_processes_never_write_one_run(experiment_file, tmp_path):
    folder = tmp_path / "run"
    first = start("fit", experiment_file, "-o", folder)
    try:
        assert wait_for(first, lambda: events(folder, "run_started") == 1)
        for arguments in (["--resume", folder], [experiment_file, "-o", folder, "--overwrite"]):
            second = subprocess.run([MMCORE, "fit", *arguments], capture_output=True, text=True)
            assert second.returncode == 2
            assert "another process is writing this run" in second.stderr
        assert RunFolder(folder).state() == "running"
    finally:
        first.kill()
        first.wait()


def test_stopping_by_hand_says_so_and_can_be_resumed(experiment_file, undisturbed, tmp_path):
    folder = tmp_path / "run"
    process = start("fit", experiment_file, "-o", folder)
    assert wait_for(process, lambda: events(folder, "epoch") >= 1)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) != 0
    assert RunFolder(folder).state() == "stopped"
    done = subprocess.run([MMCORE, "fit", "--resume", folder], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert hashes(folder) == hashes(undisturbed)
