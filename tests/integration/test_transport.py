"""Bodies as clients, proxies and API Gateway deliver them: compressed, marked or in lines, and counted all the same."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest

from pik.adapters.dynamodb.items import from_item
from pik.domain.event.work import work_of_row
from pik.domain.shared.limits import MAX_BODY_BYTES
from tests.support.aws.account import FakeAws
from tests.support.ingest_api import JSON, NDJSON, IngestApi
from tests.support.pipeline import Pipeline

BOM = b"\xef\xbb\xbf"
ORDER = b'{"orderId":"gz-1","amount":1}'
LINES = b'{"orderId":"l-1","amount":1}\r\n\r\n{"orderId":"l-2","amount":2}\r\n'


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(FakeAws())


@pytest.fixture
def api(pipeline: Pipeline) -> IngestApi:
    return IngestApi(pipeline.aws, pipeline.names)


def totals(pipeline: Pipeline) -> dict[str, str]:
    """The sums of all entities, after the processor has read every row's bytes."""
    items = pipeline.aws.dynamodb.scan(TableName=pipeline.names.events_table)["Items"]
    assert pipeline.process(*(work_of_row(from_item(it)) for it in items)) == []
    return {row["PK"].removeprefix("ENTITY#"): row["metrics"]["daily_amount_sum"]["XXX"] for row in pipeline.rows()}


def code(answer: tuple[int, dict[str, Any]]) -> tuple[int, str, str]:
    status, body = answer
    return status, body["error"]["details"][0]["path"], body["error"]["code"]


@pytest.mark.parametrize("headers", [JSON, NDJSON, {"content-type": "application/cloudevents+json"}])
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(ORDER, mtime=0)),
        ("GZIP", gzip.compress(ORDER[:9], mtime=0) + gzip.compress(ORDER[9:], mtime=0)),
        ("deflate", zlib.compress(ORDER)),
        ("deflate, gzip", gzip.compress(zlib.compress(ORDER), mtime=0)),
        ("identity", ORDER),
        ("utf-8", ORDER),
        ("", ORDER),
    ],
)
def test_a_compressed_order_is_kept_unpacked_and_counted(
    pipeline: Pipeline, api: IngestApi, headers: dict[str, str], encoding: str, body: bytes
) -> None:
    status, answer = api.post_bytes(body, headers | {"Content-Encoding": encoding})
    assert status == 202
    key = api.keys("raw/")[0]
    assert api.bytes_of(key) == ORDER
    metadata = pipeline.aws.s3.head_object(Bucket=api.names.raw_bucket, Key=key)["Metadata"]
    assert metadata.get("original-encoding", "") == ("" if body == ORDER else encoding.lower().replace(" ", ""))
    assert totals(pipeline) == {"gz-1": "1"}
    assert api.post_bytes(ORDER, JSON)[1]["status"] == "DUPLICATE"
    assert answer


def test_many_compressed_lines_are_found_at_their_places_in_the_unpacked_body(
    pipeline: Pipeline, api: IngestApi
) -> None:
    lines = b"\n".join(b'{"orderId":"o-%d","amount":%d}' % (n, n) for n in range(200))
    assert api.post_bytes(gzip.compress(lines, mtime=0), NDJSON | {"content-encoding": "gzip"})[0] == 202
    assert totals(pipeline) == {f"o-{n}": str(n) for n in range(200)}


def test_a_bomb_is_413_and_kept_as_it_came(api: IngestApi) -> None:
    bomb = gzip.compress(bytes(MAX_BODY_BYTES + 1))
    answer = api.post_bytes(bomb, JSON | {"content-encoding": "gzip"})
    assert code(answer) == (413, "body", "unpacked_too_large")
    kept = json.loads(api.bytes_of(answer[1]["s3_key"]))
    assert base64.b64decode(kept["rejected"][0]["body_base64"]) == bomb


