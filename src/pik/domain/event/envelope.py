"""The envelope of an event, in any of its forms: the kit's own, a CloudEvent, or a bare payload."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from pik.domain.event.fields import EventFields
from pik.domain.http.checks import Checks
from pik.domain.http.requests import BINARY_SUFFIX, is_json, media_type_name
from pik.domain.http.strict_json import MalformedJson, kind_of, parse_json
from pik.domain.shared import identity, times
from pik.domain.shared.failures import HashMismatch
from pik.domain.shared.places import without
from pik.domain.shared.problems import InvalidEvent, Problem, pointer

BARE_SOURCE: Final = "direct"
"""The source of a body without an envelope, which does not name its sender."""

_KIT_REQUIRED: Final = ("source", "event_type")  # and "payload", which may be null
_KIT_MEMBERS: Final = frozenset({*_KIT_REQUIRED, "payload", "entity_id", "event_time", "idempotency_key"})
_KIT_MARKS: Final = frozenset({"event_type", "payload"})
_CLOUD_REQUIRED: Final = ("specversion", "id", "source", "type")
_NO_DATA: Final = b""
_CLOUD_MARK: Final = "specversion"
_CLOUD_MEMBERS: Final = frozenset(
    {*_CLOUD_REQUIRED, "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"}
)


class Schemas(Protocol):
    """What identification needs of the schemas; `pik.domain.http.validation.SchemaRegistry` provides it."""

    def problems(self, event_type: str, payload: Any, base: str = ...) -> list[Problem]: ...

    def entity_of(self, event_type: str, payload: Any) -> str | None: ...

    def comparable(self, event_type: str, payload: Any) -> Any: ...

    def is_identified_by_arrival(self, event_type: str) -> bool: ...

    def bare_members(self, event_type: str) -> tuple[str, ...] | None: ...


class EnvelopeForm(StrEnum):
    """What an event comes in."""

    KIT = "kit"
    CLOUD_EVENT = "cloud event"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What the producer sent. `entity_id` and `event_time` may be absent; the paths say where type and payload were.

    The payload is a JSON value, or bytes where it is not JSON: none for a CloudEvent without data. `default_entity` is
    the entity when neither envelope nor payload names one.
    """

    source: str
    event_type: str
    payload: Any
    payload_path: str
    type_path: str
    entity_id: str | None = None
    event_time: times.Moment | None = None
    idempotency_key: str | None = None
    default_entity: str | None = None


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
    value: Any, default_type: str, schemas: Schemas, attributes: Mapping[str, str] | None = None, base: str = ""
) -> Envelope:
    """The envelope of a parsed event. `attributes` are those of a CloudEvent in binary mode; `base` prefixes paths.

    Raises InvalidEvent with every member that is missing or wrong.
    """
    if attributes is not None:
        return cloud_event(attributes, value, base, "header:ce-")
    if not isinstance(value, dict):
        raise InvalidEvent([Problem(base or "body", "not_an_object", {"given": kind_of(value)})])
    match recognise(value, default_type, schemas):
        case EnvelopeForm.CLOUD_EVENT:
            data, path = _cloud_data(value, base)
            return cloud_event(value, data, path, f"{base}/")
        case EnvelopeForm.KIT:
            return _kit_event(value, base)
        case EnvelopeForm.BARE:
            return Envelope(BARE_SOURCE, default_type, value, base, f"{base}/event_type")
    raise _unrecognised(default_type, schemas, base)


def recognise(value: Mapping[str, Any], default_type: str, schemas: Schemas) -> EnvelopeForm | None:
    """The form of an event; None when it fits none. The first of these that applies:

    1. It has all members that a CloudEvent must have, or all that the kit's form must have.
    2. It is a sound payload of the default type. One member of an envelope's name does not make it an envelope.
    3. It has `specversion` and another member of a CloudEvent, or `event_type` or `payload` and another member of the
       kit's form: an envelope that lacks something, which its sender will want to know.
    4. It has a member that payloads of the default type must have.
    """
    if all(value.get(name) is not None for name in _CLOUD_REQUIRED):
        return EnvelopeForm.CLOUD_EVENT
    if "payload" in value and all(value.get(name) is not None for name in _KIT_REQUIRED):
        return EnvelopeForm.KIT
    is_cloud, is_kit = _CLOUD_MARK in value, not _KIT_MARKS.isdisjoint(value)
    # Without a mark it can only be a payload, which is checked later: not twice.
    if (is_cloud or is_kit) and schemas.entity_of(default_type, value) and not schemas.problems(default_type, value):
        return EnvelopeForm.BARE
    if is_cloud and len(_CLOUD_MEMBERS & value.keys()) > 1:
        return EnvelopeForm.CLOUD_EVENT
    if is_kit and len(_KIT_MEMBERS & value.keys()) > 1:
        return EnvelopeForm.KIT
    return EnvelopeForm.BARE if any(name in value for name in schemas.bare_members(default_type) or ()) else None


