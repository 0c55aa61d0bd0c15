from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from tabletop.discovery import train as module
from tabletop.discovery.collect import Batch, CollectJob, collect
from tabletop.discovery.config import DiscoverSettings
from tabletop.discovery.learner import LearnerSettings
from tabletop.discovery.rounds import Rounds
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.learn.sac import SACSettings
from tabletop.learn.tensors import save_tensors
from tabletop.paths import ASSETS
from tabletop.rollout.engine import Engine
from tabletop.rollout.workers import WorkerPool
from tabletop.runs.lock import alone_in
from tabletop.sim.generate import load_scene_card
from tabletop.sim.robot_card import using_robot
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, LEFT, REACH, get_effect
from tabletop.skills.library import Library, load_library
from tabletop.skills.scenes import attended_scene
from tabletop.skills.skill_policy import SETTLE_STEPS

torch.set_num_threads(1)

HORIZON = 6
SETTINGS = DiscoverSettings(
    counts={"held_at": 2, "joint": 2},
    effect_weights={"held_at": 0.7, "joint": 0.3},
    horizon=HORIZON,
    episodes=2,
    warmup=4,
    updates=0.2,
    learner=LearnerSettings(sac=SACSettings(hidden=(8, 8), batch_size=16), capacity=600),
    seed=1,
)
SHORT, LONG = 150, 300
"""Control steps: the short budget ends in the middle of learning."""

KILLER = """
import os, signal
from tabletop.discovery.collect import collect

def collect_or_die(job):
    marker = {marker!r}
    if job.first == 6 and not os.path.exists(marker):
        open(marker, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return collect(job)
"""


def same(one: Library, other: Library) -> bool:
    return (
        np.array_equal(one.embeddings, other.embeddings)
        and one.weights.keys() == other.weights.keys()
        and all(np.array_equal(v, other.weights[k]) for k, v in one.weights.items())
        and one.info["env_steps"] == other.info["env_steps"]
    )


