"""DynamoDB: an item changed in place."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.refusals import code
from tests.contract.tables import TABLE, create_tables, get, item, key, put, update

VALIDATION = "ValidationException"
ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


@pytest.fixture
def db(aws: Any) -> Any:
    create_tables(aws.dynamodb)
    return aws.dynamodb


@pytest.mark.parametrize(
    ("expression", "values", "attributes"),
    [
        ("SET a = :v", {":v": {"S": "x"}}, {"a": "x", "n": 1, "m": {"M": {"k": {"N": "1"}}}}),
        (
            "SET a = :v, n = n + :w",
            {":v": {"S": "x"}, ":w": {"N": "2"}},
            {"a": "x", "n": 3, "m": {"M": {"k": {"N": "1"}}}},
        ),
        ("SET n = n - :w", {":w": {"N": "3"}}, {"n": -2, "m": {"M": {"k": {"N": "1"}}}}),
        ("SET b = n", {}, {"n": 1, "b": 1, "m": {"M": {"k": {"N": "1"}}}}),
        (
            "SET n = if_not_exists(n, :w), c = if_not_exists(c, :w)",
            {":w": {"N": "9"}},
            {"n": 1, "c": 9, "m": {"M": {"k": {"N": "1"}}}},
        ),
        (
            "SET l = list_append(if_not_exists(l, :e), :w)",
            {":e": {"L": []}, ":w": {"L": [{"S": "x"}]}},
            {"n": 1, "l": {"L": [{"S": "x"}]}, "m": {"M": {"k": {"N": "1"}}}},
        ),
        ("ADD n :w, c :w", {":w": {"N": "2"}}, {"n": 3, "c": 2, "m": {"M": {"k": {"N": "1"}}}}),
        ("ADD m.k :w", {":w": {"N": "2"}}, {"n": 1, "m": {"M": {"k": {"N": "3"}}}}),
        ("SET m.j = :w REMOVE m.k, n", {":w": {"N": "2"}}, {"m": {"M": {"j": {"N": "2"}}}}),
        ("REMOVE nothing", {}, {"n": 1, "m": {"M": {"k": {"N": "1"}}}}),
    ],
)
def test_an_update_changes_what_it_names(
    db: Any, expression: str, values: dict[str, Any], attributes: dict[str, Any]
) -> None:
    put(db, item("p", "s", n=1, m={"M": {"k": {"N": "1"}}}))
    update(db, expression, values)
    assert get(db, "p", "s") == item("p", "s", **attributes)


def test_an_update_makes_what_is_not_there(db: Any) -> None:
    update(db, "SET a = :v ADD n :w", {":v": {"S": "x"}, ":w": {"N": "2"}})
    assert get(db, "p", "s") == item("p", "s", a="x", n=2)


def test_an_update_reads_the_item_as_it_was(db: Any) -> None:
    put(db, item("p", "s", a=1, b=2))
    update(db, "SET a = b, b = a")
    assert get(db, "p", "s") == item("p", "s", a=2, b=1)


def test_an_update_can_have_a_condition(db: Any) -> None:
    put(db, item("p", "s", state="RUNNING", n=1))
    request: dict[str, Any] = {
        "ConditionExpression": "#s = :old",
        "ExpressionAttributeNames": {"#s": "state"},
        "values": {":old": {"S": "RUNNING"}, ":new": {"S": "DONE"}},
    }
    update(db, "SET #s = :new", **request)
    request |= ALL_OLD
    with pytest.raises(db.exceptions.ConditionalCheckFailedException) as caught:
        update(db, "SET #s = :new", **request)
    assert caught.value.response["Item"] == item("p", "s", state="DONE", n=1)
    assert get(db, "p", "s") == item("p", "s", state="DONE", n=1)


@pytest.mark.parametrize(
    ("which", "shown"),
    [
        ("ALL_NEW", item("p", "s", a="x", n=3)),
        ("ALL_OLD", item("p", "s", n=1)),
        ("UPDATED_NEW", {"a": {"S": "x"}, "n": {"N": "3"}}),
        ("UPDATED_OLD", {"n": {"N": "1"}}),
    ],
)
def test_an_update_answers_what_is_asked(db: Any, which: str, shown: dict[str, Any]) -> None:
    put(db, item("p", "s", n=1))
    answer = update(db, "SET a = :v ADD n :w", {":v": {"S": "x"}, ":w": {"N": "2"}}, ReturnValues=which)
    assert answer["Attributes"] == shown


def test_an_update_answers_nothing_unless_asked(db: Any) -> None:
    assert "Attributes" not in update(db, "SET a = :v", {":v": {"S": "x"}})


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SET SK = :v", {":v": {"S": "x"}}),
        ("SET a = nothing", {}),
        ("ADD t :v", {":v": {"N": "1"}}),
        ("SET a = t + :v", {":v": {"N": "1"}}),
        ("SET nothing.deep = :v", {":v": {"N": "1"}}),
        ("SET a = :v SET b = :v", {":v": {"N": "1"}}),
        ("SET a = :v, a = :v", {":v": {"N": "1"}}),
        ("SET status = :v", {":v": {"N": "1"}}),
        ("SET a = :undefined", {}),
        ("CHANGE a = :v", {":v": {"N": "1"}}),
        ("SET a :v", {":v": {"N": "1"}}),
        ("", {}),
        pytest.param("ADD a :v", {":v": {"S": "x"}}, id="ADD text"),
    ],
)
def test_an_update_that_cannot_be_made_is_refused(db: Any, expression: str, values: dict[str, Any]) -> None:
    put(db, item("p", "s", t="text"))
    request: dict[str, Any] = {"TableName": TABLE, "Key": key("p", "s"), "UpdateExpression": expression}
    if values:
        request["ExpressionAttributeValues"] = values
    assert code(db.update_item, **request) == VALIDATION
    assert get(db, "p", "s") == item("p", "s", t="text")
