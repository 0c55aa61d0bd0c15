"""What a library does with kinds that were never in its discovery's scenes: at once, and after it went on with them.

    tabletop discover --scene benchmarks/scenes/seen.yaml --effects all --out runs/seen
    python benchmarks/unseen.py runs/seen --scenes 40 --seed 20261201 --out unseen.json
    python benchmarks/unseen.py runs/seen --further 10 --imported --seed 20261201 --out further.json

benchmarks/scenes/seen.yaml is the card `everything` without two kinds of fixture and three of object (UNSEEN). Here
these are dropped in, and with --imported ten meshes of pybullet_data's random_urdfs that two fingers fit and the parts
of benchmarks/things/cabinet.urdf; --outside FOLDER takes its meshes instead.

A fixture's joint, or part, is to go from near one end of its travel to the other, both ways in the same scene. It got
there where it is within 0.10 of the end. An object is to be lifted, put at a place and moved a little way, within 5 cm
(benchmarks/drawn_targets.py). The baselines get the same scenes. What a library's own card has is marked as seen.

With --further each library goes on for so many minutes as `tabletop discover --from` does, on scenes with what is
dropped in (benchmarks/scenes/dropped_in.yaml; with --imported also on a card of the meshes and the cabinet). Then it is
asked again, and its old skills are asked for drawn targets of kinds of its old card, before and after in the same
scenes (benchmarks/further.py). The difference is what it forgot, in points.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pybullet_data
from about import about
from asked import BASELINES, Method, library_at
from drawn_targets import Target, draw_way
from further import Further, forgetting, gone_on, old_skills
from targets import Job, methods_of, run_drawn, run_target

import tabletop as tt
from tabletop.errors import TabletopError
from tabletop.files import write_whole
from tabletop.rollout.engine import Engine
from tabletop.rollout.statistics import wilson
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import SceneCard
from tabletop.yaml_files import yaml_text

__all__ = ["UNSEEN", "WayJob", "fixtures", "kinds_of", "objects"]

UNSEEN: Final[Mapping[str, tuple[str, ...]]] = {"fixtures": ("window", "lever"), "objects": ("mug", "puck", "brick")}
"""Kinds of the card `everything` that benchmarks/scenes/seen.yaml does not have."""
DONE: Final[Mapping[str, str]] = {"lift": "held", "place": "placed", "push": "pushed"}
WAYS: Final = ("opened", "shut", "one", "both")
DROPPED_IN: Final = Path(__file__).parent / "scenes" / "dropped_in.yaml"
CABINET: Final = Path(__file__).parent / "things" / "cabinet.urdf"
MESHES: Final = (".obj", ".stl", ".ply", ".glb", ".dae", ".urdf", ".sdf")
EVERY: Final = 37
"""Of the 1,000 random_urdfs, one of so many is tried until there are enough."""


@dataclass(frozen=True)
class WayJob:
    """A fixture to bring to an end of its travel: a pure description of an episode."""

    method: Method
    kind: str
    part: str | None
    seed: int
    number: int
    goal: float

    def draw(self) -> Target:
        """Return the target."""
        return draw_way(self.kind, self.seed, self.number, self.goal, self.part)


def _way(job: WayJob) -> dict[str, Any]:
    return run_drawn(job.method, job.draw())


def kinds_of(card: SceneCard) -> set[str]:
    """Return all kinds that a scene card may have."""
    given = [e if isinstance(e, (str, list)) else e["kind"] for e in card.get("entities", {}).values()]
    given.append(card.get("extras", {}).get("kinds", []))
    return {kind for kinds in given for kind in ([kinds] if isinstance(kinds, str) else kinds)}


def shares(rows: Sequence[Sequence[bool]], names: Sequence[str]) -> dict[str, Any]:
    """Return the share of rows in which each thing holds, with its interval."""
    out: dict[str, Any] = {"n": len(rows)}
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        low, high = wilson(sum(column), len(rows))
        out[name] = {"share": sum(column) / len(rows), "low": low, "high": high}
    return out


def fixtures(
    engine: Engine, method: Method, ways: Sequence[tuple[str, str | None]], scenes: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return, for each fixture or part and for "all", in which share of scenes it was opened, shut, one or both.

    Args:
        engine: runs the episodes.
        method: what is asked.
        ways: kinds, each with a part of it or None.
        scenes: a kind.
        seed: of the scenes.
    """
    jobs = [WayJob(method, k, p, seed, i, g) for k, p in ways for i in range(scenes) for g in (1.0, 0.0)]
    found = [bool(r.get("rough", False)) for r in engine.map(_way, jobs, chunk=2, label=f"fixtures: {method.name}")]
    out, every = {}, []
    for i, (kind, part) in enumerate(ways):
        own = found[2 * i * scenes : 2 * (i + 1) * scenes]
        pairs = list(zip(own[::2], own[1::2], strict=True))
        rows = [(opened, shut, opened or shut, opened and shut) for opened, shut in pairs]
        out[kind if part is None else f"{kind}/{part}"] = shares(rows, WAYS)
        every += rows
    return {**out, "all": shares(every, WAYS)}


