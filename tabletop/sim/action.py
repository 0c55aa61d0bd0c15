"""What the robot takes for an action, wherever it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError

__all__ = ["ACTION_SIZE", "action_numbers", "as_action"]

ACTION_SIZE: Final = 5
"""dx, dy, dz, dyaw, grip."""

_LONGEST: Final = 80
"""Characters of a wrong action that an error shows."""


def as_action(action: object) -> npt.NDArray[np.float32]:
    """Return an action as the robot takes it, float32 (5,).

    Numbers outside [-1, 1] stay as they are: the robot clips them.

    Raises:
        TabletopError: it is not five finite numbers.
    """
    try:
        given = np.asarray(action, dtype=np.float32)
        fits = given.shape == (ACTION_SIZE,) and bool(np.isfinite(given).all())
    except (TypeError, ValueError):
        fits = False
    if not fits:
        raise _refused(action)
    return given


def action_numbers(action: Sequence[float] | npt.NDArray[np.floating[Any]]) -> tuple[float, ...]:
    """Return an action as five Python floats; what was a double stays one.

    Raises:
        TabletopError: it is not five finite numbers.
    """
    try:
        given = tuple(float(a) for a in action)
    except (TypeError, ValueError, OverflowError):
        given = ()
    if len(given) != ACTION_SIZE or not all(map(math.isfinite, given)):
        raise _refused(action)
    return given


def _refused(action: object) -> TabletopError:
    """Return the error for a wrong action, which it shows in one line that can be read."""
    text = " ".join(repr(action).split())
    if len(text) > _LONGEST:
        shape = getattr(action, "shape", None)
        text = f"{type(action).__name__}{'' if shape is None else f' of shape {shape}'}"
    return TabletopError(f"an action is {ACTION_SIZE} finite numbers in [-1, 1], got {text}")
