"""Libraries whose truth is known: what their codes do is written down here, scene by scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.metrics.joint_count import Count, count
from tabletop.metrics.joint_figures import counted, figures, interval, plan_scenes
from tabletop.metrics.outcomes import HELD, OFF, RESTING, WIDTH, Resolution
from tabletop.metrics.second_opinion import by_centres, within_scenes
from tabletop.metrics.trials import Trials

Row = np.ndarray
Does = Callable[[int, Row, np.random.Generator], Row]
"""What a code makes of a start: (code, outcome at the start, rng) -> outcome at the end, (WIDTH,)."""


def library(codes: int, scenes: int, does: Does, seed: int = 0) -> Trials:
    """Return trials of blocks that stand and are turned anyhow at the start."""
    rng = np.random.default_rng(seed)
    starts = np.zeros((scenes, WIDTH))
    starts[:, :2] = rng.uniform((0.3, -0.25), (0.7, 0.25), (scenes, 2))
    starts[:, 3] = rng.uniform(-np.pi, np.pi, scenes)
    values = np.array([[does(code, start.copy(), rng) for start in starts] for code in range(codes)])
    shape = codes, scenes
    return Trials(
        category="block",
        body_type="rigid",
        codes=tuple(range(codes)),
        names=tuple(f"code-{code:02d}" for code in range(codes)),
        ran=np.ones(shape, dtype=np.bool_),
        values=values,
        states=np.full(shape, RESTING),
        starts=starts,
        start_states=np.full(scenes, RESTING),
        others=np.full((scenes, 1, 3), np.nan),
        clutter=np.zeros(scenes, dtype=np.intp),
        misses=np.full(shape, np.nan),
        idle_misses=np.full(shape, np.nan),
        turn_misses=np.full(shape, np.nan),
    )


def placed(code: int, start: Row, step: float = 0.15) -> Row:
    """Put the block at a place of the code's own on a grid of four columns, and leave its turn."""
    start[0], start[1] = 0.2 + step * (code % 4), -0.3 + step * (code // 4)
    return start


def pushed(code: int, start: Row) -> Row:
    """Push the block 15 cm along one of six ways."""
    start[:2] += 0.15 * np.array([np.cos(code * np.pi / 3), np.sin(code * np.pi / 3)])
    return start


def skills(trials: Trials, resolution: Resolution | None = None) -> float:
    return float(np.exp(count(trials, 0, resolution).information))


def test_perfect_codes_count_one_each() -> None:
    places = library(16, 8, lambda code, start, _: placed(code, start))
    assert skills(places) == pytest.approx(16, rel=0.05)
    assert count(places, 0).right.mean() == pytest.approx(16, rel=0.05)
    assert skills(library(6, 8, lambda code, start, _: pushed(code, start))) == pytest.approx(6, rel=0.05)
    both = library(18, 12, lambda c, s, _: placed(c, s) if c < 12 else pushed(c - 12, s))
    # A push may end where another code places: what is known of each scene says how often.
    assert skills(both) == pytest.approx(np.exp(within_scenes(both, 0)[0]), rel=0.1)


def test_turns_states_and_joints_are_part_of_the_outcome() -> None:
    def turned(code: int, start: Row, _: object) -> Row:
        start[3] += code * np.pi / 2
        return start

    quarters = library(4, 24, turned)
    assert skills(quarters) == pytest.approx(4, rel=0.05)
    assert skills(replace(quarters, category="can")) == pytest.approx(1, abs=0.1)

    def gone(code: int, start: Row, _: object) -> Row:
        return np.array([0, 0, -1, 0, 0, 0, 0, 0, 0]) if code == 2 else start

    still = library(3, 8, gone)
    states = np.repeat([[RESTING], [HELD], [OFF]], 8, axis=1)
    assert skills(replace(still, states=states)) == pytest.approx(3, rel=0.05)

    def opened(code: int, start: Row, _: object) -> Row:
        start[5] = code / 3
        return start

    joint = replace(library(4, 8, opened), category="drawer", body_type="joint")
    assert skills(joint) == pytest.approx(4, rel=0.05)


def test_what_happened_in_one_scene_alone_is_counted() -> None:
    trials = library(4, 8, lambda code, start, _: placed(code, start))
    states, values = trials.states.copy(), trials.values.copy()
    states[1, 3], values[1, 3] = OFF, (0, 0, -1, 0, 0, 0, 0, 0, 0)
    found = skills(replace(trials, states=states, values=values))
    assert 3.0 < found < skills(trials)


def test_what_is_put_at_another_thing_is_told_by_that_thing() -> None:
    rng = np.random.default_rng(1)
    others = rng.uniform((0.3, -0.25, 0), (0.7, 0.25, 0), (8, 1, 3))
    trials = library(4, 8, lambda _, start, __: start)
    values = trials.values.copy()
    for code, away in enumerate(((0.12, 0.0), (0.0, 0.12), (-0.12, 0.0), (0.0, -0.12))):
        values[code, :, :2] = others[:, 0, :2] + away
    assert skills(replace(trials, values=values, others=others)) == pytest.approx(4, rel=0.05)


def test_the_same_motion_under_two_kinds_of_effect_counts_once() -> None:
    twice = library(32, 8, lambda code, start, _: placed(code % 16, start))
    assert skills(twice) == pytest.approx(16, rel=0.06)


def test_doing_nothing_counts_once_for_the_whole_library() -> None:
    idle = library(20, 8, lambda _, start, __: start)
    assert skills(idle) == 1.0
    # Codes alike would lose by them: eight that do something and twelve that do nothing are nine.
    lazy = library(20, 12, lambda code, start, _: placed(code, start) if code < 8 else start)
    assert skills(lazy) == pytest.approx(9, rel=0.08)
    assert np.exp(count(lazy, 0).alike) < 5


def test_noise_of_known_size_costs_what_it_must() -> None:
    # Two places 6 cm apart that are missed by 4 cm, seen through 2 cm: a binary choice in noise of hypot(4, 2) cm.
    def missed(code: int, start: Row, rng: np.random.Generator) -> Row:
        start[:3] = 0.5 + 0.06 * code, 0.0, 0.0
        start[0] += rng.normal(0.0, 0.04)
        return start

    sigma, gap = np.hypot(0.04, 0.02), 0.06
    x = np.linspace(-0.3, 0.4, 7001)
    p, q = (np.exp(-((x - m) ** 2) / (2 * sigma**2)) / np.sqrt(2 * np.pi) / sigma for m in (0.0, gap))
    truth = np.mean([(f * np.log(f / ((p + q) / 2))).sum() * (x[1] - x[0]) for f in (p, q)])
    found = np.mean([count(library(2, 200, missed, seed), 0).gains.mean() for seed in range(2)])
    assert 0.15 < truth < 0.3
    assert found == pytest.approx(truth, abs=0.05)


def test_a_code_that_works_half_of_the_time_counts_by_its_square_root() -> None:
    def half(code: int, start: Row, rng: np.random.Generator) -> Row:
        return placed(code, start) if rng.random() < 0.5 else start

    # Where it fails nothing is known of the code: I = share log K with codes alike.
    trials = library(16, 24, half)
    share = (trials.values != trials.starts).any(-1).mean()
    assert share == pytest.approx(0.5, abs=0.1)
    assert np.exp(count(trials, 0).alike) == pytest.approx(16**share, rel=0.08)


def test_what_happens_by_chance_of_one_scene_does_not_count() -> None:
    def anywhere(_: int, start: Row, rng: np.random.Generator) -> Row:
        start[:2] = rng.uniform((0.2, -0.4), (0.8, 0.4))
        return start

    lucky = library(12, 8, anywhere)
    assert skills(lucky) < 1.1
    # Who knows the scene can tell them: the estimate from within scenes is a bound from above.
    assert np.exp(within_scenes(lucky, 0)[0]) > 8


def test_a_coarser_look_counts_less_and_the_estimates_agree() -> None:
    near = library(16, 12, lambda code, start, _: placed(code, start, 0.06))
    fine, coarse = skills(near), skills(near, Resolution().coarser(2.5))
    truth = float(np.exp(within_scenes(near, 0)[0]))
    assert coarse < 0.5 * fine
    assert fine == pytest.approx(truth, rel=0.08)
    assert 0.5 * truth < np.exp(by_centres(near, 0)) < 1.02 * truth


def test_codes_that_cannot_run_in_a_scene_take_no_part_there() -> None:
    trials = library(8, 8, lambda code, start, _: placed(code, start))
    ran = trials.ran.copy()
    ran[4:, ::2] = False
    # Half of the scenes have four codes, half have eight.
    assert skills(replace(trials, ran=ran)) == pytest.approx(np.sqrt(32), rel=0.06)


def test_the_interval_is_over_scenes_and_libraries() -> None:
    def noisy(code: int, start: Row, rng: np.random.Generator) -> Row:
        return placed(code, start) if rng.random() < 0.7 else start

    one, other = (count(library(8, 8, noisy, seed), 0) for seed in (0, 1))
    middle, low, high = interval([[one]], 0)
    assert low < middle < high
    assert middle == pytest.approx(np.exp(one.information))
    both = interval([[one], [other]], 0)
    assert both[0] == pytest.approx(np.exp((one.information + other.information) / 2))
    still = Count("can", 2, np.zeros(8), np.zeros(8), np.ones(8), np.full(2, 0.5))
    assert interval([[one, still]], 0)[0] == pytest.approx(np.sqrt(middle))


def test_figures_beside_the_count() -> None:
    trials = library(4, 8, lambda code, start, _: placed(code, start))
    misses = np.full((4, 8), 0.01)
    misses[0], misses[1, :4], misses[3] = 0.04, 0.1, np.nan
    turns = np.full((4, 8), np.nan)
    turns[0, :6], turns[0, 6:] = 0.1, 0.3
    clutter = np.array([0, 0, 0, 0, 1, 1, 3, 2])
    given = replace(trials, misses=misses, idle_misses=np.full((4, 8), 0.2), turn_misses=turns, clutter=clutter)
    found = figures([counted(given, 0)], 0, ["can"])
    block = found["categories"]["block"]
    assert block["precision"] == {
        "codes": 3,
        "median": pytest.approx((0.04 + 0.055 + 0.01) / 3),
        "within_2cm": 0.5,
        "within_3cm": 0.5,
        "within_5cm": pytest.approx((1 + 0.5 + 1) / 3, abs=1e-4),
        "within_10deg": 0.75,
        "idle_within_3cm": 0.0,
    }
    assert block["reliability"] == {"0": (pytest.approx(8 / 12, abs=1e-4), 12), "1": (1.0, 6), "2 or more": (1.0, 6)}
    assert (block["episodes"], block["scenes"], found["left_out"]) == (32, 8, ("can",))
    assert found["skills"] == block["skills"] == pytest.approx(4, rel=0.05)
    assert found["bits"] == pytest.approx(2, abs=0.1)
    assert figures([counted(trials, 0)], 0)["categories"]["block"]["precision"] is None


def test_each_start_has_the_bits_that_its_codes_were_told_apart_by() -> None:
    # What stands at the left cannot be moved; from the right, each of the eight codes brings it to a place of its own.
    trials = library(8, 24, lambda code, start, _: placed(code, start) if start[1] < 0 else start)
    found = counted(trials, 0)
    rows = np.array(figures([found], 0)["categories"]["block"]["starts"])
    assert np.allclose(rows[:, :2], trials.starts[:, :2], atol=1e-3)
    assert rows[:, 2].mean() * np.log(2) == pytest.approx(found.fine.information, abs=1e-3)
    right, left = rows[rows[:, 1] < 0, 2], rows[rows[:, 1] > 0, 2]
    assert right.mean() > 2.0  # 3 bits for whoever knew that none fails here.
    assert left.mean() < 0.5


def test_scenes_go_by_the_episodes_that_there_are() -> None:
    kinds = {"block": 100, "can": 90, "drawer": 6}
    assert plan_scenes(kinds, 100) == {"block": 4}
    assert plan_scenes(kinds, 1100) == {"block": 10, "drawer": 10}
    assert plan_scenes(kinds, 100_000) == dict.fromkeys(("block", "drawer", "can"), 24)


def test_too_few_scenes_and_no_resolution_are_refused() -> None:
    with pytest.raises(TabletopError, match="counting needs 4 scenes of a category at least, got 3"):
        count(library(2, 3, lambda _, start, __: start), 0)
    with pytest.raises(TabletopError, match="resolution: length must be above 0 and below 10, got 0"):
        Resolution(length=0)
