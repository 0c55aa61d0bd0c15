"""What `tabletop demos` does: which episodes it records, and where."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tabletop.api.policies import fingerprint, policies_of
from tabletop.cli.success import chosen
from tabletop.demos import Recording, write_demos
from tabletop.errors import TabletopError
from tabletop.rollout.engine import Engine

__all__ = ["record_demos"]


def record_demos(options: argparse.Namespace) -> dict[str, Any]:
    """Record a policy on the tasks asked for; return what was written.

    Raises:
        TabletopError: bad options, or a suite with tasks that the registry lacks.
    """
    suite, tasks = chosen(options)
    makers = policies_of(options.policy, tasks)
    tasks = tuple(t for t in tasks if t.name in makers)
    numbers = suite.scene_numbers(options.seed, options.episodes)
    cameras, size = tuple(options.cameras.split(",")) if options.cameras else (), (options.size, options.size)
    if options.modalities and not cameras:
        raise TabletopError("--modalities needs --cameras")
    modalities = tuple(options.modalities.split(",")) if options.modalities else ("rgb",)
    recording = Recording(options.policy, tasks, numbers, options.all, fingerprint(makers), cameras, size, modalities)
    with Engine(options.workers) as engine:
        return write_demos(Path(options.out or f"demos/{options.format}"), options.format, recording, makers, engine)
