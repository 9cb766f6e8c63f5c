"""From a cell to an upright RGB picture, or to the reason why there is none."""

import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from made_pictures import encoded, noise, smooth
from PIL import Image

import mmcore
from mmcore_image.decoding import FORMATS
from mmcore_image.kind import ImageKind


def decode(value, root=Path("."), **budget):
    return ImageKind().decode(value, root=root, budget=mmcore.Budget(**budget))


def pixels(value, **rest):
    picture = decode(value, **rest)
    assert picture.mode == "RGB"
    return np.asarray(picture).astype(int)


def refused(value, root=Path("."), **budget):
    with pytest.raises(mmcore.InputError) as caught:
        decode(value, root, **budget)
    return caught.value


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_keep_every_pixel(form):
    picture = noise(31, 17)
    assert (pixels(encoded(picture, form)) == np.asarray(picture)).all()


@pytest.mark.parametrize(("form", "options"), [("JPEG", {"quality": 95}), ("WEBP", {"quality": 95}), ("GIF", {})])
def test_lossy_formats_stay_near(form, options):
    picture = smooth(64, 48)
    assert np.abs(pixels(encoded(picture, form, **options)) - np.asarray(picture)).mean() < 16


def test_lossless_webp_keeps_every_pixel():
    picture = noise(20, 20)
    assert (pixels(encoded(picture, "WEBP", lossless=True)) == np.asarray(picture)).all()


TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", TURNED)
def test_a_picture_is_turned_as_its_exif_tag_says(orientation):
    picture, exif = noise(9, 5), Image.Exif()
    exif[0x0112] = orientation
    assert (pixels(encoded(picture, "PNG", exif=exif)) == TURNED[orientation](np.asarray(picture))).all()


def test_an_orientation_that_does_not_exist_is_passed_over():
    picture, exif = noise(9, 5), Image.Exif()
    exif[0x0112] = 77
    assert (pixels(encoded(picture, "PNG", exif=exif)) == np.asarray(picture)).all()


def test_transparency_shows_white_and_half_of_it_half():
    layer = np.zeros((2, 2, 4), np.uint8)
    layer[..., 0], layer[..., 3] = 200, [[0, 255], [128, 0]]
    found = pixels(encoded(Image.fromarray(layer), "PNG"))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[0, 1].tolist() == [200, 0, 0]
    assert np.abs(found[1, 0] - [227, 127, 127]).max() <= 1


def test_the_transparent_colour_of_a_palette_shows_white():
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    content = encoded(picture, "PNG", transparency=0)
    assert pixels(content).tolist() == [[[255, 255, 255], [200, 100, 50]]]


def test_a_palette_becomes_its_colours():
    picture = smooth(40, 30).quantize(64)
    assert (pixels(encoded(picture, "PNG")) == np.asarray(picture.convert("RGB"))).all()


def test_sixteen_bits_are_scaled_and_not_clipped():
    values = np.array([[0, 256, 32768, 65535]], np.uint16)
    wanted = np.round(values / 65535 * 255).astype(int)
    for form in ("PNG", "TIFF"):
        assert (pixels(encoded(Image.fromarray(values), form))[..., 0] == wanted).all()


def test_floating_point_pixels_are_scaled_between_their_extremes():
    values = np.array([[-1.0, 0.0, 1.0]], np.float32)
    assert pixels(encoded(Image.fromarray(values), "TIFF"))[0, :, 1].tolist() == [0, 128, 255]


def test_a_floating_point_picture_with_nan_is_refused_and_not_black():
    values = np.array([[0.0, np.nan, 1.0]], np.float32)
    assert refused(encoded(Image.fromarray(values), "TIFF")).reason == "not finite"


