"""A robot's card drafted from its URDF or SDF: what it says, and what was found by trying it out."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.files import make_folder, read_bytes, read_text, write_whole
from tabletop.importing.description import Description, JointOf, read_description
from tabletop.importing.objects import one_line
from tabletop.schema import fill
from tabletop.sim.inverse_kinematics import ChainKinematics
from tabletop.sim.resting_posture import OVER, base_for, rest_for, share_reached
from tabletop.sim.robot_card import Follower, Hand, RobotCard, Workspace
from tabletop.sim.robot_draft import Draft, Gripper, Tried
from tabletop.sim.robot_model import look_at
from tabletop.yaml_files import parse_yaml

__all__ = ["copied_files", "robot_files"]

_FEWEST: Final = 5
_MOST: Final = 8
_MESH: Final = re.compile(r"""(filename\s*=\s*["'])([^"']*)(["'])|(<uri>\s*)([^<]*?)(\s*</uri>)""")
_BESIDE: Final = re.compile(rb"^[ \t]*(?:mtllib|map_K[ad])[ \t]+(\S+)", re.M)
_LARGEST: Final = 100_000_000
"""Bytes of all meshes at most."""
_WORKSPACE: Final = Workspace((0.28, -0.40, 0.0), (0.72, 0.40, 0.40))
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z")
_SPEED: Final = (2.0, 10.0)
"""rad/s of a joint whose file says none, and at most."""
_FORCE: Final = (80.0, 1000.0)
"""Nm, the same."""
_GRIP_SPEED: Final = (0.1, 2.0)
"""m/s and rad/s of the fingers' joints."""


def robot_files(path: Path, name: str) -> dict[str, str | bytes]:
    """Return the files of a robot for a project, by path: NAME.yaml, and what it takes in NAME/.

    Args:
        path: of a URDF or an SDF.
        name: of the robot.

    Raises:
        TabletopError: it is no arm of 5 to 8 turning joints with a gripper of two fingers that reaches the table.
    """
    what = f"robot {path.name!r}"
    found = read_description(path, what)
    arm, gripper = _parts(found, what)
    files = copied_files(path, name, what)
    urdf = f"{name}/{'robot.sdf' if path.suffix.lower() == '.sdf' else 'robot.urdf'}"
    with tempfile.TemporaryDirectory(prefix="tabletop-") as folder:
        for file, content in files.items():
            target = Path(folder) / file
            make_folder(target.parent)
            write_whole(target, content)
        card, share = _card(name, urdf, Path(folder), (arm, gripper), what)
    text = _text(card, path.name, share)
    fill(RobotCard, parse_yaml(text, what), what)  # Joints and links may be called anything.
    files[f"{name}.yaml"] = text
    return files


def _moving(found: Description, link: str) -> list[JointOf]:
    """Return the joints on a link, behind fixed ones too, that move."""
    out = []
    for joint in found.children.get(link, ()):
        out += _moving(found, joint.child) if joint.type == "fixed" else [joint]
    return out


def _below(found: Description, link: str) -> Iterator[JointOf]:
    for joint in found.children.get(link, ()):
        yield joint
        yield from _below(found, joint.child)


def _parts(found: Description, what: str) -> tuple[list[JointOf], Gripper]:
    """Return the joints of the arm, and the gripper: where the chain of joints branches."""
    arm: list[JointOf] = []
    link = found.root
    while True:
        ways = _moving(found, link)
        if len(ways) != 1:
            break
        arm.append(ways[0])
        link = ways[0].child
    kinds = [joint.type for joint in arm]
    if len(ways) < 2 or not _FEWEST <= len(arm) <= _MOST or "prismatic" in kinds:
        raise TabletopError(
            f"{what}: it must be an arm of {_FEWEST} to {_MOST} turning joints in a row that ends in two fingers that "
            f"move, got {len(arm)} joints ({', '.join(j.name for j in arm)[:80]}) and then {len(ways)}"
        )
    return arm, _gripper(found, ways, what)


