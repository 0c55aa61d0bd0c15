"""Predicates over states, formulas made of them, and how both are written."""

from __future__ import annotations

from tabletop.logic.formula import Formula, Group, Literal, Node, conjunction
from tabletop.logic.parse import FormulaError, parse
from tabletop.logic.predicate import DIRECTIONS, PREDICATES, Argument, Predicate, get_predicate, predicate
from tabletop.logic.suite import Suite, find_suite, load_suites
from tabletop.logic.task import Parameter, Registry, Task, load_registry

__all__ = [
    "DIRECTIONS",
    "PREDICATES",
    "Argument",
    "Formula",
    "FormulaError",
    "Group",
    "Literal",
    "Node",
    "Parameter",
    "Predicate",
    "Registry",
    "Suite",
    "Task",
    "conjunction",
    "find_suite",
    "get_predicate",
    "load_registry",
    "load_suites",
    "parse",
    "predicate",
]