def objects(engine: Engine, method: Method, kinds: Sequence[str], scenes: int, seed: int) -> dict[str, dict[str, Any]]:
    """Return, for each kind and for "all", in which share of scenes it was lifted, placed and pushed.

    Args:
        engine: runs the episodes.
        method: what is asked.
        kinds: of objects.
        scenes: a kind and family.
        seed: of the scenes.
    """
    jobs = [Job(method, family, seed, i, kind) for kind in kinds for i in range(scenes) for family in DONE]
    rough = [bool(r.get("rough", False)) for r in engine.map(run_target, jobs, label=f"objects: {method.name}")]
    width = len(DONE)
    rows = [rough[i : i + width] for i in range(0, len(rough), width)]
    out = {k: shares(rows[i * scenes : (i + 1) * scenes], list(DONE.values())) for i, k in enumerate(kinds)}
    return {**out, "all": shares(rows, list(DONE.values()))}


@contextmanager
def imported(outside: Path | None, count: int) -> Iterator[tuple[list[str], list[tuple[str, str | None]]]]:
    """Give meshes and a cabinet of a project of their own: kinds of objects, and the cabinet's parts.

    Args:
        outside: folder of meshes; None: pybullet_data's.
        count: meshes that two fingers fit.

    Raises:
        TabletopError: there are not so many.
    """
    from tabletop.api.importing import import_file
    from tabletop.api.project import new_project
    from tabletop.importing.apart import Apart
    from tabletop.importing.objects import Options

    blobs = sorted(Path(pybullet_data.getDataPath()).glob("random_urdfs/*/*.urdf"))[::EVERY]
    files = blobs if outside is None else sorted(p for p in outside.rglob("*") if p.suffix in MESHES)
    with tempfile.TemporaryDirectory() as folder, Apart() as apart:
        new_project(Path(folder) / "lab")
        tt.use_project(Path(folder) / "lab")
        kinds: list[str] = []
        for i, path in enumerate(files):
            name = f"mesh{i:03d}"
            try:
                import_file(path, Options(name), apart=apart)
            except TabletopError:
                continue
            card = load_cards()[name]
            if card.body_type == "rigid" and card.graspable:
                kinds.append(name)
            if len(kinds) == count:
                break
        else:
            raise TabletopError(f"{count} meshes that two fingers fit are wanted, there are {len(kinds)}")
        import_file(CABINET, Options("cabinet"), apart=apart)
        yield kinds, [("cabinet", part) for part in load_cards()["cabinet"].moving_parts or {}]


