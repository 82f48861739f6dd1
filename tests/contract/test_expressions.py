"""The fakes' expressions against what they were printed from, against Python's own logic, and against moto."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from tests.contract.tables import TABLE, create_tables, item, key
from tests.support.aws.account import FakeAws
from tests.support.aws.conditions import Bindings, Expressions, evaluate
from tests.support.aws.errors import CallRefused
from tests.support.aws.expressions import (
    And,
    BadExpression,
    Between,
    Comparison,
    FunctionCall,
    In,
    Literal,
    Node,
    Not,
    Operand,
    Or,
    Path,
    Size,
    parse_condition,
)
from tests.support.aws.moto_backend import MotoAws
from tests.support.aws.updates import parse_update

STEADY = settings(
    derandomize=True, deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NOTHING = Bindings({}, {})

# --- Trees, and their text --------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "PK", "event_id", "#n", "#source", "_x1"])
PATHS = st.builds(
    lambda first, rest: Path((first, *rest)), NAMES, st.lists(NAMES | st.integers(min_value=0, max_value=9), max_size=2)
)
LITERALS = st.sampled_from([":v", ":w", ":0", ":start_time"]).map(Literal)
OPERANDS: st.SearchStrategy[Operand] = PATHS | LITERALS | PATHS.map(Size)
ATOMS: st.SearchStrategy[Node] = st.one_of(
    st.builds(Comparison, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), OPERANDS, OPERANDS),
    st.builds(Between, OPERANDS, OPERANDS, OPERANDS),
    st.builds(In, OPERANDS, st.lists(OPERANDS, min_size=1, max_size=3).map(tuple)),
    st.builds(FunctionCall, st.sampled_from(["attribute_exists", "attribute_not_exists"]), PATHS),
    st.builds(FunctionCall, st.sampled_from(["begins_with", "contains"]), PATHS, OPERANDS),
)


def combined(node: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.builds(And, node, node) | st.builds(Or, node, node) | st.builds(Not, node)


TREES = st.recursive(ATOMS, combined, max_leaves=8)


class Printer:
    """Writes a tree with only the parentheses that it needs, and with any case and space that the grammar allows."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, node: Node) -> str:
        return self._space().join(["", *self._tokens(node, 0), ""])

    def _space(self) -> str:
        return self._random.choice([" ", "  ", "\n", "\t "])

    def _keyword(self, word: str) -> str:
        return "".join(self._random.choice([letter.lower(), letter.upper()]) for letter in word)

    def _tokens(self, node: Node, binds: int) -> list[str]:
        """OR binds at 1, AND at 2, NOT at 3; both sides of a left-associative operator are printed for it."""
        match node:
            case Or(left, right):
                mine, tokens = 1, [*self._tokens(left, 1), self._keyword("OR"), *self._tokens(right, 2)]
            case And(left, right):
                mine, tokens = 2, [*self._tokens(left, 2), self._keyword("AND"), *self._tokens(right, 3)]
            case Not(operand):
                mine, tokens = 3, [self._keyword("NOT"), *self._tokens(operand, 3)]
            case _:
                mine, tokens = 4, self._atom(node)
        return tokens if mine >= binds else ["(", *tokens, ")"]

    def _atom(self, node: Node) -> list[str]:
        match node:
            case Comparison(operator, left, right):
                return [self._operand(left), operator, self._operand(right)]
            case Between(value, low, high):
                bounds = [self._operand(low), self._keyword("AND"), self._operand(high)]
                return [self._operand(value), self._keyword("BETWEEN"), *bounds]
            case In(value, among):
                return [self._operand(value), self._keyword("IN"), f"({', '.join(map(self._operand, among))})"]
            case FunctionCall(name, path, argument):
                rest = [] if argument is None else [",", self._operand(argument)]
                return [name, "(", self._operand(path), *rest, ")"]
        raise AssertionError(node)

    def _operand(self, operand: Operand) -> str:
        match operand:
            case Literal(name):
                return name
            case Size(path):
                return f"size({self._operand(path)})"
            case Path((first, *rest)):
                return str(first) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest)
        raise AssertionError(operand)


