"""How far training came: the record of its epochs, the best of them, and when to stop. Saved in every checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mmcore.files import read_json
from mmcore.training.options import LOWER_IS_BETTER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROGRESS_FILE = "progress.json"


@dataclass
class TrainingProgress:
    """The state of a training beside the model's and the optimiser's.

    Args:
        identity: stands for what is trained and how; a checkpoint of another identity is not resumed.
        history: per finished epoch: `epoch` (from 1), `train_loss`, validation `loss` and metrics.
        best_epoch, best_step, best: the epoch with the best monitored metric, its last step and that metric.
        stopped_early: whether the patience ran out.
        loss_sum, rows: of the epoch under way.

    >>> progress = TrainingProgress("x")
    >>> [progress.end_epoch(step, {"loss": loss}, "loss", 2) for step, loss in enumerate([3.0, 1.0, 2.0, 1.0])]
    [False, False, False, True]
    >>> progress.best_epoch
    2
    """

    identity: str
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int | None = None
    best_step: int | None = None
    best: float | None = None
    stopped_early: bool = False
    loss_sum: float = 0.0
    rows: int = 0

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return len(self.history)

    def end_epoch(self, step: int, record: Mapping[str, Any], monitor: str, patience: int | None) -> bool:
        """Add an epoch's record; whether no epoch of the last `patience` was better than the best before them."""
        self.history.append({"epoch": self.epoch + 1, **record})
        value = record.get(monitor)
        if value is not None and (self.best is None or _is_better(value, self.best, monitor)):
            self.best, self.best_epoch, self.best_step = value, self.epoch, step
        if patience is None or monitor not in record:
            return False
        self.stopped_early = self.epoch - (self.best_epoch or 0) >= patience
        return self.stopped_early

    def to_dict(self) -> dict[str, Any]:
        """JSON-like."""
        return asdict(self)

    @classmethod
    def load(cls, checkpoint: Path) -> TrainingProgress:
        """Read it from a complete checkpoint."""
        return cls(**read_json(checkpoint / PROGRESS_FILE))


def _is_better(value: float, best: float, monitor: str) -> bool:
    return value < best if monitor in LOWER_IS_BETTER else value > best
