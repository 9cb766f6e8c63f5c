import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcore_railway.camera import Camera

LEVEL = Camera((0.0, -10.0, 3.0), (0.0, 0.0, 3.0), view=math.radians(40), size=(80, 120))
LOOKS_DOWN = Camera((2.0, -12.0, 4.0), (0.5, 1.0, 1.0), view=math.radians(30), size=(90, 70))


def test_projection_is_the_closed_form_of_similar_triangles():
    focal = 40 / math.tan(math.radians(20))
    columns, rows, depth = LEVEL.project(np.array([[1.5, 2.0, 4.0], [0.0, 5.0, 0.0]]))
    assert depth == pytest.approx([12.0, 15.0])
    assert columns == pytest.approx([60 + focal * 1.5 / 12, 60])
    assert rows == pytest.approx([40 - focal * 1.0 / 12, 40 + focal * 3.0 / 15])


def test_what_the_camera_looks_at_is_in_the_middle_at_its_distance():
    columns, rows, depth = LOOKS_DOWN.project(np.array(LOOKS_DOWN.target))
    assert (float(columns), float(rows)) == pytest.approx((35, 45))
    assert float(depth) == pytest.approx(math.dist(LOOKS_DOWN.position, LOOKS_DOWN.target))


def test_the_axes_are_orthonormal_and_right_handed():
    right, up, forward = LOOKS_DOWN.axes
    assert pytest.approx(np.eye(3)) == LOOKS_DOWN.axes @ LOOKS_DOWN.axes.T
    assert np.cross(right, up) == pytest.approx(-forward)
    assert up[2] > 0
    assert right[2] == pytest.approx(0)


def test_the_angle_of_view_meets_the_upper_and_lower_edge():
    half = 7 * math.tan(math.radians(20))
    _, rows, _ = LEVEL.project(np.array([[0, -3, 3 + half], [0, -3, 3 - half]]))
    assert rows == pytest.approx([0, 80])


@given(st.tuples(*[st.floats(-5, 5)] * 3))
def test_unproject_undoes_project(point):
    columns, rows, depth = LOOKS_DOWN.project(np.array(point))
    assert LOOKS_DOWN.unproject(columns, rows, depth) == pytest.approx(np.array(point), abs=1e-9)


def test_the_ground_is_level_and_ends_at_the_horizon():
    points, depth = LEVEL.ground()
    below = np.isfinite(depth)
    assert below[40:].all()  # a level camera sees the horizon in the middle
    assert not below[:40].any()
    assert points[below][:, 2] == pytest.approx(0, abs=1e-9)
    assert LEVEL.pixel_points(np.where(below, depth, 1.0))[below] == pytest.approx(points[below])
