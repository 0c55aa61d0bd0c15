"""Which code was it? A decoder q(z | o, s_0), fitted on some scenes, for use on others.

For each code it is a generative model of the outcome, given the start:

    q(o | z, s_0) = w N(o; nothing happened) + (1 - w) q(state | z) prod over parts of q(part | z, state)

Each part is a mixture of kernel densities over the code's episodes in the fitting scenes. Its experts read the outcome
from the world, from the start or from the thing nearest, with kernels of several widths; one expert knows nothing. So a
code that is precise in a place is told by the place, and one that pushes so far is told by the displacement. Weights
are found by expectation-maximisation (Dempster et al. 1977), where each episode is predicted from the code's others.
Prior counts draw the weights of codes with few episodes to what holds for all.

Any decoder gives a bound from below on the information (Barber & Agakov 2003), so nothing here has to be true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.metrics.outcomes import OFF, Part, Resolution
from tabletop.metrics.trials import Trials

__all__ = ["Decoder", "Seen", "fit", "see", "squared"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

_WIDENINGS: Final = (0.0, 0.5, 1.0, 2.0, 4.0)
"""Standard deviations that kernels have beside the noise's, in units of it."""
_OTHER_STATE: Final = 0.02
"""Weight of an episode that ended in another state than what is to be predicted."""
_SLIP: Final = 1e-9
"""Chance of a state other than the start's where nothing happened."""
_PRIOR: Final = 0.3
"""Episodes' worth of what holds for all codes, in each code's weights."""
_ROUNDS: Final = 12
"""Of expectation-maximisation."""
_SMALL: Final = 0.01
"""Weight from which an expert is listened to."""
_TINY: Final = 1e-12


@dataclass(frozen=True)
class Seen:
    """Outcomes through noise: n of them, each of one code in one scene."""

    codes: Index
    """(n,): row of the code in the trials."""
    scenes: Index
    """(n,)"""
    states: Index
    """(n,)"""
    framed: tuple[Array, ...]
    """A part each: (n, frames, d), the part's values as read from each frame, in units of the noise."""
    nothing: Array
    """(n,): log density of the outcome where nothing happened."""

    def only(self, scenes: Index) -> Seen:
        """Return what was seen in some scenes."""
        rows = np.isin(self.scenes, scenes)
        framed = tuple(f[rows] for f in self.framed)
        return Seen(self.codes[rows], self.scenes[rows], self.states[rows], framed, self.nothing[rows])


@dataclass(frozen=True)
class Decoder:
    """A fitted q."""

    kernels: Seen
    """The fitting scenes' episodes, without noise."""
    activity: Array
    """(n,) of the kernels: the share that something happened in them."""
    idle: Array
    """(K,): w."""
    state_rates: Array
    """(K, states): q(state | z), where something happened."""
    weights: tuple[Array, ...]
    """A part each: (K, experts), of frames times widenings and the one that knows nothing."""
    parts: tuple[Part, ...]
    resolution: Resolution

    def log_density(self, seen: Seen) -> Array:
        """Return log q(o | z, s_0) of outcomes under all codes, (n, K), up to a constant.

        An episode of the same scene as the outcome is left out.
        """
        out = np.empty((len(seen.codes), len(self.idle)))
        for code in range(len(self.idle)):
            own = np.flatnonzero(self.kernels.codes == code)
            weigh = self.activity[own] * np.where(self.kernels.states[own] == seen.states[:, None], 1.0, _OTHER_STATE)
            weigh = np.where(self.kernels.scenes[own] == seen.scenes[:, None], 0.0, weigh)
            weigh /= np.maximum(weigh.sum(1, keepdims=True), _TINY)
            active = np.log(self.state_rates[code, seen.states])
            for part, weights, at, there in zip(
                self.parts, self.weights, seen.framed, self.kernels.framed, strict=True
            ):
                found = np.full(len(at), weights[code, -1] * _flat(part, self.resolution))
                for frame in range(at.shape[1]):
                    used = weights[code, frame * len(_WIDENINGS) : (frame + 1) * len(_WIDENINGS)]
                    if used.max() < _SMALL:
                        continue
                    square = squared(part, self.resolution, at[:, None, frame], there[own][None, :, frame])
                    for widening, weight in zip(_WIDENINGS, used, strict=True):
                        if weight >= _SMALL:
                            found += weight * (weigh * _kernel(square, widening, at.shape[2])).sum(1)
                active += np.log(found)
            idle = self.idle[code]
            out[:, code] = np.logaddexp(np.log(idle) + seen.nothing, np.log1p(-idle) + active)
        return out


def see(trials: Trials, parts: Sequence[Part], resolution: Resolution, rng: np.random.Generator | None) -> Seen:
    """Return a category's outcomes, through noise if there is an rng.

    Args:
        trials: of the category.
        parts: of its outcomes.
        resolution: the noise.
        rng: draws the noise; None: none.
    """
    codes, scenes = np.nonzero(trials.ran)
    states = trials.states[codes, scenes]
    gone = states == OFF
    framed, nothing = [], np.where(states == trials.start_states[scenes], 0.0, np.log(_SLIP))
    for part in parts:
        sigma: float = getattr(resolution, part.unit)
        values = trials.values[codes, scenes][:, part.columns] / sigma
        if rng is not None:
            values = values + rng.normal(size=values.shape)
        starts = trials.starts[scenes][:, part.columns] / sigma
        rows = []
        for frame in part.frames:
            origin = {"world": np.zeros_like(values), "start": starts}.get(frame)
            if origin is None:
                others = trials.others[scenes] / sigma
                origin = _nearest(others, starts if frame == "near" else values, starts)
            # What fell off is in one place, from wherever it is read.
            rows.append(values - np.where(gone[:, None], 0.0, origin))
        framed.append(np.stack(rows, axis=1))
        square = squared(part, resolution, values, starts)
        nothing = nothing + np.log(_kernel(square, 0.0, values.shape[1]) + 1e-300)
    return Seen(codes, scenes, states, tuple(framed), nothing)


