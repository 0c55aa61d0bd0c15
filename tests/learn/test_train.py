from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from tabletop.errors import TabletopError
from tabletop.learn.actor import NumpyActor
from tabletop.learn.settings import ALGORITHMS, SACSettings
from tabletop.learn.train import evaluate, train

torch.set_num_threads(1)


class Line(gymnasium.Env[Any, Any]):
    """A point on a line is paid for being near 0; actions reach from -1 to 3, so that 0 is not their middle."""

    observation_space = spaces.Box(-5, 5, (1,), np.float32)
    action_space = spaces.Box(np.float32(-1), np.float32(3), (1,), np.float32)

    def __init__(self, over: bool = False) -> None:
        self.over = over

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.x, self.steps = float(self.np_random.uniform(-1, 1)), 0
        return np.array([self.x], np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert action.shape == (1,)
        assert -1 <= action[0] <= 3
        self.x, self.steps = float(np.clip(self.x + 0.5 * action[0], -5, 5)), self.steps + 1
        ends = self.steps == 8
        info = {"is_success": abs(self.x) < 0.3}
        return np.array([self.x], np.float32), -abs(self.x), self.over and ends, ends and not self.over, info


def settings(algorithm: str) -> SACSettings:
    return SACSettings(
        algorithm=algorithm,
        hidden=(32, 32),
        batch_size=64,
        gamma=0.9,
        alpha=0.02,
        actor_rate=3e-3,
        critic_rate=3e-3,
        tau=0.02,
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_learns_a_task_of_its_own(algorithm: str) -> None:
    seen: list[tuple[int, float]] = []
    sac = train(Line(), settings(algorithm), 1200, 0, watch=lambda step, total: seen.append((step, total)))
    assert [step for step, _ in seen] == list(range(8, 1201, 8))
    returns, successes = evaluate(Line(), NumpyActor(sac.actor_arrays()).mean, 20, 0)
    assert successes.mean() > 0.9
    assert returns.mean() > np.mean([total for _, total in seen[:10]]) + 3


def test_the_same_seed_gives_the_same_policy() -> None:
    one, same, other = (train(Line(), settings("sac"), 160, seed).actor.flat for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("over", [False, True])
def test_only_a_true_end_is_worth_nothing_more(over: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[np.ndarray] = []
    monkeypatch.setattr("tabletop.learn.train.SAC.update", lambda self, *batch: found.append(batch[3]))
    train(Line(over), settings("sac"), 200, 0)
    discounts = np.concatenate(found)
    assert np.mean(discounts == 0) == pytest.approx(1 / 8 if over else 0, abs=0.03)
    assert set(np.round(discounts[discounts > 0], 4)) == {np.float32(0.9)}


def test_a_policy_can_be_disturbed_while_it_is_evaluated() -> None:
    env, steps = Line(), []

    def shift(step: int) -> None:
        steps.append(step)
        env.x = 4.0

    returns, successes = evaluate(env, lambda now: np.array([-0.5], np.float32), 2, 0, shift)
    assert steps == [*range(8), *range(8)]
    assert returns.max() < -20
    assert not successes.any()


def test_an_episode_that_never_ends_is_refused_when_it_is_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tabletop.learn.train._LONGEST", 20)
    env = Line()
    env.step = lambda action: (np.zeros(1, np.float32), 0.0, False, False, {})  # type: ignore[method-assign]
    with pytest.raises(TabletopError, match="must end within 20 steps"):
        evaluate(env, lambda now: np.zeros(1, np.float32), 1, 0)


def test_an_environment_without_boxes_is_refused() -> None:
    env = Line()
    env.action_space = spaces.Discrete(3)  # type: ignore[assignment]
    with pytest.raises(TabletopError, match="action_space is Discrete"):
        train(env, settings("sac"), 10, 0)
