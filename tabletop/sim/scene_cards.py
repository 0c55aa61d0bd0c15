"""Scene cards as a user names them: a mapping, one that ships, or a file of one's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabletop.errors import TabletopError
from tabletop.seeds import cameras_rng
from tabletop.sim.generate import SceneCard, inventory, load_scene_card
from tabletop.sim.scene_cameras import draw_cameras
from tabletop.yaml_files import read_yaml

__all__ = ["find_scene_card"]


def find_scene_card(given: object) -> SceneCard:
    """Return a scene card.

    Args:
        given: a mapping (docs/how-to/scene.md has its fields); the name of a card that ships, such as "workshop"; or
            the path of a YAML file. A path is a Path, or text that ends in .yaml or .yml.

    Raises:
        TabletopError: there is none, it is not a mapping in YAML, or its entities or cameras are not what a card may
            have.

    >>> sorted(find_scene_card({"entities": {"cube": "block"}})["entities"])
    ['cube']
    """
    card = _found(given)
    # Draws no scene: that would take longer, and may find no room for once.
    inventory(card, 0)
    draw_cameras(card, cameras_rng([0]))
    return card


def _found(given: object) -> SceneCard:
    if isinstance(given, Mapping):
        return given
    if isinstance(given, os.PathLike) or (isinstance(given, str) and given.endswith((".yaml", ".yml"))):
        return _read(Path(given))
    if isinstance(given, str):
        return load_scene_card(given)
    raise TabletopError(f"a scene card is a mapping, a name or the path of a YAML file, got {given!r}")


def _read(path: Path) -> SceneCard:
    card: Any = read_yaml(path, f"scene card {str(path)!r}")
    if not isinstance(card, dict):
        raise TabletopError(f"scene card {str(path)!r} must be a mapping")
    if "camera" in card and "light" in card:
        raise TabletopError(f"{str(path)!r} is a saved scene; what is wanted here is a scene card, to draw scenes from")
    return card
