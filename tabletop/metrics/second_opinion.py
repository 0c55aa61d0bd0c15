"""Two other estimates of the joint count: one below it for most libraries, one above it.

`within_scenes` knows each scene: episodes are deterministic, so that an outcome is a known point in known noise, and
I(Z; O | S_0) is an integral that Monte Carlo takes. It bounds the count from above. What a code does in one scene by
chance counts here, so that random motions that end 2 cm apart look like skills.

`by_centres` knows no densities: an outcome is taken for the code whose centre is nearest, and the table of confusions
is a channel. It is a bound from below, as the count is.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.metrics.decoder import Seen, see, squared
from tabletop.metrics.outcomes import Part, Resolution, parts_of
from tabletop.metrics.trials import Trials
from tabletop.seeds import Purpose, rng_of

__all__ = ["by_centres", "within_scenes"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

_DRAWS: Final = 8
_STEPS: Final = 60
_PARTS: Final = 5
"""That scenes are dealt into."""
_COUNTS: Final = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Episodes' worth of "any code" in the table of confusions."""
_FAR: Final = 25.0
"""Squared distance, in units of the noise, beyond which all is as far."""
_APART: Final = 1e4
"""Squared distance, in units of the noise, between outcomes of different states."""


def within_scenes(trials: Trials, seed: int, resolution: Resolution | None = None) -> tuple[float, float]:
    """Return I(Z; O | S_0) of codes alike, and the most over p(z), nats, where each scene's outcomes are known.

    Args:
        trials: of a category.
        seed: of the noise.
        resolution: of outcomes.
    """
    noise, rng = resolution or Resolution(), rng_of(seed, Purpose.COUNTING_NOISE)
    parts = parts_of(trials.category, trials.body_type)
    clean = see(trials, parts, noise, None)
    draws = [see(trials, parts, noise, rng) for _ in range(_DRAWS)]
    codes, scenes = trials.ran.shape
    logs = []
    for m in range(scenes):
        rows = np.flatnonzero(clean.scenes == m)
        for seen in draws:
            square = _distances(parts, noise, seen, rows, clean, rows)
            logs.append((clean.codes[rows], -0.5 * square))
    p = np.full(codes, 1.0 / codes)
    values = []
    for _ in range(_STEPS):
        total, sums, times = 0.0, np.zeros(codes), np.zeros(codes)
        for own, density in logs:
            prior = p[own] / max(p[own].sum(), 1e-300)
            top = density.max(1)
            gain = np.diag(density) - top - np.log((prior * np.exp(density - top[:, None])).sum(1))
            total += float(prior @ gain) / len(logs)
            np.add.at(sums, own, gain)
            np.add.at(times, own, 1.0)
        values.append(total)
        mean = sums / np.maximum(times, 1.0)
        p = p * np.exp(mean - mean.max())
        p /= p.sum()
    return values[0], max(values)


def by_centres(trials: Trials, seed: int, resolution: Resolution | None = None) -> float:
    """Return a bound from below on I(Z; O | S_0) with codes alike, nats, from a table of confusions.

    Each code has one centre a part, in the frame that it is most precise in. An outcome is taken for the code whose
    centre is nearest. How often which code is taken for which is counted in scenes that the centres were not found in,
    and a scene is scored by the counts of the others.

    Args:
        trials: of a category.
        seed: of the parts and the noise.
        resolution: of outcomes.
    """
    noise, rng = resolution or Resolution(), rng_of(seed, Purpose.COUNTING_NOISE)
    parts = parts_of(trials.category, trials.body_type)
    clean, seen = see(trials, parts, noise, None), see(trials, parts, noise, rng)
    codes, scenes = trials.ran.shape
    fold = rng.permutation(scenes) % min(_PARTS, scenes)
    taken = np.zeros(len(seen.codes), dtype=np.intp)
    for i in range(int(fold.max()) + 1):
        rows = np.flatnonzero(fold[seen.scenes] == i)
        density = np.stack(
            [
                _by_centre(parts, noise, seen, rows, clean, (clean.codes == code) & (fold[clean.scenes] != i))
                for code in range(codes)
            ],
            axis=1,
        )
        taken[rows] = np.where(trials.ran[:, seen.scenes[rows]].T, density, -np.inf).argmax(1)
    counts = np.zeros((scenes, codes, codes))
    np.add.at(counts, (seen.scenes, taken, seen.codes), 1.0)
    others = (counts.sum(0) - counts)[seen.scenes, taken]
    offered = trials.ran[:, seen.scenes].T
    alike = offered / offered.sum(1, keepdims=True)
    gains = []
    for doubt in _COUNTS:
        full = others * offered + doubt * alike
        own = full[np.arange(len(full)), seen.codes] / full.sum(1) * offered.sum(1)
        gains.append(np.bincount(seen.scenes, np.log(own), minlength=scenes) / trials.ran.sum(0))
    table = np.array(gains)
    # The best setting for a scene is that of the other scenes.
    best = (table.sum(1, keepdims=True) - table).argmax(0)
    return max(0.0, float(table[best, np.arange(scenes)].mean()))


def _by_centre(
    parts: tuple[Part, ...], noise: Resolution, seen: Seen, rows: Index, clean: Seen, own: npt.NDArray[np.bool_]
) -> Array:
    """Return the log density of outcomes by a code's centres, (rows,)."""
    if not own.any():
        return np.full(len(rows), -_APART)
    usual = np.bincount(clean.states[own]).argmax()
    out = np.where(seen.states[rows] == usual, 0.0, -_FAR)
    for part, at, there in zip(parts, seen.framed, clean.framed, strict=True):
        found = []
        for frame in range(at.shape[1]):
            places = there[own, frame]
            square = np.minimum(squared(part, noise, places[:, None], places[None]), _FAR)
            middle = square.mean(1).argmin()
            found.append((float(square[middle].mean()), frame, places[middle]))
        spread, frame, centre = min(found, key=lambda one: one[0])
        variance = 1.0 + spread / at.shape[2]
        away = np.minimum(squared(part, noise, at[rows, frame], centre), 4 * _FAR)
        out = out - away / (2 * variance) - 0.5 * at.shape[2] * np.log(variance)
    return out


def _distances(
    parts: tuple[Part, ...], noise: Resolution, seen: Seen, rows: Index, clean: Seen, others: Index
) -> Array:
    """Return squared distances of outcomes, in units of the noise, (rows, others), in the world."""
    out = np.where(seen.states[rows][:, None] == clean.states[others][None], 0.0, _APART)
    for part, at, there in zip(parts, seen.framed, clean.framed, strict=True):
        out = out + squared(part, noise, at[rows][:, None, 0], there[others][None, :, 0])
    return out
