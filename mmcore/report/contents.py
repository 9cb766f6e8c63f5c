"""What a run folder holds, as the page needs it. What is not there is empty, never an error."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.errors import RunError
from mmcore.files import read_json
from mmcore.report.svg import COLOURS
from mmcore.run import RunFolder

if TYPE_CHECKING:
    import pandas as pd

FUSED = "fused"
"""The name of the fused model among those that were trained."""

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Contents:
    """The files of a run.

    Raises:
        RunError: there are no results yet, or a file is not what mmcore writes.
    """

    folder: Path

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """metrics.json."""
        target = self.folder / "metrics.json"
        if not target.is_file():
            raise RunError("there are no results to report yet", where=str(self.folder), hint="Finish the run first.")
        found = read_json(target)
        if not isinstance(found, dict) or "task" not in found:
            raise RunError("is not what mmcore writes", where=str(target))
        return found

    @property
    def task(self) -> str:
        """single_label, multi_label or regression."""
        return str(self.metrics["task"])

    @cached_property
    def classes(self) -> list[str]:
        """The labels, in the order of logits; empty in regression."""
        return [str(label) for label in self.metrics.get("classes") or []]

    @cached_property
    def split(self) -> str:
        """The split that the page is about: test, where there is one."""
        return next((name for name in reversed(SPLITS) if self.metrics.get(name)), "test")

    @cached_property
    def results(self) -> dict[str, Any]:
        """The fused model's figures on that split; in cross-validation, on the test rows of all folds."""
        return self.metrics.get(self.split) or {}

    @cached_property
    def baselines(self) -> dict[str, dict[str, Any]]:
        """Modality → the figures of the model of it alone, on the same split."""
        found = self.metrics.get("baselines") or {}
        return {name: splits[self.split] for name, splits in found.items() if splits.get(self.split)}

    @cached_property
    def folds(self) -> list[dict[str, Any]]:
        """Each fold's figures on its test rows; empty where there are no folds."""
        return list(self.metrics.get("folds") or [])

    def over_folds(self, modality: str | None = None) -> dict[str, dict[str, float]]:
        """Metric → mean and sd over the folds, of the fused model or of one modality alone."""
        whole = self.metrics if modality is None else (self.metrics.get("baselines") or {}).get(modality) or {}
        return whole.get("over_folds") or {}

    @cached_property
    def experiment(self) -> dict[str, Any]:
        """The experiment as plain data."""
        from ruamel.yaml import YAML, YAMLError

        try:
            found = YAML(typ="safe", pure=True).load(self.experiment_text)
        except YAMLError as error:
            raise RunError("is not valid YAML", where=str(self.folder / "experiment.yaml")) from error
        return found if isinstance(found, dict) else {}

    @cached_property
    def experiment_text(self) -> str:
        """The experiment file as it is written."""
        target = self.folder / "experiment.yaml"
        return target.read_text(encoding="utf-8", errors="replace") if target.is_file() else ""

    @cached_property
    def modalities(self) -> list[str]:
        """The modalities that the model reads: those of the experiment, else those with a baseline."""
        encoders = self.experiment.get("encoders")
        known = encoders if isinstance(encoders, dict) and encoders else self.baselines
        return [str(name) for name in self.metrics.get("modalities") or known]

    def colour(self, modality: str) -> int:
        """The number of a modality's colour, the same all over the page; 0 is the fused model's."""
        return (self.modalities.index(modality) % (COLOURS - 1)) + 1 if modality in self.modalities else 0

    @cached_property
    def environment(self) -> dict[str, Any]:
        """environment.json."""
        target = self.folder / "environment.json"
        return read_json(target) if target.is_file() else {}

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What was told while the run was made."""
        return [event for event in RunFolder(self.folder).events() if isinstance(event, dict)]

    def table(self, name: str) -> pd.DataFrame | None:
        """A Parquet or CSV file of the run as a frame of at least one row."""
        import pandas as pd

        target = self.folder / name
        if not target.is_file() or not target.stat().st_size:
            return None
        try:
            if target.suffix == ".parquet":
                frame = pd.read_parquet(target)
            else:
                frame = pd.read_csv(target, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            raise RunError("can't be read", where=str(target), hint=str(error)) from error
        return frame if len(frame) else None

    @cached_property
    def predictions(self) -> pd.DataFrame | None:
        """predictions.parquet, the rows of the page's split (all of them where it names no split)."""
        return self._of_split(self.table("predictions.parquet"))

    @cached_property
    def embeddings(self) -> pd.DataFrame | None:
        """embeddings.parquet, the rows of the page's split."""
        return self._of_split(self.table("embeddings.parquet"))

    def _of_split(self, frame: pd.DataFrame | None) -> pd.DataFrame | None:
        if frame is None or "split" not in frame:
            return frame
        chosen = frame[frame["split"] == self.split]
        return chosen if len(chosen) else None