def identify(
    envelope: Envelope,
    schemas: Schemas,
    received_at: str,
    base: str = "",
    arrival: str = "",
    volatile: tuple[str, ...] = (),
) -> Event:
    """The event of an envelope, its payload checked against its type's schema. Raises InvalidEvent.

    `arrival` names this arrival among all: it takes the place of the time where the type's schema says so. `volatile`:
    places of the payload that are not compared, as well as those that the schema names.
    """
    problems = schemas.problems(envelope.event_type, envelope.payload, envelope.payload_path)
    if problems:
        # The registry does not know the envelope, so it cannot name the place of an unknown type.
        raise InvalidEvent(
            [Problem(envelope.type_path, it.code, it.params) if it.code == "unknown_type" else it for it in problems]
        )
    entity_id = (
        envelope.entity_id or schemas.entity_of(envelope.event_type, envelope.payload) or envelope.default_entity
    )
    if not entity_id:
        raise InvalidEvent([Problem(f"{base}/entity_id", "missing_entity", {"member": "entity_id"})])
    checks = Checks(lambda member: base + pointer(member))
    checks.name("entity_id", entity_id)
    checks.finish()
    sha = _sha_of(envelope.payload)
    comparable = without(schemas.comparable(envelope.event_type, envelope.payload), volatile)
    compared_sha = sha if comparable is envelope.payload else _sha_of(comparable)
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


def stored_payload(key: str, data: bytes, sha: str) -> Any:
    """The payload of a stored event, from its bytes in the object `key`: bytes where it is not JSON.

    It is found by its hash: a reference names bytes and a hash, not a format. Raises MalformedJson, HashMismatch.
    """
    if not key.endswith(f".{BINARY_SUFFIX}"):
        return payload_with_sha(parse_json(data), sha)
    if _sha_of(data) != sha:
        raise HashMismatch(f"the stored bytes have another SHA-256 than {sha}")
    return data


def payload_with_sha(value: Any, sha: str) -> Any:
    """The payload within a stored event that is JSON. Raises HashMismatch."""
    for payload in _payloads(value):
        if _sha_of(payload) == sha:
            return payload
    raise HashMismatch(f"the stored event holds no payload with SHA-256 {sha}")


def _sha_of(payload: Any) -> str:
    return hashlib.sha256(payload).hexdigest() if isinstance(payload, bytes) else identity.payload_sha(payload)


def _payloads(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from (value[name] for name in ("payload", "data") if name in value)
        if isinstance(value.get("data_base64"), str):
            # A bare payload may have a member of that name that holds anything.
            with suppress(InvalidEvent):
                yield _json_or_bytes(_decode_base64(value["data_base64"], ""))
        if _CLOUD_MARK in value and "data" not in value and value.get("data_base64") is None:
            yield _NO_DATA
    yield value


def _unrecognised(default_type: str, schemas: Schemas, base: str) -> InvalidEvent:
    members = schemas.bare_members(default_type)
    if members is None:
        return InvalidEvent([Problem(base or "body", "no_envelope_nor_default", {"type": default_type})])
    params: dict[str, str | int] = {"type": default_type, "expected": ", ".join(members)}
    return InvalidEvent([Problem(base or "body", "no_envelope", params)])


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


def cloud_event(attributes: Mapping[str, Any], data: Any, data_path: str, place: str) -> Envelope:
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
    # `subject` is optional: an event without one is about its source.
    return Envelope(source, event_type, data, data_path, f"{place}type", subject, event_time, key, source)


def _cloud_data(value: Mapping[str, Any], base: str) -> tuple[Any, str]:
    """The payload of a structured CloudEvent, and its place. An event without data has no bytes."""
    if "data" in value:
        return value["data"], base + pointer("data")
    if value.get("data_base64") is None:
        return _NO_DATA, base + pointer("data")
    path = base + pointer("data_base64")
    text, content_type = value["data_base64"], value.get("datacontenttype")
    if not isinstance(text, str):
        raise InvalidEvent([Problem(path, "wrong_type", {"member": "data_base64", "expected": "string"})])
    payload = _json_or_bytes(_decode_base64(text, path))
    if (
        isinstance(payload, bytes)
        and payload
        and isinstance(content_type, str)
        and is_json(media_type_name(content_type))
    ):
        raise InvalidEvent([Problem(path, "data_base64_not_json")])
    return payload, path if isinstance(payload, bytes) else base + pointer("data")


def _json_or_bytes(data: bytes) -> Any:
    try:
        return parse_json(data)
    except MalformedJson:
        return data


def _decode_base64(text: str, path: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEvent([Problem(path, "broken_base64")]) from error
