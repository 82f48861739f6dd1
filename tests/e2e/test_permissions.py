"""Roles are enforced on the local engine: what the template does not grant does not work."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import pytest

from scripts.local.deploy import STACK_NAME
from tests.e2e.conftest import running
from tests.e2e.pipeline import EnginePipeline, eventually, order


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePipeline]:
    """One of our own: what the publisher could not send stays behind here."""
    with running(tmp_path_factory.mktemp("permissions")) as own:
        yield own


@contextmanager
def without(pipeline: EnginePipeline, role_id: str, sid: str) -> Iterator[None]:
    """Take one statement from a role of the stack, and give it back."""
    iam = pipeline.aws.session.client("iam", endpoint_url=pipeline.engine.endpoint)
    detail = pipeline.aws.cloudformation.describe_stack_resource(StackName=STACK_NAME, LogicalResourceId=role_id)
    role = detail["StackResourceDetail"]["PhysicalResourceId"]
    [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    granted: Any = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    document = json.loads(unquote(granted)) if isinstance(granted, str) else granted
    fewer = {**document, "Statement": [it for it in document["Statement"] if it["Sid"] != sid]}
    assert len(fewer["Statement"]) == len(document["Statement"]) - 1
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(fewer))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def test_without_the_right_to_add_rows_ingest_fails_and_recovers_with_it(pipeline: EnginePipeline) -> None:
    with without(pipeline, "IngestRole", "AddRows"):
        refused = pipeline.post(order("no-rows"))
    assert refused.status_code >= 500
    assert pipeline.rows("no-rows") == []

    accepted = pipeline.post(order("no-rows"))

    assert (accepted.status_code, accepted.json()["status"]) == (202, "ACCEPTED")
    pipeline.version("no-rows", "2026-11-20", 1)


def test_without_the_right_to_send_the_publisher_is_refused_and_the_row_remains(pipeline: EnginePipeline) -> None:
    def complaint() -> bool:
        events = pipeline.aws.logs.filter_log_events(logGroupName=pipeline.output("PublisherLogGroupName"))["events"]
        return any("AccessDenied" in it["message"] for it in events)

    with without(pipeline, "PublisherRole", "SendWork"):
        assert pipeline.post(order("no-send")).status_code == 202
        eventually(complaint, "the publisher is refused")
        assert pipeline.versions("no-send", "2026-11-20") == []

    # AWS would deliver the record again; the engine skips what a function reports as failed. The row is what remains.
    assert [row["status"] for row in pipeline.rows("no-send")] == ["ACCEPTED"]
