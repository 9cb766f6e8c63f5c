"""A fitted model: it knows its modalities, its labels and its preprocessing, and needs neither network nor old data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcore.catalog import Catalog
from mmcore.catalog import load as load_catalog
from mmcore.data.reading import ReadRow, RowReader
from mmcore.data.tables import read_table, table_root
from mmcore.errors import DataError, RunError
from mmcore.experiment.preparation import Preparation
from mmcore.run import RunFolder
from mmcore.tasks.inference import task_from_dict

if TYPE_CHECKING:
    import pandas as pd

    from mmcore.attribution.explanation import Explanation
    from mmcore.evaluation.inference import Inference
    from mmcore.model.fusion_model import FusionModel
    from mmcore.tasks.task import Task

Rows = "str | Path | pd.DataFrame | Sequence[Mapping[str, Any]] | Mapping[str, Any]"


@dataclass(frozen=True)
class FittedModel:
    """A trained model, ready to use.

    Args:
        module: the torch module, in eval mode.
        task: what it predicts.
        preparation: its modalities and how rows become batches.
        manifest: what model.json holds.
        folder: the run folder that it came from; None when it was loaded from a model folder alone.
    """

    module: FusionModel
    task: Task
    preparation: Preparation
    manifest: Mapping[str, Any]
    folder: Path | None = None

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that it reads, in order."""
        return self.preparation.modalities

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the probabilities; empty in regression."""
        return list(getattr(self.task, "classes", ()))

    @cached_property
    def device(self) -> Any:
        """Where it computes: a GPU where there is one."""
        import torch

        chosen = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.module.to(chosen)
        return chosen

    def predict(self, rows: Any, *, batch_size: int = 64, root: str | Path | None = None) -> pd.DataFrame:
        """Predict rows.

        Args:
            rows: a table's path, a DataFrame, one row or several as mappings of column (or modality) to value. An
                empty or missing cell means that the modality is absent.
            batch_size: rows at a time.
            root: the folder that relative paths start from; by default the table's, or the working folder.

        Returns:
            One row per row, in order: id, prediction, probabilities (in the order of `labels`; not in regression) and
            error, which says what is wrong with a row that could not be predicted and is None elsewhere.
        """
        names = ("prediction",) if self.task.type == "regression" else ("prediction", "probabilities")
        return self._frame(rows, batch_size, root, self._prediction_columns, always=names)

    def embed(self, rows: Any, *, batch_size: int = 64, root: str | Path | None = None) -> pd.DataFrame:
        """Represent rows: id, `fused`, `modality:<name>` for each modality (None where it is absent), and error.

        Arguments as of `predict`. A model that fuses decisions has no fused representation.
        """
        from mmcore.experiment.predictions import representation_columns

        return self._frame(rows, batch_size, root, representation_columns)

    def evaluate(self, rows: Any = None, *, split: str = "test", batch_size: int = 64) -> dict[str, Any]:
        """How good the model is: on rows that hold the target, or on a split of the data that it was fitted to.

        Raises:
            UserError: there is no such split, or the rows hold no target.
        """
        from mmcore.evaluation.inference import join
        from mmcore.evaluation.metrics import metrics

        if rows is None:
            return self._stored_metrics(split)
        target = self.manifest["target"]
        table, place, _ = self._open(rows, None)
        parts, labels = [], []
        for chunk in _chunks(self._read(table, place), batch_size):
            good = [(number, read) for number, read in chunk if not self._error(read)]
            if good:
                parts.append(self._infer(good))
                labels += [table[number].get(target) for number, _ in good]
        if not parts or any(label is None for label in labels):
            raise DataError(f"these rows hold no target: each needs a value under {target!r}")
        return metrics(self.task, join(parts).logits, self.task.encode(labels))

    def explain(
        self,
        row: Any,
        explainer: str | Mapping[str, Any] = "mm_shap",
        *,
        play: Sequence[str] | None = None,
        check: bool = False,
        **options: Any,
    ) -> Explanation:
        """Why the model decides as it does for one row.

        Args:
            row: as of `predict`.
            explainer: a name, or a mapping of name and options.
            play: the modalities that play while the others stay as they are; all by default.
            check: also find out how far the explanation can be trusted (its `trust`): whether masking what it calls
                important matters more than chance, and whether it changes when the model's weights are shuffled.
            options: the explainer's own options.
        """
        from mmcore.experiment.explanations import explain_row

        table, place, _ = self._open([row] if isinstance(row, Mapping) else row, None)
        number, read = next(self._read(table, place))
        if error := self._error(read):
            raise DataError(f"the row can't be explained: {error}")
        target = table[number].get(self.manifest["target"])
        return explain_row(
            self,
            read.samples,
            explainer,
            row_id=self._id(table[number], number),
            number=number,
            target=target,
            play=play,
            check=check,
            **options,
        )

    def read_row(self, row: Mapping[str, Any], root: Path) -> ReadRow:
        """The samples of one row."""
        return self._reader(root).read(row)

    def _stored_metrics(self, split: str) -> dict[str, Any]:
        if self.folder is None:
            raise RunError("a model without its run folder has no stored figures", hint="Give rows to evaluate on.")
        stored = RunFolder(self.folder).metrics()
        known = [part for part in ("train", "validation", "test") if part in stored]
        if split not in known:
            raise DataError(f"the run has no split {split!r}", hint=f"It has {', '.join(known)}.")
        return stored[split]

    def _reader(self, root: Path) -> RowReader:
        return self.preparation.reader(root)

    def _open(self, rows: Any, root: str | Path | None) -> tuple[Any, Path, int]:
        if isinstance(rows, str | Path):
            table = read_table(rows, text=self._reader(Path()).text_columns)
            place = Path(root) if root is not None else table_root(rows)
        else:
            table = _as_list(rows)
            place = Path(root) if root is not None else Path.cwd()
        self._refuse_unrelated(table)
        return table, place, len(table)

    def _refuse_unrelated(self, table: Any) -> None:
        """A table that holds none of the model's columns is a mistake, not a table of absent modalities."""
        wanted = {column for field in self.preparation.fields.values() for column in field.columns}
        wanted |= set(self.modalities)
        columns = set(getattr(table, "column_names", None) or {key for row in table for key in row})
        if not columns & wanted:
            raise DataError(
                f"the rows hold none of the columns that the model reads ({', '.join(sorted(wanted))})",
                hint=f"They hold {', '.join(sorted(map(str, columns))[:8]) or 'nothing'}.",
            )

    def _read(self, table: Any, root: Path) -> Iterator[tuple[int, ReadRow]]:
        return self._reader(root).read_all(table)

    def _frame(
        self, rows: Any, batch_size: int, root: str | Path | None, columns_of: Any, always: Sequence[str] = ()
    ) -> pd.DataFrame:
        """What `columns_of` says of the good rows, at their places; the columns `always`, if none of them is good."""
        import pandas as pd

        table, place, count = self._open(rows, root)
        columns: dict[str, list[Any]] = {name: [None] * count for name in ("id", *always, "error")}
        for chunk in _chunks(self._read(table, place), batch_size):
            good = []
            for number, read in chunk:
                columns["error"][number] = error = self._error(read)
                if not error:
                    good.append((number, read))
            if good:
                for name, values in columns_of(self._infer(good)).items():
                    column = columns.setdefault(name, [None] * count)
                    for (number, _), value in zip(good, values, strict=True):
                        column[number] = value
        columns["id"] = self._ids(table)
        columns["error"] = columns.pop("error")  # last
        return pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})

    def _prediction_columns(self, found: Inference) -> dict[str, list[Any]]:
        from mmcore.experiment.predictions import prediction_columns

        return prediction_columns(self.task, found.logits)

    def _error(self, read: ReadRow) -> str | None:
        problems = {**read.problems, **self.preparation.unfit(read.samples)}
        if problems:
            return "; ".join(f"{name}: {error}" for name, error in problems.items())
        return None if read.samples else f"none of the modalities {', '.join(self.modalities)} is present"

    def _infer(self, rows: Sequence[tuple[int, ReadRow]]) -> Inference:
        from mmcore.data.loading import collate
        from mmcore.evaluation.inference import infer

        items = [self.preparation.item(self.module, read.samples, number) for number, read in rows]
        return infer(self.module, items, collate, batch_size=len(items), device=self.device)

    def _ids(self, table: Any) -> list[str]:
        column = self.manifest.get("id")
        names = getattr(table, "column_names", None)
        if names is not None:
            values = table[column][:] if column in names else [None] * len(table)
        else:
            values = [row.get(column) for row in table]
        return [str(number) if value is None else str(value) for number, value in enumerate(values)]

    def _id(self, row: Mapping[str, Any], number: int) -> str:
        value = row.get(str(self.manifest.get("id")))
        return str(number) if value is None else str(value)


