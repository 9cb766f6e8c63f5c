"""Recordings of brains and hearts: EDF, BDF and BrainVision, through mne, and strictly.

mne overlooks cut data, a false count of records, an equal physical range and duplicate channels: the header is read
here first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import mmcore
from mmcore_timeseries.signal import Signal, checked

NOT_CHANNELS = ("edf annotations", "bdf annotations", "status")


def read_recording(path: Path, budget: mmcore.Budget) -> Signal:
    """All signal channels of a recording, in volts where it says its unit.

    Raises:
        InputError: its header contradicts itself or the file, or mne can't read it.
        MissingDependency: mne is not installed.
    """
    try:
        import mne
    except ModuleNotFoundError:
        raise mmcore.MissingDependency(
            f"a file {path.suffix} needs 'mne', which is not installed",
            where="modality-kind 'timeseries'",
            hint='pip install "mmcore-framework[brain]"',
        ) from None
    if path.suffix.lower() != ".vhdr":
        check_header(path)
    reader = {
        ".edf": mne.io.read_raw_edf, ".bdf": mne.io.read_raw_bdf, ".vhdr": mne.io.read_raw_brainvision,
    }[path.suffix.lower()]  # fmt: skip
    try:
        raw = reader(path, preload=False, verbose="ERROR")
        chosen = [name for name in raw.ch_names if name.strip().lower() not in NOT_CHANNELS]
        if len(chosen) * raw.n_times * 8 > budget.bytes:
            raise mmcore.InputError("too large", f"{len(chosen)} channels of {raw.n_times:,} samples")
        values = raw.get_data(picks=chosen, verbose="ERROR")
        rate = float(raw.info["sfreq"])
    except mmcore.InputError:
        raise
    except Exception as error:
        raise mmcore.InputError("damaged", f"{type(error).__name__}: {str(error)[:120]}") from error
    return checked(values, rate, chosen, budget)


def check_header(path: Path) -> None:
    """Refuse an EDF or BDF file whose header contradicts itself or the file's size.

    Raises:
        InputError: truncated, or damaged.
    """
    content = path.read_bytes()[: 256 * 1025]
    try:
        size, records, seconds, count = (
            int(content[184:192]), int(content[236:244]), float(content[244:252]), int(content[252:256])
        )  # fmt: skip
        fields = content[256 : 256 + 256 * count]
        labels = [fields[16 * n : 16 * n + 16].decode("latin-1").strip() for n in range(count)]
        low, high = (
            np.array([float(fields[at * count + 8 * n : at * count + 8 * n + 8]) for n in range(count)])
            for at in (104, 112)
        )
        samples = [int(fields[216 * count + 8 * n : 216 * count + 8 * n + 8]) for n in range(count)]
    except (ValueError, IndexError) as error:
        raise mmcore.InputError("damaged", "its header is not one of EDF") from error
    if not seconds > 0 or min(samples, default=0) <= 0:
        raise mmcore.InputError("no sampling rate", f"records of {seconds} s with {min(samples, default=0)} samples")
    signals = [n for n, label in enumerate(labels) if label.lower() not in NOT_CHANNELS]
    names = [labels[n] for n in signals]
    if len(set(names)) < len(names):
        raise mmcore.InputError("damaged", "two channels have one name")
    if any(low[n] == high[n] for n in signals):
        raise mmcore.InputError("damaged", "a channel's physical range is empty")
    width = 3 if path.suffix.lower() == ".bdf" else 2
    expected, found = size + records * sum(samples) * width, path.stat().st_size
    if records < 0 or found < expected:
        raise mmcore.InputError("truncated", f"{found:,} bytes, and its header promises {expected:,}")
    if found > expected:
        raise mmcore.InputError("damaged", f"{found:,} bytes, and its header speaks of {expected:,}")
