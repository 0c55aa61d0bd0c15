"""What the command line takes, and the help it gives."""

from __future__ import annotations

import argparse
import re
import textwrap
from typing import Any, Final, NoReturn

from tabletop import __version__
from tabletop.api.choices import (
    BASELINE_OBJECTIVES,
    DEFAULT_FAMILIES,
    EFFECTS,
    FAMILIES,
    OBJECTIVES,
    SUITES,
    cards,
    listed,
)
from tabletop.errors import TabletopError, unknown
from tabletop.projects import FILE

__all__ = ["DISCOVER_MINUTES", "RUN_MINUTES", "build_parser"]

_ABOUT = """\
A robot arm on a randomised table finds out by itself what it can do.

  tabletop run                      everything: discover, name, plan, perturb, report (11.5 minutes)
  tabletop run --library default    the same with the skills that ship with the package (about 4 minutes)

or stage by stage, each on the folder of the one before:

  tabletop discover --out runs/a    find skills without any reward
  tabletop measure runs/a           count them, and how much their codes say of how they end
  tabletop name runs/a              test them against the registry of tasks, and name them
  tabletop plan runs/a              chain them to reach goals of two and three steps
  tabletop perturb runs/a           push, delay and blur; see what holds
  tabletop report runs/a            one page with clips, numbers and charts

and to look around:

  tabletop skills default           what a library can do
  tabletop play drawer-open         film a skill, or a policy on a task
  tabletop view                     watch it live in the browser, shove it, tell it what to do
  tabletop predicates               what a goal may say
"""


DISCOVER_MINUTES: Final = 30.0
"""That `tabletop discover` takes where no budget is given."""
RUN_MINUTES: Final = 11.5
"""That `tabletop run` takes, all stages together, on a machine with two cores."""

_OBJECTIVES = (
    f"{listed(OBJECTIVES)} (default {OBJECTIVES[0]}); baselines: {listed(BASELINE_OBJECTIVES)}. "
    "docs/objectives.md compares them"
)
_POLICIES = (
    "scripted, random, exploration, nothing, a run folder or library whose skills have been named, or a file of your "
    "own: FILE.py:NAME or a Stable-Baselines3 MODEL.zip (docs/policies.md)"
)


_WITH_ROBOT: Final = (
    *("scene", "tasks", "evaluate", "demos", "discover", "measure", "name", "plan", "play", "view", "goals"),
    *("perturb", "run"),
)
"""Commands that draw scenes."""


class _Help(argparse.HelpFormatter):
    def _split_lines(self, text: str, width: int) -> list[str]:
        # A name with a hyphen stays whole, so that it can be copied.
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


class _Parser(argparse.ArgumentParser):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{"formatter_class": _Help, **named})
        self.register("type", None, _text)  # What has no type of its own.

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = "/".join(action.option_strings) or action.dest
            raise unknown(what, value, action.choices)

    def error(self, message: str) -> NoReturn:
        raise TabletopError(f"{message} (see '{self.prog} --help')")


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("takes a word, got an empty one")
    return text


def _workers(text: str) -> int | str:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"ray(:[1-9]\d*)?", text):
        return text
    raise argparse.ArgumentTypeError(f"takes a number, 'ray' or 'ray:N' with N from 1, got {text!r}")


def _common(parser: argparse.ArgumentParser, *, out: str | None, metavar: str = "DIR", workers: bool = True) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all randomness (default 0)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    if out is not None:
        parser.add_argument("--out", metavar=metavar, help=out)
    if workers:
        parser.add_argument(
            "--workers",
            type=_workers,
            metavar="N",
            help="processes (default: one a core; 0: none), or 'ray', 'ray:N': a Ray cluster (docs/commands.md)",
        )


def _budget(parser: argparse.ArgumentParser, minutes: str, steps: str) -> None:
    parser.add_argument("--minutes", type=float, metavar="M", help=minutes)
    parser.add_argument("--steps", type=int, metavar="N", help=steps)


