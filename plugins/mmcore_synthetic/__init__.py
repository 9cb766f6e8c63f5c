"""Data whose structure is known: what each modality says of the label, alone and together with the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import mmcore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Structure = Literal["unique", "complementary", "redundant", "xor", "mixture", "misleading"]


class MixtureWeights(mmcore.Options):
    """How often a row of a mixture follows each structure; relative to their sum."""

    unique: float = mmcore.Field(1.0, ge=0, description="the first modality alone holds the label")
    redundant: float = mmcore.Field(1.0, ge=0, description="each holds it")
    xor: float = mmcore.Field(1.0, ge=0, description="only both together do")


class SyntheticOptions(mmcore.Options):
    """Which structure, and how clearly it shows."""

    structure: Structure = mmcore.Field(
        "xor",
        description="who holds the label: the first alone (unique: the second is noise), each a half (complementary), "
        "each all of it (redundant), only both together (xor), a mixture of these, or both, the second often wrongly",
    )
    rows: int = mmcore.Field(1200, ge=20, le=1_000_000, description="how many rows are drawn")
    columns: int = mmcore.Field(4, ge=1, le=1024, description="numbers in each modality")
    first_noise: float = mmcore.Field(
        0.3, ge=0, le=100, description="standard deviation of the first modality's noise; what it says is -1 or 1"
    )
    second_noise: float = mmcore.Field(0.3, ge=0, le=100, description="the same of the second modality")
    misleading: float = mmcore.Field(
        0.2, ge=0, le=1, description="structure misleading: in how many rows the second modality says the wrong class"
    )
    mixture: MixtureWeights = mmcore.Field(
        default_factory=MixtureWeights, description="structure mixture: how often each structure holds"
    )
    seed: int = mmcore.Field(0, ge=0, le=2**32 - 1, description="of the draw")


def modalities(options: SyntheticOptions) -> Mapping[str, str]:
    """Two tables of numbers."""
    return {"first": "tabular", "second": "tabular"}


def build(options: SyntheticOptions) -> mmcore.DataSource:
    """Draw the rows.

    Raises:
        OptionError: a mixture of nothing.
    """
    from mmcore_synthetic.drawing import draw

    return draw(options)


@mmcore.hookimpl
def mmcore_datasets() -> Iterator[mmcore.Dataset]:
    """The data set `synthetic`."""
    yield mmcore.Dataset(
        name="synthetic",
        summary="Two modalities that hold a label alone, both, or only together: what explanations say is known before",
        options=SyntheticOptions,
        build=build,
        modalities=modalities,
        reference="arXiv:2302.12247; arXiv:2412.15828",
        licence="free of rights (simulated)",
        tiny={"rows": 60, "columns": 2},
    )
