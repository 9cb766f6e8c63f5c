"""Clips made for the tests: arrays whose frames can be told apart, and files of them by several writers."""

import io
import struct
from fractions import Fraction

import av
import numpy as np
from PIL import Image


def counting(frames=12, size=(24, 32), channels=3):
    """Frames of one grey value each, 20 apart, so that losses of a codec don't hide which is which."""
    values = np.arange(frames, dtype=np.uint8) * 20
    return np.broadcast_to(values[:, None, None, None], (frames, *size, channels)).copy()


def noise(frames=12, size=(24, 32), channels=3, dtype=np.uint8, seed=0):
    top = np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else 1.0
    values = np.random.default_rng(seed).random((frames, *size, channels))
    return (values * top).astype(dtype)


def write_video(
    path, frames, *, rate=12, codec="mpeg4", pixels="yuv420p", source="rgb24", container=None, options=None
):
    """By PyAV."""
    with av.open(str(path), "w", format=container, options=options or {}) as output:
        stream = output.add_stream(codec, rate=Fraction(rate).limit_denominator(1001))
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixels
        for frame in frames:
            picture = np.ascontiguousarray(frame[..., 0] if source.startswith("gray") else frame)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format=source)))
        output.mux(stream.encode())
    return path


def write_avi(path, frames, *, rate=10, scale=1, said=None):
    """Motion JPEG in AVI, byte by byte from Microsoft's description of the format; the JPEGs are Pillow's."""

    def chunk(name, content):
        return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)

    def listed(name, content):
        return chunk(b"LIST", name + content)

    pictures = []
    for frame in frames:
        stream = io.BytesIO()
        Image.fromarray(frame).save(stream, "JPEG", quality=95)
        pictures.append(stream.getvalue())
    count, (high, wide) = said if said is not None else len(pictures), frames.shape[1:3]
    main = struct.pack("<14I", 1_000_000 // (rate or 10), 0, 0, 0x10, count, 0, 1, 0, wide, high, 0, 0, 0, 0)
    head = struct.pack(
        "<4s4sIHHIIIIIIiI4H", b"vids", b"MJPG", 0, 0, 0, 0, scale, rate, 0, count, 0, -1, 0, 0, 0, wide, high
    )
    form = struct.pack("<IiiHH4sIiiII", 40, wide, high, 1, 24, b"MJPG", wide * high * 3, 0, 0, 0, 0)
    headers = chunk(b"avih", main) + listed(b"strl", chunk(b"strh", head) + chunk(b"strf", form))
    movie, index, place = b"", b"", 4
    for picture in pictures:
        movie += chunk(b"00dc", picture)
        index += struct.pack("<4sIII", b"00dc", 0x10, place, len(picture))
        place = 4 + len(movie)
    body = b"AVI " + listed(b"hdrl", headers) + listed(b"movi", movie) + chunk(b"idx1", index)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def write_folder(folder, frames, names="frame-{}.png"):
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame[..., 0] if frame.shape[2] == 1 else frame).save(folder / names.format(number))
    return folder


def levels(clip):
    """The grey value of each frame of a `counting` clip, in steps."""
    return np.rint(clip.frames.astype(float).mean((1, 2, 3)) / 20).astype(int).tolist()
