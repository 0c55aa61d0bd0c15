"""Cameras that a scene card names, besides the one that every scene has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tabletop.schema import fill, plain
from tabletop.sim.placement import draw
from tabletop.sim.scene import SceneCamera, check_scene_camera

__all__ = ["camera_names", "draw_cameras", "read_camera"]


def camera_names(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the cameras of a scene card that `check_card` takes."""
    return tuple(card.get("cameras", {}))


def draw_cameras(card: Mapping[str, Any], rng: np.random.Generator) -> tuple[SceneCamera, ...]:
    """Return the cameras of a scene card that `check_card` takes, one after another.

    Args:
        card: a number or a range [low, high] may stand wherever a position, a target or a field of view has a number.
        rng: draws from the ranges.

    Raises:
        TabletopError: a range does not rise, or a camera cannot see.

    >>> front = {"position": [1.2, [-0.1, 0.1], 0.5], "target": [0.45, 0.0, 0.05]}
    >>> (camera,) = draw_cameras({"cameras": {"front": front}}, np.random.default_rng(0))
    >>> camera.name, camera.position[0], -0.1 <= camera.position[1] <= 0.1
    ('front', 1.2, True)
    """
    return tuple(_drawn(name, fields, rng) for name, fields in plain(card.get("cameras", {})).items())


def _drawn(name: str, fields: Mapping[str, Any], rng: np.random.Generator) -> SceneCamera:
    drawn = {**fields}
    for field in ("position", "target"):
        drawn[field] = [draw(v, rng, f"scene camera {name!r}: {field}") for v in fields[field]]
    if "fov" in fields:
        drawn["fov"] = draw(fields["fov"], rng, f"scene camera {name!r}: fov")
    return read_camera(name, drawn)


def read_camera(name: str, fields: Mapping[str, Any]) -> SceneCamera:
    """Return a camera of fields without ranges.

    Args:
        name: the camera's.
        fields: position and target, and fov, frame and up where they are not the default.

    Raises:
        TabletopError: a field is missing, unknown, of another type or out of its range, or the camera cannot see.
    """
    camera = fill(SceneCamera, {**plain(fields), "name": name}, f"camera {name!r}")
    return check_scene_camera(camera)
