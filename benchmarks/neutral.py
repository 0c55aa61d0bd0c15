"""Libraries side by side by four measures that know nothing of how they were made.

    python benchmarks/neutral.py default=runs/a/3,runs/a/4,runs/a/5 other=runs/b/3,runs/b/4,runs/b/5 --out neutral.json

A group is a name with libraries, one a seed; those of the same place in two groups are a pair. The measures:

| --measures | what | of |
| --- | --- | --- |
| joint | joint count: exp of the information between code and outcome given the start | metrics, or --joint FILE |
| coverage | bins of 5 cm that displacements end in, of equally many episodes of the final policy | metrics |
| precision | share of drawn targets reached finely, mean over the families | benchmarks/targets.py |
| tasks | tasks of the registry that skills are named for | naming |

All libraries get the same scenes; the joint count has those that libraries with the same codes share. The table gives
interquartile means over a group's libraries with 95 % intervals by the stratified bootstrap (Agarwal et al. 2021), then
each group's paired difference from the first with its interval and the chance of it by sign flips, one pair a seed.
Five pairs never have a chance below 0.0625, six below 0.03125. Rows "by part" are over families of targets or
categories of entity and libraries, a part being a stratum; their chance is that of libraries, whose parts go together.
Places are also compared scene by scene: there are more pairs, though of these libraries only.

--out keeps the figures of each library by its digest: what is there is not measured again, so that an interrupted
benchmark goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from about import about
from asked import Method, library_at
from drawn_targets import FAMILIES
from targets import drawn, measured, summary

from tabletop.errors import TabletopError, unknown
from tabletop.files import write_whole
from tabletop.logic import load_registry
from tabletop.metrics.baselines import joint_count
from tabletop.metrics.effective_skills import coverage, sample_effects
from tabletop.naming import NameSettings, name_skills
from tabletop.rollout.engine import Engine
from tabletop.rollout.statistics import iqm, mean, sign_flips, stratified_interval

__all__ = ["MEASURES", "Settings", "compared", "groups_of", "interval_of", "paired", "show", "side_by_side"]

NAMING: Final = NameSettings(effects=10, trials=6, contenders=2, episodes=24)
"""Less thorough than `tabletop name`: there are many libraries to name. The seed is the benchmark's."""


@dataclass(frozen=True)
class Settings:
    """How thoroughly libraries are measured."""

    places: int = 60
    """Targets of each family but joints."""
    joints: int = 6
    """Targets a kind of fixture."""
    outcomes: int = 1000
    """Episodes that coverage is counted over, whatever the number of codes."""
    counting: int = 8
    """Episodes a skill of the joint count: how many categories and scenes it has follows from them."""
    seed: int = 0


Figures = dict[str, Any]
Measure = Callable[[Method, Engine, Settings], Figures]


def precision(method: Method, engine: Engine, settings: Settings) -> Figures:
    """Return the share of drawn targets that a library reaches finely, its parts, and each place's verdict."""
    out: Figures = {}
    shares = []
    for family in FAMILIES:
        count = settings.joints if family == "joint" else settings.places
        rows = measured(engine, drawn(family, count, settings.seed, method), f"{family}: {method.name}")
        found = summary(family, rows)
        shares.append(found["fine"]["share"])
        out |= {f"{family} finely": shares[-1], f"{family} roughly": found["rough"]["share"]}
        if family == "place":
            out["median miss of places, m"] = found["median_miss"]
            out["places"] = [int(r["fine"]) for r in rows]
    return {"precision": float(np.mean(shares)), **out}


