"""DynamoDB: several writes at once, all or none, or each separately; and their records in the stream."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.refusals import code, refusal
from tests.contract.tables import PLAIN, TABLE, create_tables, everything, get, item, key, put, update

VALIDATION = "ValidationException"
NEW = {"ConditionExpression": "attribute_not_exists(PK)"}
ALL_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


@pytest.fixture
def db(aws: Any) -> Any:
    create_tables(aws.dynamodb)
    return aws.dynamodb


def put_of(pk: str, sk: str, /, condition: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    return {"Put": {"TableName": TABLE, "Item": item(pk, sk, **attributes), **(condition or {})}}


def plain_put(name: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": PLAIN, "Item": {"id": {"S": name}}, **more}}


def check_of(pk: str, sk: str, condition: str, **more: Any) -> dict[str, Any]:
    return {"ConditionCheck": {"TableName": TABLE, "Key": key(pk, sk), "ConditionExpression": condition, **more}}


def reasons(db: Any, *actions: dict[str, Any]) -> list[dict[str, Any]]:
    """Why a transaction of these was cancelled."""
    response = refusal(db.transact_write_items, TransactItems=list(actions))
    assert response["Error"]["Code"] == "TransactionCanceledException"
    codes = ", ".join(reason["Code"] for reason in response["CancellationReasons"])
    said = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    assert response["Error"]["Message"] == said
    found: list[dict[str, Any]] = response["CancellationReasons"]
    return found


def test_a_transaction_writes_everything(db: Any) -> None:
    put(db, item("p", "gone"), item("p", "counted", n=1), item("p", "there"))
    db.transact_write_items(
        TransactItems=[
            put_of("p", "new", NEW, a="1"),
            plain_put("d", ConditionExpression="attribute_not_exists(id)"),
            {"Delete": {"TableName": TABLE, "Key": key("p", "gone")}},
            {
                "Update": {
                    "TableName": TABLE,
                    "Key": key("p", "counted"),
                    "UpdateExpression": "ADD n :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            },
            check_of("p", "there", "attribute_exists(PK)"),
        ]
    )
    assert everything(db) == sorted([item("p", "new", a="1"), item("p", "counted", n=2), item("p", "there")], key=repr)
    assert everything(db, PLAIN) == [{"id": {"S": "d"}}]


def test_one_failed_condition_writes_nothing(db: Any) -> None:
    put(db, item("p", "s", a="old"))
    found = reasons(db, put_of("p", "before"), put_of("p", "s", NEW, a="new"), plain_put("after"))
    assert [one["Code"] for one in found] == ["None", "ConditionalCheckFailed", "None"]
    assert found[1]["Message"] == "The conditional request failed"
    assert everything(db) == [item("p", "s", a="old")]
    assert everything(db, PLAIN) == []


def test_the_reason_holds_the_item_when_asked(db: Any) -> None:
    put(db, item("p", "s", a="old"), item("p", "t", a="other"))
    found = reasons(
        db, put_of("p", "s", {**NEW, **ALL_OLD}), put_of("p", "t", NEW), put_of("p", "u", {**NEW, **ALL_OLD})
    )
    assert [one["Code"] for one in found] == ["ConditionalCheckFailed", "ConditionalCheckFailed", "None"]
    assert found[0]["Item"] == item("p", "s", a="old")
    assert "Item" not in found[1]
    assert "Item" not in found[2]


def test_a_failed_check_cancels(db: Any) -> None:
    put(db, item("p", "s", a="old"))
    values = {"ExpressionAttributeValues": {":a": {"S": "new"}}, **ALL_OLD}
    found = reasons(db, put_of("p", "t"), check_of("p", "s", "a = :a", **values))
    assert [one["Code"] for one in found] == ["None", "ConditionalCheckFailed"]
    assert found[1]["Item"] == item("p", "s", a="old")
    assert get(db, "p", "t") is None


def test_a_failed_check_of_nothing_has_no_item(db: Any) -> None:
    (reason,) = reasons(db, check_of("p", "nowhere", "attribute_exists(PK)", **ALL_OLD))
    assert reason["Code"] == "ConditionalCheckFailed"
    assert "Item" not in reason


def test_a_check_that_holds_writes_nothing(db: Any) -> None:
    db.transact_write_items(TransactItems=[check_of("p", "s", "attribute_not_exists(PK)"), put_of("p", "t")])
    assert everything(db) == [item("p", "t")]


def test_one_item_is_written_once(db: Any) -> None:
    response = refusal(
        db.transact_write_items, TransactItems=[put_of("p", "s"), check_of("p", "s", "attribute_exists(a)")]
    )
    assert response["Error"]["Code"] == VALIDATION
    said = "Transaction request cannot include multiple operations on one item"
    assert response["Error"]["Message"] == said
    assert everything(db) == []


def test_one_key_in_two_tables_is_two_items(db: Any) -> None:
    db.transact_write_items(TransactItems=[put_of("p", "s"), plain_put("p")])
    assert (len(everything(db)), len(everything(db, PLAIN))) == (1, 1)


@pytest.mark.parametrize(("count", "fits"), [(100, True), (101, False)])
def test_a_transaction_has_100_actions(db: Any, count: int, *, fits: bool) -> None:
    actions = [put_of("p", f"{n}") for n in range(count)]
    if fits:
        db.transact_write_items(TransactItems=actions)
    else:
        assert code(db.transact_write_items, TransactItems=actions) == VALIDATION
    assert len(everything(db)) == (count if fits else 0)


def test_a_wrong_item_refuses_the_whole_transaction(db: Any) -> None:
    assert code(db.transact_write_items, TransactItems=[put_of("p", "s"), put_of("p", "")]) == VALIDATION
    assert (
        code(db.transact_write_items, TransactItems=[put_of("p", "s"), put_of("p", "t", x="x" * 409_600)]) == VALIDATION
    )
    assert everything(db) == []


def test_an_action_is_one_thing(db: Any) -> None:
    both = {**put_of("p", "s"), **check_of("p", "t", "attribute_exists(PK)")}
    assert code(db.transact_write_items, TransactItems=[both]) == VALIDATION


def test_a_missing_table_refuses_the_whole_transaction(db: Any) -> None:
    actions = [put_of("p", "s"), {"Put": {"TableName": "nowhere", "Item": item("p", "t")}}]
    assert code(db.transact_write_items, TransactItems=actions) == "ResourceNotFoundException"
    assert everything(db) == []


@pytest.mark.moto_differs("moto reports what an update cannot do as an error of the whole call")
def test_an_update_that_cannot_be_made_is_a_reason(db: Any) -> None:
    put(db, item("p", "s", n="text"))
    update = {
        "TableName": TABLE,
        "Key": key("p", "s"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    found = reasons(db, put_of("p", "t"), {"Update": update})
    assert [one["Code"] for one in found] == ["None", "ValidationError"]
    assert get(db, "p", "t") is None


@pytest.mark.moto_differs("moto does not keep tokens")
def test_a_token_makes_a_repeated_transaction_one(db: Any) -> None:
    put(db, item("p", "n", n=0))
    update = {
        "TableName": TABLE,
        "Key": key("p", "n"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    for _ in range(2):
        db.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="token")
    assert get(db, "p", "n") == item("p", "n", n=1)
    other = {"TransactItems": [put_of("p", "s")], "ClientRequestToken": "token"}
    assert code(db.transact_write_items, **other) == "IdempotentParameterMismatchException"


def test_a_cancelled_transaction_may_be_tried_again_with_its_token(db: Any) -> None:
    put(db, item("p", "s"))
    request = {"TransactItems": [put_of("p", "s", NEW, a="1")], "ClientRequestToken": "token"}
    assert code(db.transact_write_items, **request) == "TransactionCanceledException"
    db.delete_item(TableName=TABLE, Key=key("p", "s"))
    db.transact_write_items(**request)
    assert get(db, "p", "s") == item("p", "s", a="1")


# --- Batches ----------------------------------------------------------------------------------------------------------


def batch_put(pk: str, sk: str, **attributes: Any) -> dict[str, Any]:
    return {"PutRequest": {"Item": item(pk, sk, **attributes)}}


def test_a_batch_puts_and_deletes_in_several_tables(db: Any) -> None:
    put(db, item("p", "gone"), item("p", "old", a="1"))
    answer = db.batch_write_item(
        RequestItems={
            TABLE: [batch_put("p", "new"), batch_put("p", "old", a="2"), {"DeleteRequest": {"Key": key("p", "gone")}}],
            PLAIN: [{"PutRequest": {"Item": {"id": {"S": "d"}}}}],
        }
    )
    assert answer["UnprocessedItems"] == {}
    assert everything(db) == [item("p", "new"), item("p", "old", a="2")]
    assert everything(db, PLAIN) == [{"id": {"S": "d"}}]


@pytest.mark.parametrize(
    ("count", "fits"),
    [(25, True), pytest.param(26, False, marks=pytest.mark.moto_differs("moto takes any number of items"))],
)
def test_a_batch_has_25_items(db: Any, count: int, *, fits: bool) -> None:
    request = {TABLE: [batch_put("p", f"{n}") for n in range(count)]}
    if fits:
        assert db.batch_write_item(RequestItems=request)["UnprocessedItems"] == {}
    else:
        assert code(db.batch_write_item, RequestItems=request) == VALIDATION
    assert len(everything(db)) == (count if fits else 0)


@pytest.mark.moto_differs("moto compares whole items, not their keys")
def test_a_batch_writes_an_item_once(db: Any) -> None:
    request = {TABLE: [batch_put("p", "s", a="1"), batch_put("p", "s", a="2")]}
    response = refusal(db.batch_write_item, RequestItems=request)
    assert response["Error"]["Code"] == VALIDATION
    assert response["Error"]["Message"] == "Provided list of item keys contains duplicates"
    assert everything(db) == []


def test_a_batch_with_a_wrong_item_is_refused_whole(db: Any) -> None:
    request = {TABLE: [batch_put("p", "s"), batch_put("p", "")]}
    assert code(db.batch_write_item, RequestItems=request) == VALIDATION
    assert everything(db) == []


# --- Streams ----------------------------------------------------------------------------------------------------------


def test_the_stream_tells_every_change_in_order(aws: Any) -> None:
    create_tables(aws.dynamodb)
    put(aws.dynamodb, item("p", "s", a="1"), item("p", "t"), item("p", "s", a="2"))
    aws.dynamodb.delete_item(TableName=TABLE, Key=key("p", "s"))
    records = aws.stream_records(TABLE)
    assert [(one["eventName"], one["dynamodb"]["Keys"]["SK"]["S"]) for one in records] == [
        ("INSERT", "s"),
        ("INSERT", "t"),
        ("MODIFY", "s"),
        ("REMOVE", "s"),
    ]
    assert [one["dynamodb"].get("NewImage") for one in records] == [
        item("p", "s", a="1"),
        item("p", "t"),
        item("p", "s", a="2"),
        None,
    ]
    assert all("OldImage" not in one["dynamodb"] for one in records)
    numbers = [int(one["dynamodb"]["SequenceNumber"]) for one in records]
    assert numbers == sorted(set(numbers))
    assert {one["eventSource"] for one in records} == {"aws:dynamodb"}


def test_the_stream_has_old_images_when_asked(aws: Any) -> None:
    create_tables(aws.dynamodb, view="NEW_AND_OLD_IMAGES")
    put(aws.dynamodb, item("p", "s", a="1"), item("p", "s", a="2"))
    images = [(one["dynamodb"].get("OldImage"), one["dynamodb"]["NewImage"]) for one in aws.stream_records(TABLE)]
    assert images == [(None, item("p", "s", a="1")), (item("p", "s", a="1"), item("p", "s", a="2"))]


def test_the_stream_tells_transactions_and_batches(aws: Any) -> None:
    create_tables(aws.dynamodb)
    aws.dynamodb.transact_write_items(TransactItems=[put_of("p", "a", NEW), put_of("p", "b", NEW)])
    code(aws.dynamodb.transact_write_items, TransactItems=[put_of("p", "c"), put_of("p", "a", NEW)])
    aws.dynamodb.batch_write_item(RequestItems={TABLE: [batch_put("p", "d")]})
    found = [(one["eventName"], one["dynamodb"]["Keys"]["SK"]["S"]) for one in aws.stream_records(TABLE)]
    assert found == [("INSERT", "a"), ("INSERT", "b"), ("INSERT", "d")]


@pytest.mark.moto_differs("moto tells of an update that makes an item twice")
def test_the_stream_tells_an_update_as_what_it_did(aws: Any) -> None:
    create_tables(aws.dynamodb)
    update(aws.dynamodb, "SET a = :v", {":v": {"S": "x"}})
    update(aws.dynamodb, "SET a = :v", {":v": {"S": "y"}})
    found = [(one["eventName"], one["dynamodb"]["NewImage"]["a"]["S"]) for one in aws.stream_records(TABLE)]
    assert found == [("INSERT", "x"), ("MODIFY", "y")]


@pytest.mark.moto_differs("moto tells of writes that change nothing")
def test_the_stream_is_silent_about_writes_that_change_nothing(aws: Any) -> None:
    create_tables(aws.dynamodb)
    put(aws.dynamodb, item("p", "s", a="1"), item("p", "s", a="1"))
    aws.dynamodb.delete_item(TableName=TABLE, Key=key("p", "nowhere"))
    assert [one["eventName"] for one in aws.stream_records(TABLE)] == ["INSERT"]
