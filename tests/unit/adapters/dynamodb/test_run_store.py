"""RunsTable: a run begins once, and changes only from the state in which its writer knew it."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pik.adapters.dynamodb.run_store import RunStore
from pik.domain.redrive.request import RedriveRequest
from pik.domain.redrive.run import UNDER_WAY, first_record
from pik.domain.redrive.selection import Criteria
from tests.support.aws.stack import RUNS_TABLE, deployed

NOW = "2026-11-20T10:15:30.250000Z"
ROW = first_record("rdr-1", RedriveRequest("redrive", Criteria()), "ada", "request-1", NOW)


@pytest.fixture
def runs(aws: Any) -> RunStore:
    deployed(aws)
    return RunStore(aws.dynamodb, RUNS_TABLE)


def test_a_run_begins_again_only_for_the_request_that_began_it(runs: RunStore) -> None:
    runs.begin(ROW)
    runs.begin(ROW)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        runs.begin({**ROW, "request_id": "request-2"})


def test_a_change_from_the_expected_state_answers_the_row_as_it_now_is(runs: RunStore) -> None:
    runs.begin(ROW)
    changed, row = runs.change("rdr-1", {"status": "CANCELLING", "sent_to": 5}, {"status": UNDER_WAY, "sent_to": [0]})
    assert changed
    assert row is not None
    assert (row["status"], row["sent_to"], row["requested_by"]) == ("CANCELLING", 5, "ada")
    assert runs.get("rdr-1") == row


def test_a_change_from_another_state_changes_nothing_and_answers_the_row_as_it_is(runs: RunStore) -> None:
    runs.begin({**ROW, "status": "COMPLETE"})
    changed, row = runs.change("rdr-1", {"status": "CANCELLING"}, {"status": UNDER_WAY})
    assert not changed
    assert row is not None
    assert row["status"] == "COMPLETE"
    assert runs.get("rdr-1") == row


def test_all_that_is_expected_must_hold(runs: RunStore) -> None:
    runs.begin(ROW)
    changed, _ = runs.change("rdr-1", {"sent_to": 9}, {"status": UNDER_WAY, "sent_to": [5]})
    assert not changed


def test_a_run_that_is_not_there_is_not_made(runs: RunStore) -> None:
    assert runs.change("rdr-1", {"status": "CANCELLING"}, {}) == (False, None)
    assert runs.get("rdr-1") is None


def test_a_change_that_fails_otherwise_raises(runs: RunStore) -> None:
    runs.begin(ROW)
    with pytest.raises(ClientError, match="ValidationException"):
        runs.change("rdr-1", {"PK": "RUN#other"}, {})
