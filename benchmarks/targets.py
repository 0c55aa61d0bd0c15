"""Whether things get where they are asked to be: targets drawn by a generator that knows no library.

    python benchmarks/targets.py default --places 100 --seed 20261201 --out benchmarks/results/targets.json

A block stands among two to four other things (benchmarks/scenes/cluttered.yaml) and is to be put at a place that is
drawn evenly over the reach, moved a little way, turned or lifted. Joints of all fixtures of the card `everything` are
to come to a fraction. benchmarks/drawn_targets.py says what is drawn and what counts as reached. What --out has of the
same settings and libraries is not run again.

A library whose `policy` takes a `target` is given the target; any other runs the code whose target effect is nearest
(--codes asks for that of every library). Baselines stand beside every figure: scripted primitives as oracle where there
are such, random actions correlated in time, and doing nothing. All get the same scenes. Intervals are Wilson's, 95 %.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from about import about
from asked import BASELINES, Method, asked, library_at, nearest_skill
from drawn_targets import FAMILIES, Target, draw_target, joint_kinds, outcome_of

from tabletop.errors import TabletopError
from tabletop.files import write_whole
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import Trajectory, episode
from tabletop.rollout.policy import Nothing
from tabletop.rollout.statistics import wilson
from tabletop.sim.scene_cards import find_scene_card
from tabletop.skills.effects import MIDDLE

__all__ = ["Job", "drawn", "measured", "methods_of", "run_drawn", "run_target", "summary"]

CARD: Final = "everything"
"""Whose fixtures are asked for."""
UNITS: Final[Mapping[str, tuple[float, str]]] = {
    "place": (100.0, "cm"),
    "push": (100.0, "cm"),
    "joint": (100.0, "% of travel"),
    "turn": (180.0 / math.pi, "deg"),
    "lift": (100.0, "cm"),
}
_HELD: Final = 0.3
"""N on each finger that count as a hold."""
_CARRIED: Final = 0.015
"""m of rise with which a hold is a grasp that carries."""
_ELSEWHERE: Final = 0.03
"""m: what is put down so near to where its code puts things is put where the code says."""


@dataclass(frozen=True)
class Job:
    """A target to draw, and what is asked to reach it: a pure description of an episode."""

    method: Method
    family: str
    seed: int
    number: int
    kind: str | None = None

    def draw(self) -> Target:
        """Return the target."""
        return draw_target(self.family, self.seed, self.number, self.kind)


def run_target(job: Job) -> dict[str, Any]:
    """Run one episode; return what came of it."""
    return {"number": job.number, "kind": job.kind, **run_drawn(job.method, job.draw())}


def run_drawn(method: Method, target: Target) -> dict[str, Any]:
    """Run one episode of a drawn target; return what came of it."""
    row: dict[str, Any] = {"goal": target.goal, "clutter": target.clutter}
    if math.isfinite(target.nearest):
        row["nearest"] = target.nearest
    found = asked(method, target)
    row["answered"] = found is not None
    if found is None and method.folder is None:
        # A script is not there: nothing to say. A library without a skill leaves things as they are.
        return row
    policy, horizon = found or (Nothing(), 1)
    run = episode(policy, target.scene, target.seed, horizon)
    outcome = outcome_of(target, run)
    row |= {"miss": outcome.miss, "fine": outcome.fine, "rough": outcome.rough, "steps": len(run)}
    if target.family == "place":
        row["how"] = how(method, target, run, outcome.fine)
    return row


def how(method: Method, target: Target, run: Trajectory, fine: bool) -> str:
    """Return what became of a block that was to be put somewhere, in a few words."""
    if fine:
        return "within 3 cm"
    state, entity = run.state, target.entity
    position = state.entity(entity, "position")
    held = state.entity(entity, "finger_force").min(axis=-1) > _HELD
    carried = held & (position[:, 2] > position[0, 2] + _CARRIED)
    end, table = position[-1], float(run.final.robot("table_height"))
    half = target.scene.entity(entity).size[2] / 2
    if end[2] < table:
        return "fell off the table"
    if not carried.any():
        return "not grasped, left" if math.dist(end[:2], position[0, :2]) < 0.02 else "not grasped, pushed"
    if held[-1]:
        return "not let go"
    if end[2] > table + half + 0.01:
        return "on or in something"
    skill = None if method.folder is None else nearest_skill(library_at(method.folder), target)
    if skill is not None:
        meant = library_at(method.folder or "").embeddings[skill.code][:2] + MIDDLE
        if math.dist(end[:2], meant) < _ELSEWHERE:
            return "where the nearest code puts it"
    last = int(np.flatnonzero(carried)[-1])
    dropped = position[last]
    if math.dist(dropped[:2], target.goal) > 0.05:
        return "let go of on the way, more than 5 cm off"
    if math.dist(end[:2], dropped[:2]) > 0.03:
        return "slid or was knocked after it was let go"
    return "let go of 3 to 5 cm off"


def drawn(family: str, count: int, seed: int, method: Method) -> list[Job]:
    """Return the jobs of a family: `count` targets, of joints so many a kind."""
    if family != "joint":
        return [Job(method, family, seed, i) for i in range(count)]
    kinds = joint_kinds(find_scene_card(CARD))
    return [Job(method, family, seed, 1000 * k + i, kind) for k, kind in enumerate(kinds) for i in range(count)]


def measured(engine: Engine, jobs: Sequence[Job], label: str) -> list[dict[str, Any]]:
    """Run jobs, in order."""
    return list(engine.map(run_target, jobs, chunk=2, label=label))


def share(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    """Return the share of rows of which something holds, with its interval."""
    done = sum(bool(r[key]) for r in rows)
    low, high = wilson(done, len(rows))
    return {"share": done / len(rows), "low": low, "high": high}


def summary(family: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the shares that came near enough and the median miss, in all and by clutter, goal or kind."""
    run = [r for r in rows if "miss" in r]
    if not run:
        return {"n": 0}
    out: dict[str, Any] = {"n": len(run), "fine": share(run, "fine"), "rough": share(run, "rough")}
    out["median_miss"] = float(np.median([r["miss"] for r in run]))
    out["answered"] = sum(r["answered"] for r in run) / len(run)
    if family != "joint":
        groups = {f"{c} others": [r for r in run if r["clutter"] == c] for c in sorted({r["clutter"] for r in run})}
        groups["a neighbour within 12 cm"] = [r for r in run if r.get("nearest", math.inf) <= 0.12]
    else:
        groups = {str(kind): [r for r in run if r["kind"] == kind] for kind in dict.fromkeys(r["kind"] for r in run)}
        groups |= {f"to {goal:g}": [r for r in run if r["goal"][0] == goal] for goal in (0.0, 0.5, 1.0)}
    if family == "turn":
        turns = sorted({r["goal"][0] for r in run})
        groups |= {f"{math.degrees(t):+.0f} deg": [r for r in run if r["goal"][0] == t] for t in turns}
    out["groups"] = {
        name: {"n": len(g), "fine": share(g, "fine"), "rough": share(g, "rough")} for name, g in groups.items() if g
    }
    if family == "place":
        out["how"] = dict(Counter(r["how"] for r in run).most_common())
    return out


