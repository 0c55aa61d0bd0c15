"""Sweeps: the same episodes under every family of perturbations at rising magnitudes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypedDict

import numpy as np
import numpy.typing as npt

from tabletop.config import SimSettings
from tabletop.errors import TabletopError
from tabletop.logic.formula import Formula
from tabletop.perturbation.registry import FAMILIES, Family, Perturbation, get_family
from tabletop.rollout.engine import Engine
from tabletop.rollout.episode import episode
from tabletop.rollout.policy import Policy
from tabletop.rollout.statistics import stratified_interval, wilson
from tabletop.sim.scene import Scene

__all__ = ["Curve", "Rates", "Run", "sweep"]

_RESAMPLES: Final = 2000


@dataclass(frozen=True)
class Run:
    """One episode to repeat under perturbations. Crosses process borders, so the policy must pickle."""

    policy: Policy
    scene: Scene
    seed: int
    """Of the policy's randomness and the perturbation's."""
    horizon: int
    """Control steps at most."""
    success: Formula
    """Evaluated on the last true state against the first."""
    entity: str | None = None
    """What perturbations of one thing are done to; by default the first that `success` speaks of."""
    group: str = ""
    """Stratum of the bootstrap, and key of `by_task`: the task's name, say. "" for none."""


class Rates(TypedDict):
    """Success of some of a curve's runs. Lists have one value a magnitude, and are empty where there are no runs."""

    success: list[float]
    low: list[float]
    high: list[float]
    """95 % Wilson interval of `success`."""
    n: int
    """Runs a magnitude."""


class Curve(TypedDict):
    """What one family did. Lists have one value a magnitude."""

    unit: str
    magnitudes: list[float]
    success: list[float]
    """Share of runs that succeed; empty, as `low` and `high`, where the family can act on none of them."""
    low: list[float]
    high: list[float]
    """95 % Wilson interval of `success`."""
    area: float | None
    """Mean success over the range of magnitudes (trapezoids): 1 where nothing ever fails. None without any runs."""
    area_low: float | None
    area_high: float | None
    """95 % bootstrap interval of `area`, over runs within their groups."""
    worst: float | None
    """The lowest success."""
    drop: float | None
    """Share of the undisturbed success that is gone at the largest magnitude; 0 where there was none."""
    recovery: float | None
    """Sudden families only: share of the episodes which succeed undisturbed that do so in spite of it, all
    magnitudes above 0 together. None for the others, and where none succeeds undisturbed."""
    recovery_time: float | None
    """s that those which recover need longer until they are done for good, on average."""
    n: int
    """Runs a magnitude: those that the family can act on."""
    not_applicable: dict[str, int]
    """The other runs: how many, by why the family does nothing to their things ("button: its own weight ...")."""
    by_task: dict[str, Rates]
    """Of each group of runs that has a name."""


@dataclass(frozen=True)
class _Outcome:
    success: bool
    steps: int
    done: int | None
    """Control steps after which it is done for good; None where it fails."""


_Job = tuple[Run, Perturbation | None]


def _measure(job: _Job) -> _Outcome:
    run, perturbation = job
    trajectory = episode(run.policy, run.scene, run.seed, run.horizon, disturbance=perturbation)
    held = run.success.holds(trajectory.state, trajectory.initial)
    if not held[-1]:
        return _Outcome(False, len(trajectory), None)
    failing = np.flatnonzero(~held)
    return _Outcome(True, len(trajectory), int(failing[-1]) + 1 if len(failing) else 0)


