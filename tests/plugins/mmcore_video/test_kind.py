"""The kind `video`: frames chosen by law, prepared, parted into tubes, masked, stacked, cut to one time, drawn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_clips import counting, noise
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter
from torchvision.transforms import v2

import mmcore
from mmcore_video import VideoDescription, VideoSpec
from mmcore_video.clip import Clip
from mmcore_video.columns import looks_like_clips
from mmcore_video.kind import VideoKind
from mmcore_video.sampling import frame_indices
from mmcore_video.spec import MEAN, STD

KIND = VideoKind()

SPECS = st.builds(
    VideoSpec,
    frames=st.integers(1, 40),
    sampling=st.sampled_from(["uniform", "dense"]),
    stride=st.integers(1, 9),
    rate=st.sampled_from([None, 5.0, 12.5, 60.0]),
    views=st.integers(1, 5),
)


# which frames


@given(count=st.integers(1, 200), rate=st.floats(0.5, 120), spec=SPECS)
def test_frames_are_there_and_in_order(count, rate, spec):
    indices = frame_indices(count, rate, spec)
    assert indices.shape == (spec.views, spec.frames)
    assert indices.min() >= 0
    assert indices.max() < count
    assert (np.diff(indices, axis=1) >= 0).all()


@given(count=st.integers(1, 200), frames=st.integers(1, 40), views=st.integers(1, 5))
def test_uniform_views_together_are_the_uniform_frames_of_one_finer_view(count, frames, views):
    together = np.sort(frame_indices(count, 25, VideoSpec(frames=frames, views=views)).ravel())
    assert together.tolist() == frame_indices(count, 25, VideoSpec(frames=frames * views))[0].tolist()


@given(count=st.integers(1, 60), parts=st.integers(1, 20))
def test_uniform_sampling_takes_each_frame_as_often_when_it_comes_out_even(count, parts):
    indices = frame_indices(count, 25, VideoSpec(frames=count * parts))[0]
    assert np.bincount(indices).tolist() == [parts] * count
    assert frame_indices(count * parts, 25, VideoSpec(frames=count))[0].tolist() == [
        part * parts + parts // 2 for part in range(count)
    ]


@given(count=st.integers(1, 200), spec=SPECS)
def test_dense_frames_are_a_stride_apart_until_the_clip_ends(count, spec):
    spec = replace(spec, sampling="dense", rate=None)
    for view in frame_indices(count, 25, spec):
        steps = np.diff(view)
        assert (steps[view[1:] < count - 1] == spec.stride).all()
    if count > spec.stride * (spec.frames - 1):
        assert (np.diff(frame_indices(count, 25, spec)) == spec.stride).all()


@given(spec=SPECS, rate=st.sampled_from([10.0, 30.0, 50.0]))
def test_dense_frames_at_a_rate_are_the_same_moments_of_a_faster_clip(spec, rate):
    spec = replace(spec, sampling="dense", rate=5.0, views=1)
    seconds = 2.0 * spec.frames * spec.stride / 5.0 + 1
    slow, fast = (frame_indices(round(seconds * each), each, spec)[0] / each for each in (rate, 2 * rate))
    assert np.allclose(np.diff(slow), spec.stride / 5.0)
    assert np.allclose(np.diff(fast), spec.stride / 5.0)


@given(count=st.integers(1, 200), frames=st.integers(1, 20), stride=st.integers(1, 5))
def test_one_dense_view_is_the_middle_of_the_clip(count, frames, stride):
    view = frame_indices(count, 25, VideoSpec(frames=frames, sampling="dense", stride=stride))[0]
    before, after = int(view[0]), count - 1 - int(view[-1])
    assert abs(before - after) <= 1 or (before == 0 and count <= stride * (frames - 1))


@given(count=st.integers(20, 200), views=st.integers(2, 5))
def test_dense_views_reach_from_the_first_frame_to_the_last(count, views):
    indices = frame_indices(count, 25, VideoSpec(frames=4, sampling="dense", stride=3, views=views))
    assert indices[0, 0] == 0
    assert indices[-1, -1] == count - 1


# prepared


def prepared(clip, **options):
    return KIND.prepare(
        clip, VideoSpec(channels=clip.channels, mean=(0.0,) * clip.channels, std=(1.0,) * clip.channels, **options)
    )["frames"]


def test_the_chosen_frames_come_out_in_order():
    frames = prepared(Clip(counting(12)), frames=4, size=16)
    assert frames.shape == (3, 4, 16, 16)
    assert torch.allclose(frames[0, :, 3, 3] * 255, torch.tensor([20.0, 80.0, 140.0, 200.0]))


def test_views_stand_before_the_channels():
    frames = prepared(Clip(counting(12)), frames=3, size=16, views=2)
    assert frames.shape == (2, 3, 3, 16, 16)
    assert torch.allclose(frames[:, 0, :, 0, 0] * 255 / 20, torch.tensor([[1.0, 5.0, 9.0], [3.0, 7.0, 11.0]]))


@pytest.mark.parametrize("squash", [False, True])
def test_frames_are_resized_as_torchvision_does(squash):
    clip = Clip(noise(1, (70, 110)))
    found = prepared(clip, frames=1, size=32, crop=1.0, squash=squash)[:, 0]
    picture = torch.from_numpy(clip.frames[0]).permute(2, 0, 1).float() / 255
    square = picture if squash else v2.functional.center_crop(picture, [70, 70])
    assert torch.allclose(found, v2.functional.resize(square, [32, 32], antialias=True), atol=1e-5)


def test_the_middle_of_the_frames_is_cut_out():
    ramp = np.broadcast_to(np.arange(100, dtype=np.uint8)[None, None, :, None], (2, 50, 100, 3))
    found = prepared(Clip(ramp), frames=1, size=35, crop=0.7) * 255
    assert found[0, 0, 0].min() == pytest.approx(32, abs=1)
    assert found[0, 0, 0].max() == pytest.approx(67, abs=1)


def test_depth_is_scaled_by_its_whole_range_and_by_what_is_usual_in_the_data():
    clips = [Clip(np.full((4, 16, 16, 1), value, np.uint16)) for value in (1000, 3000)]
    description = KIND.describe(iter(clips))
    mean, std = description.moments()
    assert mean[0] == pytest.approx(2000 / 65535)
    assert std[0] == pytest.approx(1000 / 65535)
    spec = KIND.default_spec(description)
    assert [float(KIND.prepare(clip, spec)["frames"].mean()) for clip in clips] == pytest.approx([-1, 1], abs=1e-3)


def test_rgb_is_scaled_as_its_networks_were_trained_whatever_the_data():
    description = KIND.describe(iter([Clip(np.full((4, 16, 16, 3), 9, np.uint8))]))
    assert description.moments() == (MEAN, STD)
    assert description.moments((0.1, 0.2, 0.3), (1.0, 2.0, 3.0)) == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


def test_a_description_is_of_medians_and_of_the_usual_channels():
    clips = [Clip(noise(n, (20, 30)), rate) for n, rate in ((10, 5.0), (20, 10.0), (40, 20.0))]
    found = KIND.describe(iter([*clips, Clip(noise(3, channels=1))]))
    assert (found.channels, found.rate, found.seconds, found.frames, found.size) == (3, 10.0, 2.0, 20, (20, 30))
    assert found.mean == pytest.approx((0.5,) * 3, abs=0.02)
    assert found.std == pytest.approx((np.sqrt(1 / 12),) * 3, abs=0.02)


def test_other_channels_than_the_training_clips_are_refused():
    three, one = (VideoDescription(channels=count, parts=(count,)) for count in (3, 1))
    KIND.check(Clip(noise()), three)
    KIND.check(Clip(noise(channels=1)), three)  # grey counts as RGB
    for clip, description in ((Clip(noise(channels=4)), three), (Clip(noise()), one)):
        with pytest.raises(mmcore.InputError, match="channels"):
            KIND.check(clip, description)
    with pytest.raises(mmcore.InputError, match="channels"):
        KIND.prepare(Clip(noise()), VideoSpec(channels=2, mean=(0.0, 0.0), std=(1.0, 1.0)))


def test_grey_is_repeated_for_an_encoder_of_rgb():
    found = KIND.prepare(Clip(noise(channels=1)), VideoSpec(mean=(0.5,) * 3, std=(1.0,) * 3))["frames"]
    assert found.shape[0] == 3
    assert (found[0] == found[2]).all()


@pytest.mark.parametrize("frames", [1, 8, 16])
def test_a_clip_of_one_frame_is_repeated(frames):
    found = prepared(Clip(noise(1)), frames=frames, size=16)
    assert found.shape[1] == frames
    assert (found == found[:, :1]).all()


def test_a_clip_of_one_pixel_and_one_of_a_strip_are_prepared():
    for size in ((1, 1), (1, 5000), (5000, 2)):
        assert prepared(Clip(noise(2, size)), frames=2, size=16).shape == (3, 2, 16, 16)


# players


@settings(deadline=None, max_examples=40)
@given(
    frames=st.integers(1, 9), size=st.integers(16, 24), side=st.integers(1, 7), times=st.integers(1, 9),
    views=st.sampled_from([1, 2]),
)  # fmt: skip
def test_tubes_part_the_clip_and_masking_one_empties_it_alone(frames, size, side, times, views):
    clip = Clip(noise(9, (30, 30)))
    spec = VideoSpec(frames=frames, size=size, views=views)
    inputs = {"frames": KIND.prepare(clip, spec)["frames"] + 9}  # nothing is zero by chance
    times = min(times, frames)
    players = KIND.players(clip, inputs, spec, granularity=f"{side}x{side}x{times}")
    assert len(players) == side * side * times == len(set(players.labels))
    alone = KIND.mask(inputs, players, np.eye(len(players), dtype=bool))["frames"]
    assert ((alone != 0).sum(0) == 1).all()  # every cell belongs to exactly one
    assert torch.equal(alone.sum(0), inputs["frames"])
    keep = np.random.default_rng(0).random((5, len(players))) < 0.5
    masked = KIND.mask(inputs, players, keep)["frames"]
    for row, kept in enumerate(keep):
        assert torch.equal(masked[row], alone[kept].sum(0) if kept.any() else torch.zeros_like(masked[row]))


def test_a_masked_clip_is_the_blank():
    clip, spec = Clip(noise()), VideoSpec(frames=4, size=16)
    inputs = KIND.prepare(clip, spec)
    players = KIND.players(clip, inputs, spec)
    nobody = KIND.mask(inputs, players, np.zeros((1, len(players)), bool))["frames"][0]
    assert torch.equal(nobody, KIND.blank(spec, VideoDescription())["frames"])
    assert not nobody.any()  # the mean colour


@pytest.mark.parametrize("views", [1, 2])
def test_masked_tubes_take_the_clips_mean_or_each_frames_blur(views):
    clip, spec = Clip(noise(9, (30, 30))), VideoSpec(frames=4, size=32, views=views)
    inputs = KIND.prepare(clip, spec)
    players = KIND.players(clip, inputs, spec)
    nobody = np.zeros((1, len(players)), bool)
    mean, blur = (KIND.mask(inputs, players, nobody, baseline=word)["frames"][0] for word in ("mean", "blur"))
    frames = inputs["frames"]
    assert torch.allclose(mean, frames.mean((-3, -2, -1), keepdim=True).expand_as(frames), atol=1e-5)
    assert np.allclose(blur, gaussian_filter(frames.numpy(), 2, axes=(-2, -1), mode="mirror", truncate=2.0), atol=1e-4)


def test_tubes_of_rgb_and_of_depth_agree():
    specs = [VideoSpec(size=32), VideoSpec(size=64, channels=1, mean=(0.5,), std=(1.0,))]
    clips = [Clip(noise(6, (36, 64))), Clip(noise(9, (36, 64), 1, np.uint16))]
    rgb, depth = (KIND.players(clip, KIND.prepare(clip, spec), spec) for clip, spec in zip(clips, specs, strict=True))
    assert rgb.labels == depth.labels
    assert rgb.grid == depth.grid == (1, 4, 4)
    assert rgb.labels[:2] == ("row 1, column 1", "row 1, column 2")


def test_time_alone_can_be_parted():
    clip, spec = Clip(noise()), VideoSpec(frames=16, size=16)
    players = KIND.players(clip, {}, spec, granularity="segments")
    assert players.labels[:2] == ("frames 1–2", "frames 3–4")
    assert len(players) == 8


@pytest.mark.parametrize("granularity", ["patches", 0, 17, True, "4x5x2", "4x4x99", "0x0x1", "4x4", -3])
def test_another_granularity_is_refused_with_those_that_there_are(granularity):
    with pytest.raises(mmcore.OptionError, match=r"tubes, segments, 1 to 16"):
        KIND.players(Clip(noise()), {}, VideoSpec(frames=16, size=16), granularity=granularity)


# stacked


def test_rgb_and_depth_are_stacked_pixel_for_pixel():
    rgb, depth = Clip(noise(6, (36, 64))), Clip(noise(6, (18, 32), 1, np.uint16))
    parts = [KIND.describe(iter([clip])) for clip in (rgb, depth)]
    joined = KIND.join(parts)
    assert (joined.channels, joined.parts) == (4, (3, 1))
    assert joined.moments() == ((*MEAN, *parts[1].mean), (*STD, *parts[1].std))
    spec = replace(KIND.default_spec(joined), frames=4, size=16)
    specs = KIND.split(spec, parts)
    batches = [KIND.collate([KIND.prepare(clip, part)]) for clip, part in zip((rgb, depth), specs, strict=True)]
    stacked = KIND.stack(batches)["frames"]
    assert stacked.shape == (1, 4, 4, 16, 16)
    assert torch.equal(stacked[:, :3], batches[0]["frames"])
    assert torch.equal(stacked[:, 3:], batches[1]["frames"])


def test_views_are_stacked_by_channel_too():
    parts = [VideoDescription(), VideoDescription(channels=1, parts=(1,), mean=(0.5,), std=(0.2,))]
    spec = replace(KIND.default_spec(KIND.join(parts)), views=3, frames=2, size=16)
    batches = [
        KIND.collate([KIND.blank(part, each)] * 2) for part, each in zip(KIND.split(spec, parts), parts, strict=True)
    ]
    assert KIND.stack(batches)["frames"].shape == (2, 3, 4, 2, 16, 16)


def test_clips_of_different_proportions_are_not_stacked():
    with pytest.raises(mmcore.CompositionError, match="proportions"):
        KIND.join([VideoDescription(size=(100, 200)), VideoDescription(size=(100, 130))])


# one time axis


def test_rgb_and_depth_of_different_lengths_are_cut_to_the_time_of_both():
    rgb, depth = Clip(counting(12), 12.0), Clip(noise(20, channels=1, dtype=np.uint16), 25.0)
    assert (KIND.duration(rgb), KIND.duration(depth)) == (1.0, 0.8)
    common = min(KIND.duration(rgb), KIND.duration(depth))
    cut = [KIND.cut(clip, common) for clip in (rgb, depth)]
    assert [len(clip) for clip in cut] == [10, 20]
    assert abs(KIND.duration(cut[0]) - KIND.duration(cut[1])) <= 0.5 / 12
    assert (cut[0].frames == rgb.frames[:10]).all()
    assert len(rgb) == 12


@given(count=st.integers(1, 50), rate=st.floats(1, 60), share=st.floats(0, 1))
def test_a_cut_clip_is_as_long_as_asked_to_half_a_frame(count, rate, share):
    clip = Clip(np.zeros((count, 1, 1, 1), np.uint8), rate)
    cut = KIND.cut(clip, share * clip.seconds)
    assert 1 <= len(cut) <= count
    assert abs(cut.seconds - share * clip.seconds) <= 0.5 / rate + 1e-9 or len(cut) == 1
    assert len(KIND.cut(clip, clip.seconds)) == count


# changed at random


def test_every_frame_is_changed_alike():
    ramp = np.random.default_rng(1).integers(0, 250, (1, 40, 60, 3), dtype=np.uint8)
    clip = Clip(np.concatenate([ramp, ramp + 1, ramp + 2]), 10.0, (0.0, 9.0), "metre")
    for seed in range(10):
        changed = KIND.augment(clip, np.random.default_rng(seed))
        assert (changed.frames[1:] - changed.frames[:-1] == 1).all()
        assert (changed.rate, changed.scale, changed.unit) == (10.0, (0.0, 9.0), "metre")
        assert changed.frames[0].size >= 0.5 * clip.frames[0].size
        where = [part for turned in (ramp[0], ramp[0, :, ::-1]) for part in _parts(turned, changed.frames.shape[1:3])]
        assert any((changed.frames[0] == part).all() for part in where)


def _parts(picture, size):
    for top in range(picture.shape[0] - size[0] + 1):
        for left in range(picture.shape[1] - size[1] + 1):
            yield picture[top : top + size[0], left : left + size[1]]


# shown


def drawn(clip, granularity=None, values=None):
    figure = Figure(figsize=(6, 2), dpi=80)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    if granularity is None:
        KIND.render(axes, clip)
    else:
        spec = VideoSpec(
            frames=8, size=32, channels=clip.channels, mean=(0.0,) * clip.channels, std=(1.0,) * clip.channels
        )
        players = KIND.players(clip, {}, spec, granularity=granularity)
        KIND.render(axes, clip, players, np.asarray(values(len(players)), float))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


@pytest.mark.parametrize(
    ("channels", "dtype"), [(3, np.uint8), (1, np.uint16), (1, np.float32), (2, np.float32), (5, np.uint8)]
)
def test_clips_of_any_channels_are_drawn(channels, dtype):
    clip = Clip(noise(9, (30, 40), channels, dtype))
    assert len(np.unique(drawn(clip))) > 20
    assert len(np.unique(drawn(clip, 3, np.ones))) > 20


def test_tubes_that_speak_for_it_are_red_and_those_against_blue_at_their_time():
    clip = Clip(np.full((8, 32, 32, 3), 128, np.uint8))
    pixels = drawn(clip, "1x1x2", lambda count: [1.0, -1.0])
    red, blue = pixels[..., 0] > pixels[..., 2] + 40, pixels[..., 2] > pixels[..., 0] + 40
    assert red.any()
    assert blue.any()
    assert np.nonzero(red)[1].max() < np.nonzero(blue)[1].min()


# found in tables


def test_columns_of_clips_are_recognised():
    assert looks_like_clips("clip", ["a.mp4", "b.AVI", None, float("nan"), ""]) == 1.0
    assert looks_like_clips("clip", ["a.npz", "b.gif"]) == 0.5
    assert looks_like_clips("text", ["a film", "hello.png", 3, {"bytes": None, "path": "x.txt"}]) == 0.0
    assert looks_like_clips("clip", [{"bytes": None, "path": "x.webm"}]) == 1.0
