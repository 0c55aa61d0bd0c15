"""How many goals of one literal the planner reaches with the scripted policies, over all predicates.

    python benchmarks/one_literal_goals.py --goals 60 --seed 0 --out one_literal_goals.json

The goals are drawn by what tasks with a scripted policy ask for and by what is false at reset (planner/single.py): no
operator plays a part in it, nor whether a plan is found. Each is planned for and run once; it counts as reached where
its formula holds in the last true state.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from about import about

from tabletop.files import write_whole
from tabletop.logic.predicate import get_predicate
from tabletop.planner import Search, SingleGoal, draw_single, evaluate_plans, scripted_operators
from tabletop.planner.single import patterns
from tabletop.rollout.engine import Engine
from tabletop.rollout.statistics import wilson
from tabletop.seeds import Purpose, seed_of

GOAL = 0.95


def predicate_of(goal: SingleGoal) -> str:
    """Return what a goal asks for: the predicate, with "not" before it where it is to be false."""
    leaf = goal.goal.leaves[0]
    return ("" if leaf.positive else "not ") + get_predicate(leaf.predicate).name


def main() -> None:
    """Draw, plan, run, and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--goals", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0, help="for a goal's first plan, as in tabletop plan")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("one_literal_goals.json"))
    arguments = parser.parse_args()
    drawn = [draw_single(arguments.seed, i) for i in range(arguments.goals)]
    with Engine(arguments.workers) as engine:
        plans = evaluate_plans(
            engine,
            scripted_operators,
            [d.scene for d in drawn],
            [d.goal for d in drawn],
            [seed_of(arguments.seed, Purpose.SINGLE_EPISODES, i) for i in range(arguments.goals)],
            search=Search(seconds=arguments.seconds),
            label="goals",
        )
    rows: list[dict[str, Any]] = []
    asked: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    for goal, episode in zip(drawn, plans["episodes"], strict=True):
        name = predicate_of(goal)
        asked[name] += 1
        reached[name] += episode["solved"]
        skills = [f"{s['skill']} {s['entity']}" for s in episode["skills"]]
        rows.append({"goal": episode["goal"], "card": goal.card, "scene": goal.scene_seed})
        rows[-1].update(reached=episode["solved"], skills=skills, why=episode["why"], spent=episode["spent"])
        print(
            f"{'reached' if episode['solved'] else 'not    '}  {episode['goal']}   by {', '.join(skills) or 'nothing'}"
        )
        for line in episode["why"]:
            print(f"         {line}")
    share = plans["solved"] / plans["goals"]
    low, high = wilson(plans["solved"], plans["goals"])
    never = sorted({("" if p.literal.positive else "not ") + p.literal.predicate for p in patterns()} - set(asked))
    print(f"{plans['solved']} of {plans['goals']} reached: {share:.3f} [{low:.3f}, {high:.3f}]")
    print(
        f"goal {GOAL}: {'reached' if share >= GOAL else 'missed'}; predicates not drawn: {', '.join(never) or 'none'}"
    )
    result = {
        **about("pybullet", "numpy"),
        "settings": {"goals": arguments.goals, "seed": arguments.seed, "seconds": arguments.seconds},
        "goals": plans["goals"],
        "reached": plans["solved"],
        "share": share,
        "low": low,
        "high": high,
        "goal": GOAL,
        "spent": plans["spent"],
        "predicates": {n: {"goals": asked[n], "reached": reached[n]} for n in sorted(asked)},
        "not_drawn": never,
        "episodes": rows,
    }
    write_whole(arguments.out, json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
