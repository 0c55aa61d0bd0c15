"""One honest count: the information between code and joint outcome given the start, I(Z; O | S_0).

For a category of entity, Z is every code of the library that can attend to it, whatever effect it is after, and O is
the entity's whole outcome (outcomes.py), seen through noise of one physical size. exp I is how many skills that is:
what no outcome tells apart counts once, and so does doing nothing, however many codes do it.

I is bounded from below (Barber & Agakov 2003): a decoder q is fitted on some scenes and scored on others,

    I >= E over scenes of E_p(z) E log q(z | o, s_0) / p(z).

So what a code does in one scene only, by chance of a deterministic simulation, counts for nothing.

Codes are drawn by p(z) as they carry most, found by the algorithm of Blahut (1972) and Arimoto (1972) on the fitting
scenes alone. With codes alike, adding a useless code would lower the count, and taking it away would raise it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.metrics.decoder import Seen, fit, see
from tabletop.metrics.outcomes import Resolution, parts_of
from tabletop.metrics.trials import Trials
from tabletop.seeds import Purpose, rng_of

__all__ = ["LEAST_SCENES", "Count", "count"]

Array = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

LEAST_SCENES: Final = 4
"""Of a category, so that there are some to fit and some to score."""
_PARTS: Final = 5
"""That scenes are dealt into; each is scored by a decoder fitted to the others."""
_DRAWS: Final = 3
"""Of the noise on each outcome that is scored."""
_DOUBTS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.4)
"""Shares of "any code" in the decoder."""
_LUCKLESS: Final = 0.5
"""Outcomes decoded wrong that are added to those of the fitting scenes: what never failed there may fail."""
_POWERS: Final = (0.4, 0.6, 0.8, 1.0)
"""That densities are raised to: those of dependent parts say too much."""
_STEPS: Final = 30
"""Of the search for p(z), at most."""


@dataclass(frozen=True)
class Count:
    """How many skills a category's codes are, scene by scene."""

    category: str
    codes: int
    gains: Array
    """(M,) nats: sum over codes of p(z) log q(z | o, s_0) / p(z), each scene by a decoder fitted to others."""
    uniform_gains: Array
    """(M,) nats: the same with codes alike."""
    right: Array
    """(M,): codes decoded right, of all that ran in the scene."""
    p: Array
    """(K,): mean p(z) of the decoders."""

    @property
    def information(self) -> float:
        """The bound on I(Z; O | S_0), nats."""
        return max(0.0, float(self.gains.mean()))

    @property
    def alike(self) -> float:
        """The same with codes alike, nats."""
        return max(0.0, float(self.uniform_gains.mean()))


def count(trials: Trials, seed: int, resolution: Resolution | None = None) -> Count:
    """Count the skills of a category.

    Args:
        trials: of the category, in 4 scenes or more.
        seed: of the parts and the noise.
        resolution: of outcomes; 2 cm, 15 deg and 5 % by default.

    Raises:
        TabletopError: fewer scenes.
    """
    number = trials.ran.shape[1]
    if number < LEAST_SCENES:
        raise TabletopError(f"counting needs {LEAST_SCENES} scenes of a category at least, got {number}")
    noise = resolution or Resolution()
    rng = rng_of(seed, Purpose.COUNTING_NOISE)
    part = rng.permutation(number) % min(_PARTS, number)
    parts = parts_of(trials.category, trials.body_type)
    gains, uniform, right = np.zeros(number), np.zeros(number), np.zeros(number)
    chosen = []
    for fold in range(int(part.max()) + 1):
        fitting, scored = np.flatnonzero(part != fold), np.flatnonzero(part == fold)
        decoder = fit(trials, fitting, parts, noise, rng)
        known = see(trials, parts, noise, rng).only(fitting)
        density = decoder.log_density(known)
        alike = np.full(len(trials.codes), 1.0 / len(trials.codes))
        power, doubt = _settings(known, density, alike, trials.ran)
        p, doubt_p = _best(known, power * density, doubt, trials.ran, rng)
        chosen.append(p)
        for _ in range(_DRAWS):
            seen = see(trials, parts, noise, rng).only(scored)
            density = decoder.log_density(seen)
            gains += _scenes(_gain(seen, power * density, p, doubt_p, trials.ran), seen, p, trials.ran) / _DRAWS
            uniform += _scenes(_gain(seen, power * density, alike, doubt, trials.ran), seen, alike, trials.ran) / _DRAWS
            hit = np.where(trials.ran[:, seen.scenes].T, density, -np.inf).argmax(1) == seen.codes
            np.add.at(right, seen.scenes, hit / _DRAWS)
    return Count(trials.category, len(trials.codes), gains, uniform, right, np.mean(chosen, axis=0))


