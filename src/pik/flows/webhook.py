"""POST /webhooks/{source}: check the signature, find the event's members, and hand it to the intake of all events.

A request without a right signature is answered 401 and leaves nothing behind. What a sender with a right signature sent
is treated as at POST /events: accepted, or kept under `rejected/` with the reasons.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pik.adapters.secrets import CachedSecrets, ManagedSecrets, ParameterSecrets, SecretStore
from pik.adapters.sns import FetchUrl, HttpsClient, NotFetched, SnsCertificates
from pik.domain.http.front_door import HttpCall
from pik.domain.http.requests import RequestBody, body_bytes
from pik.domain.http.responses import Response, response
from pik.domain.shared import times
from pik.domain.shared.problems import InvalidEvent, Problem
from pik.domain.webhook import sns
from pik.domain.webhook.mapping import as_event, challenge_of, read_body, view_of
from pik.domain.webhook.signatures import SignedRequest, UnusableSecret, refused
from pik.domain.webhook.source import WebhookSource, read_sources
from pik.flows.ingest import EventIntake
from pik.flows.invocation import InvocationContext
from pik.flows.router import Router
from pik.observability import WEBHOOKS_REFUSED, MetricUnit, logger, metrics
from pik.settings import WebhookSettings
from pik.webhooks import load_webhooks

if TYPE_CHECKING:
    from pik.adapters.client.clients import Clients

_ROUTE: Final = "POST /webhooks/{source}"
_SECRETS_MANAGER: Final = "SECRETS_MANAGER"  # of the parameter WebhookSecretStore


class WebhookFlow:
    """One request at a time; everything that it needs from outside is passed in. `clock` counts seconds; `fetch` gets
    what SNS serves. Raises BadSource for a list of sources that cannot be served."""

    def __init__(
        self,
        settings: WebhookSettings,
        clients: Clients,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        fetch: FetchUrl | None = None,
    ) -> None:
        self._sources = read_sources(load_webhooks(), settings.webhook_sources, settings.webhook_topics)
        self._dry_run = settings.dry_run
        self._intake = EventIntake(settings, clients, sleep)
        self._secrets = CachedSecrets(_store(settings, clients), clock)
        self._fetch = fetch or HttpsClient()
        self._certificates = SnsCertificates(self._fetch, clock)
        self._router = Router({_ROUTE: self._post}, now)

    def __call__(self, event: Mapping[str, Any], context: InvocationContext) -> Response:
        return self._router(event, context)

    def _post(self, call: HttpCall, context: InvocationContext) -> Response:
        name = call.path.get("source", "")
        source = self._sources.get(name)
        if source is None:
            raise InvalidEvent([Problem("path:source", "unknown_webhook", {"given": name})], 404)
        try:
            return self._take_signed(source, call) if source.signature.needs_secret else self._take_sns(source, call)
        except InvalidEvent as error:
            self._observe_refusal(source, call, error)
            raise
        except UnusableSecret as error:
            create = self._secrets.name_of(name)
            logger.error("webhooks are answered 503 until their source has a secret", source=name, create=create)
            raise UnusableSecret(f"source {name}: {error}; create {create}") from None

    def _take_signed(self, source: WebhookSource, call: HttpCall) -> Response:
        self._check_signature(source, call)
        try:
            request = read_body(call.headers, _body_of(call))
        except InvalidEvent as error:
            return self._intake.refuse(call, error)
        return self._take(source, call, request)

    def _take(self, source: WebhookSource, call: HttpCall, request: RequestBody) -> Response:
        """Store the event of a request whose signature is right."""
        try:
            view = view_of(source, dict(call.headers), request.parts[0].value)
            challenge = challenge_of(source, view)
            if challenge is not None:
                logger.info("webhook challenge answered", source=source.name, request_id=call.request_id)
                return response(200, {"challenge": challenge})
            event = as_event(source, request, view)
        except InvalidEvent as error:
            return self._intake.refuse(call, error)
        return self._intake.accept(call, event)

    def _check_signature(self, source: WebhookSource, call: HttpCall) -> None:
        """Raises InvalidEvent (401), UnusableSecret, ClientError."""
        request = SignedRequest(call.headers, call.query, _body_of(call), times.epoch_seconds(call.received_at))
        secrets = self._secrets.get(source.name)
        if not secrets:
            raise UnusableSecret("no secret")
        if source.signature.check(request, secrets):
            return
        rotated = self._secrets.refreshed(source.name)
        if not rotated or not source.signature.check(request, rotated):
            raise refused("bad_signature", "body", source=source.name)

    def _observe_refusal(self, source: WebhookSource, call: HttpCall, error: InvalidEvent) -> None:
        codes = [problem.code for problem in error.problems]
        logger.warning("webhook refused", source=source.name, codes=codes, request_id=call.request_id)
        if not self._dry_run:
            metrics.add_metric(WEBHOOKS_REFUSED, MetricUnit.Count, 1)
            metrics.flush_metrics()

    def _take_sns(self, source: WebhookSource, call: HttpCall) -> Response:
        """Take a notification of SNS, or do what another of its messages requests."""
        request = read_body(call.headers, _body_of(call))
        message = sns.read_message(source, request.parts[0].value, times.epoch_seconds(call.received_at))
        certificate = self._certificates.get(message.certificate_url)
        arrived = times.to_datetime(call.received_at)
        if certificate is None or not sns.is_signed_by(message, certificate, arrived):
            raise refused("bad_signature", "/Signature", source=source.name)
        if message.kind == sns.NOTIFICATION:
            return self._take(source, call, request)
        if message.kind == sns.CONFIRMATION and not self._dry_run and self._fetch(message.subscribe_url) is None:
            raise NotFetched("SNS refused the confirmation; subscribe to the topic again")
        status = "CONFIRMED" if message.kind == sns.CONFIRMATION else "UNSUBSCRIBED"
        # A topic that has been unsubscribed sends nothing more, which somebody may not have meant.
        logger.warning("webhook subscription changed", source=source.name, topic=message.topic, status=status)
        answer = {"status": status, "topic": message.topic}
        return response(200, answer | {"dry_run": True} if self._dry_run else answer)


def _body_of(call: HttpCall) -> bytes:
    """The body as it arrived, which is what was signed. Raises InvalidEvent for broken base64."""
    return body_bytes(call.raw_body, call.is_base64)


def _store(settings: WebhookSettings, clients: Clients) -> SecretStore:
    if settings.webhook_secret_store == _SECRETS_MANAGER:
        return ManagedSecrets(clients.secretsmanager, settings.webhook_secret_prefix)
    return ParameterSecrets(clients.ssm, settings.webhook_secret_prefix)
