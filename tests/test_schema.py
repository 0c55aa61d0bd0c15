"""What files say is checked by one mechanism: types, ranges, choices and names, each refused in one line."""

from __future__ import annotations

import copy
import dataclasses
import math
import pkgutil
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

import tabletop
from tabletop.api.folder import folder_for
from tabletop.errors import TabletopError
from tabletop.paths import ASSETS
from tabletop.planner.proven import load_goals
from tabletop.schema import InFolder, Name, convert, fill, is_name
from tabletop.sim import generate, load_scene_card
from tabletop.sim.cards import Card
from tabletop.sim.robot_card import RobotCard, load_robot_card
from tabletop.skills.library import find_library

PATHS: Final = ("..", "../x", "../../x", "/etc/passwd", "a/b", "", ".", "a\0b", "a b", "a\n", "x" * 101, 3, None, ["a"])


@pytest.mark.parametrize("value", PATHS)
def test_a_path_is_no_name(value: object) -> None:
    assert not is_name(value)


@pytest.mark.parametrize("value", ["../../x", "..", "/tmp/x", "a/../../b"])
def test_no_card_is_looked_up_by_a_path(value: str) -> None:
    with pytest.raises(TabletopError, match="unknown scene card"):
        load_scene_card(value)
    with pytest.raises(TabletopError, match="unknown robot"):
        load_robot_card(value)


def test_no_library_that_ships_is_looked_up_by_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "policies"
    (inside / "discovered").mkdir(parents=True)
    (inside / "library.yaml").write_text("format: x", encoding="utf-8")
    empty = tmp_path / "a" / "b"
    empty.mkdir(parents=True)
    monkeypatch.chdir(empty)
    monkeypatch.setattr("tabletop.projects.DATA", tmp_path)
    with pytest.raises(TabletopError, match=r"no library '\.\.'"):
        find_library("..")


def test_results_of_a_library_go_into_runs_whatever_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "mine" / "below")
    assert folder_for(Path("..")) == Path("runs/mine")
    assert folder_for(Path()) == Path("runs/below")
    assert folder_for(Path("default")) == Path("runs/default")
    with pytest.raises(TabletopError, match="has no name for a folder in runs/"):
        folder_for(Path("/"))


@pytest.mark.parametrize("value", ["../panda.urdf", "/x.urdf", "a/../../b.urdf", "..", "a\\..\\b", "c:x", ""])
def test_a_robots_files_lie_in_the_folder_of_its_card(value: str) -> None:
    assert convert("panda/link0_white.obj", InFolder, "mesh") == "panda/link0_white.obj"
    with pytest.raises(TabletopError, match="mesh: Expected `str` matching regex"):
        convert(value, InFolder, "mesh")


ROW: Final[dict[str, Any]] = {
    "card": "workshop",
    "scene": [3],
    "goal": "on(red, blue)",
    "plan": [{"pick": "red"}],
    "steps": 9,
    "states": "0" * 64,
}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"card": "../../x"}, "card must be the name of one that ships or of one of 'cards', got '../../x'"),
        ({"card": ["workshop"]}, r"goals\[0\]\.card: Expected `str`"),
        ({"scene": []}, r"goals\[0\]\.scene: Expected `array` of length >= 1"),
        ({"scene": [-1]}, r"goals\[0\]\.scene\[0\]: Expected `int` >= 0, got -1"),
        ({"steps": "9"}, r"goals\[0\]\.steps: Expected `int`, got '9'"),
        ({"plan": [{}]}, r"goals\[0\]\.plan\[0\]: Expected `object` of length >= 1"),
        ({"states": "none"}, r"goals\[0\]\.states: Expected `str` matching"),
        (None, "goals: Expected `array` of length >= 1"),
    ],
)
def test_each_field_of_a_file_of_goals_is_checked(tmp_path: Path, change: dict[str, Any] | None, why: str) -> None:
    path = tmp_path / "goals.yaml"
    path.write_text(yaml.safe_dump({"format": 1, "goals": [ROW]}), encoding="utf-8")
    assert load_goals(path)[0].plan == (("pick", "red"),)
    rows = [] if change is None else [{**ROW, **change}]
    path.write_text(yaml.safe_dump({"format": 1, "goals": rows}), encoding="utf-8")
    with pytest.raises(TabletopError, match=why) as caught:
        load_goals(path)
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class Choice:
    """A field with alternatives."""

    word: Literal["left", "right"]


