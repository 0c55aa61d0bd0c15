"""A robot's card drafted from its file: an arm of five joints of our own, and one that pybullet_data has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pybullet_data
import pytest
from other_robots import OTHER_ROBOTS

import tabletop as tt
from tabletop import projects
from tabletop.errors import TabletopError
from tabletop.logic.task import load_registry
from tabletop.rollout.episode import episode
from tabletop.rollout.evaluate import scripted, success_of
from tabletop.sim import generate
from tabletop.sim.robot import kinematics_of
from tabletop.sim.robot_card import load_robot_card

Command = Callable[..., Any]


def link(name: str, mass: float, shape: str = "") -> str:
    body = (
        f'<inertial><mass value="{mass}"/><inertia ixx=".01" iyy=".01" izz=".01" ixy="0" ixz="0" iyz="0"/></inertial>'
    )
    return f'<link name="{name}">{body}{shape and f"<collision>{shape}</collision>"}</link>'


def joint(name: str, parent: str, child: str, xyz: str, axis: str, limits: str, kind: str = "revolute") -> str:
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/><origin xyz="{xyz}"/>'
        f'<axis xyz="{axis}"/><limit {limits} velocity="3" effort="60"/></joint>'
    )


WIDE = 'lower="-2.9" upper="2.9"'
SLIDE = 'lower="0" upper="0.04"'
BOX = '<origin xyz="0 {y} 0.02"/><geometry><box size="0.016 0.008 0.05"/></geometry>'
FIVE = "".join(
    [
        '<robot name="five">',
        *(link(n, m) for n, m in (("base", 2), ("turret", 3), ("upper", 2), ("lower", 1), ("wrist", 0.6))),
        link("hand", 0.5, '<origin xyz="0 0 0.03"/><geometry><box size="0.04 0.12 0.04"/></geometry>'),
        link("left", 0.05, BOX.format(y=-0.004)),
        link("right", 0.05, BOX.format(y=0.004)),
        joint("pan", "base", "turret", "0 0 0.1", "0 0 1", WIDE),
        joint("lift", "turret", "upper", "0 0 0.2", "0 1 0", WIDE),
        joint("elbow", "upper", "lower", "0 0 0.42", "0 1 0", WIDE),
        joint("tilt", "lower", "wrist", "0 0 0.40", "0 1 0", WIDE),
        joint("roll", "wrist", "hand", "0 0 0.08", "0 0 1", WIDE),
        joint("one", "hand", "left", "0 0 0.06", "0 -1 0", SLIDE, "prismatic"),
        joint("two", "hand", "right", "0 0 0.06", "0 1 0", SLIDE, "prismatic"),
        "</robot>",
    ]
)


@pytest.fixture
def lab(here: Path) -> Iterator[Path]:
    """Have an empty project, in use; let go of it after the test, as no user can."""
    (here / "lab").mkdir()
    (here / "lab/tabletop.toml").write_text('name = "lab"\n')
    tt.use_project(here / "lab")
    yield here / "lab"
    projects._used, projects._version = (), projects._version + 1


def test_an_arm_of_five_joints_works_as_drafted(lab: Path, here: Path) -> None:
    (here / "five.urdf").write_text(FIVE)
    assert tt.import_robot("five.urdf") == lab / "assets/robots/five.yaml"
    card = load_robot_card("five")
    assert card.arm_joints == ("pan", "lift", "elbow", "tilt", "roll")
    # At yaw 0 the wrist is then in its middle.
    assert (card.finger_joints, card.finger_links, card.hand_link) == (("two", "one"), ("right", "left"), "hand")
    assert card.tool_rotation == pytest.approx((0, 0, np.pi), abs=1e-5)
    assert card.max_width == pytest.approx(0.08, abs=0.002)
    # The fingertips are 10.5 cm off the hand's frame.
    assert card.tcp == pytest.approx((0, 0, 0.105 - card.hand.tip), abs=2e-3)
    arm = kinematics_of("five")
    for yaw in (-1.0, 0.0, 1.2):
        position, rotation = arm.forward(arm.solve((0.5, 0.1, 0.1), yaw))
        assert position == pytest.approx([0.5, 0.1, 0.1], abs=1e-6)
        assert np.arctan2(rotation[1, 0], rotation[0, 0]) == pytest.approx(yaw, abs=1e-6)
    task = load_registry()["lift"]
    scene = generate(task.scene, 0, robot="five")
    run = episode(scripted(task, scene), scene, 0, task.horizon)
    assert run.state.robot("joints").shape[1] == 5
    assert success_of(task, run)[0]


def test_joints_and_links_may_be_called_anything(lab: Path, here: Path) -> None:
    text = FIVE
    for old, new in (
        ("pan", "1"),
        ("lift", "a, b"),
        ("elbow", "base: 1"),
        ("hand", "on"),
        ("left", "{x}"),
        ("two", "#2"),
    ):
        text = text.replace(f'"{old}"', f'"{new}"')
    (here / "a\nb: [.urdf").write_text(text)
    path = tt.import_robot("a\nb: [.urdf", name="null")
    card = load_robot_card("null")
    assert card.name == "null"
    assert card.arm_joints == ("1", "a, b", "base: 1", "tilt", "roll")
    assert (card.finger_joints, card.finger_links, card.hand_link) == (("#2", "one"), ("right", "{x}"), "on")
    assert path.read_text().startswith("# Drafted from a?b: [.urdf. What")


@pytest.mark.slow
def test_a_gripper_of_knuckles_is_found_with_all_that_goes_with_it(lab: Path) -> None:
    source = Path(pybullet_data.getDataPath()) / OTHER_ROBOTS["xarm6"]
    tt.import_robot(source, name="arm")
    card = load_robot_card("arm")
    assert card.arm_joints == tuple(f"joint{i}" for i in range(1, 7))
    assert set(card.finger_joints) == {"drive_joint", "right_outer_knuckle_joint"}
    assert set(card.finger_links) == {"left_finger", "right_finger"}
    assert set(card.followers) == {f"{s}_{j}_joint" for s in ("left", "right") for j in ("finger", "inner_knuckle")}
    assert (card.followers["left_finger_joint"].joint, card.followers["left_finger_joint"].ratio) == ("drive_joint", 1)
    assert card.max_width == pytest.approx(0.086, abs=0.002)
    # UFACTORY gives 172 mm from the flange to the fingertips' middle, when they are closed.
    assert card.tcp[2] + card.hand.tip == pytest.approx(0.1755, abs=0.004)
    assert not card.inertia_from_file
    assert all(path.is_relative_to(lab) for path in lab.rglob("*"))


@pytest.mark.slow
def test_the_command_says_where_the_card_is_and_what_comes_next(lab: Path, here: Path, command: Command) -> None:
    (here / "five.urdf").write_text(FIVE)
    out = command("import", "five.urdf", "--robot", "--name", "mine", "--project", str(lab)).out
    assert out.startswith(str(lab / "assets/robots/mine.yaml"))
    assert "tabletop robots check mine" in out
    command("import", "five.urdf", "--robot", "--name", "mine").refused("the robot 'mine' is there already")
    listed = json.loads(command("robots", "--json").out)["robots"]
    assert {"robot": "mine", "joints": 5, "max_width": 0.08, "project": "lab"} in listed
    found = json.loads(command("robots", "check", "mine", "--poses", "20", "--json", "--out", "checked").out)
    assert found["ik"]["down"]["worst_mm"] < 1e-3
    assert found["lifts"][0] == {"mass": 0.05, "lifted": True}
    assert Path("checked/reach.png").stat().st_size > 500
    assert "Where the gripper can be" in Path("checked/index.html").read_text()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('type="prismatic"', 'type="fixed"'), "got 5 joints .* and then 0"),
        (lambda text: text.replace('name="lift" type="revolute"', 'name="lift" type="fixed"'), "got 4 joints"),
        (lambda text: text[:900], "must be XML"),
        (lambda text: text.replace("<box", "<cone"), "a shape is a box"),
        (lambda text: text.replace('lower="-2.9"', 'lower="nan"'), "must be 1 finite numbers"),
        (lambda text: text.replace("0 0 0.42", "0 0 0.02").replace("0 0 0.40", "0 0 0.02"), "cannot bring its gripper"),
        (
            lambda text: text.replace('<box size="0.04 0.12 0.04"/>', '<mesh filename="../../etc/thing.stl"/>'),
            "a mesh must lie in its folder",
        ),
    ],
)
def test_what_is_no_such_arm_is_refused_in_one_line_and_nothing_is_written(
    lab: Path, here: Path, change: Callable[[str], str], message: str
) -> None:
    (here / "five.urdf").write_text(change(FIVE))
    with pytest.raises(TabletopError, match=message) as error:
        tt.import_robot("five.urdf")
    assert "\n" not in str(error.value)
    assert [path.name for path in lab.iterdir()] == ["tabletop.toml"]
