"""The networks: their published sizes, their checkpoints, their laws."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import mmcore
import mmcore_ai4brain
from mmcore_ai4brain.cnn3d import CNN3D
from mmcore_ai4brain.resnet3d import ResNet3D, Subsampled, load_checkpoint, resnet3d_encoder
from mmcore_ai4brain.spec import VolumeDescription

ONE = VolumeDescription()
TWO = VolumeDescription(channels=2)
SMALL = mmcore_ai4brain.ResNet3DOptions(depth=10, width=4, size=16)


def batch(count=2, size=16, channels=1):
    return {"voxels": torch.randn(count, channels, size, size, size, generator=torch.Generator().manual_seed(0))}


PUBLISHED = {10: 14.36, 18: 32.99, 34: 63.31, 50: 46.21}
"""Millions, by the table "Computational Cost" of MedicalNet's README; running statistics are counted there."""


@pytest.mark.parametrize("depth", PUBLISHED)
def test_parameters_are_as_many_as_published(depth):
    with torch.device("meta"):
        module = ResNet3D(mmcore_ai4brain.ResNet3DOptions(depth=depth), ONE)
    counted = sum(value.numel() for name, value in module.state_dict().items() if "num_batches" not in name)
    assert round(counted / 1e6, 2) == PUBLISHED[depth]
    assert module.dim == (2048 if depth == 50 else 512)


def expected_parameters(depth, width=64):
    """By hand: convolutions and normalisations of the table in arXiv:1512.03385, in three dimensions."""
    counts = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}[depth]
    total, before = 7**3 * width + 2 * width, width
    for stage, count in enumerate(counts):
        inner = width * 2**stage
        after = 4 * inner if depth == 50 else inner
        for block in range(count):
            if depth == 50:
                total += before * inner + 27 * inner * inner + inner * after + 2 * (2 * inner + after)
            else:
                total += 27 * (before * inner + inner * inner) + 4 * inner
            changes = block == 0 and (before != after or stage > 0)
            total += (before * after + 2 * after) if changes and depth not in (18, 34) else 0
            before = after
    return total


@pytest.mark.parametrize("depth", PUBLISHED)
@pytest.mark.parametrize("width", [8, 64])
def test_parameters_are_as_many_as_the_layers_say(depth, width):
    with torch.device("meta"):
        module = ResNet3D(mmcore_ai4brain.ResNet3DOptions(depth=depth, width=width), ONE)
    assert sum(parameter.numel() for parameter in module.parameters()) == expected_parameters(depth, width)


def test_the_last_map_is_an_eighth_of_the_cube():
    module = ResNet3D(SMALL, ONE).eval()
    with torch.no_grad():
        representation = module(batch(size=16))
    assert representation.tokens.shape == (2, 2**3, 32)
    assert representation.vector == pytest.approx(representation.tokens.mean(1))


def test_a_shortcut_without_parameters_leaves_out_places_and_adds_zeros():
    maps = torch.arange(2 * 3 * 4**3, dtype=torch.float32).reshape(2, 3, 4, 4, 4)
    short = Subsampled(5, 2)(maps)
    pooled = nn.functional.avg_pool3d(maps, 1, 2)  # as MedicalNet computes it
    assert torch.equal(short[:, :3], pooled)
    assert torch.equal(short[:, 3:], torch.zeros(2, 2, 2, 2, 2))


def test_the_gradient_goes_through_such_a_shortcut():
    maps = torch.randn(1, 2, 4, 4, 4, requires_grad=True)
    Subsampled(4, 2)(maps).sum().backward()
    assert maps.grad.sum() == 2 * 8


def as_medicalnet_saves(module, **more):
    """Names as a network that was trained on several devices has them, with a decoder."""
    state = {
        f"module.{name}": value.clone() for name, value in module.state_dict().items() if "num_batches" not in name
    }
    return {"epoch": 3, "state_dict": {**state, "module.conv_seg.0.weight": torch.zeros(4, 3), **more}}


def test_a_checkpoint_of_medicalnet_s_form_gives_its_outputs(tmp_path):
    torch.manual_seed(1)
    trained = ResNet3D(SMALL, ONE).eval()
    with torch.no_grad():
        for name, buffer in trained.named_buffers():
            if "running" in name:
                buffer.uniform_(0.5, 1.5)
    torch.save(as_medicalnet_saves(trained), tmp_path / "resnet_10.pth")
    torch.manual_seed(2)
    loaded = resnet3d_encoder(SMALL, ONE, tmp_path / "resnet_10.pth").eval()
    with torch.no_grad():
        assert torch.equal(loaded(batch()).vector, trained(batch()).vector)


def test_safetensors_of_this_network_are_loaded_too(tmp_path):
    trained = ResNet3D(SMALL, ONE).eval()
    save_file(trained.state_dict(), tmp_path / "own.safetensors")
    loaded = resnet3d_encoder(SMALL, ONE, str(tmp_path / "own.safetensors")).eval()
    with torch.no_grad():
        assert torch.equal(loaded(batch()).vector, trained(batch()).vector)


