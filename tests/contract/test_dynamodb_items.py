"""DynamoDB: one item at a time, its keys and its limits."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from tests.contract.refusals import code, message, refusal
from tests.contract.tables import INDEX, TABLE, create_tables, everything, get, item, key, put

VALIDATION = "ValidationException"


@pytest.fixture
def db(aws: Any) -> Any:
    create_tables(aws.dynamodb)
    return aws.dynamodb


def test_every_type_of_value_comes_back_as_it_was_put(db: Any) -> None:
    one = item(
        "p",
        "s",
        text="金額 🎉",
        empty="",
        number=-17,
        fraction={"N": "0.25"},
        data={"B": b"\x00\xff"},
        truth={"BOOL": True},
        nothing={"NULL": True},
        list={"L": [{"N": "1"}, {"L": []}, {"M": {"a": {"S": "b"}}}]},
        map={"M": {"deep": {"M": {"data": {"B": b"\x01"}}}}},
    )
    put(db, one)
    assert get(db, "p", "s") == one


def test_an_answer_shares_nothing_with_the_table(db: Any) -> None:
    def one() -> dict[str, Any]:
        return item("p", "s", map={"M": {"a": {"S": "b"}}}, list={"L": [{"S": "c"}]})

    def change(shared: dict[str, Any]) -> None:
        shared["map"]["M"]["a"]["S"] = "changed"
        shared["list"]["L"].append({"S": "more"})

    mine = one()
    put(db, mine)
    change(mine)
    found = get(db, "p", "s")
    assert found == one()
    change(found)
    assert get(db, "p", "s") == one()


def test_a_missing_item_is_no_item(db: Any) -> None:
    assert "Item" not in db.get_item(TableName=TABLE, Key=key("p", "nowhere"))


def test_a_put_replaces_the_whole_item(db: Any) -> None:
    put(db, item("p", "s", a="1"), item("p", "s", b="2"))
    assert everything(db) == [item("p", "s", b="2")]


def test_a_put_answers_the_old_item_when_asked(db: Any) -> None:
    request = {"TableName": TABLE, "ReturnValues": "ALL_OLD"}
    assert "Attributes" not in db.put_item(Item=item("p", "s", a="1"), **request)
    assert db.put_item(Item=item("p", "s", a="2"), **request)["Attributes"] == item("p", "s", a="1")


def test_a_put_has_no_new_item_to_answer(db: Any) -> None:
    assert code(db.put_item, TableName=TABLE, Item=item("p", "s"), ReturnValues="ALL_NEW") == VALIDATION


def test_a_delete_takes_an_item_and_answers_it(db: Any) -> None:
    put(db, item("p", "s", a="1"))
    request = {"TableName": TABLE, "Key": key("p", "s"), "ReturnValues": "ALL_OLD"}
    assert db.delete_item(**request)["Attributes"] == item("p", "s", a="1")
    assert "Attributes" not in db.delete_item(**request), "deleting nothing is no error"
    assert everything(db) == []


def test_a_get_gives_the_attributes_asked_for(db: Any) -> None:
    put(db, item("p", "s", status="ACCEPTED", n=1, other="x"))
    got = db.get_item(
        TableName=TABLE,
        Key=key("p", "s"),
        ProjectionExpression="#s, n, absent",
        ExpressionAttributeNames={"#s": "status"},
    )
    assert got["Item"] == {"status": {"S": "ACCEPTED"}, "n": {"N": "1"}}


@pytest.mark.moto_differs("moto keeps numbers as they were written")
def test_a_number_has_one_form(db: Any) -> None:
    put(db, item("p", "s", a={"N": "1.50"}, b={"N": "007"}, c={"N": "1E+2"}, d={"N": "-0"}))
    assert get(db, "p", "s") == item("p", "s", a={"N": "1.5"}, b={"N": "7"}, c={"N": "100"}, d={"N": "0"})


LOOSE = pytest.mark.moto_differs("moto looks at the digits of a number only for its form")


@pytest.mark.parametrize(
    "number",
    [pytest.param("1" * 39, marks=LOOSE), pytest.param("1E126", marks=LOOSE), "1E-131", "NaN", "Infinity", "ten", ""],
)
def test_a_number_beyond_dynamodbs_is_refused(db: Any, number: str) -> None:
    assert code(db.put_item, TableName=TABLE, Item=item("p", "s", n={"N": number})) == VALIDATION
    assert everything(db) == []


def test_numbers_of_38_digits_are_exact(db: Any) -> None:
    put(db, item("p", "s", n={"N": "1" * 38}))
    assert get(db, "p", "s") == item("p", "s", n={"N": "1" * 38})


def test_an_item_without_its_key_is_refused_by_name(db: Any) -> None:
    said = message(db.put_item, TableName=TABLE, Item={"PK": {"S": "p"}})
    assert said == "One or more parameter values were invalid: Missing the key SK in the item"


def test_a_key_of_another_type_is_refused(db: Any) -> None:
    said = message(db.put_item, TableName=TABLE, Item={"PK": {"S": "p"}, "SK": {"N": "1"}})
    assert said == "One or more parameter values were invalid: Type mismatch for key SK expected: S actual: N"


def test_an_empty_key_is_refused_by_name(db: Any) -> None:
    assert message(db.put_item, TableName=TABLE, Item=item("", "s")).endswith("Key: PK")
    assert everything(db) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"PK": {"S": "p"}},
        {"PK": {"S": "p"}, "SK": {"S": "s"}, "more": {"S": "x"}},
        pytest.param(
            {"PK": {"S": "p"}, "SK": {"N": "1"}},
            marks=pytest.mark.moto_differs("moto does not look at the type of a key that it reads by"),
        ),
    ],
    ids=["part", "more", "type"],
)
def test_a_key_that_is_not_the_tables_is_refused(db: Any, wrong: dict[str, Any]) -> None:
    assert code(db.get_item, TableName=TABLE, Key=wrong) == VALIDATION
    assert code(db.delete_item, TableName=TABLE, Key=wrong) == VALIDATION


@pytest.mark.moto_differs("moto says no more than Validation Exception")
def test_a_refused_key_is_explained(db: Any) -> None:
    said = message(db.delete_item, TableName=TABLE, Key={"PK": {"S": "p"}})
    assert said == "The provided key element does not match the schema"


@pytest.mark.parametrize(("pk", "sk", "fits"), [(2048, 1024, True), (2049, 1, False), (1, 1025, False)])
def test_a_hash_has_2048_bytes_and_a_range_1024(db: Any, pk: int, sk: int, fits: bool) -> None:
    one = item("p" * pk, "s" * sk)
    if fits:
        put(db, one)
        assert get(db, "p" * pk, "s" * sk) == one
    else:
        assert "has exceeded" in message(db.put_item, TableName=TABLE, Item=one)


def test_an_empty_index_key_is_refused(db: Any) -> None:
    assert code(db.put_item, TableName=TABLE, Item=item("p", "s", day="")) == VALIDATION


@pytest.mark.moto_differs("moto does not look at the type of an index's key")
def test_an_index_key_of_another_type_is_refused(db: Any) -> None:
    assert code(db.put_item, TableName=TABLE, Item=item("p", "s", day=1)) == VALIDATION


def test_an_item_without_an_index_key_is_not_in_the_index(db: Any) -> None:
    put(db, item("p", "s"), item("p", "t", day="d"))
    assert db.scan(TableName=TABLE, IndexName=INDEX)["Items"] == [item("p", "t", day="d")]


def test_an_item_of_more_than_400_kilobytes_is_refused(db: Any) -> None:
    put(db, item("p", "s", body="x" * 400_000))
    said = message(db.put_item, TableName=TABLE, Item=item("p", "t", body="x" * 409_600))
    assert said == "Item size has exceeded the maximum allowed size"
    assert get(db, "p", "t") is None


@pytest.mark.moto_differs("moto counts the bytes of an item as JSON")
def test_an_item_has_400_kilobytes_with_its_names(db: Any) -> None:
    rest = len("PK") + len("p") + len("SK") + len("s") + len("body")
    put(db, item("p", "s", body="x" * (400 * 1024 - rest)))
    assert code(db.put_item, TableName=TABLE, Item=item("p", "t", body="x" * (400 * 1024 - rest + 1))) == VALIDATION


def test_a_missing_table_is_refused(db: Any) -> None:
    response = refusal(db.put_item, TableName="nowhere", Item=item("p", "s"))
    assert response["Error"]["Code"] == "ResourceNotFoundException"
    assert response["Error"]["Message"] == "Requested resource not found"
    assert code(db.get_item, TableName="nowhere", Key=key("p", "s")) == "ResourceNotFoundException"


def test_a_table_is_made_once(db: Any) -> None:
    with pytest.raises(db.exceptions.ResourceInUseException):
        create_tables(db)


def test_arguments_are_those_of_boto3(db: Any) -> None:
    with pytest.raises(ParamValidationError, match="Item"):
        db.put_item(TableName=TABLE)
    with pytest.raises(ParamValidationError):
        db.put_item(TableName=TABLE, Item={"PK": {"S": 1}})
