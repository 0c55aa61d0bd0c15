"""Folders of one's own: found, layered, checked, and used by every process as what comes with the package is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import tabletop as tt
from tabletop import projects
from tabletop.api.folder import run_folder
from tabletop.api.project import new_project
from tabletop.envs import environment_id
from tabletop.logic import load_registry
from tabletop.logic.containers import floor_of
from tabletop.planner.single import patterns
from tabletop.sim import World, generate
from tabletop.sim.cards import load_cards
from tabletop.sim.generate import load_scene_card
from tabletop.skills.effects import EFFECTS, possible
from tabletop.skills.library import Library, find_library, save_library

Command = Callable[..., Any]

ROOT = Path(__file__).parents[1]
PLUGIN = """
from __future__ import annotations

import numpy as np

from tabletop.logic import predicate
from tabletop.logic.predicate import Entity, Length


@predicate(phrase="{a} higher than {b} by {height}", negated="{a} not higher than {b} by {height}", scale=0.05)
def NAME(state, initial, a: Entity, b: Entity, height: Length = 0.05):
    return np.asarray(state.entity(a, "position")[..., 2] - state.entity(b, "position")[..., 2] - height)
"""


GEARS = {
    "gears_for_tabletop/__init__.py": "",
    "gears_for_tabletop/tabletop.toml": 'name = "gears"\n',
    "gears_for_tabletop/assets/objects/gear.yaml": (ROOT / "assets/objects/puck.yaml").read_text(encoding="utf-8"),
    "gears-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: gears\nVersion: 1.0\n",
    "gears-1.0.dist-info/entry_points.txt": "[tabletop.plugins]\ngears = gears_for_tabletop\nbroken = not_there\n",
}
"""A distribution as pip leaves it."""


def forget() -> None:
    projects._take(())


@pytest.fixture(autouse=True)
def none_after() -> Iterator[None]:
    """Let go of projects after each test, as no user can."""
    yield
    forget()
    for name in [name for name in gymnasium.registry if name.endswith("/JarOnTray-v0")]:
        del gymnasium.registry[name]


@pytest.fixture
def lab(here: Path) -> Path:
    new_project("my_lab")
    return here / "my_lab"


def test_a_new_project_is_found_from_its_folder_and_those_in_it(
    lab: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("evaluate", "scripted", "--tasks", "jar-on-tray", "--episodes", "5", "--json", "--workers")
    command(*asked, "0").refused("unknown task 'jar-on-tray'")
    monkeypatch.chdir(lab / "assets")
    rates = json.loads(command(*asked, "0").out)
    assert rates["mean"] >= 0.8
    assert json.loads(command(*asked, "1").out) == rates


def test_a_project_is_named_by_an_option_or_a_variable(
    lab: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = [x for x in command("tasks", "--project", "my_lab").out.splitlines() if x.startswith("jar-on-tray")]
    assert line.endswith("[my_lab]")
    forget()
    assert "jar-on-tray" not in command("tasks").out
    monkeypatch.setenv("TABLETOP_PROJECT", str(lab))
    assert "jar-on-tray" in command("tasks").out


def test_a_project_s_task_holds_the_audit_s_rules(lab: Path, command: Command) -> None:
    words = ("tasks", "audit", "--tasks", "jar-on-tray", "--episodes", "6", "--workers", "0", "--json")
    found = json.loads(command(*words, "--project=my_lab").out)
    assert found["tasks"]["jar-on-tray"]["broken"] == []


def test_python_uses_a_project_and_its_environments(lab: Path) -> None:
    assert tt.use_project(lab) == tt.use_project(lab / "tabletop.toml")
    assert len(projects.active()) == 1
    assert {"jar", "tray", "block"} <= set(load_cards())
    env = gymnasium.make(environment_id("jar-on-tray"), disable_env_checker=True)
    assert env.reset(seed=0)[0].shape == env.observation_space.shape
    env.close()
    with World() as world:
        state = world.load(generate(load_scene_card("desk"), 0))
    assert np.isfinite(state.values).all()


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("assets/objects/block.yaml", "objects: the name 'block' is there twice: "),
        ("assets/scenes/discovery.yaml", "scenes: the name 'discovery' is there twice: "),
        ("tasks/desk/lift.yaml", "the name 'lift' is there twice: "),
        ("policies/scripted/lift.yaml", "scripted: the name 'lift' is there twice: "),
    ],
)
def test_a_name_that_the_package_has_is_refused_with_both_files(lab: Path, file: str, what: str) -> None:
    (lab / file).write_text("x: 1\n")
    with pytest.raises(tt.TabletopError) as caught:
        tt.use_project(lab)
    assert what in str(caught.value)
    assert str(lab / file) in str(caught.value)
    assert str(ROOT / file.rpartition("/")[0].partition("/")[0]) in str(caught.value)
    assert projects.active() == ()


def test_projects_are_layered_and_may_not_share_a_name(lab: Path, here: Path) -> None:
    tt.use_project(lab)
    new_project(here / "sub" / "my_lab")
    with pytest.raises(tt.TabletopError, match="two projects may not have one name, 'my_lab'"):
        tt.use_project(here / "sub" / "my_lab")
    new_project("second")
    with pytest.raises(tt.TabletopError, match=r"'jar' is there twice: '.*my_lab.*' and '.*second"):
        tt.use_project("second")
    for path in (here / "second").rglob("*.yaml"):
        path.unlink()
    (here / "second/assets/scenes/jars.yaml").write_text("entities: {a: jar, b: jar}\n")
    tt.use_project("second")
    assert list(generate(load_scene_card("jars"), 0).names)[:2] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "it must be TOML"),
        ("[" * 5000, "it must be TOML"),
        ("", "missing required field `name`"),
        ("name = 3", "name: Expected `str`, got 3"),
        ("name = '../x'", "name: Expected `str` matching regex"),
        ("name = 'a'\nplugin = ['x']", "unknown field of project .* 'plugin'; did you mean 'plugins'"),
        ("name = 'a'\nplugins = ['../x']", r"plugins\[0\]: Expected `str` matching regex"),
        ("name = 'a'\nplugins = ['not_there_at_all']", "plugin 'not_there_at_all' has an error: ModuleNotFoundError"),
    ],
)
def test_a_bad_tabletop_toml_is_one_line(here: Path, command: Command, text: str, message: str) -> None:
    (here / "tabletop.toml").write_text(text)
    said = command("tasks")
    said.refused("project")
    with pytest.raises(tt.TabletopError, match=message):
        tt.use_project(here)
    assert projects.active() == ()
    command("tasks", "--project", "nowhere").refused("cannot read project 'nowhere/tabletop.toml'")


def test_a_plugin_is_imported_where_it_is_named_and_only_there(lab: Path, tmp_path: Path) -> None:
    (lab / "my_parts.py").write_text(PLUGIN.replace("NAME", "towers_over"))
    task = (lab / "tasks/desk/jar-on-tray.yaml").read_text()
    (lab / "tasks/desk/jar-up.yaml").write_text(task.replace("inside(jar, tray)", "towers_over(jar, tray)"))
    run = f"import tabletop as tt; tt.use_project({str(lab)!r}); print(tt.evaluate('nothing', 'jar-up', episodes=2))"

    def used() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", run],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    assert "unknown predicate 'towers_over'" in used().stderr
    (lab / "tabletop.toml").write_text('name = "my_lab"\nplugins = ["my_parts"]\n')
    done = used()
    assert (done.returncode, "jar-up" in done.stdout) == (0, True), done.stderr


def test_a_project_travels_to_another_machine(lab: Path, tmp_path: Path) -> None:
    tt.use_project(lab)
    ((name, files),) = projects.packed()
    assert name == "my_lab"
    assert {"tabletop.toml", "assets/objects/jar.yaml", "policies/scripted/jar-on-tray.yaml"} <= set(files)
    assert not any(path.startswith("tests") for path in files)
    mine = load_registry()["jar-on-tray"]
    forget()
    (lab / "tabletop.toml").unlink()
    projects.use_packed([(name, files)])
    projects.use_packed([(name, files)])
    assert load_registry()["jar-on-tray"] == mine
    assert projects.active()[0].root != lab


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("my lab", "a project's name must be"),
        ("..", "is there already"),
        ("there", "is there already"),
        ("/dev/null/x", "Not a directory"),
        ("x" * 5000, "a project's name must be"),
        ("a/" * 3000 + "b", "name too long"),
        ("bad\udcff", "a project's name must be"),
        ("a\0b", ""),
        ("a\n", "a project's name must be"),
    ],
    ids=["space", "above", "there", "no folder", "long", "deep", "no text", "zero byte", "line"],
)
def test_a_project_is_not_made_where_it_cannot_be(folder: str, message: str, here: Path, command: Command) -> None:
    (here / "there").mkdir()
    command("new", folder).refused(message)
    assert [p.name for p in here.iterdir()] == ["there"]


def test_new_says_what_it_made(here: Path, command: Command) -> None:
    lines = command("new", "a/my_lab").out.splitlines()
    assert all((here / line).is_file() for line in lines[:-1])
    assert len(lines) == 10


@pytest.mark.slow
def test_workers_on_ray_get_a_project(lab: Path) -> None:
    pytest.importorskip("ray")
    tt.use_project(lab)
    here, there = (tt.evaluate("scripted", "jar-on-tray", episodes=2, workers=w) for w in (0, "ray:1"))
    assert there == here


def test_listings_say_whose_each_thing_is(lab: Path, command: Command) -> None:
    rows = json.loads(command("objects", "--project", "my_lab", "--json").out)["objects"]
    whose = {row["kind"]: (row["type"], row["project"]) for row in rows}
    assert whose["jar"] == ("object", "my_lab")
    assert whose["tray"] == ("fixture", "my_lab")
    assert whose["block"] == ("object", "tabletop")
    assert set(whose) == set(load_cards())
    (line,) = [x for x in command("objects").out.splitlines() if x.startswith("jar ")]
    assert "my_lab" in line
    robots = json.loads(command("robots", "--json").out)["robots"]
    assert {"robot": "panda", "joints": 7, "max_width": 0.08, "project": "tabletop"} in robots
    assert ["panda", "7", "8.0", "cm", "tabletop"] in [x.split() for x in command("robots").out.splitlines()]


@pytest.fixture
def gears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install a distribution with a plugin; return where it lies."""
    site = tmp_path / "site"
    for file, text in GEARS.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(site))
    yield site
    for name in [name for name in sys.modules if name.partition(".")[0] == "gears_for_tabletop"]:
        del sys.modules[name]


