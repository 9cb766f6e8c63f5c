"""Depth is true: pixels carried into the world by it are where another camera sees them."""

from dataclasses import replace

import numpy as np
import pytest

from mmcore_railway.render import RANGE, render


def standing_still(scene, frame=20):
    """The scene as it is in one frame, for two frames."""
    machine = scene.excavator
    still = replace(
        machine,
        **{name: np.repeat(getattr(machine, name)[frame : frame + 1], 2, axis=0)
           for name in ("position", "swing", "boom", "stick")},
    )  # fmt: skip
    uprights = tuple(replace(each, path=np.repeat(each.path[frame : frame + 1], 2, axis=0)) for each in scene.uprights)
    return replace(scene, excavator=still, uprights=uprights)


def seen_from(scene, position, target=(0.8, 0.0, 1.2)):
    return replace(scene, camera=replace(scene.camera, position=position, target=target, size=(224, 224)))


@pytest.fixture(scope="module")
def two_views(scene):
    still = standing_still(scene)
    first, second = seen_from(still, (0.0, -15.0, 2.6)), seen_from(still, (3.0, -14.0, 3.4))
    return (first, render(first)), (second, render(second))


def carried(first, clip, second):
    """Columns, rows and depth in the second view of the first one's pixels, and which of them fall inside it."""
    world = first.camera.pixel_points(clip.depth[0])
    columns, rows, depth = second.camera.project(world)
    height, width = second.camera.size
    measured = clip.depth[0] < RANGE - 1e-6
    inside = measured & (columns > 1) & (columns < width - 1) & (rows > 1) & (rows < height - 1)
    return columns[inside].astype(int), rows[inside].astype(int), depth[inside], inside


def test_pixels_land_at_the_depth_that_the_other_camera_measures(two_views):
    (first, clip), (second, other) = two_views
    columns, rows, depth, _ = carried(first, clip, second)
    measured = other.depth[0][rows, columns]
    # what the second camera does not see is hidden by something nearer, never by nothing
    assert (measured < depth + 0.35).mean() > 0.99
    agrees = np.abs(measured - depth) < 0.02 * depth
    assert agrees.mean() > 0.85
    assert np.median(np.abs(measured - depth)[agrees]) < 0.05


def test_pixels_that_land_at_their_depth_have_their_colour(two_views):
    (first, clip), (second, other) = two_views
    columns, rows, depth, inside = carried(first, clip, second)
    agrees = np.abs(other.depth[0][rows, columns] - depth) < 0.02
    there = other.rgb[0][rows, columns].astype(int)[agrees]
    here = clip.rgb[0][inside].astype(int)[agrees]
    assert agrees.sum() > 5_000
    assert (np.abs(there - here).max(axis=1) <= 12).mean() > 0.9  # the rest is at edges and at thin rails


def test_with_another_scale_of_depth_nothing_fits(two_views):
    """The check can fail: a tenth more depth, and pixels land elsewhere."""
    (first, clip), (second, other) = two_views
    stretched = replace(clip, depth=np.minimum(clip.depth * 1.1, RANGE))
    columns, rows, depth, _ = carried(first, stretched, second)
    assert (np.abs(other.depth[0][rows, columns] - depth) < 0.02 * depth).mean() < 0.5


def test_known_things_are_at_their_true_depth(scene):
    clip = render(scene)
    frame = 25
    corner = np.array([*scene.excavator.bucket()[frame]])
    columns, rows, depth = scene.camera.project(corner)
    around = clip.depth[frame, int(rows) - 1 : int(rows) + 2, int(columns) - 1 : int(columns) + 2]
    assert abs(around.min() - depth) < 0.9  # its near side, half its width before its middle


def test_a_scene_that_stands_still_is_the_same_picture_all_the_time(scene):
    clip = render(standing_still(scene))
    assert (clip.rgb[0] == clip.rgb[1]).all()
    assert (clip.depth[0] == clip.depth[1]).all()
