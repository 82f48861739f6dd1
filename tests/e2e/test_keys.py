"""Encryption with the stack's key, switched on, off and on again while events arrive; and what the template refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.local.deploy import LOCAL_PARAMETERS, STACK_NAME, DeployError
from tests.e2e.conftest import running
from tests.e2e.pipeline import EnginePipeline, order, switch

CMK = {"UseKmsCmk": "true", "KeepKmsCmk": "true"}


def key_of(pipeline: EnginePipeline) -> str | None:
    """The ARN of the stack's key, when the stack has one that can be used."""
    stack = pipeline.aws.cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    outputs = {it["OutputKey"]: it["OutputValue"] for it in stack["Outputs"]}
    return outputs.get("EncryptionKeyArn")


def test_a_key_that_is_switched_off_and_on_again_is_the_same_and_loses_no_event(tmp_path: Path) -> None:
    with running(tmp_path, {**LOCAL_PARAMETERS, **CMK}) as pipeline:
        key = key_of(pipeline)
        assert key
        assert pipeline.post(order("before")).json()["status"] == "ACCEPTED"

        switch(pipeline, **{**CMK, "UseKmsCmk": "false"})
        assert key_of(pipeline) == key
        assert pipeline.post(order("before")).json()["status"] == "DUPLICATE"
        assert pipeline.post(order("between")).json()["status"] == "ACCEPTED"

        switch(pipeline, **CMK)
        assert key_of(pipeline) == key
        assert pipeline.post(order("between")).json()["status"] == "DUPLICATE"
        counts = pipeline.drained()
        assert (counts.accepted, counts.applied, counts.dead) == (2, 2, 0)

        switch(pipeline)  # the second step: the stack lets go of the key
        assert key_of(pipeline) is None
        kms = pipeline.aws.session.client("kms", endpoint_url=pipeline.aws.endpoint)
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"


def test_parameters_that_are_not_those_of_a_stage_create_no_stack(tmp_path: Path) -> None:
    with (
        pytest.raises(DeployError, match="StageSettings must equal EnvName"),
        running(tmp_path, {"IngestAuth": "NONE"}),
    ):
        pass
