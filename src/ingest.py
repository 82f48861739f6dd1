"""POST /events and GET /health: parse the request, decide what each event is, write it down, answer.

Raw bytes first, then the dedupe row, then the index row, whose INSERT in the table's stream is the outbox: an event
that was answered ACCEPTED cannot miss the queue, and a crash between any two writes is mended by the next attempt.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pik import __version__, startup
from pik.adapters.clients import Clients
from pik.adapters.event_index import EventIndex, Unsettled
from pik.adapters.failure_signs import AWS_FAILURES, is_passing
from pik.adapters.raw_store import RawStore
from pik.domain import answers, times
from pik.domain.answers import Result
from pik.domain.ingest_plan import Note, Settled, Submission, assume_written, first_claims
from pik.domain.intake import Refused, Taken, take_in
from pik.domain.problems import InvalidEvent, Problem
from pik.domain.requests import Arrival, Part, body_bytes, split
from pik.domain.responses import Response, dump, response, unavailable
from pik.domain.rows import CONFLICT, REJECTED, RawRef, raw_key, rejected_key
from pik.domain.validation import SchemaRegistry
from pik.observability import COUNTERS, INGEST_LAG, MetricUnit, logged, logger, metrics
from pik.schemas import load_schemas
from pik.settings import IngestSettings, environment, in_lambda


class Ingest:
    """One request at a time; everything that it needs from outside is handed in."""

    def __init__(
        self,
        settings: IngestSettings,
        clients: Clients,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._schemas = SchemaRegistry(load_schemas(), allow_unknown=settings.allow_unknown_types)
        self._now = now
        if not settings.dry_run:  # a dry run needs no AWS at all
            self._raw = RawStore(clients.s3, settings.raw_bucket)
            self._index = EventIndex(clients.dynamodb, settings.events_table, settings.dedupe_table, sleep)

    def __call__(self, event: Mapping[str, Any], context: object) -> Response:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        match event["routeKey"]:
            case "GET /health":
                return response(200, self._health())
            case "POST /events":
                return self._post(event, headers)
        problem = Problem("body", "unknown_route", {"given": str(event["routeKey"])})
        return response(404, {"error": answers.error([problem], headers.get("accept-language"))})

    def _post(self, event: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
        arrival = Arrival(event["requestContext"]["requestId"], times.from_datetime(self._now()), headers)
        try:
            results, status, body = self._take(arrival, event)
        except (Unsettled, *AWS_FAILURES) as error:
            if not (isinstance(error, Unsettled) or is_passing(error)):
                raise
            logger.warning("not stored; the producer will retry", request_id=arrival.request_id, exc_info=True)
            return unavailable(headers.get("accept-language"))
        _observe(arrival.request_id, results, dry_run=self._settings.dry_run)
        return response(status, body | {"dry_run": True} if self._settings.dry_run else body)

    def _take(self, arrival: Arrival, event: Mapping[str, Any]) -> tuple[list[Result], int, answers.Json]:
        """Parse, decide, apply: the results in the order of the body, and the answer's status and body."""
        language = arrival.headers.get("accept-language")
        data = (event.get("body") or "").encode("utf-8", "surrogatepass")
        try:
            data = body_bytes(event.get("body"), event.get("isBase64Encoded", False))
            request = split(data, arrival.headers)
        except InvalidEvent as error:  # the whole body is refused: one result, whatever it was meant to be
            refused = Refused(0, Part("", 0, len(data), problems=error.problems), error.problems, None)
            result = self._keep_rejected(arrival, data, [refused])[0]
            return [result], *answers.single(result, language, status=error.status)
        taken, refusals = take_in(request, self._schemas, self._settings.default_event_type, arrival.received_at)
        by_index = self._keep_rejected(arrival, data, refusals) | self._accept(arrival, data, taken)
        results = [by_index[index] for index in range(len(request.parts))]
        return results, *(answers.many(results, language) if request.many else answers.single(results[0], language))

    def _accept(self, arrival: Arrival, data: bytes, taken: Sequence[Taken]) -> dict[int, Result]:
        """Store the body and settle every sound event of it."""
        if not taken:
            return {}
        key = raw_key([it.event for it in taken], arrival.received_at, arrival.request_id, arrival.suffix)
        bucket = self._settings.raw_bucket
        submissions = [
            Submission(it.event, RawRef(bucket, key, it.part.offset, it.part.length), arrival.request_id, it.index)
            for it in taken
        ]
        if not self._settings.dry_run:
            self._raw.put(key, data, arrival.media_type, arrival.metadata())
        settled = self._settle(submissions)
        return {it.index: _result(it, settled[it.index]) for it in submissions}

    def _settle(self, submissions: Sequence[Submission]) -> dict[int, Settled]:
        run = assume_written if self._settings.dry_run else self._index.settle
        claims, repeats = first_claims(submissions, self._settings.dedupe_ttl_days)
        settled = run(claims)
        first = {claim.submission.event.event_id: settled[claim.submission.index].first for claim in claims}
        return settled | run([Note(it, first[it.event.event_id]) for it in repeats])

    def _keep_rejected(self, arrival: Arrival, data: bytes, refused: Sequence[Refused]) -> dict[int, Result]:
        key = rejected_key(arrival.received_at, arrival.request_id) if refused and data.strip() else ""
        if key and not self._settings.dry_run:
            kept = answers.rejected_document(refused, data, arrival.received_at, arrival.request_id, arrival.headers)
            self._raw.put(key, dump(kept).encode(), "application/json", {})
        bucket = self._settings.raw_bucket
        return {it.index: Result(REJECTED, bucket, key, None, it.problems, it.language) for it in refused}

    def _health(self) -> answers.Json:
        return {
            "status": "ok",
            "service": "pipeline-investigation-kit",
            "version": __version__,
            "env": self._settings.env_name,
            "switches": self._settings.switches(),
        }


def _result(it: Submission, settled: Settled) -> Result:
    problems: tuple[Problem, ...] = ()
    if settled.status == CONFLICT:
        problems = (Problem("/idempotency_key", "idempotency_conflict", {"first_seen": settled.first["first_seen"]}),)
    return Result(settled.status, it.ref.bucket, it.ref.key, it.event, problems, it.event.language)


def _observe(request_id: str, results: Sequence[Result], *, dry_run: bool) -> None:
    if not dry_run:
        for result in results:
            if result.event:
                metrics.add_metric(INGEST_LAG, MetricUnit.Milliseconds, result.event.lag_ms)
        for status, count in Counter(result.status for result in results).items():
            metrics.add_metric(COUNTERS[status], MetricUnit.Count, count)
        metrics.flush_metrics()
    statuses = {result.event.event_id: result.status for result in results if result.event}
    rejections = [{"path": it.path, "code": it.code} for result in results for it in result.problems]
    logger.info("request answered", request_id=request_id, events=statuses, rejections=rejections, dry_run=dry_run)


@logged
def handler(event: dict[str, Any], context: object) -> Response:
    """Lambda's entry point; payload format 2.0."""
    return _built()(event, context)


@cache
def _built() -> Ingest:
    """One for the life of the process: what it is made of is built once."""
    return Ingest(IngestSettings.from_env(environment()), Clients())


if in_lambda(environment()):
    _built()
    startup.done()
