"""resnet50, vit and clip_image against the libraries' own models with the same weights."""

import pytest
import torch
import torchvision
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)

import mmcore
from mmcore_image import ImageDescription

SCRATCH = {"width": 32, "layers": 2, "heads": 4, "size": 48, "patch": 16}


def built(name, resources=None, channels=3, **options):
    config = {"name": name, **options}
    return mmcore.build_encoder(config, "image", ImageDescription(channels=channels), resources).eval()


def pixels(size, channels=3):
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))


def picture():
    generator = torch.Generator().manual_seed(1)
    return Image.fromarray(torch.randint(0, 256, (60, 90, 3), generator=generator, dtype=torch.uint8).numpy())


@torch.no_grad()
def test_resnet50_is_torchvisions_up_to_the_pooling(tmp_path):
    theirs = torchvision.models.resnet50(weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet50.pth")
    ours = built("resnet50", mmcore.Resources(weights=tmp_path / "resnet50.pth"))
    theirs.fc = torch.nn.Identity()
    assert torch.allclose(ours({"pixels": pixels(64)}).vector, theirs(pixels(64)), rtol=1e-4, atol=1e-4)
    assert ours.dim == 2048
    assert sum(parameter.numel() for parameter in ours.parameters()) == 25_557_032 - 2048 * 1000 - 1000


@torch.no_grad()
def test_vit_is_the_class_token_of_the_librarys_model_with_the_same_weights(tmp_path):
    config = ViTConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=48)
    theirs = ViTForImageClassification(config).eval()
    theirs.save_pretrained(tmp_path)
    ours = built("vit", model=str(tmp_path))
    expected = theirs.vit(pixel_values=pixels(48)).last_hidden_state
    assert torch.allclose(ours({"pixels": pixels(48)}).vector, expected[:, 0], atol=1e-6)
    assert (ours.dim, len(ours.blocks)) == (32, 2)


@torch.no_grad()
def test_clip_image_is_the_librarys_image_features_with_the_same_weights(tmp_path):
    side = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = CLIPConfig(
        text_config={**side, "vocab_size": 99},
        vision_config={**side, "image_size": 48, "patch_size": 16, "projection_dim": 24},
        projection_dim=24,
    )
    theirs = CLIPModel(config).eval()
    theirs.save_pretrained(tmp_path)
    ours = built("clip_image", model=str(tmp_path))
    found = theirs.get_image_features(pixel_values=pixels(48))
    expected = getattr(found, "pooler_output", found)
    assert torch.allclose(ours({"pixels": pixels(48)}).vector, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "processor"),
    [
        ("vit", ViTImageProcessor(size={"height": 48, "width": 48}, image_mean=[0.5] * 3, image_std=[0.5] * 3)),
        ("clip_image", CLIPImageProcessor(size={"shortest_edge": 48}, crop_size={"height": 48, "width": 48})),
    ],
)
def test_pictures_are_prepared_as_the_models_own_processor_does(name, processor):
    from mmcore.catalog import load

    spec = built(name, scratch=SCRATCH).input_spec
    ours = load().kind("image").prepare(picture(), spec)["pixels"]
    theirs = torch.as_tensor(processor(picture(), return_tensors="np")["pixel_values"][0])
    assert (ours - theirs).abs().max() < 0.06  # one step of 8 bits is 0.008 to 0.015 after scaling


@pytest.mark.parametrize("name", ["vit", "clip_image", "resnet50"])
def test_weights_that_are_not_here_are_named_with_what_to_do(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(mmcore.MissingDependency, match="not on this machine") as caught:
        built(name)
    assert "folder" in str(caught.value) or "file" in str(caught.value)


def test_a_saved_vit_is_built_again_without_its_folder(tmp_path):
    ours = built("vit", scratch=SCRATCH)
    ours.save_assets(tmp_path)
    again = built("vit", mmcore.Resources(assets=tmp_path), scratch=SCRATCH)
    again.load_state_dict(ours.state_dict())
    assert torch.equal(ours({"pixels": pixels(48)}).vector, again({"pixels": pixels(48)}).vector)


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(mmcore.OptionError, match="do not divide 50"):
        built("vit", scratch={**SCRATCH, "size": 50})
    with pytest.raises(mmcore.OptionError, match="3 heads do not divide"):
        built("clip_image", scratch={**SCRATCH, "heads": 3})


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("vit", {"scratch": {"width": 768, "layers": 12, "heads": 12, "size": 224, "patch": 16}}, 85_798_656),
        (
            "clip_image",
            {"scratch": {"width": 768, "layers": 12, "heads": 12, "size": 224, "patch": 32}},
            87_456_000 + 768 * 768,
        ),
    ],
)
def test_the_true_sizes_have_the_published_numbers_of_parameters(name, options, expected):
    """ViT-B/16 without pooler or classifier; CLIP's ViT-B/32 but for the projection, here to 768 instead of 512."""
    with torch.device("meta"):
        ours = built(name, **options)
    assert sum(parameter.numel() for parameter in ours.parameters()) == expected
