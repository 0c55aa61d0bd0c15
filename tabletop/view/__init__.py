"""A page in the browser: a scene that goes on by itself, to be watched, shoved and told what to do.

`Session` is that scene; the rest is the page.
"""

from __future__ import annotations

from tabletop.view.course import Course
from tabletop.view.session import Session

__all__ = ["Course", "Session"]
