"""A library's skills as a policy for tasks."""

from __future__ import annotations

from dataclasses import replace

from tabletop.api.policies import OneSkill, fingerprint
from tabletop.logic import load_registry
from tabletop.sim.generate import generate
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
