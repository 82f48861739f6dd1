"""The envelope of an event, in any of its forms: the kit's own, a CloudEvent, or a bare payload."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pik.domain.event.fields import EventFields
from pik.domain.http.checks import Checks
from pik.domain.http.strict_json import MalformedJson, kind_of, parse_json
from pik.domain.shared import identity, times
from pik.domain.shared.failures import HashMismatch
from pik.domain.shared.problems import InvalidEvent, Problem, pointer

BARE_SOURCE: Final = "direct"
"""The source of a body without an envelope, which does not name its sender."""

_KIT_MARKS: Final = frozenset({"event_type", "payload"})


class Schemas(Protocol):
    """What identification needs of the schemas; `pik.domain.http.validation.SchemaRegistry` provides it."""

    def problems(self, event_type: str, payload: Any, base: str = ...) -> list[Problem]: ...

    def entity_of(self, event_type: str, payload: Any) -> str | None: ...

    def comparable(self, event_type: str, payload: Any) -> Any: ...

    def is_identified_by_arrival(self, event_type: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the producer sent. `entity_id` and `event_time` may be absent; the paths say where type and payload were."""

    source: str
    event_type: str
    payload: Any
    payload_path: str
    type_path: str
    entity_id: str | None = None
    event_time: times.Moment | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(EventFields):
    """An event with its identity; times are normalized text. `compared_sha` is the hash of the payload without what is
    volatile, by which a repeat is recognised; empty where that is the payload's own hash."""

    received_at: str
    idempotency_key: str | None
    language: str | None
    compared_sha: str = ""

    @property
    def lag_ms(self) -> int:
        return times.lag_ms(self.event_time, self.received_at)


def open_envelope(
    value: Any, default_type: str, attributes: Mapping[str, str] | None = None, base: str = ""
) -> Envelope:
    """The envelope of a parsed event. `attributes` are those of a CloudEvent in binary mode; `base` prefixes paths.

    Raises InvalidEvent with every member that is missing or wrong.
    """
    if attributes is not None:
        return _cloud_event(attributes, value, base, "header:ce-")
    if not isinstance(value, dict):
        raise InvalidEvent([Problem(base or "body", "not_an_object", {"given": kind_of(value)})])
    if "specversion" in value:
        return _cloud_event(value, _cloud_data(value, base), f"{base}/data", f"{base}/")
    if not _KIT_MARKS.isdisjoint(value):
        return _kit_event(value, base)
    return Envelope(BARE_SOURCE, default_type, value, base, f"{base}/event_type")


def identify(envelope: Envelope, schemas: Schemas, received_at: str, base: str = "", arrival: str = "") -> Event:
    """The event of an envelope, its payload checked against its type's schema. Raises InvalidEvent.

    `arrival` names this arrival among all: it takes the place of the time where the type's schema says so.
    """
    problems = schemas.problems(envelope.event_type, envelope.payload, envelope.payload_path)
    if problems:
        # The registry does not know the envelope, so it cannot name the place of an unknown type.
        raise InvalidEvent(
            [Problem(envelope.type_path, it.code, it.params) if it.code == "unknown_type" else it for it in problems]
        )
    entity_id = envelope.entity_id or schemas.entity_of(envelope.event_type, envelope.payload)
    if not entity_id:
        raise InvalidEvent([Problem(f"{base}/entity_id", "missing_entity", {"member": "entity_id"})])
    checks = Checks(lambda member: base + pointer(member))
    checks.name("entity_id", entity_id)
    checks.finish()
    sha = identity.payload_sha(envelope.payload)
    comparable = schemas.comparable(envelope.event_type, envelope.payload)
    compared_sha = sha if comparable is envelope.payload else identity.payload_sha(comparable)
    event_time = envelope.event_time.exact if envelope.event_time else None
    if event_time is None and schemas.is_identified_by_arrival(envelope.event_type):
        event_time = arrival
    return Event(
        event_id=identity.event_id(
            envelope.source,
            envelope.event_type,
            entity_id,
            idempotency_key=envelope.idempotency_key,
            event_time=event_time,
            sha=compared_sha,
        ),
        source=envelope.source,
        event_type=envelope.event_type,
        entity_id=entity_id,
        event_time=envelope.event_time.normal if envelope.event_time else received_at,
        received_at=received_at,
        payload_sha=sha,
        idempotency_key=envelope.idempotency_key,
        language=preferred_language(envelope.payload),
        compared_sha="" if compared_sha == sha else compared_sha,
    )


def preferred_language(payload: Any) -> str | None:
    """The language that the event itself requests for its answer."""
    language = payload.get("preferredLanguage") if isinstance(payload, dict) else None
    return language if isinstance(language, str) else None


def payload_with_sha(value: Any, sha: str) -> Any:
    """The payload within a stored event, found by its hash: a reference names bytes and a hash, not a format.

    Raises HashMismatch.
    """
    for payload in _payloads(value):
        if identity.payload_sha(payload) == sha:
            return payload
    raise HashMismatch(f"the stored event holds no payload with SHA-256 {sha}")


def _payloads(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from (value[name] for name in ("payload", "data") if name in value)
        if isinstance(value.get("data_base64"), str):
            # A bare payload may have a member of that name that holds anything.
            with suppress(InvalidEvent):
                yield _decode_data(value["data_base64"], "")
    yield value


def _kit_event(value: dict[str, Any], base: str) -> Envelope:
    checks = Checks(lambda member: base + pointer(member))
    source = checks.required(value, "source")
    event_type = checks.required(value, "event_type")
    entity_id = checks.optional(value, "entity_id")
    key = checks.optional(value, "idempotency_key")
    event_time = checks.event_time(value, "event_time")
    if "payload" not in value:
        checks.add("payload", "missing_member", member="payload")
    checks.finish()
    return Envelope(
        source, event_type, value["payload"], f"{base}/payload", f"{base}/event_type", entity_id, event_time, key
    )


def _cloud_event(attributes: Mapping[str, Any], data: Any, data_path: str, place: str) -> Envelope:
    checks = Checks(lambda member: place + member)
    version = checks.required(attributes, "specversion")
    if version and version != "1.0":
        checks.add("specversion", "unsupported_specversion", given=version)
    key = checks.required(attributes, "id")
    source = checks.required(attributes, "source")
    event_type = checks.required(attributes, "type")
    subject = checks.optional(attributes, "subject")
    event_time = checks.event_time(attributes, "time")
    checks.finish()
    return Envelope(source, event_type, data, data_path, f"{place}type", subject, event_time, key)


def _cloud_data(value: dict[str, Any], base: str) -> Any:
    if "data" in value:
        return value["data"]
    if isinstance(value.get("data_base64"), str):
        return _decode_data(value["data_base64"], base)
    raise InvalidEvent([Problem(base + pointer("data"), "missing_member", {"member": "data"})])


def _decode_data(text: str, base: str) -> Any:
    path = base + pointer("data_base64")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEvent([Problem(path, "broken_base64")]) from error
    try:
        return parse_json(data, path)
    except MalformedJson as error:
        raise InvalidEvent([Problem(path, "data_base64_not_json"), *error.problems]) from error
