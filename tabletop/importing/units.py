"""Which unit a mesh is in, guessed from how large it would be."""

from __future__ import annotations

from typing import Final

from tabletop.errors import TabletopError, unknown

__all__ = ["LARGEST", "SMALLEST", "UNITS", "metres_of"]

UNITS: Final = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}
"""Metres of each unit."""
SMALLEST: Final = 0.005
LARGEST: Final = 0.6
"""m that the longest side of a thing on the table may have."""


def metres_of(longest: float, asked: str | None, said: float | None, scale: float, what: str) -> tuple[float, str]:
    """Return the metres of a mesh's unit, times a scale, and what decided it.

    A thing on a table is some millimetres to 60 cm long. So a longest side of 90 is one in millimetres.

    Args:
        longest: side of the mesh, in its unit.
        asked: one of UNITS, or None to guess.
        said: metres of the unit that the file says; None where it says none.
        scale: factor on top, as asked for.
        what: it is, for the message.

    Raises:
        TabletopError: an unknown unit, or no unit makes a thing that fits on the table.
    """
    if asked is not None:
        if asked not in UNITS:
            raise unknown("unit", asked, UNITS)
        metres, why = UNITS[asked], f"{asked}, as asked for"
    elif said is not None:
        metres, why = said, f"units of {said:g} m, as the file says"
    else:
        order = ("m", "mm", "cm")
        ranges = {"m": (SMALLEST, 1.0), "cm": (1.0, 10.0), "mm": (10.0, 1000.0)}
        metres, why = 1.0, "m, as no unit makes it fit"
        for unit in order:
            low, high = ranges[unit]
            if low <= longest * scale < high:
                metres, why = UNITS[unit], f"{unit}, as it is {longest:.4g} long"
    size = longest * metres * scale
    if not SMALLEST <= size <= LARGEST:
        raise TabletopError(
            f"{what}: its longest side must be {SMALLEST * 1000:g} mm to {LARGEST:g} m, got {size:.4g} m with units of"
            f" {metres:g} m; give another unit ({', '.join(UNITS)}) or a scale"
        )
    return metres * scale, why
