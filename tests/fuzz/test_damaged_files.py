"""Every kind of file, damaged: it is refused in one line, or taken and harmless."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tabletop import projects
from tabletop.api.importing import import_file
from tabletop.cli import main
from tabletop.control.scripted import read_steps
from tabletop.demos.record import load_demonstration
from tabletop.discovery.learner import Learner
from tabletop.discovery.start import going_on_from, open_start
from tabletop.errors import TabletopError
from tabletop.importing.apart import Apart
from tabletop.importing.described import thing_of
from tabletop.importing.objects import Options
from tabletop.importing.robots import robot_files
from tabletop.logic.suite import load_suites
from tabletop.logic.task import load_registry
from tabletop.paths import ASSETS, POLICIES, TASKS
from tabletop.planner.proven import load_goals
from tabletop.rollout.episode import process_world
from tabletop.runs.read import read_metrics
from tabletop.runs.store import read_result
from tabletop.sim import cards, generate, robot_card
from tabletop.sim.cards import card_of
from tabletop.sim.generate import SceneCard
from tabletop.sim.scene import Scene, load_scene
from tabletop.sim.scene_cards import find_scene_card
from tabletop.sim.state import State
from tabletop.skills.codebook import Codebook
from tabletop.skills.library import load_library
from tabletop.yaml_files import parse_yaml

Patch = pytest.MonkeyPatch


def look(scene: Scene) -> State:
    """Build a scene's world and take two steps: no number is lost."""
    world = process_world()
    before = world.load(scene)
    world.step([0.1, 0, -0.1, 0, -1])
    after = world.step([0, 0, 0, 0, 1])
    assert np.isfinite(before.values).all()
    assert np.isfinite(after.values).all()
    return before


def draw(card: SceneCard) -> State:
    return look(generate(card, 0))


def thing(path: Path) -> None:
    """Read a thing's card as the package does, and put one on the table."""
    with Patch.context() as patch:
        mine = {f"assets/{path.parent.name}": {path.stem: path}}
        patch.setattr(cards, "find", lambda folder: mine.get(folder, {}))
        cards._cards.cache_clear()
        cards._paths.cache_clear()
        try:
            draw({"entities": {"thing": path.stem}})
        finally:
            cards._cards.cache_clear()
            cards._paths.cache_clear()


def meshed(path: Path) -> None:
    """Put a thing on the table of which a mesh is damaged."""
    thing(path.parent.with_suffix(".yaml"))


APART: Final = Apart(longest=8.0)
"""Where meshes are read; what takes longer is refused."""


def mesh(path: Path) -> None:
    """Import a mesh into a project: all that belongs to it is there then, or nothing."""
    lab = path.parent / "lab"
    lab.mkdir(exist_ok=True)
    (lab / "tabletop.toml").write_text('name = "lab"\n')
    left = ["tabletop.toml"]
    try:
        with Patch.context() as patch:
            patch.setattr(projects, "_used", ())
            import_file(path, Options("thing"), project=lab, apart=APART)
            left += [f"assets/objects/thing{file}" for file in WHOLE]
            look(generate({"entities": {"thing": "thing"}}, 0))
    finally:
        projects.has_changed()
        assert sorted(p.relative_to(lab).as_posix() for p in lab.rglob("*") if p.is_file()) == sorted(left)
        shutil.rmtree(lab)


def described(path: Path) -> None:
    """Read a fixture's URDF, and the card that it becomes."""
    found = thing_of(path, Options("thing"))
    card_of(parse_yaml(found.files()["thing.yaml"], "card"), "thing", "card")


def drafted(path: Path) -> None:
    """Draft a robot's card of its URDF."""
    shutil.copytree(ASSETS / "robots/cobot6", path.parent / "cobot6", dirs_exist_ok=True)
    robot_files(path, "arm")


WHOLE: Final = (".yaml", "/collision.obj", "/visual.obj", "/index.html")


def arm(path: Path) -> None:
    """Read a robot's card, and put the robot into an empty world."""
    shutil.copytree(ASSETS / "robots", path.parent, dirs_exist_ok=True, ignore=lambda _, names: [path.name])
    with Patch.context() as patch:
        patch.setattr(projects, "DATA", path.parents[2])
        kept = (robot_card._card, robot_card.robot_file)
        for function in kept:
            function.cache_clear()
        try:
            robot_card.load_robot_card(path.stem)
        finally:
            for function in kept:
                function.cache_clear()


def task(path: Path) -> None:
    """Read a task's card, draw its scene, and ask whether the task is done."""
    (found,) = load_registry(path.parents[1]).values()
    state = draw(found.scene)
    assert np.isfinite(found.success.smooth(state, state)).all()


def skills(path: Path) -> None:
    """Read a library, and act once by its first skill."""
    library = load_library(path.parent)
    scene = generate({"entities": {"can": "can"}}, 0)
    policy = library.policy(library.skills[0], "can")
    policy.reset(state := look(scene), scene, np.random.default_rng(0))
    action = policy.act(state)
    assert action is None or np.isfinite(action).all()


