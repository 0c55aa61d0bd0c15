"""Commands run in this process, in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tabletop.learn.actor import NetworkSpec
from tabletop.learn.sac import SAC, SACSettings
from tabletop.runs.records import Naming
from tabletop.runs.store import as_record, write_record
from tabletop.sim.generate import load_scene_card
from tabletop.skills.codebook import Codebook
from tabletop.skills.effects import DESCRIPTOR_WIDTH, EFFECT_WIDTH
from tabletop.skills.library import Library
from tabletop.skills.observation import EGO, OTHER_WIDTH, OTHERS
from tabletop.skills.skill_policy import CODE_WIDTH


@pytest.fixture
def files() -> Callable[[Path], dict[str, bytes]]:
    """Return the function that reads all files below a folder, by their paths in it."""
    return lambda folder: {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="session")
def library() -> Library:
    """Return a library of two untrained skills of a button: its scenes have no other joint."""
    import numpy as np

    codes = Codebook({"joint": 2})
    spec = NetworkSpec(EGO + CODE_WIDTH + DESCRIPTOR_WIDTH, OTHERS, OTHER_WIDTH)
    weights = SAC(spec, 5, SACSettings(hidden=(8, 8)), 0).actor_arrays()
    info = {"seed": 0, "env_steps": 100, "minutes": 0.1}
    whole = load_scene_card("discovery")
    card = {**whole, "entities": {k: v for k, v in whole["entities"].items() if k != "drawer"}}
    return Library(codes, 4, weights, np.zeros((2, EFFECT_WIDTH)), card, info)


@pytest.fixture
def write_names(library: Library) -> Callable[..., None]:
    """Return what writes a name.json with the best skills of tasks: `write_names(folder, push="button-00")`."""

    def write(folder: Path, **tasks: str) -> None:
        rates = {"success": 1.0, "low": 0.9, "high": 1.0, "n": 9}
        skills = {task: library.skill(skill) for task, skill in tasks.items()}
        entries = [
            {"id": s.id, "effect": s.effect.name, "entity_kind": s.kind or "rigid", "name": task, "task": task}
            | {"tried": task, **rates, "shuffled_success": 0.0, "random_success": 0.0, "nothing_success": 0.0}
            | {"phrase": "x", "size": 0.1, "spread": 0.0, "consistent": True, "outcomes": [], "offset": None}
            | {"angle": None}
            for task, s in skills.items()
        ]
        data = {
            "skills": entries,
            "named_tasks": sorted(tasks),
            "tasks": {task: {"skill": skill, "skills": 1, **rates} for task, skill in tasks.items()},
            "matrix": {"tasks": [], "skills": [], "rates": []},
            "settings": {},
        }
        write_record(folder / "name.json", as_record(Naming, data))

    return write
