from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop import projects
from tabletop.api.project import new_project
from tabletop.logic import Registry
from tabletop.metrics.effective_skills import Sample
from tabletop.naming.candidates import candidates, succeeds_in, task_kinds
from tabletop.rollout.episode import Trajectory
from tabletop.sim.cards import load_cards
from tabletop.sim.scene import Scene
from tabletop.sim.state import Layout
from tabletop.skills.effects import TURN, get_effect

Things = Mapping[str, Mapping[str, Any]]


def sample(attended: str, things: Things, effect: Sequence[float] = (0, 0, 0, 0)) -> Sample:
    """An episode of two states; each thing has a kind and columns for the `first` state and `then`."""
    body_types = {k: c.body_type for k, c in load_cards().items()}
    kinds = tuple(str(t.get("kind", "block")) for t in things.values())
    layout = Layout(tuple(things), kinds, tuple(body_types[k] for k in kinds))
    states = np.zeros((2, layout.width))
    states[:, layout.robot_slice("gripper_position")] = (0.3, -0.3, 0.4)
    states[:, layout.robot_slice("table_size")] = (0.65, 0.75)
    for name, thing in things.items():
        columns = {"position": (0.5, 0.0, 0.025), "quaternion": (0, 0, 0, 1), "size": (0.05, 0.05, 0.05)}
        first = {**columns, **thing.get("first", {})}
        for row, fields in enumerate((first, {**first, **thing.get("then", {})})):
            for field, value in fields.items():
                states[row, layout.entity_slice(name, field)] = value
    run = Trajectory(layout, states, np.zeros((1, 5), np.float32), Scene(), 0, True)
    return Sample(0, attended, tuple(float(v) for v in effect), run)


def drawer(first: float, then: float) -> Sample:
    return sample("box", {"box": {"kind": "drawer", "first": {"fraction": first}, "then": {"fraction": then}}})


@pytest.mark.parametrize(
    ("first", "then", "verdict"), [(0.0, 1.0, True), (0.0, 0.5, False), (0.9, 1.0, None), (0.9, 0.5, None)]
)
def test_what_was_done_at_the_start_is_not_asked(
    registry: Registry, first: float, then: float, verdict: bool | None
) -> None:
    assert succeeds_in(registry["drawer-open"], drawer(first, then)) is verdict


def test_an_entity_of_a_kind_that_the_task_does_not_have_is_not_asked(registry: Registry) -> None:
    assert succeeds_in(registry["lift"], drawer(0.0, 1.0)) is None
    assert task_kinds(registry["drawer-open"], "drawer") == ("drawer",)
    assert "block" in task_kinds(registry["lift"], "block")


ON_TOP = {"first": {"position": (0.5, 0.2, 0.025)}, "then": {"position": (0.4, -0.1, 0.075)}}
UNDER = {"first": {"position": (0.4, -0.1, 0.025)}}


def stack_roles(registry: Registry) -> tuple[str, str]:
    task = registry["stack"]
    (other,) = [n for n in task.success.names if n != task.attends]
    return task.attends, other


def test_other_roles_are_tried_on_all_that_fits(registry: Registry) -> None:
    things: dict[str, Any] = {"mine": ON_TOP, "far": {"first": {"position": (0.6, 0.3, 0.025)}}, "under": UNDER}
    assert succeeds_in(registry["stack"], sample("mine", things)) is True
    assert succeeds_in(registry["stack"], sample("far", things)) is False


def test_other_roles_are_not_bound_to_another_kind(registry: Registry) -> None:
    _, other = stack_roles(registry)
    assert "drawer" not in task_kinds(registry["stack"], other)
    things: dict[str, Any] = {"mine": ON_TOP, "under": {**UNDER, "kind": "drawer"}}
    assert succeeds_in(registry["stack"], sample("mine", things)) is None


def test_a_thing_is_asked_for_the_tasks_of_the_kind_that_it_is_like(registry: Registry, tmp_path: Path) -> None:
    new_project(tmp_path / "lab")  # Its jar is like a can.
    try:
        projects.use_project(tmp_path / "lab")
        lies = {"quaternion": (np.sqrt(0.5), 0, 0, np.sqrt(0.5))}
        assert task_kinds(registry["topple"], "can") == ("can",)
        assert succeeds_in(registry["topple"], sample("a", {"a": {"kind": "jar", "then": lies}})) is True
        assert succeeds_in(registry["topple"], sample("a", {"a": {"kind": "jar"}})) is False
        assert succeeds_in(registry["topple"], sample("a", {"a": {"kind": "block", "then": lies}})) is None
    finally:
        projects._take(())


