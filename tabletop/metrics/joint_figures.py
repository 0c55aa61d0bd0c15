"""A library's joint count with what goes beside it: interval, precision, reliability, coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.metrics.information import BIT
from tabletop.metrics.joint_count import LEAST_SCENES, Count, count
from tabletop.metrics.outcomes import OFF, Resolution
from tabletop.metrics.trials import Trials
from tabletop.seeds import Purpose, rng_of

__all__ = ["Counted", "counted", "figures", "interval", "plan_scenes"]

Array = npt.NDArray[np.float64]

_COARSER: Final = 2.5
"""Times the resolution at which skills are counted again: 5 cm."""
_DRAWS: Final = 2000
"""Of the bootstrap."""
_FULL_SCENES: Final = 8
"""That a category has before a further one is counted."""
_MOST_SCENES: Final = 24
"""Of a category: more tell little."""
_WITHIN: Final = (0.02, 0.03, 0.05)
"""m"""
_TURN: Final = float(np.radians(10.0))
_BIN: Final = 0.05
"""m, of the bins that displacements are counted in."""
_TENTH: Final = 0.1
"""Of a joint's travel: the bins of joints."""


@dataclass(frozen=True)
class Counted:
    """A category's trials and their counts."""

    trials: Trials
    fine: Count
    """At 2 cm."""
    coarse: Count
    """At 5 cm."""


def counted(trials: Trials, seed: int) -> Counted:
    """Count a category's skills at 2 and at 5 cm.

    Args:
        trials: of the category.
        seed: of the noise.
    """
    return Counted(trials, count(trials, seed), count(trials, seed, Resolution().coarser(_COARSER)))


