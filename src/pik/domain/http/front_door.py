"""An HTTP call as API Gateway hands it over (payload format 2.0), taken apart once for all functions behind the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pik.domain.http.answers import error
from pik.domain.http.encodings import codings, unpack, unpacked_text
from pik.domain.http.messages import Language, pick_language
from pik.domain.http.requests import JSON, body_bytes, media_type, unsupported
from pik.domain.http.responses import Response, response
from pik.domain.http.strict_json import parse_json
from pik.domain.shared.problems import InvalidEvent, Problem


def requester(request_context: Mapping[str, Any]) -> str:
    """Who sent the request, as API Gateway's IAM authorization says it."""
    iam = (request_context.get("authorizer") or {}).get("iam") or {}
    return str(iam.get("userArn") or iam.get("callerId") or "unknown")


@dataclass(frozen=True)
class HttpCall:
    """One call. `headers` have lower-case names; `received_at` is a normalized time."""

    route: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    path: Mapping[str, str]
    request_id: str
    requested_by: str
    received_at: str
    raw_body: str | None
    is_base64: bool

    @classmethod
    def of(cls, event: Mapping[str, Any], received_at: str) -> HttpCall:
        """The call in Lambda's event."""
        request_context = event.get("requestContext") or {}
        return cls(
            route=str(event["routeKey"]),
            headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
            query=event.get("queryStringParameters") or {},
            path=event.get("pathParameters") or {},
            request_id=str(request_context.get("requestId", "")),
            requested_by=requester(request_context),
            received_at=received_at,
            raw_body=event.get("body"),
            is_base64=bool(event.get("isBase64Encoded", False)),
        )

    @property
    def accept_language(self) -> str | None:
        """What the caller's Accept-Language header says."""
        return self.headers.get("accept-language")

    @property
    def language(self) -> Language:
        """The language to answer in."""
        return pick_language(self.accept_language, None)

    @cached_property
    def codings(self) -> tuple[str, ...]:
        """The content codings of the body as sent. Raises InvalidEvent (status 415)."""
        return codings(self.headers.get("content-encoding"))

    @cached_property
    def body(self) -> bytes:
        """The body without its content codings. Raises InvalidEvent for one that claims to be base64 or compressed and
        is not."""
        if self.is_base64:
            return unpack(body_bytes(self.raw_body, is_base64=True), self.codings)
        return body_bytes(unpacked_text(self.raw_body or "", self.codings), is_base64=False)

    @property
    def body_as_sent(self) -> bytes:
        """The bytes to keep of a refused body: as `body`; where that cannot be had as they arrived; or the text itself
        where that is not base64."""
        try:
            return self.body
        except InvalidEvent:
            pass
        try:
            return body_bytes(self.raw_body, self.is_base64)
        except InvalidEvent:
            return (self.raw_body or "").encode("utf-8", "surrogatepass")

    @cached_property
    def media_type(self) -> str:
        """The supported media type of the body. Raises InvalidEvent (status 415)."""
        return media_type(self.headers)

    def read_json(self) -> Any:
        """The parsed body of a request for one JSON value, an empty object for none. Raises InvalidEvent."""
        data = self.body
        if self.media_type != JSON:
            raise unsupported("header:content-type", self.media_type, JSON)
        return parse_json(data) if data.strip() else {}


def refusal(call: HttpCall, refused: InvalidEvent) -> Response:
    """The answer to a request that cannot be carried out, with every problem in the caller's language."""
    return response(refused.status, {"error": error(refused.problems, call.accept_language)})


def unknown_route(call: HttpCall) -> InvalidEvent:
    """What a call of a route that no function serves is refused with: 404."""
    return InvalidEvent([Problem("body", "unknown_route", {"given": call.route})], 404)
