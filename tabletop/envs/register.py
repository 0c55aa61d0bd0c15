"""The environments' ids, and their registration with gymnasium."""

from __future__ import annotations

from typing import Final

import gymnasium

from tabletop.logic.suite import load_suites
from tabletop.paths import TASKS

__all__ = ["DISCOVERY", "environment_id", "environment_ids", "register_all", "suite_id", "suite_ids"]

DISCOVERY: Final = "Tabletop/Discovery-v0"


def environment_id(task: str) -> str:
    """Return the id of a task's environment: "pick-place" gives "Tabletop/PickPlace-v0"."""
    return f"Tabletop/{''.join(word.capitalize() for word in task.split('-'))}-v0"


def environment_ids() -> dict[str, str | None]:
    """Return the task of every id; None for the environment without one.

    Only names of files are read: importing the package stays quick, and a malformed card is reported where
    it is used.
    """
    names = sorted(path.stem for path in TASKS.glob("*/*.yaml"))
    return {**{environment_id(name): name for name in names}, DISCOVERY: None}


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
    for name, task in environment_ids().items():
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point="tabletop.envs.env:TabletopEnv", kwargs={"task": task})
