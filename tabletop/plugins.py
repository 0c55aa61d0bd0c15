"""Python of one's own that a project names: modules in its folder, and what installed distributions offer.

A distribution offers a module under the entry-point group `tabletop.plugins`, in its pyproject.toml:

    [project.entry-points."tabletop.plugins"]
    gears = "gears_for_tabletop"

It is imported where a tabletop.toml says `installed = ["gears"]`, and not otherwise.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

from tabletop.errors import TabletopError, unknown

__all__ = ["GROUP", "import_installed", "import_modules"]

GROUP: Final = "tabletop.plugins"


def import_modules(names: Sequence[str], root: Path, what: str) -> None:
    """Import modules that lie in a folder.

    Args:
        names: of the modules.
        root: the folder; Python finds its modules from now on.
        what: names them, for the message.

    Raises:
        TabletopError: there is no such module, or it has an error.
    """
    place = str(root)
    if names and place not in sys.path:
        sys.path.append(place)
    for name in names:
        _import(name, f"{what}: plugin {name!r}")


def import_installed(name: str, what: str) -> Path:
    """Import the module that an installed distribution offers under a name of the group `tabletop.plugins`.

    Args:
        name: of the entry point.
        what: names it, for the message.

    Returns:
        The folder in which the module's file lies: of a package its own, which may be a project.

    Raises:
        TabletopError: no distribution offers that name, two offer different modules, or the module has an error.
    """
    offered = entry_points(group=GROUP)
    found = {point.module for point in offered if point.name == name}
    if not found:
        raise unknown(f"installed plugin of {what}", name, {point.name for point in offered})
    if len(found) > 1:
        whose = ", ".join(sorted(_whose(point) for point in offered if point.name == name))
        raise TabletopError(f"{what}: installed plugin {name!r} is offered twice: {whose}; uninstall one of them")
    module = _import(found.pop(), f"{what}: installed plugin {name!r}")
    return Path(module).parent


def _whose(point: EntryPoint) -> str:
    return f"{point.module} of {point.dist.name if point.dist else 'nobody'}"


def _import(name: str, what: str) -> str:
    """Import a module, and return the path of its file, "" where it has none."""
    try:
        return importlib.import_module(name).__file__ or ""
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        raise TabletopError(f"{what} has an error: {line[:500]}") from None
