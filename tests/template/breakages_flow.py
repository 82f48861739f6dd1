"""What breaks the rules about functions and the paths between them."""

from __future__ import annotations

from typing import Final

from tests.template import rules_flow as flow
from tests.template.breakage import REMOVED, STATEMENTS, Breakage, allowing

EVENTS_PERMISSION: Final = {
    "Type": "AWS::Lambda::Permission",
    "Properties": {
        "FunctionName": {"Ref": "IngestFunction"},
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["EventsTopicRule", "Arn"]},
    },
}

BREAKAGES: Final = (
    Breakage(
        "no module", flow.handlers_exist, "IngestFunction/Properties/Handler", "intake.handler", "no src/intake.py"
    ),
    Breakage("no function", flow.handlers_exist, "IngestFunction/Properties/Handler", "ingest.main", "no handler main"),
    Breakage(
        "no log group", flow.functions_have_log_groups, "IngestLogGroup", REMOVED, "IngestFunction has no log group"
    ),
    Breakage(
        "shared log group",
        flow.functions_have_log_groups,
        "IngestFunction/Properties/LoggingConfig/LogGroup",
        {"Ref": "ProcessorLogGroup"},
        "ProcessorLogGroup is shared",
    ),
    Breakage(
        "logs anywhere",
        flow.functions_have_log_groups,
        STATEMENTS.format("IngestRole"),
        allowing("logs:PutLogEvents", "*"),
        "every log group",
    ),
    Breakage(
        "logs for ever",
        flow.log_groups_forget,
        "HttpApiLogGroup/Properties/RetentionInDays",
        REMOVED,
        "HttpApiLogGroup",
    ),
    Breakage(
        "timeout too long",
        flow.visibility_fits_the_timeout,
        "ProcessorFunction/Properties/Timeout",
        32,
        "visibility 190 s, needed 193 s",
    ),
    Breakage(
        "window forgotten",
        flow.visibility_fits_the_timeout,
        "ProcessorQueueMapping/Properties/MaximumBatchingWindowInSeconds",
        11,
        "needed 191 s",
    ),
    Breakage(
        "no window",
        flow.batches_fit_their_window,
        "ProcessorQueueMapping/Properties/MaximumBatchingWindowInSeconds",
        0,
        "50 messages without a window",
    ),
    Breakage(
        "batches lost",
        flow.failures_go_somewhere,
        "PublisherStreamMapping/Properties/DestinationConfig",
        REMOVED,
        "discarded batches are not kept whole",
    ),
    Breakage(
        "positions only",
        flow.failures_go_somewhere,
        "PublisherStreamMapping/Properties/DestinationConfig/OnFailure/Destination",
        {"Fn::GetAtt": ["WorkDeadLetterQueue", "Arn"]},
        "discarded batches are not kept whole",
    ),
    Breakage(
        "retried for minutes",
        flow.failures_go_somewhere,
        "PublisherStreamMapping/Properties/MaximumRetryAttempts",
        10_000,
        "uses up its attempts in minutes",
    ),
    Breakage(
        "older than the stream",
        flow.failures_go_somewhere,
        "PublisherStreamMapping/Properties/MaximumRecordAgeInSeconds",
        86_400,
        "DynamoDB drops records before",
    ),
    Breakage(
        "whole batches die",
        flow.failures_go_somewhere,
        "PublisherStreamMapping/Properties/BisectBatchOnFunctionError",
        False,
        "takes its batch with it",
    ),
    Breakage(
        "no dead letters",
        flow.failures_go_somewhere,
        "WorkQueue/Properties/RedrivePolicy",
        REMOVED,
        "messages are lost",
    ),
    Breakage(
        "bus loses",
        flow.failures_go_somewhere,
        "EventsTopicRule/Properties/Targets/0/DeadLetterConfig",
        REMOVED,
        "target EventsTopic has no dead-letter queue",
    ),
    Breakage(
        "new asynchronous path",
        flow.failures_go_somewhere,
        "SlipPermission",
        EVENTS_PERMISSION,
        "events.amazonaws.com invokes without waiting",
    ),
    Breakage(
        "all or nothing",
        flow.partial_failures_are_reported,
        "ProcessorQueueMapping/Properties/FunctionResponseTypes",
        REMOVED,
        "ProcessorQueueMapping does not report",
    ),
    Breakage(
        "outlasts the API",
        flow.the_function_answers_before_the_api_gives_up,
        "IngestFunction/Properties/Timeout",
        30,
        "may run longer than the 30 s",
    ),
    Breakage(
        "reserved too little",
        flow.reservations_fit_the_cap,
        "ProcessorFunction/Properties/ReservedConcurrentExecutions",
        19,
        "20 pollers for 19 reserved",
    ),
    Breakage("other Python", flow.functions_run_alike, "IngestFunction/Properties/Runtime", "python3.12", "Runtime is"),
    Breakage(
        "two architectures",
        flow.functions_run_alike,
        "IngestFunction/Properties/Architectures",
        ["x86_64"],
        "['arm64']",
    ),
    Breakage(
        "silent alarm",
        flow.alarms_reach_somebody,
        "WorkDeadLetterQueueDepthAlarm/Properties/AlarmActions",
        REMOVED,
        "WorkDeadLetterQueueDepthAlarm tells nobody",
    ),
    Breakage(
        "alarm on nothing",
        flow.alarms_reach_somebody,
        "WorkQueueAgeAlarm/Properties/Dimensions/0/Value",
        "some-queue",
        "WorkQueueAgeAlarm watches no resource",
    ),
    Breakage(
        "unwatched", flow.everything_is_watched, "IngestFunctionThrottlesAlarm", REMOVED, "Throttles of IngestFunction"
    ),
    Breakage(
        "redrives end unseen",
        flow.everything_is_watched,
        "RedriveStateMachineTimedOutAlarm",
        REMOVED,
        "ExecutionsTimedOut of RedriveStateMachine",
    ),
    Breakage(
        "set aside unseen",
        flow.everything_is_watched,
        "PublisherRecordsSetAsideAlarm",
        REMOVED,
        "RecordsSetAside of PublisherFunction",
    ),
    Breakage(
        "metric off",
        flow.everything_is_watched,
        "PublisherStreamMapping/Properties/MetricsConfig",
        REMOVED,
        "metrics that its alarms need of PublisherStreamMapping",
    ),
)
