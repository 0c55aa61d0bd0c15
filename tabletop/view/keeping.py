"""What can be saved from a view: a clip, a picture, the scene, the episode. Each is a file of its own in one folder."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.files import make_folder, write_whole
from tabletop.report.films import write_film
from tabletop.rollout.workers import WorkerPool
from tabletop.sim.pinhole import extrinsics, intrinsics, project_points
from tabletop.sim.scene import Scene, save_scene
from tabletop.sim.world import Snapshot, World
from tabletop.view.pull import GRIPPER

__all__ = ["Keeping"]

_WIDTH, _HEIGHT = 640, 480
_FRAMES_A_SECOND: Final = 10.0
_ARROW: Final = (255, 120, 0)
_SHORTEST, _LONGEST = 0.08, 0.4
"""m: lengths of the arrows of no force and of one without end; that of _HALF lies in the middle."""
_HALF: Final = 60.0
"""N"""
_FELT: Final = 0.5
"""N below which a force has no arrow."""

Array = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Keeping:
    """A folder that files are put into, none over another."""

    folder: Path

    def clip(self, snapshot: Snapshot, first: int, last: int) -> Path:
        """Film the way to a moment, and return the file. It happens again in another process, bit for bit.

        An arrow shows each force by which something is dragged or pushed.

        Args:
            snapshot: of the moment.
            first: control step that the film begins with.
            last: control step of the moment.

        Raises:
            TabletopError: it cannot be written.
        """
        path = self._free("clip", ".webp")
        try:
            with WorkerPool(1) as pool:
                return pool.submit(_film, snapshot, first, last, path).result()
        except BrokenExecutor:
            raise TabletopError("the clip was not made: the process that films was ended") from None

    def picture(self, pixels: npt.NDArray[np.uint8]) -> Path:
        """Write pixels (height, width, 3 or 4), RGB, as a PNG and return the file."""
        _, png = cv2.imencode(".png", np.ascontiguousarray(pixels[..., 2::-1]))
        path = self._free("picture", ".png")
        write_whole(path, png.tobytes())
        return path

    def scene(self, snapshot: Snapshot) -> Path:
        """Write the scene that a moment came of as YAML and return the file: `tabletop view --scene` takes it."""
        path = self._free("scene", ".yaml")
        save_scene(snapshot.scene, path)
        return path

    def episode(self, snapshot: Snapshot) -> Path:
        """Write the way to a moment as numbers and return the file, a .npz.

        It holds "states" (T + 1, columns), the names of "columns", and "actions" (T, 5), which are not a number where
        nothing drove the robot.
        """
        rows: list[npt.NDArray[np.float64]] = []
        with World(settings=snapshot.settings) as world:
            world.restore(snapshot, lambda: rows.append(world.state().values))
            columns = world.layout.columns
        done = [a[0] if name == "step" else None for name, a in snapshot.history if name in {"step", "advance"}]
        size = max((len(a) for a in done if a is not None), default=5)
        actions = np.array([np.full(size, np.nan) if a is None else a for a in done]).reshape(len(done), size)
        packed = io.BytesIO()
        np.savez_compressed(packed, states=np.stack(rows), columns=np.array(columns), actions=actions)
        path = self._free("episode", ".npz")
        write_whole(path, packed.getvalue())
        return path

    def _free(self, what: str, suffix: str) -> Path:
        make_folder(self.folder)
        number = 1
        while (path := self.folder / f"{what}-{number:03d}{suffix}").exists():
            number += 1
        return path


def _film(snapshot: Snapshot, first: int, last: int, path: Path) -> Path:
    frames: list[Picture] = []
    pushes = _pushes(snapshot)
    with World(settings=snapshot.settings) as world:
        steps = iter(range(last + 1))

        def shoot() -> None:
            step = next(steps)
            if step >= first:
                frames.append(_with_arrows(world, snapshot.scene, pushes.get(step, ())))

        world.restore(snapshot, shoot)
    return write_film(frames, path, _FRAMES_A_SECOND)


def _pushes(snapshot: Snapshot) -> dict[int, list[tuple[str, Array]]]:
    """Return what was pushed in each control step, and with which force, N, world."""
    out: dict[int, list[tuple[str, Array]]] = {}
    step = 1
    for name, arguments in snapshot.history:
        if name == "push":
            thing, force, long = arguments
            for later in range(math.ceil(long / snapshot.settings.substeps)):
                out.setdefault(step + later, []).append((str(thing), np.asarray(force, dtype=float)))
        step += name in {"step", "advance"}
    return out


def _with_arrows(world: World, scene: Scene, pushes: Iterable[tuple[str, Array]]) -> Picture:
    """Return a picture of the world with an arrow for each force."""
    picture, state = world.render(_WIDTH, _HEIGHT).rgb.copy(), world.state()
    k, matrix = intrinsics(scene.camera, _WIDTH, _HEIGHT), extrinsics(scene.camera)
    for name, force in pushes:
        strength = float(np.linalg.norm(force))
        if strength < _FELT:
            continue
        at = state.robot("gripper_position") if name == GRIPPER else state.entity(name, "position")
        length = _SHORTEST + (_LONGEST - _SHORTEST) * strength / (strength + _HALF)
        tip = at + force / strength * length
        (x0, y0, near), (x1, y1, far) = project_points(k, matrix, [at, tip])
        if min(near, far) > 0:
            ends = (round(x0), round(y0)), (round(x1), round(y1))
            cv2.arrowedLine(picture, *ends, _ARROW, 4, cv2.LINE_AA, tipLength=0.3)
    return picture
