"""The parts of an experiment that belong to no other room: an encoder's slot, the fusion, the explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mmcore.data.splits import SplitOptions
from mmcore.options import ComponentConfig, Options
from mmcore.tasks.options import TaskOptions
from mmcore.training.options import TrainingOptions

if TYPE_CHECKING:
    from mmcore.model.composition import EncoderChoice

FRAMEWORK_KEYS = ("trainable", "learning_rate", "weights", "augment", "share")
"""Keys that stand beside an encoder's own options and that the framework reads."""


class LastBlocks(Options):
    """`{last: 2}`: of a pretrained encoder, the last blocks train and the others stay as they are."""

    last: int = Field(ge=1, le=10_000, description="how many blocks train, counted from the output")


class Adapter(Options):
    """`{adapter: lora, rank: 8}`: low-rank matrices beside the linear maps train, all else stays as it is."""

    adapter: Literal["lora"] = Field(description="the kind of adapter (arXiv:2106.09685)")
    rank: int = Field(8, ge=1, le=1024, description="of the low-rank matrices")
    alpha: float | None = Field(None, gt=0, description="their scale is alpha / rank; twice the rank if left out")
    dropout: float = Field(0.0, ge=0, lt=1, description="of what enters the low-rank matrices, in training")


class Views(Options):
    """`{views: 4}`: each training row is changed in so many ways, which take turns."""

    views: int = Field(ge=1, le=1000, description="how many changed copies of each training row there are")


class EncoderSlot(ComponentConfig):
    """Which encoder reads a modality: a name, or a name with its own options and the framework's keys.

    >>> EncoderSlot.model_validate("minilm").trainable is None
    True
    >>> slot = EncoderSlot.model_validate({"name": "hf_text", "pooling": "mean", "trainable": {"last": 2}})
    >>> slot.options, slot.trainable
    ({'pooling': 'mean'}, LastBlocks(last=2))
    """

    trainable: Literal["none", "all"] | LastBlocks | Adapter | None = Field(
        None,
        description="none, all, {last: N} blocks, or {adapter: lora, rank: R}; if left out, none for pretrained "
        "weights and all for others",
    )
    learning_rate: float | None = Field(None, gt=0, le=10, description="of this encoder; else that of `training`")
    weights: str | None = Field(
        None, min_length=1, description="pretrained, none, or the path of a weights file; pretrained if left out"
    )
    augment: bool | Views = Field(
        False,
        description="change training samples at random, as their kind does it: true draws anew in each epoch; "
        "{views: K} draws K times, and epochs take turns, so that a frozen encoder reads each training row K times in "
        "all, and one that trains sees the same K again and again",
    )
    share: str | None = Field(
        None, min_length=1, description="encoders with one share name are one module: several texts, one tower"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, Mapping):
            return value
        if isinstance(value.get("options"), Mapping) and set(value) <= set(cls.model_fields):
            return value
        framework = {key: item for key, item in value.items() if key in FRAMEWORK_KEYS}
        own = {key: item for key, item in value.items() if key not in FRAMEWORK_KEYS and key != "name"}
        return {"name": value.get("name"), "options": own, **framework}

    @property
    def component(self) -> ComponentConfig:
        """The encoder alone, without the framework's keys."""
        return ComponentConfig(name=self.name, options=self.options)

    @property
    def views(self) -> int | None:
        """How many changed copies of each training row take turns; None where there are none, or no end of them."""
        return self.augment.views if isinstance(self.augment, Views) else None

    def choice(self) -> EncoderChoice:
        """What the composition is asked for."""
        from mmcore.model.composition import EncoderChoice

        trainable = self.trainable.model_dump() if isinstance(self.trainable, LastBlocks | Adapter) else self.trainable
        return EncoderChoice(
            self.component,
            trainable=trainable,
            learning_rate=self.learning_rate,
            weights=self.weights,
            share=self.share,
            augment=bool(self.augment),
        )

    def to_short_form(self) -> str | dict[str, Any]:
        """The form that stands in YAML: a bare name, or a mapping with all keys beside the name."""
        framework = self.model_dump(mode="json", include=set(FRAMEWORK_KEYS), exclude_defaults=True)
        together = {**self.options, **framework}
        return {"name": self.name, **together} if together else self.name


class FusionSection(Options):
    """When and how modalities meet."""

    strategy: ComponentConfig = Field(description="when modalities meet: early, intermediate, late …")
    method: ComponentConfig | None = Field(
        None, description="how they are combined; the strategy's own default if left out"
    )

    def to_short_form(self) -> dict[str, Any]:
        """The form that stands in YAML."""
        parts = {"strategy": self.strategy, "method": self.method}
        return {key: part.to_short_form() for key, part in parts.items() if part is not None}


class ExplainSection(Options):
    """Why: which rows of the test split are explained after training, and by what."""

    explainer: ComponentConfig = Field(description="the explainer, with its options")
    rows: int = Field(12, ge=1, le=100_000, description="how many test rows are explained, right and wrong ones")
    pairs: tuple[tuple[str, str], ...] | Literal["all"] = Field(
        (),
        description="each row once per pair of modalities that play while the others stay as they are; all: every pair",
    )

    def to_short_form(self) -> dict[str, Any]:
        """The form that stands in YAML."""
        short = {"explainer": self.explainer.to_short_form(), "rows": self.rows}
        return (
            {**short, "pairs": self.pairs if self.pairs == "all" else list(map(list, self.pairs))}
            if self.pairs
            else short
        )


class ExperimentSections(BaseModel):
    """The keys of an experiment file."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    dataset: ComponentConfig = Field(description="the data set, with its options")
    split: SplitOptions = Field(
        default_factory=SplitOptions, description="how rows are split, where the data set does not bring its own split"
    )
    task: TaskOptions | None = Field(None, description="what is predicted; inferred from the target if left out")
    encoders: dict[str, EncoderSlot] = Field(
        default_factory=dict,
        description="which encoder reads each modality; those that the fusion strategy itself reads are left out",
    )
    fusion: FusionSection | None = Field(
        None, description="when and how modalities are fused; left out where there is one"
    )
    training: TrainingOptions = Field(default_factory=TrainingOptions, description="how the model is trained")
    explain: ExplainSection | None = Field(
        None, description="why: what is explained after training; nothing if left out"
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="decides everything that is drawn at random")

    @model_validator(mode="before")
    @classmethod
    def _without_empty_sections(cls, value: Any) -> Any:
        """`fusion:` with nothing behind it means that it is left out."""
        if not isinstance(value, Mapping):
            return value
        return {key: item for key, item in value.items() if item is not None or key not in _MAY_BE_EMPTY}


_MAY_BE_EMPTY = frozenset({"split", "task", "fusion", "training", "explain"})
