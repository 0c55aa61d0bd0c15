"""Equations of the pages as MathML, which browsers draw by themselves: no script, no fonts from elsewhere.

mkdocs calls `on_page_content` with each page's HTML, where arithmatex has marked the equations.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Final

from latex2mathml.converter import convert

__all__ = ["on_page_content"]

_EQUATION: Final = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(html: str, **_: object) -> str:
    """Return a page with its equations in MathML: `$...$` within a line, `$$...$$` as a block."""
    return _EQUATION.sub(_equation, html)


def _equation(found: re.Match[str]) -> str:
    shown = str(convert(unescape(found[3]), display="block" if found[2] == "[" else "inline"))
    if "\\" in shown:
        raise ValueError(f"an equation has a command that has no MathML: {found[3].strip()}")
    return shown