def covered(method: Method, engine: Engine, settings: Settings) -> Figures:
    """Return how many bins the displacements of so many held-out episodes end in, codes in turn."""
    library = library_at(method.folder or "")
    codes = len(library.skills)
    each = -(-settings.outcomes // codes)
    samples = sample_effects(library, engine, each, settings.seed, label=f"coverage: {method.name}")
    # Episode by episode, so that all codes are among the first.
    order = [code * each + i for i in range(each) for code in range(codes)][: settings.outcomes]
    return {"coverage": float(coverage([samples.outcomes[i] for i in order]))}


def named(method: Method, engine: Engine, settings: Settings) -> Figures:
    """Return how many tasks skills are named for, and which."""
    naming = NameSettings(**{**asdict(NAMING), "seed": settings.seed})
    found = name_skills(library_at(method.folder or ""), load_registry(), engine, naming)
    return {"tasks": float(len(found["named_tasks"])), "named": found["named_tasks"]}


def joint(method: Method, engine: Engine, settings: Settings) -> Figures:
    """Return the joint count, and that of each category of entity."""
    library = library_at(method.folder or "")
    found = joint_count(library, engine, settings.counting * len(library.skills), settings.seed)
    parts = {f"{name} jointly": float(row["skills"]) for name, row in found["categories"].items()}
    return {"joint": float(found["skills"]), **parts}


MEASURES: Final[Mapping[str, Measure]] = {"joint": joint, "coverage": covered, "precision": precision, "tasks": named}
"""By name; each returns a figure of its own name, and others."""
PARTS: Final[Mapping[str, str]] = {"joint": " jointly", "precision": " finely"}
"""How the names of a measure's parts end, families or categories."""


def groups_of(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the libraries' folders by group.

    Raises:
        TabletopError: not NAME=DIR,DIR, or two groups have one name.
    """
    out: dict[str, list[str]] = {}
    for text in texts:
        name, mark, folders = text.partition("=")
        if not mark or not name or not all(folders.split(",")):
            raise TabletopError(f"a group is NAME=DIR or NAME=DIR,DIR,...; got {text!r}")
        if name in out:
            raise TabletopError(f"each group needs a name of its own, {name!r} is there twice")
        out[name] = folders.split(",")
    return out


def interval_of(scores: Sequence[float]) -> dict[str, Any]:
    """Return the interquartile mean of scores with its bootstrap interval."""
    low, high = stratified_interval([scores], iqm)
    return {"n": len(scores), "iqm": float(iqm(scores)), "low": low, "high": high}


def paired(strata: Sequence[Sequence[float]], pairs: Sequence[float] | None = None) -> dict[str, Any]:
    """Return the mean of paired differences with its interval, and the chance of it where there were none.

    Args:
        strata: differences; each stratum is resampled by itself.
        pairs: differences whose signs may be by chance, where those of the strata go together; None: all of them.
    """
    low, high = stratified_interval(strata, mean)
    flat = np.concatenate([np.asarray(s, dtype=np.float64) for s in strata])
    chance = sign_flips(flat if pairs is None else pairs)
    return {"n": len(flat), "difference": float(flat.mean()), "low": low, "high": high, "p": chance}


def by_part(groups: Mapping[str, Sequence[Figures]], parts: Sequence[str]) -> dict[str, Any]:
    """Return the interquartile mean over parts and libraries by group, and the paired differences from the first."""
    scores = {g: [[float(f[part]) for f in rows] for part in parts] for g, rows in groups.items()}
    first, *others = groups
    out: dict[str, Any] = {"groups": {}, "minus": {}}
    for g, strata in scores.items():
        low, high = stratified_interval(strata, iqm)
        every = np.concatenate(strata)
        out["groups"][g] = {"n": len(every), "iqm": float(iqm(every)), "low": low, "high": high}
    for g in others:
        strata = [[a - b for a, b in zip(*two, strict=False)] for two in zip(scores[first], scores[g], strict=True)]
        out["minus"][g] = paired(strata, np.mean(strata, axis=0).tolist())
    return out


def compared(groups: Mapping[str, Sequence[Figures]]) -> dict[str, Any]:
    """Return every measure's interquartile mean by group, and the paired differences from the first group."""
    numbers = [k for k, v in next(iter(groups.values()))[0].items() if isinstance(v, float)]
    first, *others = groups
    out: dict[str, Any] = {}
    for number in numbers:
        if any(number not in figures for rows in groups.values() for figures in rows):
            continue
        scores = {g: [float(f[number]) for f in rows] for g, rows in groups.items()}
        out[number] = {"groups": {g: interval_of(s) for g, s in scores.items()}}
        out[number]["minus"] = {
            g: paired([[a - b for a, b in zip(scores[first], scores[g], strict=False)]]) for g in others
        }
    for measure, ending in PARTS.items():
        parts = [number for number in out if number.endswith(ending)]
        if len(parts) > 1:
            out[f"{measure}, by part"] = by_part(groups, parts)
    if all("places" in f for rows in groups.values() for f in rows):
        by_scene = {}
        for g in others:
            pairs = zip(groups[first], groups[g], strict=False)
            by_scene[g] = paired([np.subtract(a["places"], b["places"]).tolist() for a, b in pairs])
        out["place finely, scene by scene"] = {"groups": {}, "minus": by_scene}
    return out


def show(table: Mapping[str, Any], first: str) -> None:
    """Print the table: a line a measure and group."""
    for measure, found in table.items():
        print(measure)
        for group, cell in found["groups"].items():
            print("  {0:28}{iqm:9.3f} [{low:.3f}, {high:.3f}] of {n}".format(group, **cell))
        for group, cell in found["minus"].items():
            text = "{difference:+9.3f} [{low:+.3f}, {high:+.3f}] of {n} pairs, p {p:.3f}".format(**cell)
            print(f"  {first + ' minus ' + group:28}{text}")


def side_by_side(
    groups: Mapping[str, Sequence[str]],
    wanted: Sequence[str],
    settings: Settings,
    out: Path,
    workers: int | None,
    counts: Mapping[str, float] | None = None,
    also: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Measure what a file lacks, compare, and write figures and table into it; return the table.

    Args:
        groups: folders of libraries, one a seed.
        wanted: of MEASURES.
        settings: how thoroughly.
        out: the file.
        workers: processes.
        counts: joint counts that are known, by digest.
        also: what else to write.

    Raises:
        TabletopError: the file has figures of other settings.
    """
    kept: dict[str, Figures] = {}
    if out.is_file():
        before = json.loads(out.read_text(encoding="utf-8"))
        if before["settings"] != asdict(settings):
            raise TabletopError(f"{str(out)!r} has figures of other settings; give another --out")
        kept = before["libraries"]
    digests = {folder: library_at(folder).digest for folders in groups.values() for folder in folders}

    def write(table: Mapping[str, Any]) -> None:
        result = {
            **about("pybullet", "numpy"),
            **(also or {}),
            "settings": asdict(settings),
            "groups": groups,
            "digests": digests,
            "libraries": kept,
            "table": table,
        }
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(result, indent=1) + "\n")

    with Engine(workers) as engine:
        for folder, digest in digests.items():
            own = kept.setdefault(digest, {})
            if counts and digest in counts:
                own["joint"] = float(counts[digest])
            for name in wanted:
                if name not in own:
                    own |= MEASURES[name](Method(folder, folder), engine, settings)
                    write({})
    table = compared({g: [kept[digests[f]] for f in folders] for g, folders in groups.items()})
    write(table)
    return table


def measures_of(text: str) -> list[str]:
    """Return the measures that A,B,C names.

    Raises:
        TabletopError: there is none of a name.
    """
    wanted = text.split(",")
    for name in wanted:
        if name not in MEASURES:
            raise unknown("measure", name, MEASURES)
    return wanted


def main() -> None:
    """Measure what is missing, compare, print and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("groups", nargs="+", metavar="NAME=DIR,DIR,...", help="libraries, one a seed")
    parser.add_argument("--measures", default=",".join(MEASURES), help=f"A,B,C of {', '.join(MEASURES)}")
    parser.add_argument("--joint", type=Path, help="JSON file: joint counts by the libraries' digests")
    for name, value in asdict(Settings()).items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"(default {value})")
    parser.add_argument("--workers", type=int, help="processes (default: one a core; 0: none)")
    parser.add_argument("--out", type=Path, default=Path("neutral.json"))
    options = parser.parse_args()
    settings = Settings(**{name: getattr(options, name) for name in asdict(Settings())})
    wanted, groups = measures_of(options.measures), groups_of(options.groups)
    counts = json.loads(options.joint.read_text(encoding="utf-8")) if options.joint else {}
    table = side_by_side(groups, wanted, settings, options.out, options.workers, counts)
    show(table, next(iter(groups)))


if __name__ == "__main__":
    main()
