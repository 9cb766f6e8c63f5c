"""Tasks in worker processes, their results in order."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from mmcore.errors import RunError

Result = TypeVar("Result")

AHEAD = 2
"""Tasks that wait for each worker, so that none is idle and little is held in memory."""


def in_workers(
    work: Callable[..., Result],
    tasks: Sequence[tuple[Any, ...]],
    workers: int,
    *,
    setup: Callable[..., None],
    arguments: tuple[Any, ...] = (),
) -> Iterator[Result]:
    """What `work(*task)` returns for each task, in their order.

    Args:
        work, setup: functions of a module, since processes are started afresh.
        setup: called with `arguments` in each process before its first task.

    Raises:
        RunError: a process was killed. What `work` raises is raised here.
    """
    threads = max(1, (os.cpu_count() or 1) // workers)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start, initargs=(threads, setup, arguments)
    ) as pool:
        waiting: deque[Future[Result]] = deque()
        left = iter(tasks)
        try:
            for task in left:
                waiting.append(pool.submit(work, *task))
                if len(waiting) >= AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise RunError(
                "a worker process was killed", hint="Was memory short? What was found is kept; try with fewer workers."
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start(threads: int, setup: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    import torch

    torch.set_num_threads(threads)
    setup(*arguments)
