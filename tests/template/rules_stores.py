"""Rules about what is kept, and that it is kept safely. A rule returns what is wrong with a deployed template."""

from __future__ import annotations

from typing import Final

from tests.template.stack import Template, properties, resources

STORES: Final = ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SQS::Queue")
"""Types that hold what cannot be made again; log groups and topics hold copies."""


GUARDS: Final = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy")
"""Types that protect a store, which must not be left without its protection."""

RETENTION: Final = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
"""What the stack keeps when it lets go of a resource. A first deploy that fails takes its empty stores away again."""

KEY_RETENTION: Final = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
"""A key may have been used by the time that the deploy which created it fails."""


def stores_are_retained(template: Template) -> list[str]:
    """A store outlives its stack and its own replacement, and so does the policy that protects it."""
    return [
        f"{name} has no {policy}: {expected}"
        for name, store in resources(template, *STORES, *GUARDS).items()
        for policy, expected in (KEY_RETENTION if store["Type"] == "AWS::KMS::Key" else RETENTION).items()
        if store.get(policy) != expected
    ]


def buckets_are_private(template: Template) -> list[str]:
    """Encrypted, closed to the public in all four ways, owned by the account, with versions."""
    found = []
    for name, bucket in resources(template, "AWS::S3::Bucket").items():
        settings = bucket["Properties"]
        blocks = settings.get("PublicAccessBlockConfiguration", {})
        all_four = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
        found += [f"{name} lacks {block}" for block in all_four if blocks.get(block) is not True]
        if not settings.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration"):
            found.append(f"{name} is not encrypted")
        if settings.get("OwnershipControls", {}).get("Rules") != [{"ObjectOwnership": "BucketOwnerEnforced"}]:
            found.append(f"{name} lets other accounts own objects")
        if settings.get("VersioningConfiguration") != {"Status": "Enabled"}:
            found.append(f"{name} keeps no versions")
    return found


def tables_can_be_restored(template: Template) -> list[str]:
    """Point-in-time recovery, a chosen key and pay per request; deletion protection is tested by stage."""
    found = []
    for name, table in resources(template, "AWS::DynamoDB::Table").items():
        settings = table["Properties"]
        if settings.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            found.append(f"{name} has no point-in-time recovery")
        encryption = settings.get("SSESpecification", {})
        if encryption != {"SSEEnabled": False} and "KMSMasterKeyId" not in encryption:
            found.append(f"{name} is encrypted with the key that AWS manages, which costs a KMS request per call")
        if settings.get("BillingMode") != "PAY_PER_REQUEST":
            found.append(f"{name} must be provisioned")
    return found


def queues_are_encrypted(template: Template) -> list[str]:
    """With SQS's key or the stack's own, never both, which SQS refuses."""
    return [
        f"{name} is not encrypted with exactly one key"
        for name, queue in resources(template, "AWS::SQS::Queue").items()
        if (queue["Properties"].get("SqsManagedSseEnabled") is True) == ("KmsMasterKeyId" in queue["Properties"])
    ]


def raw_is_kept(template: Template) -> list[str]:
    """Lifecycle rules expire what their prefix says: raw/ only in the rule for it, and never the whole bucket."""
    rules = properties(template, "RawBucket")["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]
    found = [f"{rule['Id']} expires the whole bucket" for rule in expiring if not rule.get("Prefix")]
    found += [
        f"{rule['Id']} expires raw objects"
        for rule in expiring
        if rule["Id"] != "RawExpires" and "raw/".startswith(rule.get("Prefix", ""))
    ]
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
        found.append("broken uploads are kept and paid for")
    return found


def dead_letters_outlive_their_source(template: Template) -> list[str]:
    """A message's age counts from its first sending, also in a dead-letter queue, which must therefore keep longer."""
    return [
        f"{name} keeps messages as long as its dead-letter queue"
        for name, queue in resources(template, "AWS::SQS::Queue").items()
        if (policy := queue["Properties"].get("RedrivePolicy"))
        and _retention(template, policy["deadLetterTargetArn"]["Fn::GetAtt"][0])
        < _retention(template, name) + 7 * 86_400  # a week to look at it
    ]


def _retention(template: Template, queue: str) -> int:
    return int(properties(template, queue).get("MessageRetentionPeriod", 345_600))


RULES: Final = (
    stores_are_retained,
    buckets_are_private,
    tables_can_be_restored,
    queues_are_encrypted,
    raw_is_kept,
    dead_letters_outlive_their_source,
)
