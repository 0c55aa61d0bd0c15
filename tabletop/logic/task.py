"""Tasks: a scene card, a formula that says when it is done, and what to call it; read from YAML cards."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, TypedDict

from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.logic.formula import Formula
from tabletop.logic.parse import parse
from tabletop.logic.quantity import read_quantity
from tabletop.paths import SUITES
from tabletop.projects import find
from tabletop.schema import fill
from tabletop.yaml_files import read_yaml

__all__ = ["Parameter", "Registry", "Task", "load_registry"]

_NAME: Final = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
_DIMENSIONS: Final = {"angle": "angle", "distance": "length"}


_Text = Annotated[str, Meta(pattern=r"\S")]
_Word = Annotated[str, Meta(pattern=_NAME)]
_Count = Annotated[int, Meta(ge=1, le=1000)]


class _Needs(TypedDict):
    description: _Text
    scene: Mapping[str, Any]
    success: _Text


class _Card(_Needs, total=False):
    """What a task card may say."""

    name: _Word
    family: _Word
    attends: str
    horizon: _Count
    tags: tuple[_Word, ...]
    parameter: Mapping[str, Any]
    version: _Count
    counterexample: _Text


@dataclass(frozen=True)
class Parameter:
    """What a task leaves open, so that a skill's own figure may be put there."""

    type: str
    """ "offset": where `entity` stands relative to `origin`; "angle", "distance": a number in the formula."""
    entity: str | None = None
    origin: str | None = None
    value: float | None = None
    """The number in the formula that may be replaced: rad or m; None for an offset."""


@dataclass(frozen=True)
class Task:
    """One thing to do, on a distribution of scenes."""

    name: str
    """Unique over all families, in lower case with dashes: its id."""
    family: str
    description: str
    """One sentence."""
    scene: Mapping[str, Any] = field(hash=False)
    """The scene card, as `sim.generate` takes it. Not to be modified."""
    success: Formula
    """Done where it holds; also the dense reward, the phrase and the planner's goal."""
    attends: str
    """The entity it is mainly about."""
    horizon: int = 60
    """Control steps of 0.1 s."""
    tags: tuple[str, ...] = ()
    parameter: Parameter | None = None
    version: int = 1
    """Rises when the meaning changes, so that old results are not compared with new ones."""
    counterexample: Formula | None = None
    """What a counterexample does: something close to the task that its description rules out."""

    @property
    def entities(self) -> tuple[str, ...]:
        """Names in the scene card, in its order (extras that the generator adds are not among them)."""
        return tuple(str(n) for n in self.scene["entities"])

    def with_value(self, value: float) -> Task:
        """Return the task with its formula's open number set to `value` (rad or m).

        Raises:
            TabletopError: the task leaves no number open, or the value is out of range.
        """
        own = self.parameter
        if own is None or own.value is None:
            raise TabletopError(f"task {self.name!r} leaves no number open; its parameter is {own!r}")
        success = self.success.replace_number(_DIMENSIONS[own.type], own.value, value)
        return replace(self, success=success, parameter=replace(own, value=value))


class Registry(Mapping[str, Task]):
    """Tasks by name, in the order of family and name. Immutable."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        """Raises TabletopError: two tasks share a name."""
        self._tasks: dict[str, Task] = {}
        for task in sorted(tasks, key=lambda t: (t.family, t.name)):
            if task.name in self._tasks:
                families = f"{self._tasks[task.name].family} and {task.family}"
                raise TabletopError(f"a task's name must be unique, got {task.name!r} in {families}")
            self._tasks[task.name] = task

    def __getitem__(self, name: str) -> Task:
        """Return the task of that name; a plain KeyError would not say what there is."""
        if name not in self._tasks:
            raise unknown("task", name, self._tasks)
        return self._tasks[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tasks

    def __iter__(self) -> Iterator[str]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def __repr__(self) -> str:
        return f"Registry({', '.join(self._tasks)})"

    @property
    def families(self) -> tuple[str, ...]:
        """Families in order."""
        return tuple(dict.fromkeys(t.family for t in self._tasks.values()))

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, sorted."""
        return tuple(sorted({tag for t in self._tasks.values() for tag in t.tags}))

    def select(self, what: str) -> tuple[Task, ...]:
        """Return tasks by a list such as "push-left,family:stack,tag:easy", or all; each once, in order.

        Raises:
            TabletopError: nothing asked for, or an unknown task, family or tag.
        """
        found: dict[str, Task] = {}
        for word in (w.strip() for w in what.split(",")):
            head, _, rest = word.partition(":")
            if word == "all":
                chosen = list(self._tasks.values())
            elif head == "family":
                chosen = [t for t in self._tasks.values() if t.family == rest]
                if not chosen:
                    raise unknown("family of tasks", rest, self.families)
            elif head == "tag":
                chosen = [t for t in self._tasks.values() if rest in t.tags]
                if not chosen:
                    raise unknown("tag of tasks", rest, self.tags)
            elif word in self._tasks:
                chosen = [self._tasks[word]]
            else:
                raise unknown("task", word, [*self._tasks, "all", *(f"family:{f}" for f in self.families)])
            found.update((t.name, t) for t in chosen)
        return tuple(found.values())


