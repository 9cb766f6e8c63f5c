"""What of a model's output is explained: logits in, one number (or one per class) out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmcore.errors import DataError, OptionError, did_you_mean
from mmcore.tasks.values import label_text, labels_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from mmcore.attribution.request import OutputName
    from mmcore.tasks.task import Task


@dataclass(frozen=True)
class Score:
    """A model's output as the value of a game.

    Args:
        task: gives logits their meaning.
        output: probability, logit, log_odds (of the class against all others), or quantity in regression.
        column: which class; None means all of them.
    """

    task: Task
    output: OutputName
    column: int | None

    @property
    def outputs(self) -> tuple[str, ...] | None:
        """The classes, where all are explained at once."""
        return None if self.column is not None else tuple(self.task.classes)  # type: ignore[attr-defined]

    @property
    def label(self) -> str | None:
        """The class that is explained; None in regression and where all are."""
        if self.column is None or self.output == "quantity":
            return None
        return str(self.task.classes[self.column])  # type: ignore[attr-defined]

    def __call__(self, logits: Tensor) -> np.ndarray:
        """Logits `(K, C)` → values `(K,)`, or `(K, C)` for all classes; float64."""
        values = self._of(logits.detach().double()).cpu().numpy()
        return values if self.column is None else values[:, self.column]

    def _of(self, logits: Tensor) -> Tensor:
        if self.output in ("probability", "quantity"):
            return self.task.probabilities(logits)
        if self.output == "logit" or self.task.type == "multi_label":
            return logits  # a label's logit is its log-odds
        return logits - _log_sum_of_others(logits)


def make_score(task: Task, output: OutputName | None, target: str, logits: Tensor, truth: Any) -> Score:
    """The score that a request means for one row.

    Args:
        output: None means the probability, or the quantity in regression.
        target: "predicted", "true", "all" or a class.
        logits: `(1, C)`, of the row as it is.
        truth: the row's target as it stands in the data; None when unknown.

    Raises:
        OptionError: the task has no such output or class.
        DataError: the true class is asked for and not known.
    """
    if task.type == "regression":
        if output not in (None, "quantity"):
            raise OptionError(f"a regression has no {output}", hint="Leave `output` out: the quantity is explained.")
        if target not in ("predicted", "all"):
            raise OptionError(f"a regression has no class {target!r}", hint="Leave `target` out.")
        return Score(task, "quantity", 0)
    if output == "quantity":
        raise OptionError("a classification predicts no quantity", hint="Allowed: log_odds, logit, probability.")
    if target == "all":
        return Score(task, output or "probability", None)
    classes = tuple(task.classes)  # type: ignore[attr-defined]
    if target == "predicted":
        return Score(task, output or "probability", int(logits[0].argmax()))
    if target == "true" and "true" not in classes:
        target = _true_class(task, truth)
    if target not in classes:
        raise OptionError(f"the model knows no class {target!r}", hint=did_you_mean(target, classes))
    return Score(task, output or "probability", classes.index(target))


def _true_class(task: Task, truth: Any) -> str:
    if truth is None:
        raise DataError("the row's true class is not known, so it can't be explained")
    if task.type != "multi_label":
        return label_text(truth)
    labels = labels_of(truth)
    if len(labels) != 1:
        raise DataError(f"the row has {len(labels)} true labels", hint="Name the one that is to be explained.")
    return labels[0]


def _log_sum_of_others(logits: Tensor) -> Tensor:
    """log Σ_{c' ≠ c} exp(logit_c') for every c."""
    import torch

    classes = logits.shape[1]
    others = ~torch.eye(classes, dtype=torch.bool, device=logits.device)
    return logits[:, None, :].expand(-1, classes, -1).masked_fill(~others, -torch.inf).logsumexp(dim=2)