@STEADY
@given(TREES, st.integers(min_value=0, max_value=999))
def test_a_printed_tree_is_read_as_it_was(tree: Node, seed: int) -> None:
    parsed = parse_condition(Printer(seed).text(tree))
    assert parsed.tree == tree
    text = repr(tree)
    assert parsed.values == {name for name in (":v", ":w", ":0", ":start_time") if f"'{name}'" in text}
    assert parsed.names == {name for name in ("#n", "#source") if f"'{name}'" in text}


@STEADY
@given(TREES, st.integers(min_value=0, max_value=999))
def test_doubling_any_parentheses_is_refused(tree: Node, seed: int) -> None:
    with pytest.raises(BadExpression, match="redundant"):
        parse_condition(f"(({Printer(seed).text(tree)}))")


TEXTS = st.text() | st.lists(
    st.sampled_from(
        [*"()[],.=<>#:+- a1", "AND", "OR", "NOT", "BETWEEN", "IN", "SET", "ADD", "REMOVE", "size(", ":v", "#n"]
    )
    | st.sampled_from(["attribute_exists(", "begins_with(", "if_not_exists(", "status", "²", "é"]),
    max_size=30,
).map(" ".join)


@STEADY
@given(TEXTS)
@example("(" * 4000)
@example("NOT " * 1000)
@example("a[²] = :v")
@example("a = :v " * 1000)
def test_no_text_breaks_the_parsers(text: str) -> None:
    for parse in (parse_condition, parse_update):
        try:
            parse(text)
        except (BadExpression, NotImplementedError):
            continue


# --- Meaning ----------------------------------------------------------------------------------------------------------

LETTERS = "pqrs"


