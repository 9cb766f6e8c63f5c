"""`mmcore doctor`: is everything there that runs need, and what to do about what is not."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from mmcore.catalog import Entry


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: Literal["good", "note", "bad"]
    found: str
    advice: str = ""


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Look at versions, devices, weights, plugins and disk, and say what to do about what is not right.

    Example: mmcore doctor
    """
    from mmcore.cli.tables import print_json, print_table

    findings = [*versions(), *devices(), *plugins(), *components(), *disk()]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        marks = {"good": "✓", "note": "·", "bad": "✗"}
        print_table(
            ("", "what", "found"),
            [
                (marks[each.state], each.subject, f"{each.found}{f' → {each.advice}' if each.advice else ''}")
                for each in findings
            ],
        )
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def versions() -> Iterator[Finding]:
    """Python, mmcore and the libraries that runs stand on."""
    import mmcore

    yield Finding("Python", "good", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("mmcore", "good", mmcore.__version__)
    try:
        other = distribution("mmcore")
        yield Finding(
            "the name mmcore",
            "bad",
            f"another distribution of this name is installed ({other.version}); both write the package mmcore",
            "pip uninstall mmcore mmcore-framework, then pip install mmcore-framework",
        )
    except PackageNotFoundError:
        pass
    for name in ("torch", "transformers", "accelerate", "datasets", "timm", "shap", "numpy"):
        try:
            yield Finding(name, "good", distribution(name).version)
        except PackageNotFoundError:
            yield Finding(name, "note", "not installed", 'pip install "mmcore-framework[all]"')


def devices() -> Iterator[Finding]:
    """What there is to compute with."""
    try:
        import torch
    except ImportError as error:
        yield Finding("devices", "bad", f"torch can't be imported ({error})", "pip install torch")
        return
    yield Finding("processor", "good", f"{os.cpu_count()} cores, {torch.get_num_threads()} threads of torch")
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(number)
            yield Finding("GPU", "good", f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB")
    elif torch.backends.mps.is_available():
        yield Finding("GPU", "good", "Apple's, through Metal")
    else:
        yield Finding("GPU", "note", "none: training and encoding run on the processor")


def plugins() -> Iterator[Finding]:
    """Plugins that could not be loaded."""
    from mmcore.catalog import load

    records = load().plugins.records
    broken = [record for record in records if record.problems]
    working = sum(record.enabled and not record.problems for record in records)
    yield Finding("plugins", "good", f"{working} of {len(records)} work")
    for record in broken:
        name = f"plugin {record.package}"
        advice = f"update or remove it: pip uninstall {record.distribution}" if record.distribution else ""
        for problem in record.problems:
            yield Finding(name, "bad", problem, advice)
    for record in records:
        if not record.enabled:
            yield Finding(f"plugin {record.package}", "note", "switched off")


def components() -> Iterator[Finding]:
    """Components whose requirements are missing, and where weights come from."""
    from mmcore.catalog import is_installed, load

    hub: list[str] = []
    for entry in load().entries():
        missing = [name for name in entry.declaration.requires if not is_installed(name)]
        if missing:
            extra = entry.declaration.extra or " ".join(missing)
            yield Finding(f"{entry.type} {entry.name}", "note", f"needs {', '.join(missing)}", f'pip install "{extra}"')
            continue
        weights = getattr(entry.declaration, "weights", None)
        if weights is not None and weights.offline:
            yield _packaged_weights(entry, weights.source)
        elif weights is not None:
            hub.append(entry.name)
    if hub:
        offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0")
        state = "HF_HUB_OFFLINE is set, so only what was downloaded before" if offline else "when first used"
        yield Finding("weights from the hub", "note", f"{', '.join(hub)}: {state}")


def disk() -> Iterator[Finding]:
    """Free space, and what the cache takes."""
    from mmcore.cli.cache import human, size_of
    from mmcore.files import cache_folder

    folder = cache_folder()
    there = folder if folder.exists() else next(parent for parent in folder.parents if parent.exists())
    free = shutil.disk_usage(there).free
    used = size_of(folder) if folder.exists() else 0
    short = free < 2 * 2**30
    yield Finding(
        "disk",
        "bad" if short else "good",
        f"{human(free)} free; the cache takes {human(used)} ({folder})",
        "mmcore cache --clear" if short else "",
    )


def _packaged_weights(entry: Entry, source: str) -> Finding:
    """Weights that need no network: inside a package of their own, if that is named, or with the plugin itself."""
    subject, package = f"weights of {entry.name}", source.partition("the package ")[2].partition(" ")[0]
    if not package:
        return Finding(subject, "good", f"{source}, with {entry.distribution} {entry.version}")
    try:
        return Finding(subject, "good", f"{package} {distribution(package).version}")
    except PackageNotFoundError:
        advice = f'pip install "{entry.declaration.extra or package}"'
        return Finding(subject, "note", f"{package} is not installed", advice)
