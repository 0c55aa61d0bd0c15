"""The page of a robot that was measured: what it looks like, where it reaches, and the figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from tabletop.importing.page import image_text, page_text, table_text
from tabletop.sim.generate import generate
from tabletop.sim.robot_check import HEIGHTS, PLACES
from tabletop.sim.scene import TABLE_NEAR_EDGE, Camera, Table
from tabletop.sim.world import World

__all__ = ["reach_picture", "robot_page", "robot_portrait"]

Picture = npt.NDArray[np.uint8]

_CELL: Final = 16
"""Pixels of a place."""
_GAP: Final = 24
_REACHED: Final = (120, 190, 110)
_NOT: Final = (225, 225, 225)
_TABLE: Final = (60, 60, 60)
_VIEWS: Final = (
    Camera((-0.35, 1.35, 0.85), (0.30, 0.0, 0.25), 48.0),
    Camera((1.15, -0.85, 0.60), (0.30, 0.0, 0.25), 48.0),
)


def robot_portrait(name: str) -> Picture:
    """Return a picture (480, 1280, 3), RGB, of a robot at rest over a table with a few things, from two sides."""
    scene = generate({"entities": {"a": "block", "b": "can", "c": "brick"}}, 4, robot=name)
    with World() as world:
        world.load(scene)
        return np.hstack([world.render(640, 480, view).rgb for view in _VIEWS])


def reach_picture(reach: Mapping[str, Any]) -> Picture:
    """Return a picture, RGB, of where the gripper can be, one map a height: away from the robot is up.

    Args:
        reach: as `check_robot` returns it.
    """
    maps = []
    for height, reached in zip(HEIGHTS, reach["reached"], strict=True):
        # Rows go with x and columns with y; away is up and left is left.
        grid = np.array(reached, dtype=bool)[::-1, ::-1]
        cells = np.where(grid[..., None], np.array(_REACHED), np.array(_NOT)).astype(np.uint8)
        picture = np.kron(cells, np.ones((_CELL, _CELL, 1), dtype=np.uint8))
        _outline(picture)
        head = np.full((_GAP, picture.shape[1], 3), 255, dtype=np.uint8)
        text = f"{100 * height:.1f} cm above the table"
        cv2.putText(head, text, (4, _GAP - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
        maps.append(np.vstack([head, picture]))
    space = np.full((maps[0].shape[0], _GAP, 3), 255, dtype=np.uint8)
    return np.hstack([part for one in maps for part in (one, space)][:-1])


def _outline(picture: Picture) -> None:
    """Draw the table's edge into a map."""
    depth, width = Table().size
    xs, ys = PLACES
    height, _ = picture.shape[:2]

    def at(x: float, y: float) -> tuple[int, int]:
        step_x, step_y = xs[1] - xs[0], ys[1] - ys[0]
        down = height - ((x - xs[0]) / step_x + 0.5) * _CELL
        right = ((ys[-1] - y) / step_y + 0.5) * _CELL
        return round(float(right)), round(float(down))

    far = TABLE_NEAR_EDGE + depth
    cv2.rectangle(picture, at(far, width / 2), at(TABLE_NEAR_EDGE, -width / 2), _TABLE, 1)


def robot_page(found: Mapping[str, Any]) -> str:
    """Return the page, HTML.

    Args:
        found: as `check_robot` returns it.
    """
    down, free, speed = found["ik"]["down"], found["ik"]["any"], found["speed"]
    rows = [
        ["joints of the arm", str(found["joints"])],
        ["fingers open", f"{100 * found['max_width']:.1f} cm"],
        *(
            [f"reached {100 * z:.1f} cm above the table", f"{100 * share:.0f} % of the places below"]
            for z, share in zip(found["reach"]["heights"], found["reach"]["shares"], strict=True)
        ),
        ["out of reach in its workspace, gripper down", _failures(down)],
        ["no posture found for a pose that one has", _failures(free)],
        ["worst error", f"{max(down['worst_mm'], free['worst_mm']):.1e} mm, {free['worst_deg']:.1e} deg"],
        ["time for a posture", f"{down['ms']:.2f} ms gripper down, {free['ms']:.2f} ms any pose"],
        ["links in each other at rest", ", ".join(" and ".join(pair) for pair in found["self_collision"]) or "none"],
        [
            "lifts",
            ", ".join(f"{1000 * r['mass']:.0f} g" for r in found["lifts"] if r["lifted"]) or "none of the blocks",
        ],
        ["drops", ", ".join(f"{1000 * r['mass']:.0f} g" for r in found["lifts"] if not r["lifted"]) or "none"],
        [
            "control steps a second",
            f"{speed['control_steps_per_second']:.0f}, {100 * speed['share_of_panda']:.0f} % of the Panda's",
        ],
        ["the gripper moves", f"{speed['gripper_metres_per_second']:.2f} m/s at most"],
    ]
    parts = [
        image_text(robot_portrait(found["robot"])[..., ::-1], ".jpg"),
        "<h2>Where the gripper can be</h2><p>Pointing down, seen from above; away from the robot is up. "
        "The line is a table's edge.</p>",
        image_text(reach_picture(found["reach"])[..., ::-1], ".png"),
        "<h2>Measured</h2>",
        table_text(["what", "found"], rows),
    ]
    return page_text(found["robot"], parts)


def _failures(part: Mapping[str, Any]) -> str:
    if not part["poses"]:
        return "no pose in its workspace was found"
    return f"{100 * part['failed']:.2f} % of {part['poses']} poses"
