"""Clips are read from what several writers wrote, and what can't be read is refused by a reason."""

import contextlib
import json
import os
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_clips import counting, levels, noise, write_avi, write_folder, write_video
from PIL import Image

import mmcore
from mmcore_video.clip import Clip
from mmcore_video.containers import SHORT_SIDE
from mmcore_video.decoding import decode_video

MANY = mmcore.Budget()


def read(value, root, budget=MANY):
    return decode_video(value, root, budget)


def refused(value, root, budget=MANY):
    with pytest.raises(mmcore.InputError) as caught:
        read(value, root, budget)
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "mpeg4", "yuv420p"),
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.avi", "mjpeg", "yuvj420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mov", "mpeg4", "yuv420p"),
        ("a.ts", "libx264", "yuv420p"),
    ],
)
def test_every_frame_of_a_video_file_comes_in_order_with_its_rate(tmp_path, name, codec, pixels):
    write_video(tmp_path / name, counting(), codec=codec, pixels=pixels)
    clip = read(name, tmp_path)
    assert clip.frames.shape == (12, 24, 32, 3)
    assert clip.frames.dtype == np.uint8
    assert levels(clip) == list(range(12))
    assert clip.rate == pytest.approx(12, rel=0.01)
    assert clip.seconds == pytest.approx(1, rel=0.01)


def test_a_file_that_was_written_byte_by_byte_is_read(tmp_path):
    write_avi(tmp_path / "a.avi", counting(), rate=10)
    clip = read("a.avi", tmp_path)
    assert levels(clip) == list(range(12))
    assert clip.rate == 10


def test_depth_of_16_bits_comes_back_to_the_unit(tmp_path):
    depth = noise(channels=1, dtype=np.uint16)
    write_video(tmp_path / "d.mkv", depth, codec="ffv1", pixels="gray16le", source="gray16le")
    write_folder(tmp_path / "d", depth)
    for value in ("d.mkv", "d"):
        clip = read(value, tmp_path)
        assert clip.frames.dtype == np.uint16
        assert (clip.frames == depth).all()


def test_grey_of_10_bits_fills_the_range_of_16(tmp_path):
    write_video(
        tmp_path / "g.mkv", noise(channels=1, dtype=np.uint16), codec="ffv1", pixels="gray10le", source="gray16le"
    )
    frames = read("g.mkv", tmp_path).frames
    assert frames.dtype == np.uint16
    assert frames.max() > 60_000


def test_bytes_of_a_file_are_what_the_file_is(tmp_path):
    write_video(tmp_path / "a.mp4", noise())
    np.savez_compressed(tmp_path / "a.npz", frames=noise(), rate=5)
    for name in ("a.mp4", "a.npz"):
        there, given = read(name, tmp_path), read((tmp_path / name).read_bytes(), tmp_path)
        assert (there.frames == given.frames).all()
        assert there.rate == given.rate


def test_frames_of_a_folder_are_sorted_as_a_person_counts(tmp_path):
    write_folder(tmp_path / "f", counting(), names="shot{}.png")
    (tmp_path / "f" / ".hidden.png").write_bytes(b"no picture")
    (tmp_path / "f" / "notes.txt").write_text("no picture")
    clip = read("f", tmp_path)
    assert levels(clip) == list(range(12))
    assert clip.rate == 25


def test_what_stands_beside_the_frames_is_read(tmp_path):
    write_folder(tmp_path / "f", noise(channels=1, dtype=np.uint16))
    (tmp_path / "f" / "video.json").write_text(json.dumps({"rate": 8, "scale": [0.5, 80], "unit": "metre"}))
    clip = read("f", tmp_path)
    assert (clip.rate, clip.scale, clip.unit) == (8.0, (0.5, 80.0), "metre")


@pytest.mark.parametrize("text", ["{", "[1]", '{"scale": 3}', '{"scale": ["a", "b"]}', "null"])
def test_damaged_notes_beside_the_frames_are_refused(tmp_path, text):
    write_folder(tmp_path / "f", noise(3))
    (tmp_path / "f" / "video.json").write_text(text)
    assert refused("f", tmp_path) == "damaged"


