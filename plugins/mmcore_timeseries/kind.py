"""The kind `timeseries`: channels over time; players are channels x stretches of time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import mmcore
from mmcore_timeseries.decoding import decode_signal
from mmcore_timeseries.signal import Signal
from mmcore_timeseries.spec import TimeseriesDescription, TimeseriesSpec, spec_for
from mmcore_timeseries.windows import ordered, windows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor, nn

    Inputs = dict[str, Tensor]

STRETCHES = 4
"""Stretches of time when nobody says how many."""


class TimeseriesKind(mmcore.Kind):
    """Samples are `Signal`s. Prepared: `values (C, T)`, normalised, and `valid (T,)`, false behind a signal's end; with
    K windows, `(K, C, T)` and `(K, T)`."""

    baselines = MappingProxyType(
        {
            "default": "the mean of the training signals (zero after normalisation)",
            "mean": "each channel's own mean over this signal",
        }
    )

    def is_missing(self, value: Any) -> bool:
        """Whether there is nothing: no value, an empty list, a mapping without any."""
        if isinstance(value, dict):
            return all(self.is_missing(item) for key, item in value.items() if key not in ("rate", "names"))
        return super().is_missing(value) or (isinstance(value, list | tuple) and not value)

    def decode(self, value: Any, *, root: Path, budget: mmcore.Budget) -> Signal:
        """Read a signal; see `decode_signal`."""
        return decode_signal(value, root, budget)

    def describe(self, samples: Iterable[Signal]) -> TimeseriesDescription:
        """Median rate and length; each channel's mean and standard deviation over all samples. One pass."""
        rates, lengths, sums, first = [], [], None, None
        for sample in samples:
            first = first or sample
            if len(sample.values) != len(first.values):
                continue  # refused by `check`
            rates.append(sample.rate)
            lengths.append(sample.seconds)
            values = np.where(np.isnan(sample.values), 0.0, sample.values).astype(np.float64)
            part = np.stack([values.sum(1), (values**2).sum(1), (~np.isnan(sample.values)).sum(1)])
            sums = part if sums is None else sums + part
        if first is None or sums is None:
            return TimeseriesDescription()
        mean = sums[0] / sums[2]
        sd = np.sqrt(np.maximum(sums[1] / sums[2] - mean**2, 0.0))
        return TimeseriesDescription(
            channels=len(first.values), rate=float(np.median(rates)), seconds=float(np.median(lengths)),
            names=first.names, mean=tuple(mean.tolist()), sd=tuple(np.where(sd > 0, sd, 1.0).tolist()),
        )  # fmt: skip

    def check(self, sample: Signal, description: mmcore.Description) -> None:
        """Refuse a signal with other channels than the training rows have."""
        assert isinstance(description, TimeseriesDescription)
        ordered(sample, spec_for(description))

    def default_spec(self, description: mmcore.Description) -> TimeseriesSpec:
        """One window as long as the training signals, at their rate."""
        assert isinstance(description, TimeseriesDescription)
        return spec_for(description)

    def prepare(self, sample: Signal, spec: mmcore.InputSpec) -> Inputs:
        """Fill gaps, scale, resample, cut windows."""
        assert isinstance(spec, TimeseriesSpec)
        values, valid = (torch.from_numpy(each) for each in windows_of(sample, spec))
        return {"values": values, "valid": valid} if spec.windows > 1 else {"values": values[0], "valid": valid[0]}

    def blank(self, spec: mmcore.InputSpec, description: mmcore.Description) -> Inputs:
        """The training mean all the time."""
        assert isinstance(spec, TimeseriesSpec)
        several = (spec.windows,) if spec.windows > 1 else ()
        return {
            "values": torch.zeros(*several, spec.channels, spec.length),
            "valid": torch.ones(*several, spec.length, dtype=torch.bool),
        }

    def players(
        self, sample: Signal, inputs: Inputs, spec: mmcore.InputSpec, *, granularity: str | int = "auto"
    ) -> mmcore.Players:
        """Each channel in each of four stretches of time ("auto"), or of as many as a number says; "channels" over all
        the time; "windows": stretches with all channels together.

        Raises:
            OptionError: another granularity, or more stretches than samples.
        """
        assert isinstance(spec, TimeseriesSpec)
        total = spec.length * spec.windows
        count = {"auto": min(STRETCHES, total), "channels": 1, "windows": min(STRETCHES, total)}.get(str(granularity))
        if isinstance(granularity, int) and not isinstance(granularity, bool) and 1 <= granularity <= total:
            count = granularity
        if count is None:
            raise mmcore.OptionError(
                f"signals have no granularity {granularity!r}", hint=f"Allowed: channels, windows, or 1 to {total}."
            )
        edges = np.linspace(0, total, count + 1).round().astype(int)
        names = spec.names or tuple(f"channel {number + 1}" for number in range(spec.channels))
        rows = ("all channels",) if granularity == "windows" else names
        spans = [f"{start / spec.rate:.3g}–{end / spec.rate:.3g} s" for start, end in pairwise(edges)]
        labels = tuple(f"{name}, {span}" if count > 1 else name for name in rows for span in spans)
        return mmcore.Players(labels, cells=edges, grid=(len(rows), count), notes={"spec": spec})

    def mask(self, inputs: Inputs, players: mmcore.Players, keep: np.ndarray, *, baseline: str = "default") -> Inputs:
        """Masked stretches take the baseline's values."""
        values = inputs["values"]
        assert players.grid is not None
        kept = np.asarray(keep, dtype=bool).reshape(-1, *players.grid)
        kept = np.repeat(kept, np.diff(players.cells), axis=2)  # (K, rows, time)
        several = values[None] if values.ndim == 2 else values  # (windows, C, T)
        over_time = torch.from_numpy(kept).unflatten(2, (len(several), -1)).transpose(1, 2)  # (K, windows, rows, T)
        still = _own_means(several, inputs["valid"]) if baseline == "mean" else torch.zeros(())
        masked = torch.where(over_time, several[None], still)
        return {
            "values": masked[:, 0] if values.ndim == 2 else masked,
            "valid": inputs["valid"][None].expand(len(kept), *inputs["valid"].shape),
        }

    def render(
        self,
        axes: Axes,
        sample: Signal,
        players: mmcore.Players | None = None,
        values: np.ndarray | None = None,
    ) -> None:
        """Channels one below the other; with values, their stretches coloured."""
        from mmcore_timeseries.drawing import draw_signal, draw_stretches

        if players is None or values is None:
            draw_signal(axes, sample.values, sample.rate, sample.names)
        else:
            draw_stretches(axes, sample, players, np.asarray(values, dtype=float))

    def stem(self, description: mmcore.Description, dim: int) -> nn.Module:
        """Sixteen stretches of time, embedded linearly."""
        from mmcore_timeseries.stem import StretchStem

        assert isinstance(description, TimeseriesDescription)
        return StretchStem(description, dim)

    def join(self, descriptions: Sequence[mmcore.Description]) -> TimeseriesDescription:
        """Channels of signals that run at once, side by side; at the highest rate, as long as the shortest."""
        parts = [part for part in descriptions if isinstance(part, TimeseriesDescription)]
        return TimeseriesDescription(
            channels=sum(part.channels for part in parts), rate=max(part.rate for part in parts),
            seconds=min(part.seconds for part in parts),
            mean=tuple(value for part in parts for value in part.mean or (0.0,) * part.channels),
            sd=tuple(value for part in parts for value in part.sd or (1.0,) * part.channels),
        )  # fmt: skip

    def split(self, spec: mmcore.InputSpec, descriptions: Sequence[mmcore.Description]) -> list[mmcore.InputSpec]:
        """The same windows for each, with its own channels."""
        assert isinstance(spec, TimeseriesSpec)
        parts = [part for part in descriptions if isinstance(part, TimeseriesDescription)]
        return [replace(spec, channels=part.channels, names=part.names, mean=part.mean, sd=part.sd) for part in parts]

    def stack(self, inputs: Sequence[Inputs]) -> Inputs:
        """Side by side in the channels; valid where all are."""
        valid = torch.stack([each["valid"] for each in inputs]).all(0)
        return {"values": torch.cat([each["values"] for each in inputs], dim=-2), "valid": valid}

    def duration(self, sample: Signal) -> float:
        """Seconds."""
        return sample.seconds

    def cut(self, sample: Signal, seconds: float) -> Signal:
        """Its first seconds; at least one sample."""
        return replace(sample, values=sample.values[:, : max(1, round(seconds * sample.rate))])

    def augment(self, sample: Signal, generator: np.random.Generator) -> Signal:
        """Scaled by up to a tenth, moved in time by up to a twentieth, with a little noise."""
        values = sample.values * np.float32(generator.uniform(0.9, 1.1))
        reach = values.shape[1] // 20
        values = np.roll(values, int(generator.integers(-reach, reach + 1)), axis=1)
        spread = np.nanstd(values, axis=1, keepdims=True)
        noise = generator.normal(0.0, 0.05, values.shape).astype(np.float32)
        return replace(sample, values=(values + noise * spread).astype(np.float32))


def _own_means(several: Tensor, valid: Tensor) -> Tensor:
    """`(1, C, 1)`: each channel's mean of `(windows, C, T)` where the signal lasts."""
    lasts = valid.reshape(len(several), 1, -1).to(several.dtype)
    return ((several * lasts).sum((0, 2)) / lasts.sum().clamp(min=1.0))[None, :, None]
