"""LSD: maximise E[(phi(s_T) - phi(s_0)) . z] over phi with |phi(x) - phi(y)| <= |x - y| (Park et al. 2022): only what
moves things far can go far in phi. The bound holds everywhere, by spectral normalisation of phi's layers. Distances are
those of what phi sees: effects in units of 5 cm, or an observation's columns."""

from __future__ import annotations

from typing import ClassVar

from tabletop.discovery.objectives.distance_maximizing import DistanceMaximizing

__all__ = ["LSD"]


class LSD(DistanceMaximizing):
    """r = (phi(s') - phi(s)) . z, phi 1-Lipschitz.

    This is LSD (Park et al. 2022).
    """

    name: ClassVar[str] = "lsd"
    lipschitz = True
