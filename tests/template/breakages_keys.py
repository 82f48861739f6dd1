"""What breaks the rules about keys."""

from __future__ import annotations

from typing import Final

from tests.template import rules_keys as keys
from tests.template.breakage import CMK, REMOVED, Breakage

_DECRYPT: Final = "FunctionsKeyPolicy/Properties/PolicyDocument/Statement/0"

BREAKAGES: Final = (
    Breakage(
        "key left out",
        keys.the_stacks_key_is_used_everywhere,
        "AlarmsTopic/Properties/KmsMasterKeyId",
        REMOVED,
        "AlarmsTopic",
        CMK,
    ),
    Breakage(
        "key not allowed",
        keys.the_key_is_allowed_where_it_is_used,
        "PublisherRole/Properties/ManagedPolicyArns",
        [],
        "PublisherRole may not use the key",
        CMK,
    ),
    Breakage(
        "key for anything",
        keys.keys_are_used_through_services,
        "FunctionsKeyPolicy/Properties/PolicyDocument/Statement/1/Condition",
        {},
        "for anything",
        CMK,
    ),
    Breakage(
        "any key for anything",
        keys.keys_are_used_through_services,
        f"{_DECRYPT}/Condition/StringEquals/kms:ViaService",
        REMOVED,
        "for anything",
    ),
    *(
        Breakage(
            f"policy left out, {name}",
            keys.what_a_key_encrypted_stays_readable,
            "ProcessorRole/Properties/ManagedPolicyArns",
            [],
            "ProcessorRole cannot read what an earlier key encrypted",
            parameters,
        )
        for name, parameters in (("without a key", {}), ("with a key", CMK), ("key kept", {"KeepKmsCmk": "true"}))
    ),
    Breakage(
        "this key only",
        keys.what_a_key_encrypted_stays_readable,
        f"{_DECRYPT}/Resource",
        {"Fn::GetAtt": ["EncryptionKey", "Arn"]},
        "cannot read what an earlier key encrypted",
        CMK,
    ),
    Breakage(
        "keys of everybody",
        keys.what_a_key_encrypted_stays_readable,
        f"{_DECRYPT}/Condition/StringEquals/aws:ResourceTag~1pik-stack",
        REMOVED,
        "may use keys of others",
    ),
    Breakage(
        "no tag",
        keys.what_a_key_encrypted_stays_readable,
        "EncryptionKey/Properties/Tags",
        [],
        "EncryptionKey is not found by its tag",
        CMK,
    ),
    Breakage(
        "bus without dead letters",
        keys.a_bus_outlives_its_key,
        "EventBus/Properties/DeadLetterConfig",
        REMOVED,
        "EventBus has no dead-letter queue",
        CMK,
    ),
    Breakage(
        "dead letters need the key",
        keys.a_bus_outlives_its_key,
        "BusKeyErrorDeadLetterQueue/Properties/KmsMasterKeyId",
        {"Ref": "EncryptionKey"},
        "needs the key that failed",
        CMK,
    ),
    Breakage(
        "bus may not send",
        keys.a_bus_outlives_its_key,
        "BusKeyErrorDeadLetterQueuePolicy/Properties/PolicyDocument/Statement/0/Condition",
        {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["EventsTopicRule", "Arn"]}}},
        "EventBus may not send",
        CMK,
    ),
)
