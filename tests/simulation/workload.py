"""What producers send: events of few entities and days in every form, repeated, in conflict, and wrong.

Identities are computed here from the rules on paper, not with the kit's code.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

MAX_AMOUNT: Final = 1_000_000
"""What the processor's rule on orders allows."""

_SINGLE: Final = ("kit", "bare", "cloud", "binary", "webhook")
_MANY: Final = ("array", "ndjson", "cloud-batch")
WEBHOOK_SECRET: Final = "hush"
"""What a webhook's sender shows: an EventBridge API destination, whose key is in a header."""

_WEBHOOK_TYPE: Final = "Object Created"
_DAYS: Final = ("2026-11-19", "2026-11-20")


def canonical(value: Any) -> bytes:
    """RFC 8785 for the values made here: ASCII names, and numbers that Python and JavaScript write alike."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def sha(value: Any) -> str:
    """SHA-256 of a value's canonical text."""
    return hashlib.sha256(canonical(value)).hexdigest()


@dataclass(frozen=True, slots=True)
class WorkloadEvent:
    """One event as a producer means it. `number` names it in this seed. `broken`: it must be rejected."""

    number: int
    source: str
    event_type: str
    entity_id: str
    event_time: str | None
    payload: Any
    key: str | None = None
    broken: bool = False

    @property
    def payload_sha(self) -> str:
        return sha(self.payload)

    @property
    def event_id(self) -> str:
        parts: list[str | None] = [self.source, self.event_type, self.entity_id]
        parts += [self.key] if self.key is not None else [self.event_time, self.payload_sha]
        return sha(parts)

    @property
    def is_poison(self) -> bool:
        """Whether it is accepted and can never be processed."""
        return self.event_type == "order" and self.payload.get("amount", 0) > MAX_AMOUNT


@dataclass(frozen=True, slots=True)
class WorkloadRequest:
    """One HTTP request; `number` names it in this seed."""

    number: int
    form: str
    events: tuple[WorkloadEvent, ...]

    @property
    def many(self) -> bool:
        return self.form in _MANY

    @property
    def is_webhook(self) -> bool:
        return self.form == "webhook"

    def headers(self) -> dict[str, str]:
        """As the API passes them."""
        kinds = {
            "ndjson": "application/x-ndjson",
            "cloud": "application/cloudevents+json",
            "cloud-batch": "application/cloudevents-batch+json",
        }
        headers = {"Content-Type": kinds.get(self.form, "application/json")}
        if self.form == "binary":
            attributes = _cloud(self.events[0])
            del attributes["data"]
            headers |= {f"ce-{name}": value for name, value in attributes.items()}
        if self.is_webhook:
            headers["x-api-key"] = WEBHOOK_SECRET
        return headers

    def body(self) -> tuple[str, bool]:
        """The body as the API passes it, and whether it is base64."""
        if self.many:
            if self.form == "ndjson":
                return "\n".join(json.dumps(_FORMS["kit"](it)) for it in self.events) + "\n", False
            wrap = _FORMS["cloud" if self.form == "cloud-batch" else "kit"]
            return json.dumps([wrap(it) for it in self.events], indent=1), False
        text = json.dumps(_FORMS[self.form](self.events[0]))
        return (base64.b64encode(text.encode()).decode(), True) if self.number % 3 == 0 else (text, False)


def _kit(event: WorkloadEvent) -> dict[str, Any]:
    members = {
        "source": event.source,
        "event_type": event.event_type,
        "entity_id": event.entity_id,
        "event_time": event.event_time,
        "idempotency_key": event.key,
    }
    return {**{name: value for name, value in members.items() if value is not None}, "payload": event.payload}


def _cloud(event: WorkloadEvent) -> dict[str, Any]:
    assert event.event_time is not None, "CloudEvents made here have a time"
    return {
        "specversion": "1.0",
        "id": event.key or "",
        "source": event.source,
        "type": event.event_type,
        "subject": event.entity_id,
        "time": event.event_time,
        "data": event.payload,
    }


_FORMS: Final[Mapping[str, Callable[[WorkloadEvent], Any]]] = {
    "kit": _kit,
    "bare": lambda event: event.payload,
    "cloud": _cloud,
    "binary": lambda event: event.payload,
    "webhook": lambda event: event.payload,
}