@pytest.mark.usefixtures("gears")
def test_what_is_installed_is_imported_where_it_is_named_and_only_there(lab: Path, command: Command) -> None:
    tt.use_project(lab)
    assert "gears_for_tabletop" not in sys.modules
    forget()
    (lab / "tabletop.toml").write_text('name = "my_lab"\ninstalled = ["gears"]\n')
    tt.use_project(lab)
    assert [project.name for project in projects.active()] == ["my_lab", "gears"]
    assert "gears_for_tabletop" in sys.modules
    (line,) = [x for x in command("objects", "--project", "my_lab").out.splitlines() if x.startswith("gear ")]
    assert "gears" in line
    packs = projects.packed()
    assert [name for name, _ in packs] == ["my_lab", "gears"]
    forget()
    projects.use_packed(packs)
    assert "gear" in load_cards()


@pytest.mark.usefixtures("gears")
@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            "geers",
            "installed plugin of project 'my_lab' 'geers'; did you mean 'gears'? there are: broken, gears",
        ),
        ("broken", "installed plugin 'broken' has an error: ModuleNotFoundError: No module named 'not_there'"),
        ("../x", "installed[0]: Expected `str` matching regex"),
    ],
)
def test_what_is_not_installed_is_refused_with_what_is(lab: Path, command: Command, said: str, message: str) -> None:
    (lab / "tabletop.toml").write_text(f'name = "my_lab"\ninstalled = ["{said}"]\n')
    command("tasks", "--project", "my_lab").refused(message)
    assert projects.active() == ()


