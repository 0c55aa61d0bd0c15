"""What the robot takes for an action, wherever it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.sim.robot_card import load_robot_card

__all__ = ["ACTION_SIZE", "action_numbers", "action_size", "as_action"]

ACTION_SIZE: Final = 5
"""dx, dy, dz, dyaw, grip: with control "cartesian", which scripted policies and discovered skills act by."""

_LONGEST: Final = 80
"""Characters of a wrong action that an error shows."""


def action_size(control: str, robot: str) -> int:
    """Return how many numbers an action has.

    Args:
        control: one of CONTROLS in tabletop/config.py.
        robot: name of a card in assets/robots.
    """
    return {"cartesian": ACTION_SIZE, "pose": 7}.get(control) or len(load_robot_card(robot).arm_joints) + 1


def as_action(action: object, size: int = ACTION_SIZE) -> npt.NDArray[np.float32]:
    """Return an action as the robot takes it, float32 (size,).

    Numbers outside [-1, 1] stay as they are: the robot clips them.

    Raises:
        TabletopError: it is not so many finite numbers.
    """
    try:
        given = np.asarray(action, dtype=np.float32)
        fits = given.shape == (size,) and bool(np.isfinite(given).all())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise _refused(action, size)
    return given


def action_numbers(
    action: Sequence[float] | npt.NDArray[np.floating[Any]], size: int = ACTION_SIZE
) -> tuple[float, ...]:
    """Return an action as Python floats; what was a double stays one.

    Raises:
        TabletopError: it is not so many finite numbers.
    """
    try:
        given = tuple(float(a) for a in action)
    except (TypeError, ValueError, OverflowError):
        given = ()
    if len(given) != size or not all(map(math.isfinite, given)):
        raise _refused(action, size)
    return given


def _refused(action: object, size: int) -> TabletopError:
    """Return the error for a wrong action, which it shows in one line that can be read."""
    text = " ".join(repr(action).split())
    if len(text) > _LONGEST:
        shape = getattr(action, "shape", None)
        text = f"{type(action).__name__}{'' if shape is None else f' of shape {shape}'}"
    hint = "" if size == ACTION_SIZE else "; scripts and skills act with control='cartesian'"
    return TabletopError(f"an action is {size} finite numbers in [-1, 1]{hint}, got {text}")