@pytest.mark.parametrize(
    "body", [gzip.compress(ORDER, mtime=0)[:-4], gzip.compress(ORDER, mtime=0) + b"more", ORDER, zlib.compress(ORDER)]
)
def test_a_damaged_body_is_400_and_kept_as_it_came(api: IngestApi, body: bytes) -> None:
    answer = api.post_bytes(body, JSON | {"content-encoding": "gzip"})
    assert code(answer) == (400, "body", "broken_encoding")
    kept = json.loads(api.bytes_of(answer[1]["s3_key"]))["rejected"][0]
    assert kept.get("body", "").encode() == body or base64.b64decode(kept.get("body_base64", "")) == body


def test_the_refusal_of_an_encoding_names_the_encoding(api: IngestApi) -> None:
    answer = api.post_bytes(b"x", JSON | {"content-encoding": "br"})
    assert code(answer) == (415, "header:content-encoding", "unsupported_encoding")
    message = answer[1]["error"]["message"]
    assert "content encoding" in message
    assert "content type" not in message


def test_a_body_that_the_gateway_unpacked_is_what_it_is(pipeline: Pipeline, api: IngestApi) -> None:
    assert api.post(ORDER.decode(), JSON | {"content-encoding": "gzip"})[0] == 202
    assert totals(pipeline) == {"gz-1": "1"}


def test_a_body_that_the_gateway_took_for_text_is_refused_with_the_way_out(api: IngestApi) -> None:
    answer = api.post(gzip.compress(ORDER, mtime=0).decode("utf-8", "replace"), JSON | {"content-encoding": "gzip"})
    assert code(answer) == (400, "header:content-encoding", "damaged_encoding")
    assert "application/x-ndjson" in answer[1]["error"]["message"]


@pytest.mark.parametrize(
    ("body", "headers"), [(BOM + LINES, NDJSON), (BOM + b"[" + LINES.replace(b"\r\n\r\n", b",") + b"]", JSON)]
)
def test_a_byte_order_mark_and_windows_line_ends_cost_no_event(
    pipeline: Pipeline, api: IngestApi, body: bytes, headers: dict[str, str]
) -> None:
    status, answer = api.post_bytes(body, headers)
    assert (status, answer["accepted"]) == (202, 2)
    assert totals(pipeline) == {"l-1": "1", "l-2": "2"}
    assert api.bytes_of(api.keys("raw/")[0]) == body


@pytest.mark.parametrize("body", [LINES, BOM + LINES, LINES.replace(b"\r", b"")])
def test_ndjson_under_the_name_of_json_is_refused_with_its_own_name(api: IngestApi, body: bytes) -> None:
    answer = api.post_bytes(body, JSON)
    assert code(answer) == (400, "header:content-type", "several_json_texts")
    assert "application/x-ndjson" in answer[1]["error"]["message"]


@pytest.mark.parametrize("more", [{"payload": {"x": 1}}, {"event_type": "gift"}, {"specversion": "3"}])
def test_an_order_with_a_member_of_an_envelopes_name_is_counted(
    pipeline: Pipeline, api: IngestApi, more: dict[str, Any]
) -> None:
    assert api.post({"orderId": "bp-1", "amount": 1} | more)[0] == 202
    assert totals(pipeline) == {"bp-1": "1"}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_fits_no_form_is_answered_with_the_three_forms(api: IngestApi, language: str) -> None:
    webhook = {"type": "contact.created", "timestamp": "2026-11-03T20:26:10Z", "data": {"id": "1"}}
    answer = api.post(webhook, JSON | {"accept-language": language})
    assert code(answer) == (400, "body", "no_envelope")
    for name in ("event_type", "payload", "specversion", "order", "orderId"):
        assert name in answer[1]["error"]["message"]


def test_a_default_type_that_cannot_work_is_a_warning(
    pipeline: Pipeline, api: IngestApi, caplog: pytest.LogCaptureFixture
) -> None:
    assert api.health()[1]["warnings"] == []
    broken = IngestApi(pipeline.aws, pipeline.names, default_event_type="invoice")
    (warning,) = broken.health()[1]["warnings"]
    assert "invoice" in warning
    assert warning.endswith("Deploy with one of: catalog.item, chat.message, heartbeat, order, refund.")
    assert [it.getMessage() for it in caplog.records if it.levelname == "WARNING"] == [warning]
    assert code(broken.post({"orderId": "o", "amount": 1})) == (400, "body", "no_envelope_nor_default")
