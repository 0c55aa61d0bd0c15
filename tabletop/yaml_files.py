"""YAML to plain values within bounds, whatever the text is: nothing else in the package parses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from tabletop.errors import TabletopError
from tabletop.files import DEEPEST, TOO_DEEP, Unfit, check_plain, read_text

__all__ = ["item_lines", "parse_yaml", "read_yaml", "yaml_text"]

_MOST: Final = 2_000_000
"""Values of a YAML file at most, those counted again that an alias repeats."""

_MERGE: Final = "tag:yaml.org,2002:merge"


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML's plain values; a date stays text, as no field is one."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _unique(loader: Any, node: Any, deep: bool = False) -> dict[Any, Any]:
    """Return a mapping, each of whose keys stands there once."""
    if isinstance(node, yaml.MappingNode):
        own = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE]
        keys = [loader.construct_object(key) for key in own]
        if len(set(keys)) < len(keys):
            twice = next(i for i, key in enumerate(keys) if key in keys[:i])
            problem = f"the key {keys[twice]!r} stands there twice"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=own[twice].start_mark)
        loader.flatten_mapping(node)
    found: dict[Any, Any] = yaml.constructor.BaseConstructor.construct_mapping(loader, node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _unique)


def read_yaml(path: Path, what: str) -> Any:
    """Return what a YAML file holds.

    Args:
        path: the file.
        what: it is, for the message.

    Raises:
        TabletopError: as `read_text` and `parse_yaml`.
    """
    return parse_yaml(read_text(path, what), what)


def parse_yaml(text: str, what: str) -> Any:
    """Return what YAML says, as plain values.

    Args:
        text: one document.
        what: it is, for the message.

    Raises:
        TabletopError: it is no YAML, a key stands twice in a mapping, lists and mappings are too deep in each other or
            too many, an alias holds itself, a number is not finite, or a text cannot be written as UTF-8.

    >>> parse_yaml("{kind: block, size: [0.04, 0.04]}", "card")
    {'kind': 'block', 'size': [0.04, 0.04]}
    """
    try:
        _check_events(text)
        found = yaml.load(text, Loader=_Loader)
        check_plain(found)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1})" if mark else ""
        raise TabletopError(f"cannot read {what}: it must be YAML; {error.problem or error.context}{where}") from None
    except yaml.YAMLError as error:
        raise TabletopError(f"cannot read {what}: it must be YAML; {error}") from None
    except Unfit as error:
        raise TabletopError(f"cannot read {what}: {error}") from None
    except (ValueError, KeyError, AttributeError, IndexError, TypeError, OverflowError, RecursionError) as error:
        # What the library's constructors raise on "!!bool 3", "0b_" or a number of 5,000 digits.
        raise TabletopError(f"cannot read {what}: it must be YAML; {str(error) or type(error).__name__}") from None
    return found


def item_lines(text: str) -> list[int]:
    """Return the line that each item of a YAML list begins at, from 1 on.

    Args:
        text: of a list that `parse_yaml` takes.

    >>> item_lines("- a\\n\\n- b: 1")
    [1, 3]
    """
    tree: Any = yaml.compose(text, Loader=_Loader)
    return [node.start_mark.line + 1 for node in tree.value]


def _check_events(text: str) -> None:
    """Check depth and count before anything is built: the C library crashes on 100,000 lists in each other."""
    count, open_at, sizes = 0, list[tuple[str | None, int]](), dict[str, int]()
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise Unfit(f"the alias *{event.anchor} stands for nothing, or for what it lies in")
            count += sizes[event.anchor]
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, began = open_at.pop()
            if anchor is not None:
                sizes[anchor] = count - began
        elif isinstance(event, yaml.CollectionStartEvent):
            open_at.append((event.anchor, count))
            count += 1
            if len(open_at) > DEEPEST:
                raise Unfit(TOO_DEEP)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        if count > _MOST:
            raise Unfit(f"it may have at most {_MOST} values, those that aliases repeat among them")


def yaml_text(value: object, width: int = 80) -> str:
    """Return plain values as YAML that `parse_yaml` gives back; floats keep every bit.

    Args:
        value: mappings (in their order), lists, texts, numbers.
        width: columns after which a list or a text goes on in the next line.

    >>> yaml_text({"kind": "block"})
    'kind: block\\n'
    """
    return str(yaml.safe_dump(value, sort_keys=False, width=width))
