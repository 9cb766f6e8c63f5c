"""A run's events as a person sees them: a bar for what is under way, a line for what is done. On standard error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.progress import TaskID

Event = Mapping[str, Any]


class EventPrinter:
    """Shows events as they come; call it with each. Without a terminal it prints lines and no bars.

    Args:
        console: where to print; standard error by default.
        quiet: show nothing but messages about the data.
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.console = console or Console(stderr=True, highlight=False)
        self.quiet = quiet
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
            console=self.console,
            transient=True,
            disable=quiet or not self.console.is_terminal,
        )
        self.tasks: dict[str, TaskID] = {}
        self.epochs: dict[str, str] = {}

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bars.stop()

    def __call__(self, event: Event) -> None:
        """Show one event; kinds of events that are not known are passed over."""
        show: Callable[[Event], None] | None = getattr(self, f"show_{event.get('event')}", None)
        if show is not None:
            show(event)

    def line(self, text: str, *, always: bool = False) -> None:
        """A line above the bars."""
        if always or not self.quiet:
            self.bars.console.print(text, markup=False, soft_wrap=True)

    def show_run_started(self, event: Event) -> None:
        """Where the run is written."""
        self.line(f"{'Resuming' if event.get('resumed') else 'Writing'} {event.get('folder')}")

    def show_stage(self, event: Event) -> None:
        """A part of the run that is measured by nothing but its name."""
        self.clear()
        if "fold" in event and "model" not in event:
            self.line(str(event["stage"]).capitalize())

    def show_message(self, event: Event) -> None:
        """Something that a person should know."""
        self.line(str(event.get("text", "")), always=True)

    def show_progress(self, event: Event) -> None:
        """How far a stage is."""
        stage, done, total = str(event.get("stage", "")), event.get("done", 0), event.get("total")
        if stage not in self.tasks:
            self.clear()
            self.tasks[stage] = self.bars.add_task(stage, total=total, note="")
        self.bars.update(self.tasks[stage], completed=done, total=total, note=self.epochs.get(stage, ""))
        if total and done >= total:
            self.bars.remove_task(self.tasks.pop(stage))
            if not self.bars.console.is_terminal and stage not in self.epochs:
                self.line(f"{stage}: {total} of {total}")

    def show_epoch(self, event: Event) -> None:
        """What an epoch came to: beside the bar, or a line where there is none."""
        name, metrics = str(event.get("model", "")), event.get("metrics", {})
        said = f"epoch {event.get('epoch')} of {event.get('epochs')}{_figures(metrics)}"
        self.epochs[f"train {name}"] = said
        if not self.bars.console.is_terminal:
            self.line(f"train {name}: {said}")

    def show_resumed(self, event: Event) -> None:
        """Training goes on where it stood."""
        self.line(f"train {event.get('model', '')}: goes on at step {event.get('step')}")

    def show_early_stopped(self, event: Event) -> None:
        """The early-stopping line."""
        self.line(
            f"train {event.get('model', '')}: stopped early after epoch {event.get('epoch')}; "
            f"the best was epoch {event.get('best_epoch')}"
        )

    def clear(self) -> None:
        """Take away bars of stages that ended without saying so."""
        for task in self.tasks.values():
            self.bars.remove_task(task)
        self.tasks.clear()


def _figures(metrics: Mapping[str, Any]) -> str:
    told = ("train_loss", "loss", "top1", "map", "mae")
    shown = [name for name in told if isinstance(metrics.get(name), int | float)]
    return "".join(f", {name.replace('_', ' ')} {metrics[name]:.3f}" for name in shown)