def methods_of(texts: Sequence[str], codes: bool = False) -> list[Method]:
    """Return the libraries that a command names, each DIR or NAME=DIR.

    Raises:
        TabletopError: one is no library, or two have one name.
    """
    out = []
    for text in texts:
        name, _, folder = text.rpartition("=")
        library_at(folder)
        out.append(Method(name or Path(folder).name, folder, codes))
    names = [m.name for m in out]
    if len(set(names)) < len(names) or set(names) & set(BASELINES):
        raise TabletopError(f"each library needs a name of its own, as in NAME=DIR; got {', '.join(names)}")
    return out


def row_text(name: str, family: str, found: Mapping[str, Any]) -> str:
    """Return a line of the table."""
    if not found["n"]:
        return f"{family:7}{name:22}-"
    factor, unit = UNITS[family]
    cells = "".join("{share:8.3f} [{low:.3f}, {high:.3f}]".format(**found[key]) for key in ("fine", "rough"))
    return f"{family:7}{name:22}{found['n']:>5}{cells}   median {factor * found['median_miss']:.1f} {unit}"


def main() -> None:
    """Draw, run, print and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help="DIR or NAME=DIR; none: baselines only")
    parser.add_argument("--places", type=int, default=100, help="of each family but joints (default 100)")
    parser.add_argument("--joints", type=int, default=15, help="fractions a kind of fixture (default 15)")
    parser.add_argument("--families", default=",".join(FAMILIES), help="A,B,C (default all)")
    parser.add_argument("--baselines", default=",".join(BASELINES), help="A,B,C (default all; '' for none)")
    parser.add_argument("--codes", action="store_true", help="run the nearest code of a library that takes targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes (default: one a core; 0: none)")
    parser.add_argument("--out", type=Path, default=Path("targets.json"))
    options = parser.parse_args()
    methods = methods_of(options.libraries, options.codes)
    methods += [Method(name) for name in options.baselines.split(",") if name]
    families = options.families.split(",")
    settings = {"places": options.places, "joints": options.joints, "seed": options.seed, "codes": options.codes}
    settings["digests"] = {m.name: library_at(m.folder).digest for m in methods if m.folder is not None}
    result = kept(options.out, settings)
    print(f"{'family':7}{'method':22}{'n':>5}{'finely':>23}{'roughly':>23}")
    with Engine(options.workers) as engine:
        for family in families:
            count = options.joints if family == "joint" else options.places
            for method in methods:
                table, episodes = (result[part].setdefault(family, {}) for part in ("targets", "episodes"))
                if method.name not in table:
                    rows = measured(engine, drawn(family, count, options.seed, method), f"{family}: {method.name}")
                    table[method.name], episodes[method.name] = summary(family, rows), short(rows)
                    write_whole(options.out, json.dumps({**about("pybullet", "numpy"), **result}) + "\n")
                print(row_text(method.name, family, table[method.name]), flush=True)


def kept(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file has already, or an empty result.

    Raises:
        TabletopError: its figures are of other settings or of other libraries.
    """
    if not path.is_file():
        return {"settings": dict(settings), "targets": {}, "episodes": {}}
    found = json.loads(path.read_text(encoding="utf-8"))
    if found["settings"] != settings:
        raise TabletopError(f"{str(path)!r} has figures of other settings or libraries; give another --out")
    return {part: found[part] for part in ("settings", "targets", "episodes")}


def short(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return how far off each target ended, in order: for pairs with what is measured later. None: nothing was run."""
    return {
        "miss": [round(r["miss"], 4) if "miss" in r else None for r in rows],
        "fine": [int(r.get("fine", 0)) for r in rows],
    }


if __name__ == "__main__":
    main()
