"""`mmcore simulate`: a use case's simulated data, in the layout of the real ones."""

from __future__ import annotations

import inspect
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from mmcore.catalog import Entry


def simulate(
    name: Annotated[str, typer.Argument(help="A data set that can be simulated: hscode, railway …")],
    out: Annotated[Path, typer.Argument(help="The folder to write; it must not hold anything yet.")],
    rows: Annotated[
        int | None, typer.Option(min=1, help="How many rows; if left out, as many as the real data have.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal data.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write simulated data of a use case in the layout of the real ones; `dataset.path` reads it.

    Example: mmcore simulate hscode data/hscode --rows 2000 --seed 0
    """
    from mmcore.cli.tables import print_json

    entry = _simulated(name)
    _refuse_what_is_there(out)
    simulator: Any = entry.declaration
    _write_whole(simulator.simulate, out, rows, seed)
    files = [path for path in out.rglob("*") if path.is_file()]
    told = {
        "dataset": entry.name,
        "folder": str(out),
        "seed": seed,
        "files": len(files),
        "bytes": sum(path.stat().st_size for path in files),
        "modalities": _modalities(entry, out),
        "licence": entry.declaration.licence,
        "next": f"dataset: {{name: {entry.name}, path: {out}}}",
    }
    if as_json:
        print_json(told)
        return
    _print(told)


def _simulated(name: str) -> Entry:
    """The data set of a name, if it has a simulator; else the mistake, with those that have one."""
    from mmcore.catalog import load
    from mmcore.errors import UserError

    catalog = load()
    can = [each.name for each in catalog.entries("dataset") if getattr(each.declaration, "simulate", None)]
    which = f"With one: {', '.join(sorted(can))}." if can else "No data set that is installed has one."
    declaration = catalog.get("dataset", name)
    if getattr(declaration, "simulate", None) is None:
        raise UserError("has no simulator", where=f"dataset {name!r}", hint=which)
    return next(each for each in catalog.entries("dataset") if each.declaration is declaration)


def _refuse_what_is_there(out: Path) -> None:
    from mmcore.errors import UserError

    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        what = "is a folder that holds something" if out.is_dir() else "is there already, and is no folder"
        raise UserError(what, where=str(out), hint="Name a folder that is not there yet; nothing is overwritten.")


def _write_whole(simulate: Any, out: Path, rows: int | None, seed: int) -> None:
    """Simulate into a folder beside `out` and put that in its place; what is interrupted leaves nothing."""
    out = out.resolve()  # a link to an empty folder stays a link
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    scratch.chmod(0o777 & ~_umask())  # mkdtemp makes private folders
    try:
        given: dict[str, Any] = {"seed": seed} if rows is None else {"rows": rows, "seed": seed}
        parameters = inspect.signature(simulate).parameters
        if "progress" in parameters:
            with _Bar() as progress:
                simulate(scratch, **given, progress=progress)
        else:
            with _Spinner():
                simulate(scratch, **given)
        if out.is_dir():
            out.rmdir()  # refused by the system if something has been put into it meanwhile
        os.replace(scratch, out)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _modalities(entry: Entry, out: Path) -> dict[str, str]:
    """Modality → kind, as the data set's options say when they point at the folder."""
    declaration: Any = entry.declaration
    if "path" not in declaration.options.model_fields:
        return {}
    return dict(declaration.modalities(declaration.options.model_validate({"path": str(out)})))


def _print(told: dict[str, Any]) -> None:
    from mmcore.cli.cache import human

    typer.echo(f"{told['folder']}: {told['files']:,} files, {human(told['bytes'])}")
    if told["modalities"]:
        listed = ", ".join(f"{name} ({kind})" for name, kind in told["modalities"].items())
        typer.echo(f"modalities: {listed}")
    if told["licence"]:
        typer.echo(f"licence: {told['licence']}")
    about = Path(told["folder"]) / "about.json"
    if about.is_file():
        typer.echo(f"what it is, and how it was drawn: {about}")
    typer.echo(f"In an experiment: {told['next']}", err=True)


class _Bar:
    """A progress bar on standard error; call it with (stage, done, total)."""

    def __enter__(self) -> _Bar:
        from mmcore.cli.progress import EventPrinter

        self._printer = EventPrinter()
        self._printer.__enter__()
        return self

    def __exit__(self, *left: Any) -> None:
        self._printer.__exit__(*left)

    def __call__(self, stage: str, done: int, total: int) -> None:
        self._printer({"event": "progress", "stage": stage, "done": done, "total": total})


class _Spinner:
    """That something goes on, for a simulator that does not say how far it is."""

    def __enter__(self) -> None:
        from rich.console import Console

        console = Console(stderr=True)
        self._status = console.status("simulating") if console.is_terminal else None
        if self._status is not None:
            self._status.start()

    def __exit__(self, *left: Any) -> None:
        if self._status is not None:
            self._status.stop()