def test_equal_channels_give_what_one_gives_with_a_checkpoint_of_one(tmp_path):
    trained = ResNet3D(SMALL, ONE).eval()
    torch.save(as_medicalnet_saves(trained), tmp_path / "one.pth")
    loaded = resnet3d_encoder(SMALL, TWO, tmp_path / "one.pth").eval()
    one = batch()["voxels"]
    with torch.no_grad():
        assert loaded({"voxels": torch.cat([one, one], 1)}).vector == pytest.approx(
            trained({"voxels": one}).vector, abs=1e-4
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state["state_dict"].pop("module.layer3.0.conv2.weight"), "'layer3.0.conv2.weight' not at all"),
        (lambda state: state["state_dict"].update({"module.conv1.weight": torch.zeros(3)}), "as (3,)"),
        (lambda state: state["state_dict"].update({"module.layer4.1.x": torch.zeros(3)}), "the network has not"),
        (lambda state: state.update(state_dict={"a": 7}), "no mapping of names to tensors"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused_with_the_name(tmp_path, change, message):
    state = as_medicalnet_saves(ResNet3D(SMALL, ONE))
    change(state)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(mmcore.DataError) as caught:
        load_checkpoint(ResNet3D(SMALL, ONE), tmp_path / "other.pth")
    assert message in str(caught.value)
    assert "other.pth" in str(caught.value)


def test_a_checkpoint_of_type_b_is_not_taken_for_one_of_type_a(tmp_path):
    ten = as_medicalnet_saves(ResNet3D(SMALL, ONE))
    torch.save(ten, tmp_path / "ten.pth")
    with pytest.raises(mmcore.DataError, match="another depth"):
        load_checkpoint(ResNet3D(mmcore_ai4brain.ResNet3DOptions(depth=18, width=4), ONE), tmp_path / "ten.pth")


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"PK\x03\x04"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, content):
    (tmp_path / "bad.pth").write_bytes(content)
    with pytest.raises(mmcore.DataError, match="can't be read as weights"):
        load_checkpoint(ResNet3D(SMALL, ONE), tmp_path / "bad.pth")
    with pytest.raises(mmcore.DataError, match="no such file"):
        load_checkpoint(ResNet3D(SMALL, ONE), tmp_path / "absent.pth")


def test_a_checkpoint_with_code_in_it_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").mkdir, ()

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(mmcore.DataError, match="can't be read as weights"):
        load_checkpoint(ResNet3D(SMALL, ONE), tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


def test_published_weights_that_can_not_be_had_say_what_to_do(monkeypatch):
    def unreachable(repository, name):
        assert (repository, name) == ("TencentMedicalNet/MedicalNet-Resnet18", "resnet_18_23dataset.pth")
        raise OSError("offline")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    with pytest.raises(mmcore.MissingDependency, match="weights: none"):
        resnet3d_encoder(mmcore_ai4brain.ResNet3DOptions(depth=18), ONE, "pretrained")


def test_published_weights_are_loaded_as_the_hub_hands_them_over(tmp_path, monkeypatch):
    options = mmcore_ai4brain.ResNet3DOptions(depth=10, size=16)
    trained = ResNet3D(options, ONE).eval()
    torch.save(as_medicalnet_saves(trained), tmp_path / "hub.pth")
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda repository, name: str(tmp_path / "hub.pth"))
    loaded = resnet3d_encoder(options, ONE, "pretrained").eval()
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), trained.parameters(), strict=True))


def test_published_weights_need_the_published_width():
    with pytest.raises(mmcore.OptionError, match="width 64"):
        resnet3d_encoder(SMALL, ONE, "pretrained")


def test_the_small_network_has_the_parameters_that_its_widths_say():
    widths = (4, 6, 10)
    module = CNN3D(mmcore_ai4brain.CNN3DOptions(widths=widths, size=16), TWO)
    expected = sum(27 * a * b + 2 * b for a, b in zip((2, *widths), widths, strict=False))
    assert sum(parameter.numel() for parameter in module.parameters()) == expected
    with torch.no_grad():
        representation = module.eval()(batch(channels=2))
    assert representation.tokens.shape == (2, 4**3, 10)
    assert representation.vector == pytest.approx(representation.tokens.mean(1))


@pytest.mark.parametrize("widths", [(), (0,), (8,) * 8, (8, -1)])
def test_widths_that_make_no_network_are_refused(widths):
    with pytest.raises(ValueError, match="widths"):
        mmcore_ai4brain.CNN3DOptions(widths=widths)


def test_more_stages_than_the_cube_can_be_halved_are_refused():
    with pytest.raises(ValueError, match="size"):
        mmcore_ai4brain.CNN3DOptions(widths=(8,) * 5, size=16)


def test_the_small_network_learns_to_tell_where_something_is():
    torch.manual_seed(0)
    module = CNN3D(mmcore_ai4brain.CNN3DOptions(widths=(8, 8), size=8, dropout=0.0), ONE)
    head = nn.Linear(8, 2)
    generator = np.random.default_rng(0)
    values = generator.normal(size=(64, 1, 8, 8, 8)).astype(np.float32)
    labels = torch.arange(64) % 2
    values[1::2, 0, 3:5, 3:5] += 2.0
    optimizer = torch.optim.Adam([*module.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(40):
        loss = nn.functional.cross_entropy(head(module({"voxels": torch.from_numpy(values)}).vector), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.2
