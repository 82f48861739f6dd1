"""The clients as the functions have them: right service, bounded waiting, our name; tuned, or botocore's own."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from pik.adapters.client.clients import MAX_CONNECTIONS, SERVICES, Clients
from pik.adapters.dynamodb.aggregate_store import AggregateStore
from pik.adapters.dynamodb.event_reader import EventReader
from pik.adapters.dynamodb.items import to_item
from pik.domain.process.versions import DayKey, plan_version
from pik.domain.replay.request import Partition
from pik.settings import wants_tuned_clients
from tests.support.makers import index_row, make_input, make_work


@pytest.fixture(params=[True, False], ids=["tuned", "plain"])
def clients(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "akid")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return Clients(tuned=request.param)


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_has_its_client_once(clients: Clients, service: str) -> None:
    client = getattr(clients, service)
    assert client.meta.service_model.service_name == service
    host = {"stepfunctions": "states"}.get(service, service)
    assert client.meta.endpoint_url == f"https://{host}.eu-central-1.amazonaws.com"
    assert getattr(clients, service) is client


@pytest.mark.parametrize("service", SERVICES)
def test_a_call_waits_a_bounded_time_and_says_who_makes_it(clients: Clients, service: str) -> None:
    config = getattr(clients, service).meta.config
    assert config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout) <= 30
    assert config.max_pool_connections == MAX_CONNECTIONS
    assert "pipeline-investigation-kit" in f"{config.user_agent} {config.user_agent_extra}"


def test_another_endpoint_is_taken_from_the_environment(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert clients.sqs.meta.endpoint_url == "http://127.0.0.1:4566"


def test_s3_is_the_regions_own_in_us_east_1_too(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    called: list[str] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        called.append(request.url)
        return AWSResponse(request.url, 200, {"content-length": "1"}, CannedBody(b"x"))

    clients.s3.meta.events.register("before-send", answer)
    clients.s3.get_object(Bucket="raw", Key="a")
    assert called == ["https://raw.s3.us-east-1.amazonaws.com/a"]


class CannedBody(io.BytesIO):
    """A body as urllib3 has it."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()


def in_json(value: Any) -> Any:
    return b64encode(value).decode()


def test_a_replays_reader_and_an_aggregates_store_work_on_one_set_of_clients(clients: Clients) -> None:
    """The reader's answers come as sent; the store's versions hold bytes, which must not."""
    key = DayKey("customer-17", "2026-11-20", "LIVE")
    version = plan_version(key, None, [make_input(1)], "2026-11-20T12:00:00.000000Z").version
    row = index_row(make_work({"n": 1}))

    def answer(request: Any, **_: Any) -> AWSResponse:
        asked = json.loads(request.body)
        held = row if asked["TableName"] == "events" else version.row()
        body = json.dumps({"Items": [to_item(held)]}, default=in_json).encode()
        return AWSResponse(request.url, 200, {}, CannedBody(body))

    for client in (clients.dynamodb_as_sent, clients.dynamodb):
        client.meta.events.register("before-send", answer)
    reader = EventReader(clients.dynamodb_as_sent, "events")
    store = AggregateStore(clients.dynamodb, "aggregates")
    for _ in range(2):
        assert store.latest(key) == version
        page = reader.page(Partition("ENTITY#customer-17", indexed=False), "", "TS#", "TS#~", 10)
        assert [found["event_id"] for found in page.rows] == [row["event_id"]]
        assert page.rows[0]["s3_length"] == row["s3_length"]


@pytest.mark.parametrize(
    ("value", "tuned"), [(None, True), ("", True), ("false", True), ("true", False), ("TRUE", False)]
)
def test_one_variable_gives_back_botocores_own_clients(value: str | None, tuned: bool) -> None:
    assert wants_tuned_clients({} if value is None else {"PLAIN_AWS_CLIENTS": value}) is tuned
