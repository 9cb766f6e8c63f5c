"""The kind `volume`: what it remembers, its players, its pictures, its part in early fusion."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import mmcore
from mmcore_ai4brain.columns import looks_like_volumes
from mmcore_ai4brain.decoding import Volume
from mmcore_ai4brain.kind import VolumeKind
from mmcore_ai4brain.spec import VolumeDescription, VolumeSpec

KIND = VolumeKind()


def head(seed=0, shape=(12, 14, 10), spacing=(2.0, 2.0, 3.0)):
    """Bright inside, dark outside, brighter to the right."""
    generator = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, count) for count in shape), indexing="ij")
    inside = x**2 + y**2 + z**2 < 0.8
    return Volume(np.where(inside, 100 + 30 * x, 5.0).astype(np.float32) + generator.random(shape, np.float32), spacing)


SPEC = VolumeSpec(size=(8, 9, 10), spacing=(3.0, 3.0, 3.0))


def test_training_volumes_are_described_by_their_medians():
    samples = [head(0), head(1, (13, 15, 11), (2.2, 2.0, 3.0)), head(2, (20, 16, 12), (2.4, 1.0, 3.0))]
    description = KIND.describe(iter(samples))
    assert description.shape == (13, 15, 11)
    assert description.spacing == pytest.approx((2.2, 2.0, 3.0))
    assert 90 < description.mean < 110
    assert 5 < description.sd < 30
    assert VolumeDescription.model_validate(json.loads(description.model_dump_json())) == description


def test_mean_and_spread_are_those_of_all_heads_together():
    values = [np.random.default_rng(seed).normal(100 + 20 * seed, 5, (6, 6, 6)).astype(np.float32) for seed in range(3)]
    for each in values:
        each[:3] = 0.0
    description = KIND.describe(Volume(each) for each in values)
    together = np.concatenate([each[3:].ravel() for each in values])
    assert description.mean == pytest.approx(together.mean(), rel=1e-4)
    assert description.sd == pytest.approx(together.std(), rel=1e-4)


def test_no_volume_at_all_has_a_description_too():
    assert KIND.describe(iter(())) == VolumeDescription()


def test_the_blank_is_the_mean_brightness():
    assert torch.equal(KIND.blank(SPEC, VolumeDescription())["voxels"], torch.zeros(1, 8, 9, 10))


@given(size=st.tuples(*[st.integers(1, 12)] * 3), data=st.data())
@settings(max_examples=40, deadline=None)
def test_boxes_divide_all_voxels_for_any_side(size, data):
    side = data.draw(st.integers(1, min(size)))
    inputs = {"voxels": torch.full((1, *size), 3.0)}
    players = KIND.players(head(), inputs, VolumeSpec(size=size), granularity=side)
    assert (len(players), players.grid) == (side**3, (side,) * 3)
    alone = KIND.mask(inputs, players, np.eye(side**3, dtype=bool))["voxels"]
    assert (alone.sum(0) == 3.0).all()  # each voxel belongs to exactly one box
    assert (alone.flatten(1).sum(1) > 0).all()


@given(keep=st.lists(st.booleans(), min_size=27, max_size=27))
@settings(max_examples=30, deadline=None)
def test_masking_obeys_its_laws(keep):
    inputs = KIND.prepare(head(), SPEC)
    players = KIND.players(head(), inputs, SPEC)
    kept = np.array(keep)
    masked = KIND.mask(inputs, players, np.stack([kept, ~kept, np.ones(27, bool), np.zeros(27, bool)]))["voxels"]
    assert torch.equal(masked[0] + masked[1], inputs["voxels"])
    assert torch.equal(masked[2], inputs["voxels"])
    assert torch.equal(masked[3], torch.zeros_like(inputs["voxels"]))


def test_thirds_are_named_as_a_person_would():
    players = KIND.players(head(), {}, SPEC)
    assert players.labels[0] == "left, back, bottom"
    assert players.labels[26] == "right, front, top"
    assert KIND.players(head(), {}, SPEC, granularity=2).labels[1] == "left, back, top"
    assert KIND.players(head(), {}, SPEC, granularity=1).labels == ("all",)
    assert len(set(KIND.players(head(), {}, SPEC, granularity=4).labels)) == 64


def test_a_box_s_name_says_where_it_is():
    """Only the right third of a volume that is bright on the right is bright."""
    bright = {"voxels": torch.zeros(1, 9, 9, 9)}
    bright["voxels"][0, 6:] = 1.0  # the first axis points right
    players = KIND.players(head(), bright, VolumeSpec(size=(9, 9, 9)))
    alone = KIND.mask(bright, players, np.eye(27, dtype=bool))["voxels"].flatten(1).sum(1)
    assert {label.split(",")[0] for label, sum_ in zip(players.labels, alone, strict=True) if sum_ > 0} == {"right"}


def test_masked_content_can_not_leak_even_if_it_is_not_finite():
    inputs = {"voxels": torch.full((1, 6, 6, 6), torch.nan)}
    players = KIND.players(head(), inputs, VolumeSpec(size=(6,) * 3), granularity=1)
    assert torch.isfinite(KIND.mask(inputs, players, np.zeros((1, 1), bool))["voxels"]).all()


@pytest.mark.parametrize("granularity", [0, 9, -1, "patches", 2.5, True])
def test_other_granularities_are_refused(granularity):
    with pytest.raises(mmcore.OptionError, match="no granularity"):
        KIND.players(head(), {}, SPEC, granularity=granularity)


def drawn(sample, *arguments):
    figure = Figure(figsize=(6, 2))
    canvas = FigureCanvasAgg(figure)
    KIND.render(figure.add_axes((0, 0, 1, 1)), sample, *arguments)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def test_boxes_for_the_output_are_red_and_those_against_it_blue():
    players = KIND.players(head(), {}, SPEC, granularity=2)
    redness = [
        (shown[..., 0] - shown[..., 2]).sum()
        for shown in (drawn(head(), players, sign * np.ones(8)) for sign in (1, -1, 0))
    ]
    assert redness[0] > 50_000
    assert redness[1] < -50_000
    assert redness[2] == 0


def test_the_right_side_is_drawn_on_the_right():
    """In the second picture, from the front, and in the third, from above: bright to the right."""
    sample = Volume(np.broadcast_to(np.linspace(0, 1, 12, dtype=np.float32)[:, None, None], (12, 12, 12)).copy())
    shown = drawn(sample).sum(2)
    high, wide = shown.shape
    for third in (1, 2):
        part = shown[high // 3 : 2 * high // 3, wide * third // 3 + 30 : wide * (third + 1) // 3 - 30]
        quarter = part.shape[1] // 4
        assert part[:, -quarter:].mean() > part[:, :quarter].mean() + 100


def test_volumes_of_one_grid_are_stacked_by_channel():
    first, second = (KIND.describe([head(seed)]) for seed in (0, 1))
    joined = KIND.join([first, second])
    assert joined.channels == 2
    spec = KIND.default_spec(joined)
    parts = KIND.split(spec, [first, second])
    batches = [KIND.collate([KIND.prepare(head(seed), part)]) for seed, part in enumerate(parts)]
    stacked = KIND.stack(batches)["voxels"]
    assert stacked.shape == KIND.blank(spec, joined)["voxels"][None].shape
    assert torch.equal(stacked[:, :1], batches[0]["voxels"])
    assert torch.equal(stacked[:, 1:], batches[1]["voxels"])
    around_brains = KIND.split(replace(spec, crop="brain"), [first, second])
    assert {part.crop for part in around_brains} == {"volume"}  # one grid, whatever each volume's own centre is


def test_volumes_of_different_grids_are_not_stacked():
    with pytest.raises(mmcore.CompositionError, match="Register them"):
        KIND.join([KIND.describe([head()]), KIND.describe([head(0, (9, 9, 9))])])


def test_each_box_is_a_token_of_its_own():
    description = KIND.describe([head()])
    stem = KIND.stem(description, 5).eval()
    inputs = KIND.collate([KIND.prepare(head(), stem.input_spec)])
    changed = {"voxels": inputs["voxels"].clone()}
    changed["voxels"][0, 0, :8, :8, 8:16] += 1.0
    with torch.no_grad():
        before, after = stem(inputs).tokens, stem(changed).tokens
    assert before.shape == (1, 64, 5)
    assert ((before - after).abs().sum(2)[0] > 0).nonzero().flatten().tolist() == [1]


def test_augmentation_mirrors_half_of_the_time_and_moves_a_little():
    sample = head(0, (40, 40, 40), (1.0, 1.0, 1.0))
    changed = [KIND.augment(sample, np.random.default_rng(seed)) for seed in range(60)]
    again = KIND.augment(sample, np.random.default_rng(7))
    assert (again.values == changed[7].values).all()
    mirrored = [each.values[:20].mean() > each.values[20:].mean() for each in changed]
    assert 15 < sum(mirrored) < 45
    assert all(each.values.shape == sample.values.shape and each.spacing == sample.spacing for each in changed)
    moved = [np.abs(np.argwhere(each.values > 60).mean(0) - 19.5).max() for each in changed]
    assert max(moved) <= 2.6
    assert len({each.values.tobytes() for each in changed}) == 60


def test_augmented_volumes_stay_finite_and_the_original_stays(tmp_path):
    for sample in (Volume(np.zeros((3, 4, 5), np.float32)), Volume(np.full((1, 1, 1), -7.0, np.float32)), head()):
        before = sample.values.copy()
        assert np.isfinite(KIND.augment(sample, np.random.default_rng(0)).values).all()
        assert (sample.values == before).all()


def test_columns_of_volumes_are_recognised_and_others_are_not():
    assert looks_like_volumes("mri", ["a.nii", "b/C.NII.GZ", None, ""]) == 1.0
    assert 0 < looks_like_volumes("x", ["a.npy"]) < 0.5
    assert looks_like_volumes("title", ["trail shoe", "nii"]) == 0.0
    assert looks_like_volumes("n", [1, 2.5, float("nan")]) == 0.0
    assert looks_like_volumes("empty", []) == 0.0