def test_one_plugin_of_two_distributions_is_refused(gears: Path, lab: Path) -> None:
    other = gears / "cogs-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: cogs\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[tabletop.plugins]\ngears = cogs\n")
    (lab / "tabletop.toml").write_text('name = "my_lab"\ninstalled = ["gears"]\n')
    with pytest.raises(tt.TabletopError, match="'gears' is offered twice: cogs of cogs, gears_for_tabletop of gears"):
        tt.use_project(lab)


def test_a_project_s_libraries_are_known_by_name(lab: Path, library: Library, command: Command) -> None:
    discovered = lab / "policies" / "discovered"
    save_library(library, discovered / "mine")
    save_library(library, discovered / "run" / "library")  # As `tabletop discover --out` leaves it there.
    command("skills", "mine").refused("or one of: default")
    tt.use_project(lab)
    assert find_library("mine") == discovered / "mine"
    assert find_library("run") == discovered / "run" / "library"
    assert tt.load_library("run").library.digest == library.digest
    assert run_folder("run", None) == Path("runs/run")
    assert (Path("runs/run/library/library.yaml")).is_file()
    rows = json.loads(command("libraries", "--json").out)["libraries"]
    whose = {row["library"]: (row["skills"], row["project"]) for row in rows}
    assert whose["mine"] == whose["run"] == (8, "my_lab")
    assert whose["default"][1] == "tabletop"
    assert len(command("libraries").out.splitlines()) == 4
    assert command("measure", "mine", "--episodes", "2", "--workers", "0").code == 0
    assert command("report", "mine").out == "report: runs/mine/report.html\n"
    assert Path("runs/mine/report.html").is_file()
    assert sorted(path.name for path in (discovered / "mine").iterdir()) == ["library.yaml", "weights.safetensors"]
    forget()
    save_library(library, discovered / "default")
    with pytest.raises(tt.TabletopError, match=r"libraries: the name 'default' is there twice: .*my_lab"):
        tt.use_project(lab)


