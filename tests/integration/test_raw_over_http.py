"""What is accepted can be read back: raw objects through botocore and a real connection, with its bounds on headers."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from pik.adapters.client.clients import Clients
from pik.adapters.dynamodb.items import from_item
from pik.adapters.s3.raw_store import RawStore
from pik.domain.event.work import work_of_row
from pik.domain.process.versions import Version
from pik.domain.shared.limits import MAX_ATTRIBUTES_BYTES
from pik.flows.ingest import IngestFlow
from pik.settings import IngestSettings
from tests.support.aws.account import FakeAws
from tests.support.pipeline import Pipeline
from tests.support.s3_server import HttpObject, S3Server

ORDER = {"orderId": "o-1", "amount": 5}
MARKS = {"ce-specversion": "1.0", "ce-id": "A-1", "ce-source": "shop", "ce-type": "order", "ce-subject": "customer-17"}
PLAIN_HEADERS = 100  # what Python's HTTP client accepts where nobody has said otherwise


class MixedClients:
    """S3 over HTTP, everything else in memory."""

    def __init__(self, aws: FakeAws, s3: Any) -> None:
        self._aws = aws
        self.s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._aws, name)


@pytest.fixture
def server() -> Iterator[S3Server]:
    with S3Server().running() as running:
        yield running


@pytest.fixture(params=[True, False], ids=["tuned", "plain"])
def clients(
    server: S3Server, fake_aws: FakeAws, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> MixedClients:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return MixedClients(fake_aws, Clients(tuned=request.param).s3)


def post(clients: MixedClients, pipeline: Pipeline, headers: dict[str, str], body: str) -> tuple[int, dict[str, Any]]:
    settings = IngestSettings.from_env(pipeline.names.environment("ingest"))
    ingest = IngestFlow(replace(settings, dry_run=False), clients, now=lambda: datetime(2026, 11, 20, 12, tzinfo=UTC))  # type: ignore[arg-type]
    event = {"routeKey": "POST /events", "requestContext": {"requestId": "r-1"}, "headers": headers, "body": body}
    answer = ingest(event, None)  # type: ignore[arg-type]
    return answer["statusCode"], json.loads(answer["body"])


def test_an_event_with_more_attributes_than_a_client_takes_headers_is_read_back_and_counted(
    clients: MixedClients, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http.client, "_MAXHEADERS", PLAIN_HEADERS)  # any reader's client
    pipeline = Pipeline(clients._aws)
    extensions = {f"ce-x{n}": "" for n in range(120)}
    headers = MARKS | extensions | {"content-type": "application/json", "ce-note": "%1B[31m%E5%BA%97\\ \u202e"}
    status, answer = post(clients, pipeline, headers, json.dumps(ORDER))
    assert (status, answer["status"]) == (202, "ACCEPTED")
    stored = server.objects[f"{answer['s3_bucket']}/{answer['s3_key']}"]
    assert sorted(stored.metadata) == ["attributes", "received-at", "request-id"]
    attributes = json.loads(stored.metadata["attributes"])
    assert len(attributes) == len(MARKS) + len(extensions) + 2
    assert (attributes["note"], attributes["datacontenttype"]) == ("\x1b[31m店\\ \u202e", "application/json")
    (row,) = clients._aws.dynamodb.scan(TableName=pipeline.names.events_table)["Items"]
    assert pipeline.process(work_of_row(from_item(row)), processor=pipeline.new_processor(clients)) == []
    assert [it.metrics["daily_amount_sum"] for it in map(Version.of, pipeline.rows())] == [{"XXX": "5"}]


def test_attributes_that_fill_the_bound_fit_s3_and_more_are_refused_at_their_header(
    clients: MixedClients, server: S3Server
) -> None:
    pipeline = Pipeline(clients._aws)
    headers = MARKS | {"content-type": "application/json", "ce-long": "x" * MAX_ATTRIBUTES_BYTES}
    status, answer = post(clients, pipeline, headers, json.dumps(ORDER))
    assert (status, answer["error"]["code"]) == (400, "attributes_too_large")
    assert answer["error"]["details"][0]["path"] == "header:ce-long"
    assert [name for name in server.objects if "/raw/" in name] == []
    assert [name for name in server.objects if "/rejected/" in name] == [f"{answer['s3_bucket']}/{answer['s3_key']}"]


def test_an_object_of_an_earlier_version_with_an_entry_per_attribute_is_still_read(
    clients: MixedClients, server: S3Server
) -> None:
    metadata = {f"ce-{n:x}": "" for n in range(390)}  # 2 KB
    server.objects["raw-bucket/raw/a"] = HttpObject(b"0123456789", metadata=metadata)
    assert RawStore(clients.s3, "raw-bucket").read("raw/a", 2, 3) == b"234"


def test_an_event_without_bytes_needs_no_request(clients: MixedClients) -> None:
    assert RawStore(clients.s3, "no-such-bucket").read("raw/a.bin", 0, 0) == b""