def test_a_word_that_is_none_of_some_is_told_which_there_are() -> None:
    with pytest.raises(TabletopError, match="thing: word: Expected one of 'left', 'right', got 'up'"):
        fill(Choice, {"word": "up"}, "thing")


CARDS: Final[dict[str, dict[str, Any]]] = {
    str(path.relative_to(ASSETS)): yaml.safe_load(path.read_text(encoding="utf-8"))
    for folder in ("objects", "fixtures", "robots", "scenes")
    for path in sorted((ASSETS / folder).glob("*.yaml"))
}
BAD: Final = (math.nan, math.inf, 1e308, -1e308, 10**400, [[[]]])
"""What no field of these cards may be."""


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the keys that lead to each value in plain values."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, inner in items for place in [(*at, key), *places(inner, (*at, key))]]


def take(name: str, card: Any) -> None:
    """Check a card as its own reader does."""
    kind = Path(name).stem
    if name.startswith("scenes"):
        generate(card, 0)
    elif name.startswith("robots"):
        fill(RobotCard, card, "robot card")
    else:
        fill(Card, {**card, "kind": kind}, "card")


@pytest.mark.parametrize("name", CARDS)
def test_the_cards_that_ship_are_taken(name: str) -> None:
    take(name, CARDS[name])


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_a_card_with_a_field_that_cannot_be_is_refused_in_one_line(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(CARDS)))
    card = copy.deepcopy(CARDS[name])
    *way, last = data.draw(st.sampled_from(places(card)))
    inner: Any = card
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(st.sampled_from(BAD))
    with pytest.raises(TabletopError) as caught:
        take(name, card)
    assert "\n" not in str(caught.value)


def schemas() -> list[type]:
    """Return every dataclass of the package, private ones too."""
    found = []
    for module in pkgutil.walk_packages(tabletop.__path__, "tabletop."):
        if not module.name.startswith(("tabletop._data", "tabletop.__main__")):
            for value in vars(import_module(module.name)).values():
                if isinstance(value, type) and dataclasses.is_dataclass(value) and value.__module__ == module.name:
                    found.append(value)
    return found


def parts(hint: Any) -> Iterator[Any]:
    """Yield a type and all that it is made of."""
    yield hint
    for inner in typing.get_args(hint):
        yield from parts(inner)


def bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def mixed_up(hint: Any) -> bool:
    """Return whether it is a union that msgspec mixes up: see schema.py."""
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return False
    members = typing.get_args(hint)
    bounded = {bare(m) for m in members if typing.get_origin(m) is Annotated}
    with_pattern = [m for m in members if "pattern='" in repr(m)]
    lists = [bare(m) for m in members if typing.get_origin(bare(m)) in (tuple, list)]
    fixed = [m for m in lists if typing.get_origin(m) is tuple and ... not in typing.get_args(m)]
    return bool((fixed and bounded & {int, float, str}) or (lists and with_pattern))


def test_no_schema_has_a_union_that_msgspec_mixes_up() -> None:
    assert mixed_up(Annotated[float, Meta(ge=0)] | tuple[float, float])
    assert mixed_up(Name | list[str])
    assert not mixed_up(Annotated[float, Meta(ge=0)] | Annotated[tuple[float, ...], Meta(min_length=2, max_length=2)])
    seen = 0
    for schema in schemas():
        try:
            hints = typing.get_type_hints(schema, include_extras=True)
        except NameError:  # Imported for type checkers only: msgspec could not read it either.
            continue
        seen += 1
        for name, hint in hints.items():
            assert not any(mixed_up(part) for part in parts(hint)), f"{schema.__module__}.{schema.__qualname__}.{name}"
    assert seen > 100
