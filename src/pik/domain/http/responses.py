"""HTTP responses in the form that API Gateway expects from a function (payload format 2.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pik.domain.http import answers
from pik.domain.http.answers import Json
from pik.domain.shared.identity import canonical_json
from pik.domain.shared.problems import Problem
from pik.domain.shared.texts import visible_json

Response = dict[str, Any]


def dump(body: Any) -> str:
    """JSON for people and programs: numbers exactly, text in any script as it is, and only what nobody sees escaped."""
    try:
        text = json.dumps(body, ensure_ascii=False)
    except TypeError:  # a payload with a number that no double holds
        text = canonical_json(body).decode()
    return visible_json(text)


def response(status: int, body: Json, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a status and a JSON body."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json; charset=utf-8", **(headers or {})},
        "body": dump(body),
    }


def unavailable(accept_language: str | None, members: Json | None = None) -> Response:
    """503: the request is not at fault, and may be sent again in a second. `members` are added to the body."""
    error = answers.error([Problem("body", "unavailable")], accept_language)
    return response(503, {"error": error, **(members or {})}, {"retry-after": "1"})
