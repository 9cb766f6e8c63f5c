"""The survey: every row decoded once before training, so that nothing broken is dropped or shifted unseen."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mmcore
from mmcore.data.fingerprints import file_states, kind_code, sample_hash
from mmcore.data.reading import ReadRow, RowReader, is_missing_target, iterate_rows, row_id
from mmcore.errors import DataError
from mmcore.files import cache_folder, digest, write_json

if TYPE_CHECKING:
    from mmcore.data.source import DataSource

SURVEY_VERSION = 1
"""Raised when rows are surveyed differently."""

Progress = Callable[[str, int, int], None]
"""Told (stage, done, total)."""


@dataclass(frozen=True)
class RowProblem:
    """Why a row, or one modality of it, can't be used. `modality` is None for what concerns the whole row."""

    row: int
    id: str
    modality: str | None
    reason: str
    message: str


@dataclass(frozen=True)
class Survey:
    """What a pass over all rows found. Arrays are memory-mapped: they do not count against memory.

    Args:
        modalities: names, in the order of the columns of `present`.
        present: `(N, M)` bool, true where a modality is there and readable.
        usable: `(N,)` bool: nothing broken, something present, and a target where the data set has one.
        problems: each problem of each row that is not usable.
        content: `(N, M)` uint64, a hash of each decoded sample; 0 where there is none.
    """

    modalities: tuple[str, ...]
    present: np.ndarray
    usable: np.ndarray
    problems: list[RowProblem]
    content: np.ndarray

    def __len__(self) -> int:
        return len(self.usable)

    def fingerprint(self, modality: str) -> str:
        """A text that changes when a sample of this modality changes, in any row, or when rows are reordered.

        It stays the same when other modalities or targets change, so that what was computed of this one still holds.
        """
        import xxhash

        hasher, column = xxhash.xxh3_128(), self.modalities.index(modality)
        for start in range(0, len(self), 65536):  # by the block: the arrays stay on disk
            hasher.update(self.content[start : start + 65536, column].tobytes())
        return hasher.hexdigest()

    def readable(self, modality: str) -> np.ndarray:
        """Numbers of the rows that have this modality, ascending; rows with problems of their own elsewhere too."""
        found = np.array(self.present[:, self.modalities.index(modality)])
        found[[problem.row for problem in self.problems if problem.modality == modality]] = False
        return np.flatnonzero(found)

    def leaving_out(self, problems: Sequence[RowProblem]) -> Survey:
        """The survey with further rows that can't be used, and why."""
        if not problems:
            return self
        usable = np.array(self.usable)
        usable[[problem.row for problem in problems]] = False
        merged = sorted([*self.problems, *problems], key=lambda problem: problem.row)
        return replace(self, usable=usable, problems=merged)

    def counts(self) -> dict[str, int]:
        """Problems by reason, most frequent first."""
        return dict(sorted(Counter(problem.reason for problem in self.problems).items(), key=lambda x: (-x[1], x[0])))

    def missing(self) -> dict[str, int]:
        """How many usable rows lack each modality."""
        lacking = (~self.present[self.usable]).sum(0)
        return {name: int(count) for name, count in zip(self.modalities, lacking, strict=True)}

    def summary(self) -> str:
        """One line for a person: how many rows are used, and what the others suffer from."""
        left_out = len(self) - int(self.usable.sum())
        text = f"{int(self.usable.sum()):,} of {len(self):,} rows are used"
        if left_out:
            text += f"; {left_out:,} are left out: " + _listed(self.counts())
        lacking = {name: count for name, count in self.missing().items() if count}
        if lacking:
            text += "; rows without a modality: " + _listed(lacking)
        return text


def survey(
    source: DataSource,
    reader: RowReader,
    *,
    progress: Progress | None = None,
    limit: float | None = None,
    with_targets: bool = True,
) -> Survey:
    """Decode every row once, remember the outcome on disk, and refuse data with too many unusable rows.

    Args:
        source: the data set.
        reader: reads the modalities to look at.
        progress: told (stage, done, total).
        limit: the share of rows that may be unusable; the data set's own `broken_limit` when None.
        with_targets: whether a row without a target is unusable.

    Raises:
        DataError: too many rows are unusable, or none is left; the message has the counts and the first examples.
    """
    with_targets = with_targets and source.target is not None
    folder = cache_folder() / "surveys" / _key(source, reader, with_targets)
    if not (folder / "problems.json").is_file():
        _make(folder, source, reader, with_targets, progress)
    found = _load(folder, reader.modalities)
    refuse_too_many(found, source.broken_limit if limit is None else limit)
    return found


