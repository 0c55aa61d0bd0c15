"""Scripted control: motion primitives, and the policies that cards make of them."""

from __future__ import annotations

# Importing the modules registers their primitives.
from tabletop.control import contact, fabrics, handling, joints, placing, ropes, tools
from tabletop.control.expert import Expert, Step, load_expert, read_steps
from tabletop.control.motion import Motion
from tabletop.control.primitive import PRIMITIVES, Primitive, get_primitive, primitive

__all__ = [
    "PRIMITIVES",
    "Expert",
    "Motion",
    "Primitive",
    "Step",
    "contact",
    "fabrics",
    "get_primitive",
    "handling",
    "joints",
    "load_expert",
    "placing",
    "primitive",
    "read_steps",
    "ropes",
    "tools",
]