def run(folder: Path, steps: int, workers: int = 0, *, resume: bool = False, seed: int = 1) -> Library:
    settings = replace(SETTINGS, seed=seed)
    return discover(folder, settings, steps=steps, workers=workers, resume=resume, quiet=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Library]:
    """A run without workers that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, run(folder, LONG)


def test_a_run_spends_its_budget_learns_and_saves_its_library(whole: tuple[Path, Library]) -> None:
    folder, library = whole
    assert LONG <= library.info["env_steps"] < LONG + 2 * SETTINGS.episodes * (HORIZON + SETTLE_STEPS)
    assert library.info["updates"] > 20
    assert library.embeddings.any()
    assert library.horizon == 2 * HORIZON, "skills act for longer than they were learned in"
    assert same(load_library(folder / "library"), library)
    assert not list(folder.glob("*.tmp")) + list(folder.glob("*.old"))


def test_another_seed_gives_another_library(whole: tuple[Path, Library], tmp_path: Path) -> None:
    assert not same(run(tmp_path / "2", SHORT, seed=2), run(tmp_path / "3", SHORT, seed=3))


def test_metrics_are_lines_of_finite_numbers_that_go_on(whole: tuple[Path, Library]) -> None:
    rows = [json.loads(line) for line in (whole[0] / "metrics.jsonl").read_text().splitlines()]
    assert rows
    assert {"step", "minutes", "episodes", "updates", "effective", "accuracy", "loss"} <= rows[0].keys()
    for row in rows:
        assert row.keys() == rows[0].keys()
        assert all(isinstance(v, int | float) and np.isfinite(v) for v in row.values())
    steps = [row["step"] for row in rows]
    assert steps == sorted(set(steps))
    assert list((whole[0] / "tensorboard").iterdir())


def test_a_run_that_stopped_and_was_resumed_ends_bit_for_bit_like_one_that_did_not(
    whole: tuple[Path, Library], tmp_path: Path
) -> None:
    first = run(tmp_path, SHORT)
    assert first.info["updates"] > 5
    assert not same(first, whole[1])
    assert same(run(tmp_path, LONG, resume=True), whole[1])


def test_a_run_killed_between_two_checkpoints_goes_on_from_the_older_one_and_its_metrics_too(
    whole: tuple[Path, Library], tmp_path: Path
) -> None:
    run(tmp_path, SHORT)
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")
    with (tmp_path / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": 10**6}) + '\n{"step": 1')
    assert same(run(tmp_path, LONG, resume=True), whole[1])
    lines = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [json.loads(line)["step"] for line in lines]
    assert steps == sorted(set(steps))
    assert steps[-1] <= whole[1].info["env_steps"]


def test_a_run_that_is_interrupted_with_rounds_waiting_ends_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    amiss: list[BaseException | None] = []
    taken: list[int] = []
    wait_for_round, kill = Rounds.wait, WorkerPool.kill

    def kill_slowly(pool: WorkerPool) -> None:
        kill(pool)
        time.sleep(0.5)  # The pool sees that its worker is gone before it is told to end.

    def interrupt(rounds: Rounds, interrupted: Callable[[], bool]) -> tuple[Batch, CollectJob] | None:
        taken.append(len(rounds))
        if len(taken) > 1:
            raise KeyboardInterrupt
        return wait_for_round(rounds, interrupted)

    monkeypatch.setattr(threading, "excepthook", lambda args: amiss.append(args.exc_value))
    monkeypatch.setattr(Rounds, "wait", interrupt)
    monkeypatch.setattr(WorkerPool, "kill", kill_slowly)
    with pytest.raises(KeyboardInterrupt):
        discover(tmp_path, replace(SETTINGS, rounds_under_way=9), steps=SHORT, workers=1, quiet=True)
    assert taken == [9, 9]
    assert not amiss
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("met", ["where a round is waited for", "where the next one starts"])
def test_a_run_with_a_worker_that_is_killed_ends_bit_for_bit_like_one_without_workers(
    whole: tuple[Path, Library], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, met: str
) -> None:
    marker = tmp_path / "killed"
    (tmp_path / "killer_of_collectors.py").write_text(KILLER.format(marker=str(marker)))
    monkeypatch.syspath_prepend(str(tmp_path))
    import killer_of_collectors  # type: ignore[import-not-found]

    monkeypatch.setattr(module, "collect", killer_of_collectors.collect_or_die)
    if met == "where the next one starts":
        submit, begun = Engine.submit, list[Future[Batch]]()

        def submit_late(engine: Engine, function: Callable[[CollectJob], Batch], job: CollectJob) -> Future[Batch]:
            wait(begun)
            begun.append(submit(engine, function, job))
            return begun[-1]

        monkeypatch.setattr(Engine, "submit", submit_late)
    try:
        library = run(tmp_path / "run", LONG, workers=1)
    finally:
        sys.modules.pop("killer_of_collectors")
    assert marker.exists()
    assert same(library, whole[1])


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({}, "either minutes or steps"),
        ({"minutes": 1.0, "steps": 100}, "either minutes or steps"),
        ({"minutes": 0.0}, "minutes must be above 0, got 0"),
        ({"minutes": -1.0}, "minutes must be above 0, got -1"),
        ({"minutes": float("nan")}, "minutes must be above 0, got nan"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"steps": 10, "resume": True}, "nothing to resume"),
        ({"steps": 10, "workers": -1}, "workers must be 0"),
    ],
)
def test_a_bad_budget_is_refused_and_nothing_is_written(
    tmp_path: Path, budget: dict[str, object], message: str
) -> None:
    with pytest.raises(TabletopError, match=message):
        discover(tmp_path / "run", SETTINGS, quiet=True, **budget)  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.*"))


def test_a_checkpoint_of_other_codes_another_seed_or_another_robot_is_not_gone_on_from(
    whole: tuple[Path, Library],
) -> None:
    for changed in (replace(SETTINGS, seed=5), replace(SETTINGS, counts={"held_at": 3, "joint": 2})):
        with pytest.raises(TabletopError, match="resume with the same"):
            discover(whole[0], changed, steps=LONG, workers=0, resume=True, quiet=True)
    with using_robot("cobot6"), pytest.raises(TabletopError, match=r"resume with the same, got .*, robot cobot6"):
        run(whole[0], LONG, resume=True)


def test_a_run_on_a_card_of_ones_own_goes_on_only_while_the_card_is_the_same(tmp_path: Path) -> None:
    card = tmp_path / "mine.yaml"
    text = (ASSETS / "scenes" / "discovery.yaml").read_text(encoding="utf-8")
    card.write_text(text)
    folder, settings = tmp_path / "run", replace(SETTINGS, scene=str(card))
    first = discover(folder, settings, steps=20, workers=0, quiet=True)
    assert first.card == load_scene_card("discovery")
    assert first.info["scene"] == str(card)
    card.write_text(text.replace("entities:", "gripper: nominal\nentities:", 1))
    with pytest.raises(TabletopError, match=r"scene card '.*mine.yaml' has changed since checkpoint"):
        discover(folder, settings, steps=40, workers=0, resume=True, quiet=True)
    card.write_text(text)
    assert discover(folder, settings, steps=40, workers=0, resume=True, quiet=True).info["env_steps"] >= 40


def test_a_checkpoint_says_what_the_run_was_to_spend(whole: tuple[Path, Library]) -> None:
    state = json.loads((whole[0] / "checkpoint" / "state.json").read_text(encoding="utf-8"))
    assert state["budget"] == {"minutes": None, "steps": LONG}


def test_a_run_that_is_there_and_one_that_is_under_way_are_left_alone(
    whole: tuple[Path, Library], held_elsewhere: Callable[[Path], AbstractContextManager[None]]
) -> None:
    with pytest.raises(TabletopError, match=r"already holds a run; give another folder .* or go on"):
        run(whole[0], SHORT)
    with held_elsewhere(whole[0]), pytest.raises(TabletopError, match=r"^process \d+ \(.*\) is at work in"):
        run(whole[0], LONG, resume=True)
    assert same(run(whole[0], LONG, resume=True), whole[1])


def test_an_error_of_its_own_while_a_folder_is_held_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), alone_in(tmp_path):
        raise BlockingIOError
    with alone_in(tmp_path):
        pass  # It was let go of.


def damage(checkpoint: Path, part: str) -> None:
    state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    if part == "state":
        state = 3
    elif part == "how":
        state["how"]["new"] = "x"
    elif part == "job":
        state["jobs"] = [{}]
    else:
        save_tensors(checkpoint / "job0.safetensors", {"other": np.zeros(2)})
    (checkpoint / "state.json").write_text(json.dumps(state), encoding="utf-8")


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("state", "must be a mapping, got int"),
        ("how", "was made with .* new x; resume with the same"),
        ("job", r"is damaged: jobs\[0\]: .*missing required field `first`"),
        ("embeddings", "is damaged: job0 lacks its embeddings"),
    ],
)
def test_a_damaged_checkpoint_is_one_line(whole: tuple[Path, Library], tmp_path: Path, part: str, message: str) -> None:
    shutil.copytree(whole[0] / "checkpoint", tmp_path / "checkpoint")
    damage(tmp_path / "checkpoint", part)
    with pytest.raises(TabletopError, match=message):
        run(tmp_path, LONG, resume=True)


def test_a_full_disk_is_one_line_and_keeps_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, path: Path) -> None:
        path.write_bytes(b"part")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("tabletop.learn.tensors.save_file", full)
    with pytest.raises(TabletopError, match=r"cannot write '.*safetensors': I/O error: No space left"):
        run(tmp_path, SHORT)
    assert not list(tmp_path.iterdir())


def test_where_all_that_comes_up_is_done_well_any_is_taken() -> None:
    card, effect = load_scene_card("discovery"), get_effect("joint")
    arguments = (card, effect, 0, 1, "near")
    assert attended_scene(*arguments, {"drawer": 0.0, "button": 0.0}) == attended_scene(*arguments)
    assert attended_scene(*arguments, {"drawer": 0.0})[1] == "button"


def job(**change: object) -> CollectJob:
    codes = Codebook({"held_at": 2, "joint": 2})
    settings = {
        "weights": {},
        "embeddings": np.zeros((4, EFFECT_WIDTH)),
        "codes": codes,
        "card": load_scene_card("discovery"),
        "seed": 0,
        "first": 0,
        "count": 3,
        "horizon": HORIZON,
        "effect_weights": (0.5, 0.5),
        "acceptance_probability": {},
        "random": True,
    }
    return CollectJob(**{**settings, **change})  # type: ignore[arg-type]


def test_an_episode_depends_on_its_number_alone_not_on_the_job_it_is_in() -> None:
    together = collect(job())
    alone = collect(job(first=2, count=1))[0]
    assert alone.code == together[2].code
    assert np.array_equal(alone.observations, together[2].observations)
    assert np.array_equal(alone.actions, together[2].actions)
    assert np.array_equal(alone.effects, together[2].effects)


@pytest.mark.parametrize(("effect_weights", "codes"), [((1.0, 0.0), {0, 1}), ((0.0, 1.0), {2, 3})])
def test_weights_say_which_effect_gets_the_episodes(effect_weights: tuple[float, float], codes: set[int]) -> None:
    records = collect(job(effect_weights=effect_weights, count=6, seed=1))
    assert {r.code for r in records} == codes
    for record in records:
        assert record.observations.shape[0] == HORIZON + 1
        assert record.actions.shape == (HORIZON, 5)
        assert record.effects.shape == (HORIZON + 1, 2, EFFECT_WIDTH)
        assert record.valid.tolist() == [record.code < 2, record.code > 1]
        assert record.steps == HORIZON, "letting go is learned"
        assert np.isfinite(record.observations).all()
        assert np.abs(record.actions).max() <= 1


def test_a_script_follows_what_is_to_stay_where_release_is_not_learned() -> None:
    for record in collect(job(count=8, release="scripted")):
        settles = record.code > 1
        assert record.steps == HORIZON + (SETTLE_STEPS if settles else 0)
        assert not record.effects[:, :, LEFT].any()
        assert record.valid.tolist() == [not settles, settles]


def test_what_is_held_at_the_end_is_no_end_of_an_effect_that_stays_unless_letting_go_is_learned() -> None:
    codes = Codebook({"held_at": 2, "placed": 2})
    shares = {"codes": codes, "effect_weights": (1.0, 0.0)}
    for release, valid in (("learned", [True, True]), ("scripted", [True, False])):
        assert [r.valid.tolist() for r in collect(job(**shares, release=release))] == [valid] * 3
    near = [r.effects[-1, :, LEFT] for r in collect(job(**shares, count=12))]
    assert max(left[1] for left in near) > 0.0, "the gripper is near to some of them"
    assert not any(left[0] for left in near), "but what is held is not to be left"


def test_what_starts_in_the_hand_counts_as_turned_there_and_all_else_as_it_stands() -> None:
    codes = Codebook({"held_at": 2, "turned": 2})
    card = {"entities": {"a": "brick"}}
    shares = {"codes": codes, "effect_weights": (1.0, 0.0), "card": card, "count": 40, "horizon": 1}
    records = collect(job(**shares))
    turns = np.array([r.effects[0, 1, 0] for r in records]) * np.pi / REACH
    raised = np.array([r.effects[0, 0, 2] > 0.05 for r in records])
    assert 4 <= raised.sum() <= 16, "in the hand at the start"
    assert not turns[~raised].any()
    assert 0 < np.count_nonzero(turns[raised]) < raised.sum(), "from right below it is turned, from afar it is not"
    assert turns[raised].min() < -0.5 < 0.5 < turns[raised].max()
    assert np.abs(turns).max() <= np.pi / 2 + 1e-6


def test_a_joint_is_asked_for_another_fraction_than_it_has_and_for_its_limits_only_if_it_springs_back() -> None:
    card = {"entities": {"a": {"kind": "drawer", "fraction": [0, 1]}}}
    codes = Codebook({"joint": 5})
    targets = np.zeros((5, EFFECT_WIDTH))
    targets[:, 0] = np.array([0.0, 1.0, 0.25, 0.5, 0.75]) * REACH
    asked = {"codes": codes, "embeddings": targets, "card": card, "effect_weights": (1.0,), "count": 30, "horizon": 1}
    gaps = [abs(targets[r.code, 0] - r.effects[0, 0, 0]) / REACH for r in collect(job(**asked))]
    assert min(gaps) >= 0.1
    springs = collect(job(**{**asked, "card": {"entities": {"a": "doorbell"}}}))
    assert {r.code for r in springs} == {1}, "it is out, and stays nowhere but in"


def test_a_kind_of_entity_that_needs_less_is_attended_to_less() -> None:
    kinds = [
        r.entity_kind for r in collect(job(effect_weights=(1.0, 0.0), acceptance_probability={"block": 0.0}, count=24))
    ]
    assert "block" not in kinds
    assert "block" in [r.entity_kind for r in collect(job(effect_weights=(1.0, 0.0), count=24))]
