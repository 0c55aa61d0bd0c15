"""Ropes and cloths: they keep their lengths, lie still, replay bit for bit, and are seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.sim import Entity, Layout, Scene, State, World, generate, load_scene, save_scene
from tabletop.sim.cards import load_cards
from tabletop.sim.deformable_beads import rest

KINDS = sorted(k for k, c in load_cards().items() if c.body_type == "deformable")
ACTIONS = np.random.default_rng(0).uniform(-1, 1, (20, 5)).astype(np.float32)
ACTIONS[:8, 2] = -1


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        yield made


def scene(kind: str, seed: int) -> Scene:
    card = {"entities": {"soft": kind, "block": "block"}}
    return generate(card, seed, gripper="above", attend="soft")


def run(world: World, what: Scene, actions: np.ndarray = ACTIONS) -> np.ndarray:
    first = world.load(what).values
    return np.stack([first, *(world.step(a).values for a in actions)])


def stretch(state: State) -> float:
    """Return by which part of itself the worst link is longer or shorter than at the start."""
    nodes = state.nodes("soft")
    worst = 0.0
    for axis in (-3, -2):
        length = np.linalg.norm(np.diff(nodes, axis=axis), axis=-1)
        if length.size:
            worst = max(worst, float(np.max(np.abs(length / length[0] - 1))))
    return worst


@pytest.mark.parametrize("kind", KINDS)
def test_it_lies_still_where_the_scene_says(world: World, kind: str) -> None:
    for seed in range(4):
        what = scene(kind, seed)
        first = world.load(what)
        entity = what.entity("soft")
        assert first.entity("soft", "position") == pytest.approx(entity.position, abs=1e-9)
        nodes, _ = rest(entity, first.layout.grid("soft"))
        own = first.nodes("soft") - first.entity("soft", "position")
        assert np.linalg.norm(own, axis=-1) == pytest.approx(np.linalg.norm(nodes, axis=-1), abs=1e-9)
        for _ in range(10):
            state = world.step([0, 0, 0.5, 0, 1])
        assert np.abs(state.nodes("soft") - first.nodes("soft")).max() < 0.002
        assert np.abs(state.entity("soft", "velocity")).max() < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_links_have_their_length_again_after_it_was_pressed_and_dragged(world: World, kind: str) -> None:
    # Pressed on the table by the arm they give way; let go of, they are as long as before.
    away = np.tile(np.array([0, 0, 1, 0, 1], np.float32), (10, 1))
    for seed in range(3):
        values = run(world, scene(kind, seed), np.concatenate([ACTIONS, away]))
        states = State(world.layout, values)
        assert np.abs(states.nodes("soft")[-1] - states.nodes("soft")[0]).max() > 0.002
        assert stretch(states[[0, -1]]) < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_an_episode_replays_from_yaml_after_others_and_from_a_kept_moment(
    world: World, kind: str, tmp_path: Path
) -> None:
    what = scene(kind, 5)
    once = run(world, what)
    save_scene(what, tmp_path / "scene.yaml")
    again = load_scene(tmp_path / "scene.yaml")
    assert again == what
    run(world, scene(kind, 6), ACTIONS[:5])
    world.load(again)
    states = []
    for i, action in enumerate(ACTIONS):
        if i == 10:
            kept = world.save()
        world.render(16, 16)
        states.append(world.step(action).values)
    assert np.array_equal(once[1:], states)
    assert np.array_equal(world.restore(kept).values, once[10])
    assert np.array_equal([world.step(a).values for a in ACTIONS[10:]], once[11:])


def test_ropes_differ_in_shape_length_and_colour() -> None:
    ropes = [scene("rope", seed).entity("soft") for seed in range(20)]
    for what in ("bends", "size", "color", "mass", "friction", "yaw"):
        assert len({getattr(r, what) for r in ropes}) == 20


def test_a_card_says_how_much_a_rope_is_bent() -> None:
    for seed in range(10):
        bends = generate({"entities": {"soft": {"kind": "rope", "curl": [0, 50]}}}, seed).entity("soft").bends
        halves = np.degrees([sum(bends[:7]), sum(bends[7:])])
        assert (np.abs(halves) <= 50.001).all()
    with pytest.raises(TabletopError, match="curl needs a rope, got 'cloth'"):
        generate({"entities": {"soft": {"kind": "cloth", "curl": 10}}}, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_camera_sees_it_under_its_label_and_in_its_colour(world: World, kind: str) -> None:
    what = scene(kind, 1)
    world.load(what)
    image = world.render(160, 120)
    seen = image.segmentation == 2
    assert seen.sum() > 15
    colour = image.rgb[seen].mean(axis=0)
    assert np.argmax(colour) == np.argmax(what.entity("soft").color[:3])


def test_a_push_moves_all_of_it(world: World) -> None:
    what = scene("cloth", 2)
    first = world.load(what)
    world.push("soft", (4.0, 0.0, 0.0), 12)
    for _ in range(5):
        state = world.step([0, 0, 0.5, 0, 1])
    moved = (state.nodes("soft") - first.nodes("soft"))[..., 0]
    assert moved.min() > 0.01
    assert np.ptp(moved) < 0.5 * moved.mean()


def test_nodes_stand_behind_the_columns_of_all_entities() -> None:
    layout = Layout(("a", "b", "c"), ("rope", "block", "cloth"), ("",) * 3, ((4, 1), (0, 0), (2, 3)))
    bare = Layout(("a", "b", "c"), ("rope", "block", "cloth"), ("",) * 3)
    assert layout.width == bare.width + 3 * (4 + 6)
    state = State(layout, np.tile(np.arange(layout.width, dtype=float), (2, 1)))
    assert state.nodes("a").shape == (2, 4, 1, 3)
    assert state.nodes("c").shape == (2, 2, 3, 3)
    assert state.nodes("a")[0, 0, 0, 0] == bare.width
    assert state.nodes("c")[0, 0, 1].tolist() == [bare.width + 12 + 3 + i for i in range(3)]
    assert state.field("position").shape == (2, 3, 3)
    with pytest.raises(TabletopError, match="unknown deformable entity 'b'; there are: a, c"):
        state.nodes("b")


@pytest.mark.parametrize(
    ("size", "bends", "message"),
    [
        ((0.3, 0.02, 0.02), (), "16 x 1 beads of 0.02 m do not fit into 0.3 x 0.02 m"),
        ((0.3, 0.012, 0.012), (0.1,), "takes 14 bends, got 1"),
    ],
)
def test_an_impossible_rope_is_refused(
    world: World, size: tuple[float, ...], bends: tuple[float, ...], message: str
) -> None:
    rope = Entity("rope", "rope", (0.5, 0.0, 0.01), size=size, bends=bends)
    with pytest.raises(TabletopError, match=message):
        world.load(Scene((rope,)))
