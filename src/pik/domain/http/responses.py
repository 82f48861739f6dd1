"""HTTP responses as API Gateway takes them of a function (payload format 2.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pik.domain.http import answers
from pik.domain.http.answers import Json
from pik.domain.shared.problems import Problem

Response = dict[str, Any]


def dump(body: Any) -> str:
    """JSON for people and programs: every script in its own letters."""
    return json.dumps(body, ensure_ascii=False)


def response(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON body under a status."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json; charset=utf-8", **(headers or {})},
        "body": dump(body),
    }


def unavailable(accept_language: str | None, beside: Json | None = None) -> Response:
    """503: nothing is wrong with the request, and it may be sent again in a second."""
    error = answers.error([Problem("body", "unavailable")], accept_language)
    return response(503, {"error": error, **(beside or {})}, {"retry-after": "1"})
