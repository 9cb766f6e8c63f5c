"""Encoders of signals: a recurrent network, and EEGNet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import mmcore
from mmcore_timeseries.spec import TimeseriesDescription, TimeseriesSpec, spec_for

if TYPE_CHECKING:
    from mmcore_timeseries import EEGNetOptions, LSTMOptions


class WindowEncoder(nn.Module):
    """What both share: several windows go through as rows of their own, and their vectors are averaged."""

    def __init__(self, spec: TimeseriesSpec, dim: int):
        super().__init__()
        self.input_spec, self.dim = spec, dim

    def encode(self, values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """`values (N, C, T)` and `valid (N, T)` → vectors `(N, D)` and tokens `(N, L, D)`."""
        raise NotImplementedError

    def forward(self, inputs: Mapping[str, Tensor]) -> mmcore.Representation:
        """Encode `values (B, C, T)`, or `(B, K, C, T)` for K windows."""
        values, valid = inputs["values"], inputs["valid"]
        if values.ndim == 3:
            vector, tokens = self.encode(values, valid)
            return mmcore.Representation(vector, tokens)
        vector, tokens = self.encode(values.flatten(0, 1), valid.flatten(0, 1))
        count = values.shape[1]
        # a window that lies behind a short signal's end says nothing
        weights = valid.any(2).to(vector.dtype)[..., None]
        mean = (vector.unflatten(0, (-1, count)) * weights).sum(1) / weights.sum(1).clamp(min=1)
        return mmcore.Representation(mean, tokens.unflatten(0, (-1, count)).flatten(1, 2))


class LSTMEncoder(WindowEncoder):
    """LSTM (doi:10.1162/neco.1997.9.8.1735) over a signal's samples.

    `tokens (B, T, D)` are the last layer's states; `vector (B, D)` is the state after the last sample (in both
    directions, after reading all of it), or the mean or maximum over the signal.
    """

    def __init__(self, options: LSTMOptions, description: TimeseriesDescription):
        dim = options.width * (2 if options.bidirectional else 1)
        super().__init__(
            spec_for(description, rate=options.rate, seconds=options.seconds, windows=options.windows), dim
        )
        self.options = options
        self.lstm = nn.LSTM(
            description.channels, options.width, options.layers, batch_first=True,
            bidirectional=options.bidirectional, dropout=options.dropout if options.layers > 1 else 0.0,
        )  # fmt: skip

    @property
    def blocks(self) -> list[nn.Module]:
        """The recurrent layers together."""
        return [self.lstm]

    def encode(self, values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Read each signal up to its end."""
        lengths = valid.sum(1).clamp(min=1)
        packed = pack_padded_sequence(values.transpose(1, 2), lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, (last, _) = self.lstm(packed)
        tokens, _ = pad_packed_sequence(states, batch_first=True, total_length=values.shape[2])
        if self.options.pooling == "last":
            return (torch.cat([last[-2], last[-1]], 1) if self.options.bidirectional else last[-1]), tokens
        known = (torch.arange(values.shape[2], device=values.device) < lengths[:, None])[..., None]
        if self.options.pooling == "max":
            return tokens.masked_fill(~known, torch.finfo(tokens.dtype).min).amax(1), tokens
        return (tokens * known).sum(1) / lengths[:, None].to(tokens.dtype), tokens


class EEGNet(WindowEncoder):
    """EEGNet (arXiv:1611.08024, table 2) without its classifier: `F2 · (T // 32)` numbers of a window of T samples.

    A temporal convolution (F1 filters of `kernel` samples), a depthwise one over the channels (D for each filter, norm
    at most 1), ELU, mean over 4 samples, dropout; a separable convolution of 16 samples, ELU, mean over 8, dropout.
    """

    def __init__(self, options: EEGNetOptions, description: TimeseriesDescription):
        spec = spec_for(description, rate=options.rate, seconds=options.seconds, windows=options.windows)
        if spec.length < 32:
            raise mmcore.OptionError(
                f"EEGNet reads windows of 32 samples or more; {spec.seconds:g} s at {spec.rate:g} Hz has {spec.length}",
                path=("seconds",),
            )
        first, second = options.filters, options.filters * options.depth
        super().__init__(spec, second * (spec.length // 32))
        self.first = nn.ModuleDict(
            {
                "temporal": nn.Conv2d(1, first, (1, options.kernel), bias=False),
                "temporal_norm": nn.BatchNorm2d(first),
                "spatial": nn.Conv2d(first, second, (description.channels, 1), groups=first, bias=False),
                "spatial_norm": nn.BatchNorm2d(second),
            }
        )
        self.second = nn.ModuleDict(
            {
                "depthwise": nn.Conv2d(second, second, (1, 16), groups=second, bias=False),
                "pointwise": nn.Conv2d(second, second, 1, bias=False),
                "norm": nn.BatchNorm2d(second),
            }
        )
        self.dropout = nn.Dropout(options.dropout)

    @property
    def blocks(self) -> list[nn.Module]:
        """The two blocks of the paper."""
        return [self.first, self.second]

    def encode(self, values: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """The two blocks."""
        first, second = self.first, self.second
        hidden = first["temporal_norm"](_same(values[:, None], first["temporal"]))
        hidden = nn.functional.elu(first["spatial_norm"](self._spatial(hidden)))
        hidden = self.dropout(nn.functional.avg_pool2d(hidden, (1, 4)))
        hidden = second["norm"](second["pointwise"](_same(hidden, second["depthwise"])))
        hidden = self.dropout(nn.functional.avg_pool2d(nn.functional.elu(hidden), (1, 8)))
        vector = hidden.flatten(1)
        return vector, vector[:, None]

    def _spatial(self, hidden: Tensor) -> Tensor:
        spatial = self.first["spatial"]
        assert isinstance(spatial, nn.Conv2d)
        norms = spatial.weight.flatten(1).norm(dim=1).clamp(min=1.0)
        weight = spatial.weight / norms[:, None, None, None]
        return nn.functional.conv2d(hidden, weight, groups=spatial.groups)


def _same(hidden: Tensor, convolution: nn.Module) -> Tensor:
    """A convolution over time that keeps the length: zeros around, one more behind where they are odd."""
    assert isinstance(convolution, nn.Conv2d)
    width = convolution.kernel_size[1]
    return convolution(nn.functional.pad(hidden, ((width - 1) // 2, width // 2)))
