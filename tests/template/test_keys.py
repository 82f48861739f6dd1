"""Switching encryption with the stack's key on and off: what was encrypted stays readable, the key the same."""

from __future__ import annotations

from typing import Any

import pytest

from tests.template.breakage import CMK
from tests.template.stack import deployed, properties, resources

NEVER: dict[str, str] = {}
OFF = {"UseKmsCmk": "false", "KeepKmsCmk": "true"}
LEFT = {"UseKmsCmk": "false", "KeepKmsCmk": "false"}


def reading(parameters: dict[str, str]) -> dict[str, Any]:
    """The statement by which functions decrypt with any key of the stack."""
    document = properties(deployed(**parameters), "FunctionsKeyPolicy")["PolicyDocument"]
    (statement,) = [one for one in document["Statement"] if one["Sid"] == "ReadWhatKeysOfThisStackEncrypted"]
    found: dict[str, Any] = statement
    return found


def test_the_key_is_made_only_on_request() -> None:
    assert "EncryptionKey" not in str(deployed())
    assert "EncryptionKey" in deployed(**CMK)["Resources"]


def test_a_key_that_is_switched_off_stays_as_it_is_and_encrypts_nothing_new() -> None:
    on, off = deployed(**CMK), deployed(**OFF)
    assert off["Resources"]["EncryptionKey"] == on["Resources"]["EncryptionKey"]
    assert off["Outputs"]["EncryptionKeyArn"] == on["Outputs"]["EncryptionKeyArn"]
    del off["Resources"]["EncryptionKey"], off["Outputs"]["EncryptionKeyArn"]
    assert "EncryptionKey" not in str(off)


def test_a_key_that_leaves_the_stack_is_not_deleted() -> None:
    assert "EncryptionKey" not in deployed(**LEFT)["Resources"]
    key = deployed(**CMK)["Resources"]["EncryptionKey"]
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize("parameters", [NEVER, CMK, OFF, LEFT], ids=["never", "on", "off", "left"])
def test_functions_decrypt_with_every_key_that_the_stack_ever_had(parameters: dict[str, str]) -> None:
    statement = reading(parameters)
    assert (statement["Effect"], statement["Action"]) == ("Allow", "kms:Decrypt")
    conditions = statement["Condition"]["StringEquals"]
    assert conditions["aws:ResourceTag/pik-stack"] == {"Ref": "AWS::StackName"}
    services = {one["Fn::Sub"].split(".")[0] for one in conditions["kms:ViaService"]}
    assert services == {"dynamodb", "events", "s3", "sqs"}
    (tag,) = properties(deployed(**CMK), "EncryptionKey")["Tags"]
    assert tag == {"Key": "pik-stack", "Value": {"Ref": "AWS::StackName"}}


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (NEVER, {"SSEEnabled": False}),
        (OFF, {"SSEEnabled": False}),
        (CMK, {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": {"Fn::GetAtt": ["EncryptionKey", "Arn"]}}),
    ],
    ids=["never", "off", "on"],
)
def test_tables_use_the_stacks_key_or_the_one_that_costs_nothing(
    parameters: dict[str, str], expected: dict[str, Any]
) -> None:
    for name, table in resources(deployed(**parameters), "AWS::DynamoDB::Table").items():
        assert table["Properties"]["SSESpecification"] == expected, name


def test_the_queue_for_what_the_bus_cannot_decrypt_stays_as_long_as_the_key() -> None:
    assert "BusKeyErrorDeadLetterQueue" not in deployed()["Resources"]
    for parameters in (CMK, OFF):
        assert properties(deployed(**parameters), "BusKeyErrorDeadLetterQueue")["SqsManagedSseEnabled"] is True
    bus = properties(deployed(**CMK), "EventBus")
    assert bus["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["BusKeyErrorDeadLetterQueue", "Arn"]}}
    assert "DeadLetterConfig" not in properties(deployed(**OFF), "EventBus")
