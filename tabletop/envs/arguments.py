"""What an environment is given, checked: pairs of numbers, truth values, options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tabletop.errors import TabletopError
from tabletop.logic.suite import ALL_SCENES
from tabletop.schema import is_whole
from tabletop.sim.camera import check_size

__all__ = ["check_flag", "read_options", "read_scenes", "read_size"]


def read_size(given: object, what: str) -> tuple[int, int]:
    """Return a width and a height, pixels.

    Raises:
        TabletopError: they are not two whole numbers from 1 to 4096.
    """
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise TabletopError(f"{what} must be a width and a height, as in (84, 84), got {given!r}")
    check_size(*given)
    width, height = given
    return int(width), int(height)


def read_scenes(given: object) -> tuple[int, int]:
    """Return the first number that scenes are drawn by, and the one after the last.

    Raises:
        TabletopError: they are not two whole numbers that rise, within all scenes.
    """
    low, high = ALL_SCENES
    if isinstance(given, (tuple, list)) and len(given) == 2 and all(is_whole(v, low, high) for v in given):
        first, end = int(given[0]), int(given[1])
        if first < end:
            return first, end
    raise TabletopError(f"scenes must be (from, to), whole numbers with 0 <= from < to <= 2^31, got {given!r}")


def check_flag(given: object, what: str) -> None:
    """Check that a value is True or False.

    Raises:
        TabletopError: it is neither.
    """
    if not isinstance(given, bool):
        raise TabletopError(f"{what} must be True or False, got {given!r}")


def read_options(given: object) -> dict[str, Any]:
    """Return the options of a reset; none by default.

    Raises:
        TabletopError: they are no mapping.
    """
    if given is not None and not isinstance(given, Mapping):
        raise TabletopError(f"options of reset must be a mapping, got {given!r}")
    return dict(given or {})
