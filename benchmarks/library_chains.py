"""How many of five goals in a row libraries reach, over the chains that scripted policies are measured on.

    python benchmarks/library_chains.py default scripted --chains 40 --seed 20261201 --out library_chains.json

A chain's goals are drawn over what the basic scripted operators can do, whatever is run: the literals do not depend on
the library. Each library plans with its named and consistent skills, and so needs the name.json of `tabletop name`.
`scripted` is the scripted policies. All get the same chains. The mean has a 95 % bootstrap interval over chains, and so
has each one's paired difference from the first, with its chance by sign flips.

A goal's searches have --seconds by the clock, as in `tabletop plan`. "spent" counts those that were ended by it: where
there are such, another run on another machine may differ. --seconds 0 sets no end, and takes far longer with a library.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from about import about
from neutral import paired

from tabletop.api.planning import operators_of
from tabletop.errors import TabletopError
from tabletop.files import write_whole
from tabletop.logic.parse import parse
from tabletop.naming import NamedLibrary
from tabletop.planner import ChainJob, Search, evaluate_chains, scripted_operators
from tabletop.planner.evaluate import OperatorFactory
from tabletop.rollout.engine import Engine
from tabletop.runs.records import Naming
from tabletop.runs.store import read_record
from tabletop.skills.library import find_library, load_library

__all__ = ["by_predicate", "operators_at"]


def operators_at(name: str) -> OperatorFactory:
    """Return what makes the operators of a library, or of the scripted policies.

    Args:
        name: "scripted", a run folder, a library's folder, or the name of one that ships.

    Raises:
        TabletopError: there is no such library, or its skills have no names.
    """
    if name == "scripted":
        return scripted_operators
    folder = find_library(name)
    library = load_library(folder)
    places = [p for p in (folder, folder.parent) if (p / Naming.FILE).is_file()]
    if not places:
        raise TabletopError(f"the skills of {name!r} have no names yet; name them with: tabletop name")
    named = read_record(places[0] / Naming.FILE, Naming, library.digest)
    return operators_of(NamedLibrary(library, named))[0]


def by_predicate(found: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return how many goals that speak of each predicate were begun and done."""
    begun: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for episode in found["episodes"]:
        for goal in (g for g in episode["goals"] if "done" in g):
            for predicate in {leaf.predicate for leaf in parse(goal["goal"]).leaves}:
                begun[predicate] += 1
                done[predicate] += goal["done"]
    return {name: {"begun": begun[name], "done": done[name]} for name in sorted(begun)}


def main() -> None:
    """Draw, plan, run, print and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME", help="libraries, or scripted")
    parser.add_argument("--chains", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10.0, help="for a goal's searches (default 10; 0: no end)")
    parser.add_argument("--workers", type=int, help="processes (default: one a core; 0: none)")
    parser.add_argument("--out", type=Path, default=Path("library_chains.json"))
    options = parser.parse_args()
    if options.chains < 1 or options.seconds < 0.0:
        parser.error("--chains must be 1 or more, --seconds 0 or more")
    operators = {name: operators_at(name) for name in options.names}
    search = Search(seconds=options.seconds or None)
    results: dict[str, Any] = {}
    with Engine(options.workers) as engine:
        for name, make in operators.items():
            jobs = [ChainJob(make, options.seed, i, search=search) for i in range(options.chains)]
            results[name] = {**evaluate_chains(engine, jobs, label=f"chains: {name}")}
            results[name]["by_predicate"] = by_predicate(results[name])
            text = "{mean_completed:.2f} of 5 [{low:.2f}, {high:.2f}], {spent} spent".format(**results[name])
            print(f"{name}: {text}", flush=True)
    done = {name: [e["completed"] for e in found["episodes"]] for name, found in results.items()}
    first, *others = done
    minus = {name: paired([np.subtract(done[first], done[name]).tolist()]) for name in others}
    for name, cell in minus.items():
        text = "{difference:+.2f} [{low:+.2f}, {high:+.2f}], p {p:.3f}".format(**cell)
        print(f"{first} minus {name}: {text}")
    settings = {"chains": options.chains, "seed": options.seed, "seconds": options.seconds}
    result = {**about("pybullet", "numpy"), "settings": settings, "results": results, "minus": minus}
    write_whole(options.out, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
