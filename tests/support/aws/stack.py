"""The stack's stores as template.yaml makes them, on the fakes or on any other boto3-shaped clients."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

Function = Literal["ingest", "webhook", "publisher", "processor", "replay", "redrive", "redrive_step"]

RAW_BUCKET: Final = "pik-test-raw"
EVENTS_TABLE: Final = "pik-test-events"
DEDUPE_TABLE: Final = "pik-test-dedupe"
AGGREGATES_TABLE: Final = "pik-test-aggregates"
APPLIED_TABLE: Final = "pik-test-applied"
FAILURES_TABLE: Final = "pik-test-failures"
RUNS_TABLE: Final = "pik-test-runs"
WORK_QUEUE: Final = "pik-test-work"
WORK_DEAD_LETTER_QUEUE: Final = "pik-test-work-dead"
BUS_DEAD_LETTER_QUEUE: Final = "pik-test-bus-dead"
EVENT_BUS: Final = "pik-test-bus"
WEBHOOK_SECRET_PREFIX: Final = "/pik-test/webhooks"
REDRIVE_STATE_MACHINE: Final = "pik-test-redrive"

_NO_STEPS: Final = json.dumps({"StartAt": "Nothing", "States": {"Nothing": {"Type": "Succeed"}}})
_TWO_WEEKS: Final = str(14 * 86_400)


class AnyClients(Protocol):
    """Anything with the boto3 clients of the stores, the queues, the bus and the state machine."""

    s3: Any
    dynamodb: Any
    dynamodb_as_sent: Any
    sqs: Any
    events: Any
    stepfunctions: Any


@dataclass(frozen=True, slots=True)
class Names:
    """What the stack's resources are called."""

    raw_bucket: str
    events_table: str
    dedupe_table: str
    aggregates_table: str
    applied_table: str
    failures_table: str
    runs_table: str
    work_queue_url: str
    work_dead_letter_queue_url: str
    bus_dead_letter_queue_url: str
    event_bus: str
    redrive_state_machine_arn: str
    max_receive_count: int

    def environment(self, function: Function, **changes: str) -> dict[str, str]:
        """The environment of a function; `changes` replace or add variables."""
        common = {
            "LOG_LEVEL": "INFO",
            "POWERTOOLS_LOG_LEVEL": "INFO",
            "POWERTOOLS_SERVICE_NAME": function,
            "POWERTOOLS_METRICS_NAMESPACE": "PipelineInvestigationKit",
            "DRY_RUN": "false",
            "ENV_NAME": "test",
        }
        own: dict[Function, dict[str, str]] = {
            "ingest": {
                "RAW_BUCKET": self.raw_bucket,
                "EVENTS_TABLE": self.events_table,
                "DEDUPE_TABLE": self.dedupe_table,
                "DEFAULT_EVENT_TYPE": "order",
                "ALLOW_UNKNOWN_TYPES": "true",
                "DEDUPE_TTL_DAYS": "30",
                "ENABLE_PROCESSOR": "true",
                "INGEST_AUTH": "AWS_IAM",
                "ENABLE_FAULT_INJECTION": "false",
            },
            "webhook": {
                "RAW_BUCKET": self.raw_bucket,
                "EVENTS_TABLE": self.events_table,
                "DEDUPE_TABLE": self.dedupe_table,
                "DEFAULT_EVENT_TYPE": "order",
                "ALLOW_UNKNOWN_TYPES": "true",
                "DEDUPE_TTL_DAYS": "30",
                "WEBHOOK_SOURCES": "",
                "WEBHOOK_TOPICS": "",
                "WEBHOOK_SECRET_STORE": "SSM",
                "WEBHOOK_SECRET_PREFIX": WEBHOOK_SECRET_PREFIX,
            },
            "publisher": {
                "RAW_BUCKET": self.raw_bucket,
                "WORK_QUEUE_URL": self.work_queue_url,
                "FAILURE_MODE_PARAMETER": "",
            },
            "processor": {
                "RAW_BUCKET": self.raw_bucket,
                "AGGREGATES_TABLE": self.aggregates_table,
                "APPLIED_TABLE": self.applied_table,
                "FAILURES_TABLE": self.failures_table,
                "EVENT_BUS_NAME": self.event_bus,
                "WORK_QUEUE_URL": self.work_queue_url,
                "DEAD_LETTER_QUEUE_URL": self.work_dead_letter_queue_url,
                "MAX_RECEIVE_COUNT": str(self.max_receive_count),
                "FAILURES_TTL_DAYS": "30",
                "REDACT_PATHS": "",
                "ORDER_AMOUNT_LIMITS": "*=1000000",
                "FAILURE_MODE_PARAMETER": "",
            },
            "replay": {
                "EVENTS_TABLE": self.events_table,
                "RUNS_TABLE": self.runs_table,
                "WORK_QUEUE_URL": self.work_queue_url,
            },
            "redrive": {
                "RAW_BUCKET": self.raw_bucket,
                "FAILURES_TABLE": self.failures_table,
                "RUNS_TABLE": self.runs_table,
                "DEAD_LETTER_QUEUE_URL": self.work_dead_letter_queue_url,
                "STATE_MACHINE_ARN": self.redrive_state_machine_arn,
                "MAX_RECEIVE_COUNT": str(self.max_receive_count),
            },
            "redrive_step": {
                "RAW_BUCKET": self.raw_bucket,
                "AGGREGATES_TABLE": self.aggregates_table,
                "APPLIED_TABLE": self.applied_table,
                "FAILURES_TABLE": self.failures_table,
                "RUNS_TABLE": self.runs_table,
                "WORK_QUEUE_URL": self.work_queue_url,
                "DEAD_LETTER_QUEUE_URL": self.work_dead_letter_queue_url,
                "MAX_RECEIVE_COUNT": str(self.max_receive_count),
            },
        }
        return {**common, **own[function], **changes}


