"""A deployed pipeline as a scenario sees it: its API, signed, and what AWS keeps, read with the caller's rights."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from pik.adapters.dynamodb.items import from_item
from pik.domain.event.rows import entity_key
from pik.domain.operate.failure_modes import parse_fault_mode
from pik.domain.process.versions import DayKey
from pik.domain.redrive.run import UNDER_WAY
from pik.domain.shared.limits import FAILURE_MODE_CACHE_SECONDS
from pik.domain.shared.redrive_limits import MAX_PREVIEW_SAMPLES
from pik.domain.shared.runs import LIVE
from pik_cli.dlq.api import RedriveApi
from pik_cli.shell.api import Backoff, HttpApi, call_with_retries, choose_signer, message_of, read_health
from pik_cli.shell.errors import Refusal, Unreachable
from pik_cli.shell.failure_mode import OUTPUT
from pik_cli.shell.limits import CLI_RETRIES
from pik_cli.shell.queues import read_queue
from pik_cli.shell.session import Session
from scripts.gameday.orders import Order, OrderFacts

_RUN_SECONDS: Final = 300.0
"""For which a gameday's redrive may run: two waves take a quarter of a minute."""

_POLL_SECONDS: Final = 1.0
_MARGIN_SECONDS: Final = 0.5
"""Beyond the functions' cache of the failure mode: clocks tick apart."""

_PREVIEW: Final = 1_000
_ANSWERS: Final = frozenset({200, 202, 207, 400, 409})


class GamedayStack:
    """The world of a stack, on AWS or on a local engine. Raises PikError, httpx's and botocore's exceptions."""

    def __init__(
        self,
        session: Session,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._session = session
        self._redrives = RedriveApi(session, session.output.note, sleep)
        self._events: HttpApi | None = None
        self.clock = clock
        self.sleep = sleep
        self.now = now
        self._began = clock()
        self.repeats = 0

    def tell(self, text: str) -> None:
        """A line for the person who watches."""
        self._session.output.note(f"{self.clock() - self._began:6.1f} s  {text}")

    def send(self, orders: list[Order]) -> list[str]:
        """Raises Refusal for an answer that is none. What never got one is sent again: the pipeline deduplicates."""
        lines = [json.dumps(it.envelope(), ensure_ascii=False) for it in orders]
        kind = "application/json" if len(lines) == 1 else "application/x-ndjson"
        api = self._events_api()
        response = call_with_retries(
            lambda: api.call("POST", "/events", "\n".join(lines).encode(), {"content-type": kind}),
            Backoff(CLI_RETRIES),
            self._wait,
            self._repeated,
        )
        if response.status_code not in _ANSWERS:
            raise Refusal(f"POST /events answered HTTP {response.status_code}: {message_of(response)}")
        answer = response.json()
        return [str(it["status"]) for it in (answer["results"] if len(lines) > 1 else [answer])]

    def days(self, entities: set[str], day: str) -> dict[str, OrderFacts]:
        """The last LIVE version of each entity's day, read consistently."""
        table = self._session.stack.output("AggregatesTableName")
        found: dict[str, OrderFacts] = {}
        for entity in sorted(entities):
            key = DayKey(entity, day, LIVE)
            answer = self._session.aws.dynamodb.query(
                TableName=table,
                ConsistentRead=True,
                KeyConditionExpression="PK = :pk AND begins_with(SK, :versions)",
                ExpressionAttributeValues={":pk": {"S": key.pk}, ":versions": {"S": key.versions}},
                ScanIndexForward=False,
                Limit=1,
            )
            for item in answer["Items"]:
                found[entity] = OrderFacts.of(from_item(item))
        return found

    def index(self, entities: set[str]) -> dict[str, int]:
        """All rows of the entities, which are this game's own."""
        table = self._session.stack.output("EventsTableName")
        return dict(Counter(row["status"] for it in entities for row in self._rows(table, entity_key(it))))

    def attempts(self, events: list[str]) -> dict[str, list[dict[str, Any]]]:
        """Read consistently: an attempt is in the ledger before its message can come back."""
        table = self._session.stack.output("FailuresTableName")
        found = {event_id: list(self._rows(table, f"EVENT#{event_id}")) for event_id in events}
        return {event_id: rows for event_id, rows in found.items() if rows}

    def waiting(self) -> int:
        """Visible, in flight and delayed. Raises Unreachable when SQS does not say."""
        queue = read_queue(self._session.aws, self._session.stack, "WorkQueue")
        if queue.problem:
            raise Unreachable(f"WorkQueue cannot be read: {queue.problem}")
        return queue.total

    def dead(self, source: str) -> dict[str, Any]:
        """Every letter of the source, with as many samples as an answer holds."""
        return self._redrives.preview({"source": source}, _PREVIEW, MAX_PREVIEW_SAMPLES)

    def rehearse(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a start would do."""
        return self._redrives.start({**request, "dry_run": True}).answer

    def redrive(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start a run and follow it. Raises Refusal when it has no end."""
        run_id = self._redrives.start(request).run_id
        self.tell(f"redrive {run_id} runs")
        end = self.clock() + _RUN_SECONDS
        while True:
            row = self._redrives.run(run_id)
            if row["status"] not in UNDER_WAY:
                self.tell(f"redrive {run_id}: {row['status']}. {row.get('explanation', '')}")
                return row
            if self.clock() >= end:
                raise Refusal(f"Redrive {run_id} still runs after {_RUN_SECONDS:.0f} s.")
            self.sleep(_POLL_SECONDS)

    def set_fault(self, mode: str, *, wait: bool = True) -> None:
        """As `pik fault set` does, and then the time after which no function goes by the mode before."""
        name = self._session.stack.output(OUTPUT)
        value = str(parse_fault_mode(mode))
        self._session.aws.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
        self.tell(f"failure mode {value}")
        if wait:
            self.sleep(FAILURE_MODE_CACHE_SECONDS + _MARGIN_SECONDS)

    def _rows(self, table: str, key: str) -> Iterator[dict[str, Any]]:
        start: dict[str, Any] = {}
        while True:
            answer = self._session.aws.dynamodb.query(
                TableName=table,
                ConsistentRead=True,
                KeyConditionExpression="PK = :pk",
                ExpressionAttributeValues={":pk": {"S": key}},
                **start,
            )
            yield from map(from_item, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def _events_api(self) -> HttpApi:
        """The API with the authorization that it announces for POST /events."""
        if self._events is None:
            session = self._session
            health = read_health(session.api, session.aws)
            announced = str(health.switches.get("ingest_auth") or "AWS_IAM")
            _, signer = choose_signer(None, announced, session.aws, os.environ.get("PIK_TOKEN", ""))
            self._events = session.api.signed_by(signer)
        return self._events

    def _wait(self, seconds: float) -> bool:
        self.sleep(seconds)
        return True

    def _repeated(self, reason: str, seconds: float) -> None:
        self.repeats += 1
        self.tell(f"POST /events: {reason}, again in {seconds:.1f} s")
