"""A skill in a scene of its own, for a film: the same for `tabletop play` and for the films of a run."""

from __future__ import annotations

from dataclasses import dataclass

from tabletop.logic import Registry, Task
from tabletop.naming.trial import skill_task
from tabletop.rollout.episode import Frames, Trajectory, episode
from tabletop.rollout.policy import Policy
from tabletop.runs.records import NamedSkill
from tabletop.seeds import Purpose, seed_of
from tabletop.sim import Scene, framing, generate
from tabletop.skills.library import Library, Skill
from tabletop.skills.scenes import attended_scene

__all__ = ["Take", "skill_take"]


@dataclass(frozen=True)
class Take:
    """An episode to film."""

    policy: Policy
    scene: Scene
    horizon: int
    entity: str
    """The thing that it is about; the camera sees where that goes."""
    task: Task | None
    seed: int
    """Of the episode."""

    def film(self, width: int, height: int) -> Trajectory:
        """Run it, and return it with its frames."""
        # Run twice, which gives the same: the camera is to see where the thing goes.
        way = episode(self.policy, self.scene, self.seed, self.horizon).state.entity(self.entity, "position")
        frames = Frames(width, height, 1, framing(self.scene, way))
        return episode(self.policy, self.scene, self.seed, self.horizon, frames=frames)


def skill_take(library: Library, skill: Skill, named: NamedSkill | None, registry: Registry, seed: int) -> Take:
    """Return a skill's take: on its task, if it has one, else in a scene of its library's card.

    Args:
        library: of the skill.
        skill: the skill.
        named: what name.json says of it, if anything.
        registry: the tasks.
        seed: of the scene and the episode.
    """
    if named is not None and named.task:
        scene, task, entity = skill_task(registry, named, seed)
        policy = library.policy(skill, entity, task.horizon)
        return Take(policy, scene, policy.length, entity, task, seed)
    if skill.task is not None:
        # It is asked for what this task's formula wants, and was not named for it.
        task = registry[skill.task]
        policy = library.policy(skill, task.attends, task.horizon)
        return Take(policy, generate(task.scene, seed), policy.length, task.attends, task, seed)
    poses, things = (seed_of(seed, p) for p in (Purpose.CLIP_SCENES, Purpose.CLIP_INVENTORIES))
    scene, entity = attended_scene(library.card_for(skill), skill.effect, poses, things, "nominal", kind=skill.kind)
    policy = library.policy(skill, entity)
    return Take(policy, scene, policy.length, entity, None, seed)
