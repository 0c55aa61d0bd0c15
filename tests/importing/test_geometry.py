"""Files that are no meshes, or that ask for what they may not have: one line each."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tabletop.api.importing import import_file
from tabletop.errors import TabletopError
from tabletop.importing.apart import Apart
from tabletop.importing.geometry import read_mesh
from tabletop.importing.objects import Options, object_of

trimesh = pytest.importorskip("trimesh")

BOX = trimesh.creation.box((0.04, 0.06, 0.10))
OBJ = BOX.export(file_type="obj")
GLB = BOX.export(file_type="glb")
PLY = "ply\nformat ascii 1.0\nelement vertex {}\nproperty float x\nproperty float y\nproperty float z\n{}end_header\n"
FACES = "element face {}\nproperty list uchar int vertex_indices\n"


def glb(change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return a box as GLB with something in its JSON changed."""
    length = struct.unpack("<I", GLB[12:16])[0]
    scene, rest = json.loads(GLB[20 : 20 + length]), GLB[20 + length :]
    change(scene)
    text = json.dumps(scene).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 20 + len(text) + len(rest))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + rest


def cycle(scene: dict[str, Any]) -> None:
    n = len(scene["nodes"])
    scene["nodes"] += [{"children": [n + 1], "mesh": 0}, {"children": [n], "mesh": 0}]
    scene["scenes"][0]["nodes"].append(n)


def bomb() -> bytes:
    """Return COLLADA whose entities would make ten thousand million letters."""
    entities = '<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9)
    )
    text = BOX.export(file_type="dae").decode()
    return f"<!DOCTYPE x [{entities}]>{text.replace('<asset>', '<asset><title>&j;</title>', 1)}".encode()