def imported_card(folder: Path, kinds: Sequence[str]) -> Path:
    """Write a scene card of imported meshes and the cabinet, beside blocks and cans; return its file."""
    card = {
        "entities": {
            "fixture": {"kind": "cabinet", "fraction": [0, 1], "optional": 0.3},
            "object": {"kind": list(kinds)},
        },
        "extras": {"count": [0, 1], "kinds": ["block", "can"]},
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "imported.yaml"
    write_whole(path, yaml_text(card))
    return path


def show_forgetting(old: Mapping[str, Mapping[str, Any]]) -> None:
    """Print what became of old skills: a row a library."""
    for name, found in old.items():
        for how in ("fine", "rough"):
            lost = found["forgetting"][how]
            cells = ", ".join(f"{f} {v['difference']:+.1f}" for f, v in lost["families"].items())
            whole = f"{lost['difference']:+.1f} [{lost['low']:+.1f}, {lost['high']:+.1f}] points"
            print(f"  {name:22}forgot, {how:6}{whole}  ({cells})")


def show(title: str, table: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Print a table: a row a method and kind."""
    print(title)
    for method, by_kind in table.items():
        for kind, found in by_kind.items():
            cells = [f"{n} {v['share']:.2f} [{v['low']:.2f}, {v['high']:.2f}]" for n, v in found.items() if n != "n"]
            print(f"  {method:14}{kind:20}{found['n']:>4}  {'  '.join(cells)}")


def main() -> None:
    """Draw, run, print and write the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help="DIR or NAME=DIR; none: baselines only")
    parser.add_argument("--scenes", type=int, default=40, help="a kind (default 40)")
    parser.add_argument("--baselines", default=",".join(BASELINES), help="A,B,C (default all; '' for none)")
    parser.add_argument("--imported", action="store_true", help="meshes and a cabinet as well; needs the extra assets")
    parser.add_argument("--outside", type=Path, help="a folder of others' meshes, for --imported")
    parser.add_argument("--meshes", type=int, default=10, help="for --imported (default 10)")
    parser.add_argument("--further", type=float, metavar="MINUTES", help="go on with what is dropped in, and ask again")
    parser.add_argument("--further-steps", type=int, metavar="N", help="the same for so many control steps")
    parser.add_argument("--runs", type=Path, default=Path("runs/further"), help="of --further (default runs/further)")
    parser.add_argument("--old", type=int, default=60, help="targets a family of the old skills (default 60)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="processes (default: one a core; 0: none)")
    parser.add_argument("--out", type=Path, default=Path("unseen.json"))
    options = parser.parse_args()
    if options.outside is not None and not options.outside.is_dir():
        parser.error(f"--outside takes a folder, got {str(options.outside)!r}")
    further = None
    if options.further is not None or options.further_steps is not None:
        if not options.libraries or None not in (options.further, options.further_steps):
            parser.error("--further takes a library, and minutes or steps")
        further = Further(options.runs, options.further, options.further_steps, options.seed, options.workers)
    methods = methods_of(options.libraries)
    known = {m.name: sorted(kinds_of(library_at(m.folder).card)) for m in methods if m.folder is not None}
    libraries = list(methods)
    methods += [Method(name) for name in options.baselines.split(",") if name]
    seen = {n: [k for group in UNSEEN.values() for k in group if k in kinds] for n, kinds in known.items()}
    for name, kinds in seen.items():
        if kinds:
            print(f"{name} was discovered with {', '.join(kinds)}: its figures for these are not of the unseen")
    tables: dict[str, dict[str, Any]] = {}
    n, seed = options.scenes, options.seed
    old: dict[str, dict[str, Any]] = {}
    after = [] if further is None else [gone_on(m, DROPPED_IN, further) for m in libraries]
    with Engine(options.workers) as engine:
        ways = [(kind, None) for kind in UNSEEN["fixtures"]]
        both = [*methods, *after]
        tables["fixtures"] = {m.name: fixtures(engine, m, ways, n, seed) for m in both}
        tables["objects"] = {m.name: objects(engine, m, UNSEEN["objects"], n, seed) for m in both}
        before = {m.name: old_skills(engine, m, known[m.name], options.old, seed) for m in libraries if further}
        old |= _forgot(engine, libraries, after, before, known, options)
    if options.imported:
        with imported(options.outside, options.meshes) as (kinds, parts), Engine(options.workers) as engine:
            after = []
            if further is not None:
                card = imported_card(options.runs, kinds)
                after = [gone_on(m, card, further) for m in libraries]
            both = [*methods, *after]
            tables["imported parts"] = {m.name: fixtures(engine, m, parts, n, seed) for m in both}
            tables["imported meshes"] = {m.name: objects(engine, m, kinds, max(1, n // 4), seed) for m in both}
            forgot = _forgot(engine, libraries, after, before, known, options)
            old |= {f"{name}, imported": found for name, found in forgot.items()}
    for title, table in tables.items():
        show(title, table)
    show_forgetting(old)
    result = {
        **about("pybullet", "numpy"),
        "settings": {
            "scenes": n,
            "seed": seed,
            "meshes": options.meshes if options.imported else 0,
            "further": None if further is None else further.budget,
            "old": options.old,
        },
        "seen": seen,
        "old": old,
        **tables,
    }
    write_whole(options.out, json.dumps(result, indent=1) + "\n")


def _forgot(
    engine: Engine,
    libraries: Sequence[Method],
    after: Sequence[Method],
    before: Mapping[str, Any],
    known: Mapping[str, Sequence[str]],
    options: argparse.Namespace,
) -> dict[str, dict[str, Any]]:
    """Return what became of the old skills of each library that went on."""
    out = {}
    for one, other in zip(libraries, after, strict=False):
        then = old_skills(engine, other, known[one.name], options.old, options.seed)
        out[other.name] = {"before": before[one.name], "after": then, "forgetting": forgetting(before[one.name], then)}
    return out


if __name__ == "__main__":
    main()
