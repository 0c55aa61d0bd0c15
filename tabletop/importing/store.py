"""Putting what was imported into a project: its files appear whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tabletop.errors import TabletopError
from tabletop.files import check_out, write_whole

__all__ = ["room_for", "store"]


def room_for(root: Path, folder: str, name: str, replace: bool) -> None:
    """Check that a project takes a thing of a name.

    Args:
        root: of the project.
        folder: "assets/objects", "assets/fixtures" or "assets/robots".
        name: of the thing.
        replace: whether one of that name may go.

    Raises:
        TabletopError: it has such a thing, or cannot be written to.
    """
    card = root / folder / f"{name}.yaml"
    check_out(card, "the card")
    if not replace and (card.exists() or (root / folder / name).exists()):
        raise TabletopError(f"{str(card)!r} is there already; give another name, or replace it")


def store(root: Path, folder: str, name: str, files: Mapping[str, str | bytes]) -> Path:
    """Write a thing's files; its card last, as that is what makes it a thing. What was of its name goes.

    Args:
        root: of the project.
        folder: "assets/objects", "assets/fixtures" or "assets/robots".
        name: of the thing.
        files: texts or bytes by path: NAME.yaml, and the others in NAME/.

    Returns:
        The card's path.
    """
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    card = place / f"{name}.yaml"
    new, old = place / f".{name}.new", place / f".{name}.old"
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    try:
        new.mkdir()
        for path, content in files.items():
            if path != card.name:
                target = new / Path(path).relative_to(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                write_whole(target, content)
        if (place / name).exists():
            # A card without its meshes would be worse than none.
            card.unlink(missing_ok=True)
            (place / name).rename(old)
        new.rename(place / name)
        write_whole(card, files[card.name])
    finally:
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
    return card
