"""Numbers with units: read to SI, and written back so that reading again gives the same bits."""

from __future__ import annotations

import math
import re
from typing import Final

from tabletop.errors import TabletopError, unknown

__all__ = ["DIMENSIONS", "UNITS", "quantity_text", "read_quantity", "to_si"]

UNITS: Final[dict[str, str]] = {
    "m": "length",
    "cm": "length",
    "mm": "length",
    "rad": "angle",
    "deg": "angle",
    "°": "angle",
    "N": "force",
    "%": "fraction",
    "": "fraction",
}
"""The dimension that each unit measures; a bare number is a fraction."""

DIMENSIONS: Final[dict[str, tuple[str, ...]]] = {
    "length": ("cm", "mm", "m"),
    "angle": ("deg", "rad"),
    "force": ("N",),
    "fraction": ("", "%"),
}
"""Units of each dimension, in the order in which they are tried for writing."""

# Divisors rather than factors: 7 / 100 is the float nearest to 0.07, 7 * 0.01 is not.
_DIVISORS: Final[dict[str, float]] = {"cm": 100.0, "mm": 1000.0, "%": 100.0}


def to_si(number: float, unit: str) -> float:
    """Convert a number in one of UNITS to m, rad, N or a plain fraction.

    Raises:
        TabletopError: no such unit.
    """
    if unit not in UNITS:
        raise unknown("unit", unit, [u for u in UNITS if u])
    if unit in ("deg", "°"):
        return math.radians(number)
    return number / _DIVISORS.get(unit, 1.0)


def read_quantity(text: object, what: str) -> tuple[float, str]:
    """Read one quantity standing alone, such as "-30 deg"; return its SI value and its dimension.

    Raises:
        TabletopError: not a finite number with one of UNITS; `what` says whose it is.
    """
    match = re.fullmatch(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\W\d_]*|%|°)\s*", str(text))
    if match is None or not math.isfinite(float(match[1])):
        raise TabletopError(f"{what} must be a number with a unit such as 5 cm or 30 deg, got {text!r}")
    return to_si(float(match[1]), match[2]), UNITS[match[2]]


def _from_si(value: float, unit: str) -> float:
    return math.degrees(value) if unit == "deg" else value * _DIVISORS.get(unit, 1.0)


def quantity_text(value: float, dimension: str) -> str:
    """Write an SI value with a unit people use: 0.05 as "5 cm". Reading the text gives `value` exactly.

    Args:
        value: finite, in m, rad, N or a plain fraction.
        dimension: one of DIMENSIONS.
    """
    units = DIMENSIONS[dimension]
    if dimension == "length" and abs(value) >= 1.0:
        units = ("m", "cm")
    elif dimension == "length" and 0.0 < abs(value) < 0.01:
        units = ("mm", "cm")
    for unit in units:
        digits = f"{_from_si(value, unit):.12g}"
        if to_si(float(digits), unit) == value:
            return f"{digits}%" if unit == "%" else f"{digits} {unit}".strip()
    base = {"length": " m", "angle": " rad", "force": " N", "fraction": ""}[dimension]
    return f"{value!r}{base}"
