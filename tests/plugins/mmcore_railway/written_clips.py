"""Small clips as a partner might bring them, written by PyAV and Pillow alone."""

import json
from fractions import Fraction

import av
import numpy as np
from PIL import Image


def write_video(path, frames, *, rate=10, codec="mpeg4", pixels="yuv420p"):
    """`frames` `(F, H, W, 3)` uint8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate))
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixels
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def write_frames(folder, depth, *, rate=10):
    """16-bit PNG frames of `depth` `(F, H, W)` uint16, and what they mean beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(depth):
        Image.fromarray(frame).save(folder / f"{number:04d}.png")
    (folder / "video.json").write_text(json.dumps({"rate": rate, "scale": [0.0, 65.535], "unit": "metre"}))


def flat_video(frames, colour, size=32):
    return np.broadcast_to(np.array(colour, dtype=np.uint8), (frames, size, size, 3)).copy()


def flat_depth(frames, value, size=32):
    return np.full((frames, size, size), value, dtype=np.uint16)
