"""The controls beside the scene, and what is written there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import viser

from tabletop.api.choices import cards
from tabletop.demos.recorded import Recorded
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.perturbation import FAMILIES, Perturbation
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.view.course import Course
from tabletop.view.courses import Courses
from tabletop.view.drawn import add_piece, pieces_about
from tabletop.view.episodes import Episodes
from tabletop.view.gallery import Gallery
from tabletop.view.inputs import number, picked
from tabletop.view.keeping import Keeping
from tabletop.view.session import SPEEDS, Session, Shown
from tabletop.view.telling import columns_text, status_text, story_text

__all__ = ["Panels"]

_ANY: Final = "(the first it can)"
_NONE: Final = "nothing"
_CLIP: Final = 15.0
"""s of a clip, in the scene's own time, up to the moment that is shown."""
_SEEN: Final = (160, 120)
"""Pixels of what cameras see."""
_GHOST: Final = 0.4


class Panels:
    """The controls. Whoever does not drive is told so, and nothing happens."""

    def __init__(
        self,
        server: viser.ViserServer,
        session: Session,
        courses: Courses,
        keeping: Keeping,
        allowed: Callable[[int | None], bool],
        light: Callable[[bool], None],
        episodes: Sequence[Recorded] = (),
    ) -> None:
        """Put them on the page.

        Args:
            server: viser's.
            session: that they are of.
            courses: what can be asked for.
            keeping: where clips and such are saved.
            allowed: says whether a browser, by its number, drives.
            light: chooses whether the scene is lit finely.
            episodes: of a dataset that is browsed.
        """
        self._server, self._gui = server, server.gui
        self._session, self._courses, self.keeping, self._allowed = session, courses, keeping, allowed
        self._light = light
        self.number = -1
        """Of the scene whose things are offered."""
        self._skills = {offered.title: offered.id for offered in courses.offered()}
        self.ghost: viser.TransformControlsHandle | None = None
        self._played = True
        self._gui.main_panel.dock_right()
        self._gui.configure_theme(control_width="large", show_logo=False, show_share_button=False)
        self._status = self._gui.add_markdown("")
        self._clock()
        tabs = self._gui.add_tab_group()
        self._episodes: Episodes | None = None
        if episodes:
            with tabs.add_tab("Episodes"):
                self._episodes = Episodes(server, episodes, self._button, self._only, self._elsewhere)
        with tabs.add_tab("Do"):
            self._do()
        with tabs.add_tab("Skills"):
            self._gallery = Gallery(server, courses, self._button, self._show)
        with tabs.add_tab("Scene"):
            self._scene()
        with tabs.add_tab("Time"):
            self._time()
        with tabs.add_tab("Shove"):
            self._shove()
        with tabs.add_tab("See"):
            self._see()

    # --- what is chosen ----------------------------------------------------------------------

    def choose(self, entity: str) -> None:
        """Choose an entity, as a click on it does."""
        if entity in self._thing.options:
            self._set(self._thing, "value", entity)
            self._offer()

    def write(self, shown: Shown) -> None:
        """Bring what is written up to date."""
        if shown.number != self.number:
            self.number = shown.number
            self._drop_ghost()
            names = (_ANY, *shown.scene.names)
            self._thing.options = names
            self._set(self._thing, "value", _ANY)
            self._offer()
        self._set(self._status, "content", status_text(shown))
        self._set(self._story, "content", story_text(shown))
        first, last = shown.ends
        if (self._moment.min, self._moment.max) != (first, max(last, first + 1)):
            self._moment.min, self._moment.max = first, max(last, first + 1)
        if shown.playing or self._played:
            self._set(self._moment, "value", last)
        self._played = shown.playing
        self._set(self._pause, "label", "Pause" if shown.playing else "Go on from here")
        self._watch(shown)
        self._gallery.write(shown, self._entity())
        if self._episodes is not None:
            self._episodes.write()

    @staticmethod
    def _set(handle: Any, field: str, value: Any) -> None:
        if getattr(handle, field) != value:
            setattr(handle, field, value)

    def _entity(self) -> str | None:
        """Return the thing that is chosen; None where none is, or it is of the scene before."""
        value = self._thing.value
        return value if value in self._session.shown.scene.names else None

    # --- panels ------------------------------------------------------------------------------

    def _do(self) -> None:
        gui = self._gui
        self._thing = gui.add_dropdown(
            "Thing", (_ANY,), hint="What a skill is to work on. A click on a thing chooses it."
        )
        self._thing.on_update(lambda event: self._only(event, self._offer))
        self._skill = gui.add_dropdown(
            "Skill", tuple(self._skills), hint="Learned without reward; names and rates by trial."
        )
        self._button(
            "Run the skill",
            lambda: self._here(lambda s: self._courses.skill(self._skills[picked(self._skill)], self._entity(), s)),
        )
        self._button("Show it in a scene of its own", lambda: self._show(self._skills[picked(self._skill)]))
        with gui.add_folder("Bring it to"):
            self._button("Show a target to drag", self._show_ghost)
            self._button("Bring the thing there", self._bring)
            fraction = gui.add_slider("Open to, %", 0, 100, 5, 100, hint="Of what has a joint, such as a drawer.")
            self._button(
                "Open the thing so far",
                lambda: self._here(lambda s: self._courses.to_fraction(self._needed(), number(fraction) / 100, s)),
            )
        with gui.add_folder("Plan"):
            goal = gui.add_text("Goal", "", hint="Such as: open(drawer) and on(red, blue)")
            whose = gui.add_dropdown("With skills", ("library", "scripted"))
            self._wrong = gui.add_markdown("")
            self._button("Plan and go", lambda: self._plan(str(goal.value), picked(whose)))
            self._story = gui.add_markdown("")
        with gui.add_folder("Task"):
            task = gui.add_dropdown("Task", tuple(load_registry()))
            policies = ("scripted", "library") if self._courses.policy is None else ("own", "scripted", "library")
            policy = gui.add_dropdown("Policy", policies)
            self._button(
                "Run on the task's scene",
                lambda: self._elsewhere(lambda: self._courses.task(picked(task), self._seeded(), picked(policy))),
            )
        self._button("Stop", self._session.end)

    def _scene(self) -> None:
        gui = self._gui
        self.card = gui.add_dropdown("Scene card", cards(), initial_value="planning")
        self._seed = gui.add_number("Seed", 0, min=0, max=2**31 - 1, step=1)
        self._button("Drop the robot in", self._drop_in)
        self._button("Save the scene", lambda: self._saved(self.keeping.scene(self._snapshot())))

    def _clock(self) -> None:
        """Put what a person who shoves needs at hand beside every tab: a skill is over in a second or two."""
        gui = self._gui
        speed = gui.add_dropdown("Speed", tuple(f"{s:g} x" for s in SPEEDS), initial_value="1 x")
        speed.on_update(lambda event: self._only(event, lambda: self._session.speed(float(picked(speed).split()[0]))))
        self._pause = self._button("Pause", lambda: self._session.play(not self._session.shown.playing))

    def _time(self) -> None:
        gui = self._gui
        self._button("One step", self._session.step)
        self._moment = gui.add_slider("Moment", 0, 1, 1, 0, hint="Control steps since the robot was dropped in.")
        self._moment.on_update(
            lambda event: self._only(event, lambda: self._session.look_back(int(number(self._moment))))
        )
        self._button("Save a clip", self._save_clip, with_event=True)
        self._button("Save a picture", self._save_picture, with_event=True)
        self._button("Save the episode", lambda: self._saved(self.keeping.episode(self._snapshot())))

    def _shove(self) -> None:
        gui = self._gui
        gui.add_markdown(
            "Drag a thing, or the arm, with the mouse: it is pulled after the pointer as long as you hold on. "
            "A skill takes a second or two, so choose a slow speed first."
        )
        family = gui.add_dropdown("Perturbation", (_NONE, *FAMILIES))
        level = gui.add_slider("How much, %", 0, 100, 5, 50, hint="Of the most that `tabletop perturb` tries.")
        said = gui.add_markdown("")

        def perturb() -> None:
            if picked(family) == _NONE:
                said.content = ""
                self._session.perturb(None)
                return
            found = FAMILIES[picked(family)]
            magnitude = found.magnitudes[-1] * number(level) / 100
            later = "" if found.scene is None else " From the next scene on that the robot is dropped into."
            said.content = f"{found.description} Now {magnitude:.3g} {found.unit}.{later}"
            self._session.perturb(Perturbation(found.name, magnitude, self._entity()))

        for handle in (family, level):
            handle.on_update(lambda event: self._only(event, perturb))

    def _see(self) -> None:
        gui = self._gui
        self._seen = gui.add_checkbox("Show what cameras see", False)
        blank = np.zeros((_SEEN[1], _SEEN[0], 3), dtype=np.uint8)
        self._views = [gui.add_image(blank, label=name, format="jpeg", visible=False) for name in ("scene", "wrist")]
        self._numbers = gui.add_checkbox("Show the numbers of the thing", False)
        self._table = gui.add_markdown("")
        fine = gui.add_checkbox("Shadows and reflections", False, hint="Slow without a graphics card.")
        fine.on_update(lambda event: self._only(event, lambda: self._light(bool(fine.value))))

    # --- what buttons do ---------------------------------------------------------------------

    def _button(self, label: str, do: Callable[..., None], *, with_event: bool = False) -> viser.GuiButtonHandle:
        button = self._gui.add_button(label)
        button.on_click(lambda event: self._only(event, (lambda: do(event)) if with_event else do))
        return button

    def _only(self, event: Any, do: Callable[[], None]) -> None:
        """Do something that somebody asked for, if they drive; tell them in one line where it cannot be."""
        if event.client is None:
            return
        if not self._allowed(event.client_id):
            event.client.add_notification("Somebody else drives", "You watch.", auto_close_seconds=4.0)
            return
        try:
            do()
        except TabletopError as error:
            event.client.add_notification("That cannot be", str(error), color="red", auto_close_seconds=12.0)

    def _here(self, make: Callable[[Scene], Course]) -> None:
        self._session.begin(make(self._session.shown.scene))

    def _elsewhere(self, make: Callable[[], tuple[Scene, Course]]) -> None:
        scene, course = make()
        self._session.drop_in(scene, course)

    def _show(self, skill: str) -> None:
        self._elsewhere(lambda: self._courses.shown(skill, self._seeded()))

    def _seeded(self) -> int:
        return int(number(self._seed))

    def _drop_in(self) -> None:
        self._session.drop_in(generate(find_scene_card(picked(self.card)), self._seeded()))

    def _plan(self, goal: str, whose: str) -> None:
        self._wrong.content = ""
        try:
            self._here(lambda s: self._courses.goal(goal, s, whose))
        except TabletopError as error:
            self._wrong.content = f"```\n{error}\n```"

    def _needed(self) -> str:
        entity = self._entity()
        if entity is None:
            raise TabletopError("choose a thing first: click on it")
        return entity

    def _show_ghost(self) -> None:
        entity, shown = self._needed(), self._session.shown
        if load_cards()[shown.scene.entity(entity).kind].body_type != "rigid":
            raise TabletopError(f"only what is loose and rigid can be brought to a place, got {entity!r}")
        self._drop_ghost()
        state = shown.now.state
        self.ghost = self._server.scene.add_transform_controls(
            "/target",
            scale=0.12,
            disable_rotations=True,
            position=state.entity(entity, "position"),
            wxyz=state.entity(entity, "quaternion")[[3, 0, 1, 2]],
        )
        for i, piece in enumerate(pieces_about(shown, entity)):
            add_piece(self._server, f"/target/{i}", piece, _GHOST)

    def _drop_ghost(self) -> None:
        if self.ghost is not None:
            self.ghost.remove()
            self.ghost = None

    def _bring(self) -> None:
        entity = self._needed()
        if self.ghost is None:
            raise TabletopError("show a target first, and drag it to where the thing is to be")
        x, y, z = (float(v) for v in self.ghost.position)
        up = z - float(self._session.shown.now.state.entity(entity, "position")[2])
        self._here(lambda s: self._courses.to_place(entity, (x, y, up), s))
        self._drop_ghost()

    def _snapshot(self) -> Any:
        return self._session.snapshot(self._session.shown.now.step)

    def _offer(self) -> None:
        """Offer the skills that can work on the chosen thing, or on anything here where none is chosen."""
        able = self._courses.able(self._entity(), self._session.shown.scene)
        titles = tuple(title for title, id in self._skills.items() if id in able) or tuple(self._skills)
        if self._skill.options == titles:
            return
        kept = self._skill.value if self._skill.value in titles else titles[0]
        self._skill.options = titles
        self._set(self._skill, "value", kept)

    def _save_clip(self, event: Any) -> None:
        shown = self._session.shown
        last = shown.now.step
        first = max(0, last - math.ceil(_CLIP / self._session.settings.control_step))
        told = event.client.add_notification("Saving the clip", "It takes some seconds.", loading=True)
        try:
            self._saved(self.keeping.clip(self._snapshot(), first, last))
        finally:
            told.remove()

    def _save_picture(self, event: Any) -> None:
        self._saved(self.keeping.picture(event.client.get_render(720, 960, transport_format="png")))

    def _saved(self, path: Any) -> None:
        for client in self._server.get_clients().values():
            client.add_notification("Saved", str(path), auto_close_seconds=10.0)

    # --- what is seen ------------------------------------------------------------------------

    def _watch(self, shown: Shown) -> None:
        on = bool(self._seen.value)
        for view in self._views:
            self._set(view, "visible", on)
        if on and shown.playing and not shown.thinking and shown.now.step % 3 == 0:
            try:
                pictures = self._session.ask(
                    lambda world: [world.render(*_SEEN, v.label).rgb for v in self._views], 1.0
                )
            except TabletopError:
                return
            for view, picture in zip(self._views, pictures, strict=True):
                view.image = picture
        entity = self._entity()
        self._set(self._table, "content", columns_text(shown.now.state, entity) if self._numbers.value else "")
