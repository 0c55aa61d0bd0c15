"""Projects of one's own: using one, and making a new one that works."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from tabletop import projects
from tabletop.errors import TabletopError
from tabletop.files import check_out, make_folder, write_whole, writing_folder
from tabletop.projects import FILE, Project
from tabletop.schema import is_name

__all__ = ["new_project", "use_project", "use_projects"]

VARIABLE: Final = "TABLETOP_PROJECT"

_FILES: Final = {
    FILE: """\
name = "{name}"
# plugins = ["my_parts"]  # Python modules in this folder to import: predicates, effects, perturbations of your own
# installed = ["gears"]  # the same of installed distributions: entry points of the group tabletop.plugins
""",
    "assets/objects/jar.yaml": """\
description: a jar with a lid
like: can
body_type: rigid
graspable: true
size: {w: [0.050, 0.062], d: w, h: [0.070, 0.090]}
mass: [0.08, 0.25]
friction: [0.7, 1.0]
rolling: 0.004
colors: [[0.75, 0.2, 0.25], [0.85, 0.6, 0.2], [0.4, 0.25, 0.5]]
parts:
  - {shape: cylinder, size: [w / 2, h - 0.012], at: [0, 0, -0.006]}
  - {shape: cylinder, size: [w / 2, 0.012], at: [0, 0, h / 2 - 0.006], tint: 0.6}
""",
    "assets/fixtures/tray.yaml": """\
description: a tray with a low border that stands fast
like: bin  # things are put into it
body_type: static
size: {w: [0.18, 0.22], d: [0.18, 0.22], h: [0.025, 0.035]}
colors: [[0.45, 0.4, 0.35], [0.35, 0.45, 0.5]]
reach: {x: [0.42, 0.60], y: [-0.24, 0.24], yaw: [-20, 20]}
parts:
  - {shape: box, size: [w, d, 0.008], at: [0, 0, 0.004]}
  - {shape: box, size: [w, 0.01, h], at: [0, d / 2 - 0.005, h / 2], tint: 0.9}
  - {shape: box, size: [w, 0.01, h], at: [0, 0.005 - d / 2, h / 2], tint: 0.9}
  - {shape: box, size: [0.01, d - 0.02, h], at: [w / 2 - 0.005, 0, h / 2], tint: 0.8}
  - {shape: box, size: [0.01, d - 0.02, h], at: [0.005 - w / 2, 0, h / 2], tint: 0.8}
""",
    "assets/scenes/desk.yaml": """\
# What `tabletop discover --scene desk` drops the robot into.
entities:
  jar: jar
  tray: tray
extras: {count: [0, 1], kinds: [jar, block]}
""",
    "tasks/desk/jar-on-tray.yaml": """\
description: Put the jar on the tray and let go of it.
scene:
  entities:
    jar: jar
    tray: tray
  extras: {count: [0, 1], kinds: [block]}
success: inside(jar, tray) and released(jar)
horizon: 90
counterexample: lifted(jar, 8 cm) and held(jar)
""",
    "policies/scripted/jar-on-tray.yaml": """\
- grasp: jar
- lift: {height: 10 cm}
- place: {entity: jar, on: tray}
""",
    "policies/counterexamples/jar-on-tray.yaml": """\
# Takes the jar and keeps hold of it.
- grasp: jar
- lift: {height: 12 cm}
""",
    "tests/test_{name}.py": """\
from pathlib import Path

import tabletop as tt

PROJECT = Path(__file__).parents[1]


def test_the_script_does_its_task():
    tt.use_project(PROJECT)
    found = tt.evaluate("scripted", "jar-on-tray", episodes=10, workers=0)
    assert found.tasks["jar-on-tray"].success >= 0.8
""",
    "README.md": """\
# {name}

Things, scenes and tasks of our own for [tabletop]. In this folder every command knows them:

    tabletop scene --card desk                       # a picture of them: scene/scene.png
    tabletop tasks audit --tasks jar-on-tray         # is the task what its words say?
    tabletop evaluate scripted --tasks jar-on-tray
    tabletop discover --scene desk --minutes 7       # what can a robot do with them?
    tabletop docs                                    # pages with pictures: pages/index.html

In Python: `tt.use_project("{name}")`. Cards lie in assets/ and tasks/; policies/ has a script for each task.
""",
}


def use_project(path: str | os.PathLike[str]) -> Project:
    """Use the things, scenes, robots, tasks and policies of a folder of one's own, beside those of the package.

    Its tasks become gymnasium environments, too. `tabletop new my_lab` makes such a folder.

    Args:
        path: the folder, or its tabletop.toml.

    Raises:
        TabletopError: there is no tabletop.toml, it is malformed, a name is there already, or a plugin has an error.
    """
    project = projects.use_project(path)
    environments = sys.modules.get("tabletop.envs")
    if environments is not None:
        environments.register_all()
    return project


def use_projects(given: str | None) -> None:
    """Use the projects of a command.

    Args:
        given: folders, separated as in PATH. None: those that TABLETOP_PROJECT names, or else the nearest folder with
            a tabletop.toml, this one or one above.

    Raises:
        TabletopError: as `use_project`.
    """
    named = given if given is not None else os.environ.get(VARIABLE)
    if named:
        for path in named.split(os.pathsep):
            use_project(path)
    else:
        with suppress(FileNotFoundError):  # This folder itself is gone.
            nearest = projects.nearest_project(Path.cwd())
            if nearest is not None:
                use_project(nearest)


def new_project(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Make a project that works: an object, a fixture, a scene card, a task with its scripts, a test and a README.

    Args:
        path: its folder, which must not exist yet. The folder's name is the project's.

    Returns:
        The files.

    Raises:
        TabletopError: the folder exists, or its name is none for a project.
    """
    folder = Path(path)
    try:
        name = folder.resolve().name
    except (OSError, ValueError, RuntimeError) as error:  # A zero byte, or links in a circle.
        raise TabletopError(f"cannot make {str(folder)!r}: {error}") from None
    if not is_name(name):
        raise TabletopError(f"a project's name must be letters, digits, _ and -, got {name!r}")
    if folder.exists():
        raise TabletopError(f"{str(folder)!r} is there already; give another name")
    check_out(folder, "the project")
    make_folder(folder.parent)
    with writing_folder(folder) as temporary:
        for file, text in _FILES.items():
            target = temporary / file.replace("{name}", name)
            make_folder(target.parent)
            write_whole(target, text.replace("{name}", name))
    return tuple(folder / file.replace("{name}", name) for file in _FILES)
