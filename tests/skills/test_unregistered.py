"""A fixture that no Python names: its skills, what is seen of it and how far it goes follow from its card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tabletop import projects
from tabletop.control.joints import handle_of
from tabletop.errors import TabletopError
from tabletop.rollout.episode import episode
from tabletop.sim import World, generate
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.skills.effects import EFFECTS, REACH, entities_for, get_effect
from tabletop.skills.library import Library
from tabletop.skills.observation import TANGENT, TANGENT_SCALE, Observer
from tabletop.skills.scenes import attended_scene, effects_along, effects_of_card, joints_of

HATCH = """
description: a hatch on a slope, that opens about a slanted hinge
body_type: joint
size: {w: 0.16, d: 0.14, h: 0.08}
mass: [0.1, 0.1]
friction: [0.8, 0.8]
colors: [[0.2, 0.5, 0.4]]
reach: {x: [0.45, 0.60], y: [-0.15, 0.15], yaw: [-60, 60]}
parts:
  - {shape: box, size: [w, d, h], at: [0, 0, h / 2]}
moving:
  - {shape: box, size: [w * 0.8, d * 0.8, 0.012], at: [0, 0, 0]}
  - {shape: box, size: [0.02, 0.06, 0.03], at: [w * 0.3, 0, 0.021]}
joint:
  type: revolute
  axis: [0.0, -3.0, 4.0]
  travel: 1.1
  origin: [0, 0, h + 0.03]
  extent: [w * 0.8, d * 0.8, 0.04]
  grasp: [w * 0.3, 0.01, 0.025]
  hinge: [-1, 0, -1]
  closing: x
  friction: 0.05
"""
"""A revolute joint whose axis is no axis of the world, nor of length 1."""
SLIDER = """
description: a plate that slides up a slope
body_type: joint
size: {w: 0.14, d: 0.14, h: 0.06}
mass: [0.1, 0.1]
friction: [0.8, 0.8]
colors: [[0.5, 0.2, 0.4]]
reach: {x: [0.45, 0.60], y: [-0.15, 0.15], yaw: [-60, 60]}
parts:
  - {shape: box, size: [w, d, h], at: [0, 0, h / 2]}
moving:
  - {shape: box, size: [0.04, 0.04, 0.04], at: [0, 0, 0]}
joint:
  type: prismatic
  axis: [0.6, 0.0, 0.8]
  travel: w / 2
  origin: [0, 0, h + 0.03]
  extent: [0.04, 0.04, 0.04]
  grasp: [0, 0, 0.015]
  friction: 1.0
"""
CHEST = """
description: a chest with a door and a drawer
body_type: static
size: {w: 0.22, d: 0.26, h: 0.16}
mass: [0.05, 0.1]
friction: [0.6, 0.9]
colors: [[0.4, 0.3, 0.2]]
reach: {x: [0.52, 0.60], y: [-0.15, 0.15], yaw: [-20, 20]}
parts:
  - {shape: box, size: [w, d, 0.01], at: [0, 0, h - 0.005]}
  - {shape: box, size: [0.01, d, h - 0.01], at: [w / 2 - 0.005, 0, (h - 0.01) / 2]}
moving_parts:
  door:
    joint: {type: revolute, axis: [0, 0, -1], travel: 1.5, origin: [-w / 2 - 0.005, 0.065, 0.10],
            extent: [0.01, 0.13, 0.08], hinge: [0, 1, 0], grasp: [-0.02, -0.05, 0], friction: 0.1}
    parts:
      - {shape: box, size: [0.01, 0.13, 0.08]}
      - {shape: box, size: [0.03, 0.012, 0.05], at: [-0.02, -0.05, 0]}
  drawer:
    joint: {type: prismatic, axis: [-1, 0, 0], travel: 0.1, origin: [0, 0, 0.03],
            extent: [0.20, d - 0.02, 0.04], grasp: [-0.105, 0, 0], friction: 1.0}
    parts:
      - {shape: box, size: [0.20, d - 0.02, 0.008], at: [0, 0, -0.016]}
      - {shape: box, size: [0.01, d - 0.02, 0.04], at: [-0.095, 0, 0]}
