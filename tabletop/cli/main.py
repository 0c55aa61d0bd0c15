"""The entry point: parse, run the command, print; every mistake of the user's is one line.

Commands import what they run with, so that `--help` loads neither PyBullet nor numpy.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tabletop.api.bounds import check_numbers
from tabletop.api.choices import DEFAULT_FAMILIES
from tabletop.api.project import new_project, use_projects
from tabletop.cli.parser import DISCOVER_MINUTES, build_parser
from tabletop.cli.show import (
    audit_lines,
    check_lines,
    discover_lines,
    evaluate_lines,
    kind_lines,
    library_lines,
    measure_lines,
    name_lines,
    perturb_lines,
    perturb_task_lines,
    physics_lines,
    play_lines,
    predicate_lines,
    robot_lines,
    say,
    skill_lines,
    task_lines,
)
from tabletop.errors import TabletopError, unknown
from tabletop.runs.store import record_data
from tabletop.signals import in_words
from tabletop.words import plural

if TYPE_CHECKING:  # What takes long to import is not needed for --help.
    from tabletop.logic import Task

__all__ = ["main"]

_WAIT: Final = 30.0
"""s that drawing a scene waits for another that is drawn into the same folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    It is 0 done, 1 an audit found a broken rule, 2 bad input, 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
    """
    options = argparse.Namespace(command=None)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # A file's name may be no text.
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        use_projects(_project_in(given))  # First: what may be chosen depends on it.
        options = build_parser().parse_args(given)
        check_numbers(vars(options), "--")
        with _robot(options):
            return _COMMANDS[options.command](options) or 0
    except TabletopError as error:
        print(f"tabletop: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        number = getattr(stop, "number", signal.SIGINT)
        print(f"tabletop: {in_words(number)}{_how_to_go_on(options)}", file=sys.stderr)
        return 128 + int(number)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A file where a folder should be, no right to write, a full disk: the user's to mend.
        if error.strerror is None:
            raise
        what = f" {str(error.filename)!r}" if error.filename is not None else ""
        print(f"tabletop: cannot read or write{what}: {error.strerror}", file=sys.stderr)
        return 2


def _project_in(arguments: Sequence[str]) -> str | None:
    """Return what stands after the last --project."""
    found = None
    for i, word in enumerate(arguments):
        if word == "--project" and i + 1 < len(arguments):
            found = arguments[i + 1]
        elif word.startswith("--project="):
            found = word.partition("=")[2]
    return found


def _robot(options: argparse.Namespace) -> AbstractContextManager[None]:
    """Return a context in which scenes have the robot that --robot names."""
    if getattr(options, "robot", None) is None:
        return nullcontext()
    from tabletop.sim.robot_card import using_robot

    return using_robot(options.robot)


def _new(options: argparse.Namespace) -> None:
    files = new_project(options.folder)
    say(options, {"files": [str(path) for path in files]}, [*map(str, files), f"cd {options.folder}; less README.md"])


def _import(options: argparse.Namespace) -> None:
    from tabletop.cli.importing import import_command

    import_command(options)


def _how_to_go_on(options: argparse.Namespace) -> str:
    """Return how to go on with a command that was interrupted."""
    if options.command == "demos":
        return "; the same command goes on"
    if options.command not in {"discover", "run"}:
        return ""
    from tabletop.cli.folder import new_folder
    from tabletop.discovery.checkpoint import CHECKPOINTS

    folder = new_folder(options)
    done = options.command == "run" and (folder / "library").exists()
    if done or not any((folder / name).exists() for name in CHECKPOINTS):
        return ""
    return f"; 'tabletop discover --resume --seed {options.seed} --out {folder}' goes on"


def _scene(options: argparse.Namespace) -> None:
    import cv2

    from tabletop.files import write_whole
    from tabletop.runs.lock import alone_in
    from tabletop.sim import World, generate, save_scene
    from tabletop.sim.scene import VIEWS
    from tabletop.sim.scene_cards import find_scene_card

    scene = generate(find_scene_card(options.card), options.seed)
    known = (*VIEWS, *(camera.name for camera in scene.cameras))
    if options.camera not in known:
        raise unknown("camera", options.camera, known)
    folder = Path(options.out or "scene")
    # One that waits for another's two files mixes none of them with its own.
    with alone_in(folder, _WAIT):
        save_scene(scene, folder / "scene.yaml")
        with World() as world:
            world.load(scene)
            picture = world.render(640, 480, options.camera).rgb
        _, data = cv2.imencode(".png", picture[..., ::-1])
        write_whole(folder / "scene.png", data.tobytes())
    things = [{"name": e.name, "kind": e.kind, "position": list(e.position)} for e in scene.entities]
    result = {"scene": str(folder / "scene.yaml"), "picture": str(folder / "scene.png"), "entities": things}
    names = ", ".join(f"{e.name} ({e.kind})" for e in scene.entities)
    say(options, result, [f"{names}", f"wrote {result['scene']} and {result['picture']}"])


def _tasks(options: argparse.Namespace) -> int | None:
    from tabletop.logic import load_registry

    registry = load_registry()
    tasks = registry.select(options.tasks)
    if options.action == "audit":
        return _audit(options, tasks, whole=len(tasks) == len(registry))
    rows = [
        {
            "name": t.name,
            "family": t.family,
            "description": t.description,
            "success": str(t.success),
            "horizon": t.horizon,
            "tags": list(t.tags),
        }
        for t in tasks
    ]
    if options.out:
        from tabletop.cli.task_page import write_task_page

        page = write_task_page(Path(options.out), tasks)
        wrote = f"wrote {page}, with a picture of each of {plural(len(tasks), 'task')}"
        say(options, {"tasks": rows, "page": str(page)}, [wrote])
        return None
    say(options, {"tasks": rows}, task_lines(tasks))
    return None


def _audit(options: argparse.Namespace, tasks: Sequence[Task], *, whole: bool) -> int:
    from tabletop.files import check_out
    from tabletop.rollout.audit import audit
    from tabletop.rollout.engine import Engine

    if options.out:
        check_out(Path(options.out), "tasks audit")
    if options.physics:
        return _physics(options, tasks)
    fresh = int(f"{date.today():%Y%m%d}") if options.fresh_seed is None else options.fresh_seed
    with Engine(options.workers) as engine:
        result = audit(engine, tasks, options.episodes, options.seed, fresh=fresh, whole=whole)
    _write_out(options, result)
    say(options, result, audit_lines(result))
    return 0 if result["holds"] else 1


def _physics(options: argparse.Namespace, tasks: Sequence[Task]) -> int:
    from tabletop.rollout.engine import Engine
    from tabletop.rollout.physics import physics

    with Engine(options.workers) as engine:
        result = physics(engine, tasks, options.episodes, options.seed)
    _write_out(options, result)
    say(options, result, physics_lines(result))
    return 0 if result["holds"] else 1


def _write_out(options: argparse.Namespace, result: object) -> None:
    """Write a result as JSON where --out says, if it does."""
    from tabletop.files import make_folder, write_json

    if options.out:
        make_folder(Path(options.out).parent)
        write_json(Path(options.out), result)


def _evaluate(options: argparse.Namespace) -> None:
    from tabletop.cli.success import evaluate_tasks

    result = evaluate_tasks(options)
    say(options, result, evaluate_lines(result))


def _demos(options: argparse.Namespace) -> None:
    from tabletop.cli.demos import record_demos

    result = record_demos(options)
    lines = [f"{name}: kept {c['kept']} of {plural(c['run'], 'episode')}" for name, c in result["tasks"].items()]
    made = f"{plural(result['episodes'], 'episode')}, {plural(result['steps'], 'control step')}"
    total = f"{made} in {result['out']} ({result['format']})"
    say(options, result, [*lines, total])


def _discover(options: argparse.Namespace) -> None:
    from tabletop.api import stages
    from tabletop.cli.folder import new_folder, note
    from tabletop.cli.objective import budget, discovery_settings
    from tabletop.runs.lock import alone_in

    folder = new_folder(options)
    minutes, steps = budget(options, folder, DISCOVER_MINUTES)
    settings = discovery_settings(options, folder)
    with alone_in(folder):
        result = stages.discover_stage(
            folder,
            settings,
            minutes=minutes,
            steps=steps,
            workers=options.workers,
            start=options.start,
            resume=options.resume,
            episodes=options.episodes,
            measure=options.measure,
            begun=lambda: note(folder, options),
        )
    if result is None:
        later = f"not measured; measure it with: tabletop measure {folder}"
        say(
            options,
            {"library": str(folder / "library"), "measured": False},
            [f"library in {folder / 'library'}", later],
        )
        return
    say(options, {k: v for k, v in record_data(result).items() if k != "skills"}, discover_lines(folder, result))


def _measure(options: argparse.Namespace) -> None:
    from tabletop.cli.measure import measure_and_plot

    result = measure_and_plot(options)
    say(options, result, measure_lines(result))


def _name(options: argparse.Namespace) -> None:
    from tabletop.api import stages
    from tabletop.api.folder import library_of, run_folder
    from tabletop.api.measuring import name_settings
    from tabletop.rollout.engine import Engine
    from tabletop.runs.lock import alone_in

    folder = run_folder(options.run, options.out)
    with alone_in(folder):
        library = library_of(folder)
        with Engine(options.workers) as engine:
            settings = name_settings(library, engine, options.seed, options.episodes, options.minutes)
        result = stages.name_stage(folder, library, settings, options.workers)
    say(options, {k: v for k, v in record_data(result).items() if k != "matrix"}, name_lines(result))


def _skills(options: argparse.Namespace) -> None:
    from tabletop.naming import open_library

    rows = open_library(options.library).rows()
    say(options, {"library": options.library, "skills": rows}, skill_lines(rows, options.library))


def _predicates(options: argparse.Namespace) -> None:
    from tabletop.logic.listing import predicate_rows

    rows = predicate_rows()
    say(options, {"predicates": rows}, predicate_lines(rows))


def _libraries(options: argparse.Namespace) -> None:
    from tabletop.naming.listing import library_rows

    rows = library_rows()
    say(options, {"libraries": rows}, library_lines(rows))


def _objects(options: argparse.Namespace) -> None:
    from tabletop.sim.listing import kind_rows

    rows = kind_rows()
    say(options, {"objects": rows}, kind_lines(rows))


def _robots(options: argparse.Namespace) -> None:
    from tabletop.sim.listing import robot_rows

    if options.action == "check":
        _check(options)
        return
    if options.name is not None:
        raise TabletopError(f"'tabletop robots list' takes no name, got {options.name!r}")
    rows = robot_rows()
    say(options, {"robots": rows}, robot_lines(rows))


def _check(options: argparse.Namespace) -> None:
    from tabletop.api.robots import check_robot

    if options.name is None:
        raise TabletopError("check which robot? 'tabletop robots' lists them")
    found = check_robot(options.name, options.out or f"robots/{options.name}", poses=options.poses, seed=options.seed)
    say(options, found, check_lines(found))


def _play(options: argparse.Namespace) -> None:
    from tabletop.api.play import play

    result = play(
        options.what,
        options.out or "clip.webp",
        library=options.library,
        task=options.task,
        scene=options.scene,
        entity=options.entity,
        seed=options.seed,
    )
    say(options, result, play_lines(result))


def _view(options: argparse.Namespace) -> None:
    from tabletop.cli.viewing import view

    view(options)


def _plan(options: argparse.Namespace) -> None:
    from tabletop.cli.planning import plan

    plan(options)


def _goals(options: argparse.Namespace) -> None:
    from tabletop.cli.planning import draw_proven

    draw_proven(options)


def _perturb(options: argparse.Namespace) -> None:
    from tabletop.api import stages
    from tabletop.api.folder import run_folder
    from tabletop.cli.perturbing import needs_tasks, perturb_policy
    from tabletop.perturbation import select_families

    families = DEFAULT_FAMILIES if options.families == "default" else select_families(options.families)
    if options.tasks is not None:
        found = perturb_policy(options, families)
        say(options, found, perturb_task_lines(found))
        return
    if needs_tasks(options.run):
        raise TabletopError(f"perturb {options.run!r} on which tasks? Say so with --tasks, such as --tasks push,lift")
    folder = run_folder(options.run, options.out, ["name.json"])
    result = stages.perturb_stage(
        folder,
        families=families,
        scenes=options.scenes,
        most=options.skills,
        seed=options.seed,
        workers=options.workers,
    )
    say(options, result, perturb_lines(result))


def _plot(options: argparse.Namespace) -> None:
    from tabletop.files import check_out
    from tabletop.runs.store import read_result

    result = read_result(Path(options.file))
    target = Path(options.out) if options.out else Path(options.file).with_suffix(".svg")
    check_out(target, "plot")
    result.plot(target)
    say(options, {"plot": str(target)}, [result.title(), f"wrote {target}"])


def _report(options: argparse.Namespace) -> None:
    from tabletop.api import stages

    if len(options.run) > 1:
        folders = [_run_of(name, where_it_is=True) for name in options.run]
        path = stages.comparison_stage(folders, Path(options.out or "comparison.html"))
        say(options, {"comparison": str(path)}, [f"comparison: {path}"])
        return
    if options.out:
        raise TabletopError("--out is for the page of several runs; the report of one run is written into its folder")
    path = stages.report_stage(_run_of(options.run[0]))
    say(options, {"report": str(path)}, [f"report: {path}"])


def _run_of(name: str, where_it_is: bool = False) -> Path:
    """Return a run's folder, by its path, or by the name of a library; that one is copied, or read where it is."""
    from tabletop.api.folder import run_folder
    from tabletop.projects import find_libraries

    if Path(name).is_dir():
        return Path(name)
    if name in (known := find_libraries()):
        if not where_it_is:
            return run_folder(name, None)
        return known[name].parent if known[name].name == "library" else known[name]
    file = " (it is a file)" if Path(name).is_file() else ""
    raise TabletopError(f"no run folder {name!r}{file}; make one with 'tabletop run' or 'tabletop discover'")


def _docs(options: argparse.Namespace) -> None:
    from tabletop.report.catalogue import write_catalogue

    index, *pages = write_catalogue(Path(options.out or "pages"), options.all)
    said = f"wrote {index}, with a page for each of {plural(len(pages), 'thing')}"
    say(options, {"index": str(index), "pages": [str(page) for page in pages]}, [said])


def _run(options: argparse.Namespace) -> None:
    from tabletop.cli.everything import run_everything

    run_everything(options)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "scene": _scene,
    "tasks": _tasks,
    "evaluate": _evaluate,
    "demos": _demos,
    "discover": _discover,
    "measure": _measure,
    "name": _name,
    "skills": _skills,
    "libraries": _libraries,
    "predicates": _predicates,
    "objects": _objects,
    "robots": _robots,
    "play": _play,
    "view": _view,
    "plan": _plan,
    "goals": _goals,
    "perturb": _perturb,
    "plot": _plot,
    "report": _report,
    "run": _run,
    "new": _new,
    "import": _import,
    "docs": _docs,
}