def load_registry(folder: Path | None = None) -> Registry:
    """Read every task card: tasks/<family>/<name>.yaml, of the package and of the projects in use.

    Args:
        folder: whose tasks they are instead.

    Raises:
        TabletopError: no such folder, or a card is malformed; the message begins with the card's file.
    """
    if folder is None:
        return Registry(_read(path) for path in find("tasks/*").values())
    if not folder.is_dir():
        raise TabletopError(f"no folder of task cards at {str(folder)!r}")
    for path in folder.glob("*.yaml"):
        if path.name == SUITES.name:
            continue
        raise TabletopError(f"a task card lies in its family's folder, got {path.name!r} outside of any")
    return Registry(_read(path) for path in sorted(folder.glob("*/*.yaml")))


def _read(path: Path) -> Task:
    where = f"task card {path.parent.name}/{path.name}"
    card = read_yaml(path, where)
    if isinstance(card, dict) and "counter" in card:
        raise TabletopError(f"{where}: the field counter is now counterexample")
    raw: Any = fill(_Card, card, where)
    for key, value in (("name", path.stem), ("family", path.parent.name)):
        if raw.get(key, value) != value:
            raise TabletopError(f"{where}: {key} must be as in the path, {value!r}, got {raw[key]!r}")
        if not re.fullmatch(_NAME, value):
            raise TabletopError(f"{where}: {key} must be lower-case words with dashes, got {value!r}")
    names = _names(raw["scene"], where)
    success = parse(_line(raw["success"]), names, f"{where}: success")
    counterexample = None
    if "counterexample" in raw:
        counterexample = parse(_line(raw["counterexample"]), names, f"{where}: counterexample")
    attends = raw.get("attends", names[0])
    if attends not in names:
        raise TabletopError(f"{where}: attends must be one of {', '.join(names)}, got {attends!r}")
    parameter = _parameter(raw["parameter"], raw["scene"], success, where) if "parameter" in raw else None
    return Task(
        name=path.stem,
        family=path.parent.name,
        description=_line(raw["description"]),
        scene=raw["scene"],
        success=success,
        attends=attends,
        horizon=raw.get("horizon", 60),
        tags=raw.get("tags", ()),
        parameter=parameter,
        version=raw.get("version", 1),
        counterexample=counterexample,
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _names(scene: Mapping[str, Any], where: str) -> list[str]:
    """Return the entities that every scene of the card has."""
    entities = scene.get("entities")
    if not isinstance(entities, Mapping) or not entities:
        raise TabletopError(f"{where}: scene must be a mapping with entities by name, got {reprlib.repr(scene)}")
    sure = [str(n) for n, e in entities.items() if not (isinstance(e, Mapping) and e.get("optional"))]
    if not sure:
        raise TabletopError(f"{where}: scene needs an entity that is not optional, got {', '.join(entities)}")
    return sure


def _parameter(raw: Mapping[str, Any], scene: Mapping[str, Any], success: Formula, where: str) -> Parameter:
    forms = "{entity: NAME, from: NAME}, {angle: 45 deg} or {distance: 10 cm}"
    if set(raw) == {"entity", "from"}:
        entity, origin = raw["entity"], raw["from"]
        spec = scene["entities"].get(entity)
        offset = spec.get("offset") if isinstance(spec, Mapping) else None
        if not isinstance(offset, Mapping) or offset.get("from") != origin:
            raise TabletopError(
                f"{where}: parameter: the scene must place {entity!r} at an offset from {origin!r}, got {spec!r}"
            )
        return Parameter("offset", entity, origin)
    if len(raw) == 1 and set(raw) <= set(_DIMENSIONS):
        parameter_type, text = next(iter(raw.items()))
        value, dimension = read_quantity(text, f"{where}: parameter: {parameter_type}")
        if dimension != _DIMENSIONS[parameter_type]:
            raise TabletopError(
                f"{where}: parameter: {parameter_type} must be of dimension {_DIMENSIONS[parameter_type]}, got {text}"
            )
        try:
            success.replace_number(dimension, value, 0.0)
        except TabletopError as error:
            raise TabletopError(f"{where}: parameter: {error}") from None
        return Parameter(parameter_type, value=value)
    raise TabletopError(f"{where}: parameter must be {forms}, got {raw!r}")
