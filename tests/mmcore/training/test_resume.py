"""Same data, options and seed: the same bits, also after a kill with signal 9 and a resume in another process."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmcore.training.checkpoints import complete_checkpoints

SCRIPT = Path(__file__).with_name("small.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
STEPS_PER_EPOCH = 7  # 101 rows in batches of 16


@pytest.fixture(scope="module")
def processes():
    """Runs a training in a process of its own; how it ended."""
    server = subprocess.Popen(
        [sys.executable, str(SCRIPT), "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )

    def run(**settings):
        server.stdin.write(json.dumps({name: _plain(value) for name, value in settings.items()}) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    yield run
    server.stdin.close()
    server.wait(timeout=30)


def _plain(value):
    return str(value) if isinstance(value, Path) else value


@pytest.fixture(scope="module")
def uninterrupted(processes, tmp_path_factory):
    """Options → what a training that nobody disturbs gives; each is run once."""
    known = {}

    def outcome(**options):
        key = json.dumps(options, sort_keys=True)
        if key not in known:
            folder = tmp_path_factory.mktemp("whole")
            assert processes(folder=folder / "checkpoints", state=folder / "out.pt", **options) == 0
            known[key] = torch.load(folder / "out.pt")
        return known[key]

    return outcome


def assert_same(one, other):
    assert one["state"].keys() == other["state"].keys()
    for name, value in one["state"].items():
        assert torch.equal(value, other["state"][name]), name
    assert one["history"] == other["history"]


def kill_and_resume(processes, folder, *, options, **kill):
    where = {"folder": folder / "checkpoints", "state": folder / "out.pt"}
    assert processes(**where, **kill, **options) == -signal.SIGKILL
    assert not (folder / "out.pt").exists()
    left = complete_checkpoints(folder / "checkpoints")
    assert processes(**where, resume=True, **options) == 0
    outcome = torch.load(folder / "out.pt")
    assert outcome["resumed_from"] == max(left, default=None)
    return outcome


def test_two_runs_give_the_same_bits_and_another_seed_gives_others(processes, uninterrupted, tmp_path):
    whole = uninterrupted()
    assert processes(folder=tmp_path / "c", state=tmp_path / "out.pt") == 0
    assert_same(torch.load(tmp_path / "out.pt"), whole)
    other = uninterrupted(seed=8)
    assert not torch.equal(other["state"]["head.weight"], whole["state"]["head.weight"])


@pytest.mark.parametrize("batch", [3, STEPS_PER_EPOCH, STEPS_PER_EPOCH + 1, 2 * STEPS_PER_EPOCH + 5])
def test_killed_in_an_epoch_and_resumed_it_gives_the_same_bits(processes, uninterrupted, tmp_path, batch):
    options = {"checkpoint_every": 2}
    outcome = kill_and_resume(processes, tmp_path, options=options, kill_at_batch=batch)
    assert_same(outcome, uninterrupted())  # how often a checkpoint is written changes nothing either
    assert outcome["resumed_from"] == (batch - 1) // 2 * 2 or batch > STEPS_PER_EPOCH


@pytest.mark.parametrize("moment", ["weights", "optimizer", "marker", "rotation"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_killed_while_saving_a_checkpoint_and_resumed_it_gives_the_same_bits(
    processes, uninterrupted, tmp_path, moment, number
):
    options = {"checkpoint_every": 3}
    outcome = kill_and_resume(processes, tmp_path, options=options, kill_in_save=[moment, number])
    assert_same(outcome, uninterrupted())
    if number == 1 and moment != "rotation":
        assert outcome["resumed_from"] is None  # what was half written did not count
    if number > 1:
        assert outcome["resumed_from"] is not None  # the checkpoint before is kept until the new one is whole


@pytest.mark.parametrize(
    "options",
    [
        {"gradient_accumulation": 3, "checkpoint_every": 1},
        {"optimizer": "sgd", "schedule": "linear", "warmup": 0.3, "gradient_clip": None, "checkpoint_every": 2},
        {"early_stopping": 1, "monitor": "top1", "epochs": 12, "checkpoint_every": 4},
        {"workers": 2, "checkpoint_every": 2},
    ],
    ids=lambda options: next(iter(options)),
)
def test_the_same_holds_for_other_ways_to_train(processes, uninterrupted, tmp_path, options):
    outcome = kill_and_resume(processes, tmp_path, options=options, kill_at_batch=2 * STEPS_PER_EPOCH - 2)
    assert outcome["resumed_from"] is not None
    assert_same(outcome, uninterrupted(**options))


@pytest.mark.parametrize("every", [1, STEPS_PER_EPOCH])
def test_killed_while_validating_it_validates_that_epoch_on_resume(processes, uninterrupted, tmp_path, every):
    outcome = kill_and_resume(processes, tmp_path, options={"checkpoint_every": every}, kill_in_save=["validation", 2])
    assert_same(outcome, uninterrupted())


def test_killed_three_times_it_still_gives_the_same_bits(processes, uninterrupted, tmp_path):
    where = {"folder": tmp_path / "checkpoints", "state": tmp_path / "out.pt", "checkpoint_every": 2}
    assert processes(**where, kill_at_batch=9) == -signal.SIGKILL
    assert processes(**where, resume=True, kill_at_batch=8) == -signal.SIGKILL
    assert processes(**where, resume=True, kill_in_save=["optimizer", 2]) == -signal.SIGKILL
    assert processes(**where, resume=True) == 0
    assert_same(torch.load(tmp_path / "out.pt"), uninterrupted())


def test_moved_between_kill_and_resume_it_gives_the_same_bits(processes, uninterrupted, tmp_path):
    options = {"monitor": "top1", "checkpoint_every": 2}
    assert processes(folder=tmp_path / "a", state=tmp_path / "out.pt", kill_at_batch=18, **options) == -signal.SIGKILL
    (tmp_path / "a").rename(tmp_path / "b")
    assert processes(folder=tmp_path / "b", state=tmp_path / "out.pt", resume=True, **options) == 0
    assert_same(torch.load(tmp_path / "out.pt"), uninterrupted(**options))


def test_killed_and_resumed_in_interpreters_of_their_own(uninterrupted, tmp_path):
    settings = {"folder": str(tmp_path / "checkpoints"), "state": str(tmp_path / "out.pt"), "checkpoint_every": 4}

    def start(hash_seed, **more):
        environment = {**ENVIRONMENT, "PYTHONHASHSEED": hash_seed}
        return subprocess.run(
            [sys.executable, str(SCRIPT), json.dumps({**settings, **more})],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip

    assert start("1", kill_at_batch=12).returncode == -signal.SIGKILL
    finished = start("2", resume=True)
    assert finished.returncode == 0, finished.stderr
    assert (finished.stdout, finished.stderr) == ("", ""), "training says nothing but through its events"
    outcome = torch.load(tmp_path / "out.pt")
    assert outcome["resumed_from"] == 8
    assert_same(outcome, uninterrupted())


@pytest.mark.acceptance
def test_twenty_random_kills_each_give_the_same_bits(processes, uninterrupted, tmp_path):
    draw = random.Random(0)
    for number in range(20):
        kill = (
            {"kill_at_batch": draw.randint(1, 4 * STEPS_PER_EPOCH)}
            if number % 2
            else {"kill_in_save": [draw.choice(["weights", "optimizer", "marker", "rotation"]), draw.randint(1, 10)]}
        )
        folder = tmp_path / str(number)
        folder.mkdir()
        options = {"checkpoint_every": draw.randint(1, 5)}
        assert_same(kill_and_resume(processes, folder, options=options, **kill), uninterrupted())
