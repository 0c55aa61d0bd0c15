"""Faults from outside, injected while a command is at work, and what it then says."""

from __future__ import annotations

from typing import NoReturn

import pytest

from tabletop.rollout.engine import Engine
from tabletop.sim import World


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no episode begin."""

    def begin(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the work began")

    for name in ("map", "submit"):
        monkeypatch.setattr(Engine, name, begin)
    for name in ("__init__", "load"):
        monkeypatch.setattr(World, name, begin)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add how often each stage is killed: see test_kills.py."""
    parser.addoption("--kills", type=int, default=1, metavar="N", help="kill each stage so often (default 1)")
