"""Producers behind the API: they send each request until it is answered, a bounded number of times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulation.deployment import WEBHOOK_SOURCE
from tests.simulation.scheduler import Task
from tests.simulation.service import ServiceContext, SimulatedService
from tests.simulation.workload import WorkloadRequest

_WEBHOOK_ROUTE: Final = "POST /webhooks/{source}"

_MAX_ATTEMPTS: Final = 8
_BACKOFF_SECONDS: Final = (0.2, 40.0)


@dataclass(slots=True)
class PostAttempt:
    """One sending of a request. `status` is 0 while nobody knows; `answer` is what the function returned, whether it
    arrived or not."""

    request: WorkloadRequest
    request_id: str
    dry: bool
    status: int = 0
    answer: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Sending:
    request: WorkloadRequest
    due: float = 0.0
    count: int = 0
    under_way: int = 0
    answered: bool = False


class Producers(SimulatedService):
    """All clients of POST /events, and senders of webhooks. `attempts` is everything that was ever sent."""

    def __init__(self, requests: Sequence[WorkloadRequest], context: ServiceContext) -> None:
        super().__init__(context)
        self._sendings = [_Sending(it) for it in requests]
        self.attempts: list[PostAttempt] = []

    def can_start(self) -> bool:
        return bool(self._ready())

    def wake(self) -> float | None:
        """When something can be sent again."""
        if sum(it.under_way for it in self._sendings) >= self._conditions.clients:
            return None
        return min((it.due for it in self._sendings if self._wants(it)), default=None)

    def rest(self) -> bool:
        """Whether no request is under way."""
        return not any(it.under_way for it in self._sendings)

    def start(self) -> None:
        """Send one request."""
        ready = self._ready()
        sending = ready[self._rng.randrange(len(ready))]
        sending.count += 1
        sending.under_way += 1
        attempt = PostAttempt(sending.request, f"request-{sending.request.number}-{len(self.attempts) + 1}", self.dry)
        self.attempts.append(attempt)
        text, is_base64 = sending.request.body()
        event = {
            "routeKey": _WEBHOOK_ROUTE if sending.request.is_webhook else "POST /events",
            "pathParameters": {"source": WEBHOOK_SOURCE} if sending.request.is_webhook else None,
            "requestContext": {"requestId": attempt.request_id},
            "headers": sending.request.headers(),
            "body": text,
            "isBase64Encoded": is_base64,
        }
        function = "webhook" if sending.request.is_webhook else "ingest"
        self._deployment.invoke(function, event, lambda task: self._ended(sending, attempt, task), dry=self.dry)
        # One that hangs up and sends again does not wait for the first to end.
        hangs_up = self._rng.random() < self._conditions.impatience
        sending.due = self._now + (self._backoff() if hangs_up else 1e9)

    def _ready(self) -> list[_Sending]:
        if sum(it.under_way for it in self._sendings) >= self._conditions.clients:
            return []
        now = self._now
        return [it for it in self._sendings if self._wants(it) and it.due <= now]

    def _wants(self, sending: _Sending) -> bool:
        return not sending.answered and sending.count < _MAX_ATTEMPTS

    def _ended(self, sending: _Sending, attempt: PostAttempt, task: Task) -> None:
        sending.under_way -= 1
        attempt.status = task.value["statusCode"] if task.value else 500
        if task.value:
            attempt.answer = json.loads(task.value["body"])
        arrives = self._rng.random() >= self._conditions.lost_answers
        if attempt.status < 500 and arrives and not attempt.dry:
            sending.answered = True
        if attempt.dry:
            sending.count -= 1  # a dry run is no answer, however often it is asked
        sending.due = self._now + self._backoff()

    def _backoff(self) -> float:
        return self._rng.uniform(*_BACKOFF_SECONDS)
