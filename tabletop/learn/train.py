"""Learning one gymnasium environment from its own reward: no skills, for comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from tabletop.errors import TabletopError
from tabletop.learn.replay import Replay
from tabletop.learn.sac import SAC
from tabletop.learn.settings import SACSettings
from tabletop.seeds import Purpose, rng_of

__all__ = ["evaluate", "train"]

Array = npt.NDArray[np.float32]
Env = gymnasium.Env[Any, Any]
_LONGEST: Final = 100_000
"""Control steps of an episode at most."""


def train(
    env: Env,
    settings: SACSettings,
    steps: int,
    seed: int,
    *,
    random_steps: int = 100,
    updates: float = 1.0,
    capacity: int = 1_000_000,
    watch: Callable[[int, float], None] | None = None,
) -> SAC:
    """Learn from scratch, off policy, and return the learner; `act` or `actor_arrays` is the policy.

    Args:
        env: its observations and actions are boxes; what it pays is learned. Its episodes end: one that is built
            without `gymnasium.make` needs a `TimeLimit` around it.
        settings: of the learner.
        steps: control steps.
        seed: of the environment, the first weights, the noise and the batches.
        random_steps: uniformly random actions before learning begins.
        updates: updates a control step after that.
        capacity: transitions remembered.
        watch: called at each episode's end with the steps so far and the episode's return.

    Raises:
        TabletopError: observations or actions that are no boxes.
    """
    space = _box(env, "action_space")
    width = int(np.prod(_box(env, "observation_space").shape))
    sac, rng = SAC(width, int(np.prod(space.shape)), settings, seed), rng_of(seed, Purpose.REPLAY)
    replay = Replay(
        min(capacity, steps),
        {
            "now": ((width,), np.float32),
            "action": ((sac.action_size,), np.float32),
            "reward": ((), np.float32),
            "discount": ((), np.float32),
            "then": ((width,), np.float32),
        },
    )
    now, total, due = _flat(env.reset(seed=seed)[0]), 0.0, 0.0
    for step in range(steps):
        if step < random_steps:
            action = rng.uniform(-1, 1, sac.action_size).astype(np.float32)
        else:
            action = sac.act(now[None]).numpy()[0]
        observation, reward, terminated, truncated, _ = env.step(_scaled(action, space))
        then, total = _flat(observation), total + float(reward)
        # What was only cut off goes on: its end is worth something.
        discount = 0.0 if terminated else settings.gamma
        row = {"now": now, "action": action, "reward": reward, "discount": discount, "then": then}
        replay.add({name: np.asarray(value, np.float32)[None] for name, value in row.items()})
        now = then
        if terminated or truncated:
            if watch is not None:
                watch(step + 1, total)
            now, total = _flat(env.reset()[0]), 0.0
        due += updates if step >= random_steps else 0.0
        while due >= 1:
            due -= 1
            batch = replay.get(replay.sample(settings.batch_size, rng))
            sac.update(batch["now"], batch["action"], batch["reward"], batch["discount"], batch["then"])
    return sac


def evaluate(
    env: Env,
    policy: Callable[[Array], Array],
    episodes: int,
    seed: int,
    before_step: Callable[[int], None] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Run a policy.

    Args:
        env: as for `train`.
        policy: (O,) to an action in [-1, 1], (A,).
        episodes: how many; episode i is reset with seed + i.
        seed: of the first.
        before_step: called with the number of the step in its episode, to disturb what the environment holds.

    Raises:
        TabletopError: observations or actions that are no boxes, or an episode that does not end.

    Returns:
        Their returns, and whether they ended in success (`info["is_success"]`, false where there is none): (episodes,).
    """
    space = _box(env, "action_space")
    returns, successes = np.zeros(episodes), np.zeros(episodes, dtype=bool)
    for i in range(episodes):
        now, step, over = _flat(env.reset(seed=seed + i)[0]), 0, False
        while not over:
            if step == _LONGEST:
                raise TabletopError(f"an episode must end within {_LONGEST} steps; put gymnasium's TimeLimit around it")
            if before_step is not None:
                before_step(step)
            observation, reward, terminated, truncated, info = env.step(_scaled(policy(now), space))
            now, step, over = _flat(observation), step + 1, terminated or truncated
            returns[i] += float(reward)
            successes[i] = bool(info.get("is_success", False))
    return returns, successes


def _box(env: Env, name: str) -> spaces.Box:
    space = getattr(env, name)
    if not isinstance(space, spaces.Box):
        raise TabletopError(f"an environment to learn has boxes as spaces; its {name} is {space}")
    return space


def _flat(observation: Any) -> Array:
    return np.asarray(observation, dtype=np.float32).reshape(-1)


def _scaled(action: Array, space: spaces.Box) -> Array:
    """Return the environment's action for one in [-1, 1]."""
    low, high = space.low.reshape(-1), space.high.reshape(-1)
    scaled: Array = (low + 0.5 * (action + 1.0) * (high - low)).astype(np.float32).reshape(space.shape)
    return scaled
