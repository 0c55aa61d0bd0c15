"""SAC, TD3 and DDPG on one task: how widely they try, what they reach, and what is left of it under a push.

    python benchmarks/algorithms.py --task stack --held --steps 30000 --seeds 3 --out algorithms.json

Same networks, replay, rates and number of updates. `tried` counts the 5 cm bins of space that the attended entity was
in while learning. Success is measured at the end of episodes of the greedy policy on scenes not learned on; a push is a
sideways force on the gripper for 0.3 s, at a random moment and in a random direction, the same for all. With --held the
attended entity starts between the fingers: stacking from an empty hand takes far more steps than a figure here.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import gymnasium
import numpy as np
import torch
from gymnasium.wrappers import TimeLimit

from tabletop.envs.env import TabletopEnv
from tabletop.files import write_whole
from tabletop.learn.actor import NumpyActor
from tabletop.learn.settings import ALGORITHMS, SACSettings
from tabletop.learn.train import evaluate, train
from tabletop.logic.task import Task, load_registry
from tabletop.progress import track

_BIN: Final = 0.05
"""m"""
_PUSH_STEPS: Final = 36
"""Physics steps of 1/120 s."""
_LEARNED: Final = (0, 1 << 20)
"""Numbers that scenes to learn on are drawn from; those to evaluate on lie above."""


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Keeps the bins that the attended entity was in, and the episodes that were a success at their end."""

    def __init__(self, env: TimeLimit[Any, Any], attends: str) -> None:
        super().__init__(env)
        self.table, self.attends = env.unwrapped, attends
        self.bins: set[tuple[int, ...]] = set()
        self.successes = 0

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        out = self.env.step(action)
        place = np.floor(self.table.state.entity(self.attends, "position") / _BIN)
        self.bins.add(tuple(int(v) for v in place))
        self.successes += bool(out[3] and out[4]["is_success"])
        return out


class Push:
    """Pushes the gripper once an episode; a new draw at each episode's first step."""

    def __init__(self, env: TimeLimit[Any, Any], force: float) -> None:
        self.env, self.force, self.rng = env, force, np.random.default_rng(0)
        self.moment, self.angle = 0, 0.0

    def __call__(self, step: int) -> None:
        if step == 0:
            self.moment = int(self.env.unwrapped.horizon * self.rng.uniform(0.2, 0.7))
            self.angle = self.rng.uniform(0, 2 * math.pi)
        if step == self.moment and self.force:
            x, y = self.force * math.cos(self.angle), self.force * math.sin(self.angle)
            self.env.unwrapped.world.push("gripper", (x, y, 0.0), _PUSH_STEPS)


def the_task(name: str, held: bool) -> Task:
    """Return a task, its attended entity between the fingers at the start if asked for."""
    task = load_registry()[name]
    if not held:
        return task
    entities = dict(task.scene["entities"])
    given = entities[task.attends]
    entities[task.attends] = {**(given if isinstance(given, dict) else {"kind": given}), "held": True}
    return replace(task, scene={**task.scene, "entities": entities})


def _env(task: Task, scenes: tuple[int, int]) -> TimeLimit[Any, Any]:
    return TimeLimit(TabletopEnv(task, scenes=scenes), task.horizon)


def one(task: Task, settings: SACSettings, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one seed and evaluate it."""
    watched = Watched(_env(task, _LEARNED), task.attends)
    sac = train(watched, settings, arguments.steps, seed, random_steps=arguments.steps // 20, updates=arguments.updates)
    fresh = _env(task, (_LEARNED[1], 2 * _LEARNED[1]))
    policy = NumpyActor(sac.actor_arrays(averaged=True)).mean
    success = {
        f"{force:g} N": float(evaluate(fresh, policy, arguments.episodes, 0, Push(fresh, force))[1].mean())
        for force in arguments.forces
    }
    return {
        "tried": len(watched.bins),
        "successes_while_learning": watched.successes,
        "success": success,
        "return": float(evaluate(fresh, policy, arguments.episodes, 0)[0].mean()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="stack")
    parser.add_argument("--held", action="store_true", help="start with the attended entity between the fingers")
    parser.add_argument("--algorithms", nargs="+", choices=ALGORITHMS, default=list(ALGORITHMS))
    parser.add_argument("--steps", type=int, default=30_000)
    parser.add_argument("--updates", type=float, default=0.25, help="a control step")
    parser.add_argument("--alpha", type=float, default=None, help="sac: a fixed temperature; adapted without it")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--episodes", type=int, default=50, help="that a policy is evaluated on, at each force")
    parser.add_argument("--forces", type=float, nargs="+", default=[0.0, 75.0, 150.0], help="N")
    parser.add_argument("--out", type=Path, default=Path("algorithms.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    task = the_task(arguments.task, arguments.held)
    runs: dict[str, list[dict[str, Any]]] = {algorithm: [] for algorithm in arguments.algorithms}
    given = {k: v for k, v in vars(arguments).items() if k not in ("out", "algorithms")}
    pairs = list(itertools.product(arguments.algorithms, range(arguments.seeds)))
    for algorithm, seed in track(pairs, "algorithms", unit="runs"):
        settings = SACSettings(
            algorithm=algorithm, alpha=arguments.alpha, actor_rate=5e-4, critic_rate=5e-4, device="cpu"
        )
        runs[algorithm].append(one(task, settings, seed, arguments))
        write_whole(arguments.out, json.dumps({"settings": given, "runs": runs}, indent=1) + "\n")
    print(f"{'':6}{'tried':>7}{'learning':>10}{'return':>9}  success at each push, mean over seeds")
    for algorithm, rows in runs.items():
        mean = {key: np.mean([row[key] for row in rows]) for key in ("tried", "successes_while_learning", "return")}
        success = {f: round(float(np.mean([row["success"][f] for row in rows])), 3) for f in rows[0]["success"]}
        line = f"{algorithm:6}{mean['tried']:7.0f}{mean['successes_while_learning']:10.1f}{mean['return']:9.2f}"
        print(f"{line}  {success}")


if __name__ == "__main__":
    main()
