"""What is remembered of columns, and how they are prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

import mmcore


class Column(BaseModel):
    """One column of the training rows.

    Args:
        type: a number, or a category.
        mean, sd: of a number's values; `sd` is 1 where they are all alike.
        values: a category's values, sorted; others than these are "unknown".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: Literal["number", "category"]
    mean: float = 0.0
    sd: float = 1.0
    values: tuple[str, ...] = ()


class TabularDescription(mmcore.Description):
    """The columns of the training rows, in order."""

    columns: tuple[Column, ...] = ()


@dataclass(frozen=True)
class TabularSpec(mmcore.InputSpec):
    """The columns by which rows are standardised and numbered."""

    columns: tuple[Column, ...] = ()
