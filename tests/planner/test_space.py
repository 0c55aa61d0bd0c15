from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tabletop.planner.hand import graspable, hand_axis
from tabletop.planner.space import (
    boxes,
    contains,
    covered,
    free,
    reachable,
    rise,
    strip_free,
    way_free,
)
from tabletop.sim.state import State

Build = Callable[..., State]


def point(x: float, y: float) -> np.ndarray:
    return np.array([x, y])


def test_a_thing_on_another_covers_it_and_keeps_it_from_being_taken(make: Build) -> None:
    state = make(red={"at": (0.5, 0.0)}, blue={"position": (0.51, 0.0, 0.075)}, green={"at": (0.5, 0.2)})
    assert [bool(covered(state, n)) for n in state.layout.names] == [True, False, False]
    assert [bool(graspable(state, n)) for n in state.layout.names] == [False, True, True]


def test_what_is_deep_in_a_bin_or_out_of_reach_is_not_taken(make: Build) -> None:
    state = make(
        bin={"kind": "bin", "at": (0.5, 0.1)},
        red={"position": (0.5, 0.1, 0.033)},
        far={"at": (0.5, -0.345)},
        blue={"at": (0.4, -0.1)},
    )
    assert contains(state, "bin").tolist() == [False, True, False, False]
    assert [bool(graspable(state, n)) for n in ("bin", "red", "far", "blue")] == [False, True, False, True]
    low = make(
        bin={"kind": "bin", "at": (0.5, 0.1)},
        red={"position": (0.5, 0.1, 0.0155), "size": (0.05, 0.05, 0.015)},
    )
    assert not graspable(low, "red")
    assert not reachable(state, point(0.72, 0.0))
    assert reachable(state, point(0.32, 0.29))


@pytest.mark.parametrize(("fraction", "taken"), [(1.0, True), (0.5, False)])
def test_what_is_in_a_drawer_is_taken_from_an_open_one_only(make: Build, fraction: float, taken: bool) -> None:
    state = make(
        drawer={"kind": "drawer", "position": (0.55, 0.0, 0.05), "fraction": fraction},
        red={"position": (0.52, 0.0, 0.05)},
    )
    assert contains(state, "drawer").tolist() == [False, True]
    assert bool(graspable(state, "red")) is taken


def test_what_is_long_is_taken_by_its_sides_where_the_hand_has_room(make: Build) -> None:
    size = (0.04, 0.11, 0.04)
    beside = {"position": (0.58, 0.0, 0.06), "size": (0.05, 0.3, 0.12)}
    behind = {"position": (0.5, 0.12, 0.06), "size": (0.3, 0.05, 0.12)}
    # The narrow sides of the brick are left and right of it along x: so is the hand.
    brick = {"at": (0.5, 0.0), "size": size, "position": (0.5, 0.0, 0.02)}
    assert not graspable(make(red=brick, wall=beside), "red")
    assert graspable(make(red=brick, wall=behind), "red")
    short = {**brick, "size": (0.04, 0.04, 0.04)}
    assert graspable(make(red=short, wall=beside), "red")


def test_only_what_is_higher_counts_where_it_is_asked_for(make: Build) -> None:
    state = make(red={"at": (0.5, 0.0)}, blue={"at": (0.5, 0.06)})
    assert not free(state, point(0.5, 0.0), 0.05, "red")
    assert free(state, point(0.5, 0.0), 0.05, "red", above=np.asarray(0.06))


def test_room_is_measured_from_the_sides_of_turned_boxes(make: Build) -> None:
    eighth = math.pi / 8
    state = make(red={"at": (0.5, 0.0), "quaternion": (0, 0, math.sin(eighth), math.cos(eighth))})
    # Turned by 45 deg a block of 5 cm reaches 3.54 cm along x, and its side stands 2.5 cm off along the diagonal.
    assert boxes(state).distance(point(0.6, 0.0))[0] == pytest.approx(0.1 - 0.025 * math.sqrt(2), abs=1e-6)
    diagonal = 0.1 / math.sqrt(2)
    assert boxes(state).distance(point(0.5 + diagonal, diagonal))[0] == pytest.approx(0.075)
    assert free(state, point(0.6, 0.0), 0.06, "none")
    assert not free(state, point(0.6, 0.0), 0.07, "none")
    assert free(state, point(0.6, 0.0), 0.07, "red")


def test_a_thing_on_its_side_is_as_high_as_it_lies(make: Build) -> None:
    side = (0.0, math.sin(math.pi / 4), 0.0, math.cos(math.pi / 4))
    state = make(stick={"size": (0.03, 0.04, 0.12), "quaternion": side})
    assert rise(state, "stick") == pytest.approx(0.015)
    np.testing.assert_allclose(np.sort(boxes(state).half[0]), [0.015, 0.02, 0.06], atol=1e-9)


def test_the_way_is_free_unless_something_stands_on_it_or_tall_things_near_it(make: Build) -> None:
    start, end = point(0.4, -0.2), point(0.4, 0.2)
    blocked = make(red={"at": (0.4, 0.0)})
    assert not way_free(blocked, start, end, 0.03, "none")
    beside = make(red={"at": (0.5, 0.0), "size": (0.05, 0.05, 0.1), "position": (0.5, 0.0, 0.05)})
    assert way_free(beside, start, end, 0.05, "none")
    assert not way_free(beside, start, end, 0.05, "none", hand=0.05)


def test_a_drawer_is_blocked_by_what_stands_before_it_and_not_by_what_lies_in_it(make: Build) -> None:
    drawer = {"kind": "drawer", "at": (0.68, 0.0)}
    length = np.array(0.18)
    assert strip_free(make(drawer=drawer, red={"at": (0.4, 0.25)}), "drawer", length)
    assert not strip_free(make(drawer=drawer, red={"at": (0.5, 0.05)}), "drawer", length)
    inside = make(drawer=drawer, red={"position": (0.66, 0.0, 0.035), "size": (0.04, 0.04, 0.04)})
    assert strip_free(inside, "drawer", length)


def test_the_hand_is_turned_along_what_stands_high_beside_a_thing(make: Build) -> None:
    tall = {"size": (0.05, 0.2, 0.1), "position": (0.5, 0.0, 0.05)}
    assert hand_axis(make(red={"at": (0.4, 0.0)}, wall=tall), "red") == "left"
    wide = {"size": (0.2, 0.05, 0.1), "position": (0.5, 0.0, 0.05)}
    assert hand_axis(make(red={"at": (0.5, 0.1)}, wall=wide), "red") == "away"
    assert hand_axis(make(red={"at": (0.5, 0.3)}, wall=wide), "red") is None
    assert hand_axis(make(red={"at": (0.4, 0.0)}, blue={"at": (0.47, 0.0)}), "red") is None


def test_what_stands_against_something_higher_is_not_taken(make: Build) -> None:
    wall = {"size": (0.05, 0.2, 0.1), "position": (0.5, 0.0, 0.05)}
    assert not graspable(make(red={"at": (0.445, 0.0)}, wall=wall), "red")
    assert graspable(make(red={"at": (0.42, 0.0)}, wall=wall), "red")
