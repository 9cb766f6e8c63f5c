"""The box that an encoder sees, against SciPy's interpolation, Pillow's resizing and plain arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import map_coordinates

from mmcore_ai4brain.decoding import Volume
from mmcore_ai4brain.resampling import _whole, box_of, head_mask, head_threshold, resample
from mmcore_ai4brain.spec import VolumeDescription, VolumeSpec, cube_of

NOISE = np.random.default_rng(0).normal(size=(9, 10, 11)).astype(np.float32)


def middle(values):
    return [(count - 1) / 2 for count in values.shape]


def test_the_same_grid_gives_the_same_voxels():
    box = resample(NOISE, (2.0, 3.0, 4.0), middle(NOISE), NOISE.shape, (2.0, 3.0, 4.0))
    assert box == pytest.approx(NOISE, abs=1e-6)


@given(
    step=st.floats(0.3, 1.0), moved=st.tuples(*[st.floats(-1.0, 1.0)] * 3), size=st.tuples(*[st.integers(1, 12)] * 3)
)
@settings(max_examples=30, deadline=None)
def test_a_finer_grid_is_trilinear_interpolation(step, moved, size):
    centre = [place + shift for place, shift in zip(middle(NOISE), moved, strict=True)]
    found = resample(NOISE, (1.0, 1.0, 1.0), centre, size, (step,) * 3)
    places = np.meshgrid(
        *(place + (np.arange(n) - (n - 1) / 2) * step for place, n in zip(centre, size, strict=True)), indexing="ij"
    )
    # beyond the border: zero, reached linearly, as if there were zeros around the volume
    expected = map_coordinates(np.pad(NOISE, 20), np.stack(places) + 20, order=1)
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_coarser_grid_averages_as_pillow_s_reduction_does(factor):
    line = np.random.default_rng(1).normal(size=24 * factor).astype(np.float32)
    values = line[:, None, None]
    found = resample(values, (1.0,) * 3, middle(values), (24, 1, 1), (float(factor), 1.0, 1.0))[:, 0, 0]
    image = Image.fromarray(np.repeat(line[None], 3, axis=0))
    expected = np.asarray(image.resize((24, 3), Image.Resampling.BILINEAR))[1]
    assert found[2:-2] == pytest.approx(expected[2:-2], abs=1e-4)


@given(offset=st.floats(0.0, 1.0, exclude_max=True), reach=st.floats(1.0, 300.0))
@settings(max_examples=60, deadline=None)
def test_the_sum_of_a_triangle_is_that_of_its_terms(offset, reach):
    whole = np.arange(-400, 401)
    assert _whole(np.array(offset), reach) == pytest.approx(np.clip(1 - abs(whole - offset) / reach, 0, None).sum())


def test_sizes_in_millimetres_stay_whatever_the_scanner():
    """A ball of 40 mm, scanned with voxels of several sizes, fills as many voxels of the box."""
    volumes = []
    for steps in ((2.0, 2.0, 2.0), (1.0, 2.0, 4.0), (3.0, 1.5, 2.0)):
        lines = [(np.arange(round(96 / step)) - (round(96 / step) - 1) / 2) * step for step in steps]
        x, y, z = np.meshgrid(*lines, indexing="ij")
        values = np.where(x**2 + y**2 + z**2 < 20**2, 100.0, 0.0).astype(np.float32)
        volumes.append(box_of(Volume(values, steps), VolumeSpec(size=(32,) * 3, spacing=(3.0,) * 3)))
    counts = [(box > box.min() + (box.max() - box.min()) / 2).sum() * 27.0 for box in volumes]
    assert counts == pytest.approx([4 / 3 * np.pi * 20**3] * 3, rel=0.06)


def test_the_head_has_mean_zero_and_spread_one():
    generator = np.random.default_rng(2)
    values = generator.normal(5, 1, (16, 16, 16))
    values[4:12, 4:12, 4:12] = generator.normal(300, 25, (8, 8, 8))
    box = box_of(Volume(values.astype(np.float32)), VolumeSpec(size=(16,) * 3, spacing=(1.0,) * 3, crop="volume"))
    inside = box[4:12, 4:12, 4:12]
    assert inside.mean() == pytest.approx(0.0, abs=1e-3)
    assert inside.std() == pytest.approx(1.0, abs=1e-3)


@given(gain=st.floats(0.01, 1000.0), shift=st.floats(-500.0, 500.0))
@settings(max_examples=30, deadline=None)
def test_the_scanner_s_gain_does_not_matter(gain, shift):
    values = np.where(np.abs(NOISE) < 0.5, 0.0, 40 + 5 * NOISE)
    spec = VolumeSpec(size=(8,) * 3, spacing=(1.5,) * 3)
    first = box_of(Volume(values.astype(np.float32)), spec)
    second = box_of(Volume((gain * values + shift * gain).astype(np.float32)), spec)
    assert second == pytest.approx(first, abs=0.02)


def test_values_with_a_unit_are_scaled_by_the_training_volumes():
    spec = VolumeSpec(size=(9, 10, 11), spacing=(1.0,) * 3, crop="volume", normalise="training", mean=3.0, sd=2.0)
    assert box_of(Volume(NOISE), spec) == pytest.approx((NOISE - 3) / 2, abs=1e-5)


def test_outside_the_volume_is_background():
    values = np.full((6, 6, 6), 2.0, np.float32)
    values[2:4, 2:4, 2:4] = 50 + np.arange(8).reshape(2, 2, 2)
    box = box_of(Volume(values), VolumeSpec(size=(12,) * 3, spacing=(1.0,) * 3))
    assert np.unique(box[:3].round(4)).tolist() == [box[0, 0, 0].round(4)]
    assert box[0, 0, 0] == pytest.approx(box[4, 4, 4], abs=1e-4)


def test_the_box_follows_a_head_that_lies_elsewhere():
    spec = VolumeSpec(size=(12,) * 3, spacing=(1.0,) * 3)
    boxes = []
    for start in (4, 16):
        values = np.zeros((30, 30, 30), np.float32)
        values[start : start + 8, 6:14, 10:18] = 10 + np.arange(512, dtype=np.float32).reshape(8, 8, 8)
        boxes.append(box_of(Volume(values), spec))
    assert boxes[0] == pytest.approx(boxes[1], abs=1e-3)


def test_two_tissues_are_parted_between_them():
    generator = np.random.default_rng(3)
    values = np.concatenate([generator.normal(10, 2, 5000), generator.normal(100, 10, 3000)])
    assert 20 < head_threshold(values) < 70
    assert head_mask(values.reshape(20, 20, 20)).sum() == 3000


def test_the_threshold_is_otsu_s():
    """By brute force over all 255 cuts: the smallest variance within the two classes."""
    values = np.random.default_rng(4).gamma(2.0, 10.0, 4000)
    cuts = np.histogram_bin_edges(values, 256)[1:-1]
    middles = (np.histogram_bin_edges(values, 256)[1:] + np.histogram_bin_edges(values, 256)[:-1]) / 2
    binned = middles[np.clip(np.searchsorted(np.histogram_bin_edges(values, 256), values, "right") - 1, 0, 255)]

    def within(cut):
        low, high = binned[binned < cut], binned[binned >= cut]
        return len(low) * low.var() + len(high) * high.var()

    assert within(head_threshold(values)) == pytest.approx(min(within(cut) for cut in cuts))


@pytest.mark.parametrize("values", [np.zeros((4, 4, 4)), np.full((3, 3, 3), 7.5), np.ones((1, 1, 1))])
def test_a_volume_without_contrast_is_zero_everywhere(values):
    box = box_of(Volume(values.astype(np.float32)), VolumeSpec(size=(4,) * 3, spacing=(1.0,) * 3))
    assert (box == 0).all()


@given(shape=st.tuples(*[st.integers(1, 60)] * 3), spacing=st.tuples(*[st.floats(0.01, 50.0)] * 3))
@settings(max_examples=30, deadline=None)
def test_a_cube_holds_the_training_volumes_whole(shape, spacing):
    description = VolumeDescription(shape=shape, spacing=spacing)
    spec = cube_of(description, 16)
    assert all(16 * step >= extent * 0.999 for step, extent in zip(spec.spacing, description.extent, strict=True))
