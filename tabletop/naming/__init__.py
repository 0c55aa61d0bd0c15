"""Naming discovered skills by testing them against the registry."""

from __future__ import annotations

from tabletop.naming.name import NameSettings, name_skills
from tabletop.naming.named import Called, NamedLibrary, open_library

__all__ = ["Called", "NameSettings", "NamedLibrary", "name_skills", "open_library"]
