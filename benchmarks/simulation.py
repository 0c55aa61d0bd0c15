"""Speed of the simulation, its environments and its pictures, on one core, beside PyBullet and panda-gym.

    python benchmarks/simulation.py --out simulation.json

Needs `pip install panda-gym` for its row; without it the row is left out. All take turns in short rounds, and
seconds are the process's own CPU time, so that other load on the machine meets all alike. Figures are medians
over the rounds.

- control: the arm and four objects, random actions, episodes of --steps control steps (0.1 s, 12 physics steps
  each) on a new scene each. "bare" counts only the time in PyBullet's stepSimulation in those very episodes;
  "world" is `World.load` and `World.step`, which gives the state; "environment" draws the scenes too and gives
  the observation, through gymnasium's interface.
- simulated seconds a second: gymnasium's interface, resets and rewards included; pick-place with a block and a
  mark in episodes of 50 steps, beside panda-gym's PandaPickAndPlace-v3.
- pictures: 84x84 of the arm and four boxes from the same camera in the same pose: ours (colour, depth and
  segmentation, with table and baseline), and PyBullet's software renderer on its own Panda's meshes (without).
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pybullet
import pybullet_data
from about import about

from tabletop.envs import TabletopEnv
from tabletop.files import write_whole
from tabletop.sim import Scene, World, generate
from tabletop.sim.generate import SceneCard

CARD = {"entities": {name: ["block", "brick", "can", "block"][i] for i, name in enumerate("abcd")}}
MARK = {"kind": "target", "offset": {"from": "block", "distance": [0.12, 0.25]}}
PICK = {"entities": {"block": "block", "target": MARK}}
SIZE = 84


def timed(run: Callable[[], int]) -> float:
    """Return how many of what it counts a function does in a second of CPU time."""
    start = time.process_time()
    count = run()
    return count / (time.process_time() - start)


def bare(world: World, scene: Scene, actions: np.ndarray) -> float:
    """Return control steps a second of the physics alone, in an episode that is otherwise not timed."""
    world.load(scene)
    spent = 0.0
    for action in actions:
        world.arm.command(action, scene.table.height)
        start = time.process_time()
        for _ in range(world.settings.substeps):
            pybullet.stepSimulation(world.client)
        spent += time.process_time() - start
        world.arm.refresh()
    return len(actions) / spent


def whole(world: World, scene: Scene, actions: np.ndarray) -> int:
    """Run an episode with its load and its states."""
    world.load(scene)
    for action in actions:
        world.step(action)
    return len(actions)


def environment(env: TabletopEnv, card: SceneCard, seed: int, actions: np.ndarray) -> int:
    """Run an episode through gymnasium's interface, drawing its scene."""
    env.reset(options={"scene": generate(card, seed)})
    for action in actions:
        env.step(action)
    return len(actions)


def panda_gym() -> Callable[[int], float] | None:
    """Return a function that gives simulated seconds a second of panda-gym; None if it is not installed."""
    try:
        import panda_gym  # noqa: F401
    except ImportError:
        return None
    env = gymnasium.make("PandaPickAndPlace-v3")
    sim = env.unwrapped.sim
    control_step = sim.timestep * sim.n_substeps

    def run(seed: int) -> float:
        env.action_space.seed(seed)
        actions = [env.action_space.sample() for _ in range(50)]

        def episode() -> int:
            env.reset(seed=seed)
            for action in actions:
                env.step(action)
            return len(actions)

        return timed(episode) * control_step

    return run


