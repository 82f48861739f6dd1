"""EventBridge: entries are taken one by one, and each answer says which were not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.refusals import code, refusal

BUS = "bus"
MEBIBYTE = 1024 * 1024


@pytest.fixture
def events(aws: Any) -> Any:
    aws.events.create_event_bus(Name=BUS)
    return aws.events


def entry(detail: str = '{"a": 1}', **changes: Any) -> dict[str, Any]:
    return {"Source": "kit", "DetailType": "events.processed", "Detail": detail, "EventBusName": BUS, **changes}


def test_every_entry_taken_has_an_id_of_its_own(events: Any) -> None:
    answer = events.put_events(Entries=[entry(), entry(), entry()])
    assert answer["FailedEntryCount"] == 0
    assert len({it["EventId"] for it in answer["Entries"]}) == 3


def test_the_default_bus_is_there(events: Any) -> None:
    one = entry()
    del one["EventBusName"]
    assert events.put_events(Entries=[one])["FailedEntryCount"] == 0


def test_a_bus_can_be_named_by_its_arn(aws: Any) -> None:
    arn = aws.events.create_event_bus(Name=BUS)["EventBusArn"]
    assert arn == f"arn:aws:events:us-east-1:123456789012:event-bus/{BUS}"
    assert aws.events.put_events(Entries=[entry(EventBusName=arn)])["FailedEntryCount"] == 0


@pytest.mark.parametrize("name", ["Source", "DetailType", "Detail"])
def test_an_entry_without_a_member_fails_alone_and_by_name(events: Any, name: str) -> None:
    lacking = entry()
    del lacking[name]
    answer = events.put_events(Entries=[entry(), lacking, entry()])
    assert answer["FailedEntryCount"] == 1
    assert [sorted(it) for it in answer["Entries"]] == [["EventId"], ["ErrorCode", "ErrorMessage"], ["EventId"]]
    assert answer["Entries"][1] == {
        "ErrorCode": "InvalidArgument",
        "ErrorMessage": f"Parameter {name} is not valid. Reason: {name} is a required argument.",
    }


def test_a_detail_that_is_not_json_fails_alone(events: Any) -> None:
    answer = events.put_events(Entries=[entry("{"), entry()])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][0] == {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}


@pytest.mark.moto_differs("moto only warns of a detail that is JSON and no object, or that holds NaN")
@pytest.mark.filterwarnings("ignore:EventDetail")
@pytest.mark.parametrize("detail", ['"text"', "[1]", '{"a": NaN}'])
def test_a_detail_must_be_a_json_object(events: Any, detail: str) -> None:
    assert events.put_events(Entries=[entry(detail)])["Entries"][0]["ErrorCode"] == "MalformedDetail"


def test_a_call_has_ten_entries(events: Any) -> None:
    assert events.put_events(Entries=[entry()] * 10)["FailedEntryCount"] == 0
    response = refusal(events.put_events, Entries=[entry()] * 11)
    assert response["Error"]["Code"] == "ValidationException"
    assert response["Error"]["Message"].endswith("Member must have length less than or equal to 10")


def sized(total: int) -> dict[str, Any]:
    """An entry that counts for `total` bytes."""
    rest = len("kit") + len("events.processed") + len(json.dumps({"p": ""}))
    return entry(json.dumps({"p": "x" * (total - rest)}))


def test_a_call_under_a_mebibyte_is_taken(events: Any) -> None:
    assert events.put_events(Entries=[sized(MEBIBYTE // 2), sized(MEBIBYTE // 2 - 1)])["FailedEntryCount"] == 0


@pytest.mark.moto_differs("moto does not count the bytes of a call")
def test_a_call_of_a_mebibyte_is_refused_whole(events: Any) -> None:
    entries = [sized(MEBIBYTE // 2), sized(MEBIBYTE // 2)]
    assert code(events.put_events, Entries=entries) == "ValidationException"


@pytest.mark.moto_differs("moto raises ResourceNotFoundException; AWS takes entries for a missing bus and drops them")
def test_entries_for_a_missing_bus_are_taken_and_lost(events: Any) -> None:
    answer = events.put_events(Entries=[entry(EventBusName="nowhere")])
    assert answer["FailedEntryCount"] == 0
    assert "EventId" in answer["Entries"][0]


def test_a_bus_is_made_once(events: Any) -> None:
    assert code(events.create_event_bus, Name=BUS) == "ResourceAlreadyExistsException"
