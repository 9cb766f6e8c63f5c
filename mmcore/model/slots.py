"""Encoder slots: from what was chosen for each modality to the module that reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mmcore.catalog import as_config
from mmcore.data.kind import CapabilityMissing
from mmcore.declarations import Description, Encoder, Resources
from mmcore.errors import ComponentError, CompositionError
from mmcore.files import digest
from mmcore.model.encoder_bank import EncoderSlot
from mmcore.model.trainable import Trainable
from mmcore.options import RESERVED, ComponentConfig

if TYPE_CHECKING:
    from mmcore.catalog import Catalog
    from mmcore.model.frozen import FrozenEncoders

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


def build_slots(
    encoders: Mapping[str, EncoderChoice],
    kinds: Mapping[str, str],
    descriptions: Mapping[str, Description],
    samples: Samples | None,
    assets: Path | None,
    catalog: Catalog,
    frozen: FrozenEncoders | None = None,
) -> dict[str, EncoderSlot]:
    """Build what each modality is read by; modalities that share an encoder get the same module.

    Each encoder draws its random numbers from a generator of its own, whose seed is one draw from torch's: what comes
    after it is the same whichever encoder was built, and whether it was built or at hand in `frozen`.

    Raises:
        CompositionError: the parts do not fit together; the message is the reason.
        ComponentError: a part broke its contract.
    """
    slots: dict[str, EncoderSlot] = {}
    for tower, names in _towers(encoders, kinds).items():
        first = encoders[names[0]]
        seed = int(torch.randint(2**62, ()))
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            slot = build_slot(
                names[0], first, kinds[names[0]], descriptions[names[0]], assets and assets / tower, catalog,
                frozen=None if frozen is None else (frozen, seed),
            )  # fmt: skip
        if samples is not None and assets is None:
            adapt_to(slot.module, chain.from_iterable(samples(name) for name in names))
        for name in names:
            slots[name] = slot
    return {name: slots[name] for name in encoders}


def adapt_to(module: nn.Module, samples: Iterable[Any]) -> None:
    """Let an encoder learn what it must of the training samples, where it does so (a vocabulary)."""
    adapt = getattr(module, "adapt", None)
    if callable(adapt):
        adapt(samples)


def choice_of(value: Any) -> EncoderChoice:
    """An encoder's choice in any form: a torch module, a name, a mapping of name, options and the framework's keys."""
    if isinstance(value, EncoderChoice):
        return value
    if isinstance(value, nn.Module):
        return EncoderChoice(value)
    config = as_config(value)
    framework = {key: config.options[key] for key in RESERVED - {"name"} if key in config.options}
    own = {key: item for key, item in config.options.items() if key not in framework}
    return EncoderChoice(ComponentConfig(name=config.name, options=own), **framework)


def _towers(encoders: Mapping[str, EncoderChoice], kinds: Mapping[str, str]) -> dict[str, list[str]]:
    """Tower → the modalities that go through it."""
    towers: dict[str, list[str]] = {}
    for name, choice in encoders.items():
        towers.setdefault(choice.share or name, []).append(name)
    for tower, names in towers.items():
        first = names[0]
        for name in names[1:]:
            pair = f"modalities {first!r} and {name!r}"
            if encoders[name].share != encoders[first].share:
                raise CompositionError(
                    f"{tower!r} is a modality that shares no encoder, and the `share` of another",
                    hint="Give one of them another name.",
                )
            if kinds[name] != kinds[first]:
                raise CompositionError(f"{pair} share {tower!r}, but are of kinds {kinds[first]} and {kinds[name]}")
            if encoders[name] != encoders[first]:
                raise CompositionError(f"{pair} share {tower!r}, but ask for different encoders or options")
    return towers


def build_slot(
    name: str,
    choice: EncoderChoice,
    kind: str,
    description: Description,
    assets: Path | None,
    catalog: Catalog,
    *,
    frozen: tuple[FrozenEncoders, int] | None = None,
) -> EncoderSlot:
    """Build what one modality is read by.

    Args:
        frozen: encoders at hand, and the seed that this one is built with.

    Raises:
        CompositionError: a plain module does not fit its kind.
        ComponentError: the encoder broke its contract.
    """
    if isinstance(choice.config, nn.Module):
        return _plain_slot(name, choice, choice.config, kind, description, catalog)
    resolved = catalog.resolve("encoder", choice.config, kind=kind, path=("encoders", name))
    declaration: Encoder = resolved.declaration
    weights = choice.weights or ("pretrained" if declaration.weights else "none")
    pretrained = declaration.weights is not None and weights != "none"
    trainable = choice.trainable if choice.trainable is not None else ("none" if pretrained else "all")

    def build() -> nn.Module:
        module = catalog.build(
            declaration, resolved.options, description, resources=Resources(weights=weights, assets=assets)
        )
        if not isinstance(module, nn.Module):
            raise ComponentError(
                f"returned {type(module).__name__}, not a torch.nn.Module", where=f"encoder {declaration.name!r}"
            )
        return module

    if frozen is None or assets is not None or not pretrained or trainable != "none":
        module = build()
    else:
        at_hand, seed = frozen
        asked = [declaration.name, kind, resolved.options.model_dump(mode="json"), description.model_dump(mode="json")]
        module = at_hand.get(digest([*asked, str(weights), seed]), build)
    return EncoderSlot(declaration, module, trainable, choice.learning_rate, choice.share)


def _plain_slot(
    name: str, choice: EncoderChoice, module: nn.Module, kind: str, description: Description, catalog: Catalog
) -> EncoderSlot:
    """A module that the caller made; what it does not say of itself comes from its kind, and its width from a trial."""
    implementation, declaration = catalog.kind(kind), catalog.get("modality-kind", kind)
    spec = getattr(module, "input_spec", None)
    try:
        spec = implementation.default_spec(description) if spec is None else spec
    except CapabilityMissing as error:
        raise CompositionError(
            f"encoder {type(module).__name__} of {name!r} has no `input_spec`, and {kind} has none by default",
            hint=f"Give the module an `input_spec`, a {declaration.input_spec.__name__}.",
        ) from error
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
