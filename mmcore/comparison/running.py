"""The runs of a grid: each in its folder, sharing what they can, in this process or in several."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmcore.comparison.grid import Cell
from mmcore.comparison.robustness import evaluate_under
from mmcore.errors import MMCoreError
from mmcore.evaluation.conditions import Condition
from mmcore.experiment.prepared import Shared
from mmcore.experiment.specification import Experiment
from mmcore.files import read_json, write_json
from mmcore.run import RunFolder

COST = "cost.json"
"""In a run's folder: what it took in this grid."""

Tell = Callable[[dict[str, Any]], None]


@dataclass
class Outcome:
    """What came of one run.

    Args:
        cell: the combination.
        folder: its run folder.
        error: why it failed; empty when it did not.
        reused: whether it was finished before.
        passes: modality → rows that went through its frozen encoder in this run.
        seconds: what it took.
    """

    cell: Cell
    folder: Path
    error: str = ""
    reused: bool = False
    passes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def run_cells(
    cells: Sequence[Cell],
    folder: Path,
    *,
    workers: int = 1,
    tell: Tell | None = None,
    conditions: Mapping[str, Condition] | None = None,
) -> list[Outcome]:
    """Run each distinct experiment once; those that are finished in `folder` are kept, and broken off ones go on.

    Args:
        cells: possible combinations; of equal ones the first runs.
        folder: each run's folder lies in `folder/runs`.
        workers: processes; each has its share of the threads.
        tell: told `grid` events: `done`, `total`, `label`, and everything that a run tells, where there is one process.
        conditions: that each finished run is also tested under.

    Returns:
        In the order of `cells`, one for each distinct experiment.
    """
    tasks = {cell.key: (cell, run_folder(folder, cell)) for cell in cells}
    said = tell or (lambda event: None)
    outcomes: dict[str, Outcome] = {}
    asked = conditions or {}
    running = _in_processes(tasks, workers, asked) if workers > 1 else _here(tasks, said, asked)
    said({"event": "grid", "done": 0, "total": len(tasks), "label": ""})
    for key, outcome in running:
        outcomes[key] = outcome
        said({
            "event": "grid", "done": len(outcomes), "total": len(tasks), "label": outcome.cell.label,
            "error": outcome.error, "reused": outcome.reused, "seconds": outcome.seconds,
        })  # fmt: skip
    return [outcomes[key] for key in tasks]


def run_folder(folder: Path, cell: Cell) -> Path:
    """Where a combination's run lies: named by what it changes, and apart by what it comes to."""
    word = "".join(char if char.isalnum() else "-" for char in cell.label.lower())
    while "--" in word:
        word = word.replace("--", "-")
    return folder / "runs" / f"{word.strip('-')[:60]}-{cell.key[:8]}"


def _here(
    tasks: Mapping[str, tuple[Cell, Path]], tell: Tell, conditions: Mapping[str, Condition]
) -> Iterator[tuple[str, Outcome]]:
    shared = Shared()
    for key, (cell, folder) in tasks.items():
        yield key, _outcome(cell, folder, _run_one(cell.experiment, folder, shared, tell, conditions))


def _in_processes(
    tasks: Mapping[str, tuple[Cell, Path]], workers: int, conditions: Mapping[str, Condition]
) -> Iterator[tuple[str, Outcome]]:
    """A worker that dies takes its run with it, and no other: what was waiting goes on in new processes."""
    left = dict(tasks)
    threads = max(1, (os.cpu_count() or 1) // workers)
    while left:
        started: dict[Future[dict[str, Any]], str] = {}
        pool = ProcessPoolExecutor(
            workers, mp_context=multiprocessing.get_context("spawn"), initializer=_set_threads, initargs=(threads,)
        )
        with pool:
            waiting = list(left)
            broken = False
            while (waiting or started) and not broken:
                while waiting and len(started) < workers:
                    key = waiting.pop(0)
                    cell, folder = left[key]
                    assert cell.experiment is not None
                    started[pool.submit(_worker, cell.experiment.to_dict(), str(folder), dict(conditions))] = key
                finished, _ = wait(started, return_when=FIRST_COMPLETED)
                for future in finished:
                    key = started.pop(future)
                    cell, folder = left[key]
                    try:
                        found = future.result()
                    except BrokenProcessPool:
                        broken = True
                        found = {"error": "its process was killed"}
                    del left[key]
                    yield key, _outcome(cell, folder, found)
                    if broken:
                        break


def _outcome(cell: Cell, folder: Path, found: Mapping[str, Any]) -> Outcome:
    return Outcome(cell, folder, **found)


_shared: Shared | None = None


def _set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _worker(experiment: dict[str, Any], folder: str, conditions: dict[str, Condition]) -> dict[str, Any]:
    global _shared
    _shared = _shared or Shared()
    return _run_one(Experiment.from_dict(experiment), Path(folder), _shared, lambda event: None, conditions)


def _run_one(
    experiment: Experiment | None, folder: Path, shared: Shared, tell: Tell, conditions: Mapping[str, Condition]
) -> dict[str, Any]:
    """Run one experiment and test it under the conditions; what it took, or why it failed."""
    assert experiment is not None
    found = _fit(experiment, folder, shared, tell)
    if conditions and not found.get("error"):
        try:
            evaluate_under(experiment, folder, conditions, shared=shared, tell=tell)
        except MMCoreError as error:
            return {**found, "error": str(error).splitlines()[0]}
    return found


def _fit(experiment: Experiment, folder: Path, shared: Shared, tell: Tell) -> dict[str, Any]:
    """Run one experiment, or say that it is finished already; what it took stands in its folder."""
    from mmcore.experiment.running import run_experiment

    state = RunFolder(folder).state()
    if state == "finished" and (folder / COST).is_file():
        return {**read_json(folder / COST), "reused": True}
    counted = _Passes(tell)
    start = time.perf_counter()
    try:
        run_experiment(
            experiment, folder, resume=state not in ("absent", "finished"), overwrite=state == "finished",
            on_event=counted, report=False, shared=shared,
        )  # fmt: skip
    except MMCoreError as error:
        return {"error": str(error).splitlines()[0], "seconds": time.perf_counter() - start}
    cost = {"passes": counted.passes, "seconds": round(time.perf_counter() - start, 3)}
    write_json(folder / COST, cost)
    return cost


class _Passes:
    """Counts rows that went through frozen encoders, by a run's own events."""

    def __init__(self, tell: Tell):
        self.tell = tell
        self.passes: dict[str, int] = {}
        self._last: dict[str, int] = {}

    def __call__(self, event: dict[str, Any]) -> None:
        stage = str(event.get("stage", ""))
        if event.get("event") == "progress" and stage.startswith("encode "):
            name, done = stage.removeprefix("encode "), int(event["done"])
            self.passes[name] = self.passes.get(name, 0) + done - self._last.get(name, done)
            self._last[name] = done
        self.tell(event)
