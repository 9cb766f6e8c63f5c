"""Declarations: what a plugin hands over. Declaring is cheap; `build` does the work.

A declaration is data. Nothing heavy (torch, timm, transformers …) is imported to make or list one.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from mmcore.options import ComponentType, NoOptions, Options

API_VERSION = 1
"""The version of the plugin contract. A plugin module may state `mmcore_api = 1`; another number is refused."""


class Description(BaseModel):
    """What the training rows of one modality look like (channels, rate, columns …), saved with the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class InputSpec:
    """How an encoder wants samples of its kind prepared (size, mean, tokenizer, rate …).

    Each kind brings its own subclass, by custom a frozen dataclass.
    """

    def fingerprint(self) -> str:
        """A text that is equal exactly when two specs prepare samples equally; part of the feature cache's key."""
        return repr(self)


@dataclass(frozen=True)
class Weights:
    """Pretrained weights: where they come from, under which licence, and what they were trained on."""

    source: str
    licence: str
    sha256: str | None = None
    offline: bool = False
    """True when they come inside an installed package, so that no network is needed."""


@dataclass(frozen=True)
class Resources:
    """What the framework hands to a `build` that has a `resources` parameter.

    `weights` is "pretrained", "none" or the path of a weights file. `assets` is the folder to which the component's
    module wrote its own files by `save_assets(folder)` when the model was saved (a tokenizer, a configuration, a
    vocabulary); None when the component is built afresh. With assets, no weights need loading: they follow from the
    saved model.
    """

    weights: str | Path = "pretrained"
    assets: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Component:
    """What all declarations share.

    Args:
        name: as users write it: lower-case letters, digits and underscores.
        summary: one line.
        options: the component's own Options class.
        build: makes the component; called only when it is used.
        reference: paper, as "arXiv:2406.04349", "doi:…" or a URL.
        licence: of the component's code or method, where it matters to the user.
        requires: import names that must be installed for `build` to work.
        extra: what to install when one of them is missing, as "mmcore-framework[vision]".
        tiny: options with which it builds and trains a step in under a second; used by the conformance checks.
    """

    type: ClassVar[ComponentType]

    name: str
    summary: str
    build: Callable[..., Any]
    options: builtins.type[Options] = NoOptions
    reference: str = ""
    licence: str = ""
    requires: tuple[str, ...] = ()
    extra: str = ""
    tiny: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ModalityKind(Component):
    """A kind of input. `build()` returns a `mmcore.Kind`, which owns everything that depends on the kind.

    `guess(column name, values)` says how well a table's column looks like this kind, from 0 (not at all) to 1.
    `joins_columns` says that all columns which look like this kind make up one modality (the numbers of a table).
    `examples(folder, count)` gives `count` readable cell values, not all alike, as they would stand in a table: files
    are written into `folder` and named relative to it. The conformance checks and `mmcore new plugin` use them.
    """

    type = "modality-kind"

    description: builtins.type[Description]
    input_spec: builtins.type[InputSpec]
    guess: Callable[[str, list[Any]], float] | None = None
    joins_columns: bool = False
    examples: Callable[[Path, int], list[Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class Encoder(Component):
    """Reads one kind. `build(options, description)` (with `resources`, if it has such a parameter) returns a module.

    The module has `input_spec`, `dim` and `forward(inputs) -> Representation`; optionally `adapt(samples)`,
    `blocks` (a list of modules, input side first) and `save_assets(folder)`.
    """

    type = "encoder"

    kind: str
    weights: Weights | None = None
    half_precision: bool = False


Level = Literal["input", "representation", "decision"]


@dataclass(frozen=True, kw_only=True)
class FusionStrategy(Component):
    """When modalities meet. `build(options, descriptions, encoders, method, task)` returns a `FusionModel`.

    `levels`: the levels of the methods that fit.
    `default_method`: what is taken when the experiment names none; may be a function of the options.
    `modalities(options)`, if given, names the modalities that the strategy reads by itself: they count as used, and are
    left out of the experiment's `encoders`. Its `build` then has a parameter `parts`, a `mmcore.Parts`.
    `runs(options)`, if given, maps some of these to the folders of finished runs, whose models are in `parts.runs`.
    `check(options, kinds, method)`, if given, raises OptionError for what can be seen to be wrong without building:
    `kinds` maps each modality that is used to its kind, `method` is the chosen method's declaration.
    """

    type = "fusion-strategy"

    levels: tuple[Level, ...]
    default_method: str | Callable[[Any], str | None] | None = None
    modalities: Callable[[Any], Sequence[str]] | None = None
    runs: Callable[[Any], Mapping[str, str]] | None = None
    check: Callable[[Any, Mapping[str, str], FusionMethod], None] | None = None

    def method_for(self, options: Any) -> str | None:
        """The name of the method that is taken when the experiment names none."""
        return self.default_method(options) if callable(self.default_method) else self.default_method

    def reads(self, options: Any) -> tuple[str, ...]:
        """The modalities that the strategy reads by itself."""
        return tuple(self.modalities(options)) if self.modalities is not None else ()


@dataclass(frozen=True, kw_only=True)
class FusionMethod(Component):
    """How modalities are combined. `build(options, widths, task)` returns a module.

    `widths` maps each modality, in order, to the width of what is combined. The module's `forward(inputs, present)`
    takes a mapping of modality to `(B, width)` tensors (representations or logits, by `level`) or, when `reads` is
    "tokens", to `Representation`s, and `present (B, M)`. At input and representation level it has `dim`, the width it
    returns; at decision level it returns logits. One that reads "grid" gets and returns collated inputs. One that
    learns from held-out decisions has `fit(decisions, present, targets)` and sets `learns_from_decisions`, which may
    be a function of the options.
    """

    type = "fusion-method"

    level: Level
    reads: Literal["vector", "tokens", "grid"] = "vector"
    min_modalities: int = 2
    max_modalities: int | None = None
    learns_from_decisions: bool | Callable[[Any], bool] = False

    def learns(self, options: Any) -> bool:
        """Whether it has to be fitted to held-out decisions, with these options."""
        declared = self.learns_from_decisions
        return bool(declared(options)) if callable(declared) else declared


@dataclass(frozen=True, kw_only=True)
class Dataset(Component):
    """A data set. `build(options)` returns a `mmcore.DataSource`.

    `modalities(options)` maps each modality to its kind without reading the data; `check(options)`, if given, raises
    OptionError for what can be seen to be wrong without loading everything (a file or a column that is not there).
    `simulate(folder, rows, seed)`, if given, writes a simulated data set in the real layout, the same bytes for the
    same seed; `rows` has a default, for users who name no number. If it has a parameter `progress`, it is handed a
    function to call with `(stage, done, total)` as it goes on. The option `path` then reads the folder.
    `example(folder)`, if given, writes a small data set into `folder` and returns the options that read it, for the
    conformance checks of a data set whose `tiny` options can't point at anything.
    `for_table(path, modalities, target, row_id=None, root=None)`, if given, returns the options that read a user's
    table: `modalities` maps names to `ModalityField`s. `mmcore.fit` and `mmcore new experiment` use it.
    """

    type = "dataset"

    modalities: Callable[[Any], Mapping[str, str]]
    check: Callable[[Any], None] | None = None
    simulate: Callable[..., None] | None = None
    example: Callable[[Path], Mapping[str, Any]] | None = None
    for_table: Callable[..., Mapping[str, Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class Explainer(Component):
    """Says why. `build(options)` returns an object whose `explain(subject)` gets what `needs` names.

    "game": a `mmcore.attribution.Game` of one row; "model": the fitted model and a row; "dataset": a fitted model
    with rows and targets. `additive` explainers return values that sum, with the base value, to the model's output.
    """

    type = "explainer"

    needs: Literal["game", "model", "dataset"]
    additive: bool = False


DECLARATIONS: dict[ComponentType, type[Component]] = {
    kind.type: kind for kind in (ModalityKind, Encoder, FusionStrategy, FusionMethod, Dataset, Explainer)
}
