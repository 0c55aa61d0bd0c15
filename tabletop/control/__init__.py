"""Scripted control: motion primitives, and the policies that cards make of them."""

from __future__ import annotations

# Importing the modules registers their primitives.
from tabletop.control import contact, deformable_cloth, deformable_rope, handling, joints, parts, placing, tools
from tabletop.control.motion import Motion
from tabletop.control.primitive import PRIMITIVES, Primitive, get_primitive, primitive
from tabletop.control.scripted import ScriptedPolicy, Step, load_scripted_policy, read_steps

__all__ = [
    "PRIMITIVES",
    "Motion",
    "Primitive",
    "ScriptedPolicy",
    "Step",
    "contact",
    "deformable_cloth",
    "deformable_rope",
    "get_primitive",
    "handling",
    "joints",
    "load_scripted_policy",
    "parts",
    "placing",
    "primitive",
    "read_steps",
    "tools",
]
