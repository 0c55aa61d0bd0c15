"""The episodes of a recorded dataset: to be looked at and, where they are ours, run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import shorten
from typing import Any

import viser

from tabletop.demos.recorded import Recorded
from tabletop.demos.replay import Playback
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.sim.scene import Scene, read_scene
from tabletop.view.course import Course
from tabletop.view.inputs import picked
from tabletop.view.recording import Recording
from tabletop.view.telling import plain

__all__ = ["Episodes", "again"]


def again(episode: Recorded) -> tuple[Scene, Course]:
    """Return a recorded episode as a scene and a course in it: its actions one after another.

    Raises:
        TabletopError: its scene is none, or it has none.
    """
    if episode.scene is None:
        raise TabletopError(f"episode {episode.number} was not recorded here: it has no scene that it can be run in")
    task = load_registry().get(episode.task)
    wanted, entity = (None, None) if task is None else (task.success, task.attends)
    title = f"episode {episode.number} of {episode.task}"
    actions = episode.actions
    return read_scene(episode.scene), Course(title, Playback(actions), len(actions), wanted, entity)


class Episodes:
    """A tab of the controls."""

    def __init__(
        self,
        server: viser.ViserServer,
        episodes: Sequence[Recorded],
        button: Callable[[str, Callable[[], None]], Any],
        only: Callable[[Any, Callable[[], None]], None],
        run: Callable[[Callable[[], tuple[Scene, Course]]], None],
    ) -> None:
        """Fill the tab that is open.

        Args:
            server: viser's.
            episodes: of the dataset.
            button: adds a button with what it does.
            only: does something for viser's event, if it comes from who drives.
            run: drops the robot into a scene and begins a course there.
        """
        self._episodes, self._run = episodes, run
        self._titles = [f"{i + 1}. {_title(episode)}" for i, episode in enumerate(episodes)]
        gui = server.gui
        gui.add_markdown(_counted(episodes))
        self._chosen = gui.add_dropdown("Episode", tuple(self._titles))
        self._chosen.on_update(lambda event: only(event, self.look))
        self._text = gui.add_markdown("")
        if any(episode.scene is not None for episode in episodes):
            button("Run it again", self.show)
        button("The next one", lambda: self.go(lambda episode: True))
        button("The next failure", lambda: self.go(lambda episode: episode.success is False))
        self._recording = Recording(server, button, only)
        self.look()

    def look(self) -> None:
        """Show what was recorded of the chosen episode.

        Raises:
            TabletopError: it cannot be read.
        """
        episode = self._episode
        self._text.content = plain(episode.text)
        self._recording.show(episode)

    def show(self) -> None:
        """Run the chosen episode again.

        Raises:
            TabletopError: it is somebody else's.
        """
        self._run(lambda: again(self._episode))

    def write(self) -> None:
        """Go on with what is played."""
        self._recording.write()

    @property
    def _episode(self) -> Recorded:
        return self._episodes[self._titles.index(picked(self._chosen))]

    def go(self, fits: Callable[[Recorded], bool]) -> None:
        """Go to the next episode that fits, from the chosen one on and around; run it again where that can be.

        Raises:
            TabletopError: none does.
        """
        at, count = self._titles.index(picked(self._chosen)), len(self._episodes)
        found = next((i % count for i in range(at + 1, at + count + 1) if fits(self._episodes[i % count])), None)
        if found is None:
            raise TabletopError("no episode of this dataset is known to have failed")
        self._chosen.value = self._titles[found]  # type: ignore[misc]  # viser's setter is not seen by mypy
        self.look()
        if self._episode.scene is not None:
            self.show()


def _title(episode: Recorded) -> str:
    done = {True: "done", False: "failed", None: "outcome not said"}[episode.success]
    return f"{shorten(episode.task, 50, placeholder='...')} {episode.number}, {done}"


def _counted(episodes: Sequence[Recorded]) -> str:
    known = [episode.success for episode in episodes if episode.success is not None]
    unknown = len(episodes) - len(known)
    said = f"{len(episodes)} episodes" + (f", the task done at the end of {sum(known)}" if known else "")
    return said + (f"; of {unknown} it is not said" if unknown else "")
