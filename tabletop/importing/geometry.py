"""Meshes of others, read within bounds: a file, what it names, its faces, its colour."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from tabletop.errors import TabletopError
from tabletop.files import parse_json, read_bytes

__all__ = ["FORMATS", "Source", "read_mesh", "trimesh"]

Array = npt.NDArray[np.float64]

FORMATS: Final = ("obj", "stl", "ply", "glb", "gltf", "dae")
_MOST_BYTES: Final = 200_000_000
"""Of a mesh, and of all that it names together."""
_MOST_FACES: Final = 1_000_000
_MOST_NAMED: Final = 100
"""Files that a mesh may name."""
_FARTHEST: Final = 1e7
_GREY: Final = (0.7, 0.7, 0.7)
_Y_UP: Final = ("glb", "gltf")
_PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp", ".ktx2")


@dataclass(frozen=True)
class Source:
    """A mesh as a file has it, in the file's own unit."""

    vertices: Array
    """(n, 3)."""
    faces: npt.NDArray[np.int64]
    """(m, 3)."""
    color: tuple[float, float, float]
    metres: float | None = None
    """Of its unit, where the file says so."""
    up: str = "z"
    """The axis that its format has upward, "y" or "z"."""
    missing: tuple[str, ...] = ()
    """Files of colours that it names and that are not there."""


def trimesh() -> Any:
    """Return the library that reads meshes.

    Raises:
        TabletopError: it is not installed.
    """
    try:
        import trimesh as library
    except ImportError as error:
        raise TabletopError(
            f"importing needs packages that are not here ({error}); pip install 'tabletop[assets]'"
        ) from None
    return library


def read_mesh(path: Path, what: str) -> Source:
    """Read a mesh.

    Args:
        path: of a file in one of FORMATS.
        what: it is, for the message.

    Raises:
        TabletopError: it is no such file, names one that is not there or lies elsewhere, is empty, too large or not
            finite.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise TabletopError(f"{what}: a mesh is one of {', '.join(FORMATS)}, got {path.name!r}")
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise TabletopError(f"cannot read {what}: it must be a file, not a pipe, a socket or a device")
    data = read_bytes(path, what, _MOST_BYTES)
    _check_count(data, form, what)
    named, missing = _named(data, form, path.parent, what)
    library = trimesh()
    try:
        with _quiet():
            scene = library.load_scene(
                BytesIO(data),
                file_type=form,
                resolver=_Resolver(named),
                process=False,  # It would drop corners that are no numbers, and keep quiet about it.
                **({"skip_materials": True} if form == "obj" else {}),
            )
            found = scene.to_mesh() if scene.geometry else None
    except RecursionError:
        found = None
    except Exception as error:
        line = " ".join(f"{type(error).__name__}: {error}".split())
        raise TabletopError(f"{what}: it must be a mesh in {form.upper()}: {line[:200]}") from None
    if found is None or not len(getattr(found, "faces", ())):
        raise TabletopError(f"{what}: it must be a mesh with faces, this one has none")
    vertices, faces = np.asarray(found.vertices, dtype=float), np.asarray(found.faces, dtype=np.int64)
    if (vertices.ndim, vertices.shape[-1], faces.ndim, faces.shape[-1]) != (2, 3, 2, 3):
        raise TabletopError(f"{what}: each of its corners must be three numbers, and each face three corners")
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise TabletopError(f"{what}: its faces must be of its {len(vertices)} corners, one speaks of another")
    if len(faces) > _MOST_FACES:
        raise TabletopError(f"{what}: a mesh may have at most {_MOST_FACES} faces, got {len(faces)}; simplify it first")
    used = vertices[np.unique(faces)]
    if not np.isfinite(used).all() or np.abs(used).max() > _FARTHEST:
        raise TabletopError(f"{what}: its corners must be finite numbers of at most {_FARTHEST:g}")
    color = _obj_color(data, named) if form == "obj" else _color(found)
    metres = _metres(scene.units) if form == "dae" and b"<unit" in data else None
    return Source(vertices, faces, color or _GREY, metres, "y" if form in _Y_UP else "z", tuple(missing))


def _metres(unit: object) -> float | None:
    """Return the metres of a unit as trimesh has it; None where the file says none that can be."""
    try:
        metres = float(trimesh().units.unit_conversion(str(unit), "m")) if unit else 0.0
    except ValueError:
        return None
    return metres if 0 < metres < math.inf else None


class _Resolver:
    """Gives trimesh the files that a mesh names, and no others."""

    def __init__(self, known: dict[str, Path]) -> None:
        self._known = known
        self._left = _MOST_BYTES

    def get(self, name: str) -> bytes:
        """Return a file's bytes."""
        path = self._known.get(name)
        if path is None:
            raise TabletopError(f"it names a file that it does not say in the usual way, {name!r}")
        data = read_bytes(path, name, self._left)
        self._left -= len(data)
        return data

    def namespaced(self, _: str) -> _Resolver:
        """Return itself: names have no other space."""
        return self


