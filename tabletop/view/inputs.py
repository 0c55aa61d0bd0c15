"""What a browser sent, checked: it may be anything."""

from __future__ import annotations

from typing import Any

import viser

from tabletop.errors import TabletopError
from tabletop.schema import is_number

__all__ = ["number", "picked"]


def picked(handle: viser.GuiDropdownHandle[str]) -> str:
    """Return what is chosen, whatever a browser may have sent.

    Raises:
        TabletopError: it is none of the choices; a scene card could else be any file of this machine.
    """
    value: object = handle.value
    if not isinstance(value, str) or value not in handle.options:
        raise TabletopError("that is none of the choices")
    return value


def number(handle: Any) -> float:
    """Return the number of a slider or a field, whatever a browser may have sent.

    Raises:
        TabletopError: it is none between its ends.
    """
    value: object = handle.value
    if not is_number(value, handle.min, handle.max):
        raise TabletopError(f"a number from {handle.min} to {handle.max} is needed")
    return float(value)  # type: ignore[arg-type]
