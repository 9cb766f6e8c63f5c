"""How a user writes which columns of a table make up a modality."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mmcore.data.source import ModalityField


class TableModality(BaseModel):
    """One modality of a table: `{kind: image, column: photo}` or `{kind: tabular, columns: [weight, price]}`.

    >>> TableModality(kind="image", column="photo").field
    ModalityField(kind='image', columns=('photo',), single=True)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str = Field(min_length=1, description="the kind of modality: image, text, tabular …")
    column: str | None = Field(None, description="the column that holds it")
    columns: tuple[str, ...] | None = Field(None, min_length=1, description="the columns that make it up")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.column is None) == (self.columns is None):
            raise ValueError("name either `column` (one cell) or `columns` (several cells)")
        if self.columns is not None and len(set(self.columns)) < len(self.columns):
            raise ValueError("`columns` names a column twice")
        return self

    @property
    def all_columns(self) -> tuple[str, ...]:
        """The column or columns that hold it."""
        return self.columns or (self.column or "",)

    @property
    def field(self) -> ModalityField:
        """As a data source has it."""
        return ModalityField(self.kind, self.all_columns, single=self.column is not None)
