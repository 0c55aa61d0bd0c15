"""Gymnasium environments over the tasks. Importing this registers `Tabletop/<Task>-v0`, such as
`Tabletop/PickPlace-v0`, `Tabletop/Discovery-v0`, which has no reward, and for `gymnasium.make_vec` the suites,
such as `Tabletop/MT10-v0`.
"""

from __future__ import annotations

from tabletop.envs.env import EnvSnapshot, TabletopEnv
from tabletop.envs.observe import state_names
from tabletop.envs.register import DISCOVERY, environment_id, environment_ids, register_all, suite_id, suite_ids

__all__ = [
    "DISCOVERY",
    "EnvSnapshot",
    "TabletopEnv",
    "environment_id",
    "environment_ids",
    "register_all",
    "state_names",
    "suite_id",
    "suite_ids",
]

register_all()