def test_a_task_of_two_things_is_not_asked_of_one(registry: Registry) -> None:
    assert succeeds_in(registry["stack"], sample("mine", {"mine": ON_TOP})) is None


def test_a_binding_that_held_at_the_start_does_not_count_though_others_are_asked(registry: Registry) -> None:
    already = {"first": {"position": (0.4, -0.1, 0.075)}}
    things: dict[str, Any] = {"mine": already, "under": UNDER, "far": {"first": {"position": (0.6, 0.3, 0.025)}}}
    assert succeeds_in(registry["stack"], sample("mine", things)) is False


def test_candidates_come_best_first_and_need_four_episodes(registry: Registry) -> None:
    effect = get_effect("joint")
    opened, half = drawer(0.0, 1.0), drawer(0.0, 0.5)
    found = candidates(effect, [opened, opened, opened, half], registry)
    assert (found[0].task, found[0].rate, found[0].n) == ("drawer-open", 0.75, 4)
    assert [c.rate for c in found] == sorted((c.rate for c in found), reverse=True)
    assert not candidates(effect, [opened, opened, opened], registry)
    asked = candidates(effect, [opened, opened, opened, opened, drawer(0.9, 1.0)], registry)
    assert [(c.rate, c.n) for c in asked if c.task == "drawer-open"] == [(1.0, 4)]


def moved(dx: float, dy: float, dz: float = 0.0, turn: float = 0.0, kind: str = "block") -> Sample:
    then = {"position": (0.5 + dx, dy, 0.025 + dz), "quaternion": (0, 0, np.sin(turn / 2), np.cos(turn / 2))}
    means = kind != "can"
    return sample("a", {"a": {"kind": kind, "then": then}}, (dx, dy, dz, turn * TURN if means else 0.0))


def of(registry: Registry, task: str, effect: str, samples: Sequence[Sample]) -> Any:
    found = {c.task: c for c in candidates(get_effect(effect), samples, registry)}
    return found.get(task)


def test_a_target_is_put_at_the_median_displacement_and_the_rate_is_of_those_near_it(registry: Registry) -> None:
    samples = [moved(0.14, 0), moved(0.15, 0.01), moved(0.13, -0.01), moved(0.14, 0.0), moved(0.14, 0.2)]
    found = of(registry, "push", "displaced", samples)
    assert (found.offset, found.rate, found.n, found.fitted) == ((0.14, 0.0), 0.8, 5, True)


@pytest.mark.parametrize(
    ("effect", "samples"),
    [
        ("displaced", [moved(0.05, 0.03)] * 5),
        ("displaced", [moved(0.15, 0.0, -0.12)] * 5),
        ("displaced", [moved(0.2, 0.0)] * 3),
        ("displaced", [moved(0.2, 0.0, kind="bowl")] * 5),
        ("held_at", [moved(0.2, 0.0)] * 5),
    ],
    ids=["too near", "off the table", "too few", "of another kind", "never let go"],
)
def test_no_target_is_fitted_to_what_does_not_go_somewhere(
    registry: Registry, effect: str, samples: list[Sample]
) -> None:
    assert of(registry, "push", effect, samples) is None


def test_an_angle_is_fitted_below_the_median_turn(registry: Registry) -> None:
    found = of(registry, "rotate", "displaced", [moved(0, 0, turn=np.radians(a)) for a in (78, 80, 80, 84, 20)])
    assert found.angle == pytest.approx(np.radians(60))
    assert found.rate == 0.8


@pytest.mark.parametrize("degrees", [-80, 15])
def test_no_angle_is_fitted_to_turns_the_other_way_or_to_none(registry: Registry, degrees: float) -> None:
    assert of(registry, "rotate", "displaced", [moved(0, 0, turn=np.radians(degrees))] * 5) is None


def test_things_alike_from_all_sides_do_not_count_against_a_turn(registry: Registry) -> None:
    samples = [moved(0, 0, turn=1.4)] * 4 + [moved(0, 0, turn=1.4, kind="can")] * 6
    found = of(registry, "rotate", "displaced", samples)
    assert (found.rate, found.n) == (1.0, 4)
