"""Examples in docstrings give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = ("config", "envs.env", "sim.camera", "sim.pinhole", "sim.scene_cards", "sim.viewpoints", "sim.world")


@pytest.mark.parametrize("name", MODULES)
def test_a_modules_examples_are_true(name: str) -> None:
    outcome = doctest.testmod(import_module(f"tabletop.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
