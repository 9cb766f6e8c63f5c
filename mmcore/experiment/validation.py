"""Is an experiment right? All its mistakes at once, found in declarations and options: nothing heavy is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from mmcore.errors import (
    ComponentError,
    DataError,
    MissingDependency,
    MMCoreError,
    OptionError,
    UserError,
    did_you_mean,
)
from mmcore.experiment.document import KeyPath
from mmcore.experiment.sections import EncoderSlot, ExperimentSections, ExplainSection, FusionSection
from mmcore.mistakes import dotted, option_problems, shown
from mmcore.options import ComponentConfig
from mmcore.tasks.options import TaskOptions
from mmcore.training.options import TrainingOptions, check_monitor

if TYPE_CHECKING:
    from mmcore.catalog import Catalog
    from mmcore.declarations import Dataset, Encoder

T = TypeVar("T")


class ExperimentError(UserError):
    """An experiment with mistakes; `problems` holds them, the first in the file first."""

    def __init__(self, problems: Sequence[OptionError]):
        first = problems[0]
        super().__init__(first.what, where=first.where, hint=first.hint)
        self.problems = list(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def experiment_problems(data: Any, *, components: bool = True) -> list[OptionError]:
    """What is wrong with plain data as an experiment: keys, types and bounds, and with `components` all else.

    >>> data = {"dataset": "openmoji", "encoders": {"text": "minilm"}, "sed": 7}
    >>> print(experiment_problems(data, components=False)[0])
    unknown key 'sed' in the experiment. Did you mean 'seed'?
    """
    if not isinstance(data, Mapping):
        keys = ", ".join(ExperimentSections.model_fields)
        return [OptionError(f"holds {shown(data)}, not an experiment", hint=f"Write keys: {keys}.")]
    problems = option_problems(ExperimentSections, data)
    return problems + component_problems(data) if components else problems


def component_problems(data: Mapping[str, Any]) -> list[OptionError]:
    """What is wrong with the components that plain data names, and with how they fit together.

    Sections that are malformed are passed over: `experiment_problems` tells about them.
    """
    from mmcore.catalog import load

    return _Check(data, load()).all()


def plain(value: Any, path: KeyPath = ()) -> Any:
    """Options, paths, tuples and NumPy numbers as YAML could hold them; None is left out of an experiment's top.

    Raises:
        OptionError: something that can't stand in a file, such as a torch module.

    >>> plain({"encoders": {"text": EncoderSlot(name="minilm")}, "explain": None})
    {'encoders': {'text': 'minilm'}}
    """
    if hasattr(value, "to_short_form"):
        return plain(value.to_short_form(), path)
    if isinstance(value, BaseModel):
        return plain(_written(value), path)
    if isinstance(value, Mapping):
        inner = {str(key): plain(item, (*path, str(key))) for key, item in value.items()}
        return inner if path else {key: item for key, item in inner.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item, (*path, position)) for position, item in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise OptionError(
        f"{dotted(path)} is {shown(value)}, which can't stand in an experiment",
        path=path,
        hint="mmcore.compose takes torch modules." if hasattr(value, "forward") else None,
    )


def _written(model: BaseModel) -> dict[str, Any]:
    """A section's options; those that are null and by default so are left out."""
    fields = type(model).model_fields
    return {
        key: value
        for key, value in model.model_dump(mode="json").items()
        if value is not None or key not in fields or fields[key].default is not None
    }


