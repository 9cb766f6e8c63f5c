"""Signals out of cells: arrays, tables, archives and recordings."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import mmcore
from mmcore_timeseries.signal import Signal, checked

TABLES = {".csv": ",", ".tsv": "\t", ".txt": ","}
RECORDINGS = (".edf", ".bdf", ".vhdr")
TIMES = ("time", "t", "seconds", "time_s")
"""Column names of a table that hold seconds, not a channel."""

JITTER = 0.01
"""How much steps of a time column may differ, by the median step."""


def decode_signal(value: Any, root: Path, budget: mmcore.Budget) -> Signal:
    """A signal from what stands in a cell.

    A path to .npy, .npz (`values`, `rate`, `names`), .csv, .tsv, .txt or .parquet (a column for each channel, and
    perhaps one of seconds), .edf, .bdf or .vhdr; an array or nested lists `(T,)` or `(C, T)`; or a mapping of `values`
    (or `path`), `rate` and `names`. What says no rate has one sample a second.

    Raises:
        InputError: it can't be read, or is no signal.
    """
    if isinstance(value, Signal):
        return checked(value.values, value.rate, value.names, budget)
    if isinstance(value, Mapping):
        return _described(value, root, budget)
    if isinstance(value, str | Path):
        return _file(value, root, budget)
    if isinstance(value, bytes):
        raise mmcore.InputError("wrong type", "bytes; a signal is a path, an array or lists of numbers")
    return checked(value, 1.0, (), budget)


def _described(value: Mapping[str, Any], root: Path, budget: mmcore.Budget) -> Signal:
    given = {key: item for key, item in value.items() if item is not None}
    if "path" in given:
        signal = _file(given["path"], root, budget)
    elif "values" in given or "array" in given:
        signal = checked(given.get("values", given.get("array")), given.get("rate", 1.0), given.get("names"), budget)
    elif given and all(isinstance(item, int | float) for item in given.values()):  # columns of one row: one channel
        signal = checked([[float(item) for item in given.values()]], 1.0, (), budget)
    else:
        raise mmcore.InputError(
            "wrong type", f"a mapping of {', '.join(map(str, value))}, with neither path nor values"
        )
    return checked(signal.values, given.get("rate", signal.rate), given.get("names") or signal.names, budget)


def _file(value: str | Path, root: Path, budget: mmcore.Budget) -> Signal:
    path = mmcore.input_file(value, root, budget)
    suffix = path.suffix.lower()
    if suffix in RECORDINGS:
        from mmcore_timeseries.recordings import read_recording

        return read_recording(path, budget)
    try:
        if suffix == ".npy":
            return checked(_plain(np.load(path, mmap_mode="r", allow_pickle=False)), 1.0, (), budget)
        if suffix == ".npz":
            return _archive(path, budget)
        if suffix in TABLES:
            import pandas as pd

            return _table(pd.read_csv(path, sep=TABLES[suffix]), budget)
        if suffix == ".parquet":
            import pandas as pd

            return _table(pd.read_parquet(path), budget)
    except mmcore.InputError:
        raise
    except Exception as error:
        raise mmcore.InputError("damaged", f"{type(error).__name__}: {str(error)[:120]}") from error
    known = ", ".join((".npy", ".npz", *TABLES, ".parquet", *RECORDINGS))
    raise mmcore.InputError("wrong type", f"a signal's file ends in {known}, not {suffix or 'nothing'}")


def _archive(path: Path, budget: mmcore.Budget) -> Signal:
    with zipfile.ZipFile(path) as members:
        size = sum(member.file_size for member in members.infolist())
    if size > budget.bytes:
        raise mmcore.InputError("too large", f"{size:,} bytes unpacked; the limit is {budget.bytes:,}")
    with np.load(path, allow_pickle=False) as found:
        if "values" not in found:
            raise mmcore.InputError("wrong type", f"an archive of {', '.join(found)}, without `values`")
        rate = found["rate"].item() if "rate" in found else 1.0
        return checked(_plain(found["values"]), rate, found["names"].tolist() if "names" in found else (), budget)


def _plain(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise mmcore.InputError("wrong type", f"an array of {array.dtype}, not of numbers")
    return array


def _table(frame: Any, budget: mmcore.Budget) -> Signal:
    rate, names = 1.0, list(frame.columns)
    times = next((name for name in names if str(name).strip().lower() in TIMES), None)
    if times is not None:
        rate = _rate_of(frame[times].to_numpy(dtype=float))
        names.remove(times)
    wrong = [name for name in names if frame[name].dtype.kind not in "fiub"]
    if wrong or not names:
        what = f"column {wrong[0]!r} holds no numbers" if wrong else "it has no channel"
        raise mmcore.InputError("wrong type", what)
    return checked(frame[names].to_numpy(dtype=np.float32).T, rate, names, budget)


def _rate_of(times: np.ndarray) -> float:
    steps = np.diff(times)
    if not len(steps) or not np.isfinite(steps).all() or (steps <= 0).any():
        raise mmcore.InputError("no sampling rate", "its times do not rise from row to row")
    step = float(np.median(steps))
    if np.abs(steps - step).max() > JITTER * step:
        raise mmcore.InputError("irregular", "its samples are not evenly spaced in time")
    return 1.0 / step
