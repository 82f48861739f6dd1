"""Where what a producer chose ends up: no header, log line, key, metadata, message attribute or screen obeys it."""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pik.domain.event.rows import raw_key
from pik.domain.process.dead_letters import Reason
from pik.domain.shared.limits import MAX_PATH_CHARS
from pik.observability import logger
from pik_cli.shell.output import Output, OutputForm
from scripts.local.feed import line_of
from scripts.local.session import shown
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import deployed
from tests.support.ingest_api import JSON, IngestApi
from tests.support.schemas import ARRIVAL

HOSTILE = [
    "\x1b[2J\x1b]0;x\x07",
    "a\r\nset-cookie: x",
    "\u202eevil\u2066",
    "[red]x[/red] [link=https://x]y[/]",
    "\x9b31m",
    "\u2028",
    "\x00",
]
SQS_TEXT = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")  # what SQS accepts

texts = st.text(max_size=20) | st.sampled_from(HOSTILE)
members = st.dictionaries(
    st.sampled_from(["source", "event_type", "entity_id", "payload", "idempotency_key", "event_time", "specversion"])
    | texts,
    texts | st.just({"orderId": "o", "amount": 1}),
    max_size=6,
)


def obeyed(text: str) -> set[str]:
    """What a terminal would obey, or not show."""
    return {it for it in text if unicodedata.category(it) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - set("\n\u200c\u200d")


@pytest.fixture(scope="module")
def api() -> IngestApi:
    aws = FakeAws()
    return IngestApi(aws, deployed(aws), allow_unknown_types=True)


def formatted(level: int, message: str, extra: dict[str, Any]) -> str:
    record = logging.LogRecord("pik", level, __file__, 1, message, None, None)
    record.__dict__ |= extra
    return str(logger.registered_formatter.format(record))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=members, header=texts, name=texts)
def test_an_answer_and_what_is_stored_hold_nothing_that_acts(
    api: IngestApi, caplog: pytest.LogCaptureFixture, body: dict[str, Any], header: str, name: str
) -> None:
    caplog.clear()
    headers = JSON | {"ce-note": quote(header, errors="surrogatepass"), "ce-raw": header, "accept-language": header}
    if name:
        headers |= {f"ce-{it}": quote(name, errors="surrogatepass") for it in ("id", "source", "type", "specversion")}
    event = {
        "routeKey": "POST /events",
        "requestContext": {"requestId": name},
        "headers": headers,
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
    answer = api.call(event)
    assert set(answer["headers"]) == {"content-type"}
    assert answer["statusCode"] < 500
    assert obeyed(answer["body"]) == set()
    error = json.loads(answer["body"]).get("error", {"message": ""})
    assert obeyed(error["message"]) == set()
    for record in caplog.records:
        assert (
            obeyed(formatted(record.levelno, record.getMessage(), {"rejections": getattr(record, "rejections", None)}))
            == set()
        )
    for key, stored in api.aws.s3.objects(api.names.raw_bucket).items():
        assert key.isascii()
        assert key.isprintable()
        for text in (*stored.metadata, *stored.metadata.values(), stored.content_type):
            assert text.isascii()
            assert text.isprintable()
        if key.startswith("rejected/"):
            assert obeyed(stored.body.decode()) == set()


@given(texts, texts)
def test_log_fields_and_tracebacks_are_lines_of_visible_json(message: str, value: str) -> None:
    line = formatted(logging.ERROR, message, {"reason": value, value or "x": {value: [value]}})
    assert obeyed(line) == set()
    assert "\n" not in line
    assert json.loads(line)["reason"] == value


@given(texts)
def test_reasons_on_dead_letters_are_what_sqs_accepts(text: str) -> None:
    attributes = Reason(text, text, text, text, text, 1, text, text, text).attributes()
    assert all(value and SQS_TEXT.fullmatch(value) for value in attributes.values())
    assert len(attributes) <= 10


@given(texts.filter(str.strip), texts.filter(str.strip))
def test_object_keys_are_printable_ascii_of_a_bounded_length(source: str, event_type: str) -> None:
    class Named:
        def __init__(self) -> None:
            self.source, self.event_type = (
                source.encode("utf-8", "replace").decode(),
                event_type.encode("utf-8", "replace").decode(),
            )

    key = raw_key([Named()], ARRIVAL, "req-1", "json")  # type: ignore[list-item]
    assert key.isascii()
    assert key.isprintable()
    assert len(key) < 1_024
    assert key.count("/") == 4


@pytest.mark.parametrize("text", HOSTILE)
def test_a_screen_shows_and_does_not_obey(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for output in (Output(), Output(OutputForm.JSON)):
        output.line(text)
        output.note(text)
        output.table(("a",), [(text,)])
        output.document({text: text})
        captured = capsys.readouterr()
        assert obeyed(captured.out + captured.err) == set()
        if text.startswith("["):
            assert captured.out.count(text) >= 3, "markup is text"


@pytest.mark.parametrize("text", HOSTILE)
def test_the_local_feed_shows_and_does_not_obey(text: str) -> None:
    failed = {"detail-type": "event.failed", "detail": {"reason": text}}
    metrics = {"daily_event_count": 1}
    counted = {"entity_id": text, "day": "2026-11-20", "version": 1, "event_ids": ["e"], "metrics": metrics}
    for event in (failed, {"detail-type": "events.processed", "detail": counted}):
        assert obeyed(shown(line_of(event)).plain) == set()


def test_a_place_in_a_message_is_shown_and_stays_exact_in_the_details(api: IngestApi) -> None:
    _, answer = api.post('{"a\\u202e":{"b":1,"b":2}}')
    assert answer["error"]["details"][0]["path"] == "/a\u202e"
    assert obeyed(answer["error"]["message"]) == set()


def test_a_place_with_a_megabyte_of_a_name_is_cut(api: IngestApi) -> None:
    name = "n" * 900_000
    status, answer = api.post(f'{{"{name}":{{"a":1,"a":2}}}}')
    assert status == 400
    assert len(answer["error"]["details"][0]["path"]) == MAX_PATH_CHARS
    assert len(json.dumps(answer)) < 4 * MAX_PATH_CHARS