def _make(folder: Path, source: DataSource, reader: RowReader, with_targets: bool, progress: Progress | None) -> None:
    """Survey into a folder beside `folder`, then put it in place as a whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))
    try:
        n, m = len(source.rows), len(reader.modalities)
        present = np.lib.format.open_memmap(scratch / "present.npy", mode="w+", dtype=np.bool_, shape=(n, m))
        usable = np.lib.format.open_memmap(scratch / "usable.npy", mode="w+", dtype=np.bool_, shape=(n,))
        content = np.lib.format.open_memmap(scratch / "content.npy", mode="w+", dtype=np.uint64, shape=(n, m))
        problems: list[RowProblem] = []
        wanted = [*reader.columns, *(name for name in (source.target, source.id) if name)]
        for number, row in iterate_rows(source.rows, wanted):
            read = reader.read(row)
            for column, name in enumerate(reader.modalities):
                if name in read.samples:
                    present[number, column] = True
                    content[number, column] = sample_hash(read.samples[name])
            missing_target = with_targets and is_missing_target(row.get(source.target or ""))
            own = list(_row_problems(source, number, row, read, missing_target))
            usable[number] = not own
            problems += own
            if progress and (number % 50 == 0 or number == n - 1):
                progress("check rows", number + 1, n)
        for array in (present, usable, content):
            array.flush()
        write_json(scratch / "problems.json", [asdict(problem) for problem in problems])
        try:
            os.replace(scratch, folder)
        except OSError:  # another process was faster; both hold the same
            if not (folder / "problems.json").is_file():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _row_problems(
    source: DataSource, number: int, row: Mapping[str, Any], read: ReadRow, missing_target: bool
) -> list[RowProblem]:
    name = row_id(source, number, row)
    found = [RowProblem(number, name, modality, error.reason, str(error)) for modality, error in read.problems.items()]
    for column, reason in source.problems.get(number, {}).items():
        found.append(RowProblem(number, name, None, reason, f"column {column!r}: {reason}"))
    if not read.samples and not read.problems:
        found.append(RowProblem(number, name, None, "nothing present", "none of its modalities is present"))
    if missing_target:
        found.append(RowProblem(number, name, None, "no target", f"column {source.target!r} is empty"))
    return found


def _load(folder: Path, modalities: tuple[str, ...]) -> Survey:
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("present", "usable", "content")}
    problems = json.loads((folder / "problems.json").read_text(encoding="utf-8"))
    return Survey(modalities, problems=[RowProblem(**problem) for problem in problems], **arrays)


def refuse_too_many(found: Survey, limit: float) -> None:
    """Refuse data of which a larger share than `limit` can't be used, or nothing at all can.

    Raises:
        DataError: with the counts and the first examples.
    """
    bad = len(found) - int(found.usable.sum())
    if bad < len(found) and bad <= limit * len(found):
        return
    examples = "; ".join(
        f"row {problem.id}{f', {problem.modality}' if problem.modality else ''}: {problem.message}"
        for problem in found.problems[:3]
    )
    raise DataError(
        f"{bad:,} of {len(found):,} rows can't be used ({_listed(found.counts())}), more than the limit of {limit:.0%}",
        hint=f"First: {examples}. Mend them, remove them, or raise the data set's limit.",
    )


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in counts.items())


def _key(source: DataSource, reader: RowReader, with_targets: bool) -> str:
    return digest(
        {
            "version": [SURVEY_VERSION, mmcore.__version__],
            "rows": getattr(source.rows, "_fingerprint", None) or digest(list(source.rows)),
            "files": file_states(source, reader),
            "root": str(reader.root.resolve()),
            "fields": {name: [field.kind, field.columns, field.single] for name, field in reader.fields.items()},
            "kinds": {name: kind_code(kind) for name, kind in reader.kinds.items()},
            "budget": asdict(reader.budget),
            "target": source.target if with_targets else None,
            "id": source.id,
            "problems": {str(row): dict(columns) for row, columns in source.problems.items()},
        }
    )
