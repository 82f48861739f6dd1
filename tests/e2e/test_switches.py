"""The switches of the template: what they stop, and that nothing is lost while they are off."""

from __future__ import annotations

from pathlib import Path

from scripts.local.deploy import LOCAL_PARAMETERS
from tests.e2e.conftest import running
from tests.e2e.pipeline import NDJSON, eventually, ndjson, order, switch


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
