"""Success of Stable-Baselines3's SAC with hindsight (HER) over environment steps, on the goal environments as they are.

    python benchmarks/her.py

Each task is learned once a seed on scenes of ML1-train, with sparse rewards (0 where done, -1 elsewhere) and SETTINGS,
on observations that Stable-Baselines3 scales (VecNormalize).
From time to time the policy's mean action is tried on fixed scenes of ML1-test; a try succeeds where the task is done
in its last step. The baseline is uniform random actions on the same scenes. Intervals are Wilson's, 95 %, over the
tries of all seeds.

--out has every try as soon as it is made. Started again, complete runs are not repeated and the others begin anew:
Stable-Baselines3 writes its replay as pickle only. Runs of other tasks or seeds may go on at the same time on one
--out. --draw only draws what --out has.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import gymnasium
import stable_baselines3 as sb3
import torch
from about import about
from stable_baselines3.common.callbacks import BaseCallback, ConvertCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from threadpoolctl import threadpool_limits

from tabletop.envs import environment_id
from tabletop.envs.goals import has_goal
from tabletop.files import write_whole
from tabletop.logic.suite import find_suite
from tabletop.logic.task import load_registry
from tabletop.progress import Progress
from tabletop.report.charts import Series, lines, panels
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import evaluate, random
from tabletop.rollout.statistics import wilson
from tabletop.sim.generate import generate

BUDGETS: Final = {"reach": 10_000, "drawer-close": 15_000}
"""Environment steps by task."""
SETTINGS: Final[Mapping[str, Any]] = {
    "learning_rate": 1e-3,
    "gamma": 0.95,
    "tau": 0.05,
    "batch_size": 256,
    "learning_starts": 1000,
    "train_freq": 1,
    "ent_coef": "auto_0.1",
    "gradient_steps": 1,
}
HIDDEN: Final = (128, 128)
HINDSIGHT: Final = {"n_sampled_goal": 4, "goal_selection_strategy": "future"}
TRIALS: Final = 10
"""Points on a curve after the one at 0 steps."""
GOALS: Final = [name for name, task in load_registry().items() if has_goal(task)]
Point = dict[str, int]


def environment(task: str, suite: str) -> gymnasium.Env[Any, Any]:
    """Return a goal environment of the task on the suite's scenes."""
    scenes = find_suite(suite).scenes
    return gymnasium.make(environment_id(task), observation="goal", reward="sparse", scenes=scenes)


def try_policy(model: sb3.SAC, scale: VecNormalize, env: gymnasium.Env[Any, Any], task: str, episodes: int) -> int:
    """Return in how many of the first test scenes the policy's mean action does the task."""
    card = load_registry()[task].scene
    first = find_suite("ML1-test:" + task).scenes[0]
    done = 0
    for scene in range(first, first + episodes):
        observation, info = env.reset(seed=0, options={"scene": generate(card, scene)})
        over = False
        while not over:
            action, _ = model.predict(scale.normalize_obs(observation), deterministic=True)
            observation, _, _, over, info = env.step(action)
        done += info["is_success"]
    return done


