"""Discovery with each objective, on the simulated table: short runs with small networks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tabletop.discovery.collect import CollectJob, Record, collect
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import LearnerSettings
from tabletop.discovery.learner_config import PhiSettings
from tabletop.discovery.objectives import OBJECTIVES
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.learn.sac import SACSettings
from tabletop.metrics.effective_skills import SkillRun, nominal_run
from tabletop.sim.generate import load_scene_card
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH
from tabletop.skills.library import Library, load_library
from tabletop.skills.scenes import STARTS

torch.set_num_threads(1)

SHORT, LONG = 150, 240
"""Control steps: the short budget ends in the middle of learning."""
CASES = [
    ("final-state-at-end", "effects", "sphere"),
    ("first-and-last", "effects", "sphere"),
    ("trajectory", "effects", "sphere"),
    ("every-state", "observation", "sphere"),
    ("lsd", "effects", "discrete"),
    ("csd", "observation", "gaussian"),
    ("metra", "effects", "sphere"),
    ("explore-then-discover", "effects", "sphere"),
    ("goal-conditioned", "effects", "sphere"),
    ("goal-conditioned-dense", "effects", "sphere"),
    ("curious", "effects", "sphere"),
    ("curious-dense", "effects", "sphere"),
    ("max-entropy", "effects", "sphere"),
    ("random", "effects", "sphere"),
]
"""Without final-state, whose runs are in test_discover.py."""


def settings(
    objective: str, discriminator_input: str = "effects", latent: str = "sphere", starts: str = "mixed"
) -> DiscoverSettings:
    learner = LearnerSettings(
        sac=SACSettings(hidden=(8, 8), batch_size=16),
        objective=objective,
        discriminator_input=discriminator_input,
        latent=latent,
        phi=PhiSettings(hidden=(8,), batch_size=16),
        exploration_episodes=9,
        capacity=600,
    )
    return DiscoverSettings(
        counts={"held_at": 3, "joint": 2},
        effect_weights={"held_at": 0.7, "joint": 0.3},
        horizon=6,
        episodes=2,
        warmup=4,
        updates=0.2,
        learner=learner,
        starts=starts,
        seed=1,
    )


def run(folder: Path, steps: int, chosen: DiscoverSettings, *, resume: bool = False) -> Library:
    return discover(folder, chosen, steps=steps, workers=0, resume=resume, quiet=True)


def weights_differ(one: Library, other: Library) -> bool:
    return not all(np.array_equal(v, other.weights[k]) for k, v in one.weights.items())


def test_every_objective_has_a_case() -> None:
    assert {name for name, *_ in CASES} | {"final-state"} == set(OBJECTIVES)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_run_that_stopped_and_was_resumed_ends_like_one_that_did_not_and_its_skills_run(
    case: tuple[str, str, str], tmp_path: Path
) -> None:
    chosen = settings(*case)
    whole = run(tmp_path / "whole", LONG, chosen)
    first = run(tmp_path / "parts", SHORT, chosen)
    assert weights_differ(first, whole) == (case[0] != "random")
    resumed = run(tmp_path / "parts", LONG, chosen, resume=True)
    assert not weights_differ(resumed, whole)
    assert np.array_equal(resumed.embeddings, whole.embeddings)
    library = load_library(tmp_path / "parts" / "library")
    assert library.info["objective"] == case[0]
    assert (library.conditioning, library.acts) == (whole.conditioning, whole.acts)
    sample = nominal_run(SkillRun(library, library.skill("held_at-02"), 0, 5))
    assert np.isfinite(sample.outcome).all()
    again = nominal_run(SkillRun(whole, whole.skill("held_at-02"), 0, 5))
    assert np.array_equal(sample.trajectory.actions, again.trajectory.actions)
    rows = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert all(np.isfinite(v) for row in rows for v in row.values())


@pytest.mark.parametrize("case", [*CASES, ("final-state", "effects", "sphere"), ("every-state", "effects", "sphere")])
def test_doing_nothing_is_asked_for_seldom_only_where_it_is_a_code_of_its_own(
    case: tuple[str, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[CollectJob] = []

    def watched(job: CollectJob) -> list[Record]:
        jobs.append(job)
        return collect(job)

    monkeypatch.setattr("tabletop.discovery.train.collect", watched)
    run(tmp_path, 10, settings(*case))
    rng, codes = np.random.default_rng(0), Codebook({"toppled": 2})
    share = np.mean([codes.draw(0, rng, jobs[0].facts) for _ in range(2000)])
    goals = {"goal-conditioned", "goal-conditioned-dense", "curious", "curious-dense"}
    sees_facts = case[0] in {"final-state", "final-state-at-end", *goals} or case[:2] == ("every-state", "effects")
    assert share == pytest.approx(0.8 if sees_facts else 0.5, abs=0.04)


def test_a_checkpoint_of_another_objective_is_not_gone_on_from(tmp_path: Path) -> None:
    run(tmp_path, 60, settings("metra"))
    for other in (settings("lsd"), settings("metra", "observation"), settings("metra", starts="nominal")):
        with pytest.raises(
            TabletopError, match=r"with objective metra, discriminator_input effects, .*; resume with the same"
        ):
            run(tmp_path, 90, other, resume=True)


def test_with_nominal_starts_the_gripper_always_begins_away_from_the_thing() -> None:
    card, codes = load_scene_card("discovery"), Codebook({"held_at": 2, "joint": 2})
    gaps: dict[str, list[float]] = {}
    for starts in STARTS:
        job = CollectJob({}, np.zeros((4, EFFECT_WIDTH)), codes, card, 0, 0, 12, 2, (1.0, 0.0), {}, True, starts)
        # Columns 7 to 9 of an observation: from the gripper to the thing, times 8.
        gaps[starts] = [float(np.linalg.norm(r.observations[0, 7:10]) / 8) for r in collect(job)]
    assert min(gaps["nominal"]) > 0.12
    assert min(gaps["mixed"]) < 0.05


@pytest.mark.parametrize("acts", ["mean", "sample", "random"])
def test_a_librarys_skills_act_as_it_says(acts: str, library: Library) -> None:
    policy = replace(library, acts=acts).policy("held_at-00", "red")
    assert (policy.stochastic, policy.random) == (acts == "sample", acts == "random")