class _Maker:
    def __init__(self, seed: int) -> None:
        self.rng = Random(f"{seed}/workload")
        self.entities = [f"entity-{n}" for n in range(self.rng.choice([1, 1, 2, 4]))]
        self.sources = ["shop", "a source with spaces"][: self.rng.choice([1, 2])]
        self.repeats = self.rng.choice([0.0, 0.15, 0.4])
        self.poison = self.rng.choice([0.0, 0.05, 0.3])
        self.broken = self.rng.choice([0.0, 0.1])
        self.days = _DAYS[: self.rng.choice([1, 2])]
        self.made: list[WorkloadEvent] = []

    def requests(self) -> list[WorkloadRequest]:
        count = self.rng.choice([1, 3, 6, 14])
        largest = self.rng.choice([1, 4, 4, 12])
        return [self._request(number, largest) for number in range(count)]

    def _request(self, number: int, largest: int) -> WorkloadRequest:
        if largest == 1 or self.rng.random() < 0.4:
            form = self.rng.choice(_SINGLE)
            return WorkloadRequest(number, form, (self._event(form),))
        form = self.rng.choice(_MANY)
        return WorkloadRequest(number, form, tuple(self._event(form) for _ in range(self.rng.randint(1, largest))))

    def _event(self, form: str) -> WorkloadEvent:
        fit = [it for it in self.made if _fits(it, form)]
        if fit and self.rng.random() < self.repeats:
            event = replace(self.rng.choice(fit), number=len(self.made))
            if event.key is not None and self.rng.random() < 0.4:
                event = self._other_payload(event)
        else:
            event = self._new(form)
        self.made.append(event)
        return event

    def _other_payload(self, event: WorkloadEvent) -> WorkloadEvent:
        """The same idempotency key for something else."""
        return replace(event, payload={**event.payload, "note": f"changed {len(self.made)}"})

    def _new(self, form: str) -> WorkloadEvent:
        number = len(self.made)
        entity = self.rng.choice(self.entities)
        broken = self.rng.random() < self.broken
        payload: dict[str, Any] = {"orderId": entity, "amount": self.rng.randrange(1, 4000) / 4, "n": number}
        if payload["amount"] % 1 == 0:
            payload["amount"] = int(payload["amount"])  # a whole double is written differently in JavaScript
        if self.rng.random() < self.poison:
            payload["amount"] = MAX_AMOUNT + 1 + number
        if broken:
            payload["amount"] = "much"
        if form == "bare":
            return WorkloadEvent(number, "direct", "order", entity, None, payload, broken=broken)
        moment = f"{self.rng.choice(self.days)}T{self.rng.randrange(24):02d}:15:30.{self.rng.randrange(1000):03d}000Z"
        if form == "webhook":
            return self._webhook(number, entity, moment, broken=broken)
        cloud = form in {"cloud", "binary", "cloud-batch"}
        key = f"key-{number}" if cloud or self.rng.random() < 0.3 else None
        kind = "order" if broken or self.rng.random() < 0.8 else "unheard.of"
        time = moment if cloud or self.rng.random() < 0.9 else None
        return WorkloadEvent(number, self.rng.choice(self.sources), kind, entity, time, payload, key, broken)

    def _webhook(self, number: int, entity: str, moment: str, *, broken: bool) -> WorkloadEvent:
        """An event of EventBridge, whose payload is all of it; a broken one has no id."""
        payload = {
            "id": None if broken else f"key-{number}",
            "source": self.rng.choice(self.sources),
            "detail-type": _WEBHOOK_TYPE,
            "resources": [entity],
            "time": moment,
            "detail": {"n": number},
        }
        return WorkloadEvent(
            number, str(payload["source"]), _WEBHOOK_TYPE, entity, moment, payload, f"key-{number}", broken
        )


def _fits(event: WorkloadEvent, form: str) -> bool:
    """Whether an event can be sent again in a form without becoming another."""
    if form == "bare":
        return event.source == "direct"
    if event.source == "direct":
        return False
    if form == "webhook" or (event.broken and event.event_type == _WEBHOOK_TYPE):
        return form == "webhook" and event.event_type == _WEBHOOK_TYPE
    return form in {"kit", "array", "ndjson"} or (event.key is not None and event.event_time is not None)


def workload(seed: int, keep: Collection[int] | None = None) -> list[WorkloadRequest]:
    """The requests of a seed; of `keep` (numbers of events) only what holds one of them."""
    requests = _Maker(seed).requests()
    if keep is None:
        return requests
    kept = [replace(it, events=tuple(event for event in it.events if event.number in keep)) for it in requests]
    return [it for it in kept if it.events]


def numbers(requests: Sequence[WorkloadRequest]) -> list[int]:
    """The numbers of all events."""
    return [event.number for it in requests for event in it.events]
