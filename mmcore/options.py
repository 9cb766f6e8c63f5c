"""Options: what a component lets its user choose, with defaults, bounds and descriptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["RESERVED", "ComponentConfig", "ComponentRef", "Field", "NoOptions", "Options"]

ComponentType = Literal["modality-kind", "encoder", "fusion-strategy", "fusion-method", "dataset", "explainer"]

RESERVED = frozenset({"name", "trainable", "learning_rate", "weights", "share", "augment"})
"""Keys that the framework reads in a component's slot; no Options class may define one."""


class Options(BaseModel):
    """Base of every component's options: frozen, and an unknown key is refused.

    >>> class Width(Options):
    ...     width: int = Field(64, ge=1, description="hidden units")
    >>> Width(width=8).width
    8
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())


class NoOptions(Options):
    """For a component that has nothing to choose."""


class ComponentConfig(BaseModel):
    """A component chosen by name, with options: what stands in every slot of an experiment.

    A bare name and a mapping mean the same thing.

    >>> ComponentConfig.model_validate("multconcat")
    ComponentConfig(name='multconcat', options={})
    >>> ComponentConfig.model_validate({"name": "multconcat", "dim": 256}).options
    {'dim': 256}
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        written_out = isinstance(value, Mapping) and set(value) <= {"name", "options"}
        if isinstance(value, Mapping) and not (written_out and isinstance(value.get("options"), Mapping)):
            return {"name": value.get("name"), "options": {key: item for key, item in value.items() if key != "name"}}
        return value

    def to_short_form(self) -> str | dict[str, Any]:
        """The form that stands in YAML: a bare name, or a mapping with the options beside the name."""
        return {"name": self.name, **self.options} if self.options else self.name


@dataclass(frozen=True)
class ComponentRef:
    """Marks an option that is itself a component, so that forms, checks and docs know what fits.

    Use it in an annotation: `frame: Annotated[ComponentConfig, ComponentRef("encoder", kind="image")]`. With `slot`,
    the framework's keys (trainable, weights …) may stand beside the component's options, as in an encoder's slot.
    """

    type: ComponentType
    kind: str | None = None
    slot: bool = False


def component_references(options: Options) -> Iterator[tuple[tuple[str | int, ...], ComponentRef, ComponentConfig]]:
    """The options that are components themselves: where, what fits there, what was chosen.

    >>> from typing import Annotated
    >>> class Pool(Options):
    ...     frames: list[Annotated[ComponentConfig, ComponentRef("encoder", kind="image")]]
    >>> [(way, chosen.name) for way, _, chosen in component_references(Pool(frames=["timm", "lite"]))]
    [(('frames', 0), 'timm'), (('frames', 1), 'lite')]
    """
    for name, info in type(options).model_fields.items():
        reference = next(_references(info.metadata, info.annotation), None)
        if reference is not None:
            for way, chosen in _chosen(getattr(options, name)):
                yield (name, *way), reference, chosen


def _references(metadata: Sequence[Any], annotation: Any) -> Iterator[ComponentRef]:
    """What an option is marked with, as a whole or within: `Annotated[…] | None`, `list[Annotated[…]]`."""
    yield from (each for each in metadata if isinstance(each, ComponentRef))
    for inner in get_args(annotation):
        yield from _references(getattr(inner, "__metadata__", ()), inner)


def _chosen(value: Any) -> Iterator[tuple[tuple[str | int, ...], ComponentConfig]]:
    if isinstance(value, ComponentConfig):
        yield (), value
    elif isinstance(value, Mapping | list | tuple):
        for key, each in value.items() if isinstance(value, Mapping) else enumerate(value):
            for way, chosen in _chosen(each):
                yield (key, *way), chosen
