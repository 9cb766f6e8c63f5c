import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcore_railway.camera import Camera
from mmcore_railway.raster import Triangles, rasterise, shade
from mmcore_railway.solids import Box, pitched, triangles_of, turned

CAMERA = Camera((0.5, -9.0, 2.5), (0.0, 0.0, 1.0), view=0.7, size=(40, 56))


def by_rays(camera, corners):
    """Depth and number of the nearest triangle that faces the camera, ray by ray (Möller and Trumbore, 1997)."""
    origin = np.array(camera.position)
    directions = camera.pixel_points(np.ones(camera.size)) - origin  # depth 1 along the axis, so t is the depth
    depth, number = np.full(camera.size, np.inf), np.full(camera.size, -1)
    for index, (a, b, c) in enumerate(corners):
        ab, ac = b - a, c - a
        if np.dot(np.cross(ab, ac), a - origin) >= 0:
            continue
        across = np.cross(directions, ac)
        determinant = across @ ab
        with np.errstate(divide="ignore", invalid="ignore"):
            u = across @ (origin - a) / determinant
            beyond = np.cross(origin - a, ab)
            v = directions @ beyond / determinant
            t = np.dot(ac, beyond) / determinant
            hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0) & (t < depth)
        depth[hit], number[hit] = t[hit], index
    return depth, number


def triangles(corners, frames=None):
    corners = np.asarray(corners, dtype=float)
    return Triangles(
        corners, np.ones((len(corners), 3)), np.zeros(len(corners), dtype=int) if frames is None else frames
    )


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_it_sees_what_rays_hit(seed):
    generator = np.random.default_rng(seed)
    corners = generator.uniform(-3, 3, (12, 1, 3)) + generator.uniform(-2, 2, (12, 3, 3))
    depth, number = rasterise(CAMERA, triangles(corners), 1)
    expected_depth, expected_number = by_rays(CAMERA, corners)
    same = number[0] == expected_number
    assert same.mean() > 0.998  # pixels whose centre lies on an edge to the last bit may go either way
    seen = same & (expected_number >= 0)
    assert depth[0][seen] == pytest.approx(expected_depth[seen], abs=1e-5)


def test_a_wall_that_faces_the_camera_is_everywhere_at_its_distance():
    camera = Camera((0, -10, 1), (0, 0, 1), view=0.6, size=(30, 30))
    wall = Box(np.array([0.0, 0.5, 1.0]), (1.0, 0.5, 1.0), (1, 0, 0))
    depth, number = rasterise(camera, triangles_of([wall], 1), 1)
    side = 15 / np.tan(0.3) * 1.0 / 10  # half the wall's width in pixels
    covered = number[0] >= 0
    assert depth[0][covered] == pytest.approx(10, abs=1e-5)
    centres = np.abs(np.arange(30) + 0.5 - 15)
    assert (covered == ((centres < side)[:, None] & (centres < side)[None])).all()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_of_two_hides_the_other_in_whichever_order_they_come(order):
    near = Box(np.array([0.0, -2.0, 1.0]), (0.5, 0.5, 0.5), (1, 0, 0))
    far = Box(np.array([0.0, 2.0, 1.0]), (1.5, 0.5, 1.5), (0, 1, 0))
    boxes = [(near, far)[position] for position in order]
    shown = triangles_of(boxes, 1)
    _, number = rasterise(CAMERA, shown, 1)
    colours = shown.colours[number[0]]
    rows, columns = np.round(CAMERA.project(np.array([0.0, -2.5, 1.0]))[1::-1]).astype(int)
    assert colours[rows, columns].tolist() == [1, 0, 0]
    assert (colours[number[0] >= 0] == [0, 1, 0]).all(axis=1).any()


def test_boxes_that_cut_each_other_meet_where_they_meet():
    """At each pixel the nearer surface is seen, not the nearer box."""
    first = Box(np.array([0.0, 0.0, 1.0]), (1.5, 0.2, 1.0), (1, 0, 0), turned(0.5))
    second = Box(np.array([0.0, 0.0, 1.0]), (1.5, 0.2, 1.0), (0, 1, 0), turned(-0.5))
    shown = triangles_of([first, second], 1)
    expected, number = by_rays(CAMERA, shown.corners)
    depth, found = rasterise(CAMERA, shown, 1)
    assert (found[0] == number).mean() > 0.995
    both = (found[0] >= 0) & (number >= 0)
    assert depth[0][both] == pytest.approx(expected[both], abs=1e-2)


def test_frames_do_not_see_each_other():
    box = Box(np.array([[-1.5, 0.0, 1.0], [1.5, 0.0, 1.0]]), (0.5, 0.5, 0.5), (1, 0, 0))
    _, together = rasterise(CAMERA, triangles_of([box], 2), 2)
    for frame in range(2):
        alone = Box(box.centre[frame], box.half, box.colour)
        _, number = rasterise(CAMERA, triangles_of([alone], 1), 1)
        assert ((together[frame] >= 0) == (number[0] >= 0)).all()
        assert (number >= 0).any()


@pytest.mark.parametrize("centre", [(0, -20, 1), (60, 0, 1), (0, 0, 90), (0, -9, 2.5)])
def test_what_is_behind_beside_or_around_the_camera_is_not_drawn(centre):
    depth, number = rasterise(CAMERA, triangles_of([Box(np.array(centre, dtype=float), (1, 1, 1), (1, 1, 1))], 1), 1)
    assert (number == -1).all()
    assert np.isinf(depth).all()


def test_a_box_that_leaves_the_picture_is_cut_at_its_edge():
    corners = triangles_of([Box(np.array([4.6, 0.0, 1.0]), (1.0, 1.0, 4.0), (1, 1, 1))], 1).corners
    depth, number = rasterise(CAMERA, triangles(corners), 1)
    expected, hit = by_rays(CAMERA, corners)
    assert ((number[0] >= 0) == (hit >= 0)).mean() > 0.998
    assert (hit[:, -1] >= 0).any()
    assert depth[0][hit >= 0] == pytest.approx(expected[hit >= 0], abs=1e-4)


def test_nothing_to_draw_is_an_empty_picture():
    depth, number = rasterise(CAMERA, triangles_of([], 3), 3)
    assert depth.shape == number.shape == (3, 40, 56)
    assert np.isinf(depth).all()


def test_a_side_is_as_bright_as_the_cosine_of_its_angle_to_the_light():
    box = Box(np.array([0.0, 0.0, 0.0]), (1, 1, 1), (1.0, 0.5, 0.0))
    shown = triangles_of([box], 1)
    light = np.array([0.0, -3.0, 4.0])
    colours = shade(shown, light, ambient=0.25)
    middles = shown.corners.mean(axis=1)
    for axis, sign, cosine in ((2, 1, 0.8), (1, -1, 0.6), (0, 1, 0.0), (2, -1, 0.0)):
        side = np.isclose(middles[:, axis], sign)
        assert side.sum() == 2
        assert colours[side] == pytest.approx(np.array([[1.0, 0.5, 0.0]] * 2) * (0.25 + 0.75 * cosine))


def test_all_sides_of_a_box_look_outwards():
    box = Box(np.array([1.0, 2.0, 3.0]), (1, 2, 3), (1, 1, 1), turned(0.7) @ pitched(0.4), taper=0.5)
    corners = triangles_of([box], 1).corners
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((normals * (corners.mean(axis=1) - box.centre)).sum(axis=1) > 0).all()
