"""A project with robots that pybullet_data has: our cards of them, and copies of its files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pybullet_data

from tabletop.files import write_whole
from tabletop.importing.robots import copied_files

__all__ = ["OTHER_ROBOTS", "make_robots"]

OTHER_ROBOTS: Final = {"xarm6": "xarm/xarm6_with_gripper.urdf", "kuka": "kuka_iiwa/kuka_with_gripper2.sdf"}
"""Files of pybullet_data by the names of the cards in benchmarks/robots."""


def make_robots(folder: Path) -> Path:
    """Make a project with these robots in a folder, and return it."""
    robots = folder / "assets/robots"
    for name, file in OTHER_ROBOTS.items():
        copied = copied_files(Path(pybullet_data.getDataPath()) / file, name, name)
        card = Path(__file__).parent / f"robots/{name}.yaml"
        for path, content in {**copied, f"{name}.yaml": card.read_text(encoding="utf-8")}.items():
            (robots / path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(robots / path, content)
    write_whole(folder / "tabletop.toml", 'name = "other_robots"\n')
    return folder
