"""What was imported, in the simulation: it rests, spins, scales, and is the same in every process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tabletop as tt
from tabletop import projects
from tabletop.config import SimSettings
from tabletop.rollout.engine import Engine
from tabletop.sim import World, generate
from tabletop.sim.bullet import p
from tabletop.sim.cards import load_cards
from tabletop.sim.meshes import moments
from tabletop.sim.scene import Scene, load_scene, save_scene

trimesh = pytest.importorskip("trimesh")
Import = Callable[..., Path]


@pytest.fixture(scope="module")
def kinds(bring: Import, ell: Any, crate: Any) -> dict[str, Path]:
    """Import a ingot, an L and a crate, once."""
    return {
        "ingot": bring(trimesh.creation.box((0.04, 0.06, 0.10)), "ingot", mass=0.2),
        "ell": bring(ell, "ell", up="z"),
        "crate": bring(crate, "crate"),
    }


def put(kind: str, **fields: Any) -> Scene:
    return generate({"entities": {"thing": {"kind": kind, "at": {"x": 0.5, "y": 0.0}, "yaw": 0, **fields}}}, 0)


def first(world: World) -> Any:
    return world._bodies[0]


def test_a_card_comes_with_its_meshes_and_a_page(kinds: dict[str, Path]) -> None:
    for name, card in kinds.items():
        assert sorted(path.name for path in (card.parent / name).iterdir()) == [
            "collision.obj",
            "index.html",
            "visual.obj",
        ]
        page = (card.parent / name / "index.html").read_text()
        assert page.startswith("<!doctype html>")
        assert page.count("data:image/") == 2
    assert not [path for path in kinds["ingot"].parent.iterdir() if path.name.startswith(".")]


def test_it_rests_as_high_as_its_card_says(kinds: dict[str, Path]) -> None:
    with World() as world:
        for name in kinds:
            mesh = load_cards()[name].mesh
            assert mesh is not None
            for rest in mesh.resting[:3]:
                scene = put(name)
                world.load(scene)
                body, top = first(world), scene.table.height
                body.place((0.5, 0.0, top + rest.height + 0.0005), rest.quaternion, world.client)
                for _ in range(12):
                    world.advance()
                state = world.state()
                assert state.entity("thing", "position")[2] - top == pytest.approx(rest.height, abs=3e-4)
                turned = 1 - abs(float(np.dot(state.entity("thing", "quaternion"), rest.quaternion)))
                assert turned < 1e-4


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_it_spins_freely_by_its_card_s_inertia(axis: int, kinds: dict[str, Path]) -> None:
    with World(settings=SimSettings()) as world:
        scene = put("ell")
        world.load(scene)
        body, c, mesh = first(world), world.client, load_cards()["ell"].mesh
        assert mesh is not None
        size, mass = scene.entity("thing").size, scene.entity("thing").mass
        centre, turn, principal = moments(mesh, size)
        p.setGravity(0, 0, 0, physicsClientId=c)
        p.changeDynamics(body.id, -1, linearDamping=0, angularDamping=0, physicsClientId=c)
        body.place((0.5, 0.0, 1.0), (0, 0, 0, 1), c)
        way = np.array(p.getMatrixFromQuaternion(turn)).reshape(3, 3)[:, axis]
        p.resetBaseVelocity(body.id, [0, 0, 0], list(2.0 * way), physicsClientId=c)
        assert p.getDynamicsInfo(body.id, -1, c)[2] == pytest.approx([mass * v for v in principal])
        start = world.state()
        # The column is the middle's: about the centre of mass it goes round.
        arm = -np.array(centre)
        np.testing.assert_allclose(start.entity("thing", "position"), (0.5, 0, 1), atol=1e-9)
        np.testing.assert_allclose(start.entity("thing", "velocity"), np.cross(2.0 * way, arm), atol=1e-6)
        world.advance()
        end = world.state()
        spin = end.entity("thing", "spin")
        np.testing.assert_allclose(spin, 2.0 * way, atol=2e-3)
        turned = np.array(p.getMatrixFromQuaternion(end.entity("thing", "quaternion"))).reshape(3, 3)
        angle = np.arccos(np.clip((np.trace(turned) - 1) / 2, -1, 1))
        assert angle == pytest.approx(2.0 * 0.1, rel=5e-3)
        # Its centre of mass stays where it is.
        np.testing.assert_allclose(
            end.entity("thing", "position") + turned @ centre, np.array((0.5, 0, 1)) + centre, atol=1e-5
        )


def test_another_size_has_all_in_proportion(kinds: dict[str, Path]) -> None:
    """An L of twice the size: eight times the volume, four times the inertia of 1 kg, hulls twice as large."""
    mesh = load_cards()["ell"].mesh
    assert mesh is not None
    twice = [2 * s for s in mesh.size]
    centre, _, own = moments(mesh, mesh.size)
    large_centre, _, large = moments(mesh, twice)
    assert large_centre == pytest.approx([2 * v for v in centre])
    assert large == pytest.approx([4 * v for v in own])
    with World() as world:
        scene = put("ell", size={"w": 2 * mesh.size[0]})
        state = world.load(scene)
        assert scene.entity("thing").size == pytest.approx(twice, rel=1e-4)
        assert state.entity("thing", "size") == pytest.approx(twice, rel=1e-4)
        first(world).place((0.5, 0.0, 1.0), (0, 0, 0, 1), world.client)
        # What physics touches, along each axis through its foot, which is low and whole.
        foot = 1.0 - twice[2] / 2 + 0.02
        for axis in range(2):
            for sign in (-1.0, 1.0):
                ends = [[0.5, 0.0, foot], [0.5, 0.0, foot]]
                ends[0][axis] += sign
                ((_, _, _, at, _),) = p.rayTest(*ends, physicsClientId=world.client)
                side = sign * (at[axis] - (0.5, 0.0)[axis])
                assert side == pytest.approx(twice[axis] / 2, abs=2.5e-3)


def test_one_axis_stretched_moves_the_second_moments(kinds: dict[str, Path]) -> None:
    """A ingot that is stretched along z has a box's inertia still."""
    mesh = load_cards()["ingot"].mesh
    assert mesh is not None
    w, d, h = mesh.size
    _, _, own = moments(mesh, (w, d, 3 * h))
    assert own == pytest.approx([(d * d + 9 * h * h) / 12, (w * w + 9 * h * h) / 12, (w * w + d * d) / 12], rel=1e-4)


