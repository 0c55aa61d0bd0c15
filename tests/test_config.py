"""Settings: control steps of other lengths."""

from __future__ import annotations

import numpy as np
import pytest

from tabletop.config import SimSettings
from tabletop.errors import TabletopError
from tabletop.sim import Entity, Scene, World

BLOCK = Entity("block", "block", (0.45, 0.0, 0.03), size=(0.06, 0.06, 0.06))


def test_ten_hertz_are_the_settings_as_they_are() -> None:
    assert SimSettings().at(10) == SimSettings()
    assert SimSettings().at(40).at(10) == SimSettings()
    assert SimSettings().at(7.5).substeps == 16
    assert SimSettings().at(30).control_frequency == pytest.approx(30)


@pytest.mark.parametrize("frequency", [0, -10, 7, 50, 240, 0.5, float("nan")])
def test_frequencies_that_do_not_divide_the_physics_rate_are_refused(frequency: float) -> None:
    with pytest.raises(TabletopError, match=r"must divide 120 Hz, got .*; 1, 2, 3, 4, 5, 6, 8, 10, 12, 15") as error:
        SimSettings().at(frequency)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_speed_a_second_does_not_depend_on_the_frequency(axis: int) -> None:
    """Half a second of full speed: 0.4 m/s or 2.5 rad/s less what the arm takes to get going."""
    action = [0.0, 0.0, 0.0, 0.0, 1.0]
    action[axis] = -1.0
    went = []
    for frequency in (5, 10, 30, 120):
        with World(settings=SimSettings().at(frequency)) as world:
            first = world.load(Scene())
            for _ in range(frequency // 2 + frequency % 2):
                state = world.step(action)
            time = float(state.robot("time"))
            assert time == pytest.approx((frequency // 2 + frequency % 2) / frequency)
            if axis < 3:
                moved = (state.robot("gripper_position") - first.robot("gripper_position"))[axis]
            else:
                moved = np.subtract(*(2 * np.arctan2(*s.robot("gripper_quaternion")[1::-1]) for s in (state, first)))
            went.append(-moved / time)
    top = 0.4 if axis < 3 else 2.5
    assert max(went) <= 1.01 * top
    assert min(went) > 0.8 * top


@pytest.mark.parametrize("frequency", [10, 30, 60, 120])
def test_touches_are_noted_in_control_steps_of_any_length(frequency: int) -> None:
    """What the hand presses on counts as touched, and does not glide, in each control step."""
    with World(settings=SimSettings().at(frequency)) as world:
        state = world.load(Scene((BLOCK,)))
        rows = [world.step([0.0, 0.0, -1.0, 0.0, -1.0]) for _ in range(frequency)]
        state = rows[-1]
    assert state.entity("block", "touch") > 5.0
    felt = [r.entity("block", "finger_force").sum() > 0 for r in rows]
    free = np.array([r.entity("block", "free_distance") for r in rows])
    assert sum(felt) > frequency / 4
    assert not free[np.array(felt)].any()
