"""Scripted policies: cards in policies/scripted, each a list of motion primitives, run with checking."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tabletop.control.motion import Array
from tabletop.control.primitive import get_primitive
from tabletop.errors import TabletopError, unknown
from tabletop.files import read_text
from tabletop.logic.task import Task, load_registry
from tabletop.projects import find
from tabletop.sim.scene import Scene
from tabletop.sim.state import State
from tabletop.yaml_files import item_lines, parse_yaml

__all__ = ["ScriptedPolicy", "Step", "load_scripted_policy", "read_steps"]

_RETRIES: Final = 2


@dataclass(frozen=True)
class Step:
    """One line of a card."""

    primitive: str
    arguments: Mapping[str, str | float]
    """Names of roles, directions and SI numbers; a word for a number is a value that the task sets."""
    where: str
    """Card and line, for errors."""


def read_steps(path: Path) -> tuple[Step, ...]:
    """Read a card: a list of `primitive: argument` or `primitive: {argument: value, ...}`.

    Raises:
        TabletopError: no such card, or it is malformed; the message names the card and the line.
    """
    if not path.is_file():
        raise unknown("scripted policy", path.stem, [f.stem for f in path.parent.glob("*.yaml")])
    card = f"policy card {path.name}"
    text = read_text(path, card)
    data = parse_yaml(text, card)
    if not isinstance(data, list) or not data:
        raise TabletopError(f"{card}: must be a list of steps such as '- grasp: block', got {data!r}")
    steps = []
    for item, line in zip(data, item_lines(text), strict=True):
        where = f"{card}, line {line}"
        if isinstance(item, str):
            item = {item: None}
        if not isinstance(item, dict) or len(item) != 1:
            raise TabletopError(f"{where}: a step is one primitive with its arguments, got {item!r}")
        name, given = next(iter(item.items()))
        primitive = get_primitive(str(name), where)
        steps.append(Step(primitive.name, primitive.read(given, where), where))
    return tuple(steps)


class ScriptedPolicy:
    """Runs the steps of a card. Where a hold is lost it goes back to the grasp, twice at most."""

    def __init__(
        self,
        steps: tuple[Step, ...],
        bindings: Mapping[str, str] | None = None,
        values: Mapping[str, float] | None = None,
    ) -> None:
        """Keep a card's steps.

        Args:
            steps: from `read_steps`.
            bindings: entities by role; roles left out are entities of the same name.
            values: numbers (SI) that words in the card stand for.

        Raises:
            TabletopError: a word stands for no value.
        """
        self.steps = steps
        self.bindings = dict(bindings or {})
        self.values = dict(values or {})
        self.log: list[dict[str, Any]] = []
        self._plan: list[tuple[Step, dict[str, Any]]] = []
        for step in steps:
            primitive = get_primitive(step.primitive, step.where)
            arguments = primitive.bind(step.arguments, self.bindings)
            for argument in primitive.arguments:
                word = arguments.get(argument.name)
                if argument.type in {"Length", "Turn"} and isinstance(word, str):
                    if word not in self.values:
                        raise unknown(f"value ({step.where}: {argument.name})", word, self.values)
                    arguments[argument.name] = self.values[word]
            self._plan.append((step, arguments))
        self._running: Generator[Array, State, None] | None = None
        self._started = False

    @property
    def names(self) -> tuple[str, ...]:
        """Entities that the steps speak of, after binding."""
        found: dict[str, None] = {}
        for step, arguments in self._plan:
            found.update(dict.fromkeys(get_primitive(step.primitive, step.where).names(arguments)))
        return tuple(found)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the running episode: a generator does not pickle, and `reset` begins a new one."""
        return {**self.__dict__, "_running": None, "_started": False}

    def reset(self, state: State, scene: Scene, rng: np.random.Generator) -> None:
        """Begin an episode.

        Raises:
            TabletopError: the scene lacks an entity that a step speaks of.
        """
        for step, arguments in self._plan:
            for name in get_primitive(step.primitive, step.where).names(arguments):
                if name not in state.layout.names:
                    raise unknown(f"entity ({step.where})", name, state.layout.names)
        self.log = []
        self._running = self._run(state)
        self._started = False

    def act(self, state: State) -> Array | None:
        """Return the next action (5,), or None where all steps are done.

        Raises:
            TabletopError: called before `reset`.
        """
        if self._running is None:
            raise TabletopError("a scripted policy must be reset before it acts")
        try:
            if self._started:
                return self._running.send(state)
            self._started = True
            return next(self._running)
        except StopIteration:
            return None

    def _run(self, state: State) -> Generator[Array, State, None]:
        index, retries = 0, 0
        while index < len(self._plan):
            step, arguments = self._plan[index]
            state, ok = yield from get_primitive(step.primitive, step.where).start(state, arguments)
            self.log.append({"step": step.primitive, "ok": ok, "time": float(state.robot("time"))})
            grasps = [i for i in range(index + 1) if self._plan[i][0].primitive in {"grasp", "pinch"}]
            if not ok and grasps and retries < _RETRIES:
                retries += 1
                index = grasps[-1]
            else:
                index += 1


def load_scripted_policy(
    task: str | Task, bindings: Mapping[str, str] | None = None, folder: str = "policies/scripted"
) -> ScriptedPolicy:
    """Return the scripted policy of a task.

    Args:
        task: a task, or its name in the registry.
        bindings: entities by the task's role names; roles left out are entities of the same name.
        folder: of the package and of projects, where the cards are.

    Raises:
        TabletopError: no such task or card, a malformed card, or one that speaks of entities that the task
            does not have.
    """
    known = load_registry()[task] if isinstance(task, str) else task
    cards = find(folder)
    if known.name not in cards:
        raise unknown("scripted policy", known.name, cards)
    steps = read_steps(cards[known.name])
    for step in steps:
        for name in get_primitive(step.primitive, step.where).names(step.arguments):
            if name not in known.entities:
                raise unknown(f"entity ({step.where})", name, known.entities)
    parameter = known.parameter
    values = {parameter.type: parameter.value} if parameter and parameter.value is not None else {}
    return ScriptedPolicy(steps, bindings, values)
