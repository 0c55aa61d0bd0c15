"""What is found out about a mesh: size, mass, how it stands, where it is held."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tabletop.errors import TabletopError
from tabletop.importing.hulls import MOST
from tabletop.importing.obj_files import MOST_FACES, looks_text
from tabletop.importing.objects import ImportedObject, Options, object_of

trimesh = pytest.importorskip("trimesh")

BOX = (0.04, 0.06, 0.10)


def found(mesh: Any, folder: Path, form: str = "ply", **options: Any) -> ImportedObject:
    path = folder / f"thing.{form.partition('_')[0]}"
    if form == "stl_ascii":
        path.write_text(mesh.export(file_type="stl_ascii"))
    elif form == "ply_ascii":
        path.write_bytes(mesh.export(file_type="ply", encoding="ascii"))
    else:
        mesh.export(path)
    return object_of(path, Options(**options))


@pytest.mark.parametrize("form", ["obj", "stl", "stl_ascii", "ply", "ply_ascii", "glb", "dae"])
def test_a_box_is_as_large_and_as_heavy_in_all_formats(form: str, tmp_path: Path) -> None:
    thing = found(trimesh.creation.box(BOX), tmp_path, form, density=500.0, up="z")
    # Fingers close along y, so what is narrow is turned there; formats have single precision.
    w, d, h = thing.size
    assert (w, d, h) == pytest.approx((0.06, 0.04, 0.10), abs=1e-8)
    assert thing.mass == pytest.approx(500 * np.prod(BOX), rel=1e-6)
    own = np.array([d * d + h * h, w * w + h * h, w * w + d * d]) / 12
    np.testing.assert_allclose(thing.spread.inertia, np.diag(own), rtol=0.01, atol=1e-9)
    assert thing.spread.centre == pytest.approx((0, 0, 0), abs=1e-9)
    assert thing.grips[0].width == pytest.approx(0.04, abs=1e-6)
    assert len(thing.hulls) == 1


def test_a_box_lies_in_six_ways_two_of_a_share(tmp_path: Path) -> None:
    rests = found(trimesh.creation.box(BOX), tmp_path).rests
    assert len(rests) == 6
    assert sum(r.share for r in rests) == pytest.approx(1.0, abs=1e-6)
    shares = [r.share for r in rests]
    assert shares[::2] == pytest.approx(shares[1::2], rel=1e-6)
    # On its largest side it lies most often.
    assert abs(rests[0].up[1]) == pytest.approx(1.0)
    assert shares[0] > shares[2] > shares[4]


@pytest.mark.parametrize(("factor", "unit"), [(1.0, "m"), (1000.0, "mm"), (50.0, "cm")])
def test_units_are_guessed_from_the_length(factor: float, unit: str, tmp_path: Path) -> None:
    mesh = trimesh.creation.box(BOX)
    mesh.apply_scale(factor)
    thing = found(mesh, tmp_path)
    metres = {"m": 1.0, "mm": 0.001, "cm": 0.01}[unit]
    assert thing.size[2] == pytest.approx(0.10 * factor * metres, rel=1e-6)
    assert thing.notes["units"].startswith(unit + ",")
    assert found(mesh, tmp_path, units="in", scale=1 / (0.0254 * factor)).size[2] == pytest.approx(0.10, rel=1e-6)


def test_the_unit_of_a_collada_file_counts(tmp_path: Path) -> None:
    mesh = trimesh.creation.box((4, 6, 10))
    text = mesh.export(file_type="dae").decode()
    path = tmp_path / "thing.dae"
    units = {'<unit name="inch" meter="0.0254"/>': 0.0254, '<unit name="x" meter="nan"/>': 0.001, "": 0.001}
    for unit, metres in units.items():
        assert text.count("<asset>") == 1
        path.write_text(text.replace("<asset>", "<asset>" + unit))
        assert object_of(path, Options(up="z")).size[2] == pytest.approx(10 * metres, rel=1e-6)


def test_upright_is_the_format_s_axis(tmp_path: Path) -> None:
    mesh = trimesh.creation.box((0.05, 0.09, 0.04))
    assert found(mesh, tmp_path, "glb").size[2] == pytest.approx(0.09)
    assert found(mesh, tmp_path, "ply").size[2] == pytest.approx(0.04)
    assert found(mesh, tmp_path, "ply", up="x").size[2] == pytest.approx(0.05)
    assert found(mesh, tmp_path, "ply", up="rest").size[2] == pytest.approx(0.04)
    with pytest.raises(TabletopError, match=r"up must be one of x, -x, y, -y, z, -z or rest, got 'w'"):
        found(mesh, tmp_path, "ply", up="w")


def test_an_ell_s_centre_of_mass_is_exact(ell: Any, tmp_path: Path) -> None:
    thing = found(ell, tmp_path, up="z")
    # Of 6 x 2 and 2 x 6 cm, from the middle of 6 x 8 cm.
    assert thing.spread.is_exact
    x, y, z = thing.spread.centre
    assert (abs(x), y, z) == pytest.approx((0.01, 0.0, -0.01), abs=1e-8)
    assert thing.mass == pytest.approx(400 * 7.2e-5, rel=1e-6)
    assert sum(h.volume for h in thing.hulls) == pytest.approx(7.2e-5, rel=0.1)


def test_a_small_hole_is_closed(tmp_path: Path) -> None:
    mesh = trimesh.creation.icosphere(2, 0.03)
    volume = mesh.volume
    mesh.update_faces(np.arange(len(mesh.faces)) != 7)
    thing = found(mesh, tmp_path)
    assert thing.spread.is_exact
    assert thing.mass == pytest.approx(400 * volume, rel=1e-3)


def test_an_inside_out_mesh_is_turned(tmp_path: Path) -> None:
    mesh = trimesh.creation.cylinder(0.02, 0.08, sections=24)
    volume = mesh.volume
    mesh.invert()
    thing = found(mesh, tmp_path)
    assert thing.spread.is_exact
    assert thing.mass == pytest.approx(400 * volume, rel=1e-4)
    assert len(thing.hulls) == 1


def test_faces_that_are_there_twice_count_once(tmp_path: Path) -> None:
    mesh = trimesh.creation.box(BOX)
    twice = trimesh.Trimesh(np.vstack([mesh.vertices] * 2), np.vstack([mesh.faces, mesh.faces + 8]), process=False)
    thing = found(twice, tmp_path)
    assert len(thing.hulls) == 1
    assert thing.mass == pytest.approx(400 * np.prod(BOX), rel=1e-5)


def test_of_what_overlaps_the_mass_counts_once(crate: Any, tmp_path: Path) -> None:
    thing = found(crate, tmp_path)
    walls = 0.10 * 0.08 * 0.05 - 0.092 * 0.072 * 0.044
    assert len(thing.hulls) == 5
    assert thing.mass == pytest.approx(400 * walls, rel=0.05)


def test_a_crate_has_a_floor_and_is_held_by_a_wall(crate: Any, tmp_path: Path) -> None:
    thing = found(crate, tmp_path)
    # A crate of 8 x 10 cm is too wide for 8 cm between the fingers.
    assert thing.floor == pytest.approx(0.006, abs=0.05 / 80 + 1e-6)
    assert thing.grips[0].width == pytest.approx(0.004, abs=1e-6)
    assert found(trimesh.creation.box(BOX), tmp_path).floor is None


def test_what_is_too_wide_is_not_held(tmp_path: Path) -> None:
    thing = found(trimesh.creation.box((0.10, 0.12, 0.09)), tmp_path)
    assert not thing.graspable
    assert "graspable: false" in thing.card()
    assert "grasp: two fingers from above fit nowhere" in thing.card()


def test_what_is_seen_has_at_most_2000_faces(tmp_path: Path) -> None:
    thing = found(trimesh.creation.icosphere(5, 0.03), tmp_path)
    text, faces = looks_text(thing.vertices, thing.faces)
    assert len(thing.faces) == 20_480
    assert faces == text.count("\nf ") <= MOST_FACES
    assert faces > 1_000
    assert len(thing.hulls[0].vertices) <= 46


def test_there_are_at_most_16_hulls(tmp_path: Path) -> None:
    boxes = [trimesh.creation.box((0.01, 0.01, 0.01)) for _ in range(20)]
    for i, box in enumerate(boxes):
        box.apply_translation((0.015 * i, 0, 0))
    assert len(found(trimesh.util.concatenate(boxes), tmp_path).hulls) == MOST == 16


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": float("nan")}, "a scale must be a number from 1e-06 to 1e+06, got nan"),
        ({"scale": 0.0}, "a scale must be"),
        ({"density": -1.0}, "a density in kg/m^3 must be a number from 1 to 30000, got -1.0"),
        ({"mass": float("inf")}, "a mass in kg must be"),
    ],
)
def test_odd_numbers_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(TabletopError) as caught:
        Options(**options)  # type: ignore[arg-type]
    assert message in str(caught.value)


def test_a_file_s_name_stays_in_its_comment(tmp_path: Path) -> None:
    path = tmp_path / "mug\nbody_type: static\u202e.ply"
    trimesh.creation.box(BOX).export(path)
    thing = object_of(path, Options())
    assert thing.name == "mug_body_type_static"
    assert thing.card().startswith("# from: mug?body_type: static?.ply\n")


def test_a_bowl_of_one_piece_stands_on_its_foot_and_is_held_by_its_wall(tmp_path: Path) -> None:
    angles = np.linspace(0.3, np.pi / 2, 9)
    foot = 0.05 * (1 - np.cos(0.3))
    outline = [(0, 0), *((0.050 * np.sin(a), 0.05 - 0.050 * np.cos(a) - foot) for a in angles)]
    outline += [(0.046 * np.sin(a), 0.05 - 0.046 * np.cos(a) - foot) for a in angles[::-1]]
    outline.append((0, outline[-1][1]))
    trimesh.creation.revolve(np.array(outline), sections=24).export(tmp_path / "bowl.stl")
    bowl = object_of(tmp_path / "bowl.stl", Options())
    assert bowl.notes["upright"] == "z up, as it stands so"
    assert bowl.floor is not None
    assert bowl.floor < 0.012
    assert bowl.grips[0].width < 0.025
    assert np.hypot(*bowl.grips[0].at[:2]) > 0.03
