"""Bringing in meshes of one's own."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tabletop import projects
from tabletop.errors import TabletopError
from tabletop.files import write_whole

if TYPE_CHECKING:
    from tabletop.importing.apart import Apart
    from tabletop.importing.fixtures import ImportedFixture
    from tabletop.importing.objects import ImportedObject, Options

__all__ = ["import_thing"]


def import_thing(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    units: str | None = None,
    scale: float = 1.0,
    up: str | None = None,
    density: float | None = None,
    mass: float | None = None,
    fixed: bool = False,
    replace: bool = False,
    project: str | os.PathLike[str] | None = None,
) -> Path:
    """Make a card of a mesh or a URDF file, with its meshes and a page, in a project.

    Units are guessed from the size, upright is how it stands, mass follows from the density. The page says what was
    guessed. Needs `pip install 'tabletop[assets]'`.

    Args:
        path: of the file: obj, stl, ply, glb, gltf, dae, urdf or sdf.
        name: of the new kind; the file's by default.
        units: "m", "cm", "mm", "in" or "ft"; guessed by default.
        scale: factor on its size.
        up: "x", "-x", "y", "-y", "z", "-z", or "rest" for how it lies most often; guessed by default.
        density: kg/m^3; 400 by default.
        mass: kg, instead of what the density gives.
        fixed: whether it stands fast, as a fixture.
        replace: whether a thing of that name is replaced.
        project: folder of the project; by default the last one in use.

    Returns:
        The card's path. The kind can be used at once.

    Raises:
        TabletopError: no project is in use, the name is taken, or the file is none that can be had; nothing is written.
    """
    from tabletop.importing.objects import Options

    options = Options(name, units, scale, up, density, mass, fixed=fixed)
    return import_file(Path(path), options, replace=replace, project=project)


def import_file(
    path: Path,
    options: Options,
    *,
    replace: bool = False,
    project: str | os.PathLike[str] | None = None,
    apart: Apart | None = None,
) -> Path:
    """Import a file as `import_thing` does.

    Args:
        path: of the file.
        options: what is asked for.
        replace: whether a thing of that name is replaced.
        project: folder of the project; by default the last one in use.
        apart: process that reads it, where several files are imported; by default one of its own.

    Raises:
        TabletopError: as `import_thing`.
    """
    from tabletop.importing.apart import Apart
    from tabletop.importing.fixtures import ImportedFixture
    from tabletop.importing.objects import name_of
    from tabletop.importing.page import fixture_page, object_page, portrait
    from tabletop.importing.store import room_for, stored
    from tabletop.sim.cards import card_of
    from tabletop.yaml_files import parse_yaml

    if project is not None:
        home = projects.use_project(project)
    elif projects.active():
        home = projects.active()[-1]
    else:
        raise TabletopError("importing needs a project to put it into; make one with: tabletop new my_lab")
    name = name_of(path, options.name)
    _check_new(name, home.root, replace)
    with nullcontext(apart) if apart is not None else Apart() as own:
        thing, files = own.call(_read, (path, options), repr(path.name))
    moves = isinstance(thing, ImportedFixture)
    folder = "assets/fixtures" if options.fixed or moves else "assets/objects"
    room_for(home.root, folder, name, replace)
    card_of(parse_yaml(files[f"{name}.yaml"], "the card"), name, f"{path.name!r} as a card")
    try:
        with stored(home.root, folder, name, files) as card:
            projects.has_changed()
            page = (
                fixture_page(thing, portrait(name))
                if isinstance(thing, ImportedFixture)
                else object_page(thing, portrait(name))
            )
            write_whole(card.with_suffix("") / "index.html", page)
    except BaseException:
        projects.has_changed()
        raise
    return card


def _read(job: tuple[Path, Options]) -> tuple[ImportedObject | ImportedFixture, dict[str, str]]:
    """Return what a file describes, and its files in a project."""
    from tabletop.importing.fixtures import thing_of
    from tabletop.importing.objects import object_of

    path, options = job
    described = path.suffix.lower() in {".urdf", ".sdf"}
    thing = thing_of(path, options) if described else object_of(path, options)
    return thing, thing.files()


def _check_new(name: str, root: Path, replace: bool) -> None:
    """Check that no other card has the name."""
    for folder in ("assets/objects", "assets/fixtures"):
        other = projects.find(folder).get(name)
        if other is not None and not (replace and other.resolve() == (root / folder / f"{name}.yaml").resolve()):
            raise TabletopError(f"the kind {name!r} is there already: {str(other)!r}; give it another name")