def sweep(
    engine: Engine,
    runs: Sequence[Run],
    families: Iterable[str] | None = None,
    *,
    magnitudes: Mapping[str, Sequence[float]] | None = None,
    label: str | None = None,
) -> dict[str, Curve]:
    """Run every episode under every family at each of its magnitudes.

    The undisturbed episodes are run once for all families; a sudden perturbation falls between 20 % and 70 %
    of the undisturbed episode's length. The result does not depend on the number of workers. Runs that a family does
    nothing to have no part in its curve; they are counted with the reason. Where none is left the curve is empty.

    Args:
        engine: where the episodes run.
        runs: what to run.
        families: names; all by default.
        magnitudes: other magnitudes than a family's own, rising from 0.
        label: of the progress bar or line.

    Returns:
        A curve by family, ready for JSON.

    Raises:
        TabletopError: no runs, an unknown family, or unsuitable magnitudes.
    """
    if not runs:
        raise TabletopError("a sweep needs at least one run, got none")
    chosen = [get_family(name) for name in dict.fromkeys(FAMILIES if families is None else families)]
    given = dict(magnitudes or {})
    for name in given:
        if name not in [f.name for f in chosen]:
            known = ", ".join(f.name for f in chosen)
            raise TabletopError(f"magnitudes are for families of the sweep, got {name!r}; there are: {known}")
    levels = {f.name: _levels(f, given.get(f.name, f.magnitudes)) for f in chosen}
    why_not = {
        family.name: [Perturbation(family.name, 0.0, run.entity or _first(run)).cannot(run.scene) for run in runs]
        for family in chosen
    }
    base = list(engine.map(_measure, [(run, None) for run in runs], label=label))
    jobs: list[_Job] = [
        (run, Perturbation(family.name, level, run.entity or _first(run), max(1, before.steps)))
        for family in chosen
        for level in levels[family.name][1:]
        for run, before, why in zip(runs, base, why_not[family.name], strict=True)
        if why is None
    ]
    outcomes = engine.map(_measure, jobs, label=label)
    curves = {}
    for family in chosen:
        reasons = why_not[family.name]
        kept = [i for i, why in enumerate(reasons) if why is None]
        rows = [[base[i] for i in kept]] + [[next(outcomes) for _ in kept] for _ in levels[family.name][1:]]
        left_out = dict(Counter(why for why in reasons if why is not None))
        groups = [runs[i].group for i in kept]
        named = [run.group for run in runs if run.group]
        curves[family.name] = _curve(family, levels[family.name], rows, groups, left_out, named)
    for _ in outcomes:  # lets the engine end its progress
        pass
    return curves


def _levels(family: Family, levels: Sequence[float]) -> tuple[float, ...]:
    if len(levels) < 2 or levels[0] != 0 or any(a >= b for a, b in pairwise(levels)):
        raise TabletopError(f"magnitudes of {family.name} must be two or more that rise from 0, got {list(levels)}")
    for level in levels:
        family.check(level)
    return tuple(levels)


def _first(run: Run) -> str | None:
    return next((name for name in run.success.names if name in run.scene.names), None)


def _curve(
    family: Family,
    levels: tuple[float, ...],
    rows: list[list[_Outcome]],
    groups: Sequence[str],
    not_applicable: Mapping[str, int] | None = None,
    named: Iterable[str] = (),
) -> Curve:
    n = len(groups)
    table = np.array([[o.success for o in row] for row in rows], dtype=np.float64)
    by_task = {name: _rates(table[:, [g == name for g in groups]]) for name in dict.fromkeys(named)}
    if n == 0:
        return Curve(
            unit=family.unit,
            magnitudes=[float(level) for level in levels],
            success=[],
            low=[],
            high=[],
            area=None,
            area_low=None,
            area_high=None,
            worst=None,
            drop=None,
            recovery=None,
            recovery_time=None,
            n=0,
            not_applicable=dict(not_applicable or {}),
            by_task=by_task,
        )
    whole = _rates(table)
    success = table.mean(axis=1)
    x = np.array(levels, dtype=np.float64)
    areas = np.diff(x) @ (table[1:] + table[:-1]) / (2.0 * (x[-1] - x[0]))
    strata = [areas[[g == name for g in groups]] for name in dict.fromkeys(groups)]
    area_low, area_high = stratified_interval(strata, resamples=_RESAMPLES)
    recovery, seconds = _recovery(rows) if family.sudden else (None, None)
    return Curve(
        unit=family.unit,
        magnitudes=x.tolist(),
        success=whole["success"],
        low=whole["low"],
        high=whole["high"],
        area=float(areas.mean()),
        area_low=area_low,
        area_high=area_high,
        worst=float(success.min()),
        drop=float(1.0 - success[-1] / success[0]) if success[0] > 0 else 0.0,
        recovery=recovery,
        recovery_time=seconds,
        n=n,
        not_applicable=dict(not_applicable or {}),
        by_task=by_task,
    )


def _rates(table: npt.NDArray[np.float64]) -> Rates:
    """Return the rates of outcomes (magnitudes, runs), 1 for a success."""
    n = table.shape[1]
    if n == 0:
        return Rates(success=[], low=[], high=[], n=0)
    intervals = [wilson(int(row.sum()), n) for row in table]
    return Rates(
        success=table.mean(axis=1).tolist(),
        low=[low for low, _ in intervals],
        high=[high for _, high in intervals],
        n=n,
    )


def _recovery(rows: list[list[_Outcome]]) -> tuple[float | None, float | None]:
    pairs = [(row[i], before) for i, before in enumerate(rows[0]) if before.success for row in rows[1:]]
    if not pairs:
        return None, None
    longer = [a.done - b.done for a, b in pairs if a.done is not None and b.done is not None]
    seconds = float(np.mean(longer)) * SimSettings().control_step if longer else None
    return len(longer) / len(pairs), seconds