def _gripper(found: Description, ways: list[JointOf], what: str) -> Gripper:
    """Return the gripper whose parts hang on these joints: the two that reach farthest are its fingers."""
    reach = {joint.name: _farthest(found, joint, np.eye(4)) for joint in ways}
    order = sorted(ways, key=lambda joint: -reach[joint.name][1])
    one, two = sorted(order[:2], key=lambda joint: ways.index(joint))
    drivers = (one.name, two.name)
    joints = [joint for way in ways for joint in (way, *_below(found, way.child)) if joint.type != "fixed"]
    links = [joint.child for way in ways for joint in (way, *_below(found, way.child))]
    inside = {
        joint.name: driver for driver, way in ((one.name, one), (two.name, two)) for joint in _below(found, way.child)
    }
    followers: dict[str, tuple[str, float, float]] = {}
    for joint in joints:
        if joint.name in drivers:
            continue
        driver = inside.get(joint.name) or _side(found, joint, (one, two))
        followers[joint.name] = (driver, *_ratio(found, joint, driver))
    if len(joints) > 20:
        raise TabletopError(f"{what}: a gripper has 20 joints at most, got {len(joints)}")
    return Gripper(ways[0].parent, drivers, (reach[one.name][0], reach[two.name][0]), tuple(links), followers)


def _farthest(found: Description, joint: JointOf, at: np.ndarray) -> tuple[str, float]:
    """Return the link below a joint, its own among them, with a shape farthest from the hand, and how far, m."""
    own = at @ joint.pose
    shaped = bool(found.links[joint.child].touches)
    best = (joint.child, float(np.linalg.norm(own[:3, 3])) if shaped else -1.0)
    for below in found.children.get(joint.child, ()):
        other = _farthest(found, below, own)
        if other[1] > best[1]:
            best = other
    return best


def _side(found: Description, joint: JointOf, fingers: tuple[JointOf, JointOf]) -> str:
    """Return the driven joint that is nearer to a joint of the gripper."""
    distances = [float(np.linalg.norm(joint.pose[:3, 3] - finger.pose[:3, 3])) for finger in fingers]
    return fingers[int(np.argmin(distances))].name


def _ratio(found: Description, joint: JointOf, driver: str) -> tuple[float, float]:
    """Return the ratio and the offset of a joint to the driven one that it goes with."""
    mimic, other = joint.mimic, found.joints[driver].mimic
    if mimic is not None:
        # Both may follow the same third joint.
        own = other.ratio if other is not None and other.joint == mimic.joint else 1.0
        return (mimic.ratio / own if own else mimic.ratio), mimic.offset
    along = float(joint.axis @ found.joints[driver].axis)
    # A fingertip that turns back as its finger turns stays parallel to the other one.
    return (-math.copysign(1.0, along) if abs(along) > 0.9 and joint.type != "prismatic" else 0.0), 0.0


def copied_files(path: Path, name: str, what: str) -> dict[str, str | bytes]:
    """Return the file with its meshes named anew, and the meshes, by path in the project's folder of robots.

    Args:
        path: of a URDF or an SDF.
        name: of the robot: its files lie in NAME/, the file itself is NAME/robot.urdf or NAME/robot.sdf.
        what: it is, for messages.

    Raises:
        TabletopError: it names a mesh that is neither in its folder nor in the one above, or they are too large.
    """
    text = read_text(path, what)
    files: dict[str, str | bytes] = {}
    folders = (path.parent, path.parent.parent)
    above = path.parent.resolve().parent
    left = _LARGEST

    def keep(file: Path) -> str:
        nonlocal left
        inner = file.resolve().relative_to(above).as_posix()
        if f"{name}/{inner}" not in files:
            data = read_bytes(file, f"{what}: {file.name!r}", left)
            left -= len(data)
            files[f"{name}/{inner}"] = data
            # What an obj, and its materials, name beside them.
            for word in _BESIDE.findall(data)[:50] if file.suffix.lower() in {".obj", ".mtl"} else ():
                other = file.parent / word.decode(errors="replace")
                if other.is_file() and other.resolve().parent == file.resolve().parent:
                    keep(other)
        return inner

    def renamed(match: re.Match[str]) -> str:
        before, given, after = (match[1], match[2], match[3]) if match[1] else (match[4], match[5], match[6])
        stripped = re.sub(r"^(package|model|file)://", "", given.strip())
        places = [
            p for p in (stripped, stripped.lstrip("/"), stripped.partition("/")[2]) if p and not p.startswith("/")
        ]
        for place in places:
            for start in folders:
                file = start / place
                if "\0" not in place and file.is_file() and file.resolve().is_relative_to(above):
                    return f"{before}{keep(file)}{after}"
        if "plugin" in given or Path(given).suffix.lower() not in {
            ".stl",
            ".obj",
            ".dae",
            ".png",
            ".jpg",
            ".jpeg",
            ".ply",
        }:
            return match[0]
        raise TabletopError(f"{what}: it names a file that is not in its folder or the one above, {given[:80]!r}")

    kind = "robot.sdf" if path.suffix.lower() == ".sdf" else "robot.urdf"
    changed = _MESH.sub(renamed, text)
    files[f"{name}/{kind}"] = changed
    return files


