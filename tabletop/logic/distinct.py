"""Whether two tasks ask for the same: one formula, and a scene that both may draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, permutations
from typing import Any, Final

from tabletop.logic.task import Task
from tabletop.sim.cards import load_cards

__all__ = ["same_tasks"]

_Range = tuple[float, float]
_ANY: Final[_Range] = (-1e9, 1e9)
_WORDS: Final = ("on", "inside", "held")
"""Fields of an entity that say how it starts, and must be the same."""


def same_tasks(tasks: Iterable[Task]) -> list[tuple[str, str]]:
    """Return the pairs of tasks with one formula, up to names, for which the generator may draw one scene.

    Colours do not count, nor does how often a scene comes up.
    """
    return [(a.name, b.name) for a, b in combinations(tasks, 2) if _same(a, b)]


def _same(one: Task, two: Task) -> bool:
    if len(one.entities) != len(two.entities) or len(one.success.leaves) != len(two.success.leaves):
        return False
    if not _meet(_range(_extras(one), (0.0, 0.0)), _range(_extras(two), (0.0, 0.0))):
        return False
    for order in permutations(two.entities):
        names = dict(zip(one.entities, order, strict=True))
        if one.success.rename(names) == two.success and all(
            _alike(_spec(one, a), _spec(two, b), names) for a, b in names.items()
        ):
            return True
    return False


def _extras(task: Task) -> object:
    extras = task.scene.get("extras")
    return extras.get("count") if isinstance(extras, Mapping) else None


def _spec(task: Task, name: str) -> Mapping[str, Any]:
    raw = task.scene["entities"][name]
    return raw if isinstance(raw, Mapping) else {"kind": raw}


def _range(value: object, default: _Range = _ANY) -> _Range:
    """Return a number or a range as a range."""
    if isinstance(value, Sequence) and len(value) == 2 and not isinstance(value, str):
        return float(value[0]), float(value[1])
    return (float(value), float(value)) if isinstance(value, (int, float)) else default


def _meet(one: _Range, two: _Range, period: float | None = None) -> bool:
    """Return whether two ranges have a number in common, up to whole periods."""
    shifts = (0.0,) if period is None else (-2 * period, -period, 0.0, period, 2 * period)
    return any(one[0] <= two[1] + s and two[0] + s <= one[1] for s in shifts)


def _kinds(spec: Mapping[str, Any]) -> set[str]:
    kind = spec.get("kind")
    return {str(k) for k in kind} if isinstance(kind, list) else {str(kind)}


def _usual(kinds: Iterable[str], field: str) -> _Range:
    """Return a field of entities of some kinds, of their place, turn or size, where a scene does not say."""
    cards = [load_cards()[k] for k in kinds]
    ranges = [_range(c.size[field] if field in c.size else (c.reach or {}).get(field)) for c in cards]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _alike(one: Mapping[str, Any], two: Mapping[str, Any], names: Mapping[str, str]) -> bool:
    """Return whether two entities' fields have a draw in common."""
    kinds = _kinds(one) & _kinds(two)
    if not kinds:
        return False
    for field in _WORDS:
        a, b = one.get(field), two.get(field)
        if (names.get(a, a) if isinstance(a, str) else a) != b:
            return False
    if ("fit" in one) != ("fit" in two):
        return False
    yaw, shut = _usual(kinds, "yaw"), (0.0, 0.0)
    if not _meet(_range(one.get("yaw"), yaw), _range(two.get("yaw"), yaw), 360.0):
        return False
    if not _meet(_range(one.get("fraction"), shut), _range(two.get("fraction"), shut)):
        return False
    for field in ("size", "at", "offset"):
        a, b = one.get(field), two.get(field)
        a, b = a if isinstance(a, Mapping) else {}, b if isinstance(b, Mapping) else {}
        # An offset and a place cannot be compared: they may meet.
        if field == "offset" and a and b and names.get(a.get("from", ""), a.get("from")) != b.get("from"):
            return False
        for key in {*a, *b} - {"from"}:
            known = field == "size" or (field == "at" and not ({"offset"} & {*one, *two}))
            default = _usual(kinds, key) if known else _ANY
            period = 360.0 if key == "direction" else None
            if not _meet(_range(a.get(key), default), _range(b.get(key), default), period):
                return False
    return True
