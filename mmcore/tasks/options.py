"""The `task:` key of an experiment."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mmcore.options import Options

TaskType = Literal["single_label", "multi_label", "regression"]


class Head(Options):
    """The layers between a representation and the outputs.

    >>> Head(hidden=[32]).dropout
    0.2
    """

    hidden: list[Annotated[int, Field(ge=1, le=65_536)]] = Field(
        default_factory=list, description="widths of the hidden layers, each with ReLU; none: a linear head"
    )
    dropout: float = Field(
        0.2, ge=0, lt=1, description="share of the values before each layer that training leaves out"
    )


class TaskOptions(Options):
    """The `task:` key of an experiment; what is left out is inferred from the target."""

    type: TaskType | None = Field(
        None, description="single_label, multi_label or regression; by the target if left out"
    )
    head: Head = Field(default_factory=Head, description="layers between the representation and the outputs")
    class_weights: Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None = Field(
        None, description="balanced (rare classes weigh more), or class → weight; others weigh 1"
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="multi_label: probability above which a label holds")

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.type == "regression" and self.class_weights is not None:
            raise ValueError("class_weights need classes; a regression has none")
        return self
