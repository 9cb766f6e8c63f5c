"""`mmcore depth IN OUT`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import mmcore

SHOWN = 5
"""Failures that are named; of more, the number is."""


def depth(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A picture, a video, or a folder of either or of frames.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder that the depth is written to.")],
    model: Annotated[str, typer.Option("--model", "-m", help="depth_anything, dpt or monodepth2.")] = "depth_anything",
    weights: Annotated[
        str,
        typer.Option(
            "--weights",
            help="pretrained; a folder (of a transformers model, or Monodepth2's encoder.pth and depth.pth); or none: "
            "small and random, to try the command.",
        ),
    ] = "pretrained",
    device: Annotated[
        str, typer.Option("--device", help="cpu, cuda, …; by custom the accelerator if there is one.")
    ] = "auto",
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many pictures and clips.")] = None,
    one_clip: Annotated[
        bool, typer.Option("--one-clip", help="The pictures in IN are the frames of one clip, on one scale.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Do again what is finished.")] = False,
) -> None:
    """Estimate depth from RGB: 16-bit PNG with their scale, clips as folders of frames, and a preview of each.

    What is finished is passed over, so that a run that was stopped goes on where it stood.

    Example: mmcore depth clips/ depth/
    """
    from mmcore_video.depth.estimating import estimate_depth
    from mmcore_video.depth.inputs import sources_in, without_results
    from mmcore_video.depth.models import depth_model

    if target.exists() and not target.is_dir():
        raise mmcore.DataError("is no folder", where=str(target))
    if target.resolve() == source.resolve():
        raise mmcore.DataError("can't hold both the pictures and their depth", where=str(target))
    found = without_results(sources_in(source, one_clip=one_clip), source, target)[:limit]
    network = depth_model(model, weights, _device(device))
    about = network.about
    typer.echo(
        f"{about.name}: {about.source} (licence: {about.licence}); gives {about.unit} {about.quantity}", err=True
    )
    with _bar(len(found)) as progress:
        outcome = estimate_depth(found, target, network, overwrite=overwrite, progress=progress)
    typer.echo(f"{len(outcome.done)} written, {len(outcome.kept)} were there, {len(outcome.failed)} failed: {target}")
    if outcome.failed:
        named = [f"{name} ({error.reason}: {error.what})" for name, error in list(outcome.failed.items())[:SHOWN]]
        more = f" and {len(outcome.failed) - SHOWN} more" if len(outcome.failed) > SHOWN else ""
        raise mmcore.DataError(f"no depth for {len(outcome.failed)} of {len(found)}: {'; '.join(named)}{more}")


def _device(asked: str) -> str:
    if asked != "auto":
        return asked
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


@contextmanager
def _bar(total: int) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error; lines where it is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("depth"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", style="dim", markup=False),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=total)

        def tell(name: str, done: int, of: int) -> None:
            bars.update(task, completed=done, description=name)
            if not console.is_terminal:
                console.print(f"depth: {done} of {of}: {name}", markup=False, soft_wrap=True)

        yield tell
