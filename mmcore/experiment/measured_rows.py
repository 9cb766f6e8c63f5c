"""A measure over rows of a run: the rows are encoded once for all measures, kept, and measured."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.attribution.evaluated import AT_A_TIME, EvaluatedRows, Measure, encoded_batch
from mmcore.catalog import load as load_catalog
from mmcore.data.fingerprints import rows_state
from mmcore.errors import ComponentError
from mmcore.experiment.explained_rows import Explained, plain, rows_of_run
from mmcore.experiment.workers import in_workers
from mmcore.files import digest, write_json, writing

if TYPE_CHECKING:
    import pandas as pd

    from mmcore.catalog import Resolved
    from mmcore.data.source import DataSource
    from mmcore.experiment.fitted import FittedModel
    from mmcore.representation import Representation
    from mmcore.run import RunFolder

ENCODED = ".encoded"
"""In a run's explanations/: rows that were encoded for measures."""


def measure_rows(
    model: FittedModel,
    source: DataSource,
    chosen: pd.DataFrame,
    resolved: Resolved,
    run: RunFolder,
    place: Path,
    *,
    workers: int = 1,
) -> Explained:
    """Measure over rows of a table of predictions; the result is written as JSON and CSV, its picture as PNG and SVG.

    Args:
        place: a folder; the result goes to `place/<explainer>`.
        workers: processes that encode rows side by side.
    """
    name = resolved.declaration.name
    folder = place / name
    list(rows_of_run(source, [], chosen))  # the data must be those of the run
    targets = model.task.encode([plain(value) for value in chosen["target"]])
    numbers = chosen["row"].to_numpy()
    rows = _evaluated(model, source, numbers, targets, run, workers)
    run.event({"event": "stage", "stage": f"measure by {name}"})
    found = load_catalog().build(resolved.declaration, resolved.options).measure(rows)
    if not isinstance(found, Measure):
        raise ComponentError(f"explainer {name!r} returned {type(found).__name__}, not a mmcore.Measure")
    write_measure(found, folder, rows.passes)
    return Explained(folder, [], [], found)


def write_measure(found: Measure, folder: Path, passes: dict[str, int]) -> None:
    """`measure.json` and `measure.csv`, and the picture where the measure draws one."""
    write_json(folder / "measure.json", {**found.to_dict(), "passes": passes})
    with writing(folder / "measure.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([found.columns, *found.lines])
    if found.draw is not None:
        from mmcore.attribution.picture import save

        figure = found.draw()
        for suffix in ("png", "svg"):
            save(figure, folder / f"measure.{suffix}")


def _evaluated(
    model: FittedModel, source: DataSource, numbers: np.ndarray, targets: np.ndarray, run: RunFolder, workers: int
) -> EvaluatedRows:
    rows = ChosenRows(model, source, numbers)
    if not model.module.two_stage:
        return EvaluatedRows(model.module, rows.items(range(len(numbers))), targets)
    kept = run.path / "explanations" / ENCODED / rows.key
    starts = list(range(0, len(numbers), AT_A_TIME))
    files = [kept / f"{start}.safetensors" for start in starts]
    missing = [(start, file) for start, file in zip(starts, files, strict=True) if not file.is_file()]
    if workers > 1 and len(missing) > 1:
        made = in_workers(_encode_task, missing, workers, setup=_set_up, arguments=(str(run.path), numbers.tolist()))
    else:
        made = (rows.encode(start, file) for start, file in missing)
    for done, _ in enumerate(made, 1):
        run.event({"event": "progress", "stage": "encode rows", "done": done, "total": len(missing)})
    return EvaluatedRows.of_encoded(model.module, [_read(file) for file in files], targets)


@dataclass(frozen=True)
class ChosenRows:
    """Rows of a run's data, by their numbers, as its model reads them."""

    model: FittedModel
    source: DataSource
    numbers: np.ndarray

    @property
    def key(self) -> str:
        """Stands for all that the encoded rows depend on."""
        import torch

        return digest({
            "model": self.model.manifest["sha256"],
            "rows": self.numbers.tolist(),
            "content": rows_state(self.source, self.model.preparation.reader(self.source.root), self.numbers.tolist()),
            "torch": version("torch"),
            "threads": torch.get_num_threads(),
        })  # fmt: skip

    def items(self, positions: Sequence[int]) -> list[Any]:
        """The prepared rows at these positions among the chosen ones."""
        dataset = self.model.preparation.dataset(
            self.model.module, self.source.rows, root=self.source.root, indices=self.numbers
        )
        return dataset.__getitems__(list(positions))

    def encode(self, start: int, file: Path) -> Path:
        """Encode the batch of rows that begins at a position, and keep it in the file."""
        from safetensors.torch import save_file

        end = min(start + AT_A_TIME, len(self.numbers))
        present, encoded = encoded_batch(self.model.module, self.items(range(start, end)))
        tensors = {"present": present}
        for name, of in encoded.items():
            parts = {"vector": of.vector, "tokens": of.tokens, "mask": of.mask}
            tensors |= {
                f"{name}/{part}": value.cpu().contiguous() for part, value in parts.items() if value is not None
            }
        with writing(file) as temporary:
            save_file(tensors, temporary)
        return file


def _read(file: Path) -> tuple[Any, dict[str, Representation]]:
    from safetensors.torch import load_file

    from mmcore.representation import Representation

    tensors = load_file(file)
    present = tensors.pop("present")
    names = dict.fromkeys(key.rpartition("/")[0] for key in tensors)
    parts = ("vector", "tokens", "mask")
    return present, {
        name: Representation(*(tensors.get(f"{name}/{part}") for part in parts))  # type: ignore[arg-type]
        for name in names
    }


_rows: ChosenRows | None = None


def _set_up(run: str, numbers: list[int]) -> None:
    from mmcore.experiment.fitted import load
    from mmcore.experiment.prepared import open_source
    from mmcore.experiment.specification import Experiment

    global _rows
    experiment = Experiment.load(Path(run) / "experiment.yaml")
    _rows = ChosenRows(load(run), open_source(experiment, load_catalog()), np.asarray(numbers))


def _encode_task(start: int, file: Path) -> Path:
    assert _rows is not None
    return _rows.encode(start, file)
