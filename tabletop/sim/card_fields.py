"""What a scene card and its entities may say: the type and the range of each field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypedDict

from msgspec import Meta

from tabletop.errors import TabletopError
from tabletop.schema import Name, PartName, check_rising, fill, plain

__all__ = ["check_card"]

_MOST_ENTITIES: Final = 50
"""Entities of a scene at most, extras included."""
_MOST_CAMERAS: Final = 20
"""As `Scene` has it."""

_Two = Meta(min_length=2, max_length=2)
_Three = Meta(min_length=3, max_length=3)
_OneMetre = Annotated[float, Meta(ge=-10, le=10)]
_OneExtent = Annotated[float, Meta(ge=5e-4, le=10)]
_OneMass = Annotated[float, Meta(ge=1e-4, le=1000)]
_OneFactor = Annotated[float, Meta(ge=0, le=100)]
_OneAngle = Annotated[float, Meta(ge=-1000, le=1000)]
_OneShare = Annotated[float, Meta(ge=0, le=1)]
_OneFov = Annotated[float, Meta(gt=0, lt=180)]
_OneCount = Annotated[int, Meta(ge=0, le=20)]
# A number, or a range [low, high] to draw one from.
_Metres = _OneMetre | Annotated[tuple[_OneMetre, ...], _Two]
_Extent = _OneExtent | Annotated[tuple[_OneExtent, ...], _Two] | Annotated[str, Meta(min_length=1, max_length=100)]
_Mass = _OneMass | Annotated[tuple[_OneMass, ...], _Two]
_Factor = _OneFactor | Annotated[tuple[_OneFactor, ...], _Two]
_Angle = _OneAngle | Annotated[tuple[_OneAngle, ...], _Two]
_Share = _OneShare | Annotated[tuple[_OneShare, ...], _Two]
_Fov = _OneFov | Annotated[tuple[_OneFov, ...], _Two]
_Kinds = str | tuple[str, ...]


class _At(TypedDict, total=False):
    x: _Metres
    y: _Metres
    z: _Metres


class _Size(TypedDict, total=False):
    w: _Extent
    d: _Extent
    h: _Extent


# Their names are none in a class.
_From = TypedDict("_From", {"from": PartName})
_With = TypedDict("_With", {"with": PartName})


class _Offset(_From, _At, total=False):
    distance: _Metres
    direction: _Angle


class _Fit(_With, _At, total=False):
    yaw: _Angle


class _Part(TypedDict, total=False):
    fraction: _Share


class _Needs(TypedDict):
    kind: _Kinds


class _Entity(_Needs, total=False):
    at: _At
    on: PartName
    inside: PartName
    offset: _Offset
    fit: _Fit
    size: _Size
    mass: _Mass
    friction: _Factor
    color: Annotated[tuple[_Share, ...], Meta(min_length=3, max_length=4)]
    yaw: _Angle
    fraction: _Share
    parts: Mapping[Name, Any]
    held: bool
    optional: _OneShare
    curl: _Angle


class _Table(TypedDict, total=False):
    width: _Extent
    depth: _Extent
    height: _Metres
    friction: _Factor


class _NeedsKinds(TypedDict):
    kinds: _Kinds


class _Extras(_NeedsKinds, total=False):
    count: _OneCount | Annotated[tuple[_OneCount, ...], _Two]


class _NeedsView(TypedDict):
    position: Annotated[tuple[_Metres, ...], _Three]
    target: Annotated[tuple[_Metres, ...], _Three]


class _Camera(_NeedsView, total=False):
    fov: _Fov
    frame: Literal["world", "gripper"]
    up: Annotated[tuple[_OneMetre, ...], _Three]


class _Card(TypedDict, total=False):
    entities: Annotated[Mapping[Name, Any], Meta(max_length=_MOST_ENTITIES)]
    extras: _Extras
    table: _Table
    gripper: Literal["nominal", "near", "above", "around", "holding", "bearing", "anywhere"]
    attend: PartName
    cameras: Annotated[Mapping[Name, Any], Meta(max_length=_MOST_CAMERAS)]


_WAYS: Final = ("at", "inside", "offset", "on", "fit")


def check_card(card: object) -> dict[str, dict[str, Any]]:
    """Return the entities of a scene card, each as a mapping of fields, after all its fields are checked.

    Args:
        card: of a scene, as read from YAML.

    Raises:
        TabletopError: a field is unknown, missing, of another type, out of its range, or a range does not rise.
    """
    given = plain(card)
    _check(_Card, given, "scene card")
    entities = {n: {"kind": e} if isinstance(e, str) else e for n, e in given.get("entities", {}).items()}
    for name, fields in entities.items():
        where = f"scene entity {name!r}"
        _check(_Entity, fields, where)
        parts: Any = fields.get("parts", {})
        for name, part in parts.items():
            _check(_Part, part, f"{where}: parts: {name}")
        ways = [way for way in _WAYS if way in fields]
        if len(ways) > 1:
            raise TabletopError(f"{where}: takes one of {', '.join(_WAYS)}, got {' and '.join(ways)}")
    for name, fields in given.get("cameras", {}).items():
        _check(_Camera, fields, f"scene camera {name!r}")
    return entities


def _check(fields: Any, data: object, where: str) -> None:
    """Check a mapping's fields, and that its ranges rise."""
    check_rising(fill(fields, data, where), where)
