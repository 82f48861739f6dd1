"""POST /events and GET /health: parse the request, decide what each event is, write it down, answer.

Raw bytes first, then the dedupe row, then the index row, whose INSERT in the table's stream is the outbox: an event
that was answered ACCEPTED cannot miss the queue, and a crash between any two writes is repaired by the next attempt.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pik import __version__
from pik.adapters.dynamodb.event_index import EventIndex
from pik.adapters.s3.raw_store import RawStore
from pik.domain.event import results as event_results
from pik.domain.event.fields import RawRef
from pik.domain.event.intake import Refused, Taken, take_in
from pik.domain.event.plan import Claim, Note, Settled, Submission, assume_written, first_claims
from pik.domain.event.results import EventResult
from pik.domain.event.rows import CONFLICT, REJECTED, raw_key, rejected_key
from pik.domain.http.answers import Json, short_path
from pik.domain.http.front_door import HttpCall, unknown_route
from pik.domain.http.requests import Part, RequestBody, object_metadata, object_suffix, split
from pik.domain.http.responses import Response, dump, response
from pik.domain.http.validation import SchemaRegistry
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.flows.invocation import InvocationContext
from pik.flows.router import Router
from pik.flows.settle import settle
from pik.observability import COUNTERS, INGEST_LAG, MetricUnit, logger, metrics
from pik.schemas import load_schemas
from pik.settings import IngestSettings, StoreSettings

if TYPE_CHECKING:
    from pik.adapters.client.clients import Clients


class EventIntake:
    """Writes down the events of a request and answers it, whatever route brought it."""

    def __init__(self, settings: StoreSettings, clients: Clients, sleep: Callable[[float], None] = time.sleep) -> None:
        self._settings = settings
        self._schemas = SchemaRegistry(load_schemas(), allow_unknown=settings.allow_unknown_types)
        self._sleep = sleep
        if not settings.dry_run:  # a dry run needs no AWS at all
            self._raw = RawStore(clients.s3, settings.raw_bucket)
            self._index = EventIndex(clients.dynamodb, settings.events_table, settings.dedupe_table)

    def refuse(self, call: HttpCall, error: InvalidEvent) -> Response:
        """Keep a body that is refused as a whole: one result, whatever it was meant to be."""
        result = self._refuse_body(call, error)
        _observe(call, [result], dry_run=self._settings.dry_run)
        return self._answer(*event_results.single(result, call.accept_language, status=error.status))

    def accept(self, call: HttpCall, request: RequestBody) -> Response:
        """Decide on each event of a parsed request, and apply."""
        taken, refused = take_in(
            request, self._schemas, self._settings.default_event_type, call.received_at, call.request_id
        )
        by_index = self._keep_rejected(call, call.body, refused) | self._accept(call, request, taken)
        results = [by_index[index] for index in range(len(request.parts))]
        _observe(call, results, dry_run=self._settings.dry_run)
        if request.many:
            return self._answer(*event_results.many(results, call.accept_language))
        return self._answer(*event_results.single(results[0], call.accept_language))

    def _answer(self, status: int, body: Json) -> Response:
        return response(status, body | {"dry_run": True} if self._settings.dry_run else body)

    def _refuse_body(self, call: HttpCall, error: InvalidEvent) -> EventResult:
        data = call.body_as_sent
        refused = Refused(0, Part("", 0, len(data), problems=error.problems), error.problems, None)
        return self._keep_rejected(call, data, [refused])[0]

    def _accept(self, call: HttpCall, request: RequestBody, taken: Sequence[Taken]) -> dict[int, EventResult]:
        """Store the body and settle every sound event of it."""
        if not taken:
            return {}
        suffix = object_suffix(request.media_type)
        key = raw_key([event.event for event in taken], call.received_at, call.request_id, suffix)
        bucket = self._settings.raw_bucket
        submissions = [
            Submission(
                event.event, RawRef(bucket, key, event.part.offset, event.part.length), call.request_id, event.index
            )
            for event in taken
        ]
        if not self._settings.dry_run:
            metadata = object_metadata(call.request_id, call.received_at, request.attributes, call.codings)
            self._raw.put(key, call.body, request.media_type, metadata)
        settled = self._settle(submissions)
        return {submission.index: _result(submission, settled[submission.index]) for submission in submissions}

    def _settle(self, submissions: Sequence[Submission]) -> dict[int, Settled]:
        claims, repeats = first_claims(submissions, self._settings.dedupe_ttl_days)
        settled = self._carry_out(claims)
        first = {claim.submission.event.event_id: settled[claim.submission.index].first for claim in claims}
        return settled | self._carry_out([Note(repeat, first[repeat.event.event_id]) for repeat in repeats])

    def _carry_out(self, steps: Sequence[Claim] | Sequence[Note]) -> dict[int, Settled]:
        return assume_written(steps) if self._settings.dry_run else settle(self._index, steps, self._sleep)

    def _keep_rejected(self, call: HttpCall, data: bytes, refused: Sequence[Refused]) -> dict[int, EventResult]:
        key = rejected_key(call.received_at, call.request_id) if refused and data.strip() else ""
        if key and not self._settings.dry_run:
            document = event_results.rejected_document(refused, data, call.received_at, call.request_id, call.headers)
            # half of a surrogate pair, which no UTF-8 holds, becomes JSON's own escape of it
            text = dump(document).encode("utf-8", "backslashreplace")
            self._raw.put(key, text, "application/json", {})
        bucket = self._settings.raw_bucket
        return {
            event.index: EventResult(REJECTED, bucket, key, None, event.problems, event.language) for event in refused
        }


class IngestFlow:
    """One request at a time; everything that it needs from outside is passed in."""

    def __init__(
        self,
        settings: IngestSettings,
        clients: Clients,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._intake = EventIntake(settings, clients, sleep)
        self._warnings = _warnings(settings, SchemaRegistry(load_schemas(), settings.allow_unknown_types))
        for warning in self._warnings:
            logger.warning(warning)
        routes = {"GET /health": self._health, "POST /events": self._post, "POST /{proxy+}": self._post_by_path}
        self._router = Router(routes, now)

    def __call__(self, event: Mapping[str, Any], context: InvocationContext) -> Response:
        return self._router(event, context)

    def _post_by_path(self, call: HttpCall, context: InvocationContext) -> Response:
        """POST /events behind IngestAuth=JWT, whose route takes every path. Raises InvalidEvent (404) for others."""
        if call.path.get("proxy") != "events":
            raise unknown_route(call)
        return self._post(call, context)

    def _post(self, call: HttpCall, context: InvocationContext) -> Response:
        try:
            request = split(call.body, call.headers)
        except InvalidEvent as error:
            return self._intake.refuse(call, error)
        return self._intake.accept(call, request)

    def _health(self, call: HttpCall, context: InvocationContext) -> Response:
        return response(
            200,
            {
                "status": "ok",
                "service": "pipeline-investigation-kit",
                "version": __version__,
                "env": self._settings.env_name,
                "switches": self._settings.switches(),
                "warnings": self._warnings,
            },
        )


def _warnings(settings: IngestSettings, schemas: SchemaRegistry) -> list[str]:
    """What is deployed and cannot work as meant."""
    default = settings.default_event_type
    if schemas.bare_members(default) is not None:
        return []
    usable = ", ".join(name for name in schemas.known_types if schemas.bare_members(name) is not None)
    return [
        f'DefaultEventType "{default}" has no schema that names its entity, so every payload without an envelope is '
        f"refused. Deploy with one of: {usable}."
    ]


def _result(submission: Submission, settled: Settled) -> EventResult:
    problems: tuple[Problem, ...] = ()
    if settled.status == CONFLICT:
        problems = (Problem("/idempotency_key", "idempotency_conflict", {"first_seen": settled.first["first_seen"]}),)
    event, ref = submission.event, submission.ref
    return EventResult(settled.status, ref.bucket, ref.key, event, problems, event.language)


def _observe(call: HttpCall, results: Sequence[EventResult], *, dry_run: bool) -> None:
    if results and not dry_run:
        for result in results:
            if result.event:
                metrics.add_metric(INGEST_LAG, MetricUnit.Milliseconds, result.event.lag_ms)
        for status, count in Counter(result.status for result in results).items():
            metrics.add_metric(COUNTERS[status], MetricUnit.Count, count)
        metrics.flush_metrics()
    statuses = {result.event.event_id: result.status for result in results if result.event}
    rejections = [
        {"path": short_path(problem.path), "code": problem.code} for result in results for problem in result.problems
    ]
    logger.info("request answered", request_id=call.request_id, events=statuses, rejections=rejections, dry_run=dry_run)
