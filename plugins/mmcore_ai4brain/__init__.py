"""Brains: the kind `volume`, the encoders `cnn3d` and `resnet3d`, and the cohort `ai4brain` of EEG, MRI and scores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import model_validator

import mmcore
from mmcore_ai4brain.columns import examples, looks_like_volumes
from mmcore_ai4brain.spec import VolumeDescription, VolumeSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from mmcore_ai4brain.kind import VolumeKind

__all__ = ["VolumeDescription", "VolumeSpec"]


class CNN3DOptions(mmcore.Options):
    """How large the network is, and what it sees."""

    widths: tuple[Annotated[int, mmcore.Field(ge=1, le=4096)], ...] = mmcore.Field(
        (16, 32, 64, 128), min_length=1, max_length=7, description="channels after each stage; the last is the vector's"
    )
    size: int = mmcore.Field(64, ge=8, le=256, description="voxels along each side of the cube that it sees")
    dropout: float = mmcore.Field(0.2, ge=0.0, lt=1.0, description="share of the vector that is dropped in training")
    normalise: Literal["brain", "training"] = mmcore.Field(
        "brain", description="by each volume's own brightness (MRI), or by the training volumes' (units, as in CT)"
    )

    @model_validator(mode="after")
    def _enough_voxels(self) -> Self:
        if self.size < 2 ** len(self.widths):  # the last map keeps two places a side: one can't be normalised
            raise ValueError(f"size {self.size} is too small for {len(self.widths)} widths: {2 ** len(self.widths)}")
        return self


class ResNet3DOptions(mmcore.Options):
    """Which of the networks, and what it sees."""

    depth: Literal[10, 18, 34, 50] = mmcore.Field(10, description="layers, as in MedicalNet")
    width: int = mmcore.Field(64, ge=4, le=256, description="channels of the first stage; published weights have 64")
    size: int = mmcore.Field(96, ge=16, le=256, description="voxels along each side of the cube that it sees")
    normalise: Literal["brain", "training"] = mmcore.Field(
        "brain", description="by each volume's own brightness (MRI), or by the training volumes' (units, as in CT)"
    )


class AI4BrainOptions(mmcore.Options):
    """Where the cohort is, what to predict, and what counts as clinical."""

    path: str = mmcore.Field(min_length=1, description="the BIDS folder, which holds participants.tsv")
    target: str = mmcore.Field(
        "diagnosis", min_length=1, description="the column of participants.tsv (or of sessions.tsv) to predict"
    )
    clinical: tuple[str, ...] | None = mmcore.Field(
        None, description="columns that make up the clinical modality; all that are no near-labels if left out"
    )
    near_labels: bool = mmcore.Field(
        False, description="take scores that all but say the diagnosis too (MMSE, CDR …), where `clinical` is left out"
    )
    task: str | None = mmcore.Field(
        None, min_length=1, description="the EEG's task by BIDS (rest, eyesclosed); the first by name if left out"
    )
    broken_limit: float = mmcore.Field(
        0.5,
        ge=0.0,
        le=1.0,
        description="share of sessions that may be damaged, or lack all modalities that are used, before it is refused",
    )


def build_kind(options: mmcore.NoOptions) -> VolumeKind:
    """The kind `volume`."""
    from mmcore_ai4brain.kind import VolumeKind

    return VolumeKind()


def build_cnn3d(options: CNN3DOptions, description: VolumeDescription) -> nn.Module:
    """A small network, trained from scratch."""
    from mmcore_ai4brain.cnn3d import CNN3D

    return CNN3D(options, description)


def build_resnet3d(options: ResNet3DOptions, description: VolumeDescription, resources: mmcore.Resources) -> nn.Module:
    """A residual network, by custom with MedicalNet's weights."""
    from mmcore_ai4brain.resnet3d import resnet3d_encoder

    return resnet3d_encoder(options, description, "none" if resources.assets is not None else resources.weights)


def modalities(options: AI4BrainOptions) -> Mapping[str, str]:
    """EEG, MRI and what participants.tsv says."""
    return {"eeg": "timeseries", "mri": "volume", "clinical": "tabular"}


def check(options: AI4BrainOptions) -> None:
    """Look at the folder and the header of participants.tsv."""
    from mmcore_ai4brain.bids import check_options

    check_options(options)


def build(options: AI4BrainOptions) -> mmcore.DataSource:
    """The cohort, a row per session."""
    from mmcore_ai4brain.bids import read_cohort

    return read_cohort(options)


def simulate(
    folder: Path, rows: int = 240, seed: int = 0, progress: Callable[[str, int, int], None] | None = None
) -> None:
    """Write a simulated cohort of `rows` subjects in the real layout; see docs/use_cases/ai4brain.md."""
    from mmcore_ai4brain.simulation import write_cohort

    write_cohort(Path(folder), rows, seed, progress)


def example(folder: Path) -> Mapping[str, object]:
    """A small simulated cohort, and the options that read it."""
    simulate(folder, rows=12, seed=1)
    return {"path": str(folder)}


@mmcore.hookimpl
def mmcore_modality_kinds() -> Iterator[mmcore.ModalityKind]:
    """The kind `volume`."""
    yield mmcore.ModalityKind(
        name="volume",
        summary="A picture of three dimensions (NIfTI, NumPy), in millimetres; players are the boxes of a grid",
        build=build_kind,
        description=VolumeDescription,
        input_spec=VolumeSpec,
        guess=looks_like_volumes,
        examples=examples,
        requires=("nibabel",),
        extra="mmcore-framework[brain]",
    )


@mmcore.hookimpl
def mmcore_encoders() -> Iterator[mmcore.Encoder]:
    """`cnn3d` and `resnet3d`."""
    yield mmcore.Encoder(
        name="cnn3d",
        kind="volume",
        summary="A small network of 3-D convolutions, trained from scratch",
        options=CNN3DOptions,
        build=build_cnn3d,
        reference="ours, after arXiv:1607.05427",
        requires=("nibabel",),
        extra="mmcore-framework[brain]",
        half_precision=True,
        tiny={"widths": [8, 8], "size": 8},
    )
    yield mmcore.Encoder(
        name="resnet3d",
        kind="volume",
        summary="3-D residual networks of depth 10 to 50, with MedicalNet's weights",
        options=ResNet3DOptions,
        build=build_resnet3d,
        weights=mmcore.Weights(
            source="the Hugging Face hub, TencentMedicalNet/MedicalNet-Resnet<depth> (trained on 23 data sets)",
            licence="MIT",
        ),
        reference="arXiv:1904.00625",
        requires=("nibabel", "huggingface_hub"),
        extra="mmcore-framework[brain]",
        half_precision=True,
        tiny={"depth": 10, "width": 8, "size": 16},
    )


@mmcore.hookimpl
def mmcore_datasets() -> Iterator[mmcore.Dataset]:
    """The data set `ai4brain`."""
    yield mmcore.Dataset(
        name="ai4brain",
        summary="EEG, MRI and clinical data in a BIDS folder, real or simulated, to tell Alzheimer's, MCI and controls",
        options=AI4BrainOptions,
        build=build,
        modalities=modalities,
        check=check,
        simulate=simulate,
        example=example,
        reference="https://bids-specification.readthedocs.io",
        licence="simulated: CC0; a real cohort's own is read out of its dataset_description.json",
        requires=("mne", "nibabel", "edfio"),
        extra="mmcore-framework[brain]",
    )
