import io

from rich.console import Console

from mmcore.cli.progress import EventPrinter

EVENTS = [
    {"event": "run_started", "folder": "runs/hs", "resumed": False},
    {"event": "message", "text": "Task: single-label [9 classes]"},
    {"event": "progress", "stage": "encode image", "done": 64, "total": 128},
    {"event": "progress", "stage": "encode image", "done": 128, "total": 128},
    {"event": "stage", "stage": "train", "model": "fused"},
    {"event": "progress", "stage": "train fused", "done": 1, "total": 4},
    {"event": "epoch", "model": "fused", "epoch": 1, "epochs": 8, "metrics": {"loss": 0.5, "top1": 0.75, "note": None}},
    {"event": "early_stopped", "model": "fused", "epoch": 6, "best_epoch": 3},
    {"event": "something new", "x": 1},
    {"event": "run_finished", "folder": "runs/hs"},
]


def shown(*, terminal=False, quiet=False):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=100, highlight=False)
    with EventPrinter(console, quiet=quiet) as show:
        for event in EVENTS:
            show(event)
    return stream.getvalue()


def test_without_a_terminal_events_are_lines_without_control_codes():
    assert shown().splitlines() == [
        "Writing runs/hs",
        "Task: single-label [9 classes]",
        "encode image: 128 of 128",
        "train fused: epoch 1 of 8, loss 0.500, top1 0.750",
        "train fused: stopped early after epoch 6; the best was epoch 3",
    ]


def test_on_a_terminal_there_are_bars_and_the_early_stopping_line():
    text = shown(terminal=True)
    assert "encode image" in text
    assert "━" in text
    assert "train fused: stopped early after epoch 6; the best was epoch 3" in text


def test_quiet_shows_what_a_person_must_know_only():
    assert shown(quiet=True) == "Task: single-label [9 classes]\n"
