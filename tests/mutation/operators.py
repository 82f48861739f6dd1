"""What is done to the code: the operators of mutmut, and those that imitate a forgotten case of our own kind of bug."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import libcst as cst
import libcst.matchers as m
from mutmut.mutation import mutators

Operator = tuple[type, Callable[[Any], Any]]

_PASS: Final = cst.SimpleStatementLine([cst.Pass()])


def _without_each(parts: Sequence[Any]) -> Iterator[list[Any]]:
    """The parts without the first, without the second, and so on."""
    for place in range(len(parts)):
        yield [*parts[:place], *parts[place + 1 :]]


def keyword_removed(node: cst.Call) -> Iterator[cst.Call]:
    """`get(Key=key, ConsistentRead=True)` to `get(Key=key)`."""
    for place, arg in enumerate(node.args):
        if arg.keyword:
            yield node.with_changes(args=[*node.args[:place], *node.args[place + 1 :]])


def entry_removed(node: cst.Dict) -> Iterator[cst.Dict]:
    """`{"Keys": keys, "ConsistentRead": True}` to `{"Keys": keys}`."""
    yield from (node.with_changes(elements=elements) for elements in _without_each(node.elements))


def element_removed(node: cst.Set) -> Iterator[cst.Set]:
    """`{"Throttled", "Conflict"}` to `{"Throttled"}`."""
    if len(node.elements) > 1:
        yield from (node.with_changes(elements=elements) for elements in _without_each(node.elements))


def _shorter(listed: Any) -> Iterator[Any]:
    if isinstance(listed, cst.Tuple | cst.List) and len(listed.elements) > 1:
        for elements in _without_each(listed.elements):
            comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))  # of one element too it stays a tuple
            yield listed.with_changes(elements=[element.with_changes(comma=comma) for element in elements])


def exception_removed(node: cst.ExceptHandler) -> Iterator[cst.ExceptHandler]:
    """`except (KeyError, TypeError):` to `except (KeyError,):`."""
    yield from (node.with_changes(type=shorter) for shorter in _shorter(node.type))


def member_removed(node: cst.ComparisonTarget) -> Iterator[cst.ComparisonTarget]:
    """`code in ("A", "B")` to `code in ("A",)`."""
    yield from (node.with_changes(comparator=shorter) for shorter in _shorter(node.comparator))


def case_never(node: cst.MatchCase) -> Iterator[cst.MatchCase]:
    """`case "TransactionInProgressException":` to one that never matches."""
    if node.guard is None and not m.matches(node.pattern, m.MatchAs(pattern=None, name=None)):
        space = cst.SimpleWhitespace(" ")
        yield node.with_changes(guard=cst.Name("False"), whitespace_before_if=space, whitespace_after_if=space)


def alternative_removed(node: cst.MatchOr) -> Iterator[cst.MatchOr]:
    """`case "A" | "B" | "C":` to `case "A" | "B":`."""
    if len(node.patterns) > 2:
        for patterns in _without_each(node.patterns):
            last = patterns[-1].with_changes(separator=cst.MaybeSentinel.DEFAULT)
            yield node.with_changes(patterns=[*patterns[:-1], last])


def condition_never(node: cst.If) -> Iterator[cst.If]:
    """`if losses:` to `if False:`."""
    yield node.with_changes(test=cst.Name("False"), whitespace_before_test=cst.SimpleWhitespace(" "))


def half_forgotten(node: cst.BooleanOperation) -> Iterator[cst.BaseExpression]:
    """`late and left` to `late`, and to `left`."""
    for half in (node.left, node.right):
        yield half.with_changes(
            lpar=[*node.lpar, *half.lpar] or [cst.LeftParen()], rpar=[*half.rpar, *node.rpar] or [cst.RightParen()]
        )


def filter_removed(node: cst.CompFor) -> Iterator[cst.CompFor]:
    """`[row for row in rows if row.due]` to `[row for row in rows]`."""
    if node.ifs:
        yield node.with_changes(ifs=[])


def arm_forgotten(node: cst.IfExp) -> Iterator[cst.BaseExpression]:
    """`a if due else b` to `a`, and to `b`."""
    for arm in (node.body, node.orelse):
        yield arm.with_changes(
            lpar=[*node.lpar, *arm.lpar] or [cst.LeftParen()], rpar=[*arm.rpar, *node.rpar] or [cst.RightParen()]
        )


def raise_returns(node: cst.Raise) -> Iterator[cst.Return]:
    """`raise Contended(...)` to `return`."""
    yield cst.Return()


def bound_zero(node: cst.Name) -> Iterator[cst.Integer]:
    """`time_left() < DEADLINE_RESERVE_MS` to `time_left() < 0`."""
    if node.value.isupper() and len(node.value) > 3 and not node.value.startswith("__"):
        yield cst.Integer("0")


def number_zero(node: cst.Integer) -> Iterator[cst.Integer]:
    """`Limit=25` to `Limit=0`."""
    if node.evaluated_value not in {0, -1}:
        yield cst.Integer("0")


def statement_removed(node: cst.SimpleStatementLine) -> Iterator[cst.SimpleStatementLine]:
    """`failed |= refused` and `queue.delete(sent)` to `pass`."""
    kept = m.Expr(m.Call()) | m.AugAssign() | m.Del() | m.Assign([m.AssignTarget(m.Attribute() | m.Subscript())])
    if len(node.body) == 1 and m.matches(node.body[0], kept):
        yield _PASS.with_changes(trailing_whitespace=node.trailing_whitespace, leading_lines=node.leading_lines)


OURS: Final[Sequence[Operator]] = (
    (cst.Call, keyword_removed),
    (cst.Dict, entry_removed),
    (cst.Set, element_removed),
    (cst.ExceptHandler, exception_removed),
    (cst.ComparisonTarget, member_removed),
    (cst.MatchCase, case_never),
    (cst.MatchOr, alternative_removed),
    (cst.If, condition_never),
    (cst.BooleanOperation, half_forgotten),
    (cst.CompFor, filter_removed),
    (cst.IfExp, arm_forgotten),
    (cst.Raise, raise_returns),
    (cst.Name, bound_zero),
    (cst.Integer, number_zero),
    (cst.SimpleStatementLine, statement_removed),
)

TOO_EASY: Final = frozenset({"operator_assignment"})
"""Of mutmut: `a = None` dies where `a` is used first, whatever the tests assert."""

OPERATORS: Final[Sequence[Operator]] = (
    *(pair for pair in mutators.mutation_operators if pair[1].__name__ not in TOO_EASY),
    *OURS,
)
