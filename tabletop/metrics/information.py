"""Information measures in nats: entropy, divergence both ways, mutual information, a channel's capacity.

Formulas are those of Cover & Thomas (2006), "Elements of Information Theory"; the capacity is found by the
algorithm of Blahut (1972) and Arimoto (1972). Divide by `BIT` for bits.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError

__all__ = [
    "BIT",
    "capacity",
    "entropy",
    "gaussian_entropy",
    "gaussian_kl",
    "kl",
    "mutual_information",
    "sample_entropy",
]

Array = npt.NDArray[np.float64]

BIT: Final = math.log(2.0)
"""Nats in a bit."""
_EULER: Final = 0.5772156649015329


def entropy(p: npt.ArrayLike) -> Array:
    """Return H(p) = -sum p log p of discrete distributions, (..., k) -> (...).

    Source: Cover & Thomas (2006), eq. 2.1.

    Raises:
        TabletopError: p is no distribution.
    """
    found = _distribution(p, "p")
    out: Array = -(found * _log(found)).sum(-1)
    return out


def kl(p: npt.ArrayLike, q: npt.ArrayLike) -> Array:
    """Return KL(p || q) = sum p log(p / q) of discrete distributions, (..., k) -> (...).

    As a loss for q, KL(p || q) covers modes: it is infinite where q lacks what p does. KL(q || p) seeks one: q may
    leave out what p does, and pays only for what p never does.

    Source: Cover & Thomas (2006), eq. 2.26.

    Raises:
        TabletopError: p or q is no distribution.
    """
    one, other = _distribution(p, "p"), _distribution(q, "q")
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(one > 0, one * (_log(one) - np.log(other)), 0.0)
    out: Array = terms.sum(-1)
    return out


def gaussian_entropy(covariance: npt.ArrayLike) -> Array:
    """Return the differential entropy 1/2 log det(2 pi e C) of Gaussians, (..., d, d) -> (...).

    Source: Cover & Thomas (2006).

    Raises:
        TabletopError: C is not positive definite.
    """
    c = np.asarray(covariance, dtype=np.float64)
    out: Array = 0.5 * (c.shape[-1] * math.log(2 * math.pi * math.e) + _log_det(c))
    return out


def gaussian_kl(mean: npt.ArrayLike, covariance: npt.ArrayLike, mean_q: npt.ArrayLike, cov_q: npt.ArrayLike) -> Array:
    """Return KL(p || q) of Gaussians; shapes (..., d) and (..., d, d).

    1/2 (tr(Q^-1 P) + (m_q - m_p)^T Q^-1 (m_q - m_p) - d + log(det Q / det P))

    Args:
        mean: (..., d), of p.
        covariance: (..., d, d), of p.
        mean_q: (..., d), of q.
        cov_q: (..., d, d), of q.

    Returns:
        (...,), nats.

    Raises:
        TabletopError: a covariance is not positive definite.
    """
    p, q = np.asarray(covariance, dtype=np.float64), np.asarray(cov_q, dtype=np.float64)
    apart = np.asarray(mean_q, dtype=np.float64) - np.asarray(mean, dtype=np.float64)
    log_ratio = _log_det(q) - _log_det(p)
    trace = np.trace(np.linalg.solve(q, p), axis1=-2, axis2=-1)
    square = (apart * np.linalg.solve(q, apart[..., None])[..., 0]).sum(-1)
    out: Array = 0.5 * (trace + square - p.shape[-1] + log_ratio)
    return out


def mutual_information(joint: npt.ArrayLike) -> float:
    """Return I(X; Y) = sum p(x, y) log(p(x, y) / (p(x) p(y))) of a discrete joint distribution (n, m).

    Source: Cover & Thomas (2006), eq. 2.28.

    Raises:
        TabletopError: it does not sum to 1.
    """
    p = np.asarray(joint, dtype=np.float64)
    _distribution(p.reshape(-1), "the joint")
    # As differences of logarithms: a product of two small marginals would be 0 where the joint is not.
    ratio = _log(p) - _log(p.sum(1))[:, None] - _log(p.sum(0))
    return max(0.0, float((p * ratio).sum()))


def capacity(channel: npt.ArrayLike, tolerance: float = 1e-4, most: int = 100_000) -> tuple[float, Array]:
    """Return max over p(x) of I(X; Y), and that p(x), (n,): empowerment, if x is what is done and y what comes of it.

    Klyubin, Polani & Nehaniv (2005) define empowerment so. With c(x) = exp KL(p(y|x) || p(y)), each step multiplies
    p(x) by c(x); log sum p c and log max c bound the capacity from below and above, which is when to stop.

    Sources: Cover & Thomas (2006), eq. 7.1; of the algorithm Blahut (1972) and Arimoto (1972).

    Args:
        channel: (n, m) p(y|x), each row sums to 1.
        tolerance: nats that what is returned may lie below the capacity.
        most: steps at most.

    Raises:
        TabletopError: a row is no distribution, or the bounds have not met after that many steps.
    """
    p_y_x = _distribution(channel, "a row of the channel")
    p_x = np.full(len(p_y_x), 1.0 / len(p_y_x))
    rows = -entropy(p_y_x)
    for _ in range(most):
        p_y = p_x @ p_y_x
        # What no input that is still in use leads to has p(y|x) = 0 in these rows, and 0 log 0 = 0.
        divergence = rows - p_y_x @ _log(p_y)
        lower = float(np.log(p_x @ np.exp(divergence)))
        if float(divergence.max()) - lower <= tolerance:
            return max(0.0, float(p_x @ divergence)), p_x
        p_x = p_x * np.exp(divergence - lower)
    raise TabletopError(f"the capacity is not known to {tolerance:g} nats after {most} steps; allow more of either")


def sample_entropy(points: npt.ArrayLike, neighbour: int = 4) -> float:
    """Return an estimate of the differential entropy behind samples (n, d) from their nearest neighbours.

    Kozachenko & Leonenko (1987), in the form of Kraskov et al. (2004), eq. 20:
    psi(n) - psi(k) + log V_d + d/n sum log r_k, V_d the volume of the unit ball, r_k the way to the k-th neighbour.

    Raises:
        TabletopError: there are not more samples than k, or more than k are in one place.
    """
    x = np.asarray(points, dtype=np.float64)
    n, d = x.shape
    if not 1 <= neighbour < n:
        raise TabletopError(f"neighbour must be from 1 to one less than the {n} samples, got {neighbour}")
    radius = np.empty(n)
    for begin in range(0, n, 512):
        gaps = np.sqrt(((x[begin : begin + 512, None] - x[None]) ** 2).sum(-1))
        radius[begin : begin + 512] = np.partition(gaps, neighbour, axis=1)[:, neighbour]
    if not radius.all():
        raise TabletopError("more samples are in one place than neighbours are counted: it has no density there")
    ball = 0.5 * d * math.log(math.pi) - math.lgamma(0.5 * d + 1)
    mean: float = np.log(radius).mean()
    return float(_digamma(n) - _digamma(neighbour) + ball + d * mean)


def _digamma(n: int) -> float:
    """Return psi of a whole number: the harmonic number before it less Euler's constant."""
    return float((1.0 / np.arange(1, n)).sum()) - _EULER


def _distribution(p: npt.ArrayLike, what: str) -> Array:
    found = np.asarray(p, dtype=np.float64)
    if not found.size or not np.isfinite(found).all() or found.min() < 0 or np.abs(found.sum(-1) - 1).max() > 1e-9:
        raise TabletopError(f"{what} must be probabilities, at least 0 and 1 in all")
    return found


def _log(p: Array) -> Array:
    """Return log p, and 0 where p is 0: it is multiplied by that p."""
    return np.log(np.where(p > 0, p, 1.0))


def _log_det(c: Array) -> Array:
    try:
        factor = np.linalg.cholesky(c)
    except np.linalg.LinAlgError:
        raise TabletopError("a covariance must be positive definite") from None
    out: Array = 2.0 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(-1)
    return out
