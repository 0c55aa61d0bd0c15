"""A library's skills as a policy for tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabletop.api.policies import OneSkill, fingerprint
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout.episode import episode
from tabletop.sim.generate import generate
from tabletop.skills.aiming import AimedPolicy
from tabletop.skills.effects import REACH
from tabletop.skills.library import Library
from tabletop.skills.skill_policy import SkillPolicy, settle_steps


def test_a_skill_acts_within_the_horizon_of_its_task(library: Library) -> None:
    patient, task = replace(library, horizon=100), load_registry()["button-press"]
    skill = patient.skill("button-00")
    policy = OneSkill(patient, skill)(task, generate(task.scene, 0))
    assert isinstance(policy, SkillPolicy)
    assert policy.horizon == task.horizon - settle_steps(skill.effect, patient.release)


def test_a_fingerprint_changes_with_the_skill_the_task_and_the_weights(library: Library) -> None:
    one = {"push": OneSkill(library, library.skill("button-00"))}
    same = {"push": OneSkill(replace(library), library.skill("button-00"))}
    learned = {k: v + (k.endswith("bias")) for k, v in library.weights.items()}
    others = [
        {"push": OneSkill(library, library.skill("button-01"))},
        {"pull": OneSkill(library, library.skill("button-00"))},
        {"push": OneSkill(replace(library, embeddings=library.embeddings + 1), library.skill("button-00"))},
        {"push": OneSkill(replace(library, weights=learned), library.skill("button-00"))},
    ]
    assert fingerprint(one) == fingerprint(same)
    assert len({fingerprint(m) for m in (one, *others)}) == 5


def test_what_a_tasks_formula_wants_of_its_own_thing_is_wanted_of_any_other(library: Library) -> None:
    scene = generate({"entities": {"one": "button", "two": "button"}}, 3)
    asked = library.policy("joint@button-press-topdown", "two")
    run = episode(asked, scene, 0, 3)
    assert isinstance(asked, AimedPolicy)
    assert (asked.formula.text, asked.entity) == ("pressed(two)", "two")
    pressed = library.policy("joint", "two", target=asked.skill.embedding[0] / REACH)
    assert np.array_equal(run.actions, episode(pressed, scene, 0, 3).actions)
    with pytest.raises(TabletopError, match="unknown entity 'wall'; there are: one, two"):
        episode(library.policy("joint@button-press-wall", "two"), scene, 0, 3)