def _card(
    name: str, urdf: str, folder: Path, parts: tuple[list[JointOf], Gripper], what: str
) -> tuple[RobotCard, float]:
    """Return the card, and the share of the table that the arm reaches."""
    arm, gripper = parts
    tried = Tried(folder / urdf, what)
    try:
        gripper = tried.sorted(gripper)
        # The fingers are alike: which is the left one is as the wrist has most room.
        drafts = [(g, tried.gripper(g)) for g in (gripper, gripper.swapped())]
        said, inertia = [tried.infos[joint.name] for joint in arm], tried.has_inertia
    finally:
        tried.close()
    lower, upper = zip(*(_limits(joint) for joint in arm), strict=True)
    cards = []
    for found, draft in drafts:
        card = _first(name, urdf, arm, found, draft, (lower, upper), said, inertia)
        chain = look_at(card, folder / urdf)[1]
        home, worth = rest_for(chain, np.array(lower), np.array(upper))
        if home is not None:
            cards.append((worth, replace(card, home=tuple(round(float(v), 4) for v in home)), chain))
    if not cards:
        x, _, z = OVER
        raise TabletopError(
            f"{what}: the arm cannot bring its gripper down over the table, at x {x:g}, z {z:g} m; scale it, or write "
            "its card by hand"
        )
    best = max(cards, key=lambda one: one[0])
    # Where it makes no difference, the tool's frame is the hand's.
    worth, card, chain = cards[0] if cards[0][0] > best[0] - 0.02 else best
    card = base_for(card, chain)
    return card, share_reached(ChainKinematics(card, look_at(card, folder / urdf)[1]))


def _first(
    name: str,
    urdf: str,
    arm: Sequence[JointOf],
    gripper: Gripper,
    draft: Draft,
    limits: tuple[Sequence[float], Sequence[float]],
    said: Sequence[Sequence[Any]],
    inertia: bool,
) -> RobotCard:
    """Return a card that has all but a posture of rest."""
    lower, upper = limits
    card = RobotCard(
        name=name,
        urdf=urdf,
        arm_joints=tuple(joint.name for joint in arm),
        finger_joints=gripper.drivers,
        finger_links=gripper.fingers,
        hand_link=gripper.hand,
        tcp=draft.tcp,
        tool_rotation=tuple(round(v, 6) for v in draft.tool_rotation),  # type: ignore[arg-type]
        max_width=draft.width,
        finger_open=draft.opened,
        finger_closed=draft.closed,
        followers={n: Follower(*values) for n, values in gripper.followers.items()},
        home=tuple(min(max(0.0, a), b) for a, b in zip(lower, upper, strict=True)),
        lower=tuple(lower),
        upper=tuple(upper),
        velocity=tuple(_bounded(info[11], _SPEED) for info in said),
        force=tuple(_bounded(info[10], _FORCE) for info in said),
        finger_velocity=_GRIP_SPEED[draft.turns],
        finger_force=round(draft.force, 2),
        finger_friction=2.0,
        gear_force=round(3.5 * draft.force, 1),
        workspace=_WORKSPACE,
        hand=_shape(draft),
        inertia_from_file=inertia,
    )
    if not draft.turns and not gripper.followers and draft.closed == (0.0, 0.0):
        half = round(draft.width / 2, 4)
        if all(abs(v - half) < 2e-3 for v in draft.opened):
            card = replace(card, finger_open=None)
    return card