@st.composite
def boolean_texts(draw: st.DrawFn, depth: int = 4) -> str:
    """A condition of attribute_exists, for DynamoDB and, once these are replaced, for Python."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from([f"attribute_exists({letter})" for letter in LETTERS]))
    left, right = draw(boolean_texts(depth=depth - 1)), draw(boolean_texts(depth=depth - 1))
    return draw(
        st.sampled_from([f"{left} AND {right}", f"{left} OR {right}", f"NOT {left}", f"NOT ({left} OR {right})"])
    )


@STEADY
@given(boolean_texts(), st.sets(st.sampled_from(LETTERS)))
def test_logic_is_pythons(text: str, present: set[str]) -> None:
    assume(len(text) < 4000)
    for_python = text.replace("AND", "and").replace("OR", "or").replace("NOT", "not")
    for letter in LETTERS:
        for_python = for_python.replace(f"attribute_exists({letter})", str(letter in present))
    wanted = eval(for_python)  # noqa: S307 - Python has the same precedence, and the text is ours
    held = {letter: {"S": "x"} for letter in present}
    assert evaluate(parse_condition(text).tree, held, NOTHING) is wanted


SCALARS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-1000, max_value=1000).map(
        lambda number: ("N", str(number), number)
    ),
    st.text(st.characters(codec="utf-8"), max_size=4).map(lambda text: ("S", text, text.encode())),
    st.binary(max_size=4).map(lambda data: ("B", data, data)),
)


@STEADY
@given(SCALARS, SCALARS, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))
@example(("N", "10", Decimal(10)), ("N", "9", Decimal(9)), "<")
@example(("S", "10", b"10"), ("S", "9", b"9"), "<")
@example(("S", "｡", "｡".encode()), ("S", "𝒳", "𝒳".encode()), "<")
def test_scalars_compare_as_numbers_or_as_bytes(left: Any, right: Any, operator: str) -> None:
    values = {":left": {left[0]: left[1]}, ":right": {right[0]: right[1]}}
    request = {"ConditionExpression": f":left {operator} :right", "ExpressionAttributeValues": values}
    expressions = Expressions(request)
    parsed = expressions.condition("ConditionExpression")
    assert parsed is not None
    outcome = evaluate(parsed.tree, {}, expressions.bindings)
    if left[0] != right[0]:
        assert outcome is (operator == "<>")
    else:
        first, second = left[2], right[2]
        compared = [first == second, first != second, first < second, first <= second, first > second, first >= second]
        assert outcome is compared[["=", "<>", "<", "<=", ">", ">="].index(operator)]


# --- Both backends ----------------------------------------------------------------------------------------------------

STORED = item("p", "s", n=5, t="text", l={"L": [{"S": "x"}]}, m={"M": {"k": {"N": "1"}}})
SAFE_ATOMS = st.sampled_from(
    [
        *("attribute_exists(n)", "attribute_not_exists(n)", "attribute_exists(u)", "attribute_not_exists(u)"),
        *("attribute_exists(m.k)", "attribute_not_exists(m.j)", "n = :five", "n <> :five", "n < :six", "n >= :six"),
        *("u = :five", "u <> :five", "n BETWEEN :five AND :six", "n IN (:five, :six)", "begins_with(t, :te)"),
        *("contains(t, :te)", "size(t) = :six", "size(l) < :six", "m.k <> :five"),
    ]
)
SAFE_TEXTS = st.recursive(
    SAFE_ATOMS,
    lambda inner: st.one_of(
        st.builds("{} AND {}".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
        st.builds("NOT {}".format, SAFE_ATOMS),
        st.builds("NOT ({} OR {})".format, inner, inner),
        st.builds("({} OR {}) AND {}".format, inner, inner, inner),
    ),
    max_leaves=5,
)
VALUES = {":five": {"N": "5"}, ":six": {"N": "6"}, ":te": {"S": "te"}}


def allowed(dynamodb: Any, condition: str) -> bool:
    used = {name: value for name, value in VALUES.items() if name in condition}
    values = {"ExpressionAttributeValues": used} if used else {}
    check = {"TableName": TABLE, "Key": key("p", "s"), "ConditionExpression": condition, **values}
    try:
        dynamodb.transact_write_items(TransactItems=[{"ConditionCheck": check}])
    except dynamodb.exceptions.TransactionCanceledException:
        return False
    return True


@settings(STEADY, max_examples=60)
@given(condition=SAFE_TEXTS)
def test_moto_and_the_fakes_judge_alike(condition: str, fake_aws: FakeAws, moto_aws: MotoAws) -> None:
    for dynamodb in (fake_aws.dynamodb, moto_aws.dynamodb):
        try:
            create_tables(dynamodb)
        except ClientError:
            continue  # made by an example before this one
        dynamodb.put_item(TableName=TABLE, Item=STORED)
    assert allowed(fake_aws.dynamodb, condition) is allowed(moto_aws.dynamodb, condition)


# --- Order ------------------------------------------------------------------------------------------------------------

SORT_KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)


@settings(STEADY, max_examples=60)
@given(st.sets(SORT_KEYS, max_size=12), SORT_KEYS, SORT_KEYS, st.integers(min_value=1, max_value=5), st.booleans())
def test_pages_of_any_size_are_the_whole_in_order(
    words: set[str], first: str, last: str, limit: int, forward: bool
) -> None:
    low, high = sorted([first, last], key=str.encode)
    dynamodb = FakeAws(validate=False).dynamodb
    create_tables(dynamodb)
    for word in words:
        dynamodb.put_item(TableName=TABLE, Item=item("p", word))
    wanted = sorted((word for word in words if low.encode() <= word.encode() <= high.encode()), key=str.encode)
    request = {
        "TableName": TABLE,
        "KeyConditionExpression": "PK = :p AND SK BETWEEN :low AND :high",
        "ExpressionAttributeValues": {":p": {"S": "p"}, ":low": {"S": low}, ":high": {"S": high}},
        "Limit": limit,
        "ScanIndexForward": forward,
    }
    found: list[str] = []
    for _ in range(len(words) + 2):
        page = dynamodb.query(**request)
        found += [one["SK"]["S"] for one in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert found == (wanted if forward else wanted[::-1])


def test_a_number_that_is_none_is_refused_in_an_expression_too() -> None:
    with pytest.raises(CallRefused, match="cannot be converted"):
        Expressions({"ExpressionAttributeValues": {":v": {"N": "ten"}}})
