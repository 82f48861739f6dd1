"""AggregateStore: what DynamoDB answers to a step, action by action, becomes what the writer must know."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.aggregate_store import AggregateStore
from pik.domain.aggregates import Refusal, Step, next_step, short
from pik.domain.processing import MissingVersion
from tests.fakes.stack import AGGREGATES_TABLE
from tests.makers import make_input
from tests.world import KEY, Stage

EVENTS = [make_input(n) for n in range(60)]
NOW = "2026-11-20T12:00:00.000000Z"
SMALL = next_step(KEY, None, EVENTS[:2], NOW)
CARRYING = next_step(KEY, next_step(KEY, None, EVENTS[:39], NOW).version, EVENTS[39:42], NOW)
BIG = next_step(KEY, CARRYING.version, EVENTS[42:45], NOW)


class Refusing:
    """A DynamoDB that refuses every write."""

    def __init__(self, code: str, reasons: list[dict[str, Any]] | None = None) -> None:
        self.response: Any = {"Error": {"Code": code, "Message": "no"}, "CancellationReasons": reasons}

    def put_item(self, **_: Any) -> Any:
        raise ClientError(self.response, "PutItem")

    def transact_write_items(self, **_: Any) -> Any:
        raise ClientError(self.response, "TransactWriteItems")


def refusal(step: Step, code: str, reasons: dict[int, Any] | None = None) -> Refusal | None:
    """The store's answer to a step when DynamoDB's reasons are these, by the place of the action."""
    actions = 1 + len(step.carried) + len(step.markers)
    given = [(reasons or {}).get(place, {"Code": "None"}) for place in range(actions)]
    return AggregateStore(Refusing(code, given), "aggregates").write(step)  # type: ignore[arg-type]


def cancelled(step: Step, reasons: dict[int, Any]) -> Refusal | None:
    return refusal(step, "TransactionCanceledException", reasons)


MARKED = {"Code": "ConditionalCheckFailed", "Item": {"PK": {"S": "p"}, "SK": {"S": "s"}, "version": {"N": "7"}}}
TAKEN = {"Code": "ConditionalCheckFailed", "Item": SMALL.version.row()}


@pytest.mark.parametrize("code", ["ConditionalCheckFailedException", "TransactionConflictException"])
def test_a_put_that_another_processor_was_faster_with_is_stale(code: str) -> None:
    assert refusal(SMALL, code) == Refusal(stale=True)


def test_a_put_that_fails_otherwise_raises() -> None:
    with pytest.raises(ClientError):
        refusal(SMALL, "AccessDeniedException")


def test_markers_that_are_there_name_the_version_that_counted_their_events() -> None:
    event_ids = [short(it.work.event_id) for it in EVENTS[42:45]]
    assert cancelled(BIG, {1: MARKED, 3: MARKED}) == Refusal(stale=False, applied={event_ids[0]: 7, event_ids[2]: 7})


def test_a_version_that_is_there_is_stale_also_beside_markers() -> None:
    assert cancelled(BIG, {0: TAKEN}) == Refusal(stale=True)
    assert cancelled(BIG, {0: TAKEN, 2: MARKED}) == Refusal(stale=True, applied={short(EVENTS[43].work.event_id): 7})


def test_a_carried_marker_that_is_there_means_that_another_processor_carried_over() -> None:
    assert len(CARRYING.carried) == 39
    assert cancelled(CARRYING, {5: MARKED}) == Refusal(stale=True)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
@pytest.mark.parametrize("place", [0, 2])
def test_what_will_pass_is_tried_again_from_the_latest_version(code: str, place: int) -> None:
    assert cancelled(BIG, {place: {"Code": code}}) == Refusal(stale=True)
    assert cancelled(BIG, {place: {"Code": code}, 3: MARKED}) == Refusal(
        stale=True, applied={short(EVENTS[44].work.event_id): 7}
    )


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"])
def test_what_will_never_pass_raises(code: str) -> None:
    with pytest.raises(ClientError):
        cancelled(BIG, {2: {"Code": code}, 3: MARKED})


def test_a_transaction_that_is_still_under_way_is_tried_again() -> None:
    assert refusal(BIG, "TransactionInProgressException") == Refusal(stale=True)


def test_a_transaction_that_fails_otherwise_raises() -> None:
    with pytest.raises(ClientError):
        refusal(BIG, "ThrottlingException")


def test_written_steps_read_back() -> None:
    stage = Stage()
    client: Any = stage.aws.dynamodb
    store = AggregateStore(client, AGGREGATES_TABLE)
    assert store.latest(KEY) is None
    for step in (SMALL, next_step(KEY, SMALL.version, EVENTS[2:45], NOW)):
        assert store.write(step) is None
        assert store.latest(KEY) == step.version
        assert store.get(KEY, step.version.number) == step.version
    assert store.write(SMALL) == Refusal(stale=True)
    assert len(stage.markers()) == 45
    with pytest.raises(MissingVersion, match="version 3"):
        store.get(KEY, 3)
