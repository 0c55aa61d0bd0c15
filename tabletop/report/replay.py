"""Episodes that a page plays in three dimensions: triangles, and where they are at each control step."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.files import write_whole
from tabletop.rollout.episode import Trajectory, process_world

__all__ = ["SUFFIX", "replay_of", "write_replay"]

SUFFIX: Final = ".replay.json"
"""Of the file beside a film, in place of the film's own suffix."""
_GRAIN: Final = 1e-4
"""m, the unit of all lengths in it."""
_UNIT: Final = 32767
"""That stands for 1 in a quaternion."""
_FAR: Final = 3.2
"""m: what is farther away, such as what fell off the table, is put there."""


def replay_of(run: Trajectory, every: int = 1) -> dict[str, Any] | None:
    """Return an episode as numbers for page.js; None where it cannot be.

    The actions are run again, to read where all links are. It cannot be where that leads elsewhere, as after a
    disturbance, and where something deformable is in the scene.

    Args:
        run: the episode.
        every: control steps from one picture to the next.

    Returns:
        "rate", pictures a second; "camera": where from and to, m; "pieces": colour "c", frame "m" (-1: none), vertices
        "v" (int16, units of 0.1 mm) and triangles "f" (uint16); "frames", how many; and "poses" (pictures, frames, 7)
        as int16, the quaternions in units of 1/32767. Numbers are little-endian in base64.
    """
    if any(n for n, _ in run.layout.grids):
        return None
    world = process_world()
    world.load(run.scene)
    looks, rows = world.looks(), [world.poses()]
    for i, action in enumerate(run.actions):
        world.step(action.tolist())
        if (i + 1) % every == 0:
            rows.append(world.poses())
    if not np.array_equal(world.state().values, run.final.values):
        return None
    used = sorted({piece.frame for piece in looks if piece.frame >= 0})
    poses = np.stack(rows)[:, used]
    poses[..., :3] = np.clip(poses[..., :3], -_FAR, _FAR) / _GRAIN
    poses[..., 3:] *= _UNIT
    pieces = [
        {
            "c": [round(255 * v) for v in piece.color[:3]],
            "m": used.index(piece.frame) if piece.frame >= 0 else -1,
            "v": _packed(np.clip(piece.vertices, -_FAR, _FAR) / _GRAIN, "<i2"),
            "f": _packed(piece.faces, "<u2"),
        }
        for piece in looks
    ]
    camera = run.scene.camera
    return {
        "rate": round(1 / (world.settings.control_step * every), 3),
        "camera": [list(camera.position), list(camera.target)],
        "pieces": pieces,
        "frames": len(used),
        "poses": _packed(poses, "<i2"),
    }


def write_replay(run: Trajectory, film: Path, every: int = 1) -> Path | None:
    """Write an episode's replay beside its film; return its path, or None where there is none."""
    found = replay_of(run, every)
    if found is None:
        return None
    path = film.with_suffix(SUFFIX)
    write_whole(path, json.dumps(found, separators=(",", ":")))
    return path


def _packed(values: npt.NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.round(values).astype(kind).tobytes()).decode("ascii")