def result(path: Path) -> None:
    """Read a result, show it in all ways, and write it again."""
    found = read_result(path)
    assert repr(found)
    assert found._repr_html_()
    found.save(path.with_name("again.json"))


def report(path: Path) -> None:
    """Write the page of a run."""
    if main(["report", str(path.parent)]):
        raise TabletopError("refused")


def resumed(path: Path) -> None:
    """Go on with a discovery from its checkpoint."""
    command = "discover --resume --steps 600 --no-measure --effects toppled --scene discovery --workers 0 --out"
    if main([*command.split(), str(path.parents[1])]):
        raise TabletopError("refused")


def gone_on(path: Path) -> None:
    """Begin from a library and what its learner knew."""
    start = open_start(path.parent)
    wanted = going_on_from(start.library)
    Learner(Codebook(wanted.counts), wanted.learner, 0, wanted.horizon).take_over(start, None)


def project(path: Path) -> None:
    """Use a project, and put its things on the table."""
    try:
        projects.use_project(path)
        draw(find_scene_card("desk"))
    finally:
        projects._take(())


def goals(path: Path) -> None:
    for goal in load_goals(path):
        look(goal.scene())


@dataclass(frozen=True)
class Kind:
    """A kind of file."""

    whole: Path | str
    """One that a stage wrote (a path in its folder), or that the package has."""
    place: str
    """Where the damaged one lies, as its reader wants it."""
    read: Callable[[Path], object]
    share: float = 1.0
    """Of the inputs of a profile."""
    free: tuple[str, ...] = ()
    """Fields that may hold anything, such as settings that are only shown."""
    around: int = 0
    """Folders further up than its own of which all is there."""


THINGS: Final = Path(__file__).parents[2] / "benchmarks" / "things"
FORMS: Final = ("obj", "stl", "ply", "glb", "dae")

KINDS: Final = {
    "scene": Kind("scene/scene.yaml", "scene.yaml", lambda path: look(load_scene(path)), 0.5),
    "scene card": Kind(ASSETS / "scenes/planning.yaml", "card.yaml", lambda p: draw(find_scene_card(str(p))), 0.5),
    "object card": Kind(ASSETS / "objects/mug.yaml", "assets/objects/mug.yaml", thing, 0.5),
    "fixture card": Kind(ASSETS / "fixtures/drawer.yaml", "assets/fixtures/drawer.yaml", thing, 0.5),
    "project file": Kind("lab/tabletop.toml", "lab/tabletop.toml", project, 0.5),
    "mesh block of a card": Kind("meshes/assets/objects/box_of_mesh.yaml", "objects/box_of_mesh.yaml", thing, 0.5),
    **{
        f"{name} of a card": Kind(
            f"meshes/assets/objects/box_of_mesh/{name}", f"objects/box_of_mesh/{name}", meshed, 0.5, around=1
        )
        for name in ("collision.obj", "visual.obj")
    },
    **{f"mesh in {form}": Kind(f"box.{form}", f"box.{form}", mesh, 0.17) for form in FORMS},
    "URDF of a fixture": Kind(THINGS / "lidded_box.urdf", "lidded_box.urdf", described, 0.17),
    "URDF of a robot": Kind(ASSETS / "robots/cobot6.urdf", "arm.urdf", drafted, 0.17),
    "robot card": Kind(ASSETS / "robots/panda.yaml", "assets/robots/panda.yaml", arm, 0.25),
    "task card": Kind(TASKS / "lift/lift.yaml", "tasks/lift/lift.yaml", task, 0.5),
    "scripted policy": Kind(POLICIES / "scripted/peg-insert-side.yaml", "a/b.yaml", read_steps),
    "suites": Kind(TASKS / "suites.yaml", "suites.yaml", load_suites),
    "goals": Kind("goals.yaml", "goals.yaml", goals, 0.5),
    "library": Kind("run/library/library.yaml", "library/library.yaml", skills, 0.5, ("info", "scene")),
    "weights": Kind("run/library/weights.safetensors", "library/weights.safetensors", skills, 0.5),
    "learner": Kind("run/library/learner.safetensors", "library/learner.safetensors", gone_on, 0.1),
    "discover.json": Kind("run/discover.json", "discover.json", result, 1.0, ("settings",)),
    "measure.json": Kind("run/measure.json", "measure.json", result, 1.0, ("settings",)),
    "name.json": Kind("run/name.json", "name.json", result, 1.0, ("settings",)),
    "plan.json": Kind("run/plan.json", "plan.json", result, 1.0, ("log",)),
    "chains.json": Kind("run/chains.json", "chains.json", result, 1.0, ("log",)),
    "perturb.json": Kind("run/perturb.json", "perturb.json", result, 1.0, ("settings",)),
    "evaluate.json": Kind("run/evaluate.json", "evaluate.json", result, 1.0, ("settings",)),
    "metrics.jsonl": Kind("trained/metrics.jsonl", "metrics.jsonl", read_metrics),
    "name.json of a report": Kind("run/name.json", "run/name.json", report, 0.2, ("settings",)),
    "run.yaml of a report": Kind("run/run.yaml", "run/run.yaml", report, 0.2, ("",)),
    **{
        f"checkpoint/{name}": Kind(f"run/checkpoint/{name}", f"run/checkpoint/{name}", resumed, 0.05)
        for name in ("state.json", "learner.json", "sac.safetensors", "steps.safetensors", "job0.safetensors")
    },
    "demonstration": Kind("demonstration.npz", "demonstration.npz", load_demonstration, 0.5),
}

