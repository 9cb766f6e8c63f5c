"""The hooks: what a plugin may contribute, and what it may listen to.

The hooks that contribute are asked once, when plugins are loaded; each yields (or returns a list of) declarations. The
events are told while a run is written; a listener that fails is reported and stops nothing.
"""

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
    """Kinds of input: everything that depends on what a picture, a text, a signal is.

    >>> import mmcore
    >>> @mmcore.hookimpl
    ... def mmcore_modality_kinds():
    ...     about = {"description": mmcore.Description, "input_spec": mmcore.InputSpec}
    ...     yield mmcore.ModalityKind(name="pulse", summary="Heart rate over time", build=mmcore.Kind, **about)
    >>> [kind.name for kind in mmcore_modality_kinds()]
    ['pulse']
    """


@hookspec
def mmcore_encoders() -> Iterable[Encoder]:  # type: ignore[empty-body]
    """Encoders, each for one kind.

    >>> import mmcore
    >>> def build(options, description):
    ...     from mmcore_pulse.model import PulseNet  # torch is imported here, not when plugins are listed
    ...     return PulseNet(description.rate)
    >>> @mmcore.hookimpl
    ... def mmcore_encoders():
    ...     yield mmcore.Encoder(name="pulsenet", kind="pulse", summary="GRU over heart rates", build=build)
    >>> [(encoder.name, encoder.kind) for encoder in mmcore_encoders()]
    [('pulsenet', 'pulse')]
    """


@hookspec
def mmcore_fusion_strategies() -> Iterable[FusionStrategy]:  # type: ignore[empty-body]
    """When modalities are fused.

    >>> import mmcore
    >>> def build(options, descriptions, encoders, method, task):
    ...     from mmcore_pulse.fusion import Staged
    ...     return Staged(encoders, method, task)
    >>> @mmcore.hookimpl
    ... def mmcore_fusion_strategies():
    ...     about = {"levels": ("representation",), "default_method": "concat"}
    ...     yield mmcore.FusionStrategy(name="staged", summary="Two at a time", build=build, **about)
    >>> [strategy.levels for strategy in mmcore_fusion_strategies()]
    [('representation',)]
    """


@hookspec
def mmcore_fusion_methods() -> Iterable[FusionMethod]:  # type: ignore[empty-body]
    """How modalities are fused.

    >>> import mmcore
    >>> def build(options, widths, task):
    ...     from mmcore_pulse.fusion import Maximum
    ...     return Maximum(widths)
    >>> @mmcore.hookimpl
    ... def mmcore_fusion_methods():
    ...     yield mmcore.FusionMethod(name="maximum", summary="The larger one", build=build, level="representation")
    >>> [method.level for method in mmcore_fusion_methods()]
    ['representation']
    """


@hookspec
def mmcore_datasets() -> Iterable[Dataset]:  # type: ignore[empty-body]
    """Data sets.

    >>> import mmcore
    >>> def build(options):
    ...     from mmcore_pulse.wards import Wards
    ...     return Wards()
    >>> @mmcore.hookimpl
    ... def mmcore_datasets():
    ...     kinds = {"pulse": "pulse", "note": "text"}
    ...     yield mmcore.Dataset(name="wards", summary="Pulse and note", build=build, modalities=lambda options: kinds)
    >>> [dataset.modalities(dataset.options()) for dataset in mmcore_datasets()]
    [{'pulse': 'pulse', 'note': 'text'}]
    """


@hookspec
def mmcore_explainers() -> Iterable[Explainer]:  # type: ignore[empty-body]
    """Why a model decided so.

    >>> import mmcore
    >>> def build(options):
    ...     from mmcore_pulse.why import LeaveOneOut
    ...     return LeaveOneOut()
    >>> @mmcore.hookimpl
    ... def mmcore_explainers():
    ...     yield mmcore.Explainer(name="leave_one_out", summary="What each player adds", build=build, needs="game")
    >>> [explainer.needs for explainer in mmcore_explainers()]
    ['game']
    """


@hookspec
def mmcore_commands() -> Iterable[Command]:  # type: ignore[empty-body]
    """Commands of the command line, beside `mmcore fit` and the others.

    >>> import mmcore
    >>> def build():
    ...     def beat(rate: int = 60) -> None:
    ...         "Say how far apart beats are. Example: mmcore beat --rate 72"
    ...         print(f"{60 / rate:.2f} s")
    ...     return beat
    >>> @mmcore.hookimpl
    ... def mmcore_commands():
    ...     yield mmcore.Command(name="beat", summary="Say how far apart beats are", build=build)
    >>> [command.build()(rate=72) for command in mmcore_commands()]
    0.83 s
    [None]
    """


@hookspec
def mmcore_run_started(folder: Path, experiment: Mapping[str, Any]) -> None:
    """A run has begun to be written into `folder`, or goes on there; `experiment` is plain data.

    >>> import mmcore
    >>> @mmcore.hookimpl
    ... def mmcore_run_started(folder, experiment):
    ...     print(f"{folder}: seed {experiment['seed']}")
    >>> mmcore_run_started("runs/first", {"seed": 7})
    runs/first: seed 7
    """


@hookspec
def mmcore_epoch_ended(folder: Path, epoch: int, metrics: Mapping[str, Any]) -> None:
    """An epoch of the fused model has ended; `metrics` are those of the epoch's line in events.jsonl.

    A listener takes the arguments that it wants.

    >>> import mmcore
    >>> @mmcore.hookimpl
    ... def mmcore_epoch_ended(epoch):
    ...     print(f"after {epoch}")
    >>> mmcore_epoch_ended(3)
    after 3
    """


@hookspec
def mmcore_run_finished(folder: Path, metrics: Mapping[str, Any]) -> None:
    """A run is finished; `metrics` is what metrics.json holds.

    >>> import mmcore
    >>> @mmcore.hookimpl
    ... def mmcore_run_finished(folder, metrics):
    ...     print(f"{folder}: {metrics['test']['top1']:.0%} right")
    >>> mmcore_run_finished("runs/first", {"test": {"top1": 0.75}})
    runs/first: 75% right
    """
