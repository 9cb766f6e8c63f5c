"""Composition: encoders, a strategy and a method become one model. In Python any torch module will do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from mmcore.catalog import Catalog, as_config
from mmcore.catalog import load as load_catalog
from mmcore.declarations import Description, Encoder, ModalityKind
from mmcore.errors import ComponentError, CompositionError, did_you_mean
from mmcore.model.compatibility import problems, strategy_modalities
from mmcore.model.encoder_bank import EncoderBank
from mmcore.model.fusion_model import FusionModel, MethodFactory
from mmcore.model.parts import Parts
from mmcore.model.slots import EncoderChoice as EncoderChoice
from mmcore.model.slots import Samples, build_slots, choice_of
from mmcore.model.unimodal import UnimodalModel
from mmcore.options import ComponentConfig

if TYPE_CHECKING:
    from mmcore.model.frozen import FrozenEncoders
    from mmcore.tasks.task import Task


@dataclass(frozen=True)
class FusionChoice:
    """When and how modalities meet; without a method, the strategy's own default."""

    strategy: ComponentConfig
    method: ComponentConfig | None = None


def build_model(
    encoders: Mapping[str, EncoderChoice],
    kinds: Mapping[str, str],
    descriptions: Mapping[str, Description],
    fusion: Any,
    task: Task,
    *,
    samples: Samples | None = None,
    assets: Path | None = None,
    runs: Mapping[str, FusionModel] | None = None,
    catalog: Catalog | None = None,
    frozen: FrozenEncoders | None = None,
) -> FusionModel:
    """Build a model.

    Args:
        encoders: modality → choice, in the model's order.
        kinds: modality → kind.
        descriptions: modality → what its training rows look like.
        fusion: has `strategy` and `method`; None for one modality alone.
        task: what is predicted.
        samples: training samples for encoders that adapt to them (a vocabulary).
        assets: the folder with the files of a saved model's towers; then nothing pretrained is loaded.
        runs: modality → the model of a finished run, for a strategy that names such.
        frozen: pretrained encoders at hand, for models that share them.

    Raises:
        CompositionError: the parts do not fit together; the message is the reason.
        ComponentError: a part broke its contract.
    """
    catalog = catalog or load_catalog()
    reading = strategy_modalities(fusion, catalog)
    used = (*encoders, *(name for name in reading if name not in encoders))
    if not used:
        raise CompositionError("there is no modality to read")
    named = {name: choice.config for name, choice in encoders.items() if isinstance(choice.config, ComponentConfig)}
    for problem in problems({name: kinds[name] for name in used}, named, fusion, catalog):
        raise CompositionError(problem.what, hint=problem.hint)
    bank = EncoderBank(build_slots(encoders, kinds, descriptions, samples, assets, catalog, frozen))
    if fusion is None:
        return UnimodalModel(bank, task)
    strategy = catalog.resolve("fusion-strategy", fusion.strategy, path=("fusion", "strategy"))
    chosen = fusion.method or strategy.declaration.method_for(strategy.options)
    method = _method_factory(chosen, task, catalog)
    known = {name: descriptions[name] for name in used}
    parts = Parts({name: kinds[name] for name in used}, known, samples, assets, dict(runs or {}), catalog)
    model = catalog.build(strategy.declaration, strategy.options, known, bank, method, task, parts=parts)
    if not isinstance(model, FusionModel):
        raise ComponentError(
            f"returned {type(model).__name__}, not a mmcore.FusionModel",
            where=f"fusion-strategy {strategy.declaration.name!r}",
        )
    return model


def compose(
    *,
    encoders: Mapping[str, Any],
    task: Task,
    modalities: Mapping[str, Description] | None = None,
    fusion: Mapping[str, Any] | None = None,
) -> FusionModel:
    """Compose a model in Python, without files.

    Args:
        encoders: modality → an encoder's name, a mapping of name and options (`trainable`, `weights`, `share` and
            `learning_rate` included), any torch module, or an `EncoderChoice`. A plain module is called with its
            kind's main tensor `(B, …)` and returns `(B, D)`; it trains, unless an `EncoderChoice` says otherwise.
        task: what is predicted.
        modalities: modality → description. Needed for a plain module, and for kinds that have no sensible default.
        fusion: `{"strategy": …, "method": …}`; left out for one modality.

    Returns:
        A `FusionModel`, a torch module: `model(batch)` gives an `Output`.

    Raises:
        UserError: a name is unknown, an option is wrong, or the parts do not fit together; the message is the reason.
    """
    catalog = load_catalog()
    given = dict(modalities or {})
    choices = {name: choice_of(value) for name, value in encoders.items()}
    kinds = {name: _kind_of(name, choice, given.get(name), catalog) for name, choice in choices.items()}
    descriptions = {name: given.get(name) or _default_description(name, kinds[name], catalog) for name in choices}
    return build_model(choices, kinds, descriptions, _fusion_choice(fusion), task, catalog=catalog)


def _method_factory(config: ComponentConfig | str | None, task: Task, catalog: Catalog) -> MethodFactory:
    assert config is not None  # else there was a problem of compatibility
    resolved = catalog.resolve("fusion-method", config, path=("fusion", "method"))
    declaration = resolved.declaration

    def build(widths: Mapping[str, int]) -> nn.Module:
        return catalog.build(declaration, resolved.options, dict(widths), task)

    return MethodFactory(declaration, build, learns=declaration.learns(resolved.options))


def _fusion_choice(fusion: Mapping[str, Any] | None) -> FusionChoice | None:
    if fusion is None:
        return None
    if not isinstance(fusion, Mapping) or "strategy" not in fusion:
        raise CompositionError(f"fusion is {fusion!r}", hint='Write fusion={"strategy": …, "method": …}.')
    for key in fusion:
        if key not in ("strategy", "method"):
            raise CompositionError(f"fusion has no {key!r}", hint=did_you_mean(str(key), ("strategy", "method")))
    method = fusion.get("method")
    return FusionChoice(as_config(fusion["strategy"]), None if method is None else as_config(method))


def _kind_of(name: str, choice: EncoderChoice, description: Description | None, catalog: Catalog) -> str:
    if description is not None:
        for entry in catalog.entries("modality-kind"):
            assert isinstance(entry.declaration, ModalityKind)
            if entry.declaration.description is type(description):
                return entry.name
        raise CompositionError(f"{type(description).__name__} of modality {name!r} belongs to no installed kind")
    if isinstance(choice.config, nn.Module):
        raise CompositionError(
            f"modality {name!r} is read by a torch module, which does not say what it reads",
            hint="Give its description: modalities={" + repr(name) + ": …Description(…)}.",
        )
    declaration: Encoder = catalog.get("encoder", choice.config.name, path=("encoders", name))
    return declaration.kind


def _default_description(name: str, kind: str, catalog: Catalog) -> Description:
    declaration: ModalityKind = catalog.get("modality-kind", kind)
    try:
        return declaration.description()
    except ValueError as error:
        raise CompositionError(
            f"modality {name!r} of kind {kind!r} needs a description",
            hint=f"Give modalities={{{name!r}: {declaration.description.__name__}(…)}}.",
        ) from error
