"""Films and pictures of pages are taken from near to what they are about."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from tabletop.api.clips import SkillClip, film_skill
from tabletop.api.takes import skill_take
from tabletop.cli.task_page import write_task_page
from tabletop.logic import load_registry
from tabletop.report import read_clip
from tabletop.rollout.episode import Frames, episode
from tabletop.runs.records import NamedSkill
from tabletop.seeds import Purpose, seed_of
from tabletop.sim import Scene, World, framing, generate
from tabletop.sim.generate import load_scene_card
from tabletop.skills.library import Library
from tabletop.skills.scenes import attended_scene

CLIP_SEED = 3


def pictures(scene: Scene, way: np.ndarray | tuple[()] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Return what a scene looks like from near, and from its own camera."""
    with World() as world:
        world.load(scene)
        return world.render(240, 180, framing(scene, way)).rgb, world.render(240, 180).rgb


def off(one: np.ndarray, two: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - two).mean())


def test_a_skill_is_filmed_from_near(library: Library, tmp_path: Path) -> None:
    rates = {"success": 0.0, "low": 0.0, "high": 1.0, "n": 0}
    rates |= dict.fromkeys(("shuffled_success", "random_success", "nothing_success"))
    words = dict.fromkeys(("name", "task", "tried", "offset", "angle")) | {"phrase": "presses", "entity_kind": "button"}
    numbers = {"size": 0.0, "spread": 0.0, "consistent": True, "outcomes": ()}
    named = NamedSkill(id="button-01", effect="joint", **words, **rates, **numbers)
    name = film_skill(SkillClip(library, load_registry(), named, str(tmp_path), CLIP_SEED))
    frames, _ = read_clip(tmp_path / name)
    skill = library.skill("button-01")
    poses, things = (seed_of(CLIP_SEED, p) for p in (Purpose.CLIP_SCENES, Purpose.CLIP_INVENTORIES))
    scene, entity = attended_scene(library.card, skill.effect, poses, things, "nominal", kind=skill.kind)
    policy = library.policy(skill, entity, None)
    way = episode(policy, scene, CLIP_SEED, policy.length).state.entity(entity, "position")
    near, far = pictures(scene, way)
    assert off(frames[0], near) < 6 < off(frames[0], far)


def test_an_episodes_pictures_are_taken_by_the_camera_that_is_given(library: Library) -> None:
    scene, entity = attended_scene(library.card, library.skill("button-01").effect, 1, 2, "nominal", kind="button")
    policy = library.policy("button-01", entity)
    near, far = (episode(policy, scene, 0, 2, frames=Frames(240, 180, 2, c)).frames for c in (framing(scene), None))
    assert len(near) == len(far) == 2
    assert np.array_equal(near[0], pictures(scene)[0])
    assert np.array_equal(far[0], pictures(scene)[1])


def test_the_page_of_tasks_shows_them_from_near(tmp_path: Path) -> None:
    task = load_registry()["reach"]
    write_task_page(tmp_path, [task])
    picture = cv2.imread(str(tmp_path / "tasks" / "reach.webp"))[..., ::-1]
    near, far = pictures(generate(task.scene, 0))
    assert off(picture, near) < 6 < off(picture, far)


def test_a_skill_of_a_joint_is_shown_on_its_own_kind_and_one_of_a_formula_on_its_task(library: Library) -> None:
    registry, whole = load_registry(), replace(library, card=load_scene_card("discovery"))
    for kind in ("drawer", "button"):
        takes = [skill_take(whole, whole.skill(f"{kind}-01"), None, registry, seed) for seed in range(4)]
        assert {take.scene.entity(take.entity).kind for take in takes} == {kind}
    asked = skill_take(whole, whole.skill("joint@drawer-open"), None, registry, 3)
    assert (asked.task, asked.entity) == (registry["drawer-open"], "drawer")
    assert asked.scene == generate(registry["drawer-open"].scene, 3)
