"""How raw rows become a model's batches: what a fitted model must remember of its data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcore.catalog import Catalog
from mmcore.data.kind import Kind
from mmcore.data.reading import RowReader, iterate_rows, row_id
from mmcore.data.source import DataSource, ModalityField
from mmcore.data.survey import RowProblem, Survey
from mmcore.declarations import Description, ModalityKind
from mmcore.errors import InputError, OptionError, RunError

if TYPE_CHECKING:
    from mmcore.data.loading import Item, RowDataset, Stored
    from mmcore.model.fusion_model import FusionModel


@dataclass(frozen=True)
class Preparation:
    """The modalities that a model reads: which columns hold them, their kinds and what training rows looked like."""

    fields: Mapping[str, ModalityField]
    kinds: Mapping[str, Kind]
    descriptions: Mapping[str, Description]
    synchronised: tuple[tuple[str, ...], ...] = ()
    """Groups of modalities on one time axis."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names, in the model's order."""
        return tuple(self.fields)

    def reader(self, root: Path) -> RowReader:
        """Reads the samples of rows whose relative paths start from `root`."""
        return RowReader(self.fields, self.kinds, root, synchronised=self.synchronised)

    def dataset(
        self,
        model: FusionModel,
        rows: Any,
        *,
        root: Path,
        indices: np.ndarray | None = None,
        targets: np.ndarray | None = None,
        features: Mapping[str, Stored | tuple[Stored, ...]] | None = None,
        augment: Mapping[str, bool] | None = None,
        views: Mapping[str, int] | None = None,
        seed: int = 0,
    ) -> RowDataset:
        """Rows as a torch data set of prepared items for `model`; modalities in `features` are taken from there."""
        from mmcore.data.loading import RowDataset

        specs = {name: model.input_specs[name] for name in model.modalities}
        blanks = {name: self.kinds[name].blank(specs[name], self.descriptions[name]) for name in specs}
        return RowDataset(
            rows,
            indices=indices,
            reader=self.reader(root),
            kinds={name: self.kinds[name] for name in specs},
            specs=specs,
            blanks=blanks,
            targets=targets,
            representations=features or {},
            augment=augment or {},
            views=views or {},
            seed=seed,
        )

    def item(self, model: FusionModel, samples: Mapping[str, Any], number: int) -> Item:
        """One row's samples prepared for `model`, blanks where a modality is absent."""
        from mmcore.data.loading import Item

        inputs = {}
        for name in model.modalities:
            spec, kind = model.input_specs[name], self.kinds[name]
            there = name in samples
            inputs[name] = kind.prepare(samples[name], spec) if there else kind.blank(spec, self.descriptions[name])
        present = np.array([name in samples for name in model.modalities])
        return Item(inputs, {}, present, number, None, {name: self.kinds[name] for name in model.modalities})

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-like, for the model's manifest; the modalities' order is the model's."""
        return [
            {
                "name": name,
                "kind": field.kind,
                "columns": list(field.columns),
                "single": field.single,
                "description": self.descriptions[name].model_dump(mode="json"),
            }
            for name, field in self.fields.items()
        ]

    @classmethod
    def from_list(
        cls, saved: Sequence[Mapping[str, Any]], catalog: Catalog, synchronised: Sequence[Sequence[str]] = ()
    ) -> Preparation:
        """The opposite of `to_list`; a kind whose plugin is not installed is named."""
        fields, kinds, descriptions = {}, {}, {}
        for entry in saved:
            name = entry["name"]
            declaration = catalog.get("modality-kind", entry["kind"])
            assert isinstance(declaration, ModalityKind)
            fields[name] = ModalityField(entry["kind"], tuple(entry["columns"]), entry["single"])
            kinds[name] = catalog.kind(entry["kind"])
            try:
                descriptions[name] = declaration.description.model_validate(entry["description"])
            except ValueError as error:
                raise RunError(
                    f"the saved description of modality {name!r} does not fit the installed kind {entry['kind']!r}",
                    hint=f"Use the plugin version named in environment.json. ({error})",
                ) from error
        return cls(fields, kinds, descriptions, tuple(tuple(group) for group in synchronised))

    @classmethod
    def of(cls, source: DataSource, modalities: tuple[str, ...], train: np.ndarray, catalog: Catalog) -> Preparation:
        """Describe `modalities` of a data set from its training rows."""
        fields = {name: source.modalities[name] for name in modalities}
        kinds = {name: catalog.kind(field.kind) for name, field in fields.items()}
        undescribed = cls(fields, kinds, {})
        descriptions = {name: kinds[name].describe(undescribed.samples(source, name, train)) for name in modalities}
        return cls(fields, kinds, descriptions, source.synchronised)

    def misfits(self, source: DataSource, survey: Survey) -> list[RowProblem]:
        """Rows with a sample that does not fit what the training rows look like, by kinds that check it."""
        checking = [name for name, kind in self.kinds.items() if type(kind).check is not Kind.check]
        if not checking:
            return []
        reader = RowReader({name: self.fields[name] for name in checking}, self.kinds, source.root)
        found = []
        rows = np.unique(np.concatenate([survey.readable(name) for name in checking]))
        for number, row in iterate_rows(source.rows, [*reader.columns, *([source.id] if source.id else [])], rows):
            for name, error in self.unfit(reader.read(row).samples).items():
                found.append(RowProblem(number, row_id(source, number, row), name, error.reason, str(error)))
        return found

    def refuse_augmenting(self, names: Iterable[str]) -> None:
        """Raises an OptionError where the kind of one of these modalities can't change samples at random."""
        for name in names:
            if type(self.kinds[name]).augment is Kind.augment:
                raise OptionError(
                    f"samples of the kind {self.fields[name].kind!r} can't be changed at random",
                    path=("encoders", name, "augment"),
                    where=f"encoders.{name}.augment",
                )

    def unfit(self, samples: Mapping[str, Any]) -> dict[str, InputError]:
        """Modality → why its sample does not fit the training rows; empty when all do."""
        problems = {}
        for name, sample in samples.items():
            try:
                self.kinds[name].check(sample, self.descriptions[name])
            except InputError as error:
                problems[name] = error
        return problems

    def samples(self, source: DataSource, name: str, indices: np.ndarray) -> Iterator[Any]:
        """Decoded samples of one modality in the rows that have it, one at a time."""
        reader = RowReader({name: self.fields[name]}, {name: self.kinds[name]}, source.root)
        for _, read in reader.read_all(source.rows, indices):
            if name in read.samples:
                yield read.samples[name]
