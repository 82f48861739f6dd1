"""Replay against moto: real requests, real pages, and the index as DynamoDB keeps it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from pik.adapters.dynamodb.items import from_item, to_item
from pik.domain.event.work import parse_work
from pik.flows import replay as module
from pik.flows.replay import ReplayFlow
from pik.settings import ReplaySettings
from tests.support.aws.context import FakeContext
from tests.support.aws.moto_backend import MotoAws
from tests.support.aws.stack import EVENTS_TABLE, RUNS_TABLE, Names, deployed
from tests.support.replay import ENTITY, OPERATOR, SOURCE, order, request, row_of

WORKS = [order(number, event_time=f"2026-11-{19 + number % 2:02d}T10:00:00.{number:06d}Z") for number in range(75)]
WINDOW = {"start_time": "2026-11-19T00:00:00Z", "end_time": "2026-11-21T00:00:00Z"}


@pytest.fixture
def names(moto_aws: MotoAws) -> Names:
    return deployed(moto_aws)


@pytest.fixture
def app(moto_aws: MotoAws, names: Names, monkeypatch: pytest.MonkeyPatch) -> ReplayFlow:
    for row in [*map(row_of, WORKS), row_of(order(1), "CONFLICT"), row_of(order(2), "DUPLICATE")]:
        moto_aws.dynamodb.put_item(TableName=EVENTS_TABLE, Item=to_item(row))
    monkeypatch.setattr(module, "REPLAY_PAGE_ROWS", 7)
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    return ReplayFlow(ReplaySettings.from_env(names.environment("replay")), moto_aws, lambda: now)  # type: ignore[arg-type]


def ask(app: ReplayFlow, context: FakeContext | None = None, **body: Any) -> dict[str, Any]:
    answer = app(request(body), context or FakeContext())
    assert answer["statusCode"] == 200, answer
    body: dict[str, Any] = json.loads(answer["body"])
    return body


def received(aws: MotoAws, url: str) -> set[str]:
    """The ids of all events in the queue."""
    found: set[str] = set()
    while batch := aws.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found |= {parse_work(it["Body"]).event_id for it in batch}
    return found


@pytest.mark.parametrize("scope", [ENTITY, SOURCE])
def test_a_window_of_many_pages_is_replayed_whole(
    moto_aws: MotoAws, names: Names, app: ReplayFlow, scope: dict[str, Any]
) -> None:
    answer = ask(app, **{**scope, **WINDOW})
    assert (answer["status"], answer["sent"], answer["skipped"]) == ("COMPLETE", 75, {"duplicate": 1, "conflict": 1})
    assert received(moto_aws, names.work_queue_url) == {it.event_id for it in WORKS}
    item = moto_aws.dynamodb.get_item(TableName=RUNS_TABLE, Key={"PK": {"S": f"RUN#{answer['run_id']}"}})["Item"]
    record = from_item(item)
    assert (record["status"], record["totals"], record["requested_by"]) == ("COMPLETE", answer["totals"], OPERATOR)


@pytest.mark.parametrize("scope", [ENTITY, SOURCE])
def test_tokens_carry_on_to_the_end(moto_aws: MotoAws, names: Names, app: ReplayFlow, scope: dict[str, Any]) -> None:
    class ShrinkingContext(FakeContext):
        """Ten seconds fewer at each look at the clock."""

        def get_remaining_time_in_millis(self) -> int:
            self.remaining_ms -= 10_000
            return self.remaining_ms

    body = {**scope, **WINDOW}
    answer = ask(app, ShrinkingContext(), **body)
    runs, requests = {answer["run_id"]}, 1
    while answer["status"] == "PARTIAL":
        answer = ask(app, ShrinkingContext(), **body, next_token=answer["next_token"])
        runs.add(answer["run_id"])
        requests += 1
        assert requests < 100
    assert requests > 1
    assert len(runs) == 1
    assert answer["totals"] == {"scanned": 77, "sent": 75, "skipped": {"duplicate": 1, "conflict": 1}, "failed": 0}
    assert received(moto_aws, names.work_queue_url) == {it.event_id for it in WORKS}
