"""Reading formulas: a subset of Python expressions, with units, and errors that point at the place.

Quantities ("10 cm") are replaced by names of the same length before `ast` sees the text, so that
every column it reports is a column of the original.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import math
import re
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from tabletop.errors import TabletopError
from tabletop.logic import deformable as _deformable  # noqa: F401  (registers its predicates)
from tabletop.logic import manner as _manner  # noqa: F401  (registers its predicates)
from tabletop.logic import relations as _relations  # noqa: F401  (registers its predicates)
from tabletop.logic.formula import Formula, Literal, Node, group, negation
from tabletop.logic.predicate import DIRECTIONS, PREDICATES, TYPES, Argument, Predicate, Value
from tabletop.logic.quantity import UNITS, to_si
from tabletop.sim.cards import PART_MARK

__all__ = ["FormulaError", "parse"]

_LONGEST: Final = 2000
_DEEPEST: Final = 40
_NUMBER = re.compile(r"(?<!\w)(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_UNIT = re.compile(r"[^\W\d_]+|[%°]")
_OUTSIDE = re.compile(r"[^\w\s(),=%°.+\-<>!*/&|~:\[\]]")


class FormulaError(TabletopError):
    """A formula that cannot be read: one line, then the formula with a caret under the place."""

    def __init__(self, message: str, text: str = "", column: int = 0, width: int = 1) -> None:
        """Args: message: rule, value, alternatives. text: one line. column: from 0. width: of the caret."""
        super().__init__(message, text, column, width)
        self.message, self.text, self.column, self.width = message, text, column, width

    def __str__(self) -> str:
        if not self.text:
            return self.message
        return f"{self.message}\n  {self.text}\n  {' ' * self.column}{'^' * max(1, self.width)}"


@dataclass(frozen=True)
class _Quantity:
    """A number with its unit, and where it stands."""

    text: str
    dimension: str
    value: float


def _nearest(word: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}there are: {', '.join(names) or 'none'}"


class _Reader:
    """Reads one text; holds what errors need to point at the place."""

    def __init__(self, text: str, names: Collection[str] | None, what: str) -> None:
        # One character for one, so that columns stay.
        shown = (" " if c.isspace() else c if c.isprintable() else "\ufffd" for c in text)
        self.text = "".join(shown).rstrip()
        self.names = names
        self.what = what
        self.start = len(self.text) - len(self.text.lstrip())
        self.quantities: dict[int, _Quantity] = {}
        self.source = ""

    def error(self, message: str, column: int, width: int = 1) -> FormulaError:
        return FormulaError(f"{self.what}: {message}", self.text, column, width)

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Return column and width of a node in the original text (ast counts UTF-8 bytes)."""
        source = self.source.encode("utf-8")
        first = getattr(node, "col_offset", 0)
        last = getattr(node, "end_col_offset", None) or first + 1
        begin = len(source[:first].decode("utf-8", "ignore"))
        return self.start + begin, max(1, len(source[first:last].decode("utf-8", "ignore")))

    def at(self, node: ast.AST, message: str) -> FormulaError:
        return self.error(message, *self.span(node))

    def word(self, node: ast.AST) -> str:
        column, width = self.span(node)
        return self.text[column : column + width]

    def mask(self) -> None:
        """Take the quantities out of the text."""
        bad = _OUTSIDE.search(self.text)
        if bad is not None:
            hint = "; names stand without quotes" if bad[0] in "\"'" else ""
            raise self.error(f"a formula has no {bad[0]!r}{hint}", bad.start())
        out, last = [], 0
        for match in _NUMBER.finditer(self.text):
            begin, end = match.span()
            if begin < last:
                continue
            space = len(self.text[end:]) - len(self.text[end:].lstrip())
            unit = _UNIT.match(self.text, end + space)
            glued = re.compile(r"\w+").match(self.text, end)
            if unit is not None and (space == 0 or not keyword.iskeyword(unit[0])):
                word = re.compile(r"[\w%°]+").match(self.text, unit.start())
                name = word[0] if word is not None else unit[0]
                if name not in UNITS:
                    units = [u for u in UNITS if u]
                    raise self.error(f"unknown unit {name!r}; {_nearest(name, units)}", unit.start(), len(name))
                end, symbol = unit.start() + len(name), name
            elif glued is not None:
                raise self.error("a number and a word need a space between them", begin, glued.end() - begin)
            else:
                symbol = ""
            shown = self.text[begin:end]
            number = float(match[0])
            if not math.isfinite(number):
                raise self.error(f"a number must be finite, got {shown}", begin, end - begin)
            self.quantities[begin] = _Quantity(shown, UNITS[symbol], to_si(number, symbol))
            # A word on the left would swallow the mask, as in "a 5": the space between is kept.
            out.append(self.text[last:begin] + "_" * (end - begin))
            last = end
        self.source = ("".join(out) + self.text[last:])[self.start :]

    def formula(self) -> Formula:
        if not self.text.strip():
            raise FormulaError(f"{self.what}: a formula is empty; write for example: on(red, blue)")
        if len(self.text) > _LONGEST:
            raise FormulaError(f"{self.what}: a formula has at most {_LONGEST} characters, got {len(self.text)}")
        self.mask()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                body = ast.parse(self.source, mode="eval").body
        except SyntaxError as error:
            raise self.syntax(error) from None
        except (ValueError, MemoryError, RecursionError) as error:
            raise FormulaError(f"{self.what}: a formula must be simpler ({error})") from None
        return Formula(self.node(body, 0))

    def syntax(self, error: SyntaxError) -> FormulaError:
        # The parser reports an offset of 0 where the text ends too early.
        column = self.start + error.offset - 1 if error.offset else len(self.text)
        message = error.msg
        if "was never closed" in message:
            return self.error("'(' is never closed; add ')'" if "'('" in message else message, column)
        if "unmatched" in message:
            return self.error(f"{message}; remove it", column)
        if column >= len(self.text):
            return self.error("the formula ends too early; a predicate must follow", len(self.text))
        if "forgot a comma" in message:
            width = (error.end_offset or 0) - (error.offset or 0)
            return self.error("a comma, 'and' or 'or' is missing here", column, width)
        rule = "predicates are joined by 'and', 'or', 'not'; arguments by commas"
        return self.error(f"cannot be read here; {rule}", column)

    def node(self, node: ast.expr, depth: int) -> Node:
        if depth > _DEEPEST:
            raise self.at(node, f"a formula nests at most {_DEEPEST} deep")
        if isinstance(node, ast.BoolOp):
            operator = "and" if isinstance(node.op, ast.And) else "or"
            return group(operator, [self.node(v, depth + 1) for v in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return negation(self.node(node.operand, depth + 1))
        if isinstance(node, ast.Call):
            return self.call(node)
        raise self.at(node, self.forbidden(node))

    def forbidden(self, node: ast.expr) -> str:
        word = self.word(node)
        if isinstance(node, ast.Name):
            if word in PREDICATES:
                return f"{word!r} needs its arguments: {PREDICATES[word].signature}"
            return f"{word!r} alone states nothing; write a predicate such as on(red, blue)"
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitAnd, ast.BitOr)):
            return "'&' and '|' have no meaning here; write 'and', 'or'"
        if isinstance(node, ast.Compare):
            return "comparisons have no meaning here; a threshold is an argument: near(a, b, 5 cm)"
        if isinstance(node, ast.Attribute):
            return f"names have no dots, got {word!r}"
        if isinstance(node, (ast.BinOp, ast.UnaryOp)):
            return f"arithmetic has no meaning here, got {word!r}; write the number itself"
        return f"{word!r} has no meaning here; a formula has predicates, 'and', 'or', 'not' and parentheses"

    def call(self, node: ast.Call) -> Literal:
        if not isinstance(node.func, ast.Name) or self.span(node.func)[0] in self.quantities:
            word = self.word(node.func)
            raise self.at(node.func, f"a predicate's name must stand before '(', got {word!r}")
        known = PREDICATES.get(node.func.id)
        if known is None:
            nearest = _nearest(node.func.id, PREDICATES)
            raise self.at(node.func, f"unknown predicate {node.func.id!r}; {nearest}")
        given = self.assign(node, known)
        values = []
        for argument in known.arguments:
            if argument.name in given:
                values.append(self.value(given[argument.name], argument, known))
            elif argument.default is not None:
                values.append(argument.default)
            else:
                raise self.at(node, f"{known.name} lacks {argument.name!r}; it is written {known.signature}")
        try:
            return Literal(known.name, tuple(values))
        except TabletopError as error:
            raise self.at(node, str(error)) from None

    def assign(self, node: ast.Call, known: Predicate) -> dict[str, ast.expr]:
        slots = [a.name for a in known.arguments]
        given: dict[str, ast.expr] = {}
        for i, argument in enumerate(node.args):
            if isinstance(argument, ast.Starred):
                raise self.at(argument, "'*' has no meaning here; write the arguments one by one")
            if i >= len(slots):
                count = f"{len(node.args) + len(node.keywords)} arguments"
                raise self.at(argument, f"{known.name} is written {known.signature}, got {count}")
            given[slots[i]] = argument
        written = f"it is written {known.signature}"
        for pair in node.keywords:
            if pair.arg is None:
                raise self.at(pair, "'**' has no meaning here; write the arguments one by one")
            if pair.arg not in slots:
                raise self.at(pair, f"{known.name} has no argument {pair.arg!r}; {written}")
            if pair.arg in given:
                raise self.at(pair, f"{known.name} has {pair.arg!r} twice; {written}")
            given[pair.arg] = pair.value
        return given

    def value(self, node: ast.expr, argument: Argument, known: Predicate) -> Value:
        wanted = f"{known.name} takes {TYPES[argument.type]} for {argument.name!r}, got {self.word(node)!r}"
        inner, sign = node, 1.0
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            inner, sign = node.operand, -1.0 if isinstance(node.op, ast.USub) else 1.0
        quantity = self.quantities.get(self.span(inner)[0]) if isinstance(inner, ast.Name) else None
        if quantity is not None:
            if quantity.dimension != argument.dimension or not argument.accepts(sign * quantity.value):
                raise self.at(node, wanted)
            return sign * quantity.value
        name = _name(node)
        if name is None:
            raise self.at(node, wanted)
        if argument.type == "direction" and name not in DIRECTIONS:
            raise self.at(node, f"unknown direction {name!r}; {_nearest(name, DIRECTIONS)}")
        if argument.type == "entity":
            if self.names is not None and name not in self.names:
                raise self.at(node, f"unknown entity {name!r}; {_nearest(name, self.names)}")
        elif argument.type != "direction":
            raise self.at(node, wanted)
        return name


def _name(node: ast.expr) -> str | None:
    """Return a name, or that of a moving part, as in cabinet/left_door; None of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)):
        return None
    left, right = node.left, node.right
    return f"{left.id}{PART_MARK}{right.id}" if isinstance(left, ast.Name) and isinstance(right, ast.Name) else None


def parse(text: str, names: Collection[str] | None = None, what: str = "goal") -> Formula:
    """Read a formula such as "on(red, blue) and not near(red, bin, distance=10 cm)".

    Args:
        text: predicates joined by and, or, not and parentheses. Arguments are names, directions and
            numbers with units (m, cm, mm, deg, rad, N, %), by position or by name.
        names: entities that exist; None accepts any.
        what: what the formula is for, the first word of an error.

    Raises:
        FormulaError: it cannot be read.
    """
    if not isinstance(text, str):
        raise FormulaError(f"{what}: a formula is text, got {text!r}")
    return _Reader(text, names, what).formula()