class Trials(BaseCallback):
    """Tries the policy at equal distances."""

    def __init__(
        self, task: str, steps: int, episodes: int, scale: VecNormalize, keep: Callable[[list[Point]], None]
    ) -> None:
        super().__init__()
        self.task, self.episodes, self.scale, self.keep = task, episodes, scale, keep
        self.every = max(1, steps // TRIALS)
        self.curve: list[Point] = []
        self.env = environment(task, "ML1-test:" + task)

    def _try(self) -> None:
        done = try_policy(self.model, self.scale, self.env, self.task, self.episodes)
        self.curve.append({"steps": self.num_timesteps, "successes": done, "n": self.episodes})
        self.keep(self.curve)

    def _on_training_start(self) -> None:
        self._try()

    def _on_step(self) -> bool:
        if self.num_timesteps % self.every == 0:
            self._try()
        return True


def learn(task: str, seed: int, steps: int, episodes: int, out: Path) -> None:
    """Learn a task once; its curve goes into the result file."""
    # Positions are in m and far smaller than the other columns.
    env = VecNormalize(DummyVecEnv([lambda: environment(task, "ML1-train:" + task)]), norm_reward=False)
    model = sb3.SAC(
        *("MultiInputPolicy", env),
        replay_buffer_class=sb3.HerReplayBuffer,
        replay_buffer_kwargs=dict(HINDSIGHT),
        policy_kwargs={"net_arch": list(HIDDEN)},
        device="cpu",
        seed=seed,
        **SETTINGS,
    )
    start = time.perf_counter()
    with Progress(f"{task}, seed {seed}", steps, unit="steps") as bar:

        def keep(curve: list[Point]) -> None:
            point = curve[-1]
            bar.note(f"success {point['successes']}/{point['n']}")
            seconds = round(time.perf_counter() - start, 1)
            run = {"task": task, "seed": seed, "steps": steps, "seconds": seconds, "curve": curve}
            result = read(out)
            others = [r for r in result["runs"] if not same(r, task, seed, steps)]
            result["runs"] = sorted([*others, run], key=lambda r: (r["steps"], r["task"], r["seed"]))
            write_whole(out, json.dumps(result, indent=1) + "\n")

        trials = Trials(task, steps, episodes, env, keep)
        count = ConvertCallback(lambda *_: bar.update() is None)
        model.learn(steps, callback=[trials, count])
    env.close()
    trials.env.close()


def same(run: Mapping[str, Any], task: str, seed: int, steps: int) -> bool:
    """Return whether that is what was run."""
    return bool((run["task"], run["seed"], run["steps"]) == (task, seed, steps))


def floor(task: str, episodes: int) -> dict[str, float]:
    """Return the success of uniform random actions on the test scenes."""
    first = find_suite("ML1-test:" + task).scenes[0]
    with Engine(workers=0) as engine:
        seeds = range(first, first + episodes)
        found = evaluate(engine, random, load_registry()[task], seeds, label=f"{task}: random")
    return {k: round(float(found[k]), 4) for k in ("success", "low", "high")} | {"n": found["n"]}


def read(path: Path) -> dict[str, Any]:
    """Return what is in the file, or a result without runs."""
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    return {
        **about("stable-baselines3", "torch", "numpy", "gymnasium"),
        "settings": {**SETTINGS, "hidden": list(HIDDEN), **HINDSIGHT, "reward": "sparse"},
        "baselines": {},
        "runs": [],
    }


def pooled(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each number of steps the success over all seeds, with its interval."""
    points = []
    for steps in sorted({p["steps"] for r in runs for p in r["curve"]}):
        there = [p for r in runs for p in r["curve"] if p["steps"] == steps]
        done, n = (sum(p[k] for p in there) for k in ("successes", "n"))
        low, high = wilson(done, n)
        points.append({"steps": steps, "success": done / n, "low": low, "high": high, "n": n, "seeds": len(there)})
    return points


def picture(result: Mapping[str, Any]) -> str:
    """Return a chart of each task's curve beside each other, as an SVG file."""
    charts = []
    for task, points in result["curves"].items():
        x = [p["steps"] for p in points]
        values = {k: [p[k] for p in points] for k in ("success", "low", "high")}
        least = result["baselines"][task]
        series = [
            Series("SAC + HER", x, values["success"], values["low"], values["high"], "#2a9d8f"),
            Series("random", x, *([least[k]] * len(x) for k in values), "#b5651d"),
        ]
        chart = lines(series, f"success at {task}", x_name="environment steps", y_range=(0, 1), rates=True)
        charts.append((f"{task}, {points[-1]['seeds']} seeds", chart))
    return panels(charts)


def finish(out: Path, drawing: Path) -> None:
    """Pool the runs, print the curves and draw them."""
    result = read(out)
    names = list(dict.fromkeys(r["task"] for r in result["runs"]))
    result["curves"] = {t: pooled([r for r in result["runs"] if r["task"] == t]) for t in names}
    for task, points in result["curves"].items():
        print(f"{task}: random {result['baselines'][task]['success']:.2f}")
        for p in points:
            print(f"  {p['steps']:>8} steps  {p['success']:.2f} [{p['low']:.2f}, {p['high']:.2f}]  n={p['n']}")
    write_whole(out, json.dumps(result, indent=1) + "\n")
    write_whole(drawing, picture(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", choices=sorted(GOALS), default=list(BUDGETS), metavar="TASK")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1], metavar="N")
    parser.add_argument("--steps", type=int, help="environment steps a run, for all tasks")
    parser.add_argument("--episodes", type=int, default=25, help="tries at each point of a curve, a seed")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/her.json"))
    parser.add_argument("--picture", type=Path, default=Path("docs/her.svg"))
    parser.add_argument("--draw", action="store_true")
    arguments = parser.parse_args()
    # Products this small gain nothing by a second thread.
    torch.set_num_threads(1)
    threadpool_limits(1)
    for task in [] if arguments.draw else arguments.tasks:
        steps = arguments.steps or BUDGETS.get(task) or parser.error(f"--steps is needed for {task}")
        for seed in arguments.seeds:
            kept = [r for r in read(arguments.out)["runs"] if same(r, task, seed, steps)]
            if not (kept and kept[0]["curve"][-1]["steps"] >= steps):
                learn(task, seed, steps, arguments.episodes, arguments.out)
        least = read(arguments.out)["baselines"].get(task) or floor(task, 4 * arguments.episodes)
        result = read(arguments.out)
        result["baselines"][task] = least
        write_whole(arguments.out, json.dumps(result, indent=1) + "\n")
    finish(arguments.out, arguments.picture)


if __name__ == "__main__":
    main()
