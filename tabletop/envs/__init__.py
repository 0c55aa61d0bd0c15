"""Gymnasium environments over the tasks. Importing this registers `Tabletop/<Task>-v0`, such as
`Tabletop/PickPlace-v0`, and `Tabletop/Discovery-v0`, which has no reward.
"""

from __future__ import annotations

from tabletop.envs.env import TabletopEnv
from tabletop.envs.register import DISCOVERY, environment_id, environment_ids, register_all

__all__ = ["DISCOVERY", "TabletopEnv", "environment_id", "environment_ids", "register_all"]

register_all()
