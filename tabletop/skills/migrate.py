"""Libraries of an older format, and results of one beside a library, rewritten once in the words of this one.

Format 3 has the field's names: skill embeddings for what a policy "is told", and effects that are called what the
predicates are called. What a library does stays the same, bit for bit. Results have formats of their own since: the
second of discover.json and measure.json says "effect" where the first said "kind".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tabletop.errors import TabletopError
from tabletop.files import read_json, write_whole
from tabletop.learn.tensors import load_tensors, save_tensors
from tabletop.runs.lock import alone_in
from tabletop.runs.records import Discovery, Measurement, Naming, Record
from tabletop.runs.store import as_record, write_record
from tabletop.yaml_files import read_yaml, yaml_text

__all__ = ["FORMAT", "OLD_FORMATS", "migrate_library"]

FORMAT: Final = "tabletop-library/3"
"""What library.yaml must say it is."""
OLD_FORMATS: Final = ("tabletop-library/2",)
"""Formats that can be rewritten."""
_EFFECTS: Final[Mapping[str, str]] = {
    "held": "held_at",
    "settled": "displaced",
    "stacked": "on",
    "contained": "inside",
    "adjoined": "beside",
}
"""Names of effects, old and new."""
_KEYS: Final[Mapping[str, str]] = {"floors": "baselines", "by_kind": "by_effect"}
_ID: Final = re.compile(rf"^({'|'.join(_EFFECTS)})((?:-\d+)?(?: .*)?)$")
"""An effect, a skill's id, or a skill's id and its entity."""
_RESULTS: Final[Mapping[str, type[Record]]] = {record.FILE: record for record in (Discovery, Naming)}
"""Files that are rewritten with a library; later stages' are quickly made anew, and refused until then."""
_NUMBERED: Final[Mapping[str, type[Record]]] = {record.FILE: record for record in (Discovery, Measurement)}
"""Files of an older format of their own that are rewritten beside a library of this one."""
_TEXT: Final = {"name", "phrase"}
"""Fields that hold text for people, which is left alone."""


def migrate_library(folder: Path) -> list[Path]:
    """Rewrite a library of an older format, and results of one in its folder or its run's.

    Args:
        folder: a library's folder, or a run's with the folder `library`.

    Returns:
        The files that were rewritten: none where library and results are of this format.

    Raises:
        TabletopError: no library there, one of a format that is not known, or a file that is damaged.

    >>> migrate_library(Path("runs/mine"))  # doctest: +SKIP
    [PosixPath('runs/mine/library/library.yaml'), ...]
    """
    inside = folder / "library" if (folder / "library" / "library.yaml").is_file() else folder
    path = inside / "library.yaml"
    card = read_yaml(path, f"library {str(inside)!r}")
    if not isinstance(card, Mapping):
        raise TabletopError(f"{str(path)!r} is not a skill library: it must be a mapping")
    around = inside.parent if inside.name == "library" else inside
    places = dict.fromkeys([folder, inside, around])
    with alone_in(around):
        return _migrated(inside, card, places)


def _migrated(inside: Path, card: Mapping[Any, Any], places: Iterable[Path]) -> list[Path]:
    """Rewrite what needs it in folders that are held; return the files.

    Args:
        inside: the library's.
        card: what its card says.
        places: where results of it may lie.
    """
    path = inside / "library.yaml"
    if card.get("format") == FORMAT:
        return _rewrite_results(places)
    if card.get("format") not in OLD_FORMATS:
        raise TabletopError(
            f"{str(path)!r} has format {card.get('format')!r}; those that can be rewritten: {', '.join(OLD_FORMATS)}"
        )
    tensors = load_tensors(inside / "weights.safetensors")
    try:
        renamed = _card(card)
        tensors = {"embeddings" if name == "means" else name: value for name, value in tensors.items()}
    except (KeyError, AttributeError, TypeError) as error:
        raise TabletopError(f"library {str(inside)!r} is damaged: {error}") from None
    # Everything is read before anything is written.
    found = [place / name for place in places for name in _RESULTS if (place / name).is_file()]
    results = {path: as_record(_RESULTS[path.name], _renamed(read_json(path, repr(str(path))))) for path in found}
    save_tensors(inside / "weights.safetensors", tensors)
    for result, record in results.items():
        write_record(result, record)
    # Last: a library that was half rewritten is rewritten again.
    write_whole(path, yaml_text(renamed))
    return [path, inside / "weights.safetensors", *results]


def _rewrite_results(places: Iterable[Path]) -> list[Path]:
    """Rewrite what has an older format of its own in some folders; return the files that were rewritten."""
    found = {place / name: record for place in places for name, record in _NUMBERED.items()}
    read = {path: read_json(path, repr(str(path))) for path in found if path.is_file()}
    old = {
        path: {_KEYS.get(k, k): v for k, v in data.items()}
        for path, data in read.items()
        if isinstance(data, Mapping) and data.get("format") in found[path].OLD_FORMATS
    }
    results = {path: as_record(found[path], data) for path, data in old.items()}
    for path, record in results.items():
        write_record(path, record)
    return [*results]


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a library's card in this format."""
    info = dict(card["info"])
    if "sees" in info:
        info = {"discriminator_input" if k == "sees" else k: v for k, v in info.items()}
    if "effects" in info:
        info["effects"] = ",".join(_EFFECTS.get(name, name) for name in str(info["effects"]).split(","))
    conditioning = card.get("tells", "mean")
    return {
        "format": FORMAT,
        "codes": {_EFFECTS.get(name, name): count for name, count in card["codes"].items()},
        "horizon": card["horizon"],
        "conditioning": "target" if conditioning == "mean" else conditioning,
        "acts": card.get("acts", "mean"),
        "observation": card["observation"],
        "info": info,
        "scene": card["scene"],
    }


def _word(text: str) -> str:
    found = _ID.match(text)
    return _EFFECTS[found[1]] + found[2] if found else text


def _renamed(value: Any, key: str = "") -> Any:
    """Return a value of a results file with effects, ids and fields by their new names."""
    if isinstance(value, Mapping):
        return {_word(_KEYS.get(k, k)): _renamed(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v, key) for v in value]
    return _word(value) if isinstance(value, str) and key not in _TEXT else value
