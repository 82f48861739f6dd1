"""The clients as the functions have them: right service, bounded waiting, our name."""

from __future__ import annotations

import pytest

from pik.adapters.client.clients import MAX_CONNECTIONS, SERVICES, Clients


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Clients:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return Clients()


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
    assert config.user_agent.startswith("pipeline-investigation-kit ")


def test_another_endpoint_is_taken_from_the_environment(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert clients.sqs.meta.endpoint_url == "http://127.0.0.1:4566"
