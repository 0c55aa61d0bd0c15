"""What was recorded of an episode, frame by frame: pictures, and numbers as curves. It needs no scene."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import viser

from tabletop.demos.recorded import Column, Recorded, Watched
from tabletop.view.inputs import number, picked

__all__ = ["Recording"]

_WIDTH: Final = 360
"""px, at most, that a picture is wide."""
_MOST: Final = 8
"""Curves at most: of more columns, those that vary most."""
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b2a500")
_NONE: Final = "nothing"


class Recording:
    """A part of a tab: one episode at a time."""

    def __init__(
        self,
        server: viser.ViserServer,
        button: Callable[[str, Callable[[], None]], Any],
        only: Callable[[Any, Callable[[], None]], None],
    ) -> None:
        """Begin empty, in the tab that is open.

        Args:
            server: viser's.
            button: adds a button with what it does.
            only: does something for viser's event, if it comes from who drives.
        """
        self._gui = server.gui
        self._watched = Watched(np.zeros((0, 0), np.float32), {}, {})
        self._kept: dict[str, list[npt.NDArray[np.uint8]]] = {}
        self._views: dict[str, viser.GuiImageHandle] = {}
        self._plot: viser.GuiUplotHandle | None = None
        self._fps = 1.0
        self._begun: float | None = None
        with self._gui.add_folder("As it was recorded"):
            self._frame: Any = self._gui.add_slider("Frame", 0, 1, 1, 0)
            self._play = button("Play", self._play_or_halt)
            self._chosen: Any = self._gui.add_dropdown("Numbers", (_NONE,))
            self._said = self._gui.add_markdown("")
            self._pictures = self._gui.add_folder("Pictures")
            self._curves = self._gui.add_folder("Curves")
        self._frame.on_update(lambda event: only(event, self._look))
        self._chosen.on_update(lambda event: only(event, self._draw))

    def show(self, episode: Recorded) -> None:
        """Show an episode, from its first frame on.

        Raises:
            TabletopError: it cannot be read.
        """
        watched = episode.watch()
        kept = {camera: _small(pictures) for camera, pictures in watched.pictures.items()}
        self._watched, self._kept, self._fps, self._begun = watched, kept, episode.fps, None
        for view in self._views.values():
            view.remove()
        with self._pictures:
            self._views = {
                camera: self._gui.add_image(_shown(pictures[0]), label=camera, format="jpeg")
                for camera, pictures in kept.items()
                if pictures
            }
        self._pictures.visible = bool(self._views)
        self._frame.max = max(1, self._frames - 1)
        self._frame.value = 0
        names = tuple(watched.numbers) or (_NONE,)
        was = self._chosen.value
        self._chosen.options = names
        self._chosen.value = next((name for name in (was, "action") if name in names), names[0])
        self._draw()

    def write(self) -> None:
        """Go on to the frame that is to be seen by now, where it is played."""
        if self._begun is None:
            return
        frame = min(int((time.monotonic() - self._begun) * self._fps), self._frames - 1)
        if frame != self._frame.value:
            self._frame.value = frame
            self._look()
        if frame >= self._frames - 1:
            self._halt()

    @property
    def _frames(self) -> int:
        lengths = [len(c.values) for c in self._watched.numbers.values()] + [len(p) for p in self._kept.values()]
        return max([1, *lengths])

    def _play_or_halt(self) -> None:
        if self._begun is not None:
            self._halt()
            return
        frame = int(number(self._frame))
        first = 0 if frame >= self._frames - 1 else frame
        self._begun = time.monotonic() - first / self._fps
        self._play.label = "Halt"

    def _halt(self) -> None:
        self._begun = None
        self._play.label = "Play"

    def _look(self) -> None:
        """Show the frame that is chosen."""
        frame = int(number(self._frame))
        for camera, view in self._views.items():
            pictures = self._kept[camera]
            view.image = _shown(pictures[min(frame, len(pictures) - 1)])
        said = f"Frame {frame} of {self._frames - 1}, {frame / self._fps:.1f} s"
        column = self._watched.numbers.get(picked(self._chosen))
        if column is not None and frame < len(column.values):
            now = (f"{column.names[i]} {column.values[frame, i]:.3f}" for i in _varying(column))
            said += f": {', '.join(now)}"
        self._said.content = said

    def _draw(self) -> None:
        """Draw the curves of the numbers that are chosen."""
        if self._plot is not None:
            self._plot.remove()
            self._plot = None
        column = self._watched.numbers.get(picked(self._chosen))
        self._curves.visible = column is not None and len(column.values) > 0
        if column is not None and len(column.values):
            drawn = _varying(column)
            seconds = np.arange(len(column.values)) / self._fps
            with self._curves:
                self._plot = self._gui.add_uplot(
                    (seconds, *(np.ascontiguousarray(column.values[:, i]) for i in drawn)),
                    (
                        viser.uplot.Series(label="s"),
                        *(
                            viser.uplot.Series(label=column.names[i], stroke=colour, width=2)
                            for i, colour in zip(drawn, _COLOURS, strict=False)
                        ),
                    ),
                    scales={"x": viser.uplot.Scale(time=False)},
                    aspect=1.6,
                )
        self._look()


def _varying(column: Column) -> list[int]:
    """Return the columns that vary most, in their order."""
    spread = np.nan_to_num(np.ptp(column.values, axis=0)) if len(column.values) else np.zeros(len(column.names))
    return sorted(np.argsort(-spread, kind="stable")[:_MOST].tolist())


def _small(pictures: Iterable[npt.NDArray[np.uint8]]) -> list[npt.NDArray[np.uint8]]:
    """Return pictures (height, width, 3), made small, as JPEG: those of a long episode fill the memory else."""
    found = []
    for picture in pictures:
        share = min(1.0, _WIDTH / picture.shape[1])
        small = cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        found.append(np.asarray(cv2.imencode(".jpg", small[..., ::-1])[1], np.uint8))
    return found


def _shown(kept: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return a kept picture, (height, width, 3) RGB."""
    return np.ascontiguousarray(np.asarray(cv2.imdecode(kept, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])
