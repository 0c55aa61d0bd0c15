"""Courses from words: a skill on an entity, a place to bring it to, a task's policy, a goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tabletop.api.planning import codes_of, operators_of
from tabletop.api.policies import policies_of
from tabletop.api.takes import skill_take
from tabletop.errors import TabletopError, unknown
from tabletop.logic import load_registry, parse
from tabletop.naming import Called, NamedLibrary
from tabletop.planner import PlannerPolicy, Search, scripted_operators
from tabletop.planner.growth import Growth
from tabletop.planner.operator import Operator
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.view.course import Course

__all__ = ["Courses", "Offered"]

_RAISED: Final = 0.03
"""m above where it is, from which a thing is to be held there, not put there."""


@dataclass(frozen=True)
class Offered:
    """A skill that can be chosen."""

    id: str
    title: str
    """Its name, or what it does in words, with its rate where it has one."""
    rate: float | None = None
    """Share of fresh scenes in which it did the task that it is named for."""


@dataclass
class Courses:
    """What a library, the scripted policies and a policy of one's own can be asked for."""

    skills: NamedLibrary
    policy: str | None = None
    """A policy file of the user's, "policy.py:make"."""
    seconds: float = 10.0
    """That a search for a plan may take."""
    _offered: list[Offered] = field(default_factory=list)

    def offered(self) -> list[Offered]:
        """Return the skills, the best of each task first."""
        if not self._offered:
            for row in self.skills.rows():
                named = row["name"] or row["effect"]
                best = f"{row['name']} ({row['success']:.0%})" if row["best"] else f"{named}: {row['id']}"
                self._offered.append(Offered(row["id"], best, row["success"] if row["best"] else None))
            self._offered.sort(key=lambda offered: offered.rate is None)
        return list(self._offered)

    def able(self, entity: str | None, scene: Scene) -> set[str]:
        """Return the ids of the skills that can work on an entity of a scene, or on any where it is None."""
        library, entries, cards = self.skills.library, self.skills.entries, load_cards()
        kinds = {e.name: e.kind for e in scene.entities}
        out = set()
        for offered in self.offered():
            things = library.entities(library.skill(offered.id), scene)
            entry = entries.get(offered.id)
            if entry is not None and entry.aimed:
                # It was asked for what a task wants of one kind of fixture; another one's joint means something else.
                things = [t for t in things if cards[kinds[t]].body_type != "joint" or kinds[t] == entry.entity_kind]
            if things and (entity is None or entity in things):
                out.add(offered.id)
        return out

    def skill(self, word: str, entity: str | None, scene: Scene) -> Course:
        """Return a skill on an entity of a scene, by default the first that it can attend to.

        Raises:
            TabletopError: there is no such skill, or it can do nothing with the entity.
        """
        called = self.skills.called(word)
        able = self.skills.library.entities(called.skill, scene)
        if not able:
            raise TabletopError(f"skill {word!r} has nothing to work on here; there are: {', '.join(scene.names)}")
        if entity is not None and entity not in able:
            raise TabletopError(f"{_name(called)} works on {', '.join(able)} here, not on {entity}")
        thing = entity or able[0]
        policy = self.skills.library.policy(called.skill, thing)
        wanted = None
        if called.entry is not None and called.entry.task is not None:
            task = load_registry()[called.entry.task]
            renamed = task.success.rename({task.attends: thing})
            # What a task says of other things has no meaning where these are not.
            if {e for leaf in renamed.leaves for e in leaf.names} <= set(scene.names):
                wanted = renamed
        return Course(f"{_name(called)} {thing}", policy, policy.length, wanted, thing)

    def to_place(self, entity: str, target: Sequence[float], scene: Scene) -> Course:
        """Return how a thing is brought to a place: put there, or held there where that is up in the air.

        Args:
            entity: something loose.
            target: x, y (m, world) and how high above where it is now (m).
            scene: where.

        Raises:
            TabletopError: the library has no such skill, or the thing cannot be moved.
        """
        if load_cards()[scene.entity(entity).kind].body_type != "rigid":
            raise TabletopError(f"only what is loose and rigid can be brought to a place, got {entity!r}")
        effect = "held_at" if target[2] > _RAISED else "placed"
        self._needs(effect)
        aim = tuple(float(v) for v in (target if effect == "held_at" else (*target[:2], 0.0)))
        policy = self.skills.library.policy(effect, entity, target=aim)
        verb = "hold" if effect == "held_at" else "put"
        at = f"x {aim[0]:.2f}, y {aim[1]:.2f}" + (f", {100 * aim[2]:.0f} cm up" if effect == "held_at" else "")
        return Course(f"{verb} {entity} at {at}", policy, policy.length, None, entity)

    def to_fraction(self, entity: str, fraction: float, scene: Scene) -> Course:
        """Return how a fixture's joint is brought to a fraction of its travel.

        Raises:
            TabletopError: the library has no such skill, or the entity has no joint.
        """
        if load_cards()[scene.entity(entity).kind].body_type != "joint":
            raise TabletopError(f"only what has a joint can be opened to a fraction, got {entity!r}")
        self._needs("joint")
        policy = self.skills.library.policy("joint", entity, target=(float(fraction),))
        return Course(f"{entity} to {fraction:.0%}", policy, policy.length, None, entity)

    def _needs(self, effect: str) -> None:
        if effect not in self.skills.library.codes.counts:
            known = ", ".join(self.skills.library.codes.counts)
            raise TabletopError(f"this library has no skills of {effect!r}, only of {known}")

    def task(self, name: str, seed: int, policy: str = "scripted") -> tuple[Scene, Course]:
        """Return a task's scene, and a policy that is to do it.

        Args:
            name: of the task.
            seed: of the scene.
            policy: "scripted", "library", or "own", the user's policy file.

        Raises:
            TabletopError: no such task, or no such policy for it.
        """
        registry = load_registry()
        if name not in registry:
            raise unknown("task", name, registry)
        task = registry[name]
        if policy == "own" and self.policy is None:
            raise TabletopError("there is no policy of your own; start with --policy file.py:make")
        asked = {"library": self.skills, "own": self.policy}.get(policy, policy) or policy
        scene = generate(task.scene, seed)
        made = policies_of(asked, [task])
        if name not in made:
            raise TabletopError(f"no skill is named for task {name!r}")
        title = f"{policy} policy on {name}" if policy != "library" else f"{name} (learned)"
        return scene, Course(title, made[name](task, scene), task.horizon, task.success, task.attends)

    def shown(self, skill: str, seed: int) -> tuple[Scene, Course]:
        """Return a skill in the scene in which a report shows it, and what is asked of it there."""
        called = self.skills.called(skill)
        take = skill_take(self.skills.library, called.skill, called.entry, load_registry(), seed)
        wanted = None if take.task is None else take.task.success
        return take.scene, Course(f"{_name(called)} {take.entity}", take.policy, take.horizon, wanted, take.entity)

    def goal(self, text: str, scene: Scene, policy: str = "library") -> Course:
        """Return a planner that is to reach a goal.

        Args:
            text: a formula about entities of the scene.
            scene: where.
            policy: whose skills are chained: "library" or "scripted".

        Raises:
            TabletopError: the text is no formula of the scene; the lines show where. Or the skills have no names.
        """
        goal = parse(text, scene.names)
        planner = PlannerPolicy(goal, self.operators(scene, policy), Search(seconds=self.seconds))
        growth = Growth()
        planner.on_node = growth.note
        title = f"plan: {text}"
        return Course(title, planner, planner.horizon, goal, None, growth.lines, growth.halt, lambda: planner.forecast)

    def operators(self, scene: Scene, policy: str = "library") -> Sequence[Operator]:
        """Return what a planner can chain in a scene: the library's named skills, or the scripted ones."""
        return scripted_operators(scene) if policy == "scripted" else operators_of(self.skills)[0](scene)

    def codes(self) -> Sequence[Operator]:
        """Return the library's named and consistent codes, with what came of each in its episodes."""
        return codes_of(self.skills)


def _name(called: Called) -> str:
    """Return what a skill is called: its name, or else its id."""
    return called.entry.name if called.entry is not None and called.entry.name else called.skill.id
