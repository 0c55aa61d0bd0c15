"""Ropes and cloths by their nodes: where each predicate holds, where not, and the tolerance between."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tabletop.logic import deformable
from tabletop.logic.predicate import PREDICATES, get_predicate
from tabletop.sim.state import ENTITY_FIELDS, ROBOT_FIELDS, Layout, State

Array = npt.NDArray[np.float64]


def state(nodes: Array, puck: tuple[float, float, float] = (0.5, 0.0, 0.015)) -> State:
    """Return the state of something with nodes (..., n, m, 3), "soft", and of a puck 5 cm wide."""
    n, m = nodes.shape[-3:-1]
    layout = Layout(("soft", "puck"), ("cloth", "puck"), ("deformable", "rigid"), ((n, m), (0, 0)))
    assert sum(ROBOT_FIELDS.values()) + 2 * sum(ENTITY_FIELDS.values()) + 3 * n * m == layout.width
    values = np.zeros((*nodes.shape[:-3], layout.width))
    values[..., layout.nodes_slice("soft")] = nodes.reshape(*nodes.shape[:-3], -1)
    values[..., layout.entity_slice("puck", "position")] = puck
    values[..., layout.entity_slice("puck", "quaternion")] = (0.0, 0.0, 0.0, 1.0)
    values[..., layout.entity_slice("puck", "size")] = (0.05, 0.05, 0.03)
    return State(layout, values)


def margin(name: str, now: State, before: State | None = None, *names: str) -> Array:
    predicate = get_predicate(name)
    return predicate.margin(now, before or now, predicate.bind(("soft", *names)))


def rope(turn: float, at: float = 0.5, count: int = 17) -> Array:
    """Return a rope of 32 cm that turns by an angle at a share of its length."""
    links = np.arange(count - 1)
    yaw = np.where(links < at * (count - 1), 0.3, 0.3 + turn)
    steps = 0.02 * np.stack([np.cos(yaw), np.sin(yaw), 0 * yaw], axis=-1)
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])[:, None] + (0.4, 0.1, 0.008)


def cloth() -> Array:
    """Return a flat cloth of 20 cm around the puck."""
    x, y = np.meshgrid(np.linspace(-0.1, 0.1, 6), np.linspace(-0.1, 0.1, 6), indexing="ij")
    return np.stack([x + 0.5, y, np.full_like(x, 0.04)], axis=-1)


def test_a_rope_is_straight_up_to_a_twentieth_of_its_length() -> None:
    angles = np.radians([0.0, 30.0, 40.0, 90.0])
    ends = np.cos(angles / 2)  # of two equal arms, as a share of their length
    got = margin("straight", state(np.stack([rope(a) for a in angles])))
    assert got == pytest.approx(ends - 0.95)
    assert (got > 0).tolist() == [True, True, False, False]


@pytest.mark.parametrize("turn", [90.0, -90.0])
def test_an_l_may_lie_anywhere_and_bend_to_either_side(turn: float) -> None:
    shape = rope(np.radians(turn))
    assert margin("l_shaped", state(shape)) == pytest.approx(0.012, abs=1e-6)
    assert margin("l_shaped", state(shape[::-1])) == pytest.approx(0.012, abs=1e-6)


def test_no_l_is_a_straight_rope_a_hairpin_or_one_with_a_short_arm() -> None:
    others = [rope(0.0), rope(np.pi), rope(np.pi / 2, 0.2)]
    assert (margin("l_shaped", state(np.stack(others))) < 0).all()
    near = margin("l_shaped", state(np.stack([rope(np.radians(a)) for a in (75.0, 90.0, 105.0)])))
    assert (near > 0).all()
    assert near[1] > max(near[0], near[2])


def test_an_arc_of_a_third_of_a_circle_is_no_l() -> None:
    angles = np.linspace(0.0, np.radians(120), 25)[:, None] * np.linspace(0.0, 1.0, 16)
    steps = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=-1) * 0.02
    assert (margin("l_shaped", state(np.cumsum(steps, axis=1)[:, :, None])) < 0).all()


def folded(share: float, diagonal: bool) -> Array:
    """Return the cloth with one side of a crease brought over the other, up to a share of a half turn."""
    nodes = cloth() - (0.5, 0.0, 0.0)
    normal = np.array([1.0, 1.0, 0.0]) / np.sqrt(2) if diagonal else np.array([1.0, 0.0, 0.0])
    away = nodes @ normal
    moved = nodes - np.where(away > 0, away * (1 - np.cos(np.pi * share)), 0.0)[..., None] * normal
    moved[..., 2] += np.where(away > 0, away * np.sin(np.pi * share), 0.0)
    return moved + np.array([0.5, 0.0, 0.0])


@pytest.mark.parametrize(("name", "diagonal"), [("folded", True), ("folded_in_half", False)])
def test_a_fold_is_done_when_the_corners_meet(name: str, diagonal: bool) -> None:
    before = state(np.stack([cloth()] * 4))
    now = state(np.stack([folded(s, diagonal) for s in (0.0, 0.5, 0.9, 1.0)]))
    got = margin(name, now, before)
    assert (got > 0).tolist() == [False, False, True, True]
    assert (np.diff(got[:3]) > 0).all()
    other = state(np.stack([folded(1.0, not diagonal)] * 4))
    assert (margin(name, other, before) < 0).all()


@pytest.mark.parametrize("name", ["folded", "folded_in_half"])
def test_a_crumpled_cloth_is_not_folded(name: str) -> None:
    crumpled = (cloth() - (0.5, 0.0, 0.0)) * (0.1, 0.1, 1.0) + (0.5, 0.0, 0.0)
    assert margin(name, state(crumpled), state(cloth())) < 0


def test_a_cloth_covers_what_lies_under_it() -> None:
    shifts = np.array([0.0, 0.06, 0.085, 0.12, 0.3])
    moved = np.stack([cloth() + np.array([s, 0.0, 0.0]) for s in shifts])
    got = margin("covers", state(moved), None, "puck")
    assert (got > 0).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("height", [0.03, 0.16])
def test_a_cloth_under_a_thing_does_not_cover_it(height: float) -> None:
    assert margin("covers", state(cloth(), puck=(0.5, 0.0, 0.04 + height / 2)), None, "puck") < 0


@pytest.mark.parametrize(
    "name", sorted(n for n, p in PREDICATES.items() if p.function.__module__ == deformable.__name__)
)
def test_a_batch_gives_what_its_members_give_and_no_state_is_changed(name: str) -> None:
    rng = np.random.default_rng(0)
    entities = [a for a in get_predicate(name).arguments if a.type == "entity"]
    names = ("puck",) if len(entities) > 1 else ()
    base = rope(1.0) if name in {"straight", "l_shaped"} else cloth()
    now = state(base + rng.normal(0, 0.02, (4, *base.shape)))
    kept = now.values.copy()
    got = margin(name, now, state(base), *names)
    assert got.shape == (4,)
    singles = [float(margin(name, now[i], state(base), *names)) for i in range(4)]
    assert got == pytest.approx(np.array(singles))
    assert np.array_equal(now.values, kept)
