"""What `tabletop demos` does: which episodes it records, and where."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tabletop.cli.library_policy import fingerprint, library_policy
from tabletop.cli.success import chosen
from tabletop.demos import Recording, write_demos
from tabletop.errors import TabletopError
from tabletop.rollout.engine import Engine
from tabletop.rollout.evaluate import PLAIN_POLICIES, PolicyFactory

__all__ = ["record_demos"]


def record_demos(options: argparse.Namespace) -> dict[str, Any]:
    """Record a policy on the tasks asked for; return what was written.

    Raises:
        TabletopError: bad options, or a suite with tasks that the registry lacks.
    """
    suite, tasks = chosen(options)
    makers: Mapping[str, PolicyFactory]
    skills = ""
    if options.policy in PLAIN_POLICIES:
        makers = {t.name: PLAIN_POLICIES[options.policy] for t in tasks}
    else:
        makers = found = library_policy(options.policy, tasks)
        skills = fingerprint(found)
        tasks = tuple(t for t in tasks if t.name in found)
    if not tasks:
        raise TabletopError(f"none of the tasks asked for has a skill named for it in {options.policy!r}")
    numbers = suite.scene_numbers(options.seed, options.episodes)
    recording = Recording(options.policy, tasks, numbers, options.all, skills)
    with Engine(options.workers) as engine:
        return write_demos(Path(options.out or f"demos/{options.format}"), options.format, recording, makers, engine)
