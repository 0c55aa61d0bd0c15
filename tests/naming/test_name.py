"""The namer's own ground truth: it is given skills whose names are known, and must find them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.logic import Registry, parse
from tabletop.metrics.effective_skills import Sample, SkillRun
from tabletop.naming import NameSettings, name_skills
from tabletop.naming.candidates import Candidate
from tabletop.naming.entry import BASELINES, seen_of
from tabletop.naming.name import PHASES
from tabletop.naming.trial import TaskRun, run_task_run, skill_task, task_scene
from tabletop.rollout.episode import Trajectory
from tabletop.runs.records import NamedSkill
from tabletop.sim.scene import Scene
from tabletop.sim.state import Layout
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, REACH, TURN, get_effect

# --- scripted policies, passed off as skills without names ------------------------------------


def test_each_scripted_policy_is_named_for_its_task(named: dict[str, Any], disguised: Any) -> None:
    wanted = {k.id: t for k, t in zip(disguised.skills, disguised.tasks, strict=True) if t not in {"random", "nothing"}}
    assert {e["id"]: e["task"] for e in named["skills"] if e["id"] in wanted} == wanted
    assert named["named_tasks"] == sorted(wanted.values())


def test_doing_nothing_and_acting_at_random_get_no_name(named: dict[str, Any], disguised: Any) -> None:
    idle = [k.id for k, t in zip(disguised.skills, disguised.tasks, strict=True) if t in {"random", "nothing"}]
    assert [(e["name"], e["task"]) for e in named["skills"] if e["id"] in idle] == [(None, None)] * 4


def test_a_name_comes_with_its_rate_its_interval_and_the_floors(named: dict[str, Any]) -> None:
    for entry in (e for e in named["skills"] if e["task"]):
        assert entry["n"] == 9
        assert 0.5 <= entry["low"] <= entry["success"] <= entry["high"] <= 1.0
        baselines = [entry[f"{m}_success"] for m in ("exploration", "random", "nothing", "shuffled")]
        assert max(baselines) < entry["low"]
        assert len(entry["outcomes"]) == 6


def test_the_matrix_has_a_rate_for_each_skill_and_task_seen(named: dict[str, Any], disguised: Any) -> None:
    matrix = named["matrix"]
    assert matrix["skills"] == [k.id for k in disguised.skills]
    rates = np.array(matrix["rates"], dtype=float)
    assert rates.shape == (len(matrix["skills"]), len(matrix["tasks"]))
    assert ((rates >= 0) & (rates <= 1) | np.isnan(rates)).all()
    assert rates[matrix["skills"].index("drawer-00"), matrix["tasks"].index("drawer-open")] == 1.0
    assert matrix["rates"][matrix["skills"].index("drawer-00")][matrix["tasks"].index("lift")] is None


def test_no_scene_that_a_name_was_chosen_by_is_one_that_it_is_reported_on(named: dict[str, Any], watched: Any) -> None:
    effects, trials, finals, fresh = (watched.jobs[PHASES[p]] for p in ("A", "trials", "B", "C"))
    assert all(isinstance(j, SkillRun) for j in effects)
    assert {j.mode for j in trials} == {j.mode for j in fresh} == {"skill"}
    scenes = [
        {repr(task_scene(j.task, j.candidate, j.seed)) for j in jobs if j.task.name == "lift"}
        for jobs in (trials, finals, fresh)
    ]
    assert [len(s) for s in scenes] == [3, 9, 5]
    assert len(set.union(*scenes)) == 17


def test_a_task_has_the_rate_of_its_best_skill_on_scenes_of_their_own(named: dict[str, Any], disguised: Any) -> None:
    assert sorted(named["tasks"]) == named["named_tasks"]
    for task, found in named["tasks"].items():
        assert (found["skill"], found["skills"], found["n"]) == (disguised.skill_of(task).id, 1, 5)
        assert found["low"] <= found["success"] <= found["high"]


# --- the rule for a name, with results made by hand -------------------------------------------


class Canned:
    """An engine that runs nothing: every skill opens its drawer by `end`, and trials come out as told."""

    def __init__(self, *, start: float = 0.0, end: float = 1.0, **rates: float) -> None:
        self.start, self.end = start, end
        self.rates = {"skill": 1.0, **dict.fromkeys(BASELINES, 0.0), **rates}
        self.asked: dict[tuple[str, str], int] = {}

    def map(self, function: Any, jobs: Iterable[Any], *, chunk: int = 4, label: str | None = None) -> Iterator[Any]:
        for job in jobs:
            if isinstance(job, SkillRun):
                yield drawer_sample(job.skill.code, self.start, self.end)
            elif label == PHASES["trials"]:
                yield True
            else:
                yield self.outcome(job)

    def outcome(self, job: TaskRun) -> bool:
        key = (job.skill.id, job.mode)
        i = self.asked.get(key, 0)
        self.asked[key] = i + 1
        rate = self.rates[job.mode]
        return int((i + 1) * rate + 1e-9) > int(i * rate + 1e-9)


def drawer_sample(code: int, start: float, end: float) -> Sample:
    layout = Layout(("box",), ("drawer",), ("joint",))
    states = np.zeros((2, layout.width))
    states[:, layout.entity_slice("box", "quaternion")] = (0, 0, 0, 1)
    states[:, layout.entity_slice("box", "size")] = 0.1
    states[:, layout.entity_slice("box", "fraction")] = np.array([[start], [end]])
    run = Trajectory(layout, states, np.zeros((1, 5), np.float32), Scene(), 0, True)
    return Sample(code, "box", (end * REACH, *[0.0] * (EFFECT_WIDTH - 1)), run)


def drawers(disguised: Any) -> Any:
    return replace(disguised, tasks=("drawer-open",) * 2, codes=Codebook({"joint": 2}), joints=("drawer",))


def entry_of(disguised: Any, registry: Registry, **canned: float) -> dict[str, Any]:
    settings = NameSettings(effects=4, trials=2, contenders=1, episodes=40)
    found = name_skills(drawers(disguised), registry, Canned(**canned), settings)  # type: ignore[arg-type]
    entry: dict[str, Any] = found["skills"][0]
    assert entry == {**found["skills"][1], "id": entry["id"]}
    return entry


def test_a_skill_that_does_a_task_and_no_floor_does_has_its_name(disguised: Any, registry: Registry) -> None:
    entry = entry_of(disguised, registry)
    assert (entry["task"], entry["name"], entry["n"], entry["success"]) == ("drawer-open", "drawer-open", 40, 1.0)


@pytest.mark.parametrize(("rate", "has"), [(0.6, False), (0.7, True)])
def test_a_name_needs_a_lower_bound_of_a_half(disguised: Any, registry: Registry, rate: float, has: bool) -> None:
    entry = entry_of(disguised, registry, skill=rate)
    assert (entry["low"] >= 0.5) is has
    assert (entry["task"] is not None) is has
    assert (entry["tried"], entry["success"]) == ("drawer-open", rate)


@pytest.mark.parametrize("baseline", ["shuffled", "exploration", "random", "nothing"])
def test_a_name_needs_a_lower_bound_above_each_floor(disguised: Any, registry: Registry, baseline: str) -> None:
    assert entry_of(disguised, registry, skill=0.9, **{baseline: 0.5})["task"] == "drawer-open"
    assert entry_of(disguised, registry, skill=0.9, **{baseline: 0.8})["task"] is None


def test_without_a_task_a_skill_that_always_does_the_same_is_named_by_its_phrase(
    disguised: Any, registry: Registry
) -> None:
    entry = entry_of(disguised, registry, end=0.5)
    assert (entry["task"], entry["tried"], entry["name"]) == (None, None, "brings the drawer to 50% open")


def test_ending_as_it_began_is_no_skill_however_alike_the_ends(disguised: Any, registry: Registry) -> None:
    entry = entry_of(disguised, registry, start=0.5, end=0.52)
    assert (entry["spread"], entry["name"]) == (0.0, None)


def test_names_are_the_same_each_time(disguised: Any, registry: Registry) -> None:
    assert entry_of(disguised, registry, skill=0.8) == entry_of(disguised, registry, skill=0.8)


# --- tasks with the skill's own parameter -----------------------------------------------------


def rigid_sample(code: int, effect: tuple[float, float, float, float]) -> Sample:
    layout = Layout(("thing",), ("block",), ("rigid",))
    states = np.zeros((2, layout.width))
    half = effect[3] / TURN / 2
    states[:, layout.entity_slice("thing", "quaternion")] = [(0, 0, 0, 1), (0, 0, np.sin(half), np.cos(half))]
    states[:, layout.entity_slice("thing", "size")] = 0.05
    states[:, layout.entity_slice("thing", "position")] = [(0.5, 0, 0.025), (0.5 + effect[0], effect[1], 0.025)]
    states[:, layout.robot_slice("gripper_position")] = (0.5, 0, 0.4)
    states[:, layout.robot_slice("table_size")] = (0.65, 0.75)
    run = Trajectory(layout, states, np.zeros((1, 5), np.float32), Scene(), 0, True)
    return Sample(code, "thing", (*effect, *[0.0] * (EFFECT_WIDTH - 4)), run)


class Moves(Canned):
    """The same for a rigid thing that is taken and turned."""

    def __init__(self, effect: tuple[float, float, float, float]) -> None:
        super().__init__()
        self.effect = effect

    def map(self, function: Any, jobs: Iterable[Any], *, chunk: int = 4, label: str | None = None) -> Iterator[Any]:
        for job in jobs:
            yield (
                rigid_sample(job.skill.code, self.effect)
                if isinstance(job, SkillRun)
                else (label == PHASES["trials"] or self.outcome(job))
            )


@pytest.mark.parametrize(
    ("task", "effect", "name"),
    [
        ("push", (0.14, 0.0, 0.0, 0.0), "push 14 cm away (its own mark)"),
        ("pick-place", (-0.07, 0.1, 0.0, 0.0), "pick-place 12 cm left-toward (its own mark)"),
        ("rotate", (0.0, 0.0, 0.0, np.radians(80) * TURN), "rotate 60 deg (its own turn)"),
    ],
)
def test_a_fitted_task_has_its_parameter_in_the_name(
    disguised: Any, registry: Registry, task: str, effect: tuple[float, float, float, float], name: str
) -> None:
    library = replace(disguised, tasks=("push",) * 2, codes=Codebook({"displaced": 2}))
    settings = NameSettings(effects=4, trials=2, contenders=1, episodes=20)
    only = Registry([registry[task]])
    entry = name_skills(library, only, Moves(effect), settings)["skills"][0]  # type: ignore[arg-type]
    assert (entry["task"], entry["name"]) == (task, name)


@pytest.mark.parametrize(
    ("task", "effect", "seen"),
    [
        ("drawer-open", "joint", "all"),
        ("door-unlock", "joint", "all"),
        ("handle-pull", "joint", "all"),
        ("stack", "related", "part"),  # Not whether it was let go.
        ("lift", "held_at", "part"),  # Nor whether it is held.
        ("push-left", "displaced", "part"),  # Nor how it got there.
        ("reach-object", "held_at", "none"),
        ("unstack", "displaced", "part"),  # Nor the other thing.
        ("put-in-bowl", "displaced", "none"),
    ],
)
def test_how_much_of_a_formula_the_discriminator_saw(registry: Registry, task: str, effect: str, seen: str) -> None:
    assert seen_of(get_effect(effect), registry[task], Candidate(task, 1.0, 8)) == seen


def test_a_mark_of_the_skills_own_is_a_displacement_that_the_discriminator_saw(registry: Registry) -> None:
    plate = registry["plate-slide"]
    own, given = Candidate("push", 1.0, 8, offset=(0.14, 0.0)), Candidate("push", 1.0, 8)
    bare = replace(plate, success=parse("at(plate, target) and on_table(plate)", plate.success.names))
    assert [seen_of(get_effect("displaced"), bare, c) for c in (own, given)] == ["all", "part"]


def test_a_skill_that_cannot_reach_the_bound_any_more_is_run_no_further(disguised: Any, registry: Registry) -> None:
    # 27 of 40 are needed. With one success in ten, 10 episodes have 9 failures, and 20 have 18: more than 13.
    entry = entry_of(disguised, registry, skill=0.1)
    assert (entry["n"], entry["success"], entry["task"]) == (20, 0.1, None)
    assert entry_of(disguised, registry, skill=0.6)["n"] == 40


def test_a_task_as_it_is_written_is_preferred_to_one_that_was_fitted(disguised: Any, registry: Registry) -> None:
    library = replace(disguised, tasks=("push",) * 2, codes=Codebook({"displaced": 2}))
    settings = NameSettings(effects=4, trials=2, contenders=3, episodes=20)
    found = name_skills(library, registry, Moves((0.0, 0.14, 0.0, 0.0)), settings)  # type: ignore[arg-type]
    assert found["skills"][0]["task"] == "push-left"
    assert found["skills"][0]["offset"] is None


def test_the_target_of_a_fitted_task_stands_where_the_skill_takes_things(registry: Registry) -> None:
    candidate = Candidate("push", 1.0, 8, offset=(0.14, -0.05))
    one, other = (task_scene(registry["push"], candidate, s) for s in (1, 2))
    for scene in (one, other):
        gap = np.subtract(scene.entity("target").position, scene.entity("block").position)
        assert gap[:2] == pytest.approx([0.14, -0.05])
    assert one != other


def test_a_named_skill_s_task_is_found_again_with_its_parameter(registry: Registry) -> None:
    rates = {"success": 1.0, "low": 0.7, "high": 1.0, "n": 8, "shuffled_success": 0.0}
    rates |= {"random_success": 0.0, "nothing_success": 0.0}
    named = {"id": "turned-00", "effect": "turned", "entity_kind": "rigid", "name": "rotate 60 deg", "task": "rotate"}
    named |= {"tried": "rotate", "phrase": "turns it", "size": 0.1, "spread": 0.0, "consistent": True, "outcomes": ()}
    skill = NamedSkill(**named, **rates, offset=None, angle=float(np.radians(60)))
    scene, task, entity = skill_task(registry, skill, 5)
    assert scene == task_scene(registry["rotate"], Candidate("rotate", 1.0, 8), 5)
    assert entity == registry["rotate"].attends
    assert "60 deg" in task.success.text
    with pytest.raises(TabletopError, match="unknown task 'fly'"):
        skill_task(registry, replace(skill, task="fly"), 5)
    with pytest.raises(TabletopError, match="skill 'turned-00' is named for no task"):
        skill_task(registry, replace(skill, task=None), 5)


def test_floors_run_on_the_skill_s_scene_and_are_what_they_say(disguised: Any, registry: Registry) -> None:
    task, skill = registry["drawer-open"], disguised.skill_of("drawer-open")
    runs = {
        mode: run_task_run(TaskRun(disguised, skill, task, Candidate("drawer-open", 1.0, 8), 3, mode))
        for mode in ("skill", "nothing", "random", "exploration")
    }
    assert len({repr(r.scene) for r in runs.values()}) == 1
    assert (runs["nothing"].actions == [0, 0, 0, 0, 1]).all()
    assert len(np.unique(runs["random"].actions)) > 100
    # White noise has no memory; what explores goes on as it went.
    one, other = (
        float(np.corrcoef(a[:-1, :2].ravel(), a[1:, :2].ravel())[0, 1])
        for a in (runs["random"].actions, runs["exploration"].actions)
    )
    assert abs(one) < 0.25
    assert other > 0.35
    assert bool(task.success.holds(runs["skill"].final, runs["skill"].initial))


@pytest.mark.parametrize(("name", "steps"), [("lift", 40), ("drawer-open", 70)])
def test_a_skill_has_its_own_steps_but_no_more_than_the_task(
    name: str, steps: int, disguised: Any, registry: Registry
) -> None:
    run = TaskRun(disguised, disguised.skill_of("lift"), registry[name], Candidate(name, 1.0, 8), 3, "nothing")
    assert len(run_task_run(run)) == steps


def test_a_sample_is_as_wide_as_effects_are() -> None:
    assert len(rigid_sample(0, (0, 0, 0, 0)).effect) == len(drawer_sample(0, 0, 1).effect) == EFFECT_WIDTH


class Ajar(Canned):
    """As Canned, but the second skill opens its drawer by less than half."""

    def map(self, function: Any, jobs: Iterable[Any], *, chunk: int = 4, label: str | None = None) -> Iterator[Any]:
        for job in jobs:
            if isinstance(job, SkillRun):
                yield drawer_sample(job.skill.code, 0.0, (1.0, 0.4)[job.skill.code])
            else:
                yield job.mode == "skill"


def test_of_two_tasks_a_skill_does_it_is_named_for_the_one_that_its_siblings_do_not(
    disguised: Any, registry: Registry
) -> None:
    wide = registry["drawer-open"]
    loose = replace(wide, name="ajar", success=parse("open(drawer, 0.2)", ["drawer"]))
    settings = NameSettings(effects=4, trials=2, contenders=2, episodes=40)
    found = name_skills(drawers(disguised), Registry([wide, loose]), Ajar(), settings)  # type: ignore[arg-type]
    assert [e["task"] for e in found["skills"]] == ["drawer-open", "ajar"]
