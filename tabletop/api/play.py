"""`tabletop play`: one episode of a skill or a policy as a film."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tabletop.api.policies import policies_of
from tabletop.api.takes import Take, skill_take
from tabletop.errors import TabletopError, unknown
from tabletop.files import check_out
from tabletop.logic import load_registry
from tabletop.naming import Called, NamedLibrary, open_library
from tabletop.progress import tell
from tabletop.report.films import check_film, write_film
from tabletop.rollout.evaluate import BUILTIN_POLICIES, success_of
from tabletop.rollout.policy_file import is_policy_file
from tabletop.sim import Scene, generate, load_scene
from tabletop.skills.library import find_library

__all__ = ["is_policy", "play"]

_WIDTH, _HEIGHT = 480, 360
_SHIPPED: Final = "default"
"""The library whose skills are meant where none is named."""


def is_policy(what: str) -> bool:
    """Return whether that is a policy of `tabletop evaluate`, not a skill's name or id."""
    if what in BUILTIN_POLICIES or is_policy_file(what):
        return True
    try:
        find_library(what)
    except TabletopError:
        return False
    return True


def play(
    what: str,
    out: str | Path,
    *,
    library: str | None = None,
    task: str | None = None,
    scene: str | Path | None = None,
    entity: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Film one episode; return what came of it.

    Args:
        what: a skill of a library, by id or name; or a policy, which needs a task.
        out: file of the film: .webp, or .mp4 or .webm where they can be written.
        library: run folder or library that the skill is of; the one that ships by default.
        task: name of the task on whose scene it runs. A skill that is named for a task runs on that one by default,
            any other in a scene of its library's card.
        scene: path of a saved scene for the skill to run in, instead of a task's.
        entity: of that scene, for the skill to work on; by default the first that it can.
        seed: of the scene and the episode.

    Returns:
        "film", "steps", "seed", "entity", "task", "asked" (its formula) and "success", which are None where there is no
        task.

    Raises:
        TabletopError: no such skill, policy, task, scene or entity, or a film that cannot be written here.
    """
    if task is not None and scene is not None:
        raise TabletopError("give --task or --scene, not both")
    if entity is not None and scene is None:
        raise TabletopError("--entity is of a scene: give --scene, too")
    check_film(out)
    check_out(Path(out), "the film")
    if library is None and is_policy(what):
        chosen, said = _policy(what, task, scene, seed), {"policy": what}
    else:
        opened = open_library(library or _SHIPPED)
        called = opened.called(what)
        chosen = _skill(opened, called, what, task, scene, entity, seed)
        said = {"skill": called.skill.id, "library": library or _SHIPPED}
    run = chosen.film(_WIDTH, _HEIGHT)
    success = None if chosen.task is None else success_of(chosen.task, run)[0]
    path = write_film(run.frames, out)
    name = None if chosen.task is None else chosen.task.name
    asked = None if chosen.task is None else chosen.task.success.text
    came = {"entity": chosen.entity, "task": name, "asked": asked, "seed": seed, "steps": len(run), "success": success}
    return {**said, **came, "film": str(path)}


def _policy(what: str, name: str | None, scene: str | Path | None, seed: int) -> Take:
    if scene is not None:
        raise TabletopError(f"--scene is for skills; policy {what!r} needs a task: give --task")
    if name is None:
        raise TabletopError(f"policy {what!r} needs a task: give --task, such as --task lift")
    task = load_registry()[_known(name)]
    makers = policies_of(what, [task])
    drawn = generate(task.scene, seed)
    return Take(makers[task.name](task, drawn), drawn, task.horizon, task.attends, task, seed)


def _known(task: str) -> str:
    registry = load_registry()
    if task not in registry:
        raise unknown("task", task, registry)
    return task


def _skill(
    opened: NamedLibrary,
    called: Called,
    word: str,
    name: str | None,
    scene: str | Path | None,
    entity: str | None,
    seed: int,
) -> Take:
    if called.by_name:
        others = f", the best of {called.others + 1} of that name" if called.others else ""
        tell(f"{word!r} is skill {called.skill.id}{others}")
    library, entry = opened.library, called.entry
    if scene is not None:
        drawn, thing = _in_scene(opened, called, load_scene(scene), entity)
        policy = library.policy(called.skill, thing)
        return Take(policy, drawn, policy.length, thing, None, seed)
    if name is None or (entry is not None and entry.task == name):
        return skill_take(library, called.skill, entry, load_registry(), seed)
    task = load_registry()[_known(name)]
    policy = library.policy(called.skill, task.attends, task.horizon)
    return Take(policy, generate(task.scene, seed), policy.length, task.attends, task, seed)


def _in_scene(opened: NamedLibrary, called: Called, scene: Scene, entity: str | None) -> tuple[Scene, str]:
    able = opened.library.entities(called.skill, scene)
    if entity is None and not able:
        raise TabletopError(
            f"skill {called.skill.id!r} has nothing to work on in that scene, which has: {', '.join(scene.names)}"
        )
    if entity is not None and entity not in able:
        raise unknown(f"entity for skill {called.skill.id!r}", entity, able)
    return scene, entity or able[0]
