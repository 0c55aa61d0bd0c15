"""The entry point: parse, run the command, print; every mistake of the user's is one line."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tabletop import __version__
from tabletop.cli.parser import build_parser
from tabletop.errors import TabletopError, unknown
from tabletop.logic import Task, load_registry

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code (0 done, 2 bad input, 130 interrupted)."""
    try:
        options = build_parser().parse_args(arguments)
        _check(options)
        _COMMANDS[options.command](options)
        return 0
    except TabletopError as error:
        print(f"tabletop: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("tabletop: interrupted; 'tabletop discover --resume --out DIR' goes on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _check(options: argparse.Namespace) -> None:
    least = {"seed": 0, "workers": 0, "episodes": 1, "goals": 1, "scenes": 1, "skills": 1, "steps": 1}
    for name, low in least.items():
        value = getattr(options, name, None)
        if value is not None and value < low:
            raise TabletopError(f"--{name} must be at least {low}, got {value}")
    minutes = getattr(options, "minutes", None)
    if minutes is not None and not 0 < minutes < 1e5:
        raise TabletopError(f"--minutes must be above 0, got {minutes:g}")
    if minutes is not None and options.steps is not None:
        raise TabletopError("give --minutes or --steps, not both")


def _say(options: argparse.Namespace, result: Any, lines: Sequence[str]) -> None:
    print(json.dumps(result, indent=1) if options.json else "\n".join(lines))


def _scene(options: argparse.Namespace) -> None:
    import cv2

    from tabletop.sim import World, generate, load_scene_card, save_scene

    scene = generate(load_scene_card(options.card), options.seed)
    folder = Path(options.out or "scene")
    folder.mkdir(parents=True, exist_ok=True)
    save_scene(scene, folder / "scene.yaml")
    with World() as world:
        world.load(scene)
        picture = world.render(640, 480).rgb
    cv2.imwrite(str(folder / "scene.png"), picture[..., ::-1])
    things = [{"name": e.name, "kind": e.kind, "position": list(e.position)} for e in scene.entities]
    result = {"scene": str(folder / "scene.yaml"), "picture": str(folder / "scene.png"), "entities": things}
    names = ", ".join(f"{e.name} ({e.kind})" for e in scene.entities)
    _say(options, result, [f"{names}", f"wrote {result['scene']} and {result['picture']}"])


def _tasks(options: argparse.Namespace) -> None:
    tasks = load_registry().select(options.tasks)
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
    width = max(len(t.name) for t in tasks)
    _say(options, {"tasks": rows}, [f"{t.name:{width}}  {t.description}" for t in tasks])


def _evaluate(options: argparse.Namespace) -> None:
    from tabletop.cli.files import write_json
    from tabletop.cli.library_policy import library_policy
    from tabletop.rollout.engine import Engine
    from tabletop.rollout.evaluate import PolicyFactory, evaluate, nothing, random, scripted

    tasks = load_registry().select(options.tasks)
    plain: dict[str, PolicyFactory] = {"scripted": scripted, "random": random, "nothing": nothing}
    makers: dict[str, PolicyFactory] = {}
    if options.policy in plain:
        makers = {t.name: plain[options.policy] for t in tasks}
    else:
        makers = library_policy(options.policy, tasks)
    results: dict[str, Any] = {}
    with Engine(options.workers) as engine:
        for task in tasks:
            seeds = range(options.seed, options.seed + options.episodes)
            if task.name in makers:
                found = evaluate(engine, makers[task.name], task, seeds, label=task.name)
                results[task.name] = dict(found)
    if not results:
        raise TabletopError(f"none of the tasks asked for has a skill named for it in {options.policy!r}")
    width = max(len(n) for n in results)
    lines = [f"{'task':{width}}  success  95 % interval   n  median steps"]
    for name, r in results.items():
        steps = "-" if r["median_steps"] is None else f"{r['median_steps']:.0f}"
        interval = f"{r['low']:.2f} .. {r['high']:.2f}"
        lines.append(f"{name:{width}}  {r['success']:7.2f}  {interval:>13}  {r['n']:3d}  {steps:>12}")
    lines.append(f"mean {sum(r['success'] for r in results.values()) / len(results):.3f} over {len(results)} tasks")
    result = {"policy": options.policy, "seed": options.seed, "tasks": results}
    if options.out:
        write_json(Path(options.out), result)
    _say(options, result, lines)


def _folder(options: argparse.Namespace) -> Path:
    """Return the folder a stage writes to; a library from elsewhere is copied into it first."""
    from tabletop.skills.library import find_library

    source = Path(options.run)
    out = Path(options.out) if getattr(options, "out", None) else None
    if out is None and source.is_dir() and (source / "library").is_dir():
        return source
    if out is None and source.is_dir() and not (source / "library.yaml").is_file():
        return source
    library = find_library(options.run)
    target = out or Path("runs") / library.name
    _adopt(library, target)
    for name in ("discover.json", "name.json", "metrics.jsonl", "summary.json"):
        beside = source / name
        if beside.is_file() and not (target / name).exists():
            shutil.copyfile(beside, target / name)
    return target


def _adopt(library: Path, target: Path) -> None:
    """Copy a library into a run folder."""
    from tabletop.skills.library import load_library, save_library

    save_library(load_library(library), target / "library")


def _note(folder: Path, options: argparse.Namespace) -> None:
    """Write run.yaml: the command, version and settings that made a folder."""
    settings = {k: v for k, v in vars(options).items() if k not in {"command", "json"} and v is not None}
    words = " ".join(f"--{k} {v}" for k, v in settings.items() if k not in {"run", "resume"})
    card = {
        "command": f"tabletop {options.command} {getattr(options, 'run', '')} {words}".replace("  ", " ").strip(),
        "version": __version__,
        "seed": options.seed,
        "settings": settings,
    }
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "run.yaml.tmp"
    temporary.write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    temporary.replace(folder / "run.yaml")


def _discover(options: argparse.Namespace) -> None:
    from tabletop.cli import stages
    from tabletop.skills.discover import DiscoverSettings

    folder = Path(options.out or f"runs/{options.seed}")
    if (folder / "library").exists() and not options.resume:
        raise TabletopError(f"{str(folder)!r} already holds a library; give another --out, or --resume")
    minutes = None if options.steps else (options.minutes or 30.0)
    result = stages.discover_stage(
        folder,
        DiscoverSettings(seed=options.seed),
        minutes=minutes,
        steps=options.steps,
        workers=options.workers,
        resume=options.resume,
        episodes=options.episodes,
    )
    _note(folder, options)
    _say(options, {k: v for k, v in result.items() if k != "skills"}, _discover_lines(folder, result))


def _discover_lines(folder: Path, result: dict[str, Any]) -> list[str]:
    floors = ", ".join(f"{n} {f['effective_skills_2cm']:.1f}" for n, f in result["floors"].items())
    return [
        f"{result['codes']} codes, {result['effective_skills_2cm']:.1f} effective skills at 2 cm, "
        f"{result['effective_skills_5cm']:.1f} at 5 cm (floors at 2 cm: {floors})",
        f"{result['env_steps']} control steps in {result['minutes']} minutes; library in {folder / 'library'}",
    ]


def _name(options: argparse.Namespace) -> None:
    from tabletop.cli import stages
    from tabletop.naming import NameSettings

    folder = _folder(options)
    library = stages.library_of(folder)
    settings = NameSettings(seed=options.seed, episodes=options.episodes)
    result = stages.name_stage(folder, library, settings, options.workers)
    _say(options, {k: v for k, v in result.items() if k != "matrix"}, _name_lines(result))


def _name_lines(result: dict[str, Any]) -> list[str]:
    lines = []
    for e in sorted(result["skills"], key=lambda e: (e["task"] is None, e["name"] is None, -e["low"])):
        if e["task"]:
            rate = (
                f"{e['success']:.2f} ({e['low']:.2f} .. {e['high']:.2f}, n {e['n']}; random {e['random_success']:.2f})"
            )
            lines.append(f"{e['id']:12} {e['name']:30} {rate}")
        elif e["name"]:
            lines.append(f"{e['id']:12} {e['name']}")
    lines.append(f"{len(result['named_tasks'])} tasks named: {', '.join(result['named_tasks']) or 'none'}")
    return lines


def _plan(options: argparse.Namespace) -> None:
    from tabletop.cli import stages

    try:
        lengths = [int(v) for v in options.literals.split(",")]
    except ValueError:
        raise TabletopError(f"--literals takes numbers such as 2,3, got {options.literals!r}") from None
    if options.policy == "scripted":
        folder = Path(options.out or options.run)
    else:
        folder = _folder(options)
    if not folder.is_dir() and options.policy != "scripted":
        raise TabletopError(f"no run folder {str(folder)!r}; make one with 'tabletop discover'")
    result = stages.plan_stage(
        folder,
        policy=options.policy,
        goals=options.goals,
        lengths=lengths,
        seed=options.seed,
        workers=options.workers,
        goal=options.goal,
    )
    _say(options, result, _plan_lines(result))


def _plan_lines(result: dict[str, Any]) -> list[str]:
    lines = []
    for e in result["episodes"]:
        outcome = "reached" if e["solved"] else f"{e['completed']} of {e['literals']}"
        lines += [f"{outcome:9} {e['goal']}", f"{'':9} by {', '.join(e['skills']) or 'nothing'}"]
    lines.append(f"{result['solved']} of {result['goals']} goals; mean share completed {result['mean_completed']:.2f}")
    return lines


def _perturb(options: argparse.Namespace) -> None:
    from tabletop.cli import stages
    from tabletop.perturb import select_families

    families = stages.FAMILIES if options.families == "default" else select_families(options.families)
    folder = _folder(options)
    result = stages.perturb_stage(
        folder,
        families=families,
        scenes=options.scenes,
        most=options.skills,
        seed=options.seed,
        workers=options.workers,
    )
    _say(options, result, _perturb_lines(result))


def _perturb_lines(result: dict[str, Any]) -> list[str]:
    return [
        f"{name:18} "
        + "  ".join(f"{m:g}: {s:.2f}" for m, s in zip(c["magnitudes"], c["success"], strict=True))
        + f"   [{c['unit']}]  area {c['area']:.2f}, worst {c['worst']:.2f}"
        for name, c in result.items()
    ]


def _report(options: argparse.Namespace) -> None:
    from tabletop.cli import stages

    if not Path(options.run).is_dir():
        raise TabletopError(f"no run folder {options.run!r}; make one with 'tabletop run' or 'tabletop discover'")
    path = stages.report_stage(Path(options.run))
    _say(options, {"report": str(path)}, [f"report: {path}"])


def _run(options: argparse.Namespace) -> None:
    from tabletop.cli import stages
    from tabletop.naming import NameSettings
    from tabletop.skills.discover import DiscoverSettings
    from tabletop.skills.library import find_library, load_library

    folder = Path(options.out or "runs/demo")
    library = load_library(find_library(options.library)) if options.library else None
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "run.yaml").is_file():
            raise TabletopError(f"{str(folder)!r} is there and not a run's; give another --out")
        shutil.rmtree(folder)
    _note(folder, options)
    say: Callable[[str], None] = partial(print, file=sys.stderr, flush=True)
    seed, workers = options.seed, options.workers
    if library is None:
        minutes = None if options.steps else (options.minutes or 7.0)
        budget = f"{minutes:g} minutes" if minutes else f"{options.steps} steps"
        say(f"1/5 discover: a robot nobody taught plays on random tables for {budget}")
        found = stages.discover_stage(
            folder, DiscoverSettings(seed=seed), minutes=minutes, steps=options.steps, workers=workers,
            resume=False, episodes=16,
        )  # fmt: skip
        library = stages.library_of(folder)
    else:
        say(f"1/5 discover: taking the library {options.library!r}; measuring it")
        _adopt(find_library(options.library), folder)
        found = stages.measure_stage(folder, library, seed, workers, 16)
    say("\n".join(_discover_lines(folder, found)))
    say("2/5 name: which of the hand-written tasks are these?")
    named = stages.name_stage(folder, library, NameSettings(seed=seed, episodes=30), workers)
    say("\n".join(_name_lines(named)))
    say("3/5 plan: goals of two and three steps")
    if any(e["task"] for e in named["skills"]):
        plan = stages.plan_stage(
            folder, policy="library", goals=12, lengths=(2, 3), seed=seed, workers=workers, clips=2
        )
        say("\n".join(_plan_lines(plan)))
        say("4/5 perturb: the same skills, shoved and delayed")
        curves = stages.perturb_stage(folder, families=stages.FAMILIES, scenes=6, most=5, seed=seed, workers=workers)
        say("\n".join(_perturb_lines(curves)))
    else:
        say("no skill has a name yet, so nothing is planned or perturbed; give it more --minutes")
    say("5/5 report")
    path = stages.report_stage(folder)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    _say(options, summary, [f"report: {path.resolve()}"])


_COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "scene": _scene,
    "tasks": _tasks,
    "evaluate": _evaluate,
    "discover": _discover,
    "name": _name,
    "plan": _plan,
    "perturb": _perturb,
    "report": _report,
    "run": _run,
}
