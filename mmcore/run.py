"""The run folder: complete, or it says what it is.

One process writes a run at a time (a lock), every file is written whole, and `status.json` says how far it came.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from mmcore.errors import MMCoreError, RunError
from mmcore.files import locked, read_json, write_json, write_text

FORMAT_VERSION = 1
"""The version of the run folder's layout."""

State = Literal["absent", "running", "interrupted", "stopped", "failed", "finished"]

OWNED = (
    "experiment.yaml", "environment.json", "events.jsonl", "status.json", "metrics.json", "predictions.parquet",
    "baselines.parquet", "embeddings.parquet", "report.html", "model", "explanations", "checkpoints", "folds",
    "problems.csv", "tensorboard",
)  # fmt: skip
"""What mmcore writes into a run folder; overwriting a run removes these and nothing else."""

Event = dict[str, Any]


@dataclass
class RunFolder:
    """A run on disk.

    >>> RunFolder(Path("nowhere")).state()
    'absent'
    """

    path: Path
    listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.path = Path(self.path)

    @property
    def model(self) -> Path:
        """Where the model's artefact lies."""
        return self.path / "model"

    @property
    def checkpoints(self) -> Path:
        """Where training keeps what it needs to resume; gone when the run is finished."""
        return self.path / "checkpoints"

    def state(self) -> State:
        """How far the run came. A run that says it is running while no process holds it was killed: interrupted."""
        status = self._status()
        if status is None:
            return "absent"
        state = status.get("status")
        if state == "running":
            return "running" if self._is_held() else "interrupted"
        if state not in ("stopped", "failed", "finished"):
            raise RunError(f"status.json says {state!r}, which is no state of a run", where=str(self.path))
        return state

    def require_finished(self) -> None:
        """Refuse a run that is not finished, or is of a format that this version can't read."""
        state = self.state()
        if state == "absent":
            raise RunError("there is no run here", where=str(self.path), hint="`mmcore fit` makes one.")
        if state == "running":
            raise RunError("this run is still being written", where=str(self.path), hint="Wait until it is finished.")
        if state != "finished":
            raise RunError(
                f"this run is not finished: it {_PAST[state]}{self._because()}",
                where=str(self.path),
                hint=f"Go on with it: mmcore fit --resume {self.path}",
            )
        self._require_format()

    @contextmanager
    def writing(self, *, resume: bool = False, overwrite: bool = False) -> Iterator[RunFolder]:
        """Hold the folder for this process and keep its status true, whatever happens inside."""
        with ExitStack() as stack:
            stack.enter_context(locked(self.path, "writing this run"))
            self._admit(resume=resume, overwrite=overwrite)
            self._set("running")
            try:
                yield self
            except KeyboardInterrupt:
                self._set("stopped")
                self.event({"event": "stopped"})
                raise
            except BaseException as error:
                reason = str(error) if isinstance(error, MMCoreError) else f"{type(error).__name__}: {error}"
                self._set("failed", reason=reason)
                self.event({"event": "failed", "reason": reason})
                raise
            shutil.rmtree(self.checkpoints, ignore_errors=True)
            self._set("finished")

    def event(self, event: Event) -> None:
        """Append one event to events.jsonl and tell the listeners."""
        event = {**event, "time": round(time.time(), 3)}
        target = self.path / "events.jsonl"
        line = json.dumps(event, ensure_ascii=False, default=str) + "\n"
        with target.open("ab") as stream:
            if stream.tell() and not _ends_with_newline(target):
                line = "\n" + line  # the process before us was killed in the middle of a line
            stream.write(line.encode())
        for listener in self.listeners:
            listener(event)

    def events(self) -> list[Event]:
        """All complete events; a torn line is passed over."""
        target = self.path / "events.jsonl"
        events: list[Event] = []
        for line in target.read_text(encoding="utf-8", errors="replace").splitlines() if target.exists() else ():
            try:
                events.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return events

    def metrics(self) -> dict[str, Any]:
        """What metrics.json holds."""
        return read_json(self.path / "metrics.json")

    def write_json(self, name: str, value: Any) -> None:
        """Write one of the run's JSON files, whole."""
        write_json(self.path / name, value)

    def write_text(self, name: str, text: str) -> None:
        """Write one of the run's text files, whole."""
        write_text(self.path / name, text)

    def _admit(self, *, resume: bool, overwrite: bool) -> None:
        status = self._status()
        strangers = [item.name for item in self.path.iterdir() if item.name not in (*OWNED, ".lock")]
        if status is None:
            if resume:
                raise RunError("there is no run to resume here", where=str(self.path))
            if strangers:
                raise RunError(
                    f"this folder is not empty and holds no run ({', '.join(sorted(strangers)[:3])} …)",
                    where=str(self.path),
                    hint="Choose another folder with -o.",
                )
            return
        if resume:
            if status["status"] == "finished":
                raise RunError("this run is finished; there is nothing to resume", where=str(self.path))
            self._require_format()
            return
        if not overwrite:
            raise RunError(
                "there is a run here already",
                where=str(self.path),
                hint="Choose another folder with -o, go on with it by --resume, or replace it by --overwrite.",
            )
        for name in OWNED:
            item = self.path / name
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink(missing_ok=True)

    def _set(self, state: State, **more: Any) -> None:
        write_json(
            self.path / "status.json",
            {"status": state, "format_version": FORMAT_VERSION, "pid": os.getpid(), "time": time.time(), **more},
        )

    def _status(self) -> dict[str, Any] | None:
        target = self.path / "status.json"
        if not target.is_file():
            return None
        status = read_json(target)
        if not isinstance(status, dict) or "status" not in status:
            raise RunError("status.json is not what mmcore writes", where=str(self.path))
        return status

    def _require_format(self) -> None:
        version = (self._status() or {}).get("format_version")
        if version != FORMAT_VERSION:
            raise RunError(
                f"this run has format version {version}; this mmcore reads {FORMAT_VERSION}",
                where=str(self.path),
                hint="Fit its experiment.yaml again, or use the mmcore version named in its environment.json.",
            )

    def _because(self) -> str:
        reason = (self._status() or {}).get("reason")
        return f" ({reason})" if reason else ""

    def _is_held(self) -> bool:
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            return True
        lock.release()
        return False


_PAST = {"interrupted": "was killed", "stopped": "was stopped", "failed": "failed"}


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"