def test_cmyk_and_grey_and_one_bit_become_rgb():
    picture = smooth(40, 30)
    cmyk = pixels(encoded(picture.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(cmyk - np.asarray(picture)).mean() < 4
    grey = pixels(encoded(picture.convert("L"), "PNG"))
    assert (grey == np.asarray(picture.convert("L"))[..., None]).all()
    assert set(np.unique(pixels(encoded(picture.convert("1"), "PNG")))) == {0, 255}


def test_of_an_animation_the_first_frame_is_read():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixels(content)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_cut_picture_is_refused(form, share):
    content = encoded(noise(60, 40), form)
    found = refused(content[: int(share * len(content))])
    assert found.reason in ("truncated", "damaged")
    if form in ("PNG", "JPEG", "TIFF", "BMP"):
        assert found.reason == "truncated"


def test_no_damage_leads_to_another_error_than_ours_or_to_a_warning(recwarn):
    draw = random.Random(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    contents = [encoded(noise(30, 20), form) for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "PPM")]
    contents += [encoded(noise(30, 20), "JPEG", exif=exif), encoded(smooth(30, 20).quantize(16), "PNG")]
    accepted, reasons = 0, set()
    for content in contents:
        for _ in range(60):
            damaged = bytearray(content)
            for _ in range(draw.choice((1, 3, 9))):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            try:
                accepted += decode(bytes(damaged), pixels=10**6).mode == "RGB"
            except mmcore.InputError as error:
                reasons.add(error.reason)
    assert accepted > 100
    assert reasons == {"not an image", "truncated", "damaged", "too large"}
    assert not recwarn.list


def test_files_are_found_from_the_root_and_by_their_whole_path(tmp_path):
    (tmp_path / "photos").mkdir()
    noise(5, 4).save(tmp_path / "photos" / "a b.png")
    noise(6, 4).save(tmp_path / "outside.png")
    assert decode("photos/a b.png", tmp_path).size == (5, 4)
    assert decode(Path("photos") / "a b.png", tmp_path).size == (5, 4)
    assert decode("../outside.png", tmp_path / "photos").size == (6, 4)
    assert decode(str(tmp_path / "outside.png"), tmp_path / "photos").size == (6, 4)


def test_the_content_decides_and_not_the_ending(tmp_path):
    (tmp_path / "really.jpg").write_bytes(encoded(noise(5, 4), "PNG"))
    assert (pixels("really.jpg", root=tmp_path) == np.asarray(noise(5, 4))).all()


def test_what_is_no_picture_file_is_refused_with_its_reason(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text.png").write_text("not a picture at all")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    reasons = {
        "empty.png": "empty file",
        "folder.png": "not a file",
        "text.png": "not an image",
        "pipe.png": "not a file",
        "loop.png": "not found",
        "dangling.png": "not found",
        "gone.png": "not found",
        "x" * 5000: "not found",
        "nul\0l.png": "not found",
        "text.png/inner.png": "not found",
        "/dev/zero": "not a file",
    }
    assert {name: refused(name, tmp_path).reason for name in reasons} == reasons
    assert "'gone.png'" in str(refused("gone.png", tmp_path))


def test_a_link_to_a_picture_is_followed(tmp_path):
    noise(5, 4).save(tmp_path / "a.png")
    (tmp_path / "link.png").symlink_to("a.png")
    assert decode("link.png", tmp_path).size == (5, 4)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_from_one_that_is_not_there(tmp_path):
    noise(5, 4).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    assert refused("a.png", tmp_path).reason == "unreadable"


def test_what_is_over_the_budget_is_refused(tmp_path):
    noise(30, 20).save(tmp_path / "a.png")
    size = (tmp_path / "a.png").stat().st_size
    assert decode("a.png", tmp_path, bytes=size, pixels=600).size == (30, 20)
    assert refused("a.png", tmp_path, bytes=size - 1).reason == "too large"
    assert refused((tmp_path / "a.png").read_bytes(), bytes=size - 1).reason == "too large"
    for value in ("a.png", noise(30, 20), np.asarray(noise(30, 20))):
        assert refused(value, tmp_path, pixels=599).reason == "too large"


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path):
    bomb = _png_of(60_000, 60_000)
    assert len(bomb) < 1000
    (tmp_path / "bomb.png").write_bytes(bomb)
    assert refused("bomb.png", tmp_path).reason == "too large"
    assert refused(_png_of(12_000, 12_000)).reason == "too large"  # Pillow only warns there


def test_pictures_in_memory_are_taken_as_they_are():
    picture = noise(7, 5)
    assert (pixels(picture) == np.asarray(picture)).all()
    assert (pixels(np.asarray(picture)) == np.asarray(picture)).all()
    assert (pixels(np.full((3, 2), 9, np.uint8)) == 9).all()
    assert (pixels(np.full((3, 2, 1), 9, np.uint8)) == 9).all()
    for buffer in (bytes, bytearray, memoryview):
        assert (pixels(buffer(encoded(picture, "PNG"))) == np.asarray(picture)).all()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (7, "wrong type"),
        (object(), "wrong type"),
        ([1, 2], "wrong type"),
        (np.zeros((4, 4, 3)), "wrong type"),
        (np.zeros((4, 4, 2), np.uint8), "wrong type"),
        (np.zeros((2, 4, 4, 3), np.uint8), "wrong type"),
        (np.zeros((0, 4, 3), np.uint8), "damaged"),
        (Image.new("RGB", (0, 3)), "damaged"),
        (b"", "empty file"),
        (b"\x89PNG", "not an image"),
    ],
)
def test_other_values_are_refused(value, reason):
    assert refused(value).reason == reason


def test_a_lazy_picture_whose_file_is_cut_is_refused(tmp_path):
    content = encoded(noise(60, 40), "PNG")
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with Image.open(tmp_path / "cut.png") as picture:
        assert refused(picture).reason == "truncated"


def test_formats_that_start_other_programs_are_not_looked_for():
    assert not {"EPS", "WMF"} & set(FORMATS)
    assert refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n").reason == "not an image"


def _png_of(wide: int, high: int) -> bytes:
    """The first row only of an empty PNG file that says it is this large."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * (3 * wide + 1))) + chunk(b"IEND", b"")
