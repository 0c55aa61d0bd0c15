"""A library as a channel from code to effect: what it can carry, and how far each skill is from its siblings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tabletop.metrics.effective_skills import Samples
from tabletop.metrics.information import BIT, capacity, entropy, gaussian_kl, mutual_information
from tabletop.metrics.synergies import pca
from tabletop.seeds import Purpose, rng_of

__all__ = ["Channel", "channel", "channels", "siblings", "synergies"]

Array = npt.NDArray[np.float64]

_BIN: Final = 0.05
"""m of the world: side of the bins that effects are counted in, those of `coverage`."""
_NEAR: Final = 1e-3
"""nats that a capacity may be off by."""
_SHUFFLES: Final = 20
"""Ways that codes are dealt out at random."""
_SHOWN: Final = 12
"""Components whose shares are reported."""


@dataclass(frozen=True)
class Channel:
    """What the codes of one effect say of the bin an effect falls into, in bits, from counts.

    Counts of few episodes make all but the first two too large: `chance_bits` is what they give where the codes are
    dealt out at random, so that only what is above it counts.

    Sources: Cover & Thomas (2006), eq. 7.1, for the capacity; Klyubin, Polani & Nehaniv (2005) for empowerment.
    """

    codes: int
    bins: int
    """Bins that any episode fell into."""
    entropy_bits: float
    """H(bin), codes alike: how spread the ends are."""
    noise_bits: float
    """H(bin | code)."""
    information_bits: float
    """I(code; bin), codes alike."""
    empowerment_bits: float
    """The channel's capacity: I(code; bin) if codes are drawn as they carry most."""
    chance_bits: float
    """Mean capacity with the codes dealt out at random among the same ends."""
    codes_in_use: float
    """exp H of the codes' distribution that reaches the capacity."""


def channel(labels: npt.NDArray[np.intp], effects: Array, seed: int, size: float = _BIN) -> Channel:
    """Count ends in bins and return what the codes say of them.

    Args:
        labels: (n,) code of each episode, from 0; each code has one episode at least.
        effects: (n, d) m of the world.
        seed: of the shuffles.
        size: m, of the bins.
    """
    cells = np.floor(effects / size + 0.5).astype(np.int64)
    _, bins = np.unique(cells, axis=0, return_inverse=True)
    bins = bins.reshape(-1)
    shape = int(labels.max()) + 1, int(bins.max()) + 1

    def rates(codes: npt.NDArray[np.intp]) -> Array:
        counts = np.zeros(shape)
        np.add.at(counts, (codes, bins), 1.0)
        out: Array = counts / counts.sum(1, keepdims=True)
        return out

    seen = rates(labels)
    most, inputs = capacity(seen, _NEAR)
    rng = rng_of(seed, Purpose.CHANNEL_SHUFFLES)
    chance = np.mean([capacity(rates(rng.permutation(labels)), _NEAR)[0] for _ in range(_SHUFFLES)])
    information = mutual_information(seen / len(seen))
    spread = float(entropy(seen.mean(0)))
    return Channel(
        codes=shape[0],
        bins=shape[1],
        entropy_bits=spread / BIT,
        noise_bits=(spread - information) / BIT,
        information_bits=information / BIT,
        empowerment_bits=most / BIT,
        chance_bits=float(chance) / BIT,
        codes_in_use=float(np.exp(entropy(inputs))),
    )


def channels(samples: Samples, seed: int) -> dict[str, dict[str, float]]:
    """Return the channel of each effect, with the shipped names of its figures."""
    out = {}
    for i, effect in enumerate(samples.codes.effects):
        own = samples.codes.codes_of(i)
        rows = np.isin(samples.labels, own)
        found = channel(samples.labels[rows] - own[0], samples.lengths[rows][:, : effect.asked], seed)
        out[effect.name] = {k: round(v, 3) for k, v in vars(found).items()}
    return out


def siblings(samples: Samples, sigma: float = 0.02) -> dict[str, dict[str, float]]:
    """Return how far each skill's effects are from those of all other skills of its effect, in bits, by skill.

    Both are taken as Gaussians, seen through noise of `sigma` m. "seeking" is KL(own || siblings): large where a skill
    does what the others never do. "covering" is KL(siblings || own): large where the others do what it never does, and
    the larger, the narrower it is.
    """
    out = {}
    codes = samples.codes
    for i, effect in enumerate(codes.effects):
        own = codes.codes_of(i)
        for code in own:
            mine = samples.labels == code
            one, rest = (
                _moments(samples.lengths[rows][:, : effect.asked], sigma)
                for rows in (mine, np.isin(samples.labels, own) & ~mine)
            )
            out[codes.name(int(code))] = {
                "seeking_bits": round(float(gaussian_kl(*one, *rest)) / BIT, 3),
                "covering_bits": round(float(gaussian_kl(*rest, *one)) / BIT, 3),
            }
    return out


def _moments(effects: Array, sigma: float) -> tuple[Array, Array]:
    away = effects - effects.mean(0)
    return effects.mean(0), away.T @ away / len(effects) + sigma**2 * np.eye(effects.shape[1])


def synergies(samples: Samples) -> dict[str, dict[str, Any]]:
    """Return how many principal components explain 95 % of what the arm does, and the shares of the first ones.

    "postures" takes the joint angles (rad) of each moment as a row, as for the hand (Santello et al. 1998).
    "movements/EFFECT" takes those along a whole episode, counted from where they began, as for the frog (d'Avella et
    al. 2003). Episodes of one effect are of one length.
    """
    by_effect = {
        effect.name: np.stack([samples.postures[n] for n in np.flatnonzero(np.isin(samples.labels, own))])
        for effect, own in ((e, samples.codes.codes_of(i)) for i, e in enumerate(samples.codes.effects))
    }
    joints = next(iter(by_effect.values())).shape[-1]
    rows = {"postures": np.concatenate([a.reshape(-1, joints) for a in by_effect.values()])}
    rows |= {f"movements/{name}": (a - a[:, :1]).reshape(len(a), -1) for name, a in by_effect.items()}
    out = {}
    for name, table in rows.items():
        found = pca(table)
        out[name] = {
            "components_95": found.count(0.95),
            "of": len(found.shares),
            "shares": [round(float(s), 4) for s in found.shares[:_SHOWN]],
        }
    return out