def load(folder: str | Path) -> FittedModel:
    """Load the model of a finished run (or a `model/` folder by itself). No network and no original data are needed.

    Raises:
        RunError: there is no finished run, it is of another format, or a plugin that the model needs is missing.
    """
    path = Path(folder)
    if (path / "model.json").is_file():
        return load_artefact(path, load_catalog())
    run = RunFolder(path)
    run.require_finished()
    if not run.model.is_dir():
        folds = sorted((path / "folds").glob("*"))
        raise RunError(
            "a cross-validation has a model per fold, and none above them",
            where=str(path),
            hint=f"Load one of them, as {folds[0]}." if folds else "",
        )
    return load_artefact(run.model, load_catalog(), folder=path)


def load_artefact(model_folder: Path, catalog: Catalog, *, folder: Path | None = None) -> FittedModel:
    """Build the model that `model_folder` describes and load its state."""
    from mmcore.model.artefact import load_state, read_manifest

    manifest = read_manifest(model_folder)
    module, preparation = build_described(manifest, model_folder / "assets", catalog)
    load_state(module, model_folder)
    module.eval()
    return FittedModel(module, module.task, preparation, manifest, folder)


def build_described(manifest: Mapping[str, Any], assets: Path, catalog: Catalog) -> tuple[FusionModel, Preparation]:
    """The model that a manifest describes, without its state, and how rows are prepared for it."""
    from mmcore.experiment.finished import rebuilt
    from mmcore.experiment.sections import EncoderSlot, FusionSection
    from mmcore.model.composition import build_model

    preparation = Preparation.from_list(manifest["modalities"], catalog, manifest.get("synchronised") or ())
    encoders = {name: EncoderSlot.model_validate(slot) for name, slot in manifest["encoders"].items()}
    module = build_model(
        {name: encoders[name].choice() for name in preparation.modalities if name in encoders},
        {name: field.kind for name, field in preparation.fields.items()},
        preparation.descriptions,
        FusionSection.model_validate(manifest["fusion"]) if manifest["fusion"] else None,
        task_from_dict(manifest["task"]),
        assets=assets,
        runs=rebuilt(manifest.get("runs") or {}, assets, catalog),
        catalog=catalog,
    )
    return module, preparation


def _as_list(rows: Any) -> list[Mapping[str, Any]]:
    if isinstance(rows, Mapping):
        return [rows]
    if hasattr(rows, "to_dict"):
        return list(rows.to_dict("records"))
    rows = list(rows)
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(f"row {number} is {type(row).__name__}, not a mapping of column to value")
    return rows


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while chunk := list(islice(items, size)):
        yield chunk
