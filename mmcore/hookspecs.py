"""The hooks: what a plugin may contribute, and what it may listen to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from mmcore.declarations import Dataset, Encoder, Explainer, FusionMethod, FusionStrategy, ModalityKind

PROJECT = "mmcore"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin as an implementation of the hook of its name."""


@dataclass(frozen=True)
class Command:
    """A command of `mmcore` that a plugin brings.

    Args:
        name: as it is typed.
        summary: one line, shown by `mmcore --help`.
        build: returns the function that typer turns into the command; imported only when the command is asked for.
    """

    name: str
    summary: str
    build: Callable[[], Callable[..., Any]]


@hookspec
def mmcore_modality_kinds() -> Iterable[ModalityKind]:  # type: ignore[empty-body]
    """Kinds of input."""


@hookspec
def mmcore_encoders() -> Iterable[Encoder]:  # type: ignore[empty-body]
    """Encoders, each for one kind."""


@hookspec
def mmcore_fusion_strategies() -> Iterable[FusionStrategy]:  # type: ignore[empty-body]
    """When modalities are fused."""


@hookspec
def mmcore_fusion_methods() -> Iterable[FusionMethod]:  # type: ignore[empty-body]
    """How modalities are fused."""


@hookspec
def mmcore_datasets() -> Iterable[Dataset]:  # type: ignore[empty-body]
    """Data sets."""


@hookspec
def mmcore_explainers() -> Iterable[Explainer]:  # type: ignore[empty-body]
    """Why a model decided so."""


@hookspec
def mmcore_commands() -> Iterable[Command]:  # type: ignore[empty-body]
    """Commands of the command line."""


@hookspec
def mmcore_run_started(folder: Path, experiment: Mapping[str, Any]) -> None:
    """A run has begun to be written into `folder`; `experiment` is plain data."""


@hookspec
def mmcore_epoch_ended(folder: Path, epoch: int, metrics: Mapping[str, Any]) -> None:
    """An epoch of the fused model has ended; `metrics` are those of the validation split."""


@hookspec
def mmcore_run_finished(folder: Path, metrics: Mapping[str, Any]) -> None:
    """A run is finished; `metrics` is what metrics.json holds."""
