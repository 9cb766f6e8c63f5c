"""Depth from RGB: Monodepth2's equations and published names, the files that are written, the command."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_clips import counting, noise, write_folder, write_video
from PIL import Image
from torch.nn import functional

import mmcore
from mmcore_video.decoding import decode_video
from mmcore_video.depth.estimating import estimate_depth, units
from mmcore_video.depth.inputs import sources_in
from mmcore_video.depth.models import About, DepthModel, depth_model
from mmcore_video.depth.monodepth2 import Monodepth2, disparity_to_depth, load_published


class Brightness(DepthModel):
    """Depth that can be foretold: the mean of the colours in metres, at half the resolution."""

    def __init__(self, limits=None, name="brightness"):
        self.about = About(name, "of this test", "none needed", "depth", "metre", limits)
        self.asked = 0

    def predict(self, pictures):
        self.asked += len(pictures)
        return np.stack([picture[::2, ::2].mean(-1) for picture in pictures]).astype(np.float32)


def written(path):
    return np.asarray(Image.open(path))


# Monodepth2


def test_disparity_becomes_depth_by_the_closed_form():
    sigma = torch.linspace(0, 1, 101, dtype=torch.float64)
    depth = disparity_to_depth(sigma, 0.1, 100)
    a, b = 1 / 0.1 - 1 / 100, 1 / 100
    assert torch.allclose(depth, 1 / (a * sigma + b))
    assert depth[0] == pytest.approx(100)
    assert depth[-1] == pytest.approx(0.1)
    assert (depth.diff() < 0).all()


@pytest.mark.parametrize("size", [(64, 96), (96, 64)])
def test_monodepth2_gives_disparities_at_four_scales(size):
    torch.manual_seed(0)
    network = Monodepth2().eval()
    with torch.no_grad():
        found = network(torch.rand(2, 3, *size))
    assert [tuple(each.shape) for each in found] == [(2, 1, size[0] >> s, size[1] >> s) for s in range(4)]
    assert all(0 < float(each.min()) <= float(each.max()) < 1 for each in found)


def test_monodepth2_has_the_decoder_of_the_papers_table():
    levels = [(512, 256), (256, 128), (128, 64), (64, 32), (32, 16)]
    skips = [256, 128, 64, 64, 0]
    expected = sum(9 * i * o + o + 9 * (o + skip) * o + o for (i, o), skip in zip(levels, skips, strict=True))
    expected += sum(9 * channels + 1 for channels in (16, 32, 64, 128))
    assert sum(each.numel() for each in Monodepth2().decoder.parameters()) == expected


def published(folder, *, stereo=False, feed=(64, 96)):
    """A checkpoint under the published names: torchvision's ResNet-18, and a list of convolutions."""
    from torchvision.models import resnet18

    torch.manual_seed(3)
    encoder = {f"encoder.{name}": value for name, value in resnet18(weights=None).state_dict().items()}
    for name in encoder:
        if name.endswith("running_mean"):
            encoder[name] = torch.randn_like(encoder[name]) * 0.1
    names, channels, skips = [], [512, 256, 128, 64, 32, 16], [256, 128, 64, 64, 0]
    for level in range(5):
        names.append(("conv.conv", channels[level], channels[level + 1]))
        names.append(("conv.conv", channels[level + 1] + skips[level], channels[level + 1]))
    names += [("conv", incoming, 1) for incoming in (16, 32, 64, 128)]
    decoder = {}
    for number, (name, incoming, outgoing) in enumerate(names):
        decoder[f"decoder.{number}.{name}.weight"] = torch.randn(outgoing, incoming, 3, 3) / (3 * incoming**0.5)
        decoder[f"decoder.{number}.{name}.bias"] = torch.randn(outgoing) * 0.1
    folder.mkdir(exist_ok=True)
    torch.save({**encoder, "height": feed[0], "width": feed[1], "use_stereo": stereo}, folder / "encoder.pth")
    torch.save(decoder, folder / "depth.pth")
    return encoder, decoder


