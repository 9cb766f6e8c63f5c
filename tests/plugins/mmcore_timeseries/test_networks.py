"""The encoders against torch's own layers and the published table."""

import pytest
import torch
from torch import nn

import mmcore
from mmcore_timeseries import TimeseriesDescription


def built(name, channels=3, rate=32.0, seconds=2.0, **options):
    torch.manual_seed(0)
    description = TimeseriesDescription(channels=channels, rate=rate, seconds=seconds)
    return mmcore.build_encoder({"name": name, **options}, "timeseries", description).eval()


def inputs(rows=2, channels=3, length=64, lengths=None):
    values = torch.randn(rows, channels, length, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor(lengths or [length] * rows)
    valid = torch.arange(length) < lengths[:, None]
    return {"values": values * valid[:, None], "valid": valid}


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("bidirectional", [True, False])
@torch.no_grad()
def test_lstm_reads_each_signal_up_to_its_end_as_torchs_does(pooling, bidirectional):
    module = built("lstm", width=5, layers=2, pooling=pooling, bidirectional=bidirectional)
    batch = inputs(lengths=[64, 40])
    found = module(batch).vector
    for row, length in enumerate((64, 40)):
        states, (last, _) = module.lstm(batch["values"][row, :, :length].T[None])
        ends = torch.cat([last[-2, 0], last[-1, 0]]) if bidirectional else last[-1, 0]
        expected = {"mean": states[0].mean(0), "max": states[0].amax(0), "last": ends}[pooling]
        assert torch.allclose(found[row], expected, atol=1e-6)


def test_eegnet_has_the_shapes_and_parameters_of_the_published_table():
    """Table 2 of arXiv:1611.08024 with C = 64, T = 128, F1 = 8, D = 2, F2 = 16."""
    module = built("eegnet", channels=64, rate=128.0, seconds=1.0, windows=1)
    shapes = {}
    for name, part in [*module.first.items(), *module.second.items()]:
        part.register_forward_hook(lambda _, __, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    vector = module(inputs(channels=64, length=128)).vector
    assert shapes["temporal"] == (8, 64, 128)
    assert shapes["spatial_norm"] == (16, 1, 128)
    assert shapes["depthwise"] == (16, 1, 32)
    assert vector.shape == (2, 16 * (128 // 32))
    sizes = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in [*module.first.items(), *module.second.items()]
    }
    assert sizes == {
        "temporal": 64 * 8, "temporal_norm": 2 * 8, "spatial": 64 * 2 * 8, "spatial_norm": 2 * 2 * 8,
        "depthwise": 16 * 2 * 8, "pointwise": 16 * 2 * 8, "norm": 2 * 16,
    }  # fmt: skip


@torch.no_grad()
def test_eegnet_is_its_layers_one_after_the_other():
    module = built("eegnet", filters=4, kernel=9, rate=32.0, windows=1, seconds=2.0)
    module.first["spatial"].weight *= 0.1  # no filter is longer than 1
    values = inputs()["values"]
    hidden = nn.functional.conv2d(values[:, None], module.first["temporal"].weight, padding=(0, 4))
    hidden = module.first["temporal_norm"](hidden)
    hidden = nn.functional.elu(module.first["spatial_norm"](module.first["spatial"](hidden)))
    hidden = nn.functional.avg_pool2d(hidden, (1, 4))
    padded = nn.functional.pad(hidden, (7, 8))
    hidden = module.second["norm"](module.second["pointwise"](module.second["depthwise"](padded)))
    hidden = nn.functional.avg_pool2d(nn.functional.elu(hidden), (1, 8))
    assert torch.allclose(module(inputs()).vector, hidden.flatten(1), atol=1e-6)


@torch.no_grad()
def test_no_spatial_filter_of_eegnet_counts_as_longer_than_1():
    module = built("eegnet", filters=4, kernel=9, rate=32.0, windows=1, seconds=2.0)
    module.first["spatial"].weight *= 50
    before = module(inputs()).vector
    module.first["spatial"].weight *= 3
    assert torch.allclose(module(inputs()).vector, before, atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "eegnet"])
@torch.no_grad()
def test_windows_are_averaged_and_one_behind_the_end_says_nothing(name):
    module = built(name, windows=2, seconds=2.0, **({"rate": 32.0} if name == "eegnet" else {}))
    one, other = inputs(rows=1)["values"], torch.randn(1, 3, 64)
    both = {"values": torch.stack([one, other], 1), "valid": torch.ones(1, 2, 64, dtype=torch.bool)}
    alone = [module({"values": each, "valid": torch.ones(1, 64, dtype=torch.bool)}).vector for each in (one, other)]
    assert torch.allclose(module(both).vector, (alone[0] + alone[1]) / 2, atol=1e-6)
    both["valid"][:, 1] = False
    assert torch.allclose(module(both).vector, alone[0], atol=1e-6)


def test_a_window_that_is_too_short_for_eegnet_is_refused():
    with pytest.raises(mmcore.OptionError, match="32 samples or more"):
        mmcore.build_encoder({"name": "eegnet", "seconds": 0.2}, "timeseries", TimeseriesDescription())
