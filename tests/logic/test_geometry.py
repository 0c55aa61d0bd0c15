"""Quaternions and solids against closed forms and brute force."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tabletop.logic.geometry import Solid, footprint_gap, relative, rotation, shape_of, tilt, twist, wrap

Array = npt.NDArray[np.float64]

quaternions = (
    arrays(float, 4, elements=st.floats(-1, 1))
    .filter(lambda q: np.linalg.norm(q) > 0.1)
    .map(lambda q: q / np.linalg.norm(q))
)
halves = arrays(float, 3, elements=st.floats(0.01, 0.2))
points = arrays(float, 3, elements=st.floats(-0.5, 0.5))
angles = st.floats(-3.1, 3.1)


def about(axis: Array, angle: float) -> Array:
    """Return the quaternion of a turn about a unit axis."""
    return np.append(axis * np.sin(angle / 2), np.cos(angle / 2))


def yaw(angle: float) -> Array:
    """Return the quaternion of a turn about z."""
    return about(np.array([0.0, 0.0, 1.0]), angle)


def corners(solid: Solid) -> Array:
    """Return the 8 corners of a box in the world."""
    signs = np.array(list(itertools.product((-1, 1), repeat=3)))
    return solid.position + (signs * solid.half) @ solid.axes.T


@given(quaternions, points, angles)
def test_rotation_follows_rodrigues(axis: Array, point: Array, angle: float) -> None:
    n = axis[:3] / max(float(np.linalg.norm(axis[:3])), 1e-9)
    if np.linalg.norm(axis[:3]) < 1e-3:
        n = np.array([1.0, 0.0, 0.0])
    expected = point * np.cos(angle) + np.cross(n, point) * np.sin(angle) + n * (n @ point) * (1 - np.cos(angle))
    np.testing.assert_allclose(rotation(about(n, angle)) @ point, expected, atol=1e-12)


@given(quaternions, quaternions)
def test_relative_rotation_takes_base_to_the_other(q: Array, base: Array) -> None:
    np.testing.assert_allclose(rotation(relative(q, base)) @ rotation(base), rotation(q), atol=1e-9)


@given(quaternions)
def test_rotation_ignores_the_norm_and_the_sign_of_a_quaternion(q: Array) -> None:
    np.testing.assert_allclose(rotation(-3.0 * q), rotation(q), atol=1e-12)


@given(angles, st.floats(-1.5, 1.5), angles)
def test_twist_is_the_turn_about_the_vertical_whatever_the_tilt(turn: float, lean: float, way: float) -> None:
    tilted = about(np.array([np.cos(way), np.sin(way), 0.0]), lean)
    np.testing.assert_allclose(twist(relative(yaw(turn), tilted * [-1, -1, -1, 1])), turn, atol=1e-9)
    np.testing.assert_allclose(tilt(relative(yaw(turn), tilted)), abs(lean), atol=1e-9)


@given(st.floats(-50, 50), st.sampled_from([2 * np.pi, np.pi / 2]))
def test_wrapped_angles_differ_by_whole_periods_and_lie_around_zero(angle: float, period: float) -> None:
    wrapped = float(wrap(np.array(angle), period))
    assert -period / 2 <= wrapped < period / 2 + 1e-12
    turns = (angle - wrapped) / period
    assert abs(turns - round(turns)) < 1e-9


@given(quaternions, halves, points)
def test_a_box_rises_to_its_highest_corner(q: Array, half: Array, at: Array) -> None:
    solid = Solid(at, q, half)
    np.testing.assert_allclose(solid.top, corners(solid)[:, 2].max(), atol=1e-12)
    np.testing.assert_allclose(solid.bottom, corners(solid)[:, 2].min(), atol=1e-12)


@given(quaternions, halves, arrays(float, 3, elements=st.floats(-1, 1)))
def test_points_within_a_solid_lie_in_its_footprint_and_not_outside_its_surface(
    q: Array, half: Array, inner: Array
) -> None:
    solid = Solid(np.array([0.1, 0.2, 0.3]), q, half)
    point = solid.world(inner * half)
    assert solid.footprint_margin(point) >= -1e-9
    assert solid.distance(point) <= 1e-9


@given(quaternions, halves, points)
def test_a_point_outside_a_footprint_is_separated_from_every_corner_by_a_line(
    q: Array, half: Array, point: Array
) -> None:
    solid = Solid(np.zeros(3), q, half)
    margin = float(solid.footprint_margin(point))
    ways = np.array([[np.cos(a), np.sin(a)] for a in np.linspace(0, 2 * np.pi, 721)])
    clearances = ways @ point[:2] - (corners(solid)[:, :2] @ ways.T).max(axis=0)
    # The largest clearance over all directions is the distance outside, or minus the depth inside.
    if margin >= 0:
        assert clearances.max() == pytest.approx(-margin, abs=3e-3)
    else:
        assert clearances.max() >= -margin - 3e-3


@pytest.mark.parametrize("shape", ["cylinder", "sphere"])
@given(q=quaternions, radius=st.floats(0.01, 0.1), height=st.floats(0.01, 0.1))
def test_round_solids_rise_to_their_highest_surface_point(shape: str, q: Array, radius: float, height: float) -> None:
    half = np.array([radius, radius, height if shape == "cylinder" else radius])
    solid = Solid(np.zeros(3), q, half, shape)
    turn = np.linspace(0, 2 * np.pi, 1441)
    rim = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.full_like(turn, height)], -1)
    highest = radius if shape == "sphere" else np.abs((rim @ solid.axes.T)[:, 2]).max()
    np.testing.assert_allclose(solid.top, highest, atol=1e-6)


def test_distance_to_solids_matches_closed_forms() -> None:
    half, origin = np.array([0.1, 0.1, 0.2]), np.zeros(3)
    q = np.array([0.0, 0.0, 0.0, 1.0])
    at = np.array([[0.3, 0.0, 0.0], [0.3, 0.3, 0.0], [0.0, 0.0, 0.25], [0.0, 0.0, 0.19]])
    box = Solid(origin, q, half).distance(at)
    np.testing.assert_allclose(box, [0.2, np.hypot(0.2, 0.2), 0.05, -0.01], atol=1e-12)
    cylinder = Solid(origin, q, half, "cylinder").distance(at)
    np.testing.assert_allclose(cylinder, [0.2, np.hypot(0.3, 0.3) - 0.1, 0.05, -0.01], atol=1e-12)
    sphere = Solid(origin, q, np.full(3, 0.1), "sphere").distance(at)
    np.testing.assert_allclose(sphere, [0.2, np.hypot(0.3, 0.3) - 0.1, 0.15, 0.09], atol=1e-12)


@given(angles, st.floats(0.0, 0.2))
def test_gap_of_boxes_face_to_face_is_the_free_space_whatever_the_heading(turn: float, space: float) -> None:
    half = np.array([0.03, 0.05, 0.02])
    one = Solid(np.array([0.4, 0.1, 0.02]), yaw(turn), half)
    two = Solid(one.world(np.array([0.06 + space, 0.02, 0.0])), yaw(turn), half)
    np.testing.assert_allclose(footprint_gap(one, two), space, atol=1e-9)
    np.testing.assert_allclose(footprint_gap(two, one), space, atol=1e-9)


@given(points, st.floats(0.01, 0.1), st.floats(0.01, 0.1))
def test_gap_of_balls_is_the_distance_between_centres_less_the_radii(at: Array, a: float, b: float) -> None:
    still = np.array([0.0, 0.0, 0.0, 1.0])
    one = Solid(np.zeros(3), still, np.full(3, a), "sphere")
    two = Solid(at, still, np.full(3, b), "sphere")
    # Centres within a micrometre of each other have no line between them: any direction serves.
    np.testing.assert_allclose(footprint_gap(one, two), np.hypot(at[0], at[1]) - a - b, atol=1e-6)


def test_shapes_come_from_the_cards_and_unknown_kinds_are_boxes() -> None:
    assert shape_of("ball") == "sphere"
    assert shape_of("can") == "cylinder"
    assert shape_of("bowl") == "box"
    assert shape_of("no-such-kind") == "box"
