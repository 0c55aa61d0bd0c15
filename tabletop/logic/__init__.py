"""Predicates over states, formulas made of them, and how both are written."""

from __future__ import annotations

from tabletop.logic.formula import Formula, Group, Literal, Node, conjunction
from tabletop.logic.parse import FormulaError, parse
from tabletop.logic.predicate import DIRECTIONS, PREDICATES, Argument, Predicate, get_predicate, predicate

__all__ = [
    "DIRECTIONS",
    "PREDICATES",
    "Argument",
    "Formula",
    "FormulaError",
    "Group",
    "Literal",
    "Node",
    "Predicate",
    "conjunction",
    "get_predicate",
    "parse",
    "predicate",
]