def test_a_gif_of_pillow_is_read_with_the_mean_of_its_rates(tmp_path):
    first, *others = (Image.fromarray(frame) for frame in counting())
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=[40, 160] * 6)
    clip = read("a.gif", tmp_path)
    assert levels(clip) == list(range(12))
    assert clip.rate == pytest.approx(10)


@pytest.mark.parametrize("form", ["npy", "npz"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_arrays_come_back_as_they_are(tmp_path, form, dtype):
    frames = noise(channels=5, dtype=dtype)
    if form == "npy":
        np.save(tmp_path / "a.npy", np.asfortranarray(frames))
    else:
        np.savez(tmp_path / "a.npz", clip=frames, rate=30.0, scale=[0, 10], unit="metre")
    clip = read(f"a.{form}", tmp_path)
    assert clip.frames.dtype == dtype
    assert (clip.frames == frames).all()
    assert clip.channels == 5
    assert (clip.rate, clip.scale) == ((25.0, None) if form == "npy" else (30.0, (0.0, 10.0)))


def test_an_array_without_channels_has_one(tmp_path):
    assert read(noise(channels=1)[..., 0], tmp_path).channels == 1


def test_a_clip_of_one_frame_is_a_clip(tmp_path):
    write_video(tmp_path / "a.mp4", counting(1))
    assert len(read("a.mp4", tmp_path)) == 1


def test_large_frames_are_made_smaller_as_they_are_read(tmp_path):
    frames = np.broadcast_to(np.linspace(0, 255, 1000)[None, None, :, None].astype(np.uint8), (2, 800, 1000, 3))
    write_video(tmp_path / "a.mp4", frames)
    write_folder(tmp_path / "f", frames)
    for value in ("a.mp4", "f"):
        clip = read(value, tmp_path)
        assert clip.frames.shape[1:3] == (SHORT_SIDE, round(1000 * SHORT_SIDE / 800))
        row = clip.frames[0, 100, :, 0].astype(float)
        assert abs(row - np.linspace(0, 255, len(row))).max() < 4


@pytest.mark.parametrize("bits", [8, 16])
def test_large_frames_keep_their_bits(tmp_path, bits):
    frames = np.full((1, 400, 900, 1), 200 if bits == 8 else 50_001, np.uint8 if bits == 8 else np.uint16)
    write_folder(tmp_path / "f", frames)
    clip = read("f", tmp_path)
    assert clip.frames.shape[1] == SHORT_SIDE
    assert np.unique(clip.frames).tolist() == [frames.flat[0]]


# what is broken


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.avi", "mjpeg", {}),
        ("a.mkv", "libx264", {}),
        ("a.mp4", "libx264", {"movflags": "faststart"}),
        ("a.mp4", "libx264", {}),
        ("a.webm", "libvpx-vp9", {}),
    ],
)
@pytest.mark.parametrize("share", [0.4, 0.7, 0.9])
def test_a_truncated_video_is_never_a_shorter_one(tmp_path, name, codec, options, share):
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    write_video(tmp_path / name, noise(24), codec=codec, pixels=pixels, options=options)
    content = (tmp_path / name).read_bytes()
    (tmp_path / f"cut-{name}").write_bytes(content[: int(len(content) * share)])
    assert refused(f"cut-{name}", tmp_path) in ("truncated", "damaged")


