"""The functions of `import tabletop as tt`, one for each thing that a person comes for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from tabletop.api.bounds import as_path, check_numbers, names_in
from tabletop.api.folder import note_made
from tabletop.api.goals import PLANNING, draw_goals
from tabletop.api.measuring import measurement, measuring_within, name_settings
from tabletop.api.planning import operators_of, policy_skills, run_goals
from tabletop.api.play import play
from tabletop.api.policies import AnyPolicy, name_of
from tabletop.api.robots import on_robot
from tabletop.api.success import robustness, success_rates
from tabletop.discovery.config import EFFECT_CODES, looking_for
from tabletop.discovery.learner_config import LearnerSettings
from tabletop.discovery.start import going_on_from, open_start
from tabletop.discovery.train import discover as train
from tabletop.errors import TabletopError
from tabletop.logic import Formula, Task, find_suite, load_registry, parse
from tabletop.logic.predicate import PREDICATES, Predicate
from tabletop.metrics.baselines import measure_library
from tabletop.naming import NamedLibrary, open_library
from tabletop.naming import name_skills as name_all
from tabletop.perturbation import select_families
from tabletop.planner import SCRIPTED_VOCABULARY, Search, Template, scripted_operators
from tabletop.planner.evaluate import OperatorFactory
from tabletop.progress import tell
from tabletop.rollout.engine import Engine, Workers
from tabletop.runs.records import Evaluation, Measurement, Naming, Planning, Record, Robustness
from tabletop.runs.store import as_record, read_result
from tabletop.schema import is_whole
from tabletop.seeds import Purpose, seed_of
from tabletop.sim.generate import generate
from tabletop.sim.scene import Scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.library import Library
from tabletop.skills.scenes import effects_of_card

__all__ = [
    "discover",
    "evaluate",
    "load_library",
    "load_result",
    "make_scene",
    "measure",
    "name_skills",
    "perturb",
    "plan",
    "predicates",
    "record",
    "tasks",
]

_ALL: Final = "all"


@on_robot
def make_scene(
    card: str | os.PathLike[str] | Mapping[str, Any] = "discovery", seed: int = 0, robot: str | None = None
) -> Scene:
    """Return a random scene: a value, the same for the same card and seed.

    Args:
        card: a scene card that ships, the path of a YAML file, or a mapping.
        seed: number of the scene.
        robot: that scenes have, by name; the one in use by default.

    Raises:
        TabletopError: no such card, a malformed one, or one whose things do not fit on the table.

    >>> scene = make_scene("discovery", seed=3)
    >>> scene == make_scene("discovery", seed=3)
    True
    """
    return generate(find_scene_card(card), seed)


def tasks(select: str = _ALL) -> tuple[Task, ...]:
    """Return tasks of the registry.

    Args:
        select: "all", names as in "push,lift", or "family:drawer".

    Raises:
        TabletopError: an unknown task or family.

    >>> [task.name for task in tasks("family:drawer")]
    ['drawer-close', 'drawer-open', 'drawer-place']
    """
    return load_registry().select(",".join(names_in(select, "tasks")))


def predicates() -> tuple[Predicate, ...]:
    """Return what formulas, and so tasks and goals, may say.

    >>> "on" in [predicate.name for predicate in predicates()]
    True
    """
    return tuple(PREDICATES.values())


def load_library(name: str | os.PathLike[str] = "default") -> NamedLibrary:
    """Return a library of skills, with their names if they have been named.

    Args:
        name: a run's folder, a library's folder, or "default" for the one that ships.

    Raises:
        TabletopError: no such library, or a file of it is damaged.

    >>> skills = load_library("default")
    >>> skills.called("drawer-open").skill.effect.name
    'joint'
    """
    return open_library(os.fspath(as_path(name, "a library")))


def load_result(path: str | os.PathLike[str]) -> Record:
    """Return a result that was saved, to be shown, tabulated or plotted again.

    Args:
        path: a file that `save` or a command wrote: evaluate.json, perturb.json, name.json, ... by any name.

    Raises:
        TabletopError: it is missing, damaged, of another format, or no result.

    >>> evaluate("nothing", "push", episodes=2, workers=0).save("still.json")
    >>> load_result("still.json").rows()[0]["success"]
    0.0
    """
    return read_result(as_path(path, "a result"))


@on_robot
def discover(
    out: str | os.PathLike[str],
    *,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    effects: Sequence[str] | str | None = None,
    scene: str = "everything",
    objective: str | None = None,
    start: str | os.PathLike[str] | None = None,
    rehearsal: float | None = None,
    resume: bool = False,
    workers: Workers = None,
    robot: str | None = None,
) -> NamedLibrary:
    """Discover skills without reward, and save them as out/library.

    Args:
        out: the run's folder.
        minutes: wall-clock budget (30 where neither is given), or
        steps: budget in control steps; the same result each time.
        seed: of all randomness.
        effects: names of effects, or "all" that the scene card has things for, as by default. Where it goes on from a
            library, further ones than the library's; none by default.
        scene: scene card: one that ships, or the path of a file.
        objective: one of discovery/objectives (final-state by default, or the library's); docs/objectives.md compares
            them.
        start: a library to go on from, by name or path: rounds on `scene` take turns with rounds on its own cards.
        rehearsal: share of the rounds on the library's own cards (0.5 by default).
        resume: go on from the folder's checkpoint.
        workers: processes; one a core by default, 0 for none.
        robot: that scenes have, by name; the one in use by default.

    Raises:
        TabletopError: an unknown name, a bad budget, a folder that holds a run already, or a library that was made
            otherwise than this goes on.

    >>> skills = discover("runs/tiny", steps=600, effects=["joint"], scene="discovery", workers=0)
    >>> [s.id for s in skills.library.skills][:3]
    ['drawer-00', 'button-00', 'drawer-01']
    >>> more = discover("runs/more", start="runs/tiny", steps=600, scene="planning", workers=0)
    >>> more.library.embeddings.tolist() == skills.library.embeddings.tolist()
    True
    """
    check_numbers({"minutes": minutes, "steps": steps, "seed": seed, "workers": workers})
    if effects is None:
        effects = _ALL if start is None else ()
    chosen = effects_of_card(scene, EFFECT_CODES) if effects == _ALL else effects
    names = names_in(chosen, "effects")
    others: dict[str, Any] = {"scene": scene, "seed": seed, "rehearsal": rehearsal}
    if start is None:
        learner = LearnerSettings(objective=objective or LearnerSettings().objective)
        settings, digest = looking_for(names, learner=learner, **others), None
    else:
        library = open_start(as_path(start, "start")).library
        settings, digest = going_on_from(library, names, **others), library.digest
        if objective is not None:
            settings = replace(settings, learner=replace(settings.learner, objective=objective))
    budget = 30.0 if minutes is None and steps is None else minutes
    folder = as_path(out, "out")
    given = {
        "minutes": budget,
        "steps": steps,
        "seed": seed,
        "effects": effects,
        "scene": scene,
        "objective": settings.learner.objective,
        "start": None if start is None else os.fspath(as_path(start, "start")),
        "rehearsal": rehearsal,
    }
    made = {
        name: value if isinstance(value, (int, float, str)) else list(value)
        for name, value in given.items()
        if value is not None
    }
    call = ", ".join([repr(str(out)), *(f"{k}={v!r}" for k, v in made.items()), *["resume=True"] * resume])
    note = partial(note_made, folder, f"tt.discover({call})", seed, made, resume, digest)
    library = train(
        folder, settings, minutes=budget, steps=steps, workers=workers, start=start, resume=resume, begun=note
    )
    return NamedLibrary(library, None)


def _library(skills: NamedLibrary | Library | str | os.PathLike[str]) -> Library:
    if isinstance(skills, Library):
        return skills
    return (skills if isinstance(skills, NamedLibrary) else load_library(skills)).library


@on_robot
def measure(
    skills: NamedLibrary | Library | str | os.PathLike[str],
    *,
    episodes: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    workers: Workers = None,
    robot: str | None = None,
) -> Measurement:
    """Return how many skills a library has, and how much its codes say of how episodes end.

    Args:
        skills: a library, or what `load_library` takes.
        episodes: held-out, a skill; baselines have a tenth, at least 2. 50 by default, which takes a quarter of an
            hour for a library of 200 skills on two cores; or
        minutes: that it may take: 5 to 50 episodes, as many as fit.
        seed: of scenes, episodes and discriminators.
        workers: processes.
        robot: that scenes have, by name; the one in use by default.

    Raises:
        TabletopError: no such library, or too few episodes.
    """
    check_numbers({"episodes": episodes, "seed": seed, "workers": workers})
    library = _library(skills)
    name = os.fspath(skills) if isinstance(skills, (str, os.PathLike)) else "library"
    with Engine(workers) as engine:
        plan = measuring_within(library, engine, seed, episodes, minutes)
        tell(plan.announcement())
        found = measure_library(library, engine, plan.episodes, seed)
    return measurement(library, found, name, seed)


@on_robot
def name_skills(
    skills: NamedLibrary | Library | str | os.PathLike[str],
    *,
    episodes: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    workers: Workers = None,
    robot: str | None = None,
) -> Naming:
    """Test each skill against the registry of tasks and return their names, with rates on fresh scenes.

    Args:
        skills: a library, or what `load_library` takes.
        episodes: a skill, to see whether its name stands; a task's best skill has twice as many fresh ones. 40 by
            default, which takes half an hour for a library of 200 skills on two cores; or
        minutes: that it may take, about.
        seed: of the scenes.
        workers: processes.
        robot: that scenes have, by name; the one in use by default.

    Raises:
        TabletopError: no such library, or both episodes and minutes.
    """
    check_numbers({"episodes": episodes, "seed": seed, "workers": workers})
    library = _library(skills)
    with Engine(workers) as engine:
        settings = name_settings(library, engine, seed, episodes, minutes)
        found = name_all(library, load_registry(), engine, settings)
    return as_record(Naming, {"library_digest": library.digest, **found})


def _tasks(chosen: str | Task | Iterable[str | Task]) -> tuple[Task, ...]:
    if isinstance(chosen, Task):
        return (chosen,)
    if isinstance(chosen, str):
        return tasks(chosen)
    if not isinstance(chosen, Iterable):
        raise TabletopError(f"tasks must be names, such as 'push,lift', or tasks, got {chosen!r}")
    return tuple(t if isinstance(t, Task) else load_registry()[t] for t in chosen)


@on_robot
def evaluate(
    policy: AnyPolicy,
    tasks: str | Task | Iterable[str | Task] = _ALL,
    *,
    suite: str | None = None,
    episodes: int = 20,
    seed: int = 0,
    noise: float = 0.0,
    workers: Workers = None,
    robot: str | None = None,
) -> Evaluation:
    """Return a policy's success by task, with 95 % intervals.

    Args:
        policy: "scripted", "random", "exploration" or "nothing"; "policy.py:make" or a "model.zip" of
            Stable-Baselines3; a run's folder or a library, of which each task has the best skill named for it; or a
            function of (task, scene) that makes a policy, `ObservationPolicy` among them.
        tasks: names as in "push,lift", tasks, or "all".
        suite: of tasks instead, such as "MT10".
        episodes: a task, each on a scene of its own.
        seed: number of the first scene.
        noise: of actions, sigma as a share of their range.
        workers: processes; a policy that cannot be sent to others needs 0.
        robot: that scenes have, by name; the one in use by default.

    Raises:
        TabletopError: an unknown task, suite or policy, or one that can do none of the tasks.

    >>> result = evaluate("scripted", "push,lift", episodes=2, workers=0)
    >>> sorted(result.tasks)
    ['lift', 'push']
    """
    check_numbers({"episodes": episodes, "seed": seed, "workers": workers})
    found = find_suite(suite) if suite is not None else None
    chosen = _tasks(tasks) if found is None else found.select(load_registry())
    scenes = range(seed, seed + episodes) if found is None else found.scene_numbers(seed, episodes)
    return success_rates(policy, chosen, scenes, seed=seed, suite=suite, noise=noise, workers=workers)


@on_robot
def perturb(
    policy: AnyPolicy,
    tasks: str | Task | Iterable[str | Task],
    families: str | Sequence[str] = _ALL,
    *,
    scenes: int = 10,
    seed: int = 0,
    workers: Workers = None,
    robot: str | None = None,
) -> Robustness:
    """Return a policy's success under perturbations of rising magnitude.

    Args:
        policy: as for `evaluate`.
        tasks: names as in "push,lift", or tasks.
        families: of perturbations: names as in "mass,push-arm", or "all".
        scenes: of each task.
        seed: number of the first scene.
        workers: processes.
        robot: that scenes have, by name; the one in use by default.

    Raises:
        TabletopError: an unknown task, policy or family.

    >>> curves = perturb("scripted", "push", "mass", scenes=1, workers=0)
    >>> curves.families["mass"].magnitudes[0]
    0.0
    """
    check_numbers({"scenes": scenes, "seed": seed, "workers": workers})
    chosen = select_families(",".join(names_in(families, "families")))
    return robustness(policy, _tasks(tasks), chosen, scenes, seed, workers)


@on_robot
def plan(
    skills: AnyPolicy = "scripted",
    goal: str | Formula | None = None,
    *,
    tasks: str | Task | Iterable[str | Task] | None = None,
    scene: Scene | None = None,
    card: str = PLANNING,
    goals: int = 20,
    literals: Sequence[int] = (2, 3),
    seed: int = 0,
    seconds: float | None = 10.0,
    workers: Workers = None,
    robot: str | None = None,
) -> Planning:
    """Chain skills to reach a goal, or sampled goals, run the plans, and return what came of them.

    Args:
        skills: "scripted" policies, a named library, or what `load_library` takes; or with `tasks` any policy, as
            for `evaluate`.
        goal: a formula over the scene, such as "on(red, blue) and open(drawer)"; goals are sampled where it is None.
        tasks: that the policy is run on first, to see what it does there; those about one thing are planned with.
        scene: of the goal; by default the one that `make_scene(card, seed)` gives.
        card: scene card of goals and scenes.
        goals: how many to sample.
        literals: lengths of the sampled goals, in turn.
        seed: of scenes, goals and plans.
        seconds: to search for a goal's first plan, and as long again for all its others; None for no end.
        workers: processes.
        robot: that scenes have, by name; the one in use by default.

    Raises:
        TabletopError: the goal is no formula, speaks of what the scene lacks, or the skills have no names.

    >>> plan("scripted", "near(red, blue, 60 cm)", seed=0, workers=0).solved
    1
    >>> plan("policy.py", "lifted(red)", tasks="lift,push-left")  # doctest: +SKIP
    Planning: ...
    """
    check_numbers({"goals": goals, "seed": seed, "seconds": seconds, "workers": workers})
    if scene is not None and not isinstance(scene, Scene):
        raise TabletopError(f"a scene must be a Scene, as make_scene returns, got {scene!r}")
    if not literals or not all(is_whole(n, 1, 100) for n in literals):
        raise TabletopError(f"literals must be whole numbers from 1 to 100, got {literals!r}")
    if goal is None and scene is not None:
        raise TabletopError("a scene goes with a goal; give a goal, or a card for sampled ones")
    scripted = isinstance(skills, str) and skills == "scripted"
    operators: OperatorFactory = scripted_operators
    vocabulary: Sequence[Template] = SCRIPTED_VOCABULARY
    if tasks is not None:
        with Engine(workers) as engine:
            operators, vocabulary = policy_skills(skills, _tasks(tasks), engine, seed)
    elif not scripted:
        if not isinstance(skills, (str, os.PathLike, NamedLibrary)):
            raise TabletopError("a policy of your own is planned with on tasks; give tasks, such as 'lift,drawer-open'")
        operators, vocabulary = operators_of(skills if isinstance(skills, NamedLibrary) else load_library(skills))
    if goal is None:
        scenes, wanted = draw_goals(seed, goals, literals, operators, vocabulary, card)
    else:
        scenes = [make_scene(card, seed) if scene is None else scene]
        wanted = [goal if isinstance(goal, Formula) else parse(goal, scenes[0].names)]
    seeds = [seed_of(seed, Purpose.PLANNING_EPISODES, i) for i in range(len(wanted))]
    with Engine(workers) as engine:
        result = run_goals(engine, operators, scenes, wanted, seeds, search=Search(seconds=seconds))
    own = name_of(skills) if tasks is not None else "library"
    return as_record(Planning, {"policy": "scripted" if scripted else own, **result})


@on_robot
def record(
    what: str,
    path: str | os.PathLike[str],
    *,
    library: str | None = None,
    task: str | None = None,
    scene: str | os.PathLike[str] | None = None,
    entity: str | None = None,
    seed: int = 0,
    robot: str | None = None,
) -> dict[str, Any]:
    """Film one episode of a skill or a policy, and return what came of it.

    Args:
        what: a skill of a library, by name or id; or a policy, which needs a task.
        path: of the film: .webp, or .mp4 or .webm where they can be written.
        library: a run's folder or a library; the one that ships by default.
        task: on whose scene it runs.
        scene: path of a saved scene for a skill, instead.
        entity: of that scene; the first that the skill can work on by default.
        seed: of scene and episode.
        robot: that scenes have, by name; the one in use by default.

    Raises:
        TabletopError: no such skill, policy, task, scene or entity, or a film that cannot be written here.
    """
    check_numbers({"seed": seed})
    where = None if scene is None else as_path(scene, "scene")
    if not isinstance(what, str):
        raise TabletopError(f"what is filmed is a skill or a policy by name, got {what!r}")
    return play(what, as_path(path, "the film"), library=library, task=task, scene=where, entity=entity, seed=seed)