def test_what_was_asked_before_a_project_is_used_is_asked_anew(lab: Path) -> None:
    before = len(patterns())
    assert floor_of("tray") == 0.0
    tt.use_project(lab)
    assert len(patterns()) == before + 2
    assert floor_of("tray") == pytest.approx(0.008)


def test_a_thing_plays_the_part_of_the_kind_that_it_is_like(lab: Path) -> None:
    tt.use_project(lab)
    found = tt.plan("scripted", "inside(jar, tray)", card="desk", workers=0)
    assert [list(e.skills) for e in found.episodes] == [["put into tray jar"]]
    assert found.solved == 1
    assert {"related", "toppled"} <= {e.name for e in EFFECTS.values() if possible(e, ["jar", "tray"])}
    forget()
    card = lab / "assets/fixtures/tray.yaml"
    card.write_text(card.read_text().replace("like: bin", "like: bowl"))
    tt.use_project(lab)
    with pytest.raises(tt.TabletopError, match=r"unknown static kind that 'tray' is like 'bowl'.* bin, "):
        load_cards()


def test_pages_show_a_project_s_own_things(lab: Path, command: Command) -> None:
    made = json.loads(command("docs", "--project", "my_lab", "--json", "--out", "site").out)
    pages = {Path(page).relative_to("site").as_posix() for page in made["pages"]}
    assert pages == {"objects/jar.html", "fixtures/tray.html", "scenes/desk.html", "tasks/jar-on-tray.html"}
    index = Path(made["index"]).read_text(encoding="utf-8")
    assert all(f'href="{page}"' in index for page in pages)
    assert index.count('src="data:image/webp;base64,') == len(pages)
    task = Path("site/tasks/jar-on-tray.html").read_text(encoding="utf-8")
    for part in ("inside(jar, tray) and released(jar)", "my_lab: tasks/desk/jar-on-tray.yaml", "- grasp: jar"):
        assert part in task
    assert "http" not in task.replace("http-equiv", "")
    (lab / "assets/scenes/worse.yaml").write_text("entities: {jar: nothing}\n")
    command("docs", "--out", "again").refused("unknown kind of entity 'nothing'")
    assert not Path("again").exists()
