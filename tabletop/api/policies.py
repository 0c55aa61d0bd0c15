"""Policies by task, however they are given: built-in ones, a user's own, or the skills of a named library."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tabletop.errors import TabletopError
from tabletop.logic import Task
from tabletop.naming import NamedLibrary, open_library
from tabletop.rollout.evaluate import BUILTIN_POLICIES, PolicyFactory
from tabletop.rollout.observation_policy import ObservationPolicy
from tabletop.rollout.policy import Policy
from tabletop.rollout.policy_file import PolicyFile, is_policy_file, load_policy_file
from tabletop.sim.scene import Scene
from tabletop.skills.library import Library, Skill

__all__ = ["AnyPolicy", "fingerprint", "name_of", "policies_of"]

AnyPolicy = str | os.PathLike[str] | NamedLibrary | PolicyFactory
"""A name or path (see `policies_of`), a library with names, or a function of (task, scene) that makes a policy."""


@dataclass(frozen=True)
class OneSkill:
    """A skill of a library as a task's policy."""

    library: Library
    skill: Skill

    def __call__(self, task: Task, scene: Scene) -> Policy:
        return self.library.policy(self.skill, task.attends, task.horizon)


def name_of(policy: AnyPolicy) -> str:
    """Return what a policy is called in results."""
    if isinstance(policy, (str, os.PathLike)):
        return os.fspath(policy)
    if isinstance(policy, NamedLibrary):
        return "library"
    named = policy.predict if isinstance(policy, ObservationPolicy) else policy
    name: str = getattr(named, "__name__", type(named).__name__)
    owner = getattr(named, "__self__", None)
    return name if owner is None else f"{type(owner).__name__}.{name}"


def policies_of(policy: AnyPolicy, tasks: Sequence[Task]) -> Mapping[str, PolicyFactory]:
    """Return a policy factory for each task that a policy can be asked for.

    Args:
        policy: the name of a built-in policy; a policy file, "policy.py:make" or "model.zip"; a run folder or library,
            of which each task has the best skill that is named for it; or a function of (task, scene) that makes one.
        tasks: the tasks asked for.

    Raises:
        TabletopError: no such library, its skills have not been named, or none is named for one of the tasks; or the
            policy file fails, or a task has no observation that it can see.
    """
    if not isinstance(policy, (str, os.PathLike, NamedLibrary)):
        if not callable(policy):
            raise TabletopError(
                "a policy is a name, a path, a library or a function of (task, scene); wrap one of an observation, such"
                f" as model.predict, in tt.ObservationPolicy; got {type(policy).__name__}"
            )
        _check_takes_two(policy)
        return {t.name: policy for t in tasks}
    name = name_of(policy)
    if name in BUILTIN_POLICIES:
        return {t.name: BUILTIN_POLICIES[name] for t in tasks}
    if not isinstance(policy, NamedLibrary) and is_policy_file(name):
        file = load_policy_file(name)
        file.check(tasks)
        return {t.name: file for t in tasks}
    opened = policy if isinstance(policy, NamedLibrary) else _opened(name)
    if opened.named is None:
        raise TabletopError(f"the skills of {name!r} have no names yet; name them with: tabletop name {name}")
    library, best = opened.library, opened.named.best()
    found = {t.name: OneSkill(library, library.skill(best[t.name].id)) for t in tasks if t.name in best}
    if not found:
        raise TabletopError(f"none of the tasks asked for has a skill named for it in {name!r}")
    return found


def _check_takes_two(policy: PolicyFactory) -> None:
    try:
        signature = inspect.signature(policy)
    except (ValueError, TypeError):
        return  # It does not say what it takes.
    try:
        signature.bind(None, None)
    except TypeError:
        raise TabletopError(
            f"a function that makes policies takes (task, scene), {name_of(policy)} takes {signature}; wrap a function"
            " of an observation in tt.ObservationPolicy"
        ) from None


def _opened(name: str) -> NamedLibrary:
    try:
        return open_library(name)
    except TabletopError as error:
        if os.path.exists(name):
            raise
        known = f"policies: {', '.join(BUILTIN_POLICIES)}, FILE.py:NAME, MODEL.zip"
        raise TabletopError(f"{error}; {known}") from None


def fingerprint(makers: Mapping[str, PolicyFactory]) -> str:
    """Return what distinguishes policies of one name: "" for built-in ones.

    Of a library it is a digest of which skills they are and of its weights; of a policy file that of its content. What
    the file's code reads has no part in it.

    Args:
        makers: what `policies_of` returned.
    """
    files = {f"{maker.name} {maker.digest}" for maker in makers.values() if isinstance(maker, PolicyFile)}
    if files:
        return hashlib.sha256(";".join(sorted(files)).encode()).hexdigest()
    skills = {task: maker for task, maker in makers.items() if isinstance(maker, OneSkill)}
    if not skills:
        return ""
    found = hashlib.sha256("".join(f"{task} {skills[task].skill.id};" for task in sorted(skills)).encode())
    library = next(iter(skills.values())).library  # that of all
    for name, array in sorted({**library.weights, "embeddings": library.embeddings}.items()):
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()
