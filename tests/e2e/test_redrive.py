"""A redrive on the real template: messages that failed for a reason that was fixed go through, and are counted once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from botocore.credentials import Credentials

from pik_cli.shell.api import HttpApi, signature
from scripts.local.engine import ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY
from tests.e2e.conftest import running
from tests.e2e.pipeline import EnginePipeline, eventually, order

DAY = "2026-11-20"
OVER = ("COMPLETE", "STOPPED", "FAILED", "CANCELLED")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePipeline]:
    """One of our own: its dead letters are taken away."""
    with running(tmp_path_factory.mktemp("redrive")) as own:
        yield own


def call(pipeline: EnginePipeline, method: str, path: str, body: Any = None) -> httpx.Response:
    """A request with an operator's signature."""
    sign = signature(Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY), REGION)
    content = json.dumps(body).encode() if body is not None else b""
    return HttpApi(pipeline.deployed.api_url, pipeline.http, sign).call(
        method, path, content, {"content-type": "application/json"}
    )


def buried(pipeline: EnginePipeline, entity: str, count: int) -> list[str]:
    """Event ids of orders over the limit, once they are in the dead-letter queue."""
    before = pipeline.counts().dead
    answers = [pipeline.post(order(entity, number, amount=2_500_000)).json() for number in range(count)]
    eventually(lambda: pipeline.counts().dead == before + count, "the orders are in WorkDeadLetterQueue")
    return [it["event_id"] for it in answers]


def finished(pipeline: EnginePipeline, run_id: str) -> dict[str, Any]:
    """A run, once it is over."""

    def over() -> dict[str, Any] | None:
        shown: dict[str, Any] = call(pipeline, "GET", f"/redrive/{run_id}").json()
        return shown if shown["status"] in OVER else None

    return eventually(over, f"{run_id} is over")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "preview"), ("POST", "start"), ("GET", "rdr-20261120T101530Z-0a1b2c3d"), ("POST", "cancel")],
)
def test_without_a_signature_nobody_redrives(pipeline: EnginePipeline, method: str, path: str) -> None:
    answer = pipeline.http.request(method, f"{pipeline.deployed.api_url}/redrive/{path}")
    assert answer.status_code in {401, 403}


def test_what_a_preview_showed_is_mended_and_redriven_once(pipeline: EnginePipeline) -> None:
    events = buried(pipeline, "mended", 3)
    preview = call(pipeline, "GET", "/redrive/preview?entity_id=mended").json()
    assert (preview["matched"], preview["complete"]) == (3, True), preview
    assert [it["category"] for it in preview["groups"]] == ["PROCESSING"]
    assert {it["event_id"] for it in preview["samples"]} == set(events)

    body = {
        "manifest_id": preview["manifest_id"],
        "min_age_seconds": 0,
        "force": True,
        "transform": {"set": {"payload.amount": 5}},
        "canary": {"size": 2, "wait_seconds": 1},
    }
    dry = call(pipeline, "POST", "/redrive/start", body | {"dry_run": True}).json()
    assert dry["would"]["selected"] == 3
    assert [it["after"]["amount"] for it in dry["diffs"]] == [5, 5, 5]
    started = call(pipeline, "POST", "/redrive/start", body)
    assert started.status_code == 202, started.text

    run = finished(pipeline, started.json()["run_id"])

    assert (run["status"], run["totals"]["selected"], run["totals"]["redriven"]) == ("COMPLETE", 3, 3), run
    assert run["requested_by"] != "unknown"
    assert pipeline.version("mended", DAY, 3)["metrics"]["daily_amount_sum"] == {"XXX": "15"}
    assert pipeline.counts().dead == 0
    again = call(pipeline, "POST", "/redrive/cancel", {"run_id": run["run_id"]})
    assert (again.status_code, again.json()["status"]) == (409, "COMPLETE")


def test_what_fails_again_stops_the_run_and_the_others_stay(pipeline: EnginePipeline) -> None:
    buried(pipeline, "broken", 3)
    body = {"entity_id": "broken", "min_age_seconds": 0, "force": True, "canary": {"size": 1, "wait_seconds": 1}}

    run = finished(pipeline, call(pipeline, "POST", "/redrive/start", body).json()["run_id"])

    assert (run["status"], run["stopped"]) == ("STOPPED", "too_many_failing"), run
    assert (run["totals"]["redriven"], run["totals"]["skipped"]) == (1, {"stopped": 2})
    eventually(lambda: pipeline.counts().dead == 3, "all are in WorkDeadLetterQueue again")
