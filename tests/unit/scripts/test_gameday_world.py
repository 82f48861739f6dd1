"""What a gameday reads and does: events over HTTP, the real redrive handlers, tables and parameter in memory."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from pik.adapters.dynamodb.items import to_item
from pik.domain.event.rows import entity_key
from pik.domain.process import metrics
from pik.domain.process.versions import DayKey
from pik.domain.shared import identity
from pik_cli.shell.errors import Refusal, Unreachable
from pik_cli.shell.failure_mode import OUTPUT
from pik_cli.shell.output import Output
from pik_cli.shell.session import Session
from pik_cli.shell.stack import Options
from scripts.gameday.orders import Order, OrderFacts
from scripts.gameday.play import AT_ONCE, facts_of
from scripts.gameday.world import GamedayStack
from tests.support.redrive_backend import RedriveBackend

DAY = "2026-11-20"
TIME = f"{DAY}T10:00:00.000000Z"
PARAMETER = "/pik-local/failure_mode"


class GamedayClock:
    """Seconds, and the waits that were requested."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds


@pytest.fixture
def time() -> GamedayClock:
    return GamedayClock()


@pytest.fixture
def world(backend: RedriveBackend, time: GamedayClock) -> GamedayStack:
    cloud: Any = backend
    cloud.dynamodb, cloud.ssm = backend.aws.dynamodb, backend.aws.ssm
    backend.outputs |= {
        "AggregatesTableName": backend.names.aggregates_table,
        "EventsTableName": backend.names.events_table,
        "FailuresTableName": backend.names.failures_table,
        OUTPUT: PARAMETER,
    }
    cloud.ssm.put_parameter(Name=PARAMETER, Value="none", Type="String")
    return GamedayStack(Session(Options(), Output()), time.clock, time.sleep)


def order(number: int, amount: float = 10.25, counted: Decimal | None = None) -> Order:
    return Order("shop", "customer-1", TIME, {"orderId": f"o-{number}", "amount": amount}, counted)


def health(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"status": "ok", "switches": {"ingest_auth": "NONE"}})


def put(backend: RedriveBackend, table: str, **row: Any) -> None:
    backend.aws.dynamodb.put_item(TableName=table, Item=to_item(row))


def test_one_order_is_sent_as_json_and_several_as_ndjson(backend: RedriveBackend, world: GamedayStack) -> None:
    several = {"accepted": 1, "results": [{"status": "ACCEPTED"}, {"status": "DUPLICATE"}]}
    backend.instead = [health, (202, {"status": "ACCEPTED"}), (207, several)]

    assert world.send([order(1)]) == ["ACCEPTED"]
    assert world.send([order(2), order(1)]) == ["ACCEPTED", "DUPLICATE"]

    _, one, many = backend.requests
    assert one.headers["content-type"] == "application/json"
    assert json.loads(one.content) == order(1).envelope()
    assert many.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in many.content.splitlines()] == [order(2).envelope(), order(1).envelope()]


def test_an_order_without_an_answer_is_sent_again(backend: RedriveBackend, world: GamedayStack) -> None:
    backend.instead = [health, httpx.ReadTimeout("slow"), (503, {}), (429, {}), (200, {"status": "DUPLICATE"})]

    assert world.send([order(1)]) == ["DUPLICATE"]
    assert world.repeats == 3
    assert len({it.content for it in backend.requests[1:]}) == 1


def test_an_answer_that_is_none_is_a_refusal(backend: RedriveBackend, world: GamedayStack) -> None:
    backend.instead = [health, (403, {"message": "Forbidden"})]

    with pytest.raises(Refusal, match="HTTP 403: Forbidden"):
        world.send([order(1)])


def test_the_id_of_an_order_is_the_one_that_ingest_gives() -> None:
    one = order(1)
    sha = identity.payload_sha(one.payload)
    assert one.event_id == identity.event_id(
        "shop", "order", "customer-1", idempotency_key=None, event_time=TIME, sha=sha
    )


