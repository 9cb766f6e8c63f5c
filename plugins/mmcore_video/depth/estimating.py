"""Depth of pictures and clips, written as 16-bit PNG with its scale; what is finished is not done again."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import mmcore
from mmcore_video.depth.inputs import PREVIEWS, Source
from mmcore_video.depth.models import DepthModel
from mmcore_video.depth.preview import png16, preview
from mmcore_video.frame_files import SIDECAR

LEVELS = 65535
"""The largest number of 16 bits."""

BATCH = 4
"""Frames that go through a network together."""

Progress = Callable[[str, int, int], None]
"""Told (what was finished, how many are, of how many)."""


@dataclass
class Outcome:
    """What became of each source: names of the finished, of those that were there, and reasons for the failed."""

    done: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, mmcore.InputError] = field(default_factory=dict)


def estimate_depth(
    sources: Sequence[Source],
    folder: Path,
    model: DepthModel,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Write the depth of every source that has none yet.

    Of a picture: `<name>.png` and `<name>.json`. Of a clip: `<name>/` with `frame-000001.png` … and `video.json`, which
    the kind `video` reads. `previews/<name>.png` shows each beside its RGB. Values v of the PNGs, from 0 to 65535,
    stand for low + v / 65535 · (high − low), with `scale: [low, high]` in the JSON: the network's own limits where it
    has any, else the extremes of the picture, or of the clip as a whole.

    A source that can't be read is left out and told; nothing half written stays.

    Raises:
        DataError: the folder holds depth from another network or other weights.
    """
    outcome = Outcome()
    for number, source in enumerate(sources):
        found = None if overwrite else _finished(source, folder)
        if found is not None:
            _require_same(found, model, folder / source.name)
            outcome.kept.append(source.name)
        else:
            try:
                _write(source, folder, model)
                outcome.done.append(source.name)
            except mmcore.InputError as error:
                outcome.failed[source.name] = error
        if progress is not None:
            progress(source.name, number + 1, len(sources))
    return outcome


def _write(source: Source, folder: Path, model: DepthModel) -> None:
    """One source's result, complete or not at all."""
    (folder / source.name).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=(folder / source.name).parent, prefix=".depth-") as scratch:
        spool = _Spool(Path(scratch) / "values")
        for batch, rate in _batches(source):
            spool.add(batch, model.predict(batch), rate)
        if not spool.sizes:
            raise mmcore.InputError("no frames", "it holds no frames")
        about = {**_about(source, model), **spool.about(model.about.limits)}
        if source.form == "picture":
            _write_picture(source, folder, spool, about)
        else:
            _write_clip(source, folder, spool, about, Path(scratch) / "clip")
        _put(folder / PREVIEWS / f"{source.name}.png", preview(*spool.middle, model.about))


def _write_picture(source: Source, folder: Path, spool: _Spool, about: Mapping[str, Any]) -> None:
    values = next(spool.values())
    _put(_beside(folder, source.name, ".png"), png16(units(values, about["scale"])))
    _put(_beside(folder, source.name, ".json"), _json(about))  # last: it says that the picture is finished


def _write_clip(source: Source, folder: Path, spool: _Spool, about: Mapping[str, Any], scratch: Path) -> None:
    scratch.mkdir()
    for number, values in enumerate(spool.values(), start=1):
        (scratch / f"frame-{number:06d}.png").write_bytes(png16(units(values, about["scale"])))
    (scratch / SIDECAR).write_bytes(_json(about))
    target = folder / source.name
    if target.is_dir():
        shutil.rmtree(target)
    scratch.replace(target)


def units(values: np.ndarray, scale: Sequence[float]) -> np.ndarray:
    """Numbers as uint16 on a scale (low, high), to the nearest; beyond it, its ends.

    >>> units(np.array([0.0, 5.0, 20.0]), (0.0, 10.0)).tolist()
    [0, 32768, 65535]
    """
    low, high = scale
    share = (np.asarray(values, dtype=np.float64) - low) / ((high - low) or 1.0)
    return np.floor(np.clip(share, 0, 1) * LEVELS + 0.5).astype(np.uint16)