def _limits(joint: JointOf) -> tuple[float, float]:
    if joint.type == "continuous" or joint.upper - joint.lower > 4.001 * math.pi:
        return -6.2832, 6.2832
    return round(max(joint.lower, -6.9), 5), round(min(joint.upper, 6.9), 5)


def _bounded(value: float, bounds: tuple[float, float]) -> float:
    usual, most = bounds
    return round(min(value, most), 4) if value > 0 else usual


def _shape(draft: Draft) -> Hand:
    def kept(value: float) -> float:
        return round(min(max(value, 0.002), 1.0), 4)

    return Hand(
        kept(draft.tip),
        kept(draft.palm),
        kept(draft.breadth),
        kept(draft.thickness),
        (kept(draft.half[0]), kept(draft.half[1])),
    )


def _row(values: Sequence[object]) -> str:
    return f"[{', '.join(map(_word, values))}]"


def _word(value: object) -> str:
    """Return a number or a name as YAML; what YAML would take for something else is quoted."""
    if isinstance(value, str) and not (_PLAIN.match(value) and parse_yaml(value, "name") == value):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _text(card: RobotCard, source: str, share: float) -> str:
    """Return a card as YAML, with comments that say what was guessed."""
    followers = "".join(
        f"\n  {_word(name)}: {{joint: {_word(f.joint)}, ratio: {f.ratio:g}, offset: {f.offset:g}}}"
        for name, f in card.followers.items()
    )
    opened = (
        ""
        if card.finger_open is None
        else f"""
# Positions of finger_joints: found by opening them until they are farthest apart.
finger_open: {_row(card.finger_open)}
finger_closed: {_row(card.finger_closed)}"""
    )
    turned = (
        f"\ntool_rotation: {_row(card.tool_rotation)}  # check: z along the gripper, fingers open along y"
        if any(card.tool_rotation)
        else ""
    )
    why = "# Check: joints that go with a driven one, by mimic tags, or so that fingertips stay parallel."
    other = f"\n{why}\nfollowers:{followers}" if followers else ""
    inertia = "" if card.inertia_from_file else "\ninertia_from_file: false  # the file's cannot be"
    shown = one_line(source)
    return f"""# Drafted from {shown}. What says "check" was guessed: 'tabletop robots check {card.name}' measures it.
# Lengths in m, angles in rad, forces in N (Nm for turning joints), times in s.
name: {_word(card.name)}
urdf: {_word(card.urdf)}

arm_joints: {_row(card.arm_joints)}
finger_joints: {_row(card.finger_joints)}  # left and right
finger_links: {_row(card.finger_links)}  # check: what touches
hand_link: {_word(card.hand_link)}
tcp: {_row(card.tcp)}  # check: in the frame of hand_link, midway between the fingertips, 1 cm above their ends{turned}
max_width: {card.max_width}  # between the fingers, measured{opened}{other}

# Gripper straight down over the table: found by search. The arm keeps to this branch of postures.
home: {_row(card.home)}
lower: {_row(card.lower)}
upper: {_row(card.upper)}
velocity: {_row(card.velocity)}
force: {_row(card.force)}
finger_velocity: {card.finger_velocity}  # check
finger_force: {card.finger_force}  # check: of each driven joint
finger_friction: {card.finger_friction}  # check: soft pads; multiplied by that of what they hold
gear_force: {card.gear_force}  # check: that keeps the fingers' joints together, at most{inertia}

# Where the base stands: from here {100 * share:.0f} % of the table is reached. Its near edge is at x = 0.2.
base: {_row(card.base)}
base_yaw: {card.base_yaw}

# Check: how the gripper is shaped around the tcp, from its collision shapes.
hand:
  tip: {card.hand.tip}  # from the tcp down to the fingertips, when they are lowest
  palm: {card.hand.palm}  # from the tcp up to the palm
  breadth: {card.hand.breadth}  # of a finger across the way in which it closes
  thickness: {card.hand.thickness}  # of a finger along that way
  half: {_row(card.hand.half)}  # half extents of the hand, along that way and across

# Check: where the tcp may go, in the world's frame; z counts from the table's surface.
workspace:
  lower: {_row(card.workspace.lower)}
  upper: {_row(card.workspace.upper)}
"""
