"""What a state looks like through noisy sensors.

Noise is Gaussian, anew at every step, and each number has its own. One sigma in metres sets them all:

| what is seen | sigma, for a sigma of s metres |
| --- | --- |
| positions of things and of the gripper, nodes | s |
| turns of things, about each axis | 10 rad a metre |
| turns of the gripper, joints of the arm | 2 rad a metre |
| velocities of things and of the gripper | 2 m/s a metre |
| spins of things | 20 rad/s a metre |
| fractions of joints, within 0 and 1 | 5 a metre |
| width between the fingers, not below 0 | 0.25 m a metre |
| forces of the fingers, not below 0 | 20 N a metre |
| how things came to be where they are: height and distances | s |
| the same: greatest tilt | 10 rad a metre |
| the same: greatest force | 20 N a metre |

Exact stay the time and the table. So do sizes and grasp points, which are known of a kind, and what is 0 by definition:
the speed of what is fixed, the fraction of what has no joint, the spin of what is deformable.

Something deformable is seen by its nodes. Half of a node's variance is shared by all nodes, half is its own. The box
around the nodes (position, heading, size) follows from those that are seen.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from tabletop.sim.deformable_beads import box, heading
from tabletop.sim.scene import Scene
from tabletop.sim.state import Layout, State

__all__ = ["ARM_TURN", "FORCE", "FRACTION", "SPIN", "TURN", "VELOCITY", "WIDTH", "blurred"]

Array = npt.NDArray[np.float64]

TURN: Final = 10.0
"""rad a metre, of things."""
ARM_TURN: Final = 2.0
"""rad a metre, of the gripper and the arm's joints: encoders are better than cameras."""
VELOCITY: Final = 2.0
"""m/s a metre: as from positions half a second apart."""
SPIN: Final = TURN * VELOCITY
"""rad/s a metre."""
FRACTION: Final = 5.0
"""1 a metre."""
WIDTH: Final = 0.25
"""m a metre."""
FORCE: Final = 20.0
"""N a metre."""


@lru_cache(maxsize=64)
def _sigmas(layout: Layout) -> Array:
    """Return the noise of each column (width,) for a sigma of 1 m; turns and nodes are not among them."""
    out = np.zeros(layout.width)
    robot = {"gripper_position": 1.0, "gripper_width": WIDTH, "gripper_velocity": VELOCITY, "joints": ARM_TURN}
    for field, sigma in robot.items():
        out[layout.robot_slice(field)] = sigma
    for name, body_type in zip(layout.names, layout.body_types, strict=True):
        fields = {"finger_force": FORCE}
        fields |= {"highest": 1.0, "carried_distance": 1.0, "free_distance": 1.0, "steepest": TURN, "touch": FORCE}
        fields |= {} if body_type == "deformable" else {"position": 1.0}
        fields |= {} if body_type == "static" else {"velocity": VELOCITY}
        fields |= {"spin": SPIN} if body_type in {"rigid", "joint"} else {}
        fields |= {"fraction": FRACTION} if body_type == "joint" else {}
        for field, sigma in fields.items():
            out[layout.entity_slice(name, field)] = sigma
    return out


def blurred(state: State, sigma: float, scene: Scene, rng: np.random.Generator) -> State:
    """Return a state as it is seen through noise.

    Args:
        state: the truth, no batch shape; it is left as it is.
        sigma: of positions, m; the rest follows from it.
        scene: that the state is of, for the thickness of what is deformable.
        rng: draws as many numbers each time, whatever sigma is.
    """
    layout = state.layout
    seen = State(layout, state.values + sigma * _sigmas(layout) * rng.standard_normal(layout.width))
    # Accessors are views, so that writes land in `seen`.
    turns = sigma * rng.standard_normal((len(layout.names) + 1, 3))
    gripper = seen.robot("gripper_quaternion")
    gripper[...] = _turned(gripper, ARM_TURN * turns[-1])
    width = seen.values[layout.robot_slice("gripper_width")]
    np.maximum(width, 0.0, out=width)
    for name, body_type, turn in zip(layout.names, layout.body_types, turns, strict=False):
        for field in ("finger_force", "steepest", "touch", "carried_distance", "free_distance"):
            column = seen.values[layout.entity_slice(name, field)]
            np.maximum(column, 0.0, out=column)
        if body_type == "deformable":
            _blur_nodes(seen, name, sigma, scene.entity(name).size[2], rng)
            continue
        quaternion = seen.entity(name, "quaternion")
        quaternion[...] = _turned(quaternion, TURN * turn)
        if body_type == "joint":
            fraction = seen.values[layout.entity_slice(name, "fraction")]
            np.clip(fraction, 0.0, 1.0, out=fraction)
    return seen


def _blur_nodes(seen: State, name: str, sigma: float, thickness: float, rng: np.random.Generator) -> None:
    """Move the nodes of something deformable, and put the box around them where it then is."""
    nodes = seen.nodes(name)
    part = math.sqrt(0.5) * sigma
    nodes = nodes + part * rng.standard_normal(3) + part * rng.standard_normal(nodes.shape)
    seen.values[seen.layout.nodes_slice(name)] = nodes.ravel()
    yaw = heading(nodes)
    middle, extents = box(nodes, thickness, yaw)
    seen.entity(name, "position")[...] = middle
    seen.entity(name, "size")[...] = extents
    seen.entity(name, "quaternion")[...] = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))


def _turned(quaternion: Array, turn: Array) -> Array:
    """Return a quaternion (xyzw) turned by a rotation vector (3,), rad, about the world's axes."""
    angle = float(np.linalg.norm(turn))
    a, b, c = turn * (math.sin(angle / 2) / angle if angle > 0.0 else 0.5)
    d = math.cos(angle / 2)
    x, y, z, w = quaternion
    return np.array(
        [
            d * x + a * w + b * z - c * y,
            d * y - a * z + b * w + c * x,
            d * z + a * y - b * x + c * w,
            d * w - a * x - b * y - c * z,
        ]
    )
