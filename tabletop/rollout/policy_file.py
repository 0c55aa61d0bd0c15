"""Policies from files that a user names: their own Python, or a model that Stable-Baselines3 saved.

The file's code runs as any program of the user's does. Nothing else, such as a library or a card, can name one.
"""

from __future__ import annotations

import hashlib
import inspect
import multiprocessing
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from tabletop.errors import TabletopError
from tabletop.files import LARGE, read_bytes
from tabletop.logic.task import Task
from tabletop.rollout.evaluate import PolicyFactory
from tabletop.rollout.observation_policy import TOLD, ObservationPolicy
from tabletop.rollout.policy import Action, Policy
from tabletop.rollout.sb3_model import is_model, load_model, model_policy
from tabletop.rollout.user_code import defined, run_file, telling
from tabletop.sim.action import as_action
from tabletop.sim.scene import Scene
from tabletop.sim.state import State

__all__ = ["PolicyFile", "is_policy_file", "load_policy_file"]

_DEFAULT: Final = "make"
"""What is asked for where no name stands behind the file's."""
_FORM: Final = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^:/]+))?|(?P<model>.+\.zip)")
_POLICY: Final = "a Policy, a function of an observation, a model with predict, or a function of (task, scene)"


def is_policy_file(text: str) -> bool:
    """Return whether a text names a policy file: "policy.py", "policy.py:make" or "model.zip"."""
    return _FORM.fullmatch(text) is not None


@dataclass(frozen=True)
class PolicyFile:
    """A policy factory from a file. It goes to other processes as the three words below; each loads the file itself."""

    path: str
    """Absolute."""
    name: str
    """Of what makes the policy; "" for a model."""
    digest: str
    """SHA-256 of the file, in hex. A process that finds another file there refuses it."""

    def __call__(self, task: Task, scene: Scene) -> Policy:
        """Return the policy of one episode.

        Raises:
            TabletopError: the file has changed, or its code fails: the line begins with where.
        """
        return _FromFile(self, task, scene)

    def check(self, tasks: Sequence[Task]) -> None:
        """Load the file here, and check that tasks have the observation which its function or model sees.

        Raises:
            TabletopError: as for a call.
        """
        with telling(self.path):
            make = _loaded(self)
            if isinstance(make, ObservationPolicy):
                for task in tasks:
                    make.for_task(task)


def load_policy_file(text: str) -> PolicyFile:
    """Return the policies of a file as a factory.

    >>> make = load_policy_file("policy.py:make")  # or "model.zip"
    >>> with Engine() as engine:
    ...     evaluate(engine, make, load_registry()["push"], range(20))

    Args:
        text: "path/to/policy.py:name", by default "make", or "path/to/model.zip", which Stable-Baselines3 saved. What
            has that name is a Policy, a function of an observation, a model with predict, or a policy factory. A
            function without arguments returns one of these.

    Raises:
        TabletopError: no such file or name, the file's code fails, or what it gives is no policy. One line.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise TabletopError(f"a policy file is FILE.py, FILE.py:NAME or MODEL.zip, got {text!r}")
    path = Path(form["path"] or form["model"])
    try:
        content = read_bytes(path, f"policy file {str(path)!r}", LARGE)
    except TabletopError as error:
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix == path.suffix and p != path)
        raise TabletopError(f"{error}; beside it there are: {', '.join(near) or 'none'}") from None
    name = "" if form["model"] else form["name"] or _DEFAULT
    file = PolicyFile(str(path.resolve()), name, hashlib.sha256(content).hexdigest())
    file.check(())
    return file


class _FromFile:
    """The policy of one episode, whose errors say where in the file they arose. It pickles as how it was made."""

    def __init__(self, file: PolicyFile, task: Task, scene: Scene) -> None:
        self._made_of = (file, task, scene)
        self._path = file.path
        with telling(self._path):
            self._policy = _loaded(file)(task, scene)

    def __reduce__(self) -> tuple[Any, ...]:
        return _FromFile, self._made_of

    @property
    def log(self) -> Sequence[Any]:
        """What the policy notes, where it does."""
        with telling(self._path):
            return tuple(getattr(self._policy, "log", ()))

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode."""
        with telling(self._path):
            self._policy.reset(state, scene, rng)

    def act(self, state: State) -> Action | None:
        """Return the policy's action, or None where it has finished."""
        with telling(self._path):
            action = self._policy.act(state)
            return None if action is None else as_action(action)


@lru_cache(maxsize=16)
def _loaded(file: PolicyFile) -> PolicyFactory:
    """Return the factory that a file gives, from this process's own load of it."""
    path = Path(file.path)
    content = read_bytes(path, f"policy file {str(path)!r}", LARGE)
    if hashlib.sha256(content).hexdigest() != file.digest:
        raise TabletopError("the file has changed since it was loaded; load it again")
    if file.name:
        factory = _factory(defined(run_file(path, content), file.name), file.name)
    else:
        factory = model_policy(load_model(path))
    if multiprocessing.parent_process() is not None and "torch" in sys.modules:
        # One thread a worker, as for NumPy: products this small gain nothing by a second.
        sys.modules["torch"].set_num_threads(1)
    return factory


def _factory(value: Any, name: str) -> PolicyFactory:
    """Return a policy factory for what stands under a name in a user's file.

    A function without arguments that returns a Policy is called for each episode, so that none remembers another's.
    """
    if _is_policy(value) or is_model(value) or not callable(value) or _needs(value):
        return _factory_of(value, name)
    first = value()
    if _is_policy(first) and not isinstance(first, ObservationPolicy):
        return partial(_anew, value)
    return _factory_of(first, f"{name}()")


def _factory_of(value: Any, name: str) -> PolicyFactory:
    """Return a policy factory for a policy, a function of an observation, a model, or a factory.

    Raises:
        TabletopError: the value is none of these.
    """
    if isinstance(value, ObservationPolicy):
        return value
    if is_model(value):
        return model_policy(value)
    if _is_policy(value):
        return partial(_same, value)
    needs = _needs(value) if callable(value) else 0
    if needs == 1:
        return ObservationPolicy(value)
    if needs == 2:
        return partial(_of_scene, value, name)
    raise TabletopError(f"{name} must be {_POLICY}, got {type(value).__name__}")


def _anew(make: Callable[[], Policy], task: Task, scene: Scene) -> Policy:
    return make()


def _same(policy: Policy, task: Task, scene: Scene) -> Policy:
    return policy


def _of_scene(make: PolicyFactory, name: str, task: Task, scene: Scene) -> Policy:
    made = make(task, scene)
    if _is_policy(made) and not isinstance(made, ObservationPolicy):
        return made
    return _factory_of(made, f"{name}(task, scene)")(task, scene)


def _is_policy(value: object) -> bool:
    """Return whether a value, not a class, has the methods of a Policy."""
    methods = (getattr(value, name, None) for name in ("reset", "act"))
    return not isinstance(value, type) and all(callable(m) for m in methods)


def _needs(function: Callable[..., Any]) -> int:
    """Return how many arguments a function must be given, TOLD left out; 1 where it takes any number."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # written in C
        return 1
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        p
        for i, p in enumerate(parameters)
        if p.kind in places and p.default is p.empty and (i == 0 or p.name not in TOLD)
    ]
    any_number = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
    return 1 if not needed and any_number else len(needed)
