"""JMESPath with what unwraps text."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pik.domain.shared.redrive_limits import MAX_JMESPATH_CHARS
from pik.domain.webhook.expressions import BadMapping, Expression


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("body.id", "1"),
        ('headers."x-id"', "h"),
        ("from_json(body.text).amount", 7),
        ("from_json(from_base64(body.data)).a[0]", 1),
        ("from_base64(body.data)", '{"a": [1]}'),
        ("from_json(body.absent)", None),
        ("from_base64(body.absent)", None),
        ("from_json(body.id)", 1),
        ("from_json(body.broken)", None),
        ("from_base64(body.broken)", None),
        ("from_base64(body.bytes)", None),
        ("from_json(body.twice)", None),
        ("from_json(body.number)", None),  # not a text: the function refuses it, and nothing is found
        ("body.absent || 'else'", "else"),
        ("join('/', body.absent)", None),
    ],
)
def test_an_expression_finds_what_is_there_and_nothing_where_it_does_not_fit(text: str, found: Any) -> None:
    body = {
        "id": "1",
        "text": '{"amount": 7}',
        "data": base64.b64encode(b'{"a": [1]}').decode(),
        "bytes": base64.b64encode(b"\xff").decode(),
        "broken": "{",
        "twice": '{"a": 1, "a": 2}',
        "number": 5,
    }
    assert Expression(text).search({"body": body, "headers": {"x-id": "h"}}) == found


@given(st.text())
def test_any_text_is_unwrapped_or_nothing(text: str) -> None:
    for function in ("from_json", "from_base64"):
        Expression(f"{function}(@)").search(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("body.", "is not JMESPath"),
        ("from_jsn(body.id)", "from_jsn"),
        ("from_json(body.id, body.id)", "from_json"),
        ("", "1 to"),
        ("x" * (MAX_JMESPATH_CHARS + 1), "1 to"),
        (None, "1 to"),
        (5, "1 to"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_at_once(text: Any, complaint: str) -> None:
    with pytest.raises(BadMapping, match=complaint):
        Expression(text)
