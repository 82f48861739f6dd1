"""DynamoDB: writes that look first, and expressions that cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.refusals import code, message, refusal
from tests.contract.tables import PLAIN, TABLE, create_tables, everything, get, item, key, put

VALIDATION = "ValidationException"
FAILED = "ConditionalCheckFailedException"


@pytest.fixture
def db(aws: Any) -> Any:
    create_tables(aws.dynamodb)
    return aws.dynamodb


def allows(db: Any, condition: str, names: dict[str, str] | None = None, values: dict[str, Any] | None = None) -> bool:
    """Whether a put over item p/s is let through by a condition."""
    request: dict[str, Any] = {"TableName": TABLE, "Item": item("p", "s"), "ConditionExpression": condition}
    if names:
        request["ExpressionAttributeNames"] = names
    if values:
        request["ExpressionAttributeValues"] = values
    try:
        db.put_item(**request)
    except db.exceptions.ConditionalCheckFailedException:
        return False
    return True


STORED = item(
    "p", "s", a=5, t="text", status="ACCEPTED", flag={"BOOL": True}, l={"L": [{"S": "x"}]}, m={"M": {"k": {"N": "1"}}}
)


@pytest.mark.parametrize(
    ("condition", "values", "allowed"),
    [
        ("attribute_exists(PK)", {}, True),
        ("attribute_not_exists(PK)", {}, False),
        ("attribute_exists(nothing)", {}, False),
        ("attribute_exists(m.k)", {}, True),
        ("attribute_exists(l[0]) AND attribute_not_exists(l[1])", {}, True),
        ("a = :v", {":v": {"N": "5"}}, True),
        ("a = :v", {":v": {"N": "5.0"}}, True),
        ("a = :v", {":v": {"S": "5"}}, False),
        ("a <> :v", {":v": {"S": "5"}}, True),
        ("a <> :v", {":v": {"N": "5"}}, False),
        ("nothing = :v", {":v": {"N": "5"}}, False),
        ("nothing <> :v", {":v": {"N": "5"}}, True),
        ("a < :v", {":v": {"N": "10"}}, True),
        ("a <= :v", {":v": {"N": "5"}}, True),
        ("a > :v", {":v": {"N": "5"}}, False),
        ("a >= :v", {":v": {"N": "5"}}, True),
        ("nothing < :v", {":v": {"N": "5"}}, False),
        pytest.param(
            *("t < :v", {":v": {"N": "5"}}, False),
            marks=pytest.mark.moto_differs("moto cannot compare values of two types: TypeError"),
        ),
        ("t < :v", {":v": {"S": "texu"}}, True),
        ("flag = :v", {":v": {"BOOL": True}}, True),
        ("m = :v", {":v": {"M": {"k": {"N": "1"}}}}, True),
        ("a BETWEEN :v AND :w", {":v": {"N": "5"}, ":w": {"N": "6"}}, True),
        ("a BETWEEN :v AND :w", {":v": {"N": "6"}, ":w": {"N": "7"}}, False),
        ("t IN (:v, :w)", {":v": {"S": "no"}, ":w": {"S": "text"}}, True),
        ("t IN (:v)", {":v": {"S": "no"}}, False),
        ("begins_with(t, :v)", {":v": {"S": "te"}}, True),
        ("begins_with(t, :v)", {":v": {"S": "ex"}}, False),
        ("contains(t, :v)", {":v": {"S": "ex"}}, True),
        ("contains(l, :v)", {":v": {"S": "x"}}, True),
        ("contains(l, :v)", {":v": {"S": "y"}}, False),
        ("size(t) = :v", {":v": {"N": "4"}}, True),
        ("size(l) > :v", {":v": {"N": "1"}}, False),
        ("NOT a = :v", {":v": {"N": "5"}}, False),
        ("NOT attribute_exists(nothing)", {}, True),
        ("attribute_exists(a) OR attribute_exists(b) AND attribute_exists(c)", {}, True),
        ("(attribute_exists(a) OR attribute_exists(b)) AND attribute_exists(c)", {}, False),
        ("not attribute_exists(b) and attribute_exists(a)", {}, True),
    ],
)
def test_a_condition_lets_through_what_it_says(db: Any, condition: str, values: dict[str, Any], allowed: bool) -> None:
    put(db, STORED)
    assert allows(db, condition, values=values) is allowed
    assert get(db, "p", "s") == (item("p", "s") if allowed else STORED)


def test_not_binds_tighter_than_and(db: Any) -> None:
    put(db, STORED)
    assert not allows(db, "NOT attribute_exists(a) AND attribute_exists(b)")
    assert allows(db, "NOT (attribute_exists(a) AND attribute_exists(b))")


def test_names_stand_for_attributes(db: Any) -> None:
    put(db, STORED)
    assert not allows(db, "#s <> :v", {"#s": "status"}, {":v": {"S": "ACCEPTED"}})
    assert allows(db, "#m.#k = :v", {"#m": "m", "#k": "k"}, {":v": {"N": "1"}})


def test_a_condition_on_what_is_not_there_sees_nothing(db: Any) -> None:
    assert allows(db, "attribute_not_exists(PK)")
    assert get(db, "p", "s") == item("p", "s")


def test_a_failed_condition_answers_the_item_when_asked(db: Any) -> None:
    put(db, STORED)
    request = {"TableName": TABLE, "Item": item("p", "s"), "ConditionExpression": "attribute_not_exists(PK)"}
    with_item = refusal(db.put_item, ReturnValuesOnConditionCheckFailure="ALL_OLD", **request)
    assert with_item["Error"]["Code"] == FAILED
    assert with_item["Error"]["Message"] == "The conditional request failed"
    assert with_item["Item"] == STORED
    assert "Item" not in refusal(db.put_item, **request)


def test_a_failed_condition_on_nothing_answers_no_item(db: Any) -> None:
    response = refusal(
        db.put_item,
        TableName=TABLE,
        Item=item("p", "s"),
        ConditionExpression="attribute_exists(PK)",
        ReturnValuesOnConditionCheckFailure="ALL_OLD",
    )
    assert response["Error"]["Code"] == FAILED
    assert "Item" not in response
    assert everything(db) == []


def test_a_delete_can_have_a_condition(db: Any) -> None:
    put(db, STORED)
    request = {"TableName": TABLE, "Key": key("p", "s"), "ConditionExpression": "a = :v"}
    assert code(db.delete_item, ExpressionAttributeValues={":v": {"N": "6"}}, **request) == FAILED
    assert get(db, "p", "s") == STORED
    db.delete_item(ExpressionAttributeValues={":v": {"N": "5"}}, **request)
    assert get(db, "p", "s") is None


def refused_condition(db: Any, condition: str, **more: Any) -> str:
    return message(db.put_item, TableName=TABLE, Item=item("p", "s"), ConditionExpression=condition, **more)


@pytest.mark.moto_differs("moto fails on a value that is not defined: KeyError")
def test_a_value_that_is_not_defined_is_refused(db: Any) -> None:
    assert code(db.put_item, TableName=TABLE, Item=item("p", "s"), ConditionExpression="a = :v") == VALIDATION


def test_a_reserved_word_is_refused_by_name(db: Any) -> None:
    said = refused_condition(db, "status = :v", ExpressionAttributeValues={":v": {"S": "x"}})
    assert said == ("Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: status")


@pytest.mark.moto_differs("moto does not look for unused values in conditions")
def test_an_unused_value_is_refused_by_name(db: Any) -> None:
    values = {":v": {"S": "x"}, ":w": {"S": "y"}}
    said = refused_condition(db, "a = :v", ExpressionAttributeValues=values)
    assert said == "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"


@pytest.mark.moto_differs("moto fails on what it cannot read: ValueError, or nothing for an empty expression")
@pytest.mark.parametrize(
    "condition",
    ["", "a", "a =", "= :v", "a = :v AND", "(a = :v", "a = :v)", "a == :v", "a = :v b = :v", "nothing(a)", "a & :v"],
)
def test_a_condition_that_cannot_be_read_is_refused(db: Any, condition: str) -> None:
    request = {"TableName": TABLE, "Item": item("p", "s"), "ConditionExpression": condition}
    if ":v" in condition:
        request["ExpressionAttributeValues"] = {":v": {"S": "x"}}
    assert code(db.put_item, **request) == VALIDATION


def test_an_unused_name_is_refused_by_name(db: Any) -> None:
    said = refused_condition(db, "attribute_exists(PK)", ExpressionAttributeNames={"#x": "x"})
    assert said.endswith("Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}")


@pytest.mark.moto_differs("moto does not check the types of operands")
@pytest.mark.parametrize(
    ("condition", "values"),
    [
        ("a < :v", {":v": {"BOOL": True}}),
        ("begins_with(a, :v)", {":v": {"N": "1"}}),
        ("a BETWEEN :v AND :w", {":v": {"N": "2"}, ":w": {"N": "1"}}),
        ("a BETWEEN :v AND :w", {":v": {"N": "1"}, ":w": {"S": "2"}}),
    ],
)
def test_operands_that_cannot_be_compared_are_refused(db: Any, condition: str, values: dict[str, Any]) -> None:
    assert refused_condition(db, condition, ExpressionAttributeValues=values).startswith("Invalid ConditionExpression")


def test_doubled_parentheses_are_refused(db: Any) -> None:
    said = refused_condition(db, "((attribute_exists(PK)))")
    assert said == "Invalid ConditionExpression: The expression has redundant parentheses;"


def test_placeholders_without_an_expression_are_refused(db: Any) -> None:
    request = {"TableName": PLAIN, "Item": {"id": {"S": "1"}}, "ExpressionAttributeNames": {"#x": "x"}}
    assert code(db.put_item, **request) == VALIDATION