def plan_scenes(categories: Mapping[str, int], episodes: int) -> dict[str, int]:
    """Return how many scenes of each category can be run with so many episodes.

    The commonest is counted in any case, then those with few codes, then the others, the commoner first. Each has 8
    scenes before a further one is counted. What is left over goes to all.

    Args:
        categories: codes of each, the commonest first.
        episodes: that there are.

    >>> plan_scenes({"block": 100, "drawer": 6}, 1100)
    {'block': 10, 'drawer': 10}
    >>> plan_scenes({"block": 100, "can": 100, "drawer": 6}, 900)
    {'block': 8, 'drawer': 8}
    """
    chosen: dict[str, int] = {}
    commonest, most = next(iter(categories.items()))
    few_first = sorted(categories.items(), key=lambda one: (one[0] != commonest, 2 * one[1] > most))
    for name, codes in few_first:
        if not chosen or (sum(chosen.values()) + codes) * _FULL_SCENES <= episodes:
            chosen[name] = codes
    scenes = int(np.clip(episodes // max(1, sum(chosen.values())), LEAST_SCENES, _MOST_SCENES))
    return dict.fromkeys(chosen, scenes)


def interval(libraries: Sequence[Sequence[Count]], seed: int) -> tuple[float, float, float]:
    """Return exp of the mean information of categories and libraries, and its 95 % interval by the bootstrap.

    Scenes are drawn with replacement, category by category; libraries, too, where there are several.

    Args:
        libraries: counts of the categories of each.
        seed: of the draws.

    Returns:
        skills, low, high.
    """
    rng = rng_of(seed, Purpose.COUNTING_NOISE)
    draws = np.zeros((len(libraries), _DRAWS))
    for row, counts in zip(draws, libraries, strict=True):
        for one in counts:
            picked = rng.integers(len(one.gains), size=(_DRAWS, len(one.gains)))
            row += np.maximum(one.gains[picked].mean(1), 0.0) / len(counts)
    which = rng.integers(len(libraries), size=(_DRAWS, len(libraries)))
    low, high = np.exp(np.quantile(draws[which, np.arange(_DRAWS)[:, None]].mean(1), (0.025, 0.975)))
    middle = np.exp(np.mean([np.mean([one.information for one in counts]) for counts in libraries]))
    return float(middle), float(low), float(high)


def figures(found: Sequence[Counted], seed: int, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """Return the figures of a library, with the names of JointCount (runs/counts.py).

    Args:
        found: of its categories.
        seed: of the bootstrap.
        left_out: categories that were not counted.
    """
    skills, low, high = interval([[c.fine for c in found]], seed)
    return {
        "skills": _rounded(skills),
        "low": _rounded(low),
        "high": _rounded(high),
        "bits": round(float(np.log(skills)) / BIT, 3),
        "skills_5cm": _rounded(interval([[c.coarse for c in found]], seed)[0]),
        "skills_alike": _rounded(float(np.exp(np.mean([c.fine.alike for c in found])))),
        "categories": {c.trials.category: _category(c, seed) for c in found},
        "left_out": tuple(left_out),
    }


def _category(found: Counted, seed: int) -> dict[str, Any]:
    trials, fine = found.trials, found.fine
    skills, low, high = interval([[fine]], seed)
    return {
        "codes": len(trials.codes),
        "scenes": trials.ran.shape[1],
        "episodes": trials.episodes,
        "skills": _rounded(skills),
        "low": _rounded(low),
        "high": _rounded(high),
        "skills_5cm": _rounded(float(np.exp(found.coarse.information))),
        "skills_alike": _rounded(float(np.exp(fine.alike))),
        "right": round(float(fine.right.mean()), 2),
        "coverage": coverage(trials),
        "precision": precision(trials),
        "reliability": reliability(trials),
        "starts": starts(trials, fine),
    }


def starts(trials: Trials, fine: Count) -> list[list[float]]:
    """Return where the entity stood in each scene, x and y in m, and how many bits its codes were told apart by."""
    places = trials.starts[:, :2]
    return [
        [round(float(x), 3), round(float(y), 3), round(float(gain) / BIT, 3)]
        for (x, y), gain in zip(places, fine.gains, strict=True)
    ]


def _rounded(skills: float) -> float:
    return max(1.0, round(skills, 3))


def coverage(trials: Trials) -> int:
    """Return how many bins displacements (of 5 cm) or joints (of a tenth of the travel) fell into."""
    rows = trials.ran & (trials.states != OFF)
    if trials.body_type == "joint":
        ends = trials.values[..., 5:6][rows] / _TENTH
    else:
        ends = (trials.values - trials.starts)[..., :3][rows] / _BIN
    return len(np.unique(np.floor(ends + 0.5).astype(np.int64), axis=0)) if len(ends) else 0


def precision(trials: Trials) -> dict[str, float | int | None] | None:
    """Return how near to their targets episodes end, codes alike; None where no code has a target."""
    aimed = trials.ran & np.isfinite(trials.misses)
    codes = aimed.any(1)
    if not codes.any():
        return None
    shares = {f"within_{round(100 * far)}cm": _share(trials.misses <= far, aimed) for far in _WITHIN}
    turning = trials.ran & np.isfinite(trials.turn_misses)
    return {
        "codes": int(codes.sum()),
        "median": round(
            float(np.mean([np.median(m[a]) for m, a in zip(trials.misses, aimed, strict=True) if a.any()])), 4
        ),
        **{name: round(value, 4) for name, value in shares.items()},
        "within_10deg": round(_share(trials.turn_misses <= _TURN, turning), 4) if turning.any() else None,
        "idle_within_3cm": round(_share(trials.idle_misses <= _WITHIN[1], aimed), 4),
    }


def _share(true: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float:
    """Return the mean over codes of the share of their episodes for which something is true."""
    number = of.sum(1)
    return float(((true & of).sum(1)[number > 0] / number[number > 0]).mean())


def reliability(trials: Trials) -> dict[str, tuple[float, int]]:
    """Return the share of episodes that end within 5 cm of the target, and how many there are, by clutter."""
    aimed = trials.ran & np.isfinite(trials.misses)
    near = trials.misses <= _WITHIN[-1]
    few = np.minimum(trials.clutter, 2)
    out = {}
    for number, name in enumerate(("0", "1", "2 or more")):
        rows = aimed & (few == number)
        if rows.any():
            out[name] = (round(float(near[rows].mean()), 4), int(rows.sum()))
    return out
