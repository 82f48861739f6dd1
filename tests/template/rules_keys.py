"""Rules about KMS keys: what is encrypted with the stack's key, and who can still read it later.

A rule returns what is wrong with a deployed template.
"""

from __future__ import annotations

from typing import Any, Final

from tests.template.iam import as_list, documents, names_in
from tests.template.rules_stores import STORES
from tests.template.stack import Template, properties, resources

NOT_WITH_THE_KEY: Final = {
    "BusKeyErrorDeadLetterQueue": "it gets what the bus could not encrypt or decrypt with the key"
}
"""What is not encrypted with the stack's key even with UseKmsCmk, and why."""

OF_OTHERS: Final = {
    (
        "WebhookRole",
        "DecryptSecrets",
    ): "a secret may have a key of the customer; test_webhooks.py has its bounds"
}
"""Statements that admit keys which are not the stack's, and why."""

EVERY_KEY: Final = {"Fn::Sub": "arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"}
OWN_TAG: Final = {"Key": "pik-stack", "Value": {"Ref": "AWS::StackName"}}


def the_stacks_key_is_used_everywhere(template: Template) -> list[str]:
    """Where the stack's key is used, all that can be encrypted with it is."""
    kinds = (*STORES, "AWS::Events::EventBus", "AWS::Logs::LogGroup", "AWS::SNS::Topic")
    uses = {
        name: "EncryptionKey" in str(resource["Properties"])
        for name, resource in resources(template, *kinds).items()
        if name != "EncryptionKey" and name not in NOT_WITH_THE_KEY
    }
    return [f"{name} does not use the stack's key" for name, used in uses.items() if not used and any(uses.values())]


def the_key_is_allowed_where_it_is_used(template: Template) -> list[str]:
    """Where the stack's key is used, every function's role may encrypt with it."""
    if not _key_is_used(template):
        return []
    allowing = {
        owner
        for owner, statement in _kms_statements(template)
        if "kms:GenerateDataKey*" in as_list(statement["Action"]) and "EncryptionKey" in str(statement["Resource"])
    }
    return [
        f"{name} may not use the key"
        for name, policies in _policies_of_functions(template).items()
        if not policies & allowing
    ]


def keys_are_used_through_services(template: Template) -> list[str]:
    """No role may use a key for anything but the data of the stack's stores."""
    return [
        f"{owner} may use the key for anything"
        for owner, statement in _kms_statements(template)
        if "kms:ViaService" not in statement.get("Condition", {}).get("StringEquals", {})
    ]


def what_a_key_encrypted_stays_readable(template: Template) -> list[str]:
    """Whatever the switch says, functions may decrypt with every key that has the stack's tag, and the key has it."""
    allowing = {
        owner
        for owner, statement in _kms_statements(template)
        if "kms:Decrypt" in as_list(statement["Action"])
        and statement["Resource"] == EVERY_KEY
        and statement.get("Condition", {}).get("StringEquals", {}).get("aws:ResourceTag/pik-stack") == OWN_TAG["Value"]
    }
    found = [
        f"{name} cannot read what an earlier key encrypted"
        for name, policies in _policies_of_functions(template).items()
        if not policies & allowing
    ]
    found += [
        f"{name} is not found by its tag"
        for name, key in resources(template, "AWS::KMS::Key").items()
        if OWN_TAG not in key["Properties"].get("Tags", [])
    ]
    return found + [
        f"{owner} may use keys of others"
        for owner, statement in _kms_statements(template)
        if statement["Resource"] == EVERY_KEY
        and "aws:ResourceTag/pik-stack" not in statement.get("Condition", {}).get("StringEquals", {})
        and (owner, statement.get("Sid")) not in OF_OTHERS
    ]


def a_bus_outlives_its_key(template: Template) -> list[str]:
    """A bus with a key sends what it cannot encrypt or decrypt to a queue that does not need that key."""
    found = []
    for name, bus in resources(template, "AWS::Events::EventBus").items():
        if "KmsKeyIdentifier" not in bus["Properties"]:
            continue
        queues = names_in(bus["Properties"].get("DeadLetterConfig", {}).get("Arn"))
        if not queues:
            found.append(f"{name} has no dead-letter queue of its own")
        for queue in queues:
            if "KmsMasterKeyId" in properties(template, queue):
                found.append(f"{queue} needs the key that failed")
            if not any(_lets_the_bus_send(statement, name, queue) for statement in _statements_on_queues(template)):
                found.append(f"{name} may not send to {queue}")
    return found


def _lets_the_bus_send(statement: dict[str, Any], bus: str, queue: str) -> bool:
    return (
        statement["Effect"] == "Allow"
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and statement["Action"] == "sqs:SendMessage"
        and statement["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
        and statement.get("Condition") == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [bus, "Arn"]}}}
    )


def _statements_on_queues(template: Template) -> list[dict[str, Any]]:
    policies = resources(template, "AWS::SQS::QueuePolicy").values()
    return [statement for policy in policies for statement in policy["Properties"]["PolicyDocument"]["Statement"]]


def _key_is_used(template: Template) -> bool:
    return "EncryptionKey" in str(properties(template, "RawBucket"))


def _kms_statements(template: Template) -> list[tuple[str, dict[str, Any]]]:
    """Statements about keys of roles and managed policies, with the logical id of their owner."""
    return [
        (owner, statement)
        for owner, document in documents(template)
        for statement in document["Statement"]
        if any(action.startswith("kms:") for action in as_list(statement["Action"]))
    ]


def _policies_of_functions(template: Template) -> dict[str, set[str]]:
    """The managed policies of each function's role, by the role's logical id."""
    used = {
        name
        for function in resources(template, "AWS::Lambda::Function").values()
        for name in names_in(function["Properties"]["Role"])
    }
    return {
        name: {policy for arn in role["Properties"].get("ManagedPolicyArns", []) for policy in names_in(arn)}
        for name, role in resources(template, "AWS::IAM::Role").items()
        if name in used
    }


RULES: Final = (
    the_stacks_key_is_used_everywhere,
    the_key_is_allowed_where_it_is_used,
    keys_are_used_through_services,
    what_a_key_encrypted_stays_readable,
    a_bus_outlives_its_key,
)
