"""What cameras see, as observations: which cameras, and what of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tabletop.errors import TabletopError, unknown
from tabletop.sim.camera import FAR, Image
from tabletop.sim.scene import Camera, check_camera
from tabletop.sim.viewpoints import VIEWS
from tabletop.sim.world import World

__all__ = ["MODALITIES", "CameraChoice", "Views"]

MODALITIES: Final = ("rgb", "depth", "segmentation")
"""rgb: uint8 (H, W, 3); depth: float32 (H, W), m along the camera's axis, 4 m where nothing is nearer; segmentation:
int32 (H, W), see `segmentation_ids` in sim/camera.py."""

CameraChoice = str | Sequence[str] | Mapping[str, "str | Camera"]
"""A view's name, several, or names of one's own for views and cameras."""


class Views:
    """Cameras and what is observed of each: an array where that is one thing, or else a dict of "camera/modality"."""

    def __init__(
        self,
        cameras: CameraChoice = ("scene",),
        modalities: Sequence[str] = ("rgb",),
        size: tuple[int, int] = (84, 84),
    ) -> None:
        """Check the choice.

        Args:
            cameras: names among VIEWS ("scene", "wrist", "top"), or names of one's own, each for such a view or for a
                Camera that stays where it is.
            modalities: some of MODALITIES.
            size: width and height of all pictures.

        Raises:
            TabletopError: no cameras or no modalities, an unknown one, a repeated one, or an invalid Camera.
        """
        for what, given in (("cameras", cameras), ("modalities", modalities)):
            if not isinstance(given, Iterable):
                raise TabletopError(f"{what} must be a name or several, got {given!r}")
        self._cameras = _read_cameras(cameras)
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
        }
        every = {f"{c}/{m}": of[m] for c in self._cameras for m in self._modalities}
        return spaces.Dict(every) if len(every) > 1 else next(iter(every.values()))

    def __call__(self, world: World) -> Any:
        """Return the observation of a world as it is now, of `space`."""
        every = {}
        for name, view in self._cameras.items():
            image = world.render(*self._size, _camera(world, view))
            every.update({f"{name}/{m}": _taken(image, m) for m in self._modalities})
        return every if len(every) > 1 else next(iter(every.values()))

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
        return world.render(width, height, _camera(world, next(iter(self._cameras.values())))).rgb


def _camera(world: World, view: str | Camera) -> Camera:
    return world.camera(view) if isinstance(view, str) else view


def _taken(image: Image, modality: str) -> npt.NDArray[Any]:
    if modality == "rgb":
        return image.rgb
    return image.depth if modality == "depth" else image.segmentation


def _read_cameras(given: CameraChoice) -> dict[str, str | Camera]:
    if isinstance(given, Mapping):
        return {_name(n): _view(v) for n, v in given.items()}
    names = [given] if isinstance(given, str) else list(given)
    out = {_name(n): _view(n) for n in names}
    if len(out) < len(names):
        raise TabletopError(f"cameras must be different ones, got {', '.join(names)}")
    return out


def _name(name: object) -> str:
    if isinstance(name, str) and name and "/" not in name:
        return name
    raise TabletopError(f'a camera needs a name without a slash, as in {{"front": Camera(...)}}, got {name!r}')


def _view(view: object) -> str | Camera:
    if isinstance(view, Camera):
        check_camera(view)
        return view
    if isinstance(view, str) and view in VIEWS:
        return view
    raise unknown("view", view, [*VIEWS, "a tabletop.sim.Camera"])