NUMBERS: Final = [0, -1, 1, 0.5, 1e-308, -1e-3, 1e9, 1e308, -1e308, 2**31, 2**63, 10**30, True, False, None]
TEXTS: Final = ["", "..", "../../x", "/etc/passwd", "a\0b", "é" * 300, "{0}", "%s", "\u202e", "[", "1e5"]
ODD: Final = st.sampled_from([*NUMBERS, *TEXTS, [], {}, [[]], [0, 0, 0], [1e300] * 3])
WRONG: Final = {"no such field": [None]}
ENDLESS: Final = "a number that is none"


def places(value: Any, free: tuple[str, ...], at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """Yield the places of all values in plain ones, and whether each must be of its type."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        strict = not any(name in free for name in ("", key, *at))
        yield (*at, key), strict
        yield from places(inner, free, (*at, key))


@st.composite
def changed(draw: st.DrawFn, value: Any, free: tuple[str, ...]) -> tuple[Any, bool]:
    """Draw plain values with one change, and whether they must be refused."""
    value = json.loads(json.dumps(value))
    everywhere = list(places(value, free))
    at, strict = draw(st.sampled_from(everywhere))
    inside = value
    for key in at[:-1]:
        inside = inside[key]
    way = draw(st.sampled_from(["odd", "odd", "wrong", "endless", "gone", "twice", "renamed"]))
    if way == "odd":
        inside[at[-1]] = draw(ODD)
    elif way == "wrong":
        inside[at[-1]] = WRONG
        return value, strict
    elif way == "endless":
        inside[at[-1]] = ENDLESS
        return value, True
    elif way == "gone":
        del inside[at[-1]]
    elif isinstance(inside, list):
        inside.append(inside[at[-1]])
    else:
        inside[str(at[-1]) + "x"] = inside[at[-1]] if way == "twice" else inside.pop(at[-1])
    return value, False


@st.composite
def damaged(draw: st.DrawFn, whole: bytes, form: str, free: tuple[str, ...]) -> tuple[bytes, bool]:
    """Draw a file's bytes with some damage, and whether they must be refused."""
    way = draw(st.sampled_from(["value", "value", "value", "text", "bits", "cut"]))
    if way == "value" and form in {".yaml", ".json"}:
        read, write, mark = TEXT[form]
        value, bad = draw(changed(read(whole), free))
        return write(value).replace(mark, draw(st.sampled_from(NONE[form]))).encode(), bad
    start = draw(st.integers(0, len(whole)))
    if way == "text":
        return whole[:start] + draw(st.text(max_size=12)).encode("utf-8", "surrogatepass") + whole[start:], False
    if way == "bits":
        flipped = bytearray(whole)
        for _ in range(draw(st.integers(1, 4))):
            flipped[draw(st.integers(0, len(whole) - 1))] ^= 1 << draw(st.integers(0, 7))
        return bytes(flipped), False
    return whole[:start] + whole[start + draw(st.integers(1, 40)) :], False


TEXT: Final = {
    ".yaml": (yaml.safe_load, yaml.safe_dump, ENDLESS),
    ".json": (json.loads, json.dumps, f'"{ENDLESS}"'),
}
NONE: Final = {".yaml": [".nan", ".inf", "1.0e+999", "-.INF"], ".json": ["NaN", "Infinity", "1e999", "-Infinity"]}


PROFILE: Final = settings.get_profile("fuzz" if settings.get_current_profile_name() == "fuzz" else "few")


@pytest.mark.parametrize("name", KINDS)
def test_it_is_refused_in_one_line_or_does_no_harm(name: str, made: Path, tmp_path: Path, tally: Any) -> None:
    kind = KINDS[name]
    source = made / kind.whole
    path = tmp_path / kind.place
    if "/" in kind.place and isinstance(kind.whole, str):
        shutil.copytree(source.parents[kind.around], path.parents[kind.around])  # What lies beside it is read, too.
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = source.read_bytes()
    path.write_bytes(whole)
    kind.read(path)

    @settings(PROFILE, max_examples=round(PROFILE.max_examples * kind.share))
    @given(damaged(whole, path.suffix, kind.free))
    def give(damage: tuple[bytes, bool]) -> None:
        path.write_bytes(damage[0])
        tally.give(damage[0], lambda: kind.read(path), damage[1])

    give()
