"""The switches of the template: what they stop, and that nothing is lost while they are off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.local.deploy import LOCAL_PARAMETERS
from tests.e2e.conftest import running
from tests.e2e.pipeline import NDJSON, command_for, eventually, ndjson, order, switch


def test_with_the_processor_switched_off_events_wait_and_none_is_lost(tmp_path: Path) -> None:
    with running(tmp_path, {**LOCAL_PARAMETERS, "EnableProcessor": "false"}) as pipeline:
        events = [order(f"waiting-{number % 3}", number) for number in range(25)]
        answer = pipeline.post(ndjson(events), NDJSON)
        assert answer.status_code == 202

        eventually(lambda: pipeline.counts().waiting == 25, "all messages wait in WorkQueue")
        assert pipeline.counts().applied == 0
        assert pipeline.http.get(f"{pipeline.deployed.api_url}/health").json()["switches"]["enable_processor"] is False

        switch(pipeline, EnableProcessor="true")

        counts = pipeline.drained()
        assert (counts.accepted, counts.applied, counts.dead) == (25, 25, 0)


def test_a_dry_run_answers_and_writes_nothing(tmp_path: Path) -> None:
    with running(tmp_path, {**LOCAL_PARAMETERS, "DryRun": "true"}) as pipeline:
        answer = pipeline.post(order("dry"))

        assert answer.status_code == 202
        assert answer.json()["dry_run"] is True
        counts = pipeline.counts()
        assert (counts.received, counts.waiting, counts.applied) == (0, 0, 0)
        assert "Contents" not in pipeline.aws.s3.list_objects_v2(Bucket=pipeline.output("RawBucketName"))


def test_ingest_auth_and_the_cap_change_on_a_stack_that_runs(tmp_path: Path) -> None:
    with running(tmp_path, {**LOCAL_PARAMETERS, "ProcessorMaxConcurrency": "3"}) as pipeline:
        functions = pipeline.aws.session.client("lambda", endpoint_url=pipeline.aws.endpoint)
        mapping = pipeline.output("ProcessorQueueMappingId")

        def cap() -> int | None:
            found = functions.get_event_source_mapping(UUID=mapping).get("ScalingConfig") or {}
            return found.get("MaximumConcurrency")

        assert pipeline.post(order("open")).status_code == 202
        assert cap() == 3

        token = {"IngestAuth": "JWT", "JwtIssuer": "https://id.example.com/", "JwtAudience": "kit"}
        switch(pipeline, **token, ProcessorMaxConcurrency="0")
        assert pipeline.post(order("without a token")).status_code == 401
        assert cap() is None

        switch(pipeline, ProcessorMaxConcurrency="3")
        assert pipeline.post(order("open again")).status_code == 202
        assert cap() == 3


def test_the_command_pauses_and_resumes_through_the_stack_and_events_wait_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(tmp_path) as pipeline:
        pik = command_for(pipeline, tmp_path, monkeypatch)

        assert pik("processor", "pause", "--yes", "--reason", "downstream is down").exit_code == 0
        pipeline.post(ndjson([order("paused", number) for number in range(5)]), NDJSON)
        eventually(lambda: pipeline.counts().waiting == 5, "all messages wait in WorkQueue")
        health = pipeline.http.get(f"{pipeline.deployed.api_url}/health").json()
        assert health["switches"]["enable_processor"] is False
        shown = json.loads(pik("processor", "status", "-o", "json").stdout)
        assert (shown["running"], shown["waiting"], shown["last"]["reason"]) == (False, 5, "downstream is down")

        assert pik("processor", "resume", "--yes").exit_code == 0
        assert (pipeline.drained().applied, pik("status").exit_code) == (5, 0)


def test_a_timed_pause_ends_without_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pik_cli.processor.command.CLI_MIN_TIMED_SWITCH_SECONDS", 1)
    with running(tmp_path) as pipeline:
        pik = command_for(pipeline, tmp_path, monkeypatch)

        assert pik("processor", "pause", "--for", "6s", "--yes").exit_code == 0
        pipeline.post(order("timed"))
        shown = json.loads(pik("processor", "status", "-o", "json").stdout)
        assert (shown["running"], shown["enable_processor"], shown["schedule"]["action"]) == (False, True, "resume")

        assert pipeline.drained().applied == 1
        shown = json.loads(pik("processor", "status", "-o", "json").stdout)
        assert (shown["running"], shown["schedule"], shown["finding"]) == (True, None, None)