def _policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("policy", help=_POLICIES)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--tasks", default="all", metavar="A,B", help="names, or family:NAME (default all)")
    which.add_argument("--suite", metavar="NAME", help=f"a suite's tasks and scenes: {listed(SUITES)}")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; it raises TabletopError where argparse would exit."""
    card = f"scene card: {listed(cards())}, or the path of a YAML file"
    parser = _Parser("tabletop", description=_ABOUT, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"tabletop {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    commands.type = str  # All words of a command pass through it; its own options say what is wrong with them.

    scene = commands.add_parser("scene", help="draw a random scene: its card and a picture")
    scene.add_argument("--card", default="discovery", help=f"{card} (default discovery)")
    scene.add_argument(
        "--camera", default="scene", metavar="NAME", help="scene (default), wrist, top, or a camera of the scene card"
    )
    _common(scene, out="folder for scene.yaml and scene.png (default: scene)", workers=False)

    tasks = commands.add_parser("tasks", help="list the hand-written tasks, or measure them against their rules")
    tasks.add_argument(
        "action", nargs="?", choices=("list", "audit"), default="list", help="list (default), or audit: measure them"
    )
    tasks.add_argument("--tasks", default="all", metavar="A,B", help="names, or family:NAME (default all)")
    tasks.add_argument("--episodes", type=int, default=20, metavar="N", help="audit: a task and policy (default 20)")
    tasks.add_argument(
        "--fresh-seed",
        type=int,
        metavar="N",
        help="audit: of as many unseen further scenes for the scripted policies (default: the day's date)",
    )
    tasks.add_argument(
        "--physics",
        action="store_true",
        help="audit: how deep things get into each other instead, and drift in the hand",
    )
    out = "list: write tasks.md into this folder, with pictures, instead; audit: write the JSON to this file too"
    _common(tasks, out=out, metavar="PATH")

    evaluate = commands.add_parser("evaluate", help="success rates of a policy on tasks")
    _policy(evaluate)
    evaluate.add_argument(
        "--noise", type=float, default=0.0, metavar="S", help="of actions: sigma as a share of their range (default 0)"
    )
    evaluate.add_argument("--episodes", type=int, default=20, metavar="N", help="a task (default 20)")
    _common(evaluate, out="file for the JSON too", metavar="FILE")

    demos = commands.add_parser("demos", help="record a policy's episodes as a dataset to learn from")
    _policy(demos)
    demos.add_argument("--episodes", type=int, default=50, metavar="N", help="to run, a task (default 50)")
    demos.add_argument("--format", choices=("minari", "lerobot"), default="minari", help="default minari")
    demos.add_argument("--all", action="store_true", help="keep the episodes that failed, too")
    demos.add_argument(
        "--cameras",
        metavar="A,B",
        help="pictures of each step, too: scene, wrist, top, or cameras of the task's scene card (default none)",
    )
    demos.add_argument(
        "--modalities",
        metavar="A,B",
        help="of each camera: rgb, depth, segmentation, intrinsics, extrinsics (default rgb)",
    )
    demos.add_argument("--size", type=int, default=96, metavar="PIXELS", help="of the pictures' sides (default 96)")
    _common(demos, out="folder of the dataset (default demos/FORMAT); interrupted, the same command goes on")

    discover = commands.add_parser("discover", help="find skills without any reward")
    _budget(
        discover,
        f"time to discover for, in all (default {DISCOVER_MINUTES:g} minutes)",
        "control steps instead of minutes: the same result each time",
    )
    discover.add_argument("--objective", metavar="NAME", help=_OBJECTIVES)
    discover.add_argument(
        "--discriminator-input",
        metavar="WHAT",
        help="what the objective looks at: effects (default), or observation, arm included",
    )
    discover.add_argument(
        "--starts", metavar="NAME", help="where the gripper starts: mixed (default), or nominal, away from everything"
    )
    discover.add_argument(
        "--release", metavar="NAME", help="how skills let go of what is to stay: learned (default), or scripted"
    )
    discover.add_argument(
        "--latent", metavar="NAME", help="codes of lsd, csd and metra: sphere (default), gaussian or discrete"
    )
    discover.add_argument(
        "--effects",
        metavar="NAME[,NAME]",
        help=f"effects to look for: {listed(EFFECTS)}; or all that the scene card has things for (default)",
    )
    discover.add_argument(
        "--scene",
        metavar="CARD",
        help=f"{card} (default everything)",
    )
    discover.add_argument(
        "--from",
        dest="start",
        metavar="LIBRARY",
        help="go on from a library: its effects and codes stay, --effects adds others, and rounds on --scene take "
        "turns with rounds on its own cards, so that nothing is forgotten",
    )
    discover.add_argument(
        "--rehearsal",
        type=float,
        metavar="SHARE",
        help="of the rounds that are drawn from the library's own cards, 0 to 1 (default 0.5; with --from)",
    )
    discover.add_argument(
        "--rounds-under-way",
        type=int,
        metavar="N",
        help="rounds of episodes that are run while the learner works on the one before (default 2, and more for more "
        "than 12 workers); it changes the result, and a resumed run keeps its own",
    )
    discover.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of the learner (default 1, up to 4 where cores are to spare); the same holds for it",
    )
    discover.add_argument("--resume", action="store_true", help="go on from the folder's last checkpoint")
    discover.add_argument(
        "--episodes",
        type=int,
        metavar="N",
        help="held-out, a skill, for measuring (default 50; with a budget in minutes as many, from 5 on, as fit into a "
        "third of them)",
    )
    discover.add_argument(
        "--no-measure",
        dest="measure",
        action="store_false",
        help="leave measuring out; 'tabletop measure DIR' does it later",
    )
    _common(discover, out="the run's folder (default runs/SEED)")

    measure = commands.add_parser("measure", help="count a library's skills on held-out episodes, with plots")
    measure.add_argument("library", help="a run folder, a library's folder, or 'default' for the one that ships")
    measure.add_argument("--episodes", type=int, metavar="N", help="held-out, a skill (default 50)")
    measure.add_argument("--minutes", type=float, metavar="M", help="instead: as many episodes as fit, 5 to 50")
    _common(measure, out="where to write measure.json and measure.html (default: the run folder)")

    name = commands.add_parser("name", help="test skills against the tasks and name them")
    name.add_argument("run", help="a run folder, or 'default' for the library that ships")
    name.add_argument(
        "--episodes",
        type=int,
        metavar="N",
        help="a skill, to see whether its name stands (default 40); a task's best skill has twice as many fresh ones",
    )
    name.add_argument("--minutes", type=float, metavar="M", help="instead: as many as fit, films left aside")
    _common(name, out="where to write (default: the run folder)")

    plan = commands.add_parser("plan", help="chain skills to reach goals")
    plan.add_argument(
        "run",
        metavar="RUN|POLICY",
        help="a run folder whose skills have been named, or 'scripted'; or, with --tasks, a "
        "policy of your own: FILE.py:NAME or a Stable-Baselines3 MODEL.zip",
    )
    plan.add_argument(
        "--tasks",
        metavar="A,B",
        help="that a policy of your own is run on first; those about one thing are planned with",
    )
    plan.add_argument("--policy", choices=("library", "scripted"), default="library", help="what the skills are")
    plan.add_argument("--goals", type=int, default=20, metavar="N", help="sampled goals (default 20)")
    plan.add_argument("--literals", default="2,3", metavar="A,B", help="lengths of the goals in turn (default 2,3)")
    plan.add_argument(
        "--chains", type=int, metavar="N", help="run so many chains of five goals instead (CALVIN's figures)"
    )
    plan.add_argument(
        "--goal",
        help="a formula to reach instead, such as 'on(red, blue) and open(drawer)',"
        " in the scene that 'tabletop scene' draws with the same --card and --seed",
    )
    where = plan.add_mutually_exclusive_group()
    where.add_argument("--card", help=f"{card} (default planning)")
    where.add_argument("--scene", metavar="FILE", help="with --goal: a saved scene, as 'tabletop scene' writes it")
    plan.add_argument(
        "--seconds",
        type=float,
        default=10.0,
        metavar="S",
        help="to search for a goal's first plan, and as long again for all its others (default 10; 0 for no end)",
    )
    _common(plan, out="where to write (default: the run folder)")

    skills = commands.add_parser("skills", help="list what a library can do")
    skills.add_argument("library", help="a run folder, a library's folder, or 'default' for the one that ships")
    skills.add_argument("--json", action="store_true", help="print the skills as JSON, those without a name too")

    libraries = commands.add_parser("libraries", help="list the skill libraries known by name, and whose they are")
    libraries.add_argument("--json", action="store_true", help="print them as JSON")

    predicates = commands.add_parser("predicates", help="list what a goal may say")
    predicates.add_argument("--json", action="store_true", help="print them as JSON")

    objects = commands.add_parser("objects", help="list the kinds of objects and fixtures, and whose they are")
    objects.add_argument("--json", action="store_true", help="print them as JSON")

    robots = commands.add_parser("robots", help="list the robots, and whose they are; or measure one")
    robots.add_argument(
        "action", nargs="?", choices=("list", "check"), default="list", help="list (default), or check NAME: measure it"
    )
    robots.add_argument("name", nargs="?", metavar="NAME", help="check: of the robot")
    robots.add_argument("--poses", type=int, default=10_000, metavar="N", help="check: random poses (default 10000)")
    _common(robots, out="check: folder of the page and the figures (default: robots/NAME)", workers=False)

    bring = commands.add_parser("import", help="make a kind of a mesh or a URDF of your own, in your project")
    bring.add_argument("files", nargs="+", metavar="FILE", help="obj, stl, ply, glb, gltf, dae, urdf or sdf")
    bring.add_argument("--name", metavar="NAME", help="of the new kind (default: the file's)")
    bring.add_argument("--units", metavar="UNIT", help="m, cm, mm, in or ft (default: guessed from the size)")
    bring.add_argument("--scale", type=float, default=1.0, metavar="X", help="factor on its size (default 1)")
    bring.add_argument(
        "--up", metavar="AXIS", help="x, -x, y, -y, z, -z, or rest: how it lies most often (default: guessed)"
    )
    weight = bring.add_mutually_exclusive_group()
    weight.add_argument("--density", type=float, metavar="X", help="kg/m^3 (default 400)")
    weight.add_argument("--mass", type=float, metavar="KG", help="instead of what the density gives")
    bring.add_argument("--fixed", action="store_true", help="it stands fast, as a fixture")
    bring.add_argument(
        "--robot", dest="as_robot", action="store_true", help="draft the card of an arm with two fingers (URDF or SDF)"
    )
    bring.add_argument("--replace", action="store_true", help="replace the thing of that name")
    bring.add_argument("--json", action="store_true", help="print the cards' paths as JSON")

    play = commands.add_parser("play", help="film one episode of a skill or a policy")
    play.add_argument("what", metavar="SKILL|POLICY", help=f"a skill's name or id; or, with --task, {_POLICIES}")
    play.add_argument("--library", metavar="RUN", help="of the skill: a run folder or library (default: default)")
    where = play.add_mutually_exclusive_group()
    where.add_argument("--task", metavar="NAME", help="to run on (default: the one that the skill is named for)")
    where.add_argument("--scene", metavar="FILE", help="a saved scene for the skill, as 'tabletop scene' writes it")
    play.add_argument("--entity", metavar="NAME", help="of --scene, to work on (default: the first that the skill can)")
    _common(play, out="the film: .webp, or .mp4, .webm (default: clip.webp)", metavar="FILE", workers=False)

    view = commands.add_parser("view", help="serve a page in the browser: a scene that goes on live (extra: view)")
    view.add_argument(
        "run",
        nargs="?",
        default="default",
        metavar="RUN|DATASET",
        help="a run folder or library, or what 'tabletop demos' recorded (default: default)",
    )
    where = view.add_mutually_exclusive_group()
    where.add_argument("--card", default="planning", help=f"{card} (default planning)")
    where.add_argument("--scene", metavar="FILE", help="a saved scene to begin with, as 'tabletop scene' writes it")
    view.add_argument("--policy", metavar="FILE", help="a policy of your own: FILE.py:NAME or MODEL.zip")
    view.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1: this machine alone)"
    )
    view.add_argument(
        "--port", type=int, default=8080, metavar="N", help="to listen on; 0: any that is free (default 8080)"
    )
    _common(view, out="folder for clips and such (default: view)", workers=False)

    goals = commands.add_parser("goals", help="draw goals that the scripted policies are seen to reach")
    goals.add_argument("--count", type=int, default=100, metavar="N", help="how many (default 100)")
    goals.add_argument("--literals", default="2,3,4,5,6,7,8", metavar="A,B", help="lengths in turn (default 2 to 8)")
    goals.add_argument("--card", default="workshop", help=f"{card} (default workshop)")
    goals.add_argument("--check", metavar="FILE", help="run the plans of such a file again instead")
    _common(goals, out="the file (default goals.yaml)", metavar="FILE")

    perturb = commands.add_parser("perturb", help="disturb the named skills, or any policy, and see what holds")
    perturb.add_argument(
        "run", metavar="POLICY", help=f"a run folder whose skills have been named; with --tasks: {_POLICIES}"
    )
    perturb.add_argument(
        "--tasks", metavar="A,B", help="names, or family:NAME (default: what the skills are named for)"
    )
    perturb.add_argument(
        "--families",
        default="default",
        metavar="A,B",
        help=f"of perturbations: {listed(FAMILIES)}; or all (default {','.join(DEFAULT_FAMILIES)})",
    )
    perturb.add_argument("--scenes", type=int, default=10, metavar="N", help="for each skill or task (default 10)")
    perturb.add_argument("--skills", type=int, default=6, metavar="N", help="at most, without --tasks (default 6)")
    out = "folder to write to (default: the run folder); with --tasks: file for the JSON too"
    _common(perturb, out=out, metavar="PATH")

    plot = commands.add_parser("plot", help="draw a saved result: rates with intervals, or curves")
    plot.add_argument("file", help="such as evaluate.json, perturb.json or name.json; what save wrote, by any name")
    plot.add_argument("--out", metavar="FILE", help="a .svg, .png or .pdf file (default: beside it, as .svg)")
    plot.add_argument("--json", action="store_true", help="print the path as JSON")

    report = commands.add_parser("report", help="write report.html; of several runs, comparison.html")
    report.add_argument("run", nargs="+", help="a run folder, or a library by name; several are set side by side")
    report.add_argument("--out", metavar="FILE", help="of several runs: the page (default comparison.html)")
    report.add_argument("--json", action="store_true", help="print the path as JSON")

    run = commands.add_parser("run", help="all stages, one after another")
    _budget(
        run,
        f"time for all stages together (default {RUN_MINUTES:g}; with --library no limit). Discovery gets what the "
        "others leave, about half. How many episodes each stage runs depends on the clock",
        "control steps of discovery instead of minutes: the same result each time, however long it takes",
    )
    run.add_argument("--library", metavar="NAME", help="use this library ('default' ships) rather than discover one")
    _common(run, out="the run's folder (default runs/demo)")

    new = commands.add_parser("new", help="make a folder for things, scenes and tasks of your own")
    new.add_argument("folder", help="to make; its name is the project's")
    new.add_argument("--json", action="store_true", help="print the files as JSON")

    docs = commands.add_parser("docs", help="write HTML pages of your own things, scenes, tasks and robots")
    docs.add_argument("--all", action="store_true", help="of those that come with the package, too")
    docs.add_argument("--out", metavar="DIR", help="folder of index.html and the pages (default pages)")
    docs.add_argument("--json", action="store_true", help="print the paths as JSON")

    for name_of in _WITH_ROBOT:
        commands.choices[name_of].add_argument(
            "--robot", metavar="NAME", help="that the scenes have: 'tabletop robots' lists them (default panda)"
        )
    for command in commands.choices.values():
        command.add_argument(
            "--project",
            default=argparse.SUPPRESS,
            metavar="DIR",
            help="folder of your own whose things, scenes and tasks are used, too; several are separated as in PATH "
            f"(default: what TABLETOP_PROJECT names, or the nearest folder with a {FILE})",
        )
    return parser