def deployed(aws: AnyClients, *, max_receive_count: int = 5, visibility_seconds: int = 180) -> Names:
    """Create the bucket, the tables, the queues, the bus and the state machine, and say what they are called."""
    aws.s3.create_bucket(Bucket=RAW_BUCKET)
    _create_tables(aws.dynamodb)
    dead_url = _create_queue(aws.sqs, WORK_DEAD_LETTER_QUEUE, MessageRetentionPeriod=_TWO_WEEKS)
    dead_arn = aws.sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": max_receive_count})
    work_url = _create_queue(
        aws.sqs,
        WORK_QUEUE,
        MessageRetentionPeriod=_TWO_WEEKS,
        VisibilityTimeout=str(visibility_seconds),
        RedrivePolicy=redrive,
    )
    bus_dead_url = _create_queue(aws.sqs, BUS_DEAD_LETTER_QUEUE, MessageRetentionPeriod=_TWO_WEEKS)
    aws.events.create_event_bus(Name=EVENT_BUS)
    machine = aws.stepfunctions.create_state_machine(
        name=REDRIVE_STATE_MACHINE, definition=_NO_STEPS, roleArn="arn:aws:iam::123456789012:role/redrive"
    )
    return Names(
        raw_bucket=RAW_BUCKET,
        events_table=EVENTS_TABLE,
        dedupe_table=DEDUPE_TABLE,
        aggregates_table=AGGREGATES_TABLE,
        applied_table=APPLIED_TABLE,
        failures_table=FAILURES_TABLE,
        runs_table=RUNS_TABLE,
        work_queue_url=work_url,
        work_dead_letter_queue_url=dead_url,
        bus_dead_letter_queue_url=bus_dead_url,
        event_bus=EVENT_BUS,
        redrive_state_machine_arn=machine["stateMachineArn"],
        max_receive_count=max_receive_count,
    )


def _create_tables(dynamodb: Any) -> None:
    _create_table(
        dynamodb,
        EVENTS_TABLE,
        ["PK", "SK"],
        {"BySourceDay": ["source_day", "SK"]},
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    _create_table(dynamodb, DEDUPE_TABLE, ["event_id"])
    _create_table(dynamodb, AGGREGATES_TABLE, ["PK", "SK"])
    _create_table(dynamodb, APPLIED_TABLE, ["PK"])
    _create_table(
        dynamodb,
        FAILURES_TABLE,
        ["PK", "SK"],
        {"ByFingerprint": ["fingerprint", "SK"], "ByRedriveRun": ["redrive_run", "SK"]},
    )
    _create_table(dynamodb, RUNS_TABLE, ["PK"])


def _create_table(
    dynamodb: Any, name: str, key: list[str], indexes: dict[str, list[str]] | None = None, **more: Any
) -> None:
    attributes = sorted({*key, *(attribute for index in (indexes or {}).values() for attribute in index)})
    if indexes:
        more["GlobalSecondaryIndexes"] = [
            {"IndexName": index, "KeySchema": _key_schema(names), "Projection": {"ProjectionType": "ALL"}}
            for index, names in indexes.items()
        ]
    dynamodb.create_table(
        TableName=name,
        KeySchema=_key_schema(key),
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in attributes],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )


def _key_schema(names: list[str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": role} for name, role in zip(names, ("HASH", "RANGE"), strict=False)]


def _create_queue(sqs: Any, name: str, **attributes: str) -> str:
    url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return url
