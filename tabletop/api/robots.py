"""Measuring robots, and drawing scenes with one."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from tabletop.api.bounds import check_numbers
from tabletop.errors import TabletopError
from tabletop.schema import is_whole

__all__ = ["check_robot", "on_robot", "use_robot"]

P = ParamSpec("P")
R = TypeVar("R")


def on_robot(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that draws scenes with the robot that its keyword `robot` names."""

    @wraps(function)
    def call(*given: P.args, **named: P.kwargs) -> R:
        robot = named.get("robot")
        if robot is None:
            return function(*given, **named)
        from tabletop.sim.robot_card import using_robot

        if not isinstance(robot, str):
            raise TabletopError(f"robot must be the name of a card in assets/robots, got {robot!r}")
        with using_robot(robot):
            return function(*given, **named)

    return call


def use_robot(name: str) -> None:
    """Draw scenes with a robot from now on: all that is done with the Panda is done with it.

    Args:
        name: of a card in assets/robots, a project's own among them.

    Raises:
        TabletopError: there is none of that name, or it is malformed.

    >>> use_robot("cobot6")
    >>> from tabletop.sim import generate, load_scene_card
    >>> generate(load_scene_card("discovery"), 0).robot.name
    'cobot6'
    >>> use_robot("panda")
    """
    from tabletop.sim import robot_card

    robot_card.use_robot(name)


def check_robot(
    name: str, out: str | os.PathLike[str] | None = None, *, poses: int = 10_000, seed: int = 0
) -> dict[str, Any]:
    """Measure a robot: reach, postures, self-collision, what it lifts, speed. Writes a page with pictures.

    Args:
        name: of a card in assets/robots, a project's own among them.
        out: folder for check.json, reach.png and index.html; None: nothing is written.
        poses: random poses that postures are sought for, 2 to 1,000,000.
        seed: of them.

    Returns:
        The figures, as `tabletop.sim.robot_check.check_robot` says them; "page": the page's path, where there is one.

    Raises:
        TabletopError: no such robot, a malformed one, or a folder that cannot be written to.
    """
    import cv2

    from tabletop.files import check_out, make_folder, write_json, write_whole
    from tabletop.importing.robot_page import reach_picture, robot_page
    from tabletop.sim import robot_check
    from tabletop.sim.robot_card import load_robot_card

    check_numbers({"seed": seed})
    if not is_whole(poses, 2, 10**6):
        raise TabletopError(f"poses must be a whole number from 2 to 1000000, got {poses!r}")
    load_robot_card(name)
    folder = None if out is None else Path(out)
    if folder is not None:
        check_out(folder / "check.json", "the figures")
    found = robot_check.check_robot(name, poses, seed)
    if folder is None:
        return found
    make_folder(folder)
    _, data = cv2.imencode(".png", reach_picture(found["reach"])[..., ::-1])
    write_whole(folder / "reach.png", data.tobytes())
    write_whole(folder / "index.html", robot_page(found))
    write_json(folder / "check.json", found)
    return {**found, "page": str(folder / "index.html")}