def run(scene: Scene) -> np.ndarray[Any, Any]:
    with World() as world:
        world.load(scene)
        return np.stack([world.step([0.3, 0.1, -1.0, 0.2, -1]).values for _ in range(12)])


def test_a_saved_scene_gives_the_same_bits_in_any_process(kinds: dict[str, Path], tmp_path: Path) -> None:
    scene = generate({"entities": {name: name for name in kinds}}, 3)
    save_scene(scene, tmp_path / "scene.yaml")
    again = load_scene(tmp_path / "scene.yaml")
    assert again == scene
    here = run(scene)
    assert np.array_equal(here, run(again))
    with Engine(1) as engine:
        (there,) = engine.map(run, [scene])
    assert np.array_equal(here, there)
    with World() as world:
        world.load(scene)
        world.step([0.3, 0.1, -1.0, 0.2, -1])
        snapshot = world.save()
        last = world.step([0.3, 0.1, -1.0, 0.2, -1])
        world.restore(snapshot)
        assert np.array_equal(world.step([0.3, 0.1, -1.0, 0.2, -1]).values, last.values)


def test_what_is_sent_to_other_machines_has_the_meshes(kinds: dict[str, Path]) -> None:
    ((name, files),) = projects.packed()
    assert name == "lab"
    for kind, card in kinds.items():
        for file in ("collision.obj", "visual.obj"):
            assert files[f"assets/objects/{kind}/{file}"] == (card.parent / kind / file).read_bytes()


def test_it_is_held_and_carried(kinds: dict[str, Path]) -> None:
    with World() as world:
        state = world.load(generate({"entities": {"thing": {"kind": "ingot", "held": True}}, "gripper": "holding"}, 1))
        before = state.entity("thing", "position")
        for _ in range(6):
            state = world.step([0.5, 0, 0.5, 0, -1])
        moved = state.entity("thing", "position") - before
        assert moved[2] > 0.05
        assert state.entity("thing", "carried_distance") > 0.02


def test_a_name_is_given_once(kinds: dict[str, Path], bring: Import) -> None:
    box = trimesh.creation.box((0.05, 0.05, 0.05))
    for name in ("ingot", "block"):
        with pytest.raises(tt.TabletopError, match="is there already"):
            bring(box, name)
    with pytest.raises(tt.TabletopError, match="is there already"):
        bring(box, "ingot", fixed=True)


def test_an_import_that_fails_at_the_end_leaves_all_as_it_was(
    kinds: dict[str, Path], bring: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    def content() -> dict[Path, bytes]:
        root = kinds["ingot"].parents[1]
        return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = content()
    box = trimesh.creation.box((0.05, 0.05, 0.05))
    monkeypatch.setattr("tabletop.importing.page.portrait", stop)
    for name in ("ingot", "new"):
        with pytest.raises(KeyboardInterrupt):
            bring(box, name, replace=True)
        assert content() == before
    assert not list(kinds["ingot"].parents[1].rglob(".*"))
    assert "new" not in load_cards()
    monkeypatch.undo()
    bring(replace_box := trimesh.creation.box((0.05, 0.05, 0.06)), "other")
    bring(replace_box, "other", replace=True, fixed=False)
    assert replace(put("other").entity("thing"), name="x").size[2] == pytest.approx(0.06)


def test_a_fixed_one_is_a_fixture(bring: Import) -> None:
    card = bring(trimesh.creation.box((0.2, 0.15, 0.1)), "plinth", fixed=True)
    assert card.parent.name == "fixtures"
    with World() as world:
        scene = generate({"entities": {"plinth": "plinth", "cube": {"kind": "block", "on": "plinth"}}}, 0)
        world.load(scene)
        for _ in range(5):
            world.advance()
        state = world.state()
        bottom = state.entity("cube", "position")[2] - scene.entity("cube").size[2] / 2
        assert bottom - scene.table.height == pytest.approx(0.1, abs=1e-3)
        # Its middle is its reference point.
        assert state.entity("plinth", "position")[2] - scene.table.height == pytest.approx(0.05, abs=1e-6)
