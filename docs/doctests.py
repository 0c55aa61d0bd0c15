"""Examples (`>>>`) in docstrings become code on the reference's pages: as Markdown they would be quotations."""

from __future__ import annotations

import re
from typing import Any, Final

import griffe

__all__ = ["Doctests"]

_EXAMPLE: Final = re.compile(r"^( *)>>> .*(?:\n(?! *$)\1.*)*", re.MULTILINE)


class Doctests(griffe.Extension):
    """Fences the examples of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite one docstring."""
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(found: re.Match[str]) -> str:
    indent = found[1]
    return f"{indent}```pycon\n{found[0]}\n{indent}```"
