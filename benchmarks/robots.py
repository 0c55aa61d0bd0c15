"""Scripted policies under four robots over the lecture suite, what `robots check` finds, and the library that ships.

    python benchmarks/robots.py --out robots.json

The xArm 6 and the KUKA iiwa are those of pybullet_data, by the cards in benchmarks/robots. Tasks about a thing that a
gripper cannot hold by its width are listed, not counted. The library was discovered with the Panda.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from about import about
from other_robots import make_robots

import tabletop as tt
from tabletop.files import write_whole
from tabletop.logic import Task, find_suite, load_registry
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import generate
from tabletop.sim.held_part import grasped_part
from tabletop.sim.robot_card import load_robot_card
from tabletop.sim.robot_check import check_robot

ROBOTS = ("panda", "cobot6", "xarm6", "kuka")
LIBRARY = ("panda", "cobot6", "xarm6")
ROOM = 0.006
"""m that fingers open farther than what they hold is wide."""


def too_wide(task: Task, robot: str, scenes: int = 5) -> bool:
    """Return whether something that a task's script grasps is too wide for a gripper, in some of its scenes."""
    script = Path("policies/scripted") / f"{task.name}.yaml"
    if "grasp" not in script.read_text(encoding="utf-8"):
        return False
    cards = load_cards()
    for seed in range(scenes):
        for entity in generate(task.scene, seed, robot=robot).entities:
            card = cards[entity.kind]
            if entity.name not in task.success.names or card.body_type != "rigid" or not card.graspable:
                continue
            part = grasped_part(card, entity.size)
            if min(part.extents[i] for i in part.axes) > load_robot_card(robot).max_width - ROOM:
                return True
    return False


def suite(robot: str, episodes: int, seed: int) -> dict[str, Any]:
    """Return the scripted policies' success by task under a robot."""
    found = find_suite("lecture")
    tasks = found.select(load_registry())
    left_out = [task.name for task in tasks if too_wide(task, robot)]
    result = tt.evaluate("scripted", suite="lecture", episodes=episodes, seed=seed, robot=robot)
    rates = {name: rate.success for name, rate in result.tasks.items()}
    counted = {name: rate for name, rate in rates.items() if name not in left_out}
    return {"mean": sum(counted.values()) / len(counted), "counted": counted, "too_wide": left_out}


def main() -> None:
    """Measure, print, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=20, help="a task")
    parser.add_argument("--poses", type=int, default=10_000, help="of `robots check`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--robots", default=",".join(ROBOTS))
    parser.add_argument("--out", type=Path, default=Path("robots.json"))
    arguments = parser.parse_args()
    result: dict[str, Any] = {
        **about("pybullet", "numpy"),
        "settings": {"episodes": arguments.episodes, "poses": arguments.poses, "seed": arguments.seed},
        "robots": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        tt.use_project(make_robots(Path(folder)))
        for robot in arguments.robots.split(","):
            found = {"suite": suite(robot, arguments.episodes, arguments.seed)}
            check = check_robot(robot, arguments.poses, arguments.seed)
            check["reach"].pop("reached")
            found["check"] = check
            if robot in LIBRARY:
                named = tt.evaluate("default", episodes=arguments.episodes, seed=arguments.seed, robot=robot)
                rates = {name: rate.success for name, rate in named.tasks.items() if rate.n}
                found["library"] = {"mean": sum(rates.values()) / len(rates), "tasks": rates}
            result["robots"][robot] = found
            library = f", library {found['library']['mean']:.3f}" if "library" in found else ""
            print(f"{robot}: scripted {found['suite']['mean']:.3f}{library}", flush=True)
            write_whole(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
