"""`mmcore simulate railway`: clips of a construction site beside a railway line, written in the real layout."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import mmcore
from mmcore_railway.clip_files import write_depth, write_rgb
from mmcore_railway.measure import Glimpses, figures
from mmcore_railway.plan import draw_plan
from mmcore_railway.render import RANGE, render
from mmcore_railway.rules import CLASSES, dangers
from mmcore_railway.scene import FRAMES, RATE, SIZE, draw_scene
from mmcore_railway.splitting import stratified

if TYPE_CHECKING:
    from mmcore_railway.plan import Plan

VERSION = 1
"""Of the simulator: the same version, rows and seed give the same clips."""

CLIPS = 1632
"""As many as the programme's own set has."""

METRES_PER_UNIT = RANGE / 65535
"""What one unit of a depth frame stands for."""


def write_clips(
    folder: Path,
    rows: int = CLIPS,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    every: int = 1,
) -> None:
    """Write `rows` clips: `clips.csv`, `rgb/<class>/<id>.mp4`, `depth/<class>/<id>.mkv`, and about them.

    `about.json` says how depth is scaled and what each modality can reach alone; `truth.jsonl` what was planned and
    how close things came. The folder appears when all is written, so that half a data set is never read. `progress` is
    told what is done, how many clips are written, and of how many.

    `every`: write every so many frames only, of the same scenes at the same moments.

    Raises:
        UserError: the folder is there and not empty, or there are fewer clips than classes.
    """
    if rows < len(CLASSES):
        raise mmcore.UserError(f"{rows} clips are fewer than the {len(CLASSES)} classes", hint="Ask for more rows.")
    with _new_folder(Path(folder)) as target:
        labels = [CLASSES[number % len(CLASSES)] for number in range(rows)]
        labels = [labels[number] for number in np.random.default_rng([seed, VERSION]).permutation(rows)]
        parts = stratified(labels, {"test": 0.2, "validation": 0.15}, seed=seed)
        glimpses, table = Glimpses(), []
        truths: list[dict[str, Any]] = []
        for number, label in enumerate(labels):
            name = f"clip{number + 1:05d}"
            plan = _write_clip(target, name, label, [seed, VERSION, number], every, glimpses, truths)
            table.append([name, _rgb(plan, name), _depth(plan, name), label, parts[number]])
            if progress is not None:
                progress("simulating", number + 1, rows)
        _write_text(target / "clips.csv", _as_csv(["id", "rgb", "depth", "label", "split"], table))
        _write_text(target / "truth.jsonl", "".join(json.dumps(truth, sort_keys=True) + "\n" for truth in truths))
        about = _about(rows, seed, every) | {"figures": figures(glimpses, labels, parts, truths)}
        _write_text(target / "about.json", json.dumps(about, indent=2, sort_keys=True) + "\n")


def _write_clip(
    folder: Path, name: str, label: str, seeds: list[int], every: int, glimpses: Glimpses, truths: list[dict[str, Any]]
) -> Plan:
    generator = np.random.default_rng(seeds)
    plan = draw_plan(label, generator)
    scene = draw_scene(plan, generator)
    clip = render(scene, generator)
    write_rgb(folder / _rgb(plan, name), clip.rgb[::every], RATE / every)
    write_depth(folder / _depth(plan, name), clip.depth[::every], RATE / every, METRES_PER_UNIT)
    glimpses.add(clip)
    found = dangers(scene)
    closest = {
        key: round(value, 3) if np.isfinite(value) else None
        for key, value in asdict(found).items()
        if key.startswith("to_")
    }
    truths.append({"id": name, "judged": found.label, "plan": asdict(plan), "metres": closest})
    return plan


def _rgb(plan: Plan, name: str) -> str:
    return f"rgb/{plan.label}/{name}.mp4"


def _depth(plan: Plan, name: str) -> str:
    return f"depth/{plan.label}/{name}.mkv"


def _about(rows: int, seed: int, every: int) -> dict[str, Any]:
    return {
        "simulator": {"name": "mmcore railway", "version": VERSION, "rows": rows, "seed": seed},
        "classes": list(CLASSES),
        "clip": {"frames": len(range(0, FRAMES, every)), "rate": RATE / every, "size": list(SIZE)},
        "depth": {
            "metres_per_unit": METRES_PER_UNIT,
            "range": RANGE,
            "format": "16-bit grey; metres along the optical axis = value x metres_per_unit, at most the range",
        },
    }


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the wanted one, which takes its place when it is whole."""
    if folder.is_dir() and any(folder.iterdir()):
        raise mmcore.UserError("this folder is not empty", where=str(folder), hint="Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        whole = Path(temporary) / "whole"
        whole.mkdir()
        yield whole
        if folder.is_dir():
            folder.rmdir()
        os.replace(whole, folder)


def _as_csv(header: list[str], rows: list[list[str]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([header, *rows])
    return stream.getvalue()


def _write_text(path: Path, text: str) -> None:
    with mmcore.writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
