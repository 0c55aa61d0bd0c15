"""What cameras see, as observations: which cameras, and what of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tabletop.errors import TabletopError, unknown
from tabletop.sim.camera import FAR
from tabletop.sim.pinhole import extrinsics, intrinsics
from tabletop.sim.scene import VIEWS, Camera, SceneCamera, check_camera, check_scene_camera
from tabletop.sim.scene_cameras import read_camera
from tabletop.sim.world import World

__all__ = ["IMAGES", "MODALITIES", "CameraChoice", "Views"]

IMAGES: Final = ("rgb", "depth", "segmentation")
"""rgb: uint8 (H, W, 3); depth: float32 (H, W), m along the camera's axis, 4 m where nothing is nearer; segmentation:
int32 (H, W), see `segmentation_labels` in sim/camera.py."""
MODALITIES: Final = (*IMAGES, "intrinsics", "extrinsics")
"""And float32 (3, 3) and (4, 4), see sim/pinhole.py."""

_LARGEST: Final = float(np.finfo(np.float32).max)

CameraView = str | Camera | SceneCamera
CameraChoice = str | Sequence[str] | Mapping[str, "CameraView | Mapping[str, Any]"]
"""A view's name, several, or names of one's own for views and cameras."""


class Views:
    """Cameras and what is observed of each: an array where that is one thing, or else a dict of "camera/modality"."""

    def __init__(
        self,
        cameras: CameraChoice = ("scene",),
        modalities: Sequence[str] = ("rgb",),
        size: tuple[int, int] = (84, 84),
        known: Sequence[str] = (),
    ) -> None:
        """Check the choice.

        Args:
            cameras: names of views, or names of one's own, each for a view, for a Camera that stays where it is, for a
                SceneCamera, or for the fields of one. Views are VIEWS ("scene", "wrist", "top") and those in `known`.
            modalities: some of MODALITIES.
            size: width and height of all pictures.
            known: names of further cameras of the scenes.

        Raises:
            TabletopError: no cameras or no modalities, an unknown one, a repeated one, or an invalid camera.
        """
        for what, given in (("cameras", cameras), ("modalities", modalities)):
            if not isinstance(given, Iterable):
                raise TabletopError(f"{what} must be a name or several, got {given!r}")
        self._cameras = _read_cameras(cameras, (*VIEWS, *known))
        self._modalities = [modalities] if isinstance(modalities, str) else list(modalities)
        for modality in self._modalities:
            if modality not in MODALITIES:
                raise unknown("modality", modality, MODALITIES)
        for what, names in (("modalities", self._modalities), ("cameras", list(self._cameras))):
            if not names:
                raise TabletopError(f"{what} must be one or more, got none")
        if len(set(self._modalities)) < len(self._modalities):
            raise TabletopError(f"modalities must be different ones, got {', '.join(self._modalities)}")
        self._size = size
        self.space = self._space()
        """Of the observations."""

    def check(self, known: Sequence[str]) -> None:
        """Check that a scene has the cameras.

        Args:
            known: names of its further cameras, beside VIEWS.

        Raises:
            TabletopError: it lacks one.
        """
        for view in self._cameras.values():
            if isinstance(view, str) and view not in VIEWS and view not in known:
                raise unknown("view", view, (*VIEWS, *known))

    @property
    def is_segmented(self) -> bool:
        """Whether segmentation is observed."""
        return "segmentation" in self._modalities

    def _space(self) -> spaces.Space[Any]:
        width, height = self._size
        of: dict[str, spaces.Space[Any]] = {
            "rgb": spaces.Box(0, 255, (height, width, 3), np.uint8),
            "depth": spaces.Box(0.0, FAR, (height, width), np.float32),
            "segmentation": spaces.Box(-1, np.iinfo(np.int32).max, (height, width), np.int32),
            "intrinsics": spaces.Box(0.0, _LARGEST, (3, 3), np.float32),
            "extrinsics": spaces.Box(-_LARGEST, _LARGEST, (4, 4), np.float32),
        }
        every = {f"{c}/{m}": of[m] for c in self._cameras for m in self._modalities}
        return spaces.Dict(every) if len(every) > 1 else next(iter(every.values()))

    def __call__(self, world: World) -> Any:
        """Return the observation of a world as it is now, of `space`."""
        every = self.all(world)
        return every if len(every) > 1 else next(iter(every.values()))

    def all(self, world: World) -> dict[str, npt.NDArray[Any]]:
        """Return each array that is observed of a world as it is now, by "camera/modality"."""
        every: dict[str, npt.NDArray[Any]] = {}
        pictured = any(m in IMAGES for m in self._modalities)
        for name in self._cameras:
            camera = self.camera(world, name)
            image = world.render(*self._size, camera) if pictured else None
            for modality in self._modalities:
                if modality in IMAGES:
                    seen = getattr(image, modality)
                elif modality == "intrinsics":
                    seen = intrinsics(camera, *self._size).astype(np.float32)
                else:
                    seen = extrinsics(camera).astype(np.float32)
                every[f"{name}/{modality}"] = seen
        return every

    def camera(self, world: World, name: str) -> Camera:
        """Return a camera as it is now: one of those observed, or any that the world has.

        Raises:
            TabletopError: no such camera, or the world has no scene.
        """
        view = self._cameras.get(name, name)
        return view if isinstance(view, Camera) else world.camera(view)

    def picture(self, world: World, width: int, height: int) -> npt.NDArray[np.uint8]:
        """Return what the first camera sees, (height, width, 3).

        Args:
            world: with a scene.
            width: pixels.
            height: pixels.

        Returns:
            uint8, RGB.

        Raises:
            TabletopError: the world has no scene.
        """
        return world.render(width, height, self.camera(world, next(iter(self._cameras)))).rgb


def _read_cameras(given: CameraChoice, known: Sequence[str]) -> dict[str, CameraView]:
    if isinstance(given, Mapping):
        return {_name(n): _view(v, known, n) for n, v in given.items()}
    names = [given] if isinstance(given, str) else list(given)
    out = {_name(n): _view(n, known, n) for n in names}
    if len(out) < len(names):
        raise TabletopError(f"cameras must be different ones, got {', '.join(names)}")
    return out


def _name(name: object) -> str:
    if isinstance(name, str) and name and "/" not in name:
        return name
    raise TabletopError(f'a camera needs a name without a slash, as in {{"front": Camera(...)}}, got {name!r}')


def _view(view: object, known: Sequence[str], name: str) -> CameraView:
    if isinstance(view, Camera):
        return check_camera(view)
    if isinstance(view, SceneCamera):
        return check_scene_camera(view)
    if isinstance(view, Mapping):
        return read_camera(name, view)
    if isinstance(view, str) and view in known:
        return view
    raise unknown("view", view, [*known, "a tabletop.sim.Camera"])
