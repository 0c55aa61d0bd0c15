"""Libraries that go on with things that are dropped in (`tabletop discover --from`), and what becomes of old skills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from asked import Method, library_at
from neutral import paired
from targets import Job, measured, short, summary

from tabletop.discovery.start import going_on_from
from tabletop.discovery.train import discover
from tabletop.errors import TabletopError
from tabletop.rollout.engine import Engine, Workers
from tabletop.sim.cards import load_cards
from tabletop.skills.library import find_library

__all__ = ["OLD", "Further", "forgetting", "gone_on", "old_skills"]

OLD: Final = ("place", "push", "turn", "lift", "joint")
"""Families of targets (benchmarks/targets.py) that old skills are asked for."""


@dataclass(frozen=True)
class Further:
    """How libraries go on."""

    runs: Path
    """Where the runs go; one that is there is gone on with, or taken as it is."""
    minutes: float | None = None
    steps: int | None = None
    """One of the two is the budget."""
    seed: int = 0
    workers: Workers = None

    @property
    def budget(self) -> str:
        """Say the budget."""
        return f"{self.steps} steps" if self.minutes is None else f"{self.minutes:g} minutes"


def gone_on(method: Method, scene: Path, further: Further) -> Method:
    """Return what a library becomes by going on with a scene card.

    Args:
        method: the library.
        scene: the card's file.
        further: for how long, and where the run is kept.

    Raises:
        TabletopError: the run's folder holds one of another library.
    """
    folder = further.runs / f"{method.name}-{scene.stem}"
    library = library_at(method.folder or "")
    if not (folder / "library" / "library.yaml").is_file():
        settings = going_on_from(library, scene=str(scene), seed=further.seed)
        resume = (folder / "checkpoint").is_dir()
        start = find_library(method.folder or "")
        budget = {"minutes": further.minutes, "steps": further.steps}
        discover(folder, settings, **budget, workers=further.workers, start=start, resume=resume)
    if library_at(str(folder)).info.get("from") != library.digest:
        raise TabletopError(f"{str(folder)!r} went on from another library; remove it, or give another --runs")
    return Method(f"{method.name}+{further.budget}", str(folder))


def old_skills(engine: Engine, method: Method, kinds: Sequence[str], targets: int, seed: int) -> dict[str, Any]:
    """Return how well a library reaches targets of its old card's kinds: by family a summary and the episodes.

    Args:
        engine: runs the episodes.
        method: the library.
        kinds: of the old card; fixtures among them are asked for fractions.
        targets: of each family; of joints so many in all, the same number a kind.
        seed: of the targets.
    """
    cards = load_cards()
    joints = sorted(kind for kind in kinds if cards[kind].joint is not None)
    each = -(-targets // max(1, len(joints)))
    out: dict[str, Any] = {}
    for family in OLD:
        jobs = [Job(method, family, seed, i) for i in range(targets)]
        if family == "joint":
            jobs = [Job(method, family, seed, 1000 * k + i, n) for k, n in enumerate(joints) for i in range(each)]
        if jobs:
            rows = measured(engine, jobs, f"old skills, {family}: {method.name}")
            rough = [int(r.get("rough", False)) for r in rows]
            out[family] = {"summary": summary(family, rows), "episodes": {**short(rows), "rough": rough}}
    return out


def forgetting(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was forgotten, in points: the share of targets reached before minus after, in the same scenes.

    Args:
        before: what `old_skills` returned.
        after: the same of what the library has become.

    Returns:
        By "fine" and "rough": `difference` over all families, each weighing the same, with its 95 % interval; and by
        family. Below 0 it got better.
    """
    out: dict[str, Any] = {}
    for how in ("fine", "rough"):
        lost = {
            f: [100.0 * (b - a) for b, a in zip(found["episodes"][how], after[f]["episodes"][how], strict=True)]
            for f, found in before.items()
        }
        families = {f: paired([differences]) for f, differences in lost.items()}
        # Scene by scene in each family, so that all families weigh the same in what is resampled.
        most = max(map(len, lost.values()))
        weighed = [[d * most / len(differences) for d in differences] for differences in lost.values()]
        whole = paired(weighed)
        factor = whole["n"] / (most * len(lost))
        out[how] = {k: whole[k] * factor for k in ("difference", "low", "high")} | {"families": families}
    return out
