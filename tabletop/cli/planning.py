"""`tabletop plan` and `tabletop goals`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tabletop.api import goals, planning, stages
from tabletop.api.folder import run_folder
from tabletop.cli.show import chain_lines, plan_lines, say
from tabletop.errors import TabletopError
from tabletop.logic import load_registry
from tabletop.rollout.engine import Engine
from tabletop.rollout.policy_file import is_policy_file
from tabletop.runs.lock import alone_in
from tabletop.words import plural

__all__ = ["draw_proven", "plan"]


def _lengths(text: str) -> list[int]:
    try:
        lengths = [int(v) for v in text.split(",")]
    except ValueError:
        lengths = []
    if not lengths or min(lengths) < 1:
        raise TabletopError(f"--literals takes numbers from 1 such as 2,3, got {text!r}")
    return lengths


def plan(options: argparse.Namespace) -> None:
    """Reach goals, or run chains of them, and print what came of it."""
    lengths = _lengths(options.literals)
    if options.goal is not None and options.chains is not None:
        raise TabletopError("give --goal or --chains, not both")
    if options.chains is not None and (options.card is not None or options.scene is not None):
        raise TabletopError("--chains have a scene card of their own; leave out --card and --scene")
    if options.scene is not None and options.goal is None:
        raise TabletopError("--scene needs --goal: a formula to reach in that scene, such as 'on(red, blue)'")
    card = goals.PLANNING if options.card is None else options.card
    if options.goal is not None:
        goals.read_goal(options.goal, options.seed, card, options.scene)  # Refused before anything is copied.
    seconds = options.seconds or None
    policy = options.policy
    own = is_policy_file(options.run)
    if options.tasks is not None and not own:
        raise TabletopError(f"--tasks is for a policy of your own, such as policy.py:make; {options.run!r} is none")
    if own:
        policy, folder = options.run, Path(options.out or "plan")
    elif options.run == "scripted":
        policy, folder = "scripted", Path(options.out or "plan")
    elif policy == "scripted":
        folder = Path(options.out or options.run)
    else:
        folder = run_folder(options.run, options.out, ["name.json"])
    with alone_in(folder):
        skills = _own_skills(options) if own else None
        if options.chains is not None:
            chains = planning.chains_stage(
                folder,
                policy=policy,
                chains=options.chains,
                seed=options.seed,
                workers=options.workers,
                seconds=seconds,
                skills=skills,
            )
            say(options, chains, chain_lines(chains))
            return
        result = stages.plan_stage(
            folder,
            policy=policy,
            goals=options.goals,
            lengths=lengths,
            seed=options.seed,
            workers=options.workers,
            goal=options.goal,
            card=card,
            scene=options.scene,
            seconds=seconds,
            skills=skills,
        )
    say(options, result, plan_lines(result))


def _own_skills(options: argparse.Namespace) -> planning.Skills:
    """Return what a policy of the user's own can do, seen on the tasks that --tasks names."""
    if options.tasks is None:
        raise TabletopError(
            f"to plan with {options.run!r} give --tasks that it can do, such as --tasks lift,drawer-open"
        )
    with Engine(options.workers) as engine:
        return planning.policy_skills(options.run, load_registry().select(options.tasks), engine, options.seed)


def draw_proven(options: argparse.Namespace) -> None:
    """Draw goals with a plan that was seen to reach each, or check such a file, and print what came of it."""
    lengths = _lengths(options.literals)
    if options.check is not None:
        found = planning.check_goals(Path(options.check), options.workers)
        say(options, found, ["{goals} goals: {reached} reached again, {identical} bit for bit".format(**found)])
        return
    made = planning.make_goals(
        Path(options.out or "goals.yaml"),
        options.count,
        lengths,
        options.seed,
        card=options.card,
        workers=options.workers,
    )
    lines = [f"{plural(made['goals'], 'goal')} in {made['out']}, {plural(made['distinct'], 'different formula')}"]
    say(options, made, [*lines, f"passed over: {made['unreached']} not reached, {made['undrawn']} scenes without one"])