def reference_pictures(world: World, scene: Scene) -> dict[str, Callable[[], Any]]:
    """Return what draws PyBullet's own Panda and the same boxes, as seen by the same camera."""
    c = pybullet.connect(pybullet.DIRECT)
    pybullet.setAdditionalSearchPath(pybullet_data.getDataPath(), physicsClientId=c)
    arm = pybullet.loadURDF("franka_panda/panda.urdf", useFixedBase=True, physicsClientId=c)
    for joint, angle in enumerate(world.state().robot("joints")):
        pybullet.resetJointState(arm, joint, float(angle), physicsClientId=c)
    for e in scene.entities:
        half = [s / 2 for s in e.size]
        shape = pybullet.createVisualShape(pybullet.GEOM_BOX, halfExtents=half, rgbaColor=e.color, physicsClientId=c)
        pybullet.createMultiBody(0, -1, shape, e.position, physicsClientId=c)
    view = pybullet.computeViewMatrix(scene.camera.position, scene.camera.target, [0, 0, 1])
    projection = pybullet.computeProjectionMatrixFOV(scene.camera.fov, 1.0, 0.05, 4.0)

    def shoot(**more: Any) -> Callable[[], Any]:
        return lambda: pybullet.getCameraImage(
            SIZE, SIZE, view, projection, renderer=pybullet.ER_TINY_RENDERER, physicsClientId=c, **more
        )

    return {"PyBullet's Panda, shadows off": shoot(shadow=0), "PyBullet's Panda, defaults": shoot()}


def pictures(run: Callable[[], Any], count: int) -> float:
    """Return pictures a second."""

    def many() -> int:
        for _ in range(count):
            run()
        return count

    return timed(many)


def main() -> None:
    """Measure, print a table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100, help="control steps an episode (of control)")
    parser.add_argument("--rounds", type=int, default=12, help="turns of each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("simulation.json"))
    arguments = parser.parse_args()
    world, env, peer = World(), TabletopEnv(), panda_gym()
    pick = TabletopEnv("pick-place")
    boxes = generate({"entities": dict.fromkeys("abcd", "block")}, arguments.seed)
    drawing = World()
    drawing.load(boxes)
    shoots = {"tabletop": lambda: drawing.render(SIZE, SIZE)} | reference_pictures(drawing, boxes)
    control: dict[str, list[float]] = {"bare": [], "world": [], "environment": []}
    real: dict[str, list[float]] = {"tabletop": []} | ({"panda-gym": []} if peer else {})
    drawn: dict[str, list[float]] = {name: [] for name in shoots}
    step = world.settings.control_step
    for turn in range(arguments.rounds + 1):
        seed = arguments.seed + turn
        scene = generate(CARD, seed)
        actions = np.random.default_rng(seed).uniform(-1, 1, (arguments.steps, 5)).astype(np.float32)
        rates = {
            "bare": bare(world, scene, actions),
            "world": timed(lambda s=scene, a=actions: whole(world, s, a)),
            "environment": timed(lambda s=seed, a=actions: environment(env, CARD, s, a)),
        }
        own = timed(lambda s=seed, a=actions[:50]: environment(pick, PICK, s, a))
        speeds = {"tabletop": own * step} | ({"panda-gym": peer(seed)} if peer else {})
        shots = {n: pictures(run, 40 if n == "tabletop" else 4) for n, run in shoots.items()}
        if turn:  # the first turn warms up
            for kept, new in ((control, rates), (real, speeds), (drawn, shots)):
                for name, value in new.items():
                    kept[name].append(value)

    def share(kept: dict[str, list[float]], one: str, two: str) -> float:
        return statistics.median(a / b for a, b in zip(kept[one], kept[two], strict=True))

    ratios = {
        "world / bare": share(control, "world", "bare"),
        "environment / bare": share(control, "environment", "bare"),
    }
    if peer:
        ratios["real time: tabletop / panda-gym"] = share(real, "tabletop", "panda-gym")
    ratios |= {f"pictures: tabletop / {name}": share(drawn, "tabletop", name) for name in list(shoots)[1:]}
    tables = {
        "control steps a second": control,
        "simulated seconds a second": real,
        f"{SIZE}x{SIZE} pictures a second": drawn,
    }
    for title, kept in tables.items():
        print(f"{title:44}{'median':>10}{'best':>10}")
        for name, values in kept.items():
            print(f"  {name:42}{statistics.median(values):10.1f}{max(values):10.1f}")
    print(f"{'ratio (median over rounds)':44}")
    for name, value in ratios.items():
        print(f"  {name:42}{value:10.2f}")
    result = {
        **about("pybullet", "numpy", "gymnasium"),
        "settings": {"steps": arguments.steps, "rounds": arguments.rounds, "seed": arguments.seed},
        **{
            title: {n: {"median": statistics.median(v), "best": max(v)} for n, v in kept.items()}
            for title, kept in tables.items()
        },
        "ratios": ratios,
    }
    write_whole(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