@dataclass
class _Check:
    """One look at an experiment's components; each method adds the problems that it finds."""

    data: Mapping[str, Any]
    catalog: Catalog
    problems: list[OptionError] = field(default_factory=list)

    def all(self) -> list[OptionError]:
        kinds = self.dataset()
        encoders = self.encoders(kinds)
        self.fusion(kinds, encoders)
        self.training()
        if explain := _section(ExplainSection, self.data.get("explain")):
            self.component("explainer", explain.explainer, ("explain", "explainer"))
        return self.problems

    def component(self, type_: Any, config: ComponentConfig, path: KeyPath, *, kind: str | None = None) -> bool:
        """Whether a component is there, its options fit, and what it needs is installed."""
        from mmcore.catalog import check_requirements

        found = self.catalog.problems(type_, config, kind=kind, path=path)
        if not found:
            try:
                check_requirements(self.catalog.get(type_, config.name, kind=kind))
            except MissingDependency as error:  # told now, not when hours of training are done
                found = [OptionError(f"{error.where} {error.what}", path=path, hint=error.hint)]
        self.problems += found
        return not found

    def dataset(self) -> Mapping[str, str] | None:
        """The data set's modalities and their kinds; None where they can't be told."""
        config = _section(ComponentConfig, self.data.get("dataset"))
        if config is None or not self.component("dataset", config, ("dataset",)):
            return None
        resolved = self.catalog.resolve("dataset", config, path=("dataset",))
        declaration: Dataset = resolved.declaration
        kinds = self.asked(declaration, lambda: declaration.modalities(resolved.options))
        if kinds is not None and declaration.check is not None:
            check = declaration.check
            self.asked(declaration, lambda: check(resolved.options))
        known = {}
        for name, kind in (kinds or {}).items():
            if self.component("modality-kind", ComponentConfig(name=kind), ("dataset", "modalities", name, "kind")):
                known[name] = kind
        return kinds if kinds is None or len(known) == len(kinds) else None

    def asked(self, declaration: Dataset, question: Callable[[], T]) -> T | None:
        """The answer of a data set's own code; its option errors are placed under `dataset`."""
        try:
            return question()
        except OptionError as error:
            where = error.where
            self.problems.append(OptionError(error.what, path=("dataset", *error.path), where=where, hint=error.hint))
        except DataError as error:
            self.problems.append(OptionError(f"dataset {declaration.name!r}: {error}", path=("dataset",)))
        except MMCoreError:
            raise
        except Exception as error:
            raise ComponentError(f"dataset {declaration.name!r} failed ({type(error).__name__}: {error})") from error
        return None

    def encoders(self, kinds: Mapping[str, str] | None) -> dict[str, EncoderSlot]:
        """The encoders that are right, by modality."""
        given = self.data.get("encoders")
        right = {}
        for name, value in given.items() if isinstance(given, Mapping) else ():
            slot, path = _section(EncoderSlot, value), ("encoders", name)
            if slot is None:
                continue
            if kinds is not None and name not in kinds:
                self.problems.append(
                    OptionError(
                        f"the data set has no modality {name!r}",
                        path=path,
                        hint=f"{did_you_mean(name, kinds)}",
                    )
                )
                continue
            kind = kinds[name] if kinds is not None else None
            if self.component("encoder", slot.component, path, kind=kind) and self.weights(slot, kind, path):
                right[name] = slot
        self.shared(right)
        return right

    def weights(self, slot: EncoderSlot, kind: str | None, path: KeyPath) -> bool:
        """Whether the weights that are asked for can be had, as far as can be seen without loading them."""
        if slot.weights in (None, "none") or kind is None:
            return True
        declaration: Encoder = self.catalog.get("encoder", slot.name, kind=kind)
        if slot.weights == "pretrained":
            if declaration.weights is None:
                self.problems.append(
                    OptionError(
                        f"encoder {slot.name!r} has no pretrained weights",
                        path=(*path, "weights"),
                        hint="Allowed: none, or the path of a file.",
                    )
                )
                return False
        elif not Path(slot.weights or "").is_file():
            self.problems.append(
                OptionError(
                    f"there is no weights file {slot.weights!r}",
                    path=(*path, "weights"),
                    hint="Allowed: pretrained, none, or the path of a file.",
                )
            )
            return False
        return True

    def shared(self, slots: Mapping[str, EncoderSlot]) -> None:
        """Encoders that share a module must ask for the same one."""
        first: dict[str, str] = {}
        for name, slot in slots.items():
            if slot.share is None:
                continue
            other = first.setdefault(slot.share, name)
            if slot != slots[other]:
                self.problems.append(
                    OptionError(
                        f"shares {slot.share!r} with {other!r}, but asks for another encoder or other options",
                        path=("encoders", name),
                        hint="Encoders with one share name are one module: write the same for both.",
                    )
                )

    def fusion(self, kinds: Mapping[str, str] | None, encoders: Mapping[str, EncoderSlot]) -> None:
        """Do strategy and method fit each other and what is fused?"""
        from mmcore.model.compatibility import problems, strategy_modalities

        given = self.data.get("fusion")
        fusion = _section(FusionSection, given)
        right = fusion is not None or given is None
        if fusion is not None:
            right = self.component("fusion-strategy", fusion.strategy, ("fusion", "strategy"))
            if fusion.method is not None:
                right &= self.component("fusion-method", fusion.method, ("fusion", "method"))
        asked = self.data.get("encoders", {})
        complete = isinstance(asked, Mapping) and set(encoders) == set(asked)
        if not (right and complete and kinds is not None):
            return
        reading = strategy_modalities(fusion, self.catalog)
        if self.strategy_reads(reading, kinds, encoders):
            used = {name: kinds[name] for name in (*encoders, *reading)}
            configs = {name: slot.component for name, slot in encoders.items()}
            self.problems += problems(used, configs, fusion, self.catalog)

    def strategy_reads(
        self, reading: Sequence[str], kinds: Mapping[str, str], encoders: Mapping[str, EncoderSlot]
    ) -> bool:
        """Whether what the strategy reads is there and read by nothing else, and anything is read at all."""
        path, before = ("fusion", "strategy"), len(self.problems)
        for name in reading:
            if name not in kinds:
                hint = did_you_mean(name, kinds)
                self.problems.append(OptionError(f"the data set has no modality {name!r}", path=path, hint=hint))
            elif name in encoders:
                what = f"modality {name!r} is read by the strategy and by an encoder"
                self.problems.append(OptionError(what, path=path, hint="Leave it out of one of them."))
        if not reading and not encoders:
            hint = f"The data set has {', '.join(kinds)}."
            self.problems.append(OptionError("there is no modality to read", path=("encoders",), hint=hint))
        return len(self.problems) == before

    def training(self) -> None:
        """Does the monitored metric belong to the task, where that is written?"""
        training = _section(TrainingOptions, self.data.get("training"))
        task = _section(TaskOptions, self.data.get("task"))
        kind = getattr(task, "type", None)
        if training is None or kind is None:
            return
        try:
            check_monitor(training, kind)
        except OptionError as error:
            self.problems.append(error)


def _section(model: type[T], value: Any) -> T | None:
    """A well-formed section; None where it is left out or malformed."""
    if value is None:
        return None
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError:
        return None
