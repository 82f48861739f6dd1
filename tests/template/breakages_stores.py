"""What breaks the rules about stores."""

from __future__ import annotations

from typing import Final

from tests.template import rules_stores as stores
from tests.template.breakage import CMK, REMOVED, Breakage

BREAKAGES: Final = (
    *(
        Breakage(
            f"{policy} of {name}", stores.stores_are_retained, f"{name}/{policy}", "Delete", f"{name} has no {policy}"
        )
        for name in (
            "RawBucket",
            "EventsTable",
            "AppliedTable",
            "WorkDeadLetterQueue",
            "RawBucketPolicy",
            "WorkQueuePolicy",
        )
        for policy in ("DeletionPolicy", "UpdateReplacePolicy")
    ),
    Breakage(
        "in the way of the next try",
        stores.stores_are_retained,
        "RunsTable/DeletionPolicy",
        "Retain",
        "RunsTable has no DeletionPolicy: RetainExceptOnCreate",
    ),
    *(
        Breakage(
            f"key not retained: {'removed' if value is REMOVED else value}",
            stores.stores_are_retained,
            "EncryptionKey/DeletionPolicy",
            value,
            "EncryptionKey has no DeletionPolicy: Retain",
            CMK,
        )
        for value in (REMOVED, "Delete", "RetainExceptOnCreate")
    ),
    Breakage(
        "public bucket",
        stores.buckets_are_private,
        "RawBucket/Properties/PublicAccessBlockConfiguration/RestrictPublicBuckets",
        False,
        "RestrictPublicBuckets",
    ),
    Breakage(
        "bare bucket", stores.buckets_are_private, "RawBucket/Properties/BucketEncryption", REMOVED, "not encrypted"
    ),
    Breakage("ACLs", stores.buckets_are_private, "RawBucket/Properties/OwnershipControls", REMOVED, "other accounts"),
    Breakage(
        "no versions",
        stores.buckets_are_private,
        "RawBucket/Properties/VersioningConfiguration",
        REMOVED,
        "no versions",
    ),
    Breakage(
        "no recovery",
        stores.tables_can_be_restored,
        "FailuresTable/Properties/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled",
        False,
        "FailuresTable has no point-in-time recovery",
    ),
    Breakage(
        "billed key",
        stores.tables_can_be_restored,
        "RunsTable/Properties/SSESpecification",
        {"SSEEnabled": True, "SSEType": "KMS"},
        "RunsTable is encrypted with the key that AWS manages",
    ),
    Breakage(
        "undecided key", stores.tables_can_be_restored, "RunsTable/Properties/SSESpecification", REMOVED, "RunsTable"
    ),
    Breakage(
        "bare queue", stores.queues_are_encrypted, "WorkQueue/Properties/SqsManagedSseEnabled", REMOVED, "WorkQueue"
    ),
    Breakage(
        "two keys", stores.queues_are_encrypted, "WorkQueue/Properties/SqsManagedSseEnabled", True, "WorkQueue", CMK
    ),
    Breakage(
        "everything expires",
        stores.raw_is_kept,
        "RawBucket/Properties/LifecycleConfiguration/Rules/0/Prefix",
        "",
        "expires the whole bucket",
    ),
    Breakage(
        "raw expires unasked",
        stores.raw_is_kept,
        "RawBucket/Properties/LifecycleConfiguration/Rules/0/Prefix",
        "raw/",
        "expires raw objects",
    ),
    Breakage(
        "short dead letters",
        stores.dead_letters_outlive_their_source,
        "WorkDeadLetterQueue/Properties/MessageRetentionPeriod",
        345_600,
        "WorkQueue keeps messages as long",
    ),
)
