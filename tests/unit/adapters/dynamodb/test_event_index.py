"""EventIndex: what DynamoDB's answers say became of each action; what may pass is not an error, and the rest is."""

from __future__ import annotations

from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from pik.adapters.dynamodb.event_index import EventIndex
from pik.domain.event.plan import ActionResult, Check, Exists, Put
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import DEDUPE_TABLE, EVENTS_TABLE, deployed
from tests.support.faults import FaultPlan, raises, refused

ROW: Final = {"PK": "ENTITY#a", "SK": "TS#2026-11-20", "payload_sha": "sha-1"}
INDEX: Final = Put("events", ROW)
CLAIM: Final = Put("dedupe", {"event_id": "id-1", "payload_sha": "sha-1"})
SAME: Final = Check("ENTITY#a", "TS#2026-11-20", "sha-1")
OTHER: Final = Check("ENTITY#a", "TS#2026-11-20", "sha-2")
NOT_WRITTEN: Final = ActionResult.NOT_WRITTEN


@pytest.fixture
def index(fake_aws: FakeAws) -> EventIndex:
    deployed(fake_aws)
    client: Any = fake_aws.dynamodb
    return EventIndex(client, EVENTS_TABLE, DEDUPE_TABLE)


def rows(aws: FakeAws) -> int:
    return len(aws.dynamodb.items(EVENTS_TABLE)) + len(aws.dynamodb.items(DEDUPE_TABLE))


def cancelled(*codes: str) -> ClientError:
    """A transaction that was cancelled for these reasons."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "no"},
        "CancellationReasons": [{"Code": code} for code in codes],
    }
    return ClientError(response, "TransactWriteItems")


@pytest.mark.parametrize("actions", [[INDEX], [CLAIM], [CLAIM, INDEX]])
def test_where_no_row_is_all_are_written(index: EventIndex, fake_aws: FakeAws, actions: list[Any]) -> None:
    assert index.write(actions) == [ActionResult.WRITTEN for _ in actions]
    assert rows(fake_aws) == len(actions)


def test_a_row_that_is_there_is_the_outcome_and_stays(index: EventIndex, fake_aws: FakeAws) -> None:
    index.write([INDEX])
    assert index.write([Put("events", {**ROW, "payload_sha": "sha-2"})]) == [Exists(ROW)]
    assert index.write([CLAIM, INDEX]) == [NOT_WRITTEN, Exists(ROW)]
    assert rows(fake_aws) == 1


def test_a_check_is_met_missing_or_shows_the_other_payload(index: EventIndex, fake_aws: FakeAws) -> None:
    assert index.write([CLAIM, SAME]) == [NOT_WRITTEN, ActionResult.MISSING]
    index.write([INDEX])
    assert index.write([CLAIM, OTHER]) == [NOT_WRITTEN, Exists(ROW)]
    assert rows(fake_aws) == 1
    assert index.write([CLAIM, SAME]) == [ActionResult.WRITTEN, ActionResult.WRITTEN]
    assert rows(fake_aws) == 2


def test_a_check_alone_writes_nothing(index: EventIndex, fake_aws: FakeAws) -> None:
    index.write([INDEX])
    assert index.write([SAME]) == [ActionResult.WRITTEN]
    assert rows(fake_aws) == 1


@pytest.mark.parametrize(
    ("actions", "code"),
    [
        ([INDEX], "TransactionConflictException"),
        ([CLAIM, INDEX], "TransactionInProgressException"),
    ],
)
def test_what_another_request_holds_is_not_written_and_can_be_written_later(
    index: EventIndex, fake_aws: FakeAws, actions: list[Any], code: str
) -> None:
    FaultPlan(fake_aws).once(
        "put_item" if len(actions) == 1 else "transact_write_items", "before", raises(refused(code))
    )
    assert index.write(actions) == [NOT_WRITTEN for _ in actions]
    assert rows(fake_aws) == 0
    assert index.write(actions) == [ActionResult.WRITTEN for _ in actions]


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_was_cancelled_for_a_reason_that_passes_is_not_written(
    index: EventIndex, fake_aws: FakeAws, code: str
) -> None:
    FaultPlan(fake_aws).once("transact_write_items", "before", raises(cancelled("None", code)))
    assert index.write([CLAIM, INDEX]) == [NOT_WRITTEN, NOT_WRITTEN]


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_row_that_dynamodb_never_accepts_raises(index: EventIndex, fake_aws: FakeAws, code: str) -> None:
    FaultPlan(fake_aws).once("transact_write_items", "before", raises(cancelled("None", code)))
    with pytest.raises(ClientError, match="TransactionCanceled"):
        index.write([CLAIM, INDEX])


@pytest.mark.parametrize(("operation", "actions"), [("put_item", [INDEX]), ("transact_write_items", [CLAIM, INDEX])])
def test_any_other_refusal_raises(index: EventIndex, fake_aws: FakeAws, operation: str, actions: list[Any]) -> None:
    FaultPlan(fake_aws).refuse(operation, "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        index.write(actions)
