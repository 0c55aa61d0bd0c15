"""Success of any policy under perturbations, by task: what `tabletop perturb POLICY --tasks A,B` measures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tabletop.api.success import robustness
from tabletop.files import check_out
from tabletop.logic import load_registry
from tabletop.rollout.evaluate import BUILTIN_POLICIES
from tabletop.rollout.policy_file import is_policy_file
from tabletop.runs.records import Robustness

__all__ = ["needs_tasks", "perturb_policy"]


def needs_tasks(policy: str) -> bool:
    """Return whether a policy can be perturbed only on tasks that are named: it is no run of named skills."""
    return policy in BUILTIN_POLICIES or is_policy_file(policy)


def perturb_policy(options: argparse.Namespace, families: Sequence[str]) -> Robustness:
    """Perturb a policy on each task asked for; return its curves, and write them where --out says.

    Raises:
        TabletopError: an unknown task or policy, --out is a folder, or the policy can do none of the tasks.
    """
    if options.out:
        check_out(Path(options.out), "perturb with --tasks")
    tasks = load_registry().select(options.tasks)
    record = robustness(options.run, tasks, families, options.scenes, options.seed, options.workers)
    if options.out:
        record.save(options.out)
    return record
