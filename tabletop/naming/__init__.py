"""Naming discovered skills by testing them against the registry."""

from __future__ import annotations

from tabletop.naming.name import NameSettings, name_skills

__all__ = ["NameSettings", "name_skills"]
