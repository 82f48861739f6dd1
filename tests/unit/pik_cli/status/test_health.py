"""`pik health`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.api_server import ApiServer
from tests.support.command_line import Pik, write_state


def test_health_shows_status_version_and_switches(api: ApiServer, pik: Pik) -> None:
    result = pik("health")
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines() if line]
    assert ["API", api.url] in rows
    assert ["status", "ok"] in rows
    assert ["environment", "test"] in rows
    assert ["dry_run", "false"] in rows
    assert ["ingest_auth", "NONE"] in rows


def test_health_as_json_is_the_apis_own_word(api: ApiServer, pik: Pik) -> None:
    told = json.loads(pik("-o", "json", "health").stdout)
    assert (told["url"], told["http_status"], told["problem"]) == (f"{api.url}/health", 200, None)
    assert told["health"]["service"] == "pipeline-investigation-kit"
    assert told["health"]["switches"]["default_event_type"] == "order"


def test_an_api_that_is_not_well_is_exit_status_1(api: ApiServer, pik: Pik) -> None:
    api.health_status = 503
    result = pik("health")
    assert result.exit_code == 1
    assert "GET /health answered 503" in result.stdout
    told = json.loads(pik("health", "-o", "json").stdout)
    assert told["http_status"] == 503
    assert told["problem"].startswith("GET /health answered 503")


def test_a_warning_of_the_api_is_shown(pik: Pik, machine: Path) -> None:
    with ApiServer(default_event_type="invoice").running() as api:
        write_state(machine, api.url)
        result = pik("health")
    assert result.exit_code == 0
    assert 'DefaultEventType "invoice" has no schema' in result.stdout


def test_an_api_that_wants_a_signature_gets_one(api: ApiServer, pik: Pik) -> None:
    api.health_wants_signature = True
    assert pik("health").exit_code == 0


def test_an_api_that_does_not_answer_is_exit_status_3(pik: Pik, machine: Path) -> None:
    write_state(machine, "http://127.0.0.1:9")
    result = pik("health")
    assert result.exit_code == 3
    assert "http://127.0.0.1:9/health does not answer" in result.stderr
