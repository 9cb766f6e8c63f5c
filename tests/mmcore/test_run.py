"""A run folder is complete or says what it is."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from mmcore.errors import RunError
from mmcore.run import RunFolder


def write_run(path, **writing):
    with RunFolder(path).writing(**writing) as run:
        run.write_json("metrics.json", {"a": 1})
    return run


def test_a_run_that_ended_well_is_finished(tmp_path):
    run = write_run(tmp_path / "a")
    assert run.state() == "finished"
    run.require_finished()


def test_a_run_that_raised_is_failed_and_says_why(tmp_path):
    run = RunFolder(tmp_path / "a")
    with pytest.raises(ValueError, match="no such luck"), run.writing():
        raise ValueError("no such luck")
    assert run.state() == "failed"
    with pytest.raises(RunError, match="no such luck"):
        run.require_finished()


def test_a_killed_run_is_interrupted_and_never_finished(tmp_path):
    folder = tmp_path / "a"
    code = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from mmcore.run import RunFolder
        with RunFolder(Path(sys.argv[1])).writing() as run:
            run.event({"event": "ready"})
            print("ready", flush=True)
            time.sleep(60)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    run = RunFolder(folder)
    assert run.state() == "running"
    with pytest.raises(RunError, match="another process is writing this run"), run.writing(resume=True):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert run.state() == "interrupted"
    with pytest.raises(RunError, match="was killed"):
        run.require_finished()
    with run.writing(resume=True):
        pass
    assert run.state() == "finished"


def test_a_run_is_not_overwritten_unasked(tmp_path):
    write_run(tmp_path / "a")
    with pytest.raises(RunError, match="there is a run here already"):
        write_run(tmp_path / "a")
    write_run(tmp_path / "a", overwrite=True)


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(RunError, match=r"thesis\.tex"):
        write_run(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "precious"


def test_overwriting_keeps_what_is_not_ours(tmp_path):
    write_run(tmp_path / "a")
    (tmp_path / "a" / "notes.txt").write_text("mine")
    write_run(tmp_path / "a", overwrite=True)
    assert (tmp_path / "a" / "notes.txt").read_text() == "mine"


def test_a_torn_event_is_passed_over_and_the_next_one_kept(tmp_path):
    run = write_run(tmp_path / "a")
    with (run.path / "events.jsonl").open("a") as stream:
        stream.write('{"event": "tor')
    run.event({"event": "after"})
    assert [event["event"] for event in run.events()] == ["after"]


def test_another_format_says_how_to_go_on(tmp_path):
    run = write_run(tmp_path / "a")
    status = json.loads((run.path / "status.json").read_text())
    (run.path / "status.json").write_text(json.dumps({**status, "format_version": 99}))
    with pytest.raises(RunError, match="format version 99"):
        run.require_finished()
