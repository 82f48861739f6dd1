"""DynamoDB: a partition, an index or a table read in pages."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.refusals import code, refusal
from tests.contract.tables import INDEX, PLAIN, TABLE, create_tables, item, key, put

VALIDATION = "ValidationException"
TIMES = [f"TS#{n}" for n in range(1, 6)]


@pytest.fixture
def db(aws: Any) -> Any:
    """Entity `a` has five items, the even ones of day `d`; entity `b` has one, and `c` one with another prefix."""
    create_tables(aws.dynamodb)
    for n, time in enumerate(TIMES, start=1):
        day = {"day": "d"} if n % 2 == 0 else {}
        put(aws.dynamodb, item("a", time, n=n, status="ACCEPTED" if n < 4 else "DUPLICATE", **day))
    put(aws.dynamodb, item("b", "TS#3", day="d"), item("a", "ZZ"))
    return aws.dynamodb


def query(db: Any, condition: str, values: dict[str, str], **more: Any) -> Any:
    request = {
        "TableName": TABLE,
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": {name: {"S": value} for name, value in values.items()},
    }
    return db.query(**{**request, **more})


def keys(answer: Any) -> list[str]:
    return [one["SK"]["S"] for one in answer["Items"]]


def test_a_query_reads_a_partition_in_order(db: Any) -> None:
    answer = query(db, "PK = :p", {":p": "a"})
    assert keys(answer) == [*TIMES, "ZZ"]
    assert (answer["Count"], answer["ScannedCount"]) == (6, 6)
    assert "LastEvaluatedKey" not in answer
    assert answer["Items"][0] == item("a", "TS#1", n=1, status="ACCEPTED")


def test_a_query_of_nothing_answers_nothing(db: Any) -> None:
    answer = query(db, "PK = :p", {":p": "nobody"})
    assert (answer["Items"], answer["Count"], answer["ScannedCount"]) == ([], 0, 0)
    assert "LastEvaluatedKey" not in answer


@pytest.mark.parametrize(
    ("condition", "values", "found"),
    [
        ("SK = :s", {":s": "TS#2"}, ["TS#2"]),
        ("SK = :s", {":s": "TS#"}, []),
        ("begins_with(SK, :s)", {":s": "TS#"}, TIMES),
        ("begins_with(SK, :s)", {":s": "TS#3"}, ["TS#3"]),
        ("SK BETWEEN :s AND :t", {":s": "TS#2", ":t": "TS#4"}, ["TS#2", "TS#3", "TS#4"]),
        ("SK BETWEEN :s AND :t", {":s": "TS#15", ":t": "TS#3"}, ["TS#2", "TS#3"]),
        ("SK < :s", {":s": "TS#3"}, ["TS#1", "TS#2"]),
        ("SK <= :s", {":s": "TS#3"}, ["TS#1", "TS#2", "TS#3"]),
        ("SK > :s", {":s": "TS#4"}, ["TS#5", "ZZ"]),
        ("SK >= :s", {":s": "TS#4"}, ["TS#4", "TS#5", "ZZ"]),
    ],
)
@pytest.mark.parametrize("forward", [True, False])
def test_a_range_condition_cuts_the_partition(
    db: Any, condition: str, values: dict[str, str], found: list[str], *, forward: bool
) -> None:
    answer = query(db, f"PK = :p AND {condition}", {":p": "a", **values}, ScanIndexForward=forward)
    assert keys(answer) == (found if forward else found[::-1])
    assert answer["ScannedCount"] == len(found), "what the key condition leaves out is not read"


def test_the_range_condition_may_come_first(db: Any) -> None:
    assert keys(query(db, "begins_with(SK, :s) AND PK = :p", {":p": "a", ":s": "TS#5"})) == ["TS#5"]


def test_names_may_stand_for_the_keys(db: Any) -> None:
    names = {"#p": "PK", "#s": "SK"}
    answer = query(db, "#p = :p AND #s = :s", {":p": "a", ":s": "TS#1"}, ExpressionAttributeNames=names)
    assert keys(answer) == ["TS#1"]


def test_text_is_in_the_order_of_its_bytes(db: Any) -> None:
    put(db, *(item("words", word) for word in ("é", "z", "A", "a", "𝒳", "｡", "B")))
    assert keys(query(db, "PK = :p", {":p": "words"})) == ["A", "B", "a", "z", "é", "｡", "𝒳"]


@pytest.mark.parametrize("forward", [True, False])
def test_pages_go_on_where_the_last_ended(db: Any, *, forward: bool) -> None:
    pages: list[Any] = []
    more: dict[str, Any] = {}
    for _ in range(4):
        answer = query(db, "PK = :p", {":p": "a"}, Limit=2, ScanIndexForward=forward, **more)
        pages.append(keys(answer))
        if "LastEvaluatedKey" not in answer:
            break
        assert answer["LastEvaluatedKey"] == key("a", pages[-1][-1])
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    wanted = [*TIMES, "ZZ"] if forward else [*TIMES, "ZZ"][::-1]
    assert [one for page in pages for one in page] == wanted


@pytest.mark.moto_differs("moto looks whether more is behind a full page; AWS does not, and the next page is empty")
def test_a_full_page_has_a_next_one_even_at_the_end(db: Any) -> None:
    answer = query(db, "PK = :p", {":p": "b"}, Limit=1)
    assert answer["LastEvaluatedKey"] == key("b", "TS#3")
    last = query(db, "PK = :p", {":p": "b"}, Limit=1, ExclusiveStartKey=answer["LastEvaluatedKey"])
    assert last["Items"] == []
    assert "LastEvaluatedKey" not in last


def test_a_page_can_start_behind_a_key_that_is_gone(db: Any) -> None:
    db.delete_item(TableName=TABLE, Key=key("a", "TS#3"))
    answer = query(db, "PK = :p", {":p": "a"}, ExclusiveStartKey=key("a", "TS#3"))
    assert keys(answer) == ["TS#4", "TS#5", "ZZ"]


@pytest.mark.parametrize("forward", [True, False])
def test_an_index_has_its_own_partitions_and_pages(db: Any, *, forward: bool) -> None:
    wanted = [("a", "TS#2"), ("b", "TS#3"), ("a", "TS#4")]
    found: list[Any] = []
    more: dict[str, Any] = {}
    for _ in wanted:
        request = {"IndexName": INDEX, "Limit": 1, "ScanIndexForward": forward, **more}
        answer = query(db, "#d = :d", {":d": "d"}, ExpressionAttributeNames={"#d": "day"}, **request)
        found += [(one["PK"]["S"], one["SK"]["S"]) for one in answer["Items"]]
        last = answer.get("LastEvaluatedKey")
        if last is None:
            break
        assert last == {**key(*found[-1]), "day": {"S": "d"}}
        more = {"ExclusiveStartKey": last}
    assert found == (wanted if forward else wanted[::-1])


def test_an_index_follows_its_table(db: Any) -> None:
    put(db, item("a", "TS#2", day="e"))
    db.delete_item(TableName=TABLE, Key=key("a", "TS#4"))
    names = {"ExpressionAttributeNames": {"#d": "day"}, "IndexName": INDEX}
    assert keys(query(db, "#d = :d", {":d": "d"}, **names)) == ["TS#3"]
    assert keys(query(db, "#d = :d", {":d": "e"}, **names)) == ["TS#2"]


def test_items_with_one_index_key_are_all_there(db: Any) -> None:
    put(db, item("x", "TS#9", day="same"), item("y", "TS#9", day="same"))
    names = {"ExpressionAttributeNames": {"#d": "day"}, "IndexName": INDEX}
    found = query(db, "#d = :d AND SK = :s", {":d": "same", ":s": "TS#9"}, **names)["Items"]
    assert sorted(one["PK"]["S"] for one in found) == ["x", "y"]


def test_a_filter_drops_what_has_been_read(db: Any) -> None:
    request = {"FilterExpression": "#s = :s", "ExpressionAttributeNames": {"#s": "status"}}
    answer = query(db, "PK = :p", {":p": "a", ":s": "DUPLICATE"}, **request)
    assert keys(answer) == ["TS#4", "TS#5"]
    assert (answer["Count"], answer["ScannedCount"]) == (2, 6)


def test_a_limit_counts_what_is_read_and_not_what_is_kept(db: Any) -> None:
    request = {"FilterExpression": "#s = :s", "ExpressionAttributeNames": {"#s": "status"}, "Limit": 3}
    answer = query(db, "PK = :p", {":p": "a", ":s": "DUPLICATE"}, **request)
    assert (answer["Items"], answer["Count"], answer["ScannedCount"]) == ([], 0, 3)
    assert answer["LastEvaluatedKey"] == key("a", "TS#3")


@pytest.mark.parametrize(("condition", "found"), [("attribute_exists(n)", TIMES), ("attribute_not_exists(n)", ["ZZ"])])
def test_a_filter_can_ask_for_an_attribute(db: Any, condition: str, found: list[str]) -> None:
    assert keys(query(db, "PK = :p", {":p": "a"}, FilterExpression=condition)) == found


def test_a_count_has_no_items(db: Any) -> None:
    answer = query(db, "PK = :p", {":p": "a"}, Select="COUNT")
    assert "Items" not in answer
    assert (answer["Count"], answer["ScannedCount"]) == (6, 6)


def test_a_projection_gives_the_attributes_asked_for(db: Any) -> None:
    request = {"ProjectionExpression": "SK, #s", "ExpressionAttributeNames": {"#s": "status"}, "Limit": 1}
    answer = query(db, "PK = :p", {":p": "a"}, **request)
    assert answer["Items"] == [{"SK": {"S": "TS#1"}, "status": {"S": "ACCEPTED"}}]
    assert answer["LastEvaluatedKey"] == key("a", "TS#1")


def test_a_page_has_a_mebibyte(db: Any) -> None:
    put(db, *(item("big", f"{n}", body="x" * 300_000) for n in range(5)))
    first = query(db, "PK = :p", {":p": "big"})
    assert keys(first) == ["0", "1", "2"]
    second = query(db, "PK = :p", {":p": "big"}, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert keys(second) == ["3", "4"]
    assert "LastEvaluatedKey" not in second


def test_a_count_is_also_by_pages_of_a_mebibyte(db: Any) -> None:
    put(db, *(item("big", f"{n}", body="x" * 300_000) for n in range(5)))
    answer = query(db, "PK = :p", {":p": "big"}, Select="COUNT")
    assert (answer["Count"], answer["LastEvaluatedKey"]) == (3, key("big", "2"))


@pytest.mark.moto_differs("moto takes two conditions on one key")
def test_the_window_of_a_range_is_one_condition(db: Any) -> None:
    request = {"TableName": TABLE, "KeyConditionExpression": "PK = :p AND SK >= :s AND SK < :t"}
    values = {":p": {"S": "a"}, ":s": {"S": "TS#1"}, ":t": {"S": "TS#3"}}
    assert code(db.query, ExpressionAttributeValues=values, **request) == VALIDATION


@pytest.mark.parametrize(
    "condition",
    [
        "SK = :s",
        "PK > :s",
        pytest.param(
            "PK = :s OR SK = :s", marks=pytest.mark.moto_differs("moto fails on OR: its parser does not know it")
        ),
        "PK = :s AND n = :s",
        pytest.param("PK <> :s", marks=pytest.mark.moto_differs("moto fails on <>: its parser does not know it")),
        "begins_with(PK, :s)",
    ],
)
def test_a_query_needs_its_hash_and_nothing_beyond_its_key(db: Any, condition: str) -> None:
    request = {"TableName": TABLE, "KeyConditionExpression": condition}
    assert code(db.query, ExpressionAttributeValues={":s": {"S": "a"}}, **request) == VALIDATION


@pytest.mark.moto_differs("moto lets a filter look at the range key")
def test_a_filter_on_the_key_is_refused(db: Any) -> None:
    request = {"TableName": TABLE, "KeyConditionExpression": "PK = :p", "FilterExpression": "SK > :p"}
    response = refusal(db.query, ExpressionAttributeValues={":p": {"S": "a"}}, **request)
    assert response["Error"]["Code"] == VALIDATION
    said = "Filter Expression can only contain non-primary key attributes: Primary key attribute: SK"
    assert response["Error"]["Message"] == said


@pytest.mark.moto_differs("moto says ResourceNotFoundException")
def test_a_missing_index_is_refused(db: Any) -> None:
    request = {"TableName": TABLE, "IndexName": "none", "KeyConditionExpression": "PK = :p"}
    assert code(db.query, ExpressionAttributeValues={":p": {"S": "a"}}, **request) == VALIDATION


def test_an_index_is_not_read_consistently(db: Any) -> None:
    request = {"TableName": TABLE, "IndexName": INDEX, "KeyConditionExpression": "#d = :d", "ConsistentRead": True}
    names = {"ExpressionAttributeNames": {"#d": "day"}, "ExpressionAttributeValues": {":d": {"S": "d"}}}
    assert code(db.query, **request, **names) == VALIDATION


@pytest.mark.moto_differs("moto does not compare a start key with the query")
def test_a_start_key_must_belong_to_the_query(db: Any) -> None:
    request = {"TableName": TABLE, "KeyConditionExpression": "PK = :p", "ExclusiveStartKey": key("b", "TS#3")}
    assert code(db.query, ExpressionAttributeValues={":p": {"S": "a"}}, **request) == VALIDATION


@pytest.mark.moto_differs("moto does not look at the form of a start key")
def test_a_start_key_must_be_whole(db: Any) -> None:
    request = {"TableName": TABLE, "KeyConditionExpression": "PK = :p", "ExclusiveStartKey": {"PK": {"S": "a"}}}
    assert code(db.query, ExpressionAttributeValues={":p": {"S": "a"}}, **request) == VALIDATION


# --- Scan -------------------------------------------------------------------------------------------------------------


def test_a_scan_gives_everything_once_over_any_pages(db: Any) -> None:
    whole = db.scan(TableName=TABLE)
    assert (whole["Count"], whole["ScannedCount"]) == (7, 7)
    found: list[Any] = []
    more: dict[str, Any] = {}
    for _ in range(8):
        page = db.scan(TableName=TABLE, Limit=2, **more)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(found, key=repr) == sorted(whole["Items"], key=repr)
    assert len(found) == 7


def test_a_scan_can_filter_by_the_key(db: Any) -> None:
    answer = db.scan(TableName=TABLE, FilterExpression="PK = :p", ExpressionAttributeValues={":p": {"S": "b"}})
    assert (answer["Items"], answer["ScannedCount"]) == ([item("b", "TS#3", day="d")], 7)


def test_a_table_of_hashes_is_scanned_in_pages(db: Any) -> None:
    for n in range(5):
        db.put_item(TableName=PLAIN, Item={"id": {"S": f"{n}"}})
    found: list[Any] = []
    more: dict[str, Any] = {}
    for _ in range(6):
        page = db.scan(TableName=PLAIN, Limit=2, **more)
        found += [one["id"]["S"] for one in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(found) == ["0", "1", "2", "3", "4"]


# --- Batches of keys --------------------------------------------------------------------------------------------------


def test_a_batch_gets_the_items_that_are_there(db: Any) -> None:
    wanted = {TABLE: {"Keys": [key("a", "TS#1"), key("a", "nowhere"), key("b", "TS#3")]}}
    answer = db.batch_get_item(RequestItems=wanted)
    found = sorted(answer["Responses"][TABLE], key=repr)
    assert found == sorted([item("a", "TS#1", n=1, status="ACCEPTED"), item("b", "TS#3", day="d")], key=repr)
    assert answer["UnprocessedKeys"] == {}


def test_a_batch_can_project(db: Any) -> None:
    wanted = {TABLE: {"Keys": [key("a", "TS#1")], "ProjectionExpression": "SK"}}
    assert db.batch_get_item(RequestItems=wanted)["Responses"][TABLE] == [{"SK": {"S": "TS#1"}}]


def test_a_batch_names_each_key_once(db: Any) -> None:
    wanted = {TABLE: {"Keys": [key("a", "TS#1"), key("a", "TS#1")]}}
    assert code(db.batch_get_item, RequestItems=wanted) == VALIDATION


def test_a_batch_has_100_keys(db: Any) -> None:
    wanted = {TABLE: {"Keys": [key("a", f"{n}") for n in range(101)]}}
    assert code(db.batch_get_item, RequestItems=wanted) == VALIDATION