def test_a_truncated_video_says_how_much_is_there(tmp_path):
    write_avi(tmp_path / "a.avi", counting(10), said=24)
    with pytest.raises(mmcore.InputError, match="10 of 24 frames") as caught:
        read("a.avi", tmp_path)
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize(("name", "codec", "heard"), [("a.mkv", "mpeg4", 8000), ("a.flv", "flv", 44100)])
def test_a_whole_video_with_a_longer_sound_track_is_whole(tmp_path, name, codec, heard):
    import av

    with av.open(str(tmp_path / name), "w") as output:
        pictures, sound = output.add_stream(codec, rate=10), output.add_stream("pcm_s16le", rate=heard)
        pictures.height, pictures.width, pictures.pix_fmt = 24, 32, "yuv420p"
        for frame in counting():
            output.mux(pictures.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(pictures.encode())
        quiet = av.AudioFrame.from_ndarray(np.zeros((1, 3 * heard), np.int16), format="s16", layout="mono")
        quiet.sample_rate = heard
        output.mux(sound.encode(quiet))
        output.mux(sound.encode())
    assert len(read(name, tmp_path)) == 12


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_last_frame_that_lasts_long_is_no_truncation(tmp_path, name):
    import av

    with av.open(str(tmp_path / name), "w") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
        packets = [
            packet
            for frame in counting(5)
            for packet in stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24"))
        ]
        packets += stream.encode()
        packets[-1].duration = 30
        for packet in packets:
            output.mux(packet)
    assert levels(read(name, tmp_path)) == list(range(5))


def test_sound_alone_is_no_video(tmp_path):
    import av

    with av.open(str(tmp_path / "a.mkv"), "w") as output:
        sound = output.add_stream("pcm_s16le", rate=8000)
        quiet = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        quiet.sample_rate = 8000
        output.mux(sound.encode(quiet))
        output.mux(sound.encode())
    assert refused("a.mkv", tmp_path) == "no video"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_gif_is_refused(tmp_path, share):
    first, *others = (Image.fromarray(frame) for frame in noise())
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    content = (tmp_path / "a.gif").read_bytes()
    assert refused(content[: int(len(content) * share)], tmp_path) in ("truncated", "damaged")


def test_a_truncated_frame_of_a_folder_is_named(tmp_path):
    folder = write_folder(tmp_path / "f", noise())
    content = (folder / "frame-7.png").read_bytes()
    (folder / "frame-7.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(mmcore.InputError, match=r"frame-7\.png"):
        read("f", tmp_path)
    (folder / "frame-7.png").write_bytes(b"")
    assert refused("f", tmp_path) == "empty file"


def test_frames_of_different_sizes_are_refused(tmp_path):
    folder = write_folder(tmp_path / "f", noise(3))
    Image.fromarray(noise(1, size=(10, 10))[0]).save(folder / "frame-9.png")
    assert refused("f", tmp_path) == "frames differ"


@pytest.mark.parametrize("rate", [0, -5, float("nan"), float("inf"), 2e9])
def test_a_rate_that_is_none_is_refused(tmp_path, rate):
    np.savez(tmp_path / "a.npz", frames=noise(), rate=rate)
    assert refused("a.npz", tmp_path) == "no frame rate"


def test_a_rate_of_zero_in_one_header_is_not_believed(tmp_path):
    write_avi(tmp_path / "a.avi", counting(), rate=0)
    assert read("a.avi", tmp_path).rate == 10  # from the other header, which says how long a frame lasts


def test_values_that_are_not_finite_are_refused_by_channel(tmp_path):
    frames = noise(channels=4, dtype=np.float32)
    frames[..., 2] = np.nan
    np.save(tmp_path / "a.npy", frames)
    with pytest.raises(mmcore.InputError, match="channel 3 of 4") as caught:
        read("a.npy", tmp_path)
    assert caught.value.reason == "not finite"


def test_a_header_that_claims_a_trillion_pixels_costs_nothing(tmp_path):
    head = np.lib.format
    with (tmp_path / "a.npy").open("wb") as stream:
        head.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (10**4, 10**4, 10**4)})
    assert refused("a.npy", tmp_path) == "too large"


def test_a_bomb_of_zeros_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frames.npy", b"\0" * 50_000_000)
    assert refused("a.npz", tmp_path, mmcore.Budget(bytes=1_000_000)) == "too large"


def test_python_objects_in_an_array_are_not_read(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert refused("a.npy", tmp_path) == "wrong type"


def test_each_limit_of_the_budget_is_kept(tmp_path):
    write_video(tmp_path / "a.mp4", noise(24), rate=12)
    write_folder(tmp_path / "f", noise(24))
    np.savez(tmp_path / "a.npz", frames=noise(24), rate=12)
    first, *others = (Image.fromarray(frame) for frame in noise(24))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=80)
    for value in ("a.mp4", "f", "a.npz", "a.gif"):
        assert len(read(value, tmp_path, mmcore.Budget(pixels=24 * 24 * 32, seconds=2.01))) == 24
        assert refused(value, tmp_path, mmcore.Budget(pixels=24 * 24 * 32 - 1)) == "too large"
        assert refused(value, tmp_path, mmcore.Budget(bytes=1000)) == "too large"
        assert refused(value, tmp_path, mmcore.Budget(seconds=0.9)) == "too large"


