"""The environments' ids, and their registration with gymnasium."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import gymnasium

from tabletop.envs.env import DISCOVERY_HORIZON
from tabletop.files import read_text
from tabletop.logic.suite import load_suites
from tabletop.logic.task import Task
from tabletop.projects import find

__all__ = ["DISCOVERY", "environment_id", "environment_ids", "register_all", "suite_id", "suite_ids"]

DISCOVERY: Final = "Tabletop/Discovery-v0"
_HORIZON: Final = re.compile(r"^horizon: *(\d+)", re.MULTILINE)


def environment_id(task: str) -> str:
    """Return the id of a task's environment: "pick-place" gives "Tabletop/PickPlace-v0"."""
    return f"Tabletop/{''.join(word.capitalize() for word in task.split('-'))}-v0"


def environment_ids() -> dict[str, str | None]:
    """Return the task of every id; None for the environment without one.

    Only names of files are read: importing the package stays quick, and a malformed card is reported where
    it is used.
    """
    return {**{environment_id(path.stem): path.stem for path in _cards()}, DISCOVERY: None}


def _cards() -> list[Path]:
    return list(find("tasks/*").values())


def _horizons() -> dict[str | None, int]:
    """Return the horizon of every id's task, from the one line of its card that says it."""
    said = {path.stem: _HORIZON.search(read_text(path, f"task card {path.stem!r}")) for path in _cards()}
    return {None: DISCOVERY_HORIZON, **{name: int(found[1]) if found else Task.horizon for name, found in said.items()}}


def suite_id(suite: str) -> str:
    """Return the id of a suite: "MT10" gives "Tabletop/MT10-v0", "lecture" gives "Tabletop/Lecture-v0"."""
    return f"Tabletop/{suite}-v0" if suite[0].isupper() else environment_id(suite)


def suite_ids() -> dict[str, str]:
    """Return the suite of every id that `gymnasium.make_vec` takes for one."""
    return {suite_id(name): name for name in load_suites()}


def register_all() -> None:
    """Register every environment, and every suite, that is not registered yet."""
    for name, suite in suite_ids().items():
        if name not in gymnasium.registry:
            gymnasium.register(name, vector_entry_point="tabletop.envs.suite:make_suite", kwargs={"suite": suite})
    horizons = _horizons()
    for name, task in environment_ids().items():
        if name not in gymnasium.registry:
            gymnasium.register(
                name,
                entry_point="tabletop.envs.env:TabletopEnv",
                kwargs={"task": task},
                max_episode_steps=horizons[task],
            )
