"""Every task's episodes run again bit for bit, in a new process and in another order."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from tabletop.demos import replay
from tabletop.logic import load_registry
from tabletop.rollout.evaluate import run_task, scripted
from tabletop.sim.scene import scene_text

TASKS = load_registry()
STEPS = 20
"""Control steps: enough for the gripper to meet what the task is about."""


@pytest.mark.slow
def test_every_tasks_states_are_the_same_bytes_in_a_new_process() -> None:
    """It gets scenes as YAML and actions, and runs the tasks backwards: nothing of one is left in the next."""
    here = {name: run_task(task, scripted, 4242, horizon=STEPS) for name, task in TASKS.items()}
    names = list(reversed(here))
    scenes = [scene_text(here[n].scene) for n in names]
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        there = dict(zip(names, other.map(replay, scenes, [here[n].actions for n in names]), strict=True))
    assert all(len(t) >= 3 and not (t.states[0] == t.states[-1]).all() for t in here.values())
    different = [n for n in here if here[n].states.tobytes() != there[n].states.tobytes()]
    assert different == []