class _Spool:
    """Predictions at the network's resolution, on disk until the scale of the whole clip is known."""

    def __init__(self, path: Path):
        self.path = path
        self.sizes: list[tuple[int, int]] = []
        self.rate = 0.0
        self.low, self.high = np.inf, -np.inf
        self._shape: tuple[int, int] = (0, 0)
        self._frames: list[tuple[int, np.ndarray]] = []

    def add(self, frames: Sequence[np.ndarray], values: np.ndarray, rate: float) -> None:
        """Frames and what the network said of them."""
        if not np.isfinite(values).all():
            raise mmcore.InputError("not finite", "the network gave NaN or infinity for it")
        if self.sizes and values.shape[1:] != self._shape:
            raise mmcore.InputError("frames differ", "its frames are not all of one size")
        self._shape, self.rate = values.shape[1:], rate
        with self.path.open("ab") as stream:
            stream.write(np.ascontiguousarray(values, dtype=np.float32).tobytes())
        for frame in frames:
            self._remember(len(self.sizes), frame)
            self.sizes.append((frame.shape[0], frame.shape[1]))
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    def _remember(self, number: int, frame: np.ndarray) -> None:
        """Keep frames at powers of two, of which one is near the middle, for the preview."""
        if number & (number - 1) == 0:
            self._frames = [*self._frames[-1:], (number, frame)]

    def values(self) -> Iterator[np.ndarray]:
        """Each frame's numbers `(H, W)` at the frame's own size."""
        for number in range(len(self.sizes)):
            yield self._value(number)

    def _value(self, number: int) -> np.ndarray:
        stored = np.memmap(self.path, np.float32, "r", shape=(len(self.sizes), *self._shape))
        small = torch.from_numpy(np.array(stored[number]))[None, None]
        return torch.nn.functional.interpolate(small, self.sizes[number], mode="bilinear", align_corners=False)[
            0, 0
        ].numpy()

    @property
    def middle(self) -> tuple[np.ndarray, np.ndarray]:
        """A frame from the middle, and its numbers."""
        number, frame = min(self._frames, key=lambda kept: abs(kept[0] - len(self.sizes) / 2))
        return frame, self._value(number)

    def about(self, limits: tuple[float, float] | None) -> dict[str, Any]:
        """What is written of the whole."""
        return {
            "frames": len(self.sizes),
            "size": list(self.sizes[0]),
            "rate": self.rate,
            "scale": list(limits) if limits else [self.low, self.high],
            "least": self.low,
            "most": self.high,
        }


def _batches(source: Source) -> Iterator[tuple[list[np.ndarray], float]]:
    """Frames of one size, a few at a time."""
    batch: list[np.ndarray] = []
    rate = 0.0
    for frame, rate in source.frames():
        if batch and frame.shape != batch[0].shape:
            raise mmcore.InputError("frames differ", "its frames are not all of one size")
        batch.append(frame)
        if len(batch) == BATCH:
            yield batch, rate
            batch = []
    if batch:
        yield batch, rate


def _about(source: Source, model: DepthModel) -> dict[str, Any]:
    told = model.about
    return {
        "source": source.path.name,
        "model": told.name,
        "weights": told.source,
        "licence": told.licence,
        "quantity": told.quantity,
        "unit": told.unit,
    }


def _finished(source: Source, folder: Path) -> Mapping[str, Any] | None:
    """What is written of a source whose result is complete."""
    clip = source.form != "picture"
    path = folder / source.name / SIDECAR if clip else _beside(folder, source.name, ".json")
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if clip:
        complete = len(list((folder / source.name).glob("frame-*.png"))) == about.get("frames")
    else:
        complete = _beside(folder, source.name, ".png").is_file()
    return about if complete and (folder / PREVIEWS / f"{source.name}.png").is_file() else None


def _require_same(found: Mapping[str, Any], model: DepthModel, path: Path) -> None:
    told = model.about
    if (found.get("model"), found.get("weights")) != (told.name, told.source):
        raise mmcore.DataError(
            f"holds depth from {found.get('model')} ({found.get('weights')})",
            where=str(path),
            hint="Choose another folder, or --overwrite.",
        )


def _beside(folder: Path, name: str, suffix: str) -> Path:
    return (folder / name).with_name((folder / name).name + suffix)


def _put(path: Path, content: bytes) -> None:
    with mmcore.writing(path) as temporary:
        temporary.write_bytes(content)


def _json(about: Mapping[str, Any]) -> bytes:
    return (json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
