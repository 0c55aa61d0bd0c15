from __future__ import annotations

import numpy as np
import pytest

from tabletop.discovery.augmentation import Augmentation, Transitions
from tabletop.discovery.learner import OBSERVATION, LearnerSettings
from tabletop.discovery.objectives import make_objective
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import EFFECT_WIDTH, MIDDLE
from tabletop.skills.observation import half_turned, mirrored, positions, rotated, transformed


def test_a_batch_is_turned_and_shifted_as_one_world_and_stays_within_reach() -> None:
    codes = Codebook({"held_at": 2, "displaced": 2, "turned": 2, "dropped": 2, "joint": 2})
    settings = LearnerSettings(turn=0.5, shift=0.1, mirror=False, half_turns=False)
    rng = np.random.default_rng(0)
    n = 600
    before = rng.normal(size=(n, OBSERVATION)).astype(np.float32)
    # Gripper and thing are within reach, and none goes far in a step.
    for column, scales in ((0, (4.0, 3.0)), (13, (4.0, 3.0))):
        at = rng.uniform((0.36, -0.3), (0.65, 0.3), (n, 2))
        before[:, column : column + 2] = (at - (0.5, 0.0)) * scales
    after = before.copy()
    effects = np.repeat(np.arange(5), n // 5)
    actions = rng.uniform(-0.5, 0.5, (n, 5)).astype(np.float32)
    old_actions, old = actions.copy(), rng.normal(0.0, 0.1, (n, EFFECT_WIDTH))
    places = effects == 0
    # A place is asked for where the thing is.
    old[places, :2] = positions(before)[1][places] - MIDDLE
    given = [old.copy() for _ in range(3)]
    batch = Transitions(before.copy(), after.copy(), actions, *given)
    Augmentation(codes, settings)(batch, effects, make_objective(codes, settings, 0, 40), np.random.default_rng(1))
    one, two = batch.before, batch.after
    assert np.array_equal(one, two)
    assert all(np.array_equal(rows, given[0]) for rows in given)
    was, now = (np.stack(positions(o)) for o in (before, one))
    assert now.min(axis=(0, 1)) == pytest.approx(np.array([0.34, -0.33]), abs=0.03)
    assert (now > np.array([0.34, -0.33]) - 1e-4).all()
    assert (now < np.array([0.67, 0.33]) + 1e-4).all()
    # The turn that each had, from the action, and the shift that is then left.
    turned = np.arctan2(actions[:, 1], actions[:, 0]) - np.arctan2(old_actions[:, 1], old_actions[:, 0])
    angle = (turned + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(angle).max() <= 0.5 + 1e-5
    assert np.mean(np.abs(angle) > 0.05) > 0.3
    assert np.array_equal(actions[:, 2:], old_actions[:, 2:])
    shift = now - np.stack([rotated(at, angle) for at in was])
    assert shift[0] == pytest.approx(shift[1], abs=1e-4), "gripper and thing alike"
    assert np.abs(shift).max() <= 0.1 + 1e-4
    assert one == pytest.approx(transformed(before, angle, shift[1]), abs=2e-3)
    # Places go with the thing, ways turn, and what is no vector stays.
    new = given[0]
    assert new[places, :2] == pytest.approx(now[1][places] - MIDDLE, abs=1e-4)
    ways = effects == 1
    assert new[ways, :2] == pytest.approx(rotated(old[ways, :2], angle[ways]), abs=1e-5)
    assert np.array_equal(new[effects > 1], old[effects > 1])
    assert np.array_equal(new[:, 2:], old[:, 2:])
    assert angle[effects == 3] == pytest.approx(0.0, abs=1e-6), "the table's edges do not turn"
    assert shift[1][effects == 3] == pytest.approx(0.0, abs=1e-6), "nor are they shifted"


def test_half_of_a_batch_is_mirrored_and_half_seen_with_the_fingers_exchanged() -> None:
    codes = Codebook({"displaced": 2})
    settings = LearnerSettings(turn=0.0, shift=0.0)
    rng = np.random.default_rng(0)
    before = rng.normal(size=(100, OBSERVATION)).astype(np.float32)
    # Where the thing is from the gripper is seen twice.
    before[:, 32:35] = np.tanh(before[:, 7:10] * 3.0)
    asked = rng.normal(size=(100, EFFECT_WIDTH))
    actions = rng.uniform(-1, 1, (100, 5)).astype(np.float32)
    batch = Transitions(before.copy(), before.copy(), actions.copy(), *(asked.copy() for _ in range(3)))
    effects = np.zeros(100, dtype=np.intp)
    Augmentation(codes, settings)(batch, effects, make_objective(codes, settings, 0, 40), np.random.default_rng(1))
    seen = before.copy()
    seen[::2] = mirrored(seen[::2])
    half = np.isclose(batch.before, half_turned(seen), atol=1e-5).all(1)
    plain = np.isclose(batch.before, seen, atol=1e-5).all(1)
    assert (half ^ plain).all()
    assert 30 < half.sum() < 70
    signs = np.array([1, -1, 1, -1, 1])
    assert batch.actions[::2] == pytest.approx(actions[::2] * signs, abs=1e-6)
    assert batch.actions[1::2] == pytest.approx(actions[1::2], abs=1e-6)
    assert batch.embeddings[::2, 1] == pytest.approx(-asked[::2, 1])
    assert batch.embeddings[1::2] == pytest.approx(asked[1::2])
