"""Signals: the kind `timeseries` (channels over time), and the encoders `lstm` and `eegnet`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import mmcore
from mmcore_timeseries.columns import examples, looks_like_signals
from mmcore_timeseries.spec import TimeseriesDescription, TimeseriesSpec

if TYPE_CHECKING:
    from torch import nn

    from mmcore_timeseries.kind import TimeseriesKind

__all__ = ["TimeseriesDescription", "TimeseriesSpec"]


class LSTMOptions(mmcore.Options):
    """How wide and deep, what it reads, and how its states become one vector."""

    width: int = mmcore.Field(64, ge=1, le=8192, description="hidden units per direction")
    layers: int = mmcore.Field(1, ge=1, le=16, description="recurrent layers")
    bidirectional: bool = mmcore.Field(True, description="read in both directions")
    pooling: Literal["last", "mean", "max"] = mmcore.Field(
        "last", description="the state after the last sample, or mean or maximum over the signal"
    )
    dropout: float = mmcore.Field(0.1, ge=0, lt=1, description="between layers, in training")
    rate: float | None = mmcore.Field(
        None, gt=0, le=1e6, description="samples a second; the training signals' own if left out"
    )
    seconds: float | None = mmcore.Field(
        None, gt=0, le=86_400, description="length of a window; as the training signals if left out"
    )
    windows: int = mmcore.Field(1, ge=1, le=1000, description="windows over a signal, whose vectors are averaged")


class EEGNetOptions(mmcore.Options):
    """EEGNet-8,2 of the paper, at its rate; the windows are ours."""

    filters: int = mmcore.Field(8, ge=1, le=512, description="F1: temporal filters")
    depth: int = mmcore.Field(2, ge=1, le=64, description="D: spatial filters of each temporal one; F2 = F1 · D")
    kernel: int = mmcore.Field(64, ge=2, le=4096, description="samples of a temporal filter: half a second")
    dropout: float = mmcore.Field(0.25, ge=0, lt=1, description="after each block, in training")
    rate: float = mmcore.Field(128.0, gt=0, le=1e6, description="samples a second")
    seconds: float = mmcore.Field(4.0, gt=0, le=86_400, description="length of a window")
    windows: int = mmcore.Field(4, ge=1, le=1000, description="windows over a signal, whose vectors are averaged")


def build_kind(options: mmcore.NoOptions) -> TimeseriesKind:
    """The kind `timeseries`."""
    from mmcore_timeseries.kind import TimeseriesKind

    return TimeseriesKind()


def build_lstm(options: LSTMOptions, description: TimeseriesDescription) -> nn.Module:
    """A recurrent network over samples."""
    from mmcore_timeseries.networks import LSTMEncoder

    return LSTMEncoder(options, description)


def build_eegnet(options: EEGNetOptions, description: TimeseriesDescription) -> nn.Module:
    """EEGNet without its classifier."""
    from mmcore_timeseries.networks import EEGNet

    return EEGNet(options, description)


@mmcore.hookimpl
def mmcore_modality_kinds() -> Iterator[mmcore.ModalityKind]:
    """The kind `timeseries`."""
    yield mmcore.ModalityKind(
        name="timeseries",
        summary="Channels over time, with gaps; players are channels in stretches of time",
        build=build_kind,
        description=TimeseriesDescription,
        input_spec=TimeseriesSpec,
        guess=looks_like_signals,
        examples=examples,
    )


@mmcore.hookimpl
def mmcore_encoders() -> Iterator[mmcore.Encoder]:
    """`lstm` and `eegnet`."""
    yield mmcore.Encoder(
        name="lstm",
        kind="timeseries",
        summary="LSTM over the samples of a signal, in one direction or both",
        options=LSTMOptions,
        build=build_lstm,
        reference="doi:10.1162/neco.1997.9.8.1735",
        tiny={"width": 8},
    )
    yield mmcore.Encoder(
        name="eegnet",
        kind="timeseries",
        summary="EEGNet: temporal, spatial and separable convolutions over windows of a signal",
        options=EEGNetOptions,
        build=build_eegnet,
        reference="arXiv:1611.08024",
        tiny={"filters": 4, "kernel": 8, "rate": 32.0, "seconds": 1.0, "windows": 2},
    )
