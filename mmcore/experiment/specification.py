"""An experiment: one meaning in YAML, in Python and on the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import PrivateAttr

from mmcore.errors import OptionError, UserError
from mmcore.experiment.document import Document, parse_document, read_document, to_yaml
from mmcore.experiment.overrides import with_overrides
from mmcore.experiment.resolving import with_defaults
from mmcore.experiment.sections import ExperimentSections
from mmcore.experiment.validation import ExperimentError, component_problems, experiment_problems, plain

if TYPE_CHECKING:
    from mmcore.experiment.running import Run


class Experiment(ExperimentSections):
    """Data, encoders, fusion, training, explanation: all that a run needs, and nothing of a machine.

    Raises:
        ExperimentError: a key, a type or a bound is wrong; all such mistakes at once.

    >>> experiment = Experiment(dataset={"name": "openmoji", "target": "group"}, encoders={"text": "minilm"}, seed=7)
    >>> experiment.encoders["text"].name, experiment.training.batch_size
    ('minilm', 64)
    """

    _document: Document | None = PrivateAttr(None)

    def __init__(self, **sections: Any):
        data = plain(sections)
        _refuse(experiment_problems(data, components=False), None)
        super().__init__(**data)

    @classmethod
    def load(cls, path: str | Path, overrides: Iterable[str] = ()) -> Self:
        """Read an experiment file, with changes as `--set` writes them: "fusion.method=lmf".

        Raises:
            UserError: the file can't be read as plain YAML.
            ExperimentError: a mistake in it; with file, line, value and what is allowed.
        """
        return cls._of(with_overrides(read_document(path), overrides))

    @classmethod
    def from_yaml(cls, text: str, *, source: str = "experiment") -> Self:
        """As `load`, from a text."""
        return cls._of(parse_document(text, source=source))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From plain data, as `to_dict` gives it."""
        return cls(**dict(data))

    @classmethod
    def _of(cls, document: Document) -> Self:
        if document.data is None:
            raise UserError("is empty", where=document.source, hint="Write dataset and encoders at least.")
        structure = experiment_problems(document.data, components=False)
        if structure:
            _refuse(experiment_problems(document.data), document)
        experiment = cls(**document.data)
        experiment._document = document
        return experiment

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` takes: components in their short form, training written out in full."""
        return plain(
            {
                "dataset": self.dataset,
                "split": self.split if "split" in self.model_fields_set else None,
                "task": self.task,
                "encoders": self.encoders,
                "fusion": self.fusion,
                "training": self.training,
                "explain": self.explain,
                "seed": self.seed,
            }
        )

    def to_yaml(self) -> str:
        """The experiment as a file: canonical, and equal to this one when it is read again."""
        return to_yaml(self.to_dict())

    def problems(self) -> list[OptionError]:
        """What is wrong with the experiment's components and how they fit together; the first in the file first.

        Looks at declarations, options and the data set's header; loads no weights and reads no rows.
        """
        return _in_order(component_problems(self.to_dict()), self._document)

    def validate(self) -> None:  # type: ignore[override]
        """Refuse an experiment that has problems.

        Raises:
            ExperimentError: all of them.
        """
        _refuse(self.problems(), self._document)

    def located(self, error: OptionError) -> OptionError:
        """The same error with the file and line that its path leads to, where this experiment came from a file."""
        return _located(error, self._document)

    def modalities(self) -> dict[str, str]:
        """The modalities that are used → their kinds: those of `encoders`, then those that the strategy reads."""
        from mmcore.catalog import load
        from mmcore.model.compatibility import strategy_modalities

        catalog = load()
        resolved = catalog.resolve("dataset", self.dataset, path=("dataset",))
        kinds = resolved.declaration.modalities(resolved.options)
        return {name: kinds[name] for name in (*self.encoders, *strategy_modalities(self.fusion, catalog))}

    def resolved(self) -> Self:
        """The same experiment with every component's options written out, so that later defaults don't change it."""
        return type(self)(**with_defaults(self.to_dict()))

    def run(
        self,
        folder: str | Path,
        *,
        resume: bool = False,
        overwrite: bool = False,
        on_event: Callable[[dict[str, Any]], None] | None = None,
    ) -> Run:
        """Train, evaluate and explain; everything is written into `folder`.

        Args:
            folder: the run folder; made if it is not there.
            resume: go on with a run of this experiment that was killed or stopped.
            overwrite: replace a run that is there.
            on_event: told everything that happens, as it is written to events.jsonl.

        Raises:
            UserError: the experiment has a mistake, the data can't be used, or the folder is in use.
        """
        from mmcore.experiment.running import run_experiment

        try:
            return run_experiment(self, folder, resume=resume, overwrite=overwrite, on_event=on_event)
        except OptionError as error:
            raise self.located(error) from error

    def __eq__(self, other: object) -> bool:
        """Whether both ask for the same; where they were read from does not count."""
        if not isinstance(other, Experiment):
            return NotImplemented
        return self.to_dict() == other.to_dict() and list(self.encoders) == list(other.encoders)

    __hash__ = None  # type: ignore[assignment]


def _refuse(problems: list[OptionError], document: Document | None) -> None:
    if problems:
        raise ExperimentError(_in_order(problems, document))


def _in_order(problems: list[OptionError], document: Document | None) -> list[OptionError]:
    """The first in the file first; without a file as they were found."""
    if document is None:
        return problems
    found = sorted(problems, key=lambda problem: document.line(problem.path) or 0)
    return [_located(problem, document) for problem in found]


def _located(error: OptionError, document: Document | None) -> OptionError:
    if document is None or error.where is not None:
        return error
    return OptionError(error.what, path=error.path, where=document.where(error.path), hint=error.hint)
