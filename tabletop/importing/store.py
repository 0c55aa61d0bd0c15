"""Putting what was imported into a project: its files appear whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tabletop import projects
from tabletop.errors import TabletopError
from tabletop.files import check_out, make_folder, write_whole

__all__ = ["room_for", "stored"]


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


@contextmanager
def stored(root: Path, folder: str, name: str, files: Mapping[str, str | bytes]) -> Iterator[Path]:
    """Write a thing's files and give its card; what was of its name goes.

    The card comes last, as that is what makes it a thing; it can be used then. If what is done with it ends with an
    error, all is as it was.

    Args:
        root: of the project.
        folder: "assets/objects", "assets/fixtures" or "assets/robots".
        name: of the thing.
        files: texts or bytes by path: NAME.yaml, and the others in NAME/.

    Raises:
        TabletopError: it cannot be written.
    """
    place = root / folder
    card, own = place / f"{name}.yaml", place / name
    new, old = place / f".{name}.new", place / f".{name}.old"
    try:
        make_folder(place)
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
            left.mkdir()
        for path, content in files.items():
            if path != card.name:
                target = new / Path(path).relative_to(name)
                make_folder(target.parent)
                write_whole(target, content)
    except OSError as error:
        _remove(new, old)
        raise TabletopError(f"cannot write to {str(place)!r}: {error.strerror or error}") from None
    except BaseException:
        _remove(new, old)
        raise
    try:
        # A card without its meshes would be worse than none.
        for there in (card, own):
            if there.exists():
                there.rename(old / there.name)
        new.rename(own)
        write_whole(card, files[card.name])
        projects.has_changed()
        yield card
    except BaseException as error:
        _back(card, own, old)
        projects.has_changed()
        if isinstance(error, OSError):
            raise TabletopError(f"cannot write to {str(place)!r}: {error.strerror or error}") from None
        raise
    finally:
        _remove(new, old)


def _back(card: Path, own: Path, old: Path) -> None:
    """Put back what was there before."""
    card.unlink(missing_ok=True)
    shutil.rmtree(own, ignore_errors=True)
    with suppress(OSError):
        for path in (own, card):
            if (old / path.name).exists():
                (old / path.name).rename(path)


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
