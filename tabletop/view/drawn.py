"""A world drawn in the browser: nodes of viser's scene that go where the frames of `World.looks` go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import viser

from tabletop.sim.looks import Piece, sheets_of
from tabletop.sim.robot_model import matrix
from tabletop.view.pull import GRIPPER
from tabletop.view.session import Shown

__all__ = ["Drawn", "add_piece", "pieces_about"]

Array = npt.NDArray[np.float64]

_STILL: Final = 1e-5
"""m, or part of a quaternion, that a frame moves before it is sent anew."""
_GHOST: Final = 0.35
"""Opacity of what is only forecast."""
_FIXED: Final = ("table", "floor")
Dragged = Callable[[str, Any], None]
Clicked = Callable[[str, int], None]


class Drawn:
    """What is in the browser's scene. Only one thread may call it."""

    def __init__(self, server: viser.ViserServer, dragged: Dragged, clicked: Clicked) -> None:
        """Begin with an empty scene.

        Args:
            server: viser's.
            dragged: called with what is dragged ("gripper" for the robot) and viser's event.
            clicked: called with the entity that was clicked, and the number of the browser.
        """
        self._server = server
        self._dragged, self._clicked = dragged, clicked
        self._number = -1
        self._frames: list[viser.FrameHandle] = []
        self.sent = np.zeros((0, 7))
        """(F, 7): where the browser has been told that frames are."""
        self._sheets: list[viser.MeshHandle] = []
        self._sheet_nodes: Array | None = None
        self._ghost: viser.FrameHandle | None = None
        self._ghost_of: tuple[str, bytes] | None = None
        self._lamps: list[viser.SceneNodeHandle] = []
        self.light(fine=False)

    def light(self, fine: bool) -> None:
        """Choose how the scene is lit.

        Args:
            fine: with shadows and reflections. They take ten times as long without a graphics card.
        """
        scene = self._server.scene
        scene.configure_default_lights(enabled=fine, cast_shadow=fine)
        scene.configure_environment_map("city" if fine else None)
        for lamp in self._lamps:
            lamp.remove()
        self._lamps = []
        if not fine:
            self._lamps = [
                scene.add_light_hemisphere(
                    "/lamps/sky", sky_color=(255, 255, 255), ground_color=(120, 125, 135), intensity=2.2
                ),
                scene.add_light_directional("/lamps/sun", intensity=2.4, position=(0.6, -0.8, 1.6)),
            ]

    def draw(self, shown: Shown, clock: float) -> None:
        """Bring the scene to what a session shows, as of the monotonic clock, s."""
        with self._server.atomic():
            if shown.number != self._number:
                self._build(shown)
            poses = shown.poses(clock)
            moved = np.abs(poses - self.sent).max(axis=1, initial=0.0) > _STILL
            for i in np.flatnonzero(moved):
                self._frames[i].position = poses[i, :3]
                self._frames[i].wxyz = poses[i, [6, 3, 4, 5]]
            self.sent[moved] = poses[moved]
            self._draw_sheets(shown)
            self._draw_forecast(shown)

    def _build(self, shown: Shown) -> None:
        scene = self._server.scene
        for name in ("/world", "/sheets", "/forecast"):
            scene.remove_by_name(name)
        scene.add_frame("/world", show_axes=False)
        self._sheets, self._sheet_nodes, self._ghost, self._ghost_of = [], None, None, None
        self.sent = shown.now.poses.astype(float)
        self._frames = [
            scene.add_frame(f"/world/frame-{i}", show_axes=False, position=pose[:3], wxyz=pose[[6, 3, 4, 5]])
            for i, pose in enumerate(self.sent)
        ]
        for i, piece in enumerate(shown.pieces):
            above = "/world" if piece.frame < 0 else f"/world/frame-{piece.frame}"
            self._listen(add_piece(self._server, f"{above}/piece-{i}", piece), piece.label)
        for i, piece in enumerate(sheets_of(shown.scene, shown.now.state)):
            handle = add_piece(self._server, f"/sheets/{i}", piece)
            self._listen(handle, piece.label)
            self._sheets.append(handle)
        self._number = shown.number

    def _listen(self, handle: viser.MeshHandle, label: str) -> None:
        if label in _FIXED:
            return
        name = GRIPPER if label == "robot" else label
        handle.on_drag("left")(lambda event: self._dragged(name, event))
        if label != "robot":
            handle.on_click(lambda event: self._clicked(label, event.client_id))

    def _draw_sheets(self, shown: Shown) -> None:
        if not self._sheets:
            return
        state = shown.now.state
        nodes = np.concatenate([state.nodes(n).ravel() for n in state.layout.names if any(state.layout.grid(n))])
        if self._sheet_nodes is not None and np.abs(nodes - self._sheet_nodes).max() <= _STILL:
            return
        self._sheet_nodes = nodes
        for handle, piece in zip(self._sheets, sheets_of(shown.scene, state), strict=True):
            handle.vertices = piece.vertices

    def _draw_forecast(self, shown: Shown) -> None:
        """Show where the thing of the present step is expected, as a ghost."""
        found = _expected(shown)
        key = None if found is None else (found[0], found[1].tobytes())
        if key == self._ghost_of:
            return
        self._ghost_of = key
        if self._ghost is not None:
            self._ghost.remove()
            self._ghost = None
        if found is None:
            return
        entity, pose = found
        self._ghost = self._server.scene.add_frame(
            "/forecast", show_axes=False, position=pose[:3], wxyz=pose[[6, 3, 4, 5]]
        )
        for i, piece in enumerate(pieces_about(shown, entity)):
            add_piece(self._server, f"/forecast/{i}", piece, _GHOST)


def _expected(shown: Shown) -> tuple[str, Array] | None:
    """Return the entity that is expected to move most, and its pose (7,) then; None where nothing is forecast."""
    if shown.forecast is None or not shown.log:
        return None
    entity = shown.log[-1].get("entity")
    if entity not in shown.scene.names:
        return None
    state = shown.forecast
    middle = np.median(state.entity(entity, "position"), axis=0)
    nearest = int(np.linalg.norm(state.entity(entity, "position") - middle, axis=1).argmin())
    return entity, np.concatenate([state.entity(entity, name)[nearest] for name in ("position", "quaternion")])


def pieces_about(shown: Shown, entity: str) -> list[Piece]:
    """Return the pieces of an entity that move as one, in its own frame as the state has it: about its position."""
    state = shown.now.state
    position, turn = state.entity(entity, "position"), matrix(state.entity(entity, "quaternion"))
    out = []
    for piece in shown.pieces:
        if piece.label == entity and piece.frame >= 0:
            pose = shown.now.poses[piece.frame].astype(float)
            world = piece.vertices @ matrix(pose[3:]).T + pose[:3]
            own = np.asarray((world - position) @ turn, dtype=np.float32)
            out.append(Piece(piece.label, piece.frame, own, piece.faces, piece.color))
    return out


def add_piece(server: viser.ViserServer, name: str, piece: Piece, opacity: float | None = None) -> viser.MeshHandle:
    red, green, blue, alpha = piece.color
    return server.scene.add_mesh_simple(
        name,
        vertices=piece.vertices,
        faces=piece.faces.astype(np.uint32),
        color=(red, green, blue),
        opacity=opacity if opacity is not None else (None if alpha >= 1 else alpha),
        flat_shading=True,
        side="double" if opacity is None and name.startswith("/sheets") else "front",
    )
