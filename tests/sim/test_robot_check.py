"""Measuring robots: an arm that cannot be where it should is told from one that can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tabletop.sim import robot_check
from tabletop.sim.inverse_kinematics import ChainKinematics
from tabletop.sim.robot_card import load_robot_card, robot_file
from tabletop.sim.robot_model import look_at


def test_an_arm_whose_workspace_is_out_of_reach_is_measured_too(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = robot_check._any("cobot6", 5, np.random.default_rng(0))
    assert usual["poses"] == 5
    card = replace(load_robot_card("cobot6"), base=(3.0, 0.0, 0.0))
    far = ChainKinematics(card, look_at(card, robot_file("cobot6").parent / card.urdf)[1])
    monkeypatch.setattr(robot_check, "chain_kinematics_of", lambda _: far)
    found = robot_check._any("cobot6", 5000, np.random.default_rng(0))
    assert (found["poses"], found["failed"]) == (0, 0.0)
