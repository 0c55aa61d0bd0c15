"""The skills of a library, one button each, and the map of what they do to a thing from here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import viser

from tabletop.errors import TabletopError
from tabletop.view.courses import Courses
from tabletop.view.effect_map import EffectMap, effect_map
from tabletop.view.session import Shown
from tabletop.view.telling import plain

__all__ = ["Gallery"]

_WAYS: Final = (30, 130, 120)
_ENDS: Final = (20, 90, 200)
_DOT: Final = 0.012
"""m, of an end on the map."""
_WAY: Final = 0.002
"""m: how thick a line to it is."""


class Gallery:
    """A tab of the controls."""

    def __init__(
        self,
        server: viser.ViserServer,
        courses: Courses,
        button: Callable[[str, Callable[[], None]], Any],
        show: Callable[[str], None],
    ) -> None:
        """Fill the tab that is open.

        Args:
            server: viser's.
            courses: what can be asked for.
            button: adds a button with what it does.
            show: runs a skill, by its id, in a scene of its task.
        """
        self._server, self._courses = server, courses
        gui = server.gui
        self._on = gui.add_checkbox("Map the ends", False, hint="Where each skill is forecast to take the thing.")
        self._said = gui.add_markdown("")
        self._drawn: tuple[Any, ...] | None = None
        named = [offered for offered in courses.offered() if offered.rate is not None]
        gui.add_markdown(
            "Each runs in a scene of its task; the seed is under *Scene*." if named else "None has a name."
        )
        for offered in named:
            button(offered.title, partial(show, offered.id))

    def write(self, shown: Shown, entity: str | None) -> None:
        """Draw the map of an entity anew once it lies elsewhere and nothing runs; or take it away."""
        if not self._on.value or entity is None:
            self._clear("Choose a thing: click on it." if self._on.value else "")
            return
        state = shown.now.state
        numbers = (*state.entity(entity, "position"), float(state.entity(entity, "fraction")))
        here = (shown.number, entity, *(round(float(v), 2) for v in numbers))
        if here == self._drawn or shown.title:
            return
        try:
            found = effect_map(self._courses.codes(), state, entity)
        except TabletopError as error:
            self._clear(plain(str(error)))
            return
        self._draw(found)
        self._drawn = here

    def _clear(self, said: str) -> None:
        if self._drawn is not None:
            self._server.scene.remove_by_name("/map")
            self._drawn = None
        if self._said.content != said:
            self._said.content = said

    def _draw(self, found: EffectMap) -> None:
        self._clear(
            f"{len(found.skills)} skills take {plain(found.entity)} to {found.distinct - 1} ends, "
            "counted where 2 cm, or 5 % of a joint's travel, make a difference."
        )
        if len(found.skills):
            ways = np.stack([np.broadcast_to(found.start, found.ends.shape), found.ends], axis=1)
            self._server.scene.add_line_segments("/map/ways", ways, _WAYS, thickness=_WAY)
            self._server.scene.add_point_cloud("/map/ends", found.ends, _ENDS, point_size=_DOT, point_shape="circle")
