"""Robot skills discovered without reward on a randomised tabletop, then named, chained and perturbed."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