def _nearest(others: Array, points: Array, otherwise: Array) -> Array:
    """Return the one of (n, O, 3) others that is nearest to (n, 3) points, or what is given where there is none."""
    gaps = np.linalg.norm(others - points[:, None], axis=-1)
    gaps = np.where(np.isnan(gaps), np.inf, gaps)
    found = others[np.arange(len(points)), gaps.argmin(1)]
    return np.where(np.isfinite(gaps.min(1))[:, None], found, otherwise)


def squared(part: Part, resolution: Resolution, one: Array, two: Array) -> Array:
    """Return the squared distance of values of a part, in units of the noise."""
    apart = one - two
    if part.period is not None:
        period = part.period / getattr(resolution, part.unit)
        apart = apart - period * np.round(apart / period)
    out: Array = (apart**2).sum(-1)
    return out


def _kernel(square: Array, widening: float, dimensions: int) -> Array:
    """Return a normal density at squared distances, in units of the noise."""
    variance = 1.0 + widening**2
    out: Array = np.exp(square / (-2 * variance)) * (2 * np.pi * variance) ** (-dimensions / 2)
    return out


def _flat(part: Part, resolution: Resolution) -> float:
    """Return the density of a part that may be anywhere, in units of the noise."""
    dimensions = part.columns.stop - part.columns.start
    return float(getattr(resolution, part.unit) ** dimensions / part.room)


def fit(
    trials: Trials, scenes: Index, parts: Sequence[Part], resolution: Resolution, rng: np.random.Generator
) -> Decoder:
    """Fit a decoder to the episodes of some scenes.

    Args:
        trials: of the category.
        scenes: to fit to.
        parts: of its outcomes.
        resolution: the noise.
        rng: draws the noise.
    """
    known = see(trials, parts, resolution, None).only(scenes)
    seen = see(trials, parts, resolution, rng).only(scenes)
    codes = trials.ran.shape[0]
    # Pairs of episodes of one code: (n, longest), where to find the others of its code among the known ones.
    own = [np.flatnonzero(known.codes == code) for code in range(codes)]
    longest = max(1, *(len(rows) for rows in own))
    members = np.full((codes, longest), -1)
    for code, rows in enumerate(own):
        members[code, : len(rows)] = rows
    other = members[seen.codes]
    usable = (other >= 0) & (known.scenes[other] != seen.scenes[:, None])
    alike = np.where(known.states[other] == seen.states[:, None], 1.0, _OTHER_STATE) * usable
    kernels = []
    for part, at, there in zip(parts, seen.framed, known.framed, strict=True):
        square = squared(part, resolution, at[:, None], there[other])  # (n, longest, frames)
        kernels.append(np.stack([_kernel(square, w, at.shape[2]) for w in _WIDENINGS], -1).reshape(*other.shape, -1))
    member = np.eye(codes)[seen.codes]
    count = member.sum(0)
    # Also of scenes that are not fitted to: only there may something have fallen off.
    states = int(max(trials.states[trials.ran].max(), trials.start_states.max())) + 1
    idle, activity = np.full(codes, 0.3), np.full(len(seen.codes), 0.7)
    weights = [np.full((codes, k.shape[-1] + 1), 1.0 / (k.shape[-1] + 1)) for k in kernels]
    rates = np.full((codes, states), 1.0 / states)
    for _ in range(_ROUNDS):
        weigh = alike * activity[other]
        weigh = weigh / np.maximum(weigh.sum(1, keepdims=True), _TINY)
        log_active = np.log(rates[seen.codes, seen.states])
        shares = []
        for part, kernel, weight in zip(parts, kernels, weights, strict=True):
            density = np.einsum("nj,nje->ne", weigh, kernel)
            density = np.concatenate([density, np.full((len(density), 1), _flat(part, resolution))], 1)
            share = density * weight[seen.codes]
            log_active = log_active + np.log(share.sum(1))
            shares.append(share / share.sum(1, keepdims=True))
        still, moved = np.log(idle[seen.codes]) + seen.nothing, np.log1p(-idle[seen.codes]) + log_active
        activity = np.clip(np.exp(moved - np.logaddexp(still, moved)), 0.01, 1.0)
        idle = _pulled(member.T @ (1 - activity), count)
        idle = np.clip(idle, 1e-3, 1 - 1e-3)
        weights = [_mixed(member.T @ (share * activity[:, None])) for share in shares]
        rates = _mixed(member.T @ (np.eye(states)[seen.states] * activity[:, None]) + 0.05)
    return Decoder(known, activity, idle, rates, tuple(weights), tuple(parts), resolution)


def _pulled(part: Array, whole: Array) -> Array:
    """Return each code's share, drawn to that of all."""
    out: Array = (part + _PRIOR * part.sum() / max(whole.sum(), 1.0)) / (whole + _PRIOR)
    return out


def _mixed(counts: Array) -> Array:
    """Return each code's weights, (K, experts), drawn to those of all."""
    alike = (counts.sum(0) + 1e-3) / (counts.sum() + 1e-3 * counts.shape[1])
    # The one that knows nothing keeps a share, so that nothing is impossible.
    found = counts + _PRIOR * alike
    found = found / found.sum(1, keepdims=True)
    floor = 1e-3
    out: Array = (1 - floor) * found + floor / found.shape[1]
    return out
