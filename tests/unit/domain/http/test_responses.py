"""HTTP responses: JSON under a status, and a 503 that says when to come again."""

from __future__ import annotations

import json

from pik.domain.http.responses import response, unavailable


def test_a_body_is_json_in_its_own_letters() -> None:
    assert response(200, {"name": "注文"}, {"x-run": "1"}) == {
        "statusCode": 200,
        "headers": {"content-type": "application/json; charset=utf-8", "x-run": "1"},
        "body": '{"name": "注文"}',
    }


def test_what_is_unavailable_may_be_asked_for_again_in_a_second() -> None:
    told = unavailable("ja", {"run_id": "rpl-1"})
    body = json.loads(told["body"])
    assert (told["statusCode"], told["headers"]["retry-after"]) == (503, "1")
    assert (body["error"]["code"], body["run_id"]) == ("unavailable", "rpl-1")
    assert not body["error"]["message"].isascii()