def test_the_frames_of_a_folder_share_one_budget(tmp_path):
    folder = write_folder(tmp_path / "f", noise(24))
    sizes = [path.stat().st_size for path in folder.iterdir()]
    assert len(read("f", tmp_path, mmcore.Budget(bytes=sum(sizes)))) == 24
    assert refused("f", tmp_path, mmcore.Budget(bytes=sum(sizes) - 1)) == "too large"


def test_a_playlist_opens_no_other_file(tmp_path):
    write_video(tmp_path / "a.mp4", noise())
    (tmp_path / "list.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path}/a.mp4\n#EXT-X-ENDLIST\n"
    )
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile a.mp4\n")
    assert refused("list.m3u8", tmp_path) == "damaged"
    assert refused("list.ffconcat", tmp_path) == "damaged"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("nowhere.mp4", "not found"),
        ("empty.mp4", "empty file"),
        ("text.mp4", "damaged"),
        ("nothing-in-it", "no frames"),
        ("pipe.mp4", "not a file"),
        ("http://127.0.0.1:9/a.mp4", "not found"),
        (7, "wrong type"),
        ([1, 2], "wrong type"),
        (np.zeros((3, 4, 5, 6, 7)), "wrong type"),
        (np.zeros((3, 4, 5), dtype=np.int64), "wrong type"),
        (np.zeros((0, 4, 5, 3), dtype=np.uint8), "no frames"),
        (np.zeros((3, 0, 5, 3), dtype=np.uint8), "no frames"),
        (b"", "empty file"),
        (b"PK\x03\x04 and no archive", "damaged"),
        (b"\x93NUMPY and no array", "damaged"),
    ],
)
def test_what_is_no_clip_is_refused_by_its_reason(tmp_path, value, reason):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("This is no film. " * 100)
    (tmp_path / "nothing-in-it").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    assert refused(value, tmp_path) == reason


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder, frames = tmp_path_factory.mktemp("whole"), noise(8)
    write_video(folder / "a.mp4", frames)
    write_video(folder / "a.avi", frames, codec="mjpeg", pixels="yuvj420p")
    write_video(
        folder / "a.mkv", noise(8, channels=1, dtype=np.uint16), codec="ffv1", pixels="gray16le", source="gray16le"
    )
    np.savez_compressed(folder / "a.npz", frames=frames, rate=3)
    np.save(folder / "a.npy", frames)
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(folder / "a.gif", save_all=True, append_images=others)
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), form=st.sampled_from([".mp4", ".avi", ".mkv", ".npz", ".npy", ".gif"]))
def test_a_file_with_wrong_bytes_is_a_clip_or_a_reason(whole, tmp_path, data, form):
    content = bytearray(whole[form])
    for _ in range(data.draw(st.integers(1, 6))):
        end = data.draw(st.sampled_from([min(300, len(content)), len(content)]))
        content[data.draw(st.integers(0, end - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(mmcore.InputError):
        clip = read(bytes(content), tmp_path, mmcore.Budget(pixels=1_000_000))
        assert len(clip) > 0
        assert 0 < clip.rate <= 1000


def test_an_archive_without_frames_says_what_it_holds(tmp_path):
    np.savez(tmp_path / "a.npz", rate=3, title="x")
    with pytest.raises(mmcore.InputError, match=r"rate.*title"):
        read("a.npz", tmp_path)


def test_a_clip_passes_through(tmp_path):
    clip = Clip(noise(), 7.0, (0.0, 2.0), "metre")
    again = read(clip, tmp_path)
    assert (again.frames == clip.frames).all()
    assert (again.rate, again.scale, again.unit) == (7.0, (0.0, 2.0), "metre")
