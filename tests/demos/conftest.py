from __future__ import annotations

import pytest

from tabletop.demos import Recording
from tabletop.logic import load_registry
from tabletop.rollout.engine import Engine

TASKS = load_registry()


@pytest.fixture
def here() -> Engine:
    return Engine(workers=0)


@pytest.fixture
def two() -> Recording:
    """Return a recording of two tasks, two scenes each; the second task has entities of any number."""
    return Recording("scripted", (TASKS["lift"], TASKS["reach"]), range(40, 42))
