"""The episodes of a recorded dataset, to be chosen and run again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import viser

from tabletop.demos.recorded import Recorded
from tabletop.demos.replay import Playback
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.sim.scene import Scene, read_scene
from tabletop.view.course import Course
from tabletop.view.inputs import picked
from tabletop.view.telling import plain

__all__ = ["Episodes", "again"]


def again(episode: Recorded) -> tuple[Scene, Course]:
    """Return a recorded episode as a scene and a course in it: its actions one after another.

    Raises:
        TabletopError: its scene is none.
    """
    task = load_registry().get(episode.task)
    wanted, entity = (None, None) if task is None else (task.success, task.attends)
    title = f"episode {episode.number} of {episode.task}"
    return read_scene(episode.scene), Course(title, Playback(episode.actions), len(episode.actions), wanted, entity)


class Episodes:
    """A tab of the controls."""

    def __init__(
        self,
        server: viser.ViserServer,
        episodes: Sequence[Recorded],
        button: Callable[[str, Callable[[], None]], Any],
        run: Callable[[Callable[[], tuple[Scene, Course]]], None],
    ) -> None:
        """Fill the tab that is open.

        Args:
            server: viser's.
            episodes: of the dataset.
            button: adds a button with what it does.
            run: drops the robot into a scene and begins a course there.
        """
        self._episodes, self._run = episodes, run
        self._titles = [f"{i + 1}. {_title(episode)}" for i, episode in enumerate(episodes)]
        done = sum(episode.success for episode in episodes)
        gui = server.gui
        gui.add_markdown(f"{len(episodes)} episodes, the task done at the end of {done}")
        self._chosen = gui.add_dropdown("Episode", tuple(self._titles))
        self._text = gui.add_markdown(plain(episodes[0].text))
        button("Run it again", self.show)
        button("The next one", lambda: self.go(lambda episode: True))
        button("The next failure", lambda: self.go(lambda episode: not episode.success))

    def show(self) -> None:
        """Run the chosen episode again."""
        episode = self._episodes[self._titles.index(picked(self._chosen))]
        self._text.content = plain(episode.text)
        self._run(lambda: again(episode))

    def go(self, fits: Callable[[Recorded], bool]) -> None:
        """Run the next episode that fits, from the chosen one on and around.

        Raises:
            TabletopError: none does.
        """
        at, count = self._titles.index(picked(self._chosen)), len(self._episodes)
        found = next((i % count for i in range(at + 1, at + count + 1) if fits(self._episodes[i % count])), None)
        if found is None:
            raise TabletopError("no episode of this dataset failed")
        self._chosen.value = self._titles[found]  # type: ignore[misc]  # viser's setter is not seen by mypy
        self.show()


def _title(episode: Recorded) -> str:
    return f"{episode.task} {episode.number}, {'done' if episode.success else 'failed'}"