"""
CARDS = {"my_hatch": HATCH, "my_slider": SLIDER, "my_chest": CHEST}


@pytest.fixture(params=["my_hatch", "my_slider", "my_chest/door"])
def kind(request: pytest.FixtureRequest, here: Path) -> Iterator[str]:
    """Use a project that has one more kind of fixture; return what moves of it."""
    folder = here / "assets" / "fixtures"
    folder.mkdir(parents=True)
    (here / "tabletop.toml").write_text('name = "lab"\n')
    of = request.param.partition("/")[0]
    (folder / f"{of}.yaml").write_text(CARDS[of])
    projects.use_project(here)
    yield request.param
    projects._take(())


def entity_of(kind: str) -> str:
    """Return what the fixture's moving part is called in the scenes here."""
    return f"a/{kind.partition('/')[2]}".rstrip("/")


def card_of(kind: str) -> dict[str, object]:
    return {"entities": {"a": kind.partition("/")[0], "red": "block", "box": "drawer"}}


def opened(kind: str, *fractions: float) -> tuple[Scene, list[State]]:
    """Return a scene with the fixture at the first fraction, and what is measured at each."""
    whole = kind.partition("/")[0]
    scenes = [
        generate({"entities": {"a": {"kind": whole, "fraction": [f, f]}, "red": "block", "box": "drawer"}}, 1)
        for f in fractions
    ]
    with World() as world:
        states = [world.load(scene) for scene in scenes]
        return scenes[0], [State(s.layout, s.values.copy()) for s in states]


def test_it_has_the_effect_of_its_joint_and_no_other(kind: str) -> None:
    _, (first, later) = opened(kind, 0.0, 0.4)
    name = entity_of(kind)
    assert [n for n, e in EFFECTS.items() if name in entities_for(e, first.layout, {})] == ["joint"]
    assert get_effect("joint").function(first, later, name) == pytest.approx([0.4 * REACH], abs=1e-6)
    assert kind in joints_of(card_of(kind))
    assert attended_scene(card_of(kind), get_effect("joint"), 0, 0, "nominal", kind=kind)[1] == name


def test_the_tangent_of_its_handle_is_seen(kind: str) -> None:
    scene, (before, state, after) = opened(kind, 0.4 - 5e-4, 0.4, 0.4 + 5e-4)
    name = entity_of(kind)
    moved = float(after.entity(name, "fraction") - before.entity(name, "fraction"))
    expected = (handle_of(after, name) - handle_of(before, name)) / moved
    seen = Observer(state.layout, scene.entity(name), state.values, 30)(state.values, 0.0)
    assert seen[TANGENT : TANGENT + 3] / TANGENT_SCALE == pytest.approx(expected, abs=2e-5)
    length = get_effect("joint").metres(scene.entity(name))[0] * REACH
    assert np.linalg.norm(expected) == pytest.approx(length, rel=1e-4)


def test_a_library_that_never_saw_it_has_skills_for_it_and_runs_them(kind: str, library: Library) -> None:
    skill, name = library.skill(f"{kind}-01"), entity_of(kind)
    assert (skill.effect.name, skill.code, skill.kind) == ("joint", library.skill("drawer-01").code, kind)
    assert skill not in library.skills
    scene, (first,) = opened(kind, 0.3)
    assert library.entities(skill, scene) == [name]
    policy = library.policy(skill, name)
    run = episode(policy, scene, 0, library.length(skill))
    assert (len(run), len(policy.observations)) == (library.horizon, library.horizon)
    found = effects_along(skill.effect, run, name, library.horizon, release=library.release)
    assert found[0, 0] == pytest.approx(0.3 * REACH, abs=1e-6) == float(first.entity(name, "fraction")) * REACH
    aimed = library.policy(f"{kind}-00", name, target=0.8)
    assert aimed.embedding == pytest.approx((0.8 * REACH, 0, 0, 0, 0, 0))
    with pytest.raises(TabletopError, match=f"unknown skill '{kind}-03'"):
        library.skill(f"{kind}-03")


def test_a_library_that_saw_it_lists_its_skills(kind: str, library: Library) -> None:
    known = replace(library, card=card_of(kind))
    kinds = ["my_chest/door", "my_chest/drawer"] if "/" in kind else [kind]
    assert [s.id for s in known.skills[2:]] == [f"{k}-{i:02d}" for i in range(3) for k in (*kinds, "drawer")]
    assert known.skill(f"{kind}-01") in known.skills
    assert known.skill(f"{kind}-01").group == kind


def test_a_scene_card_of_it_alone_has_the_effect_of_its_joint(kind: str, here: Path) -> None:
    (here / "mine.yaml").write_text(f"entities: {{a: {kind.partition('/')[0]}}}\n")
    assert effects_of_card("mine.yaml", EFFECTS) == ("joint",)