def _offered(p: Array, ran: npt.NDArray[np.bool_]) -> Array:
    """Return p(z) among the codes that are there in each scene, (K, M)."""
    there = p[:, None] * ran
    out: Array = there / np.maximum(there.sum(0), 1e-300)
    return out


def _gain(seen: Seen, density: Array, p: Array, doubt: float, ran: npt.NDArray[np.bool_]) -> Array:
    """Return log q(z | o, s_0) / p(z) of each outcome's own code, (n,)."""
    return _doubted(_ratio(seen, density, p, ran), doubt)


def _doubted(ratio: Array, doubt: float) -> Array:
    out: Array = np.log((1 - doubt) * ratio + doubt)
    return out


def _ratio(seen: Seen, density: Array, p: Array, ran: npt.NDArray[np.bool_]) -> Array:
    """Return q(z | o, s_0) / p(z) of each outcome's own code before any doubt, (n,)."""
    prior = _offered(p, ran)[:, seen.scenes].T
    top = np.where(prior > 0, density, -np.inf).max(1)
    total = (prior * np.exp(np.minimum(density - top[:, None], 0.0))).sum(1)
    own = np.exp(np.minimum(density[np.arange(len(density)), seen.codes] - top, 50.0))
    out: Array = own / total
    return out


def _scenes(gain: Array, seen: Seen, p: Array, ran: npt.NDArray[np.bool_]) -> Array:
    """Return the sum over codes of p(z) times their gains, by scene, (M,)."""
    out = np.zeros(ran.shape[1])
    np.add.at(out, seen.scenes, _offered(p, ran)[seen.codes, seen.scenes] * gain)
    return out


def _settings(seen: Seen, density: Array, p: Array, ran: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the power and the doubt by which the fitting scenes are decoded best."""
    scores = {}
    for power in _POWERS:
        ratio = _ratio(seen, power * density, p, ran)
        for doubt in _DOUBTS:
            luckless = _LUCKLESS * np.log(doubt) / len(p)
            scores[power, doubt] = float(_scenes(_doubted(ratio, doubt), seen, p, ran).sum()) + luckless
    return max(scores, key=lambda case: scores[case])


def _best(
    seen: Seen, density: Array, doubt: float, ran: npt.NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Array, float]:
    """Return the p(z) that carries most in the fitting scenes, (K,), and the doubt that goes with it.

    Few scenes say little of each code, and the search would prefer those that had luck. It ends after as many steps as
    are best for scenes that were left out of it.
    """
    known = rng.permutation(np.unique(seen.scenes))
    fold = np.zeros(ran.shape[1], dtype=np.intp)
    fold[known] = np.arange(len(known)) % _PARTS
    values = np.zeros((_STEPS, len(_DOUBTS)))
    for i in range(int(fold.max()) + 1):
        left_out = fold[seen.scenes] == i
        for step, p in enumerate(_search(seen, density, doubt, ran, ~left_out)):
            ratio = _ratio(seen, density, p, ran)
            for j, other in enumerate(_DOUBTS):
                values[step, j] += _scenes(_doubted(ratio, other) * left_out, seen, p, ran).sum()
    values += _LUCKLESS * np.log(_DOUBTS) / len(ran)
    best, j = divmod(int(values.argmax()), len(_DOUBTS))
    every = np.ones(len(seen.codes), dtype=np.bool_)
    return _search(seen, density, doubt, ran, every)[best], _DOUBTS[j]


def _search(
    seen: Seen, density: Array, doubt: float, ran: npt.NDArray[np.bool_], rows: npt.NDArray[np.bool_]
) -> list[Array]:
    """Return p(z) after each step of the search, the first with codes alike; it looks at some outcomes only."""
    codes = ran.shape[0]
    number = np.bincount(seen.codes[rows], minlength=codes)
    out = [np.full(codes, 1.0 / codes)]
    while len(out) < _STEPS:
        p = out[-1]
        gain = _gain(seen, density, p, doubt, ran)
        mean = np.bincount(seen.codes[rows], gain[rows], minlength=codes) / np.maximum(number, 1)
        p = p * np.exp(mean - mean.max())
        out.append(p / p.sum())
    return out
