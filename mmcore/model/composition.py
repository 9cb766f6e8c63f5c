"""Composition: encoders, a strategy and a method become one model. In Python any torch module will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mmcore.catalog import Catalog, as_config
from mmcore.catalog import load as load_catalog
from mmcore.declarations import Description, Encoder, ModalityKind, Resources
from mmcore.errors import ComponentError, CompositionError
from mmcore.model.encoder_bank import EncoderBank, EncoderSlot
from mmcore.model.fusion_model import FusionModel, MethodFactory
from mmcore.model.trainable import Trainable
from mmcore.model.unimodal import UnimodalModel
from mmcore.options import ComponentConfig

if TYPE_CHECKING:
    from mmcore.tasks import Task

Samples = Callable[[str], Iterable[Any]]
"""Modality → decoded training samples, one at a time."""


@dataclass(frozen=True)
class EncoderChoice:
    """Which encoder reads a modality, and how the framework treats it.

    Args:
        config: a component of the catalogue, or a torch module.
        trainable: "none", "all", {"last": N}; None: nothing of pretrained weights, everything else.
        learning_rate: None for the training's own.
        weights: "pretrained", "none" or a path; None: pretrained where the encoder has such weights.
        share: encoders with one share name are one module.
        augment: whether training samples are changed at random.
    """

    config: ComponentConfig | nn.Module
    trainable: Trainable | None = None
    learning_rate: float | None = None
    weights: str | Path | None = None
    share: str | None = None
    augment: bool = False


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
    catalog: Catalog | None = None,
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

    Raises:
        CompositionError: the parts do not fit together; the message is the reason.
        ComponentError: a part broke its contract.
    """
    catalog = catalog or load_catalog()
    bank = EncoderBank(_slots(encoders, kinds, descriptions, samples, assets, catalog))
    if fusion is None:
        if len(encoders) != 1:
            raise CompositionError(
                f"{len(encoders)} modalities and no fusion", hint="Say when they are fused: fusion: {strategy: …}."
            )
        return UnimodalModel(bank, task)
    strategy = catalog.resolve("fusion-strategy", fusion.strategy, path=("fusion", "strategy"))
    method = _method_factory(strategy.declaration, fusion.method, task, catalog)
    known = {name: descriptions[name] for name in encoders}
    model = catalog.build(strategy.declaration, strategy.options, known, bank, method, task)
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
            `learning_rate` included), or any torch module. A plain module is called with its kind's main tensor
            `(B, …)` and returns `(B, D)`.
        task: what is predicted.
        modalities: modality → description. Needed for a plain module, and for kinds that have no sensible default.
        fusion: `{"strategy": …, "method": …}`; left out for one modality.

    Returns:
        A `FusionModel`, a torch module: `model(batch)` gives an `Output`.
    """
    catalog = load_catalog()
    given = dict(modalities or {})
    choices = {name: _choice(value) for name, value in encoders.items()}
    kinds = {name: _kind_of(name, choice, given.get(name), catalog) for name, choice in choices.items()}
    descriptions = {name: given.get(name) or _default_description(name, kinds[name], catalog) for name in choices}
    chosen = None
    if fusion is not None:
        method = fusion.get("method")
        chosen = FusionChoice(as_config(fusion["strategy"]), None if method is None else as_config(method))
    return build_model(choices, kinds, descriptions, chosen, task, catalog=catalog)


def _slots(
    encoders: Mapping[str, EncoderChoice],
    kinds: Mapping[str, str],
    descriptions: Mapping[str, Description],
    samples: Samples | None,
    assets: Path | None,
    catalog: Catalog,
) -> dict[str, EncoderSlot]:
    towers: dict[str, list[str]] = {}
    for name, choice in encoders.items():
        towers.setdefault(choice.share or name, []).append(name)
    slots: dict[str, EncoderSlot] = {}
    for tower, names in towers.items():
        first = encoders[names[0]]
        if len({kinds[name] for name in names}) > 1:
            raise CompositionError(f"{' and '.join(names)} share an encoder, but are of different kinds")
        slot = _slot(names[0], first, kinds[names[0]], descriptions[names[0]], assets and assets / tower, catalog)
        adapt = getattr(slot.module, "adapt", None)
        if samples is not None and assets is None and callable(adapt):
            adapt(chain.from_iterable(samples(name) for name in names))
        for name in names:
            slots[name] = slot
    return {name: slots[name] for name in encoders}


def _slot(
    name: str, choice: EncoderChoice, kind: str, description: Description, assets: Path | None, catalog: Catalog
) -> EncoderSlot:
    if isinstance(choice.config, nn.Module):
        return _plain_slot(name, choice, choice.config, kind, description, catalog)
    resolved = catalog.resolve("encoder", choice.config, kind=kind, path=("encoders", name))
    declaration: Encoder = resolved.declaration
    weights = choice.weights or ("pretrained" if declaration.weights else "none")
    module = catalog.build(
        declaration, resolved.options, description, resources=Resources(weights=weights, assets=assets)
    )
    if not isinstance(module, nn.Module):
        raise ComponentError(
            f"returned {type(module).__name__}, not a torch.nn.Module", where=f"encoder {declaration.name!r}"
        )
    frozen = declaration.weights is not None and weights != "none"
    trainable = choice.trainable if choice.trainable is not None else ("none" if frozen else "all")
    return EncoderSlot(declaration, module, trainable, choice.learning_rate, choice.share)


def _plain_slot(
    name: str, choice: EncoderChoice, module: nn.Module, kind: str, description: Description, catalog: Catalog
) -> EncoderSlot:
    """A module that the caller made; what it does not say of itself comes from its kind, and its width from a trial."""
    implementation, declaration = catalog.kind(kind), catalog.get("modality-kind", kind)
    spec = getattr(module, "input_spec", None) or declaration.input_spec()
    slot = EncoderSlot(
        None, module, choice.trainable or "all", choice.learning_rate, choice.share, spec, None, implementation.primary
    )
    if getattr(module, "dim", None) is None:
        blank = implementation.blank(spec, description)
        inputs = implementation.collate([blank, blank])
        training = module.training
        try:
            with torch.no_grad():
                returned = module.eval()(inputs if hasattr(module, "input_spec") else inputs[slot.primary])
        except Exception as error:
            raise CompositionError(
                f"encoder {type(module).__name__} of {name!r} fails on blank {kind} inputs: "
                f"{type(error).__name__}: {error}"
            ) from error
        finally:
            module.train(training)
        vector = getattr(returned, "vector", returned)
        if not isinstance(vector, torch.Tensor) or vector.ndim != 2:
            shape = f" of shape {tuple(vector.shape)}" if isinstance(vector, torch.Tensor) else ""
            raise CompositionError(
                f"encoder {type(module).__name__} of {name!r} returned {type(vector).__name__}{shape}",
                hint="It must return a tensor (B, D), a vector per row.",
            )
        slot.dim = vector.shape[1]
    return slot


def _method_factory(strategy: Any, chosen: ComponentConfig | None, task: Task, catalog: Catalog) -> MethodFactory:
    config = chosen or (ComponentConfig(name=strategy.default_method) if strategy.default_method else None)
    if config is None:
        raise CompositionError(f"strategy {strategy.name!r} needs a method", hint="Name one: fusion: {method: …}.")
    resolved = catalog.resolve("fusion-method", config, path=("fusion", "method"))
    declaration = resolved.declaration
    if declaration.level not in strategy.levels:
        raise CompositionError(
            f"method {declaration.name!r} fuses at {declaration.level} level, strategy {strategy.name!r} at "
            f"{' or '.join(strategy.levels)} level"
        )

    def build(widths: Mapping[str, int]) -> nn.Module:
        return catalog.build(declaration, resolved.options, dict(widths), task)  # type: ignore[no-any-return]

    return MethodFactory(declaration, build)


def _choice(value: Any) -> EncoderChoice:
    if isinstance(value, EncoderChoice):
        return value
    if isinstance(value, nn.Module):
        return EncoderChoice(value)
    if isinstance(value, Mapping):
        framework = {key: value[key] for key in ("trainable", "learning_rate", "weights", "share") if key in value}
        own = {key: item for key, item in value.items() if key not in framework}
        return EncoderChoice(as_config(own), **framework)
    return EncoderChoice(as_config(value))


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