def _named(data: bytes, form: str, folder: Path, what: str) -> tuple[dict[str, Path], list[str]]:
    """Return the files that a mesh names, each in its folder, and those of mere looks that are not there.

    Raises:
        TabletopError: one lies elsewhere, or is not there and holds more than looks.
    """
    names: list[str] = []
    if form == "obj":
        names = [m.decode("utf-8", "replace").strip() for m in re.findall(rb"^mtllib[ \t]+([^\r\n]+)", data, re.M)]
    elif form in {"glb", "gltf"}:
        names = [n for n in _gltf_names(data, form, what) if not n.startswith("data:")]
    found: dict[str, Path] = {}
    missing = []
    names = list(dict.fromkeys(names))
    if len(names) > _MOST_NAMED:
        raise TabletopError(f"{what}: it may name at most {_MOST_NAMED} files, got {len(names)}")
    for name in names:
        text = unquote(name).replace("\\", "/")
        place = PurePosixPath(text)
        strange = place.is_absolute() or ".." in place.parts or ":" in text or "\0" in text or len(text) > 200
        path = folder / place
        if strange or not _is_below(path, folder):
            raise TabletopError(f"{what}: it may name only files in its own folder, got {name[:100]!r}")
        if path.is_file():
            found[name] = path
        elif form == "obj" or place.suffix.lower() in _PICTURES:
            missing.append(name)
        else:
            raise TabletopError(f"{what}: it names a file that is not there, {name!r}")
    return found, missing


def _is_below(path: Path, folder: Path) -> bool:
    """Return whether a path leads into a folder, links followed."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # Links in a circle; letters that no path has.
        return False


def _gltf_names(data: bytes, form: str, what: str) -> list[str]:
    text = data
    if form == "glb":
        if len(data) < 20 or data[:4] != b"glTF":
            raise TabletopError(f"{what}: it must be a mesh in GLB, its first bytes are {data[:4]!r}")
        text = data[20 : 20 + struct.unpack("<I", data[12:16])[0]]
    found = parse_json(text, what)
    lists = [found.get(key) for key in ("buffers", "images")] if isinstance(found, dict) else []
    listed = [item for items in lists if isinstance(items, list) for item in items]
    return [str(item["uri"]) for item in listed if isinstance(item, dict) and "uri" in item]


def _check_count(data: bytes, form: str, what: str) -> None:
    """Check how many faces a file says that it has, before they are read."""
    count = 0
    if form == "stl" and len(data) >= 84 and not data[:512].lstrip().startswith(b"solid"):
        count = struct.unpack("<I", data[80:84])[0]
        if len(data) < 84 + 50 * count:
            raise TabletopError(f"{what}: it says that it has {count} faces, and ends before them")
    elif form == "ply":
        match = re.search(rb"^element face (\d{1,12})", data[:65536], re.M)
        count = int(match[1]) if match else 0
    elif form == "obj":
        count = data.count(b"\nf ")
    if count > _MOST_FACES:
        raise TabletopError(f"{what}: a mesh may have at most {_MOST_FACES} faces, got {count}; simplify it first")


def _obj_color(data: bytes, named: dict[str, Path]) -> tuple[float, float, float] | None:
    """Return the diffuse colour of the material that most faces are of."""
    colors: dict[bytes, tuple[float, float, float]] = {}
    for path in named.values():
        current = b""
        for line in read_bytes(path, path.name, _MOST_BYTES).splitlines():
            word, _, rest = line.strip().partition(b" ")
            if word == b"newmtl":
                current = rest.strip()
            elif word == b"Kd":
                try:
                    red, green, blue = (min(1.0, max(0.0, float(v))) for v in rest.split()[:3])
                except ValueError:
                    continue
                colors[current] = (red, green, blue)
    faces: dict[bytes, int] = {}
    current = b""
    for line in data.splitlines():
        if line.startswith(b"usemtl"):
            current = line[6:].strip()
        elif line.startswith(b"f "):
            faces[current] = faces.get(current, 0) + 1
    known = [name for name in faces if name in colors]
    return colors[max(known, key=lambda name: faces[name])] if known else None


def _color(mesh: Any) -> tuple[float, float, float] | None:
    try:
        shown = mesh.visual.main_color if mesh.visual.defined else None
    except Exception:
        # Textures need packages that colours do not.
        return None
    if shown is None:
        return None
    red, green, blue = (float(v) / 255 for v in shown[:3])
    return red, green, blue


@contextmanager
def _quiet() -> Iterator[None]:
    """Hold back what trimesh writes and warns of."""
    import logging

    log = logging.getLogger("trimesh")
    before = log.disabled
    log.disabled = True
    try:
        with redirect_stderr(StringIO()), np.errstate(all="ignore"):
            yield
    finally:
        log.disabled = before
