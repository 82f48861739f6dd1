"""Rules about what is kept, and that it is kept safely. A rule returns what is wrong with a deployed template."""

from __future__ import annotations

from typing import Final

from tests.template.stack import Template, properties, resources

STORES: Final = ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::S3::Bucket", "AWS::SQS::Queue")
"""Types that hold what cannot be made again; log groups and topics hold copies."""


def stores_are_retained(template: Template) -> list[str]:
    """A store outlives its stack, and its own replacement."""
    return [
        f"{name} has no {policy}: Retain"
        for name, store in resources(template, *STORES).items()
        for policy in ("DeletionPolicy", "UpdateReplacePolicy")
        if store.get(policy) != "Retain"
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
    """Point-in-time recovery, encryption and pay per request; deletion protection is tested by stage."""
    found = []
    for name, table in resources(template, "AWS::DynamoDB::Table").items():
        settings = table["Properties"]
        if settings.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            found.append(f"{name} has no point-in-time recovery")
        if settings.get("SSESpecification", {}).get("SSEEnabled") is not True:
            found.append(f"{name} is not encrypted with a key that can be audited")
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


def the_stacks_key_is_used_everywhere(template: Template) -> list[str]:
    """With UseKmsCmk, all that can be encrypted with the stack's key is."""
    if "EncryptionKey" not in template["Resources"]:
        return []
    kinds = (*STORES, "AWS::Events::EventBus", "AWS::Logs::LogGroup", "AWS::SNS::Topic")
    return [
        f"{name} does not use the stack's key"
        for name, resource in resources(template, *kinds).items()
        if name != "EncryptionKey" and "EncryptionKey" not in str(resource["Properties"])
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
    the_stacks_key_is_used_everywhere,
    raw_is_kept,
    dead_letters_outlive_their_source,
)