def test_a_day_is_its_last_live_version(backend: RedriveBackend, world: GamedayStack) -> None:
    for number, run, count in ((1, "LIVE", 1), (2, "LIVE", 2), (10, "LIVE", 7), (11, "rpl-1", 9)):
        key = DayKey("customer-1", DAY, run)
        values = {"daily_amount_sum": {"XXX": metrics.plain(Decimal(count) / 2)}}
        put(
            backend,
            backend.names.aggregates_table,
            PK=key.pk,
            SK=key.version_sk(number),
            input_count=count,
            metrics=values,
            inputs_hash=f"{count:064x}",
        )

    assert world.days({"customer-1", "customer-2"}, DAY) == {"customer-1": OrderFacts(7, Decimal("3.5"), f"{7:064x}")}
    assert world.days({"customer-1"}, "2026-11-21") == {}


def test_what_must_be_counted_is_each_order_once_with_the_amount_that_it_has_in_the_end() -> None:
    first, changed = order(1), order(2, 1_000_050.0, Decimal("10000.5"))

    (facts,) = facts_of([first, changed, first]).values()

    assert (facts.count, facts.amount) == (2, Decimal("10010.75"))
    assert facts != OrderFacts().plus(first).plus(order(2, 1_000_050.0))  # the hash is that of the changed payload
    assert facts == OrderFacts().plus(changed).plus(first)


def test_rows_of_the_index_are_counted_by_status_and_of_the_ledger_by_event(
    backend: RedriveBackend, world: GamedayStack
) -> None:
    for number, status in enumerate(("ACCEPTED", "DUPLICATE", "DUPLICATE")):
        put(backend, backend.names.events_table, PK=entity_key("customer-1"), SK=f"TS#{number}", status=status)
    put(backend, backend.names.events_table, PK=entity_key("else"), SK="TS#1", status="ACCEPTED")
    for number in (2, 1):
        put(backend, backend.names.failures_table, PK="EVENT#e1", SK=f"AT#{number}", attempt=number)

    assert world.index({"customer-1", "nobody"}) == {"ACCEPTED": 1, "DUPLICATE": 2}
    found = world.attempts(["e1", "e2"])
    assert {name: [it["attempt"] for it in rows] for name, rows in found.items()} == {"e1": [1, 2]}


def test_a_work_queue_that_cannot_be_read_is_not_an_empty_one(backend: RedriveBackend, world: GamedayStack) -> None:
    assert world.waiting() == 0
    backend.sqs.send_message(QueueUrl=backend.names.work_queue_url, MessageBody="{}", MessageGroupId="shop")
    assert world.waiting() == 1

    del backend.outputs["WorkQueueUrl"]
    other = GamedayStack(Session(Options(), Output()))
    with pytest.raises(Unreachable, match="WorkQueue cannot be read"):
        other.waiting()


def test_dead_letters_of_a_source_are_seen_and_redriven_to_the_end(
    backend: RedriveBackend, world: GamedayStack
) -> None:
    for number in range(4):
        backend.bury(number)
    backend.bury(9, source="other")

    assert world.dead("shop")["matched"] == 4
    request = {"source": "shop", **AT_ONCE, "canary": False}
    assert world.rehearse(request | {"transform": {"set": {"amount": 2}}})["diffs"][0]["after"]["amount"] == 2
    assert len(backend.dead()) == 5

    run = world.redrive(request)

    assert (run["status"], run["totals"]["redriven"]) == ("COMPLETE", 4)
    assert len(backend.dead()) == 1
    assert {it["source"] for it in backend.sent()} == {"shop"}


def test_a_run_without_an_end_is_a_refusal(
    backend: RedriveBackend, world: GamedayStack, monkeypatch: pytest.MonkeyPatch, time: GamedayClock
) -> None:
    backend.bury(1)
    monkeypatch.setattr(backend, "advance", lambda run_id: None)

    with pytest.raises(Refusal, match="still runs after 300 s"):
        world.redrive({"source": "shop", **AT_ONCE, "canary": False})
    assert time.seconds >= 300


def test_a_fault_is_set_and_waited_for_and_ended_at_once_when_nobody_waits(
    backend: RedriveBackend, world: GamedayStack, time: GamedayClock
) -> None:
    def value() -> str:
        return str(backend.aws.ssm.get_parameter(Name=PARAMETER)["Parameter"]["Value"])

    world.set_fault("throttle")
    assert (value(), time.seconds) == ("throttle", 5.5)

    world.set_fault("none", wait=False)
    assert (value(), time.seconds) == ("none", 5.5)
