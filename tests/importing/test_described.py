"""URDF and SDF files as objects and fixtures: what is rigid together, what moves, where it is held."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tabletop.api.importing import import_file
from tabletop.control.scripted import ScriptedPolicy, Step
from tabletop.errors import TabletopError
from tabletop.importing.described import thing_of
from tabletop.importing.description import read_description
from tabletop.importing.fixtures import ImportedFixture
from tabletop.importing.objects import ImportedObject, Options
from tabletop.rollout.episode import episode
from tabletop.sim.cards import card_of, load_cards
from tabletop.sim.generate import generate
from tabletop.sim.joints import moving_point
from tabletop.sim.world import World
from tabletop.yaml_files import parse_yaml

trimesh = pytest.importorskip("trimesh")
THINGS = Path(__file__).parents[2] / "benchmarks" / "things"

SHAPE = '<geometry><box size="{0}"/></geometry>'
BOX = f"<visual>{SHAPE}</visual><collision>{SHAPE}</collision>"
BODY = f'<link name="body"><inertial><mass value="0.2"/></inertial>{BOX.format("0.10 0.06 0.04")}</link>'


def urdf(folder: Path, inside: str) -> Path:
    path = folder / "thing.urdf"
    path.write_text(f'<robot name="thing">{inside}</robot>')
    return path


def hinge(kind: str = "revolute", more: str = "", limits: str = '<limit lower="0" upper="1.2"/>') -> str:
    """Return a flap of 1 x 6 x 4 cm whose axis stands at the left end of its front."""
    flap = f'<link name="flap_link"><inertial><mass value="0.1"/></inertial>{BOX.format("0.01 0.06 0.04")}</link>'
    joint = f'<joint name="j" type="{kind}"><parent link="body"/><child link="flap_link"/>'
    return f'{flap}{joint}<origin xyz="-0.06 0 0"/><axis xyz="0 0 1"/>{limits}{more}</joint>'


def fixture(folder: Path, inside: str, options: Options | None = None) -> ImportedFixture:
    found = thing_of(urdf(folder, inside), options or Options())
    assert isinstance(found, ImportedFixture)
    return found


def test_links_without_joints_are_an_object_with_the_file_s_mass(tmp_path: Path) -> None:
    lid = f'<link name="lid">{BOX.format("0.10 0.06 0.01")}</link>'
    joint = '<joint name="f" type="fixed"><parent link="body"/><child link="lid"/><origin xyz="0 0 0.025"/></joint>'
    joined = BODY + lid + joint
    found = thing_of(urdf(tmp_path, joined), Options())
    assert isinstance(found, ImportedObject)
    assert sorted(found.size) == pytest.approx([0.05, 0.06, 0.10], abs=1e-6)
    assert found.mass == pytest.approx(0.2)
    assert sum(h.volume for h in found.hulls) == pytest.approx(0.10 * 0.06 * 0.05, rel=1e-6)


def test_cabinet_s_parts_are_named_turn_and_slide_as_the_file_says() -> None:
    found = thing_of(THINGS / "cabinet.urdf", Options())
    assert isinstance(found, ImportedFixture)
    assert [part.name for part in found.parts] == ["left_door", "right_door", "drawer"]
    left, right, drawer = found.parts
    # The left one's limits are -1.5 and 0: it is shut at the upper one, and opens the other way round.
    assert left.axis == pytest.approx([0, 0, -1])
    assert right.axis == pytest.approx([0, 0, 1])
    assert (left.travel, right.travel, drawer.travel) == pytest.approx((1.5, 1.5, 0.12))
    assert drawer.axis == pytest.approx([-1, 0, 0])
    assert (left.friction, left.damping, drawer.mass) == pytest.approx((0.1, 0.02, 0.3))
    assert left.point[:2] - right.point[:2] == pytest.approx([0, 0.2])
    for part in found.parts:
        assert part.grip is not None
        assert part.grip.width == pytest.approx(0.012, abs=1e-3)


def test_its_card_puts_a_handle_where_the_file_would() -> None:
    found = thing_of(THINGS / "cabinet.urdf", Options())
    assert isinstance(found, ImportedFixture)
    card = card_of(parse_yaml(found.card(), "card"), "cabinet", "card")
    part = found.parts[0]
    joint = (card.moving_parts or {})["left_door"].joint
    assert part.grip is not None
    local = part.grip.at - part.middle
    for fraction in (0.0, 0.5, 1.0):
        turn = -1.5 * fraction
        c, s = math.cos(turn), math.sin(turn)
        arm = part.grip.at - part.point
        there = part.point + np.array([c * arm[0] - s * arm[1], s * arm[0] + c * arm[1], arm[2]])
        assert moving_point(joint, found.size, fraction, local) == pytest.approx(there.tolist(), abs=1e-5)


def test_continuous_joints_turn_without_end_and_mimics_follow(tmp_path: Path) -> None:
    (part,) = fixture(tmp_path, BODY + hinge("continuous", limits="")).parts
    assert (part.name, part.type) == ("flap", "continuous")
    assert part.travel == pytest.approx(2 * math.pi)
    second = (
        f'<link name="b">{BOX.format("0.01 0.02 0.02")}</link><joint name="k" type="revolute"><parent link="body"/>'
    )
    second += '<child link="b"/><origin xyz="0.06 0 0"/><axis xyz="0 0 1"/><limit lower="0" upper="1"/>'
    second += '<mimic joint="j" multiplier="0.5"/></joint>'
    flap, other = fixture(tmp_path, BODY + hinge() + second).parts
    assert flap.mimic is None
    assert other.mimic == ("flap", 0.5)


def test_a_limit_beyond_all_measure_is_none(tmp_path: Path) -> None:
    slide = f'<link name="tray">{BOX.format("0.08 0.05 0.03")}</link><joint name="j" type="prismatic">'
    slide += '<parent link="body"/><child link="tray"/><origin xyz="-0.1 0 0"/><axis xyz="-1 0 0"/>'
    slide += '<limit lower="0" upper="100"/></joint>'
    (part,) = fixture(tmp_path, BODY + slide).parts
    assert part.travel == pytest.approx(0.75 * 0.08)


def test_an_sdf_says_the_same(tmp_path: Path) -> None:
    def link(name: str, pose: str, size: str) -> str:
        shape = f"<geometry><box><size>{size}</size></box></geometry>"
        both = f'<visual name="v">{shape}</visual><collision name="c">{shape}</collision>'
        return f'<link name="{name}"><pose>{pose}</pose><inertial><mass>0.1</mass></inertial>{both}</link>'

    joint = '<joint name="j" type="revolute"><parent>body</parent><child>flap_link</child><axis><xyz>0 0 1</xyz>'
    joint += "<limit><lower>0</lower><upper>1.2</upper></limit></axis></joint>"
    body, flap = link("body", "0 0 0 0 0 0", "0.10 0.06 0.04"), link("flap_link", "-0.06 0 0 0 0 0", "0.01 0.06 0.04")
    path = tmp_path / "thing.sdf"
    path.write_text(f'<sdf version="1.6"><model name="thing">{body}{flap}{joint}</model></sdf>')
    found = thing_of(path, Options())
    same = fixture(tmp_path, BODY + hinge())
    assert isinstance(found, ImportedFixture)
    assert found.size == pytest.approx(same.size)
    assert found.parts[0].axis == pytest.approx(same.parts[0].axis)
    assert found.parts[0].point == pytest.approx(same.parts[0].point)


@pytest.mark.parametrize(
    ("inside", "rule"),
    [
        (BODY + hinge("planar"), "joint 'j' is planar; a joint is fixed, revolute, prismatic or continuous"),
        (BODY + hinge("floating"), "joint 'j' is floating; a joint is fixed, revolute, prismatic or continuous"),
        (BODY + hinge(limits='<limit lower="1" upper="1"/>'), "lower limit below its upper one, got 1 and 1"),
        (BODY + hinge(limits='<limit lower="nan" upper="1"/>'), "must be 1 finite numbers, got 'nan'"),
        (hinge(), "joint 'j' speaks of link 'body', which is not there"),
        (BODY + BODY, "two links have one name"),
        (BODY + f'<link name="b">{BOX.format("1 1 1")}</link>', "links must form one tree, 2 of them hang on nothing"),
        ('<link name="a"/>', "it must have a shape that is seen or touched"),
        (f'<link name="a">{BOX.format("0.1 0.1 -1")}</link>', "the size of a box must be above 0"),
        (f'<link name="a">{BOX.format("0.1 0.1")}</link>', "the size of a box must be 3 finite numbers"),
        (
            '<link name="a"><visual><geometry><mesh filename="no.obj"/></geometry></visual></link>',
            "it names a mesh that is not there, 'no.obj'",
        ),
        (
            '<link name="a"><visual><geometry><mesh filename="../../../etc/passwd"/></geometry></visual></link>',
            "a mesh must lie in its folder or the one above",
        ),
        (
            '<link name="a"><visual><geometry><mesh filename="/etc/passwd"/></geometry></visual></link>',
            "a mesh must lie in its folder or the one above",
        ),
        ('<link name="a"><visual><geometry><torus/></geometry></visual></link>', "a shape is a box, cylinder, capsule"),
    ],
)
def test_what_cannot_be_had_is_one_line(tmp_path: Path, inside: str, rule: str) -> None:
    with pytest.raises(TabletopError) as caught:
        thing_of(urdf(tmp_path, inside), Options())
    assert rule in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_such_description_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.urdf"
    for text, rule in (
        ("", "it must be XML"),
        ("<robot><link></robot>", "it must be XML"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><robot>&a;</robot>', "it may not have a DOCTYPE"),
        ("<scene/>", "it must have <robot> (URDF) or <sdf> at the top, got <scene>"),
        ("<robot/>", "it must have 1 to 500 links, got 0"),
    ):
        path.write_text(text)
        with pytest.raises(TabletopError, match=r"^x: ") as caught:
            read_description(path, "x")
        assert rule in str(caught.value)


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    links = "".join(f'<link name="{n}">{BOX.format("0.1 0.1 0.1")}</link>' for n in "abc")
    joints = "".join(
        f'<joint name="{a}{b}" type="fixed"><parent link="{a}"/><child link="{b}"/></joint>' for a, b in ("bc", "cb")
    )
    with pytest.raises(TabletopError, match="links must form one tree, 'b' hangs in a circle"):
        thing_of(urdf(tmp_path, links + joints), Options())


def test_what_is_larger_than_a_table_says_at_which_scale_it_fits(tmp_path: Path) -> None:
    large = BODY.replace("0.10 0.06 0.04", "1.0 0.6 0.4") + hinge()
    with pytest.raises(TabletopError, match=r"a fixture's sides must be at most 0\.6 m, got .*; give --scale 0\.\d+"):
        fixture(tmp_path, large)
    assert max(fixture(tmp_path, large, Options(scale=0.25)).size) == pytest.approx(0.25, abs=0.02)


def test_scripts_open_and_shut_its_parts(lab: Path) -> None:
    import_file(THINGS / "lidded_box.urdf", Options("chest"), project=lab)
    assert load_cards()["chest/lid"].body_type == "joint"
    scene = generate({"entities": {"chest": "chest"}}, 77)
    steps = tuple(Step(name, {"entity": "chest/lid"}, "test") for name in ("open_part", "shut_part"))
    with World() as world:
        found = episode(ScriptedPolicy(steps), scene, 77, 500, world=world)
    fraction = found.state.entity("chest/lid", "fraction")
    assert fraction[0] == pytest.approx(0.0, abs=0.01)
    assert fraction.max() > 0.9
    assert fraction[-1] < 0.1


def slide(limits: str, name: str = "tray", y: float = 0.0, more: str = "") -> str:
    """Return a box of 8 x 5 x 3 cm that slides towards the robot."""
    link = f'<link name="{name}">{BOX.format("0.08 0.05 0.03")}</link><joint name="{name}_j" type="prismatic">'
    ends = f'<parent link="body"/><child link="{name}"/><origin xyz="-0.1 {y} 0"/><axis xyz="-1 0 0"/>'
    return f"{link}{ends}<limit {limits}/>{more}</joint>"


def test_a_limit_of_the_file_holds_if_it_fits_on_the_table(tmp_path: Path) -> None:
    (part,) = fixture(tmp_path, BODY + slide('lower="0" upper="0.2"')).parts
    assert part.travel == pytest.approx(0.2)
    found = fixture(tmp_path, BODY + slide('lower="-100" upper="100"'))
    assert found.parts[0].travel == pytest.approx(0.75 * 0.08)
    assert found.notes["travel"].startswith("tray: ")


def test_followers_keep_pace_as_they_are_mirrored_and_scaled(tmp_path: Path) -> None:
    mirrored = slide('lower="-0.1" upper="0"', "other", 0.06, '<mimic joint="tray_j" multiplier="-1"/>')
    tray = slide('lower="0" upper="0.1"')
    first, second = fixture(tmp_path, BODY + mirrored + tray).parts
    assert (first.name, first.mimic, second.mimic) == ("tray", None, ("tray", 1.0))
    turned = slide('lower="0" upper="0.1"', "other", 0.06, '<mimic joint="j" multiplier="0.05"/>')
    parts = fixture(tmp_path, BODY + hinge() + turned, Options(scale=0.5)).parts
    assert parts[1].mimic == ("flap", pytest.approx(0.025))
    with pytest.raises(TabletopError, match="joint 'other_j' must be shut when 'tray_j' is, which it follows"):
        fixture(tmp_path, BODY + tray + mirrored.replace('"-1"', '"1"'))


def test_a_mirrored_mesh_is_not_inside_out(tmp_path: Path) -> None:
    box = trimesh.creation.box((0.04, 0.06, 0.08))
    box.export(tmp_path / "box.obj")
    geometry = '<geometry><mesh filename="box.obj" scale="1 -1 1"/></geometry>'
    door = f'<link name="door"><visual>{geometry}</visual><collision>{geometry}</collision></link>'
    joint = '<joint name="j" type="revolute"><parent link="body"/><child link="door"/><origin xyz="-0.1 0 0"/>'
    joint += '<axis xyz="0 0 1"/><limit lower="0" upper="1"/></joint>'
    (part,) = fixture(tmp_path, BODY + door + joint).parts
    body = trimesh.Trimesh(part.body.vertices, part.body.faces)
    assert body.volume == pytest.approx(0.04 * 0.06 * 0.08)


def test_what_of_sdf_is_not_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.sdf"
    links = '<link name="a"/><link name="b"><pose relative_to="a">0 0 1 0 0 0</pose></link>'
    path.write_text(f'<sdf><model name="m">{links}</model></sdf>')
    with pytest.raises(TabletopError, match="<pose relative_to='a'> is not read; poses are in the model's frame"):
        read_description(path, "x")


def test_what_is_imported_anew_is_not_the_old_one(lab: Path) -> None:
    with World() as world:
        for size in ((0.04, 0.06, 0.05), (0.07, 0.06, 0.09)):
            trimesh.creation.box(size).export(lab / "anew.stl")
            import_file(lab / "anew.stl", Options("anew", units="m"), replace=True, project=lab)
            world.load(generate({"entities": {"a": {"kind": "anew", "at": {"x": 0.5, "y": 0.0}}}}, 0))
            for _ in range(5):
                state = world.step([0.0, 0.0, 0.0, 0.0, 1.0])
            height = float(state.entity("a", "position")[2] - state.robot("table_height"))
            assert height == pytest.approx(size[2] / 2, abs=6e-4)