def test_a_published_checkpoint_computes_what_its_names_mean(tmp_path):
    encoder, decoder = published(tmp_path)
    network = load_published(tmp_path).eval()
    picture = torch.rand(1, 3, 64, 96)

    def norm(x, name):
        mean, var, weight, bias = (
            encoder[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return functional.batch_norm(x, mean, var, weight, bias)

    def block(x, name, stride):
        out = norm(
            functional.conv2d(x, encoder[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn1"
        ).relu()
        out = norm(functional.conv2d(out, encoder[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
        if f"{name}.downsample.0.weight" in encoder:
            x = norm(
                functional.conv2d(x, encoder[f"{name}.downsample.0.weight"], stride=stride), f"{name}.downsample.1"
            )
        return (out + x).relu()

    def convolved(x, number, name="conv.conv"):
        weight, bias = (decoder[f"decoder.{number}.{name}.{part}"] for part in ("weight", "bias"))
        return functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="reflect"), weight, bias)

    hidden = functional.conv2d((picture - 0.45) / 0.225, encoder["encoder.conv1.weight"], stride=2, padding=3)
    maps = [norm(hidden, "encoder.bn1").relu()]
    hidden = functional.max_pool2d(maps[0], 3, 2, 1)
    for layer in range(1, 5):
        hidden = block(hidden, f"encoder.layer{layer}.0", 1 if layer == 1 else 2)
        maps.append(hidden := block(hidden, f"encoder.layer{layer}.1", 1))
    for number, level in enumerate((4, 3, 2, 1, 0)):
        hidden = functional.elu(convolved(hidden, 2 * number))
        hidden = hidden.repeat_interleave(2, 2).repeat_interleave(2, 3)
        hidden = torch.cat([hidden, maps[level - 1]], 1) if level else hidden
        hidden = functional.elu(convolved(hidden, 2 * number + 1))
    expected = torch.sigmoid(convolved(hidden, 10, "conv"))
    with torch.no_grad():
        assert torch.allclose(network(picture)[0], expected, atol=1e-5)


def test_a_checkpoint_says_its_size_and_whether_its_depth_is_in_metres(tmp_path):
    published(tmp_path / "mono", feed=(96, 64))
    published(tmp_path / "stereo", stereo=True)
    mono, stereo = (depth_model("monodepth2", str(tmp_path / name), "cpu") for name in ("mono", "stereo"))
    assert (mono.model.feed, mono.about.unit, mono.about.limits) == ((96, 64), "relative", (0.1, 100.0))
    assert (stereo.model.feed, stereo.about.unit) == ((64, 96), "metre")
    assert stereo.about.limits == pytest.approx((0.54, 540.0))
    assert "non-commercial" in mono.about.licence
    found = mono.predict([noise(1, (50, 70))[0]] * 2)
    assert found.shape == (2, 96, 64)
    assert 0.1 <= found.min() < found.max() <= 100


@pytest.mark.parametrize("lacking", ["encoder.pth", "depth.pth"])
def test_a_checkpoint_that_is_not_one_is_refused(tmp_path, lacking):
    published(tmp_path)
    (tmp_path / lacking).write_bytes(b"no weights")
    with pytest.raises(mmcore.DataError, match="can't be read"):
        load_published(tmp_path)
    torch.save({"decoder.0.weight": torch.zeros(1)}, tmp_path / lacking)
    with pytest.raises(mmcore.DataError, match="not at all"):
        load_published(tmp_path)
    (tmp_path / lacking).unlink()
    with pytest.raises(mmcore.DataError, match="no such file"):
        load_published(tmp_path)


def test_monodepth2_is_not_downloaded_and_says_why():
    with pytest.raises(mmcore.MissingDependency, match="non-commercial"):
        depth_model("monodepth2", "pretrained", "cpu")


@pytest.mark.parametrize("name", ["dpt", "depth_anything"])
def test_a_folder_as_transformers_saves_it_is_loaded(tmp_path, name):
    small = depth_model(name, "none", "cpu")
    small.model.save_pretrained(tmp_path)
    small.processor.save_pretrained(tmp_path)
    loaded = depth_model(name, str(tmp_path), "cpu")
    pictures = list(noise(2, (40, 60)))
    assert np.allclose(loaded.predict(pictures), small.predict(pictures), atol=1e-6)
    assert loaded.about.quantity == "inverse depth"
    with pytest.raises(mmcore.DataError, match=r"config\.json"):
        depth_model(name, str(tmp_path / "nowhere"), "cpu")


@pytest.mark.parametrize(
    ("name", "device", "match"), [("midas", "cpu", "Allowed"), ("dpt_", "cpu", "'dpt'"), ("dpt", "abacus", "no device")]
)
def test_an_unknown_network_or_device_is_refused(name, device, match):
    with pytest.raises(mmcore.OptionError, match=match):
        depth_model(name, "none", device)


# what is written


def test_depth_of_a_picture_comes_back_by_its_scale(tmp_path):
    ramp = np.broadcast_to(np.linspace(10, 250, 64).round().astype(np.uint8)[None, :, None], (48, 64, 3))
    Image.fromarray(ramp).save(tmp_path / "a.png")
    estimate_depth(sources_in(tmp_path / "a.png"), tmp_path / "out", Brightness())
    about = json.loads((tmp_path / "out" / "a.json").read_text())
    depth = written(tmp_path / "out" / "a.png")
    assert depth.dtype == np.uint16
    assert depth.shape == (48, 64)
    low, high = about["scale"]
    metres = low + depth / 65535 * (high - low)
    assert np.abs(metres[:, 2:-2] - ramp[:, 2:-2, 0]).max() < 4  # it was computed at half the resolution
    assert (about["unit"], about["quantity"], about["licence"], about["frames"]) == ("metre", "depth", "none needed", 1)
    assert (about["least"], about["most"]) == (low, high)
    preview = written(tmp_path / "out" / "previews" / "a.png")
    assert preview.shape[0] == 48
    assert preview.shape[1] >= 128
    assert (preview[:, :64] == ramp).all()


@pytest.mark.parametrize("form", ["video", "frames"])
def test_all_frames_of_a_clip_share_one_scale_and_are_read_as_a_clip_again(tmp_path, form):
    clips = tmp_path / "in"
    clips.mkdir()
    if form == "video":
        write_video(clips / "c.mkv", counting(10), codec="ffv1", pixels="bgr0", rate=8)
    else:
        write_folder(clips / "c", counting(10))
        (clips / "c" / "video.json").write_text('{"rate": 8}')
    estimate_depth(sources_in(clips), tmp_path / "out", Brightness())
    clip = decode_video("c", tmp_path / "out", mmcore.Budget())
    assert (clip.rate, clip.unit, clip.channels, clip.scale) == (8.0, "metre", 1, (0.0, 180.0))
    metres = clip.scale[0] + clip.frames.astype(float) / 65535 * (clip.scale[1] - clip.scale[0])
    assert metres.mean((1, 2, 3)) == pytest.approx(np.arange(10) * 20, abs=0.01)


def test_a_network_with_limits_writes_every_picture_on_the_same_scale(tmp_path):
    for name, value in (("a", 50), ("b", 200)):
        Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(tmp_path / f"{name}.png")
    estimate_depth(sources_in(tmp_path), tmp_path / "out", Brightness((0.0, 250.0)))
    assert [int(written(tmp_path / "out" / f"{name}.png")[0, 0]) for name in "ab"] == [13107, 52428]


def test_numbers_become_units_to_the_nearest():
    values = np.random.default_rng(0).uniform(-3, 7, 1000)
    back = -3 + units(values, (-3, 7)) / 65535 * 10
    assert np.abs(back - values).max() <= 10 / 65535 / 2 + 1e-9
    assert units(np.full(3, 5.0), (5.0, 5.0)).tolist() == [0, 0, 0]


def test_folders_are_searched_to_their_depths(tmp_path):
    (tmp_path / "site" / "day").mkdir(parents=True)
    write_video(tmp_path / "site" / "day" / "c10.mp4", counting(2))
    write_video(tmp_path / "site" / "c9.avi", counting(2), codec="mjpeg", pixels="yuvj420p")
    write_folder(tmp_path / "site" / "frames", counting(2))
    Image.fromarray(noise(1)[0]).save(tmp_path / "p.png")
    Image.fromarray(noise(1)[0]).save(tmp_path / "p.jpg")
    (tmp_path / "notes.txt").write_text("nothing")
    found = [(each.name, each.form) for each in sources_in(tmp_path)]
    assert found == [
        ("p-jpg", "picture"), ("p-png", "picture"), ("site/c9", "video"), ("site/day/c10", "video"),
        ("site/frames", "frames"),
    ]  # fmt: skip
    assert [each.form for each in sources_in(tmp_path / "site" / "frames")] == ["picture"] * 2
    assert [each.form for each in sources_in(tmp_path / "site" / "frames", one_clip=True)] == ["frames"]


def test_what_is_finished_is_not_done_again_and_what_is_lost_is(tmp_path):
    clips, out, model = tmp_path / "in", tmp_path / "out", Brightness()
    for number in range(3):
        write_folder(clips / f"c{number}", counting(4))
    Image.fromarray(noise(1)[0]).save(clips / "p.png")
    sources = sources_in(clips)
    assert estimate_depth(sources, out, model).done == ["c0", "c1", "c2", "p"]
    assert model.asked == 13
    before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}
    assert estimate_depth(sources, out, model).kept == ["c0", "c1", "c2", "p"]
    assert model.asked == 13
    (out / "c1" / "frame-000002.png").unlink()
    (out / "p.png").unlink()
    outcome = estimate_depth(sources, out, model)
    assert (outcome.done, outcome.kept) == (["c1", "p"], ["c0", "c2"])
    assert model.asked == 18
    assert {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()} == before
    assert estimate_depth(sources, out, model, overwrite=True).done == ["c0", "c1", "c2", "p"]


def test_depth_of_another_network_is_not_mixed_in(tmp_path):
    write_folder(tmp_path / "in" / "c", counting(2))
    estimate_depth(sources_in(tmp_path / "in"), tmp_path / "out", Brightness())
    with pytest.raises(mmcore.DataError, match="brightness"):
        estimate_depth(sources_in(tmp_path / "in"), tmp_path / "out", Brightness(name="other"))


def test_a_clip_that_breaks_off_leaves_nothing_and_stops_nothing(tmp_path):
    clips, out = tmp_path / "in", tmp_path / "out"
    clips.mkdir()
    content = write_video(clips / "a.avi", noise(24), codec="mjpeg", pixels="yuvj420p").read_bytes()
    (clips / "a.avi").write_bytes(content[: len(content) // 2])
    write_video(clips / "b.mp4", counting(3))
    outcome = estimate_depth(sources_in(clips), out, Brightness())
    assert outcome.done == ["b"]
    assert outcome.failed["a"].reason == "truncated"
    assert sorted(path.name for path in out.iterdir()) == ["b", "previews"]


def test_a_network_that_gives_no_numbers_is_told(tmp_path):
    class Broken(Brightness):
        def predict(self, pictures):
            return super().predict(pictures) * np.nan

    write_folder(tmp_path / "in" / "c", counting(2))
    outcome = estimate_depth(sources_in(tmp_path / "in"), tmp_path / "out", Broken())
    assert outcome.failed["c"].reason == "not finite"


# the command


def run(monkeypatch, *arguments):
    from mmcore.cli.main import main

    monkeypatch.setattr(sys, "argv", ["mmcore", "depth", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


def test_the_command_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    clips, out = tmp_path / "in", tmp_path / "out"
    clips.mkdir()
    write_video(clips / "a.mp4", counting(3))
    write_folder(clips / "b", counting(2))
    Image.fromarray(noise(1)[0]).save(clips / "p.png")
    options = "--model", "monodepth2", "--weights", "none", "--device", "cpu"
    first = subprocess.run(
        [sys.executable, "-m", "mmcore", "depth", str(clips), str(out), *options],
        capture_output=True, text=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("3 written, 0 were there, 0 failed")
    assert "random weights" in first.stderr
    files = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert len(files) == 3 + 1 + 2 + 1 + 2 + 3  # frames and notes of two clips, a picture and its notes, three previews
    shutil.rmtree(out / "a")
    (clips / "c.mp4").write_bytes(b"no film")
    assert run(monkeypatch, clips, out, *options) == 2
    said = capsys.readouterr()
    assert said.out.startswith("1 written, 2 were there, 1 failed")
    assert "c (damaged" in said.err.splitlines()[-1]
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == files


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "out", "--weights", "none"], "nowhere"),
        ([".", "out", "--weights", "none"], "no pictures and no videos"),
        (["notes.txt", "out", "--weights", "none"], "neither a picture nor a video"),
        (["p.png", "notes.txt", "--weights", "none"], "is no folder"),
        (["p.png", "out", "-m", "monodepth2"], "non-commercial"),
        ([".", ".", "--weights", "none"], "can't hold both"),
    ],
)
def test_a_mistake_is_told_in_one_line(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("nothing")
    if "p.png" in arguments:
        Image.fromarray(noise(1)[0]).save("p.png")
    assert run(monkeypatch, *arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) <= 2  # which network it is, perhaps, and the error
    assert said in lines[-1]


def test_only_as_many_as_asked_and_none_of_its_own_results(tmp_path):
    from mmcore_video.depth.command import depth

    for name in "abc":
        Image.fromarray(noise(1)[0]).save(tmp_path / f"{name}.png")
    for _ in range(2):  # the second time, the results lie among the sources
        depth(tmp_path, tmp_path / "0-out", "monodepth2", "none", "cpu", 2, False, False)
    names = sorted(path.relative_to(tmp_path / "0-out").as_posix() for path in (tmp_path / "0-out").rglob("*.*"))
    assert names == ["a.json", "a.png", "b.json", "b.png", "previews/a.png", "previews/b.png"]
