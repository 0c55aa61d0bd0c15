"""Suites: tasks that are learned, or tested, together, such as Meta-World's MT10 and ML10; read from one YAML file."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final, TypedDict

from msgspec import Meta

from tabletop.errors import TabletopError, unknown
from tabletop.logic.task import Registry, Task
from tabletop.paths import SUITES
from tabletop.schema import fill
from tabletop.yaml_files import read_yaml

__all__ = ["ALL_SCENES", "Suite", "find_suite", "load_suites"]

ALL_SCENES: Final = (0, 2**31)
_Scene = Annotated[int, Meta(ge=ALL_SCENES[0], le=ALL_SCENES[1])]


class _Needs(TypedDict):
    description: str


class _Fields(_Needs, total=False):
    """What a suite may say."""

    tasks: tuple[str, ...]
    one: bool
    scenes: Annotated[tuple[_Scene, ...], Meta(min_length=2, max_length=2)]


_TRAIN, _TEST = "-train", "-test"


@dataclass(frozen=True)
class Suite:
    """A list of tasks, and which scenes they run on."""

    name: str
    description: str
    tasks: tuple[str, ...]
    """Their names, each once. Empty where the suite is of any one task, and which has not been said yet."""
    scenes: tuple[int, int] = ALL_SCENES
    """First number that scenes are drawn by, and the first one after the last."""

    @property
    def is_open(self) -> bool:
        """Whether it still has to be said which task it is of."""
        return not self.tasks

    def of(self, task: str) -> Suite:
        """Return the suite of that one task, "MT1:push".

        Raises:
            TabletopError: the suite has tasks already.
        """
        if not self.is_open:
            raise TabletopError(f"suite {self.name!r} has {len(self.tasks)} tasks and takes no other, got {task!r}")
        return replace(self, name=f"{self.name}:{task}", tasks=(task,))

    def missing(self, registry: Registry) -> tuple[str, ...]:
        """Return the names of its tasks that a registry lacks, in the suite's order."""
        return tuple(name for name in self.tasks if name not in registry)

    def select(self, registry: Registry) -> tuple[Task, ...]:
        """Return its tasks, in the suite's order.

        Raises:
            TabletopError: it is not said which task, or the registry lacks some; the message names them.
        """
        if self.is_open:
            raise TabletopError(f"suite {self.name!r} is of one task: say which, as in '{self.name}:reach'")
        missing = self.missing(registry)
        if missing and len(self.tasks) == 1:
            raise unknown("task", missing[0], registry)
        if missing:
            raise TabletopError(
                f"suite {self.name!r} needs all its {len(self.tasks)} tasks, and the registry lacks"
                f" {len(missing)}: {', '.join(missing)}"
            )
        return tuple(registry[name] for name in self.tasks)

    def scene_numbers(self, first: int, count: int) -> range:
        """Return `count` numbers to draw scenes by, from the `first` of the suite's own on.

        Raises:
            TabletopError: the suite has not that many scenes.
        """
        low, high = self.scenes
        if not 0 <= first <= high - low - count:
            raise TabletopError(
                f"suite {self.name!r} has scenes 0 to {high - low - 1}, got {count} scenes from {first} on"
            )
        return range(low + first, low + first + count)


def load_suites(path: Path = SUITES) -> dict[str, Suite]:
    """Read all suites, by name.

    Raises:
        TabletopError: the file is missing or malformed, or what ends in -train and -test shares a task's scenes.
    """
    raw = read_yaml(path, f"suites {path.name}")
    if not isinstance(raw, dict):
        raise TabletopError(f"suites {path.name}: must be a mapping of suites by name")
    suites = {str(name): _read(str(name), entry) for name, entry in raw.items()}
    for name, test in suites.items():
        if name.endswith(_TEST) and name.removesuffix(_TEST) + _TRAIN in suites:
            _keep_apart(suites[name.removesuffix(_TEST) + _TRAIN], test)
    return suites


def find_suite(name: str, suites: Mapping[str, Suite] | None = None) -> Suite:
    """Return a suite by name: "MT10", or "MT1:push" for one that is of any one task.

    MT10, ML10 and their like are named for those of Meta-World (Yu et al. 2019).

    Raises:
        TabletopError: no such suite, or one that takes no task.
    """
    known = load_suites() if suites is None else suites
    if not isinstance(name, str):
        raise unknown("suite", name, known)
    head, colon, task = name.partition(":")
    if head not in known:
        raise unknown("suite", head, (f"{n}:TASK" if s.is_open else n for n, s in known.items()))
    return known[head].of(task) if colon else known[head]


def _read(name: str, raw: Any) -> Suite:
    where = f"suite {name!r}"
    if ":" in name:
        raise TabletopError(f"{where}: a name has no colon")
    fields: Any = fill(_Fields, raw, where)
    tasks, one = fields.get("tasks", ()), fields.get("one", False)
    if len({*tasks}) < len(tasks):
        raise TabletopError(f"{where}: tasks must be a list of names, each once, got {reprlib.repr(tasks)}")
    if bool(tasks) == one:
        raise TabletopError(f"{where}: needs either tasks or one: true, got {len(tasks)} tasks and one {one}")
    first, end = fields.get("scenes", ALL_SCENES)
    if first >= end:
        raise TabletopError(f"{where}: scenes must be [from, to] with from < to, got {[first, end]}")
    return Suite(name, " ".join(fields["description"].split()), tasks, (first, end))


def _keep_apart(train: Suite, test: Suite) -> None:
    """Raise TabletopError where a task of both may run on the same scene in both."""
    shared = [t for t in train.tasks if t in test.tasks]
    if shared or (train.is_open and test.is_open):
        low, high = max(train.scenes[0], test.scenes[0]), min(train.scenes[1], test.scenes[1])
        if low < high:
            raise TabletopError(
                f"suites {train.name!r} and {test.name!r} must share no scene of a task, got scenes {low} to {high - 1}"
                f" of {', '.join(shared) or 'any task'}"
            )
