"""Taking a request in: what was refused while it was read keeps its reasons, its place and its language."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pik.domain.event.intake import take_in
from pik.domain.http.requests import split
from pik.domain.http.validation import SchemaRegistry
from pik.schemas import load_schemas

SCHEMAS = SchemaRegistry(load_schemas(), allow_unknown=False)
ORDER: dict[str, Any] = {"orderId": "order-1", "amount": 1}


def taken_in(*lines: str) -> Any:
    request = split("\n".join(lines).encode(), {"content-type": "application/x-ndjson"})
    return take_in(request, SCHEMAS, "order", "2026-11-20T12:00:00.000000Z", "request-1")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('{"orderId":', "malformed_json"),
        ('{"orderId": "a", "orderId": "b"}', "duplicate_member"),
        ('{"orderId": "a", "amount": NaN}', "not_a_number"),
        ("[" * 200 + "]" * 200, "too_deep"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_for_that_and_alone(line: str, code: str) -> None:
    taken, refused = taken_in(json.dumps(ORDER), line)
    assert [part.index for part in taken] == [0]
    assert [(part.index, [problem.code for problem in part.problems]) for part in refused] == [(1, [code])]


def test_a_refusal_is_in_the_language_of_its_event() -> None:
    event = {"source": "shop", "event_type": "order", "payload": {"preferredLanguage": "ja"}}
    _, refused = taken_in(json.dumps(ORDER), json.dumps(event), json.dumps({"amount": 1, "preferredLanguage": "ja"}))
    assert [part.language for part in refused] == ["ja", "ja"]
