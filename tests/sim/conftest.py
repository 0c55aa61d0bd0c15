"""Robots that the package does not have: a project with those of pybullet_data, and a small arm of five joints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from other_robots import make_robots

from tabletop import projects


@pytest.fixture(scope="module")
def other_robots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Use a project with the xArm 6 and the KUKA iiwa; let go of it after the module, as no user can."""
    folder = make_robots(tmp_path_factory.mktemp("robots"))
    projects.use_project(folder)
    yield folder
    projects._used, projects._version = (), projects._version + 1
