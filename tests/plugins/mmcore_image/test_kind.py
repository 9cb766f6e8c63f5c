"""The kind `image`: prepared as torchvision does, divided into patches, masked, drawn, changed at random."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_pictures import noise, smooth
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter
from timm.data.transforms_factory import transforms_imagenet_eval

import mmcore
from mmcore_image import ImageDescription, ImageSpec
from mmcore_image.columns import looks_like_images
from mmcore_image.kind import ImageKind

KIND = ImageKind()
SPECS = [
    ImageSpec(),
    ImageSpec(size=160, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic", crop=0.95),
    ImageSpec(size=96, interpolation="bicubic", crop=1.0, squash=True),
    ImageSpec(size=64, interpolation="bilinear", crop=0.9, squash=True),
]


def by_timm(picture, spec):
    mode = "squash" if spec.squash else "center"
    transform = transforms_imagenet_eval(
        spec.size, spec.crop, mode, interpolation=spec.interpolation, mean=spec.mean, std=spec.std
    )
    return transform(picture)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("size", [(30, 20), (500, 333), (333, 501), (224, 224), (600, 97), (1, 1), (255, 256)], ids=str)
def test_pictures_are_prepared_as_timm_does(spec, size):
    picture = noise(*size)
    found = KIND.prepare(picture, spec)["pixels"]
    assert found.dtype == torch.float32
    assert torch.allclose(found, by_timm(picture, spec), atol=1e-5)


@pytest.mark.parametrize("size", [(2000, 64), (40, 1000)], ids=str)
def test_strips_are_prepared_within_a_level_of_it(size):
    picture, spec = smooth(*size), ImageSpec()
    gap = (KIND.prepare(picture, spec)["pixels"] - by_timm(picture, spec)).abs().max()
    assert gap * max(spec.std) * 255 <= 1.1


def test_a_thin_strip_does_not_take_all_memory():
    assert KIND.prepare(noise(100_000, 1), ImageSpec())["pixels"].shape == (3, 224, 224)


def test_the_picture_itself_stays():
    picture = noise(50, 40)
    before = np.asarray(picture).copy()
    KIND.prepare(picture, ImageSpec(size=16))
    assert (np.asarray(picture) == before).all()


def test_the_blank_is_the_mean_colour():
    spec = SPECS[1]
    blank = KIND.blank(spec, ImageDescription())["pixels"]
    mean = torch.tensor(spec.mean)[:, None, None]
    assert blank.shape == (3, 160, 160)
    assert torch.allclose(blank * torch.tensor(spec.std)[:, None, None] + mean, mean.expand_as(blank))


def players_of(spec, granularity):
    picture = noise(spec.size, spec.size)
    inputs = KIND.prepare(picture, spec)
    return inputs, KIND.players(picture, inputs, spec, granularity=granularity)


@given(size=st.integers(1, 64), data=st.data())
@settings(max_examples=40, deadline=None)
def test_patches_divide_all_pixels_for_any_side(size, data):
    side = data.draw(st.integers(1, size))
    inputs, players = players_of(ImageSpec(size=size, crop=1.0), side)
    assert (len(players), players.grid) == (side * side, (side, side))
    whole = {"pixels": torch.full_like(inputs["pixels"], 3.0)}
    alone = KIND.mask(whole, players, np.eye(side * side, dtype=bool))["pixels"]
    assert (alone.sum(0) == 3.0).all()  # each pixel belongs to exactly one patch
    areas = (alone[:, 0] != 0).flatten(1).sum(1)
    widths = np.diff(players.cells)
    assert areas.min() > 0
    assert widths.max() - widths.min() <= 1


@given(size=st.integers(2, 40), data=st.data())
@settings(max_examples=40, deadline=None)
def test_masking_obeys_its_laws(size, data):
    side = data.draw(st.integers(1, min(size, 6)))
    inputs, players = players_of(ImageSpec(size=size, crop=1.0), side)
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=side * side, max_size=side * side)))
    masked = KIND.mask(inputs, players, np.stack([keep, ~keep, np.ones_like(keep), np.zeros_like(keep)]))["pixels"]
    assert torch.equal(masked[0] + masked[1], inputs["pixels"])
    assert ((masked[0] == 0) | (masked[0] == inputs["pixels"])).all()
    assert torch.equal(masked[2], inputs["pixels"])
    assert torch.equal(masked[3], torch.zeros_like(inputs["pixels"]))


def test_patches_are_counted_by_rows_from_the_top_left():
    inputs, players = players_of(ImageSpec(size=8, crop=1.0), 2)
    keep = np.ones((1, 4), bool)
    keep[0, 1] = False
    gone = (KIND.mask(inputs, players, keep)["pixels"][0] == 0).all(0)
    assert players.labels[1] == "row 1, column 2"
    assert gone[:4, 4:].all()
    assert gone.sum() == 16


def test_masked_content_can_not_leak_even_if_it_is_not_finite():
    inputs, players = players_of(ImageSpec(size=8, crop=1.0), 2)
    inputs["pixels"][:, :4, :4] = torch.nan
    assert torch.isfinite(KIND.mask(inputs, players, np.array([[False, True, True, True]]))["pixels"]).all()


def test_masked_patches_take_the_pictures_mean_or_its_blur():
    inputs, players = players_of(ImageSpec(size=32, crop=1.0), 2)
    pixels = inputs["pixels"].clone()
    keep = np.array([[True, False, True, True]])
    mean, blur = (KIND.mask(inputs, players, keep, baseline=word)["pixels"][0] for word in ("mean", "blur"))
    assert torch.allclose(mean[:, :16, 16:], pixels.mean((1, 2))[:, None, None].expand(3, 16, 16))
    by_scipy = gaussian_filter(pixels.double().numpy(), (0, 2, 2), mode="mirror", truncate=2.0)
    assert np.allclose(blur[:, :16, 16:], by_scipy[:, :16, 16:], atol=1e-4)
    for masked in (mean, blur):
        assert torch.equal(masked[:, 16:], pixels[:, 16:])
        assert torch.equal(masked[:, :, :16], pixels[:, :, :16])


@pytest.mark.parametrize("granularity", [0, 9, -1, "tokens", 2.5])
def test_other_granularities_are_refused(granularity):
    with pytest.raises(mmcore.OptionError, match="no granularity"):
        players_of(ImageSpec(size=8, crop=1.0), granularity)


@pytest.mark.parametrize("granularity", ["auto", "patches"])
def test_by_custom_there_are_sixteen_patches(granularity):
    assert players_of(ImageSpec(size=8, crop=1.0), granularity)[1].grid == (4, 4)


def drawn(*arguments):
    figure = Figure(figsize=(2, 2))
    canvas = FigureCanvasAgg(figure)
    KIND.render(figure.add_axes((0, 0, 1, 1)), *arguments)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def test_patches_for_the_output_are_red_and_those_against_it_blue():
    spec = ImageSpec(size=40, crop=1.0)
    picture = noise(40, 40).convert("L").convert("RGB")
    players = KIND.players(picture, KIND.prepare(picture, spec), spec, granularity=2)
    shown = drawn(picture, players, np.array([1.0, 0.0, 0.0, -1.0]))
    redness = shown[..., 0] - shown[..., 2]
    high, wide = redness.shape[0] // 2, redness.shape[1] // 2
    assert redness[10 : high - 10, 10 : wide - 10].mean() > 40
    assert redness[high + 10 : -10, wide + 10 : -10].mean() < -40
    assert np.abs(redness[10 : high - 10, wide + 10 : -10]).max() <= 2  # of value 0: as grey as before


def test_values_that_are_all_zero_tint_nothing():
    spec = ImageSpec(size=40, crop=1.0)
    picture = noise(40, 40).convert("L").convert("RGB")
    players = KIND.players(picture, KIND.prepare(picture, spec), spec, granularity=2)
    shown = drawn(picture, players, np.zeros(4))
    assert np.abs(shown[..., 0] - shown[..., 2]).max() <= 2


def test_without_values_the_picture_is_shown_in_its_colours():
    assert (
        np.abs(drawn(smooth(40, 40))[70:130, 70:130].mean((0, 1)) - np.asarray(smooth(40, 40)).mean((0, 1))).max() < 12
    )


@given(seed=st.integers(0, 2**32), wide=st.integers(1, 300), high=st.integers(1, 300))
@settings(max_examples=80, deadline=None)
def test_augmentation_cuts_out_a_large_part_of_nearly_the_same_form(seed, wide, high):
    picture = noise(wide, high)
    part = KIND.augment(picture, np.random.default_rng(seed))
    assert 1 <= part.width <= wide
    assert 1 <= part.height <= high
    slack = 1 / wide + 1 / high
    assert part.width * part.height >= (0.6 - slack) * wide * high
    assert 3 / 4 - 2 * slack <= (part.width / wide) / (part.height / high) <= 4 / 3 + 4 * slack
    whole, small = np.asarray(picture), np.asarray(part)
    windows = np.lib.stride_tricks.sliding_window_view(whole[..., 0], small.shape[:2])
    places = (windows == small[..., 0]).all((2, 3)) | (windows == small[:, ::-1, 0]).all((2, 3))
    assert places.any()


def test_augmentation_follows_from_the_generator_alone_and_mirrors_half_of_the_time():
    picture = smooth(60, 40)  # brighter to the right
    first = [np.asarray(KIND.augment(picture, np.random.default_rng(seed))) for seed in range(200)]
    again = [np.asarray(KIND.augment(picture, np.random.default_rng(seed))) for seed in range(200)]
    assert all(one.shape == other.shape and (one == other).all() for one, other in zip(first, again, strict=True))
    mirrored = np.mean([part[0, 0, 0] > part[0, -1, 0] for part in first])
    assert 0.4 < mirrored < 0.6
    assert len({part.shape for part in first}) > 100


def test_columns_of_picture_files_are_recognised_and_others_are_not():
    assert looks_like_images("photo", ["a.png", "b/C.JPG", None, ""]) == 1.0
    assert looks_like_images("photo", [b"\x89PNG\r\n", {"bytes": b"\xff\xd8\xff", "path": None}, "c.webp"]) == 1.0
    assert looks_like_images("title", ["trail shoe", "cup"]) == 0.0
    assert looks_like_images("n", [1, 2.5, float("nan")]) == 0.0
    assert looks_like_images("empty", []) == 0.0
