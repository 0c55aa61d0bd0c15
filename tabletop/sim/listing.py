"""What kinds of things and robots there are, and which project each is of."""

from __future__ import annotations

from typing import Any

from tabletop.projects import find, origin
from tabletop.sim.cards import load_cards
from tabletop.sim.robot_card import load_robot_card

__all__ = ["kind_rows", "robot_rows"]


def kind_rows() -> list[dict[str, Any]]:
    """Return a row a kind: kind, type ("object" or "fixture"), body_type, graspable, description, project.

    Raises:
        TabletopError: a card is malformed.
    """
    cards = load_cards()
    return [
        {
            "kind": name,
            "type": folder.removesuffix("s"),
            "body_type": cards[name].body_type,
            "graspable": cards[name].graspable,
            "description": cards[name].description,
            "project": origin(path),
        }
        for folder in ("objects", "fixtures")
        for name, path in find(f"assets/{folder}").items()
    ]


def robot_rows() -> list[dict[str, Any]]:
    """Return a row a robot: robot, joints (of the arm), max_width (m between the fingers), project.

    Raises:
        TabletopError: a card is malformed.
    """
    return [
        {
            "robot": name,
            "joints": len(load_robot_card(name).arm_joints),
            "max_width": load_robot_card(name).max_width,
            "project": origin(path),
        }
        for name, path in find("assets/robots").items()
    ]