BAD: dict[str, tuple[str, str | bytes, str]] = {
    "no format": ("a.txt", "x", "a mesh is one of obj, stl, ply, glb, gltf, dae, got 'a.txt'"),
    "empty obj": ("a.obj", "", "it must be a mesh with faces, this one has none"),
    "empty stl": ("a.stl", "", "it must be a mesh"),
    "empty ply": ("a.ply", "", "it must be a mesh in PLY"),
    "empty glb": ("a.glb", "", "it must be a mesh in GLB, its first bytes are b''"),
    "empty dae": ("a.dae", "", "it must be a mesh in DAE"),
    "nan": ("a.obj", OBJ.replace("0.02000000", "nan"), "its corners must be finite numbers of at most 1e+07"),
    "far": ("a.obj", OBJ.replace("0.02000000", "1e30"), "its corners must be finite"),
    "flat": ("a.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "it must have a volume, its sides are [1, 1, 0]"),
    "a corner of two numbers": ("a.obj", OBJ.replace("v -0.02000000", "v", 1), "corners must be three numbers"),
    "corners that are not there": ("a.obj", "v 0 0 0\nf 1 7 9\n", "it must be a mesh in OBJ"),
    "many faces": ("a.ply", PLY.format(3, FACES.format(10**8)), "at most 1000000 faces, got 100000000; simplify"),
    "many faces of stl": ("a.stl", b"\0" * 80 + struct.pack("<I", 10**9) + b"\0" * 500, "ends before them"),
    "many corners": ("a.ply", PLY.format(10**12, FACES.format(1)), "it must be a mesh"),
    "material elsewhere": ("a.obj", "mtllib ../x.mtl\n" + OBJ, "only files in its own folder, got '../x.mtl'"),
    "material at the root": ("a.obj", "mtllib /etc/passwd\n" + OBJ, "only files in its own folder, got '/etc/pass"),
    "material by a link": ("a.obj", "mtllib link.mtl\n" + OBJ, "only files in its own folder, got 'link.mtl'"),
    "long name": ("a.obj", f"mtllib {'x' * 5000}\n" + OBJ, "only files in its own folder, got 'xxx"),
    "many names": ("a.obj", "".join(f"mtllib {i}.mtl\n" for i in range(101)), "at most 100 files, got 101"),
    "buffer elsewhere": (
        "a.glb",
        glb(lambda s: s["buffers"].append({"uri": "%2e%2e/x.bin", "byteLength": 4})),
        "only files in its own folder, got '%2e%2e/x.bin'",
    ),
    "buffer that is not there": (
        "a.glb",
        glb(lambda s: s["buffers"].append({"uri": "x.bin", "byteLength": 4})),
        "it names a file that is not there, 'x.bin'",
    ),
    "buffers that are none": ("a.glb", glb(lambda s: s.update(buffers=7)), "it must be a mesh in GLB"),
    "nodes in a circle": ("a.glb", glb(cycle), "it must be a mesh in GLB"),
    "a huge accessor": ("a.glb", glb(lambda s: s["accessors"][0].update(count=10**12)), "it must be a mesh in GLB"),
    "an entity bomb": ("a.dae", bomb(), "it must be a mesh in DAE"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    file, content, message = BAD[name]
    path = tmp_path / "in" / file
    path.parent.mkdir()
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    (tmp_path / "x.mtl").write_text("newmtl a\n")
    (path.parent / "link.mtl").symlink_to("../x.mtl")
    with pytest.raises(TabletopError) as caught:
        object_of(path, Options())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_face_of_a_corner_that_is_not_there_is_refused(tmp_path: Path) -> None:
    length = struct.unpack("<I", GLB[12:16])[0]
    scene = json.loads(GLB[20 : 20 + length])
    view = scene["bufferViews"][scene["accessors"][scene["meshes"][0]["primitives"][0]["indices"]]["bufferView"]]
    data, start = bytearray(GLB), 20 + length + 8 + view.get("byteOffset", 0)
    data[start : start + 4] = struct.pack("<I", 150_994_944)
    (tmp_path / "a.glb").write_bytes(data)
    with pytest.raises(TabletopError, match=r"its faces must be of its \d+ corners, one speaks of another"):
        read_mesh(tmp_path / "a.glb", "mesh")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "dir.obj").mkdir()
    os.mkfifo(tmp_path / "pipe.obj")
    (tmp_path / "round.obj").symlink_to("round.obj")
    for name in ("dir.obj", "pipe.obj", "round.obj", "gone.obj"):
        with pytest.raises(TabletopError, match="cannot read mesh"):
            read_mesh(tmp_path / name, "mesh")


def test_looks_that_are_not_there_cost_only_the_colour(tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text("mtllib a.mtl\nusemtl red\n" + OBJ)
    assert read_mesh(path, "mesh").missing == ("a.mtl",)
    (tmp_path / "a.mtl").write_text("newmtl red\nKd 0.8 0.1 2\nmap_Kd ../../secret.png\n")
    mesh = read_mesh(path, "mesh")
    assert mesh.missing == ()
    assert mesh.color == (0.8, 0.1, 1.0)
    (tmp_path / "a.mtl").unlink()
    (tmp_path / "a.mtl").symlink_to("a.mtl")
    with pytest.raises(TabletopError, match="only files in its own folder"):
        read_mesh(path, "mesh")


def test_the_package_and_its_help_load_none_of_it() -> None:
    code = (
        "import sys, tabletop, tabletop.cli.parser as parser; parser.build_parser();"
        "print(*{'trimesh', 'coacd', 'scipy', 'collada', 'tabletop.importing'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def crash(_: object) -> None:
    os.abort()


def hang(_: object) -> None:
    time.sleep(60)


def greedy(_: object) -> int:
    return len(bytes(2**40))


def well(text: str) -> str:
    return text


def test_what_crashes_or_never_ends_is_one_line() -> None:
    with Apart(longest=1.5) as apart:
        started = time.monotonic()
        with pytest.raises(TabletopError, match=r"^mesh: it takes longer than 1\.5 s; simplify it first$"):
            apart.call(hang, 0, "mesh")
        assert time.monotonic() - started < 10
    with Apart() as apart:
        with pytest.raises(TabletopError, match=r"^mesh: what reads it crashed with SIGABRT$"):
            apart.call(crash, 0, "mesh")
        if sys.platform == "linux":
            with pytest.raises(TabletopError, match=r"^mesh: it takes too much memory; simplify it first$"):
                apart.call(greedy, 0, "mesh")
        assert apart.call(well, "again", "mesh") == "again"


def test_importing_needs_a_project(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text(OBJ)
    with pytest.raises(TabletopError, match="importing needs a project to put it into; make one with: tabletop new"):
        import_file(tmp_path / "a.obj", Options())
