"""A pipeline in memory that a gameday is played on, and the ways in which it can be wrong.

It is no model of the real one: it does what the scenarios look at, right unless a flaw is named.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pik.domain.process.versions import combine_hashes, input_hash
from pik.domain.redrive.transform import Transform
from pik.domain.shared import identity, times
from scripts.gameday.orders import Order, OrderFacts
from scripts.gameday.schema_evolution import ORDER_AMOUNT_LIMIT

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MAX_RECEIVES = 2


@dataclass
class SentMessage:
    """An order on its way, with the payload that is to be counted."""

    order: Order
    payload: dict[str, Any]
    visible_at: float
    receives: int = 0
    cause: tuple[str, str, str] = ("", "", "")


@dataclass
class FakeWorld:
    """`flaws` are names of what it does wrong."""

    flaws: frozenset[str] = frozenset()
    seconds: float = 0.0
    mode: str = "none"
    modes: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    accepted: dict[str, Order] = field(default_factory=dict)
    rows: Counter[tuple[str, str]] = field(default_factory=Counter)
    queue: list[SentMessage] = field(default_factory=list)
    letters: list[SentMessage] = field(default_factory=list)
    ledger: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    counted: dict[str, dict[str, tuple[dict[str, Any], int]]] = field(default_factory=dict)
    """By entity and event: the payload, and how often it counts."""
    redrives: int = 0

    def has(self, flaw: str) -> bool:
        return flaw in self.flaws

    def tell(self, text: str) -> None:
        self.told.append(text)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def clock(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        end = self.seconds + seconds
        while self.seconds < end:
            self.seconds = min(end, self.seconds + 0.25)
            self.process()

    def set_fault(self, mode: str, *, wait: bool = True) -> None:
        self.mode = mode
        self.modes.append(mode)
        if wait:
            self.sleep(5.5)

    def send(self, orders: list[Order]) -> list[str]:
        return [self.accept(it) for it in orders]

    def accept(self, order: Order) -> str:
        status = "DUPLICATE" if order.event_id in self.accepted and not self.has("no dedupe") else "ACCEPTED"
        if self.has("refuses") and len(self.accepted) == 20:
            self.accepted[order.event_id] = order
            return "REJECTED"
        self.rows[order.entity_id, status] += 1
        if status == "ACCEPTED":
            self.accepted[order.event_id] = order
            copies = 2 if self.mode == "duplicate_submit" else 1
            self.queue += [SentMessage(order, dict(order.payload), self.seconds) for _ in range(copies)]
        if self.has("first is a duplicate") and len(self.accepted) == 1:
            return "DUPLICATE"
        return status

    def process(self) -> None:
        due = [it for it in self.queue if it.visible_at <= self.seconds]
        for number, message in enumerate(due):
            if self.has("starves the quiet") and "quiet-1" in message.order.source:
                continue
            if self.has("never drains") and "loud" in message.order.source and number == 0:
                continue
            self.queue.remove(message)
            if not (self.has("loses one") and message.order.event_id == next(iter(self.accepted))):
                self.attempt(message)

    def attempt(self, message: SentMessage) -> None:
        message.receives += 1
        cause = self.failure(message)
        if cause is None:
            self.count(message)
            return
        message.cause = cause
        last = message.receives >= MAX_RECEIVES
        dead = last or (cause[0] != "TRANSIENT" and not self.has("retries poison"))
        if not self.has("no ledger"):
            row = {
                "category": cause[0],
                "disposition": "DEAD_LETTER" if dead else "RETRY",
                "failed_at": times.from_datetime(self.now()),
            }
            self.ledger.setdefault(message.order.event_id, []).append(row)
        if dead:
            self.bury(message)
        else:
            self.put_off(message)

    def bury(self, message: SentMessage) -> None:
        if self.has("forgets letters") and self.redrives:
            return
        if self.has("no reasons"):
            message.cause = ("UNKNOWN", "", "")
        if self.has("many causes"):
            message.cause = (*message.cause[:2], message.order.event_id)
        self.letters.append(message)

    def put_off(self, message: SentMessage) -> None:
        number = len(self.ledger)
        message.visible_at = self.seconds + (0.1 if self.has("hammers") else 2 + number * 2)
        if self.has("hides for ever") and number > 10:
            message.visible_at = float("inf")
        if not (self.has("drops in the outage") and number == 3):
            self.queue.append(message)

    def failure(self, message: SentMessage) -> tuple[str, str, str] | None:
        first = message.order.payload["orderId"].endswith("-0")
        if self.mode == "poison_payload":
            return None if self.has("counts poison") and first else ("VALIDATION", "InvalidEvent", "f0")
        if self.mode == "throttle":
            return "TRANSIENT", "ThrottlingException", "f1"
        if (message.payload["amount"] or 0) > ORDER_AMOUNT_LIMIT or (self.has("kills bystanders") and first):
            return "PROCESSING", "AmountOverLimit", "f2"
        return None

    def count(self, message: SentMessage) -> None:
        event_id = message.order.event_id
        very_first = not self.counted
        day = self.counted.setdefault(message.order.entity_id, {})
        if event_id not in day:
            day[event_id] = (message.payload, 2 if self.has("counts one twice") and very_first else 1)
        elif self.has("counts copies"):
            day[event_id] = (message.payload, 2)

    def days(self, entities: set[str], day: str) -> dict[str, OrderFacts]:
        found: dict[str, OrderFacts] = {}
        for entity in entities & self.counted.keys():
            facts = OrderFacts()
            for event_id, (payload, count) in self.counted[entity].items():
                one = input_hash(event_id, identity.payload_sha(payload))
                for _ in range(count):
                    amount = facts.amount + Decimal(str(payload["amount"]))
                    facts = OrderFacts(facts.count + 1, amount, combine_hashes(facts.inputs_hash, one))
            found[entity] = replace(facts, inputs_hash="f" * 64) if self.has("wrong hash") else facts
        return found

    def index(self, entities: set[str]) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (entity, status), count in self.rows.items():
            found[status] += count if entity in entities else 0
        if self.has("no duplicate rows"):
            del found["DUPLICATE"]
        return dict(found)

    def attempts(self, events: list[str]) -> dict[str, list[dict[str, Any]]]:
        return {it: list(self.ledger[it]) for it in events if it in self.ledger}

    def waiting(self) -> int:
        return len(self.queue) + (1 if self.has("a message stays") else 0)

    def dead(self, source: str) -> dict[str, Any]:
        mine = [it for it in self.letters if it.order.source == source]
        causes = Counter(it.cause for it in mine)
        matched = len(mine)
        if self.has("spike dies") and source.endswith("loud"):
            matched += 1
        return {
            "matched": matched,
            "groups": [
                {"category": cause[0], "error_type": cause[1], "fingerprint": cause[2], "count": count}
                for cause, count in causes.items()
            ],
            "samples": [{"event_id": it.order.event_id} for it in mine[:20]],
        }

    def rehearse(self, request: dict[str, Any]) -> dict[str, Any]:
        mine = self.wanted(request)
        change = Transform(jmespath=request["transform"]["jmespath"])
        diffs = [{"before": it.payload, "after": change.apply(it.payload)} for it in mine[: request["samples"]]]
        if self.has("rehearsal takes"):
            self.letters.clear()
        if self.has("rehearsal shows nothing"):
            diffs = []
        return {"diffs": diffs}

    def wanted(self, request: dict[str, Any]) -> list[SentMessage]:
        return [
            it
            for it in self.letters
            if it.order.source == request["source"] and request.get("fingerprint") in {None, it.cause[2]}
        ]

    def redrive(self, request: dict[str, Any]) -> dict[str, Any]:
        self.redrives += 1
        mine = self.wanted(request)
        size = len(mine) if self.has("no canary") else request["canary"]["size"]
        canary, rest = mine[:size], mine[size:]
        failing = self.resend(canary, request)
        stopped = bool(failing) or self.has("redrives end failed")
        if not stopped:
            self.resend(rest, request)
        redriven = len(canary) + (0 if stopped else len(rest))
        return {
            "status": "FAILED" if self.has("redrives end failed") else "STOPPED" if stopped else "COMPLETE",
            "totals": {"redriven": redriven},
            "waves": [{"redriven": len(canary), "failing": failing}],
        }

    def resend(self, messages: list[SentMessage], request: dict[str, Any]) -> int:
        before = sum(map(len, self.ledger.values()))
        for message in messages:
            if not (self.has("letters stay") and message is messages[0]):
                self.letters.remove(message)
            change = request.get("transform")
            payload = message.payload
            if change and not self.has("forgets the transform"):
                payload = Transform(jmespath=change["jmespath"]).apply(payload)
            if self.has("forgets the transform"):
                payload = {**payload, "amount": 1}
            self.queue.append(SentMessage(message.order, payload, self.seconds))
        self.sleep(3)
        return sum(map(len, self.ledger.values())) - before
