"""Bringing in meshes of one's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
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

__all__ = ["import_robot", "import_thing"]


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

    home = _home(project)
    name = name_of(path, options.name)
    _check_new("kind", name, home.root, replace, ("assets/objects", "assets/fixtures"))
    # Said before the work; where something moves on it, it goes elsewhere, which only its file says.
    room_for(home.root, "assets/fixtures" if options.fixed else "assets/objects", name, replace)
    with nullcontext(apart) if apart is not None else Apart() as own:
        thing, files = own.call(_read, (path, options), repr(path.name))
    moves = isinstance(thing, ImportedFixture)
    folder = "assets/fixtures" if thing.options.fixed or moves else "assets/objects"
    other = projects.find("assets/objects" if folder.endswith("fixtures") else "assets/fixtures").get(name)
    if other is not None:
        raise TabletopError(f"{path.name!r} belongs into {folder}, and {str(other)!r} has its name; remove that first")
    room_for(home.root, folder, name, replace)
    card_of(parse_yaml(files[f"{name}.yaml"], "the card"), name, f"{path.name!r} as a card")
    with stored(home.root, folder, name, files) as card:
        picture = portrait(name)
        page = fixture_page(thing, picture) if isinstance(thing, ImportedFixture) else object_page(thing, picture)
        write_whole(card.with_suffix("") / "index.html", page)
    return card


def _home(project: str | os.PathLike[str] | None) -> projects.Project:
    """Return the project that what is imported goes into."""
    if project is not None:
        return projects.use_project(project)
    if projects.active():
        return projects.active()[-1]
    raise TabletopError("importing needs a project to put it into; make one with: tabletop new my_lab")


def _read(job: tuple[Path, Options]) -> tuple[ImportedObject | ImportedFixture, dict[str, str]]:
    """Return what a file describes, and its files in a project."""
    from tabletop.importing.described import thing_of
    from tabletop.importing.objects import object_of

    path, options = job
    described = path.suffix.lower() in {".urdf", ".sdf"}
    thing = thing_of(path, options) if described else object_of(path, options)
    return thing, thing.files()


def _check_new(what: str, name: str, root: Path, replace: bool, folders: Sequence[str]) -> None:
    """Check that no other card of some folders has the name."""
    for folder in folders:
        other = projects.find(folder).get(name)
        if other is not None and not (replace and other.resolve() == (root / folder / f"{name}.yaml").resolve()):
            raise TabletopError(f"the {what} {name!r} is there already: {str(other)!r}; give it another name")


def import_robot(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    replace: bool = False,
    project: str | os.PathLike[str] | None = None,
) -> Path:
    """Draft a robot's card of a URDF or SDF file, with the file and its meshes, in a project.

    It finds the arm's joints, the fingers and how they open, the tool's point, a posture of rest and a place for the
    base. The card's comments say what to check.

    Args:
        path: of the file: an arm of 5 to 8 turning joints with a gripper of two fingers.
        name: of the robot; the file's by default.
        replace: whether a robot of that name is replaced.
        project: folder of the project; by default the last one in use.

    Returns:
        The card's path. The robot can be used at once.

    Raises:
        TabletopError: no project is in use, the name is taken, or the file is no such robot; nothing is written.
    """
    from tabletop.importing.objects import name_of
    from tabletop.importing.robots import robot_files
    from tabletop.importing.store import room_for, stored
    from tabletop.sim.robot import kinematics_of

    home, file = _home(project), Path(path)
    called = name_of(file, name)
    _check_new("robot", called, home.root, replace, ("assets/robots",))
    room_for(home.root, "assets/robots", called, replace)
    with stored(home.root, "assets/robots", called, robot_files(file, called)) as card:
        kinematics_of(called)
    return card
