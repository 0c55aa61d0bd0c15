"""Scenes of episodes: drawn from a card, of a task or of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.logic.task import Task
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene

__all__ = ["draw", "on_card"]

_DRAWS: Final = 20
"""Scenes that are tried at a reset, where a card asks for more things than there is room for."""


def draw(card: Mapping[str, Any], number: int, scenes: tuple[int, int], robot: str) -> Scene:
    """Return a scene from a card; where a full one finds no room for its things, another one.

    Args:
        card: a scene card.
        number: that the scene is drawn by.
        scenes: numbers (from, to) of the others.
        robot: name of a card in assets/robots.

    Raises:
        TabletopError: none of them has room, or the card is malformed.
    """
    tries = np.random.default_rng(number)
    for _ in range(_DRAWS - 1):
        try:
            return generate(card, number, robot=robot)
        except TabletopError:
            number = int(tries.integers(*scenes))
    return generate(card, number, robot=robot)


def on_card(task: Task, card: Mapping[str, Any]) -> Task:
    """Return the task on another scene card's scenes.

    Raises:
        TabletopError: the card lacks what the task is about.
    """
    names = [str(n) for n in card.get("entities", {})]
    for name in (*task.success.names, task.attends):
        if name not in names:
            raise TabletopError(
                f"a scene card for task {task.name!r} needs the entity {name!r}; it has: {', '.join(names) or 'none'}"
            )
    return replace(task, scene=card)
