"""How long listing what is installed takes, beside importing torch: people wait for a command line to answer."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

TIMES = 5


def ratio(scratch: Path) -> float:
    """Seconds of `mmcore components` in a fresh process over those of `python -c "import torch"`: medians of 5 each.

    The two take turns, so that what else the machine does slows both.
    """
    listing = [sys.executable, "-m", "mmcore", "components"]
    importing = [sys.executable, "-c", "import torch"]
    for command in (listing, importing):  # once unmeasured: bytecode is written, files come into memory
        _seconds(command, scratch)
    pairs = [(_seconds(listing, scratch), _seconds(importing, scratch)) for _ in range(TIMES)]
    listed, imported = zip(*pairs, strict=True)
    return statistics.median(listed) / statistics.median(imported)


def _seconds(command: Sequence[str], folder: Path) -> float:
    begun = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun
