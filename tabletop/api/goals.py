"""Goals for the command line: one that a person wrote, or some drawn for random scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tabletop.errors import TabletopError
from tabletop.logic import Formula, parse
from tabletop.planner import goal_for
from tabletop.planner.operator import Operator
from tabletop.planner.vocabulary import Template
from tabletop.rollout.episode import process_world
from tabletop.seeds import Purpose, seed_of
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene, load_scene
from tabletop.sim.scene_cards import find_scene_card

__all__ = ["PLANNING", "draw_goals", "read_goal"]

PLANNING: Final = "planning"
"""Scene card that plans are made in where none is named."""


def read_goal(text: str, seed: int, card: str = PLANNING, scene_file: str | None = None) -> tuple[Scene, Formula]:
    """Return a scene, the one that `tabletop scene` draws with the same card and seed, and a goal for it.

    Args:
        text: the goal.
        seed: of the scene.
        card: scene card that the scene is drawn from: one that ships, or the path of a file.
        scene_file: path of a saved scene to take instead.

    Raises:
        TabletopError: no such scene or card, or the text is no formula, or speaks of what the scene does not have.
    """
    scene = load_scene(scene_file) if scene_file is not None else generate(find_scene_card(card), seed)
    return scene, parse(text, scene.names)


def draw_goals(
    seed: int,
    count: int,
    lengths: Sequence[int],
    operators: Callable[[Scene], Sequence[Operator]],
    vocabulary: Sequence[Template],
    card: str = PLANNING,
) -> tuple[list[Scene], list[Formula]]:
    """Draw scenes and goals of those lengths in turn; scenes that have no such goal are passed over.

    Args:
        seed: of the scenes and goals.
        count: how many.
        lengths: literals of the goals, in turn.
        operators: makes the skills that can be used in a scene.
        vocabulary: what may be asked for.
        card: scene card: one that ships, or the path of a file.

    Raises:
        TabletopError: too few such goals in a good number of scenes.
    """
    drawn = find_scene_card(card)
    scenes: list[Scene] = []
    goals: list[Formula] = []
    tried = 0
    while len(goals) < count:
        if tried >= 20 * count + 20:
            raise TabletopError(
                f"found only {len(goals)} of {count} goals of {', '.join(map(str, lengths))} literals that these"
                " skills might reach; discover or name more skills first"
            )
        scene = generate(drawn, seed_of(seed, Purpose.PLANNING_SCENES, tried))
        own = seed_of(seed, Purpose.PLANNING_GOALS, tried)
        tried += 1
        state = process_world().load(scene)
        try:
            goal = goal_for(state, own, lengths[len(goals) % len(lengths)], operators(scene), vocabulary)
        except TabletopError:
            continue
        scenes.append(scene)
        goals.append(goal)
    return scenes, goals
