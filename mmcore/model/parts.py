"""What strategies, and encoders that hold encoders, build modules from: the same catalogue, kinds and saved files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from mmcore.catalog import Catalog
from mmcore.catalog import load as load_catalog
from mmcore.data.kind import CapabilityMissing, Kind
from mmcore.declarations import Description, InputSpec, Resources
from mmcore.errors import ComponentError, CompositionError
from mmcore.model.encoder_bank import EncoderBank, EncoderSlot
from mmcore.model.slots import Samples, adapt_to, build_slot, choice_of

if TYPE_CHECKING:
    from mmcore.model.fusion_model import FusionModel
    from mmcore.options import ComponentConfig


def build_encoder(
    config: ComponentConfig | str | Mapping[str, Any],
    kind: str,
    description: Description,
    resources: Resources | None = None,
) -> nn.Module:
    """Build an encoder that another component was given as an option.

    Args:
        config: a name, or a mapping of name and the encoder's own options.
        kind: what it must read.
        description: what its samples look like.
        resources: as the outer component got them; for a saved model, with the folder of the inner one's own files.

    Returns:
        The module, with `input_spec`, `dim` and `forward(inputs) → Representation`.

    Raises:
        OptionError: there is no such encoder for this kind, or an option is wrong.
        ComponentError: it could not be built.
    """
    catalog = load_catalog()
    resolved = catalog.resolve("encoder", config, kind=kind)
    given = resources or Resources()
    if resolved.declaration.weights is None and given.weights == "pretrained":
        given = Resources("none", given.assets)
    module = catalog.build(resolved.declaration, resolved.options, description, resources=given)
    if not isinstance(module, nn.Module):
        raise ComponentError(
            f"returned {type(module).__name__}, not a torch.nn.Module", where=f"encoder {resolved.declaration.name!r}"
        )
    return module


@dataclass(frozen=True)
class Parts:
    """What a strategy that reads modalities by itself builds them from.

    Args:
        kinds: modality → kind, of all modalities that are used.
        descriptions: modality → what its training rows look like.
        samples: modality → training samples; None when a saved model is built again.
        assets: the folder with the files of a saved model's towers; None when a model is built afresh.
        runs: modality → the model of the finished run that the strategy named for it.
    """

    kinds: Mapping[str, str]
    descriptions: Mapping[str, Description]
    samples: Samples | None = None
    assets: Path | None = None
    runs: Mapping[str, FusionModel] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=load_catalog)

    def stems(self, modalities: Sequence[str], dim: int) -> EncoderBank:
        """A bank of the kinds' own light embeddings, whose tokens are `(B, L, dim)`.

        Raises:
            CompositionError: a kind has none.
        """
        slots = {}
        for name in modalities:
            try:
                stem = self.catalog.kind(self.kinds[name]).stem(self.descriptions[name], dim)
            except CapabilityMissing as error:
                raise CompositionError(f"modality {name!r}: {error}") from error
            slots[name] = EncoderSlot(None, stem, trainable="all")
            if self.samples is not None:
                adapt_to(stem, self.samples(name))
            self._restore(stem, name)
        return EncoderBank(slots)

    def stacked(self, name: str, config: Any, modalities: Sequence[str]) -> tuple[EncoderBank, dict[str, InputSpec]]:
        """One encoder over modalities whose grids are stacked by channel.

        Args:
            name: of its tower.
            config: an encoder's choice, with the framework's keys (trainable, weights …) where they are wanted.
            modalities: of one kind.

        Returns:
            A bank with the one tower `name`, and how each modality's samples are prepared for it.

        Raises:
            CompositionError: their kinds differ, or the kind's grids can't be stacked.
        """
        kind, choice = self._kind_of_all(modalities), choice_of(config)
        parts = [self.descriptions[each] for each in modalities]
        try:
            joined = kind.join(parts)
            assets = self.assets / name if self.assets is not None else None
            slot = build_slot(name, choice, self.kinds[modalities[0]], joined, assets, self.catalog)
            bank = EncoderBank({name: slot})
            specs = kind.split(bank.specs[name], parts)
        except CapabilityMissing as error:
            raise CompositionError(f"{', '.join(modalities)} can't be stacked: {error}") from error
        if hasattr(slot.module, "adapt"):
            raise CompositionError(
                f"encoder {slot.label} adapts to samples of one modality, so it can't read {' and '.join(modalities)}"
            )
        return bank, dict(zip(modalities, specs, strict=True))

    def kind(self, modality: str) -> Kind:
        """The kind of a modality."""
        return self.catalog.kind(self.kinds[modality])

    def _kind_of_all(self, modalities: Sequence[str]) -> Kind:
        kinds = sorted({self.kinds[name] for name in modalities})
        if len(kinds) > 1:
            raise CompositionError(f"grids of {' and '.join(kinds)} can't be stacked: they must be of one kind")
        return self.catalog.kind(kinds[0])

    def _restore(self, stem: nn.Module, name: str) -> None:
        """Give a stem the files that it wrote when its model was saved."""
        load_assets = getattr(stem, "load_assets", None)
        if self.assets is not None and callable(load_assets):
            load_assets(self.assets / name)
