"""Going on from a library: what stays, what is drawn, what is refused, and that it goes on bit for bit alike."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tabletop.discovery import train as module
from tabletop.discovery.checkpoint import StartState, last_state
from tabletop.discovery.collect import Batch, CollectJob
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import Learner, LearnerSettings
from tabletop.discovery.objectives import OBJECTIVES
from tabletop.discovery.start import going_on_from, grown, open_start
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.learn.sac import SACSettings
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.sim.generate import load_scene_card
from tabletop.sim.robot_card import using_robot
from tabletop.skills.codebook import Codebook
from tabletop.skills.library import LEARNER, Library, load_library, save_library

torch.set_num_threads(1)

LEARNING = LearnerSettings(sac=SACSettings(hidden=(8, 8), batch_size=16), capacity=600)
SETTINGS = DiscoverSettings(
    counts={"held_at": 4, "joint": 3},
    effect_weights={"held_at": 0.7, "joint": 0.3},
    scene="discovery",
    horizon=6,
    episodes=2,
    warmup=4,
    updates=0.2,
    learner=LEARNING,
    seed=1,
)
SHORT, LONG = 150, 300
"""Control steps: the short budget ends in the middle of learning."""
CARD = {"entities": {"lever": {"kind": "lever", "fraction": [0, 1]}, "brick": "brick"}}


def going_on(library: Library, *effects: str, **others: Any) -> DiscoverSettings:
    """Return small settings that go on from a library."""
    pace = {"episodes": 2, "warmup": 4, "updates": 0.2, "hold": 4, "scene": str(others.pop("scene", "planning"))}
    settings = going_on_from(library, effects, seed=2, **{**pace, **others})
    learner = replace(settings.learner, sac=replace(settings.learner.sac, batch_size=16), capacity=600)
    return replace(settings, learner=learner)


def go_on(folder: Path, first: Path, steps: int, *effects: str, resume: bool = False, **others: Any) -> Library:
    settings = going_on(load_library(first / "library"), *effects, **others)
    start = None if resume else first
    return discover(folder, settings, steps=steps, workers=0, start=start, resume=resume, quiet=True)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a library to go on from."""
    folder = tmp_path_factory.mktemp("first")
    discover(folder, SETTINGS, steps=SHORT, workers=0, quiet=True)
    return folder


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene card with a lever and a brick, which the first library's scenes never had."""
    path = tmp_path_factory.mktemp("card") / "mine.yaml"
    path.write_text(json.dumps(CARD), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, first: Path, card: Path) -> Path:
    """A run that went on from it, with a further effect, which nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    go_on(folder, first, LONG, "toppled", "turned", scene=card)
    return folder


def same(one: Path, other: Path) -> bool:
    """Return whether two runs have the same library and the same of what learning goes on from."""
    names = ("weights.safetensors", LEARNER)
    return all((one / "library" / n).read_bytes() == (other / "library" / n).read_bytes() for n in names)


# --- what stays ----------------------------------------------------------------------------------
def test_codes_of_the_library_stay_and_those_of_further_effects_come_after_them(first: Path, whole: Path) -> None:
    old, new = load_library(first / "library"), load_library(whole / "library")
    assert dict(new.codes.counts) == {"held_at": 4, "joint": 3, "toppled": 2, "turned": 6}
    assert old.embeddings.any()
    assert np.array_equal(new.embeddings[:7], old.embeddings)
    assert len(np.unique(new.embeddings[9:], axis=0)) > 1, "what was turned is what the scenes had"
    assert not np.array_equal(new.weights["layer0.weight"], old.weights["layer0.weight"]), "the policy learned"
    assert new.info["updates"] > 20


def test_the_library_says_what_it_began_from_and_keeps_both_cards(first: Path, whole: Path) -> None:
    old, new = load_library(first / "library"), load_library(whole / "library")
    assert (new.info["from"], new.info["env_steps_before"]) == (old.digest, old.info["env_steps"])
    assert new.info["env_steps"] < LONG + 50
    assert new.cards == (CARD, load_scene_card("discovery"))
    assert set(new.joints) == {"lever", *old.joints}
    state = last_state(whole)
    assert state is not None
    assert state.start is not None
    assert (state.start.digest, state.start.codes, state.start.rehearsal) == (old.digest, 7, 0.5)
    assert str(first) not in (whole / "checkpoint" / "state.json").read_text(encoding="utf-8")


def test_until_the_hold_is_over_the_policy_is_the_librarys_and_critics_learn(
    first: Path, card: Path, tmp_path: Path
) -> None:
    held = go_on(tmp_path / "held", first, SHORT, scene=card, hold=10**6)
    assert held.info["updates"] > 5
    old = load_library(first / "library")
    assert all(np.array_equal(held.weights[k], v) for k, v in old.weights.items())
    before, after = (load_tensors(f / "library" / LEARNER) for f in (first, tmp_path / "held"))
    assert before.keys() == after.keys()
    assert not np.array_equal(before["critic"], after["critic"])
    assert np.array_equal(before["objective.means"], after["objective.means"])


def test_learning_begins_with_the_critics_and_the_objective_of_the_library(first: Path) -> None:
    start = open_start(first)
    settings = going_on(start.library, "turned")
    learner = Learner(Codebook(settings.counts), settings.learner, 2, settings.horizon)
    fresh = learner.sac.critic_arrays()
    learner.take_over(start, None)
    stored = load_tensors(first / "library" / LEARNER)
    for name, value in learner.sac.critic_arrays().items():
        assert np.array_equal(value, stored[name])
        assert name == "log_alpha" or not np.array_equal(value, fresh[name])
    state = learner.objective.state_dict()
    for name, value in state.items():
        kept = stored[f"objective.{name}"]
        assert np.array_equal(value[: len(kept)], kept)
        assert len(value) > len(kept)
    averaged = learner.sac.actor_arrays(averaged=True)
    assert all(np.array_equal(v, averaged[k]) for k, v in start.library.weights.items())
    assert learner.policy_from == 500


def test_without_what_the_learner_knew_critics_begin_anew_and_the_policy_holds_longer(
    first: Path, card: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = load_library(first / "library")
    save_library(old, tmp_path / "bare")
    settings = going_on(old, scene=card, hold=None)
    arguments = {"steps": SHORT, "workers": 0, "start": tmp_path / "bare"}
    found = discover(tmp_path / "run", settings, **arguments)  # type: ignore[arg-type]
    said = [line for line in capsys.readouterr().err.splitlines() if "critics begin anew" in line]
    assert said == [f"the library has no {LEARNER}: critics begin anew, and its policy holds still for 4000 updates"]
    assert all(np.array_equal(found.weights[k], v) for k, v in old.weights.items())
    assert np.array_equal(found.embeddings, old.embeddings)


# --- what is drawn -------------------------------------------------------------------------------
def jobs_of(
    monkeypatch: pytest.MonkeyPatch, folder: Path, first: Path, *effects: str, **others: Any
) -> list[tuple[CollectJob, Batch]]:
    """Return the rounds of a run with their episodes."""
    ran: list[tuple[CollectJob, Batch]] = []
    collect = module.collect

    def watched(job: CollectJob) -> Batch:
        ran.append((job, collect(job)))
        return ran[-1][1]

    monkeypatch.setattr(module, "collect", watched)
    go_on(folder, first, SHORT, *effects, **others)
    return ran


def test_rounds_take_turns_between_the_new_card_and_the_librarys(
    monkeypatch: pytest.MonkeyPatch, first: Path, card: Path, tmp_path: Path
) -> None:
    ran = jobs_of(monkeypatch, tmp_path, first, scene=card)
    cards = [job.card for job, _ in ran]
    assert len(ran) > 8
    assert cards == [[CARD, load_scene_card("discovery")][i % 2] for i in range(len(ran))]
    for job, batch in ran:
        assert {r.entity_kind for r in batch} <= (
            {"lever", "brick"} if job.card == CARD else {"drawer", "block"} | REST
        )
    assert {r.entity_kind for _, batch in ran for r in batch} >= {"lever", "brick"}


REST = {"button", "can", "puck", "brick", "mug", "bin", "bowl", "ball", "plate", "door", "faucet", "handle", "dial"}


def test_the_first_episodes_are_the_policys_own_but_for_effects_that_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, first: Path, card: Path, tmp_path: Path
) -> None:
    ran = jobs_of(monkeypatch, tmp_path, first, "turned", scene=card)
    assert not any(job.random for job, _ in ran)
    assert all(job.weights for job, _ in ran)
    assert [job.trained for job, _ in ran[:3]] == [7] * 3
    assert ran[-1][0].trained is None


@pytest.mark.parametrize(
    ("share", "rehearsed"), [(0.0, "0000000000"), (0.25, "0001000100"), (0.5, "0101010101"), (1.0, "1111111111")]
)
def test_the_share_of_rehearsal_says_which_rounds_and_earlier_cards_take_turns(share: float, rehearsed: str) -> None:
    made = {"digest": "", "codes": 1, "env_steps": 0, "hidden": (8,), "flat": False, "horizon": 6}
    state = StartState(cards=("one", "two"), rehearsal=share, **made)  # type: ignore[arg-type]
    found = [state.card(i) for i in range(10)]
    assert "".join("0" if c is None else "1" for c in found) == rehearsed
    cards = [c for c in found if c is not None]
    assert cards == ["one", "two", *cards][: len(cards)]
    assert replace(state, cards=()).card(3) is None


def test_an_effect_gets_episodes_only_where_there_are_things_for_it(
    monkeypatch: pytest.MonkeyPatch, first: Path, tmp_path: Path
) -> None:
    lever = tmp_path / "lever.yaml"
    lever.write_text("entities: {lever: lever}\n", encoding="utf-8")
    ran = jobs_of(monkeypatch, tmp_path / "run", first, scene=lever)
    shares = [job.effect_weights for job, _ in ran]
    assert all(s == (0.0, 1.0) for s in shares[::2])
    assert all(min(s) > 0.0 for s in shares[1::2])


def test_on_the_librarys_own_card_there_is_nothing_to_rehearse(first: Path, tmp_path: Path) -> None:
    found = go_on(tmp_path, first, 30, scene="discovery")
    assert found.cards == (load_scene_card("discovery"),)


def test_what_went_on_twice_rehearses_all_earlier_cards(whole: Path, tmp_path: Path) -> None:
    found = go_on(tmp_path, whole, 30, scene="planning")
    assert found.cards == (load_scene_card("planning"), CARD, load_scene_card("discovery"))
    assert load_library(tmp_path / "library").cards == found.cards
    before = load_library(whole / "library").info
    assert found.info["env_steps_before"] == before["env_steps"] + before["env_steps_before"]


# --- going on after a stop -----------------------------------------------------------------------
def test_a_run_that_stopped_is_resumed_without_the_library_and_ends_bit_for_bit_alike(
    first: Path, whole: Path, card: Path, tmp_path: Path
) -> None:
    go_on(tmp_path, first, SHORT, "toppled", "turned", scene=card)
    assert not same(tmp_path, whole)
    go_on(tmp_path, first, LONG, "toppled", "turned", scene=card, resume=True)
    assert same(tmp_path, whole)


@pytest.mark.parametrize("steps", [6, 30])
def test_it_may_stop_before_learning_begins(first: Path, whole: Path, card: Path, tmp_path: Path, steps: int) -> None:
    go_on(tmp_path, first, steps, "toppled", "turned", scene=card)
    go_on(tmp_path, first, LONG, "toppled", "turned", scene=card, resume=True)
    assert same(tmp_path, whole)


def test_a_run_that_was_killed_goes_on_by_the_command_line(first: Path, card: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "tabletop", "discover", "--no-measure", "--workers", "0", "--steps", "1000"]
    begin = ["--from", str(first), "--scene", str(card), "--effects", "toppled", "--rehearsal", "0.4"]
    subprocess.run([*words, *begin, "--out", str(tmp_path / "a")], check=True, capture_output=True)
    with subprocess.Popen([*words, *begin, "--out", str(tmp_path / "b")], stderr=subprocess.DEVNULL) as process:
        state = tmp_path / "b" / "checkpoint" / "state.json"
        until = time.monotonic() + 120
        while not state.is_file() and time.monotonic() < until:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    assert not (tmp_path / "b" / "library").exists()
    subprocess.run([*words, "--resume", "--out", str(tmp_path / "b")], check=True, capture_output=True)
    assert same(tmp_path / "a", tmp_path / "b")
    note = (tmp_path / "b" / "run.yaml").read_text(encoding="utf-8")
    assert f"from: {load_library(first / 'library').digest}" in note


def test_another_library_or_rehearsal_is_not_gone_on_with(first: Path, whole: Path, card: Path, tmp_path: Path) -> None:
    old = load_library(first / "library")
    other = replace(old, embeddings=old.embeddings + 0.01)
    save_library(other, tmp_path / "other")
    settings = going_on(old, "toppled", "turned", scene=card)
    arguments: dict[str, Any] = {"steps": LONG, "workers": 0, "resume": True, "quiet": True}
    with pytest.raises(TabletopError, match=r"began from library \w{12}, rehearsal 0.5; resume with the same"):
        discover(whole, settings, start=tmp_path / "other", **arguments)
    with pytest.raises(TabletopError, match=r"got library \w{12}, rehearsal 0.2"):
        discover(whole, replace(settings, rehearsal=0.2), start=first, **arguments)
    with pytest.raises(TabletopError, match=r"began from nothing; .* got library \w{12}"):
        discover(first, replace(going_on(old), seed=1, scene="discovery"), start=whole.parent / first, **arguments)


# --- other objectives ----------------------------------------------------------------------------
def test_an_objective_with_a_network_goes_on_with_it_and_not_without(first: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learner=replace(LEARNING, objective="metra"))
    discover(tmp_path / "metra", settings, steps=60, workers=0, quiet=True)
    start = open_start(tmp_path / "metra")
    went = going_on(start.library)
    assert (went.learner.objective, start.library.conditioning) == ("metra", "vector")
    learner = Learner(Codebook(went.counts), went.learner, 5, went.horizon)
    untrained = learner.objective.state_dict()
    learner.take_over(start, None)
    state = learner.objective.state_dict()
    stored = load_tensors(tmp_path / "metra" / "library" / LEARNER)
    assert all(np.array_equal(v, stored[f"objective.{k}"]) for k, v in state.items())
    assert any(not np.array_equal(v, untrained[k]) for k, v in state.items())
    assert np.array_equal(learner.objective.skill_embeddings, start.library.embeddings)
    # Its input says which effect it is in columns that come last, so that it takes further ones.
    counts = {**went.counts, "turned": 6}
    wider = Learner(Codebook(counts), going_on(start.library, "turned").learner, 5, went.horizon)
    assert not np.array_equal(wider.objective.skill_embeddings[:7], start.library.embeddings)
    wider.take_over(start, None)
    assert np.array_equal(wider.objective.skill_embeddings[:7], start.library.embeddings)
    (tmp_path / "metra" / "library" / LEARNER).unlink()
    with pytest.raises(TabletopError, match=f"has no {LEARNER}, which its objective cannot go on without"):
        learner.take_over(open_start(tmp_path / "metra"), None)


def test_codes_of_another_width_are_refused(first: Path) -> None:
    old = open_start(first)
    learner = Learner(Codebook(SETTINGS.counts), replace(LEARNING, objective="metra"), 5, 6)
    with pytest.raises(TabletopError, match=r"has 3 numbers a code, the library's have \d; go on with"):
        learner.objective.keep(old.library.embeddings)


def test_a_metra_run_is_resumed_with_the_librarys_codes(tmp_path: Path) -> None:
    settings = replace(SETTINGS, learner=replace(LEARNING, objective="metra"))
    old = discover(tmp_path / "metra", settings, steps=60, workers=0, quiet=True)
    for name, stops in (("once", (120,)), ("twice", (60, 120))):
        for i, steps in enumerate(stops):
            go_on(tmp_path / name, tmp_path / "metra", steps, scene="planning", resume=i > 0)
    assert same(tmp_path / "once", tmp_path / "twice")
    assert np.array_equal(load_library(tmp_path / "twice" / "library").embeddings, old.embeddings)


def test_a_state_grows_by_rows_only() -> None:
    own = {"means": np.zeros((3, 2)), "more": np.ones(2), "phi": np.zeros((2, 2)), "step": np.array(0.0)}
    found = grown(own, {"means": np.full((2, 2), 5.0), "gone": np.ones(1), "step": np.array(7.0)})
    assert found["means"].tolist() == [[5.0, 5.0], [5.0, 5.0], [0.0, 0.0]]
    assert (found["more"].tolist(), float(found["step"])) == ([1.0, 1.0], 7.0)
    assert not own["means"].any()
    for wrong in (np.zeros((4, 2)), np.zeros((3, 3)), np.zeros(3)):
        with pytest.raises(TabletopError, match="the objective's means has shape"):
            grown(own, {"means": wrong})
    with pytest.raises(TabletopError, match="must be finite"):
        grown(own, {"means": np.full((2, 2), np.nan)})


# --- what is refused -----------------------------------------------------------------------------
Change = Callable[[DiscoverSettings], DiscoverSettings]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: replace(s, horizon=7), "made with horizon 12; go on with the same, got 14"),
        (lambda s: replace(s, release="scripted"), "made with release learned; .* got scripted"),
        (
            lambda s: replace(s, learner=replace(s.learner, objective="metra")),
            "made with objective final-state; .* got metra",
        ),
        (lambda s: replace(s, counts={"joint": 3, "held_at": 4}), "has the codes {'held_at': 4, 'joint': 3}; go on"),
        (
            lambda s: replace(s, learner=replace(s.learner, sac=replace(s.learner.sac, hidden=(9, 8)))),
            r"the network needs 'layer0.weight' of shape .* got",
        ),
        (lambda s: replace(s, scene="nowhere"), "nowhere"),
    ],
)
def test_settings_that_do_not_go_on_from_the_library_are_refused(
    first: Path, tmp_path: Path, change: Change, message: str
) -> None:
    settings = change(going_on(load_library(first / "library")))
    with pytest.raises(TabletopError, match=message):
        discover(tmp_path / "run", settings, steps=10, workers=0, start=first, quiet=True)
    assert not list(tmp_path.rglob("*.*"))


def test_a_card_with_nothing_for_the_effects_is_refused(first: Path, tmp_path: Path) -> None:
    bin_only, block = tmp_path / "bin.yaml", tmp_path / "block.yaml"
    bin_only.write_text("entities: {bin: bin}\n", encoding="utf-8")
    block.write_text("entities: {block: block}\n", encoding="utf-8")
    old = load_library(first / "library")
    arguments: dict[str, Any] = {"steps": 10, "workers": 0, "start": first, "quiet": True}
    with pytest.raises(TabletopError, match=r"bin.yaml' has nothing for any of the effects held_at, joint"):
        discover(tmp_path / "run", going_on(old, scene=bin_only), **arguments)
    with pytest.raises(TabletopError, match=r"block.yaml' never has what the effects dragged need"):
        discover(tmp_path / "run", going_on(old, "dragged", scene=block), **arguments)


def changed(first: Path, to: Path, **change: Any) -> Path:
    """Write the first library changed; return its folder."""
    save_library(replace(load_library(first / "library"), **change), to)
    return to


def test_a_library_of_another_robot_or_conditioning_is_refused(first: Path, tmp_path: Path) -> None:
    old = load_library(first / "library")
    arguments: dict[str, Any] = {"steps": 10, "workers": 0, "quiet": True}
    with using_robot("cobot6"), pytest.raises(TabletopError, match=r"with robot panda; .* got cobot6"):
        discover(tmp_path / "run", going_on(old), start=first, **arguments)
    other = changed(first, tmp_path / "change", conditioning="change")
    with pytest.raises(TabletopError, match=r"with conditioning change; .* got target"):
        discover(tmp_path / "run", going_on(old), start=other, **arguments)


@pytest.mark.parametrize("objective", ["random", "explore-then-discover"])
def test_an_objective_with_nothing_to_go_on_from_is_refused(first: Path, tmp_path: Path, objective: str) -> None:
    info = {**load_library(first / "library").info, "objective": objective}
    other = changed(first, tmp_path / "other", info=info)
    with pytest.raises(TabletopError, match=f"{objective} has nothing to go on from; .*final-state"):
        discover(tmp_path / "run", going_on(load_library(other)), steps=10, workers=0, start=other, quiet=True)


def test_each_objective_says_whether_it_can_go_on() -> None:
    unable = {name for name, inputs in OBJECTIVES.items() if not all(o.goes_on for o in inputs.values())}
    assert unable == {"random", "explore-then-discover"}


def test_a_learner_of_another_library_is_refused(first: Path, tmp_path: Path) -> None:
    old = load_library(first / "library")
    other = changed(first, tmp_path / "other", embeddings=old.embeddings + 0.01)
    save_tensors(other / LEARNER, load_tensors(first / "library" / LEARNER))
    with pytest.raises(TabletopError, match=f"{LEARNER}' is of another library than the one beside it"):
        open_start(other)


def test_effects_that_nobody_knows_and_a_rehearsal_of_nothing_are_refused(first: Path, tmp_path: Path) -> None:
    with pytest.raises(TabletopError, match="unknown effect 'fly'"):
        going_on_from(load_library(first / "library"), ["fly"])
    with pytest.raises(TabletopError, match="rehearsal is of the scenes of a library"):
        discover(tmp_path, replace(SETTINGS, rehearsal=0.5), steps=10, workers=0, quiet=True)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(TabletopError, match="rehearsal must be a share from 0 to 1"):
            replace(SETTINGS, rehearsal=wrong)
    with pytest.raises(TabletopError, match="hold must be 0 to"):
        replace(SETTINGS, hold=-1)
