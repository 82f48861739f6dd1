"""The answer to the producer: one result per event, in the producer's language."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pik.domain.event.envelope import Event
from pik.domain.event.intake import Refused
from pik.domain.event.rows import ACCEPTED, CONFLICT, DUPLICATE, REJECTED
from pik.domain.http.answers import Json, details, error
from pik.domain.http.messages import pick_language, render
from pik.domain.shared.problems import Problem

_SINGLE_STATUS: Final = {ACCEPTED: 202, DUPLICATE: 200, CONFLICT: 409, REJECTED: 400}
_REASONS: Final = {DUPLICATE: "already_received", CONFLICT: "kept_unprocessed"}
_MAX_DETAILS: Final = 20  # of a whole batch; each event's own problems are in its result


@dataclass(frozen=True, slots=True)
class EventResult:
    """The outcome of one event of a request, and where its bytes are kept."""

    status: str
    s3_bucket: str
    s3_key: str
    event: Event | None = None
    problems: tuple[Problem, ...] = field(default=())
    language: str | None = None


def single(result: EventResult, accept_language: str | None, *, status: int | None = None) -> tuple[int, Json]:
    """HTTP status and body for a request of one event; `status`: that of a refusal (413, 415)."""
    body = _result(result, accept_language)
    if result.problems:
        body["error"] = error(result.problems, accept_language, result.language)
    return status or _SINGLE_STATUS[result.status], body


def many(results: Sequence[EventResult], accept_language: str | None) -> tuple[int, Json]:
    """HTTP status and body for a request of several events: 202, 207 when some were not accepted, 400 when all were
    rejected, 200 for an empty batch."""
    counts = Counter(result.status for result in results)
    listed = []
    for result in results:
        entry = _result(result, accept_language)
        if result.problems:
            entry["errors"] = details(result.problems, accept_language, result.language)
        listed.append(entry)
    body: Json = {
        "received": len(results),
        "accepted": counts[ACCEPTED],
        "duplicate": counts[DUPLICATE],
        "conflict": counts[CONFLICT],
        "rejected": counts[REJECTED],
        "results": listed,
    }
    if not results:  # CloudEvents allows a batch of none
        return 200, body
    if counts[REJECTED] == len(results):
        all_rejected = Problem("body", "all_rejected", {"count": len(results)})
        problems = [problem for result in results for problem in result.problems]
        body["error"] = error([all_rejected], accept_language, results[0].language) | {
            "details": details(problems[:_MAX_DETAILS], accept_language, results[0].language)
        }
        return 400, body
    return (202 if counts[ACCEPTED] == len(results) else 207), body


def rejected_document(
    refused: Sequence[Refused], data: bytes, received_at: str, request_id: str, headers: Mapping[str, str]
) -> Json:
    """What is stored of rejected events: all of their bytes, and the reasons, in English for the operators. Of a binary
    CloudEvent the headers are a part too."""
    attributes = {name: value for name, value in headers.items() if name.startswith("ce-")}
    return {
        "received_at": received_at,
        "request_id": request_id,
        "content_type": headers.get("content-type", ""),
        **({"cloud_event_headers": attributes} if attributes else {}),
        "rejected": [
            {
                "index": it.index,
                "errors": [{"code": problem.code, **detail} for problem, detail in _with_details(it.problems)],
                **_body(data[it.part.offset : it.part.offset + it.part.length]),
            }
            for it in refused
        ],
    }


def _with_details(problems: Sequence[Problem]) -> Iterable[tuple[Problem, Json]]:
    return zip(problems, details(problems, "en"), strict=True)


def _body(data: bytes) -> Json:
    try:
        return {"body": data.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(data).decode()}


def _result(result: EventResult, accept_language: str | None) -> Json:
    body: Json = {"status": result.status}
    if result.event:
        body = {"event_id": result.event.event_id, **body}
        if result.status in _REASONS:
            body["reason"] = render(_REASONS[result.status], {}, pick_language(accept_language, result.language))
        body["ingest_lag_ms"] = result.event.lag_ms
    if result.s3_key:
        body |= {"s3_bucket": result.s3_bucket, "s3_key": result.s3_key}
    return body
