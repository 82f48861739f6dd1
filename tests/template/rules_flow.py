"""Rules about functions and the paths between them. A rule returns what is wrong with a deployed template."""

from __future__ import annotations

import ast
from typing import Any, Final

from tests.template.iam import grants, names_in
from tests.template.stack import ROOT, Template, properties, resources

STREAM_RETENTION_SECONDS: Final = 86_400
"""DynamoDB keeps stream records for 24 hours."""

API_TIMEOUT_SECONDS: Final = 30
"""The most that an HTTP API waits for its integration."""

ASYNCHRONOUS_CALLERS: Final = ("events", "iot", "logs", "s3", "scheduler", "ses", "sns")
"""Services that invoke functions without waiting for the answer."""


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """Properties of all functions."""
    return {name: one["Properties"] for name, one in resources(template, "AWS::Lambda::Function").items()}


def handlers_exist(template: Template) -> list[str]:
    """Each handler is a function of a module in src/."""
    found = []
    for name, function in functions(template).items():
        module, _, attribute = function["Handler"].partition(".")
        path = ROOT / "src" / f"{module}.py"
        if not path.is_file():
            found.append(f"{name}: there is no src/{module}.py")
            continue
        body = ast.parse(path.read_text(encoding="utf-8")).body
        targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
        assigned = {target.id for target in targets if isinstance(target, ast.Name)}
        if attribute not in assigned:
            found.append(f"{name}: src/{module}.py has no handler {attribute}")
    return found


def functions_have_log_groups(template: Template) -> list[str]:
    """Each function logs JSON to a group of its own that forgets, and may write to no other."""
    found = []
    for name, function in functions(template).items():
        logging = function.get("LoggingConfig", {})
        group = logging.get("LogGroup", {}).get("Ref", "")
        if group not in resources(template, "AWS::Logs::LogGroup"):
            found.append(f"{name} has no log group of this template")
            continue
        if logging.get("LogFormat") != "JSON":
            found.append(f"{name} does not log JSON")
        (role,) = names_in(function["Role"])
        writable = {
            one
            for grant in grants(template)
            if grant.owner == role and grant.allows("logs:PutLogEvents")
            for one in names_in(grant.resource) or {"every log group"}
        }
        if writable != {group}:
            found.append(f"{role} may write to {sorted(writable)}, its function logs to {group}")
    groups = [
        function.get("LoggingConfig", {}).get("LogGroup", {}).get("Ref") for function in functions(template).values()
    ]
    found += [f"{group} is shared" for group in set(groups) if groups.count(group) > 1]
    return found


def log_groups_forget(template: Template) -> list[str]:
    """No log is kept forever."""
    return [
        f"{name} keeps its logs for ever"
        for name, group in resources(template, "AWS::Logs::LogGroup").items()
        if not group["Properties"].get("RetentionInDays")
    ]


def visibility_fits_the_timeout(template: Template) -> list[str]:
    """A queue hides messages for six timeouts of its consumer and its batch window, as AWS asks."""
    found = []
    for name, mapping in _mappings(template, "WorkQueue"):
        queue = properties(template, _source(mapping))
        timeout = functions(template)[_target(mapping)]["Timeout"]
        needed = 6 * timeout + mapping.get("MaximumBatchingWindowInSeconds", 0)
        if queue["VisibilityTimeout"] < needed:
            found.append(f"{name}: visibility {queue['VisibilityTimeout']} s, needed {needed} s")
    return found


def batches_fit_their_window(template: Template) -> list[str]:
    """Lambda takes batches of more than 10 messages only with a window."""
    return [
        f"{name}: {mapping['BatchSize']} messages without a window"
        for name, mapping in _mappings(template, "WorkQueue")
        if mapping["BatchSize"] > 10 and mapping.get("MaximumBatchingWindowInSeconds", 0) < 1
    ]


def failures_go_somewhere(template: Template) -> list[str]:
    """Every asynchronous path ends in a place where an operator finds what failed."""
    found = [f"{name}: failed messages are lost" for name, _ in _queue_mappings_without_dead_letters(template)]
    for name, mapping in _mappings(template, "EventsTable"):
        destination = names_in(mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"))
        if destination != {"RawBucket"}:
            found.append(f"{name}: discarded batches are not kept whole, which only a bucket does")
        if mapping.get("MaximumRetryAttempts", -1) != -1:
            found.append(f"{name}: an error that returns at once uses up its attempts in minutes")
        if not 60 <= mapping.get("MaximumRecordAgeInSeconds", -1) < STREAM_RETENTION_SECONDS:
            found.append(f"{name}: DynamoDB drops records before the mapping gives them up")
        if mapping.get("BisectBatchOnFunctionError") is not True:
            found.append(f"{name}: a poison record takes its batch with it")
    for name, rule in resources(template, "AWS::Events::Rule").items():
        for target in rule["Properties"]["Targets"]:
            queue = names_in(target.get("DeadLetterConfig", {}).get("Arn"))
            if not queue <= set(resources(template, "AWS::SQS::Queue")) or not queue:
                found.append(f"{name}: target {target['Id']} has no dead-letter queue")
            if not target.get("RetryPolicy", {}).get("MaximumRetryAttempts"):
                found.append(f"{name}: target {target['Id']} is not retried")
    return found + _asynchronous_without_destination(template)


def _queue_mappings_without_dead_letters(template: Template) -> list[tuple[str, dict[str, Any]]]:
    return [
        (name, mapping)
        for name, mapping in _mappings(template, "WorkQueue")
        if not properties(template, _source(mapping)).get("RedrivePolicy", {}).get("maxReceiveCount")
    ]


def _asynchronous_without_destination(template: Template) -> list[str]:
    kept = {
        next(iter(names_in(config["Properties"]["FunctionName"])), "")
        for config in resources(template, "AWS::Lambda::EventInvokeConfig").values()
        if config["Properties"].get("DestinationConfig", {}).get("OnFailure")
    }
    return [
        f"{name}: {permission['Properties']['Principal']} invokes without waiting, and failures are lost"
        for name, permission in resources(template, "AWS::Lambda::Permission").items()
        if permission["Properties"]["Principal"].split(".")[0] in ASYNCHRONOUS_CALLERS
        and not names_in(permission["Properties"]["FunctionName"]) <= kept
    ]


def partial_failures_are_reported(template: Template) -> list[str]:
    """One failed record does not bring its whole batch back."""
    return [
        f"{name} does not report batch item failures"
        for name, mapping in resources(template, "AWS::Lambda::EventSourceMapping").items()
        if mapping["Properties"].get("FunctionResponseTypes") != ["ReportBatchItemFailures"]
    ]


def the_function_answers_before_the_api_gives_up(template: Template) -> list[str]:
    """Otherwise a producer gets a 503 for what was written."""
    found = []
    for name, integration in resources(template, "AWS::ApiGatewayV2::Integration").items():
        limit = min(API_TIMEOUT_SECONDS, integration["Properties"]["TimeoutInMillis"] / 1000)
        (function,) = names_in(integration["Properties"]["IntegrationUri"])
        if functions(template)[function]["Timeout"] >= limit:
            found.append(f"{name}: {function} may run longer than the {limit:g} s that the API waits")
    return found


def reservations_fit_the_cap(template: Template) -> list[str]:
    """Polls beyond a reservation are throttled, and each counts as a delivery of a healthy message."""
    found = []
    for name, mapping in _mappings(template, "WorkQueue"):
        reserved = functions(template)[_target(mapping)].get("ReservedConcurrentExecutions")
        cap = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        if reserved is not None and (cap is None or reserved < cap):
            found.append(f"{name}: {cap or 'any number of'} pollers for {reserved} reserved")
    return found


def functions_run_alike(template: Template) -> list[str]:
    """One runtime and one architecture, which the package is built for; traced."""
    expected = {"Runtime": "python3.13", "TracingConfig": {"Mode": "Active"}}
    architectures = {str(function.get("Architectures")) for function in functions(template).values()}
    found = [f"functions have the architectures {sorted(architectures)}"] if len(architectures) != 1 else []
    return found + [
        f"{name}: {key} is {function.get(key)}"
        for name, function in functions(template).items()
        for key, value in expected.items()
        if function.get(key) != value
    ]


def alarms_reach_somebody(template: Template) -> list[str]:
    """Each alarm acts, says what to do, stays quiet without data, and is simple enough to be checked anywhere."""
    found = []
    for name, alarm in resources(template, "AWS::CloudWatch::Alarm").items():
        settings = alarm["Properties"]
        if not settings.get("AlarmActions"):
            found.append(f"{name} tells nobody")
        if len(settings.get("AlarmDescription", "")) < 40:
            found.append(f"{name} does not say what is wrong")
        if settings.get("TreatMissingData") != "notBreaching":
            found.append(f"{name} cries when idle")
        if "Metrics" in settings or "MetricName" not in settings:
            found.append(f"{name} is not a plain metric alarm")
        if not any(names_in(dimension["Value"]) for dimension in settings.get("Dimensions", [])):
            found.append(f"{name} watches no resource of this stack")
    return found


def everything_is_watched(template: Template) -> list[str]:
    """Errors and throttles of each function, depth of each dead-letter queue, what a stream mapping gives up and its
    function sets aside, and runs of a state machine that end otherwise than they should."""
    watched = {
        (alarm["Properties"]["MetricName"], one)
        for alarm in resources(template, "AWS::CloudWatch::Alarm").values()
        for dimension in alarm["Properties"]["Dimensions"]
        for one in names_in(dimension["Value"])
    }
    wanted = {(metric, name) for name in functions(template) for metric in ("Errors", "Throttles")}
    wanted |= {
        ("ApproximateNumberOfMessagesVisible", name)
        for name in resources(template, "AWS::SQS::Queue")
        if name.endswith("DeadLetterQueue")
    }
    for name, mapping in _mappings(template, "EventsTable"):
        wanted |= {(metric, name) for metric in ("OnFailureDestinationDeliveredEventCount", "DroppedEventCount")}
        wanted |= {(metric, _target(mapping)) for metric in ("IteratorAge", "RecordsSetAside")}
        if mapping.get("MetricsConfig") != {"Metrics": ["EventCount"]}:
            wanted.add(("the metrics that its alarms need", name))
    wanted |= {
        (metric, name)
        for name in resources(template, "AWS::StepFunctions::StateMachine")
        for metric in ("ExecutionsFailed", "ExecutionsTimedOut")
    }
    wanted |= {("ApproximateAgeOfOldestMessage", "WorkQueue"), ("5xx", "HttpApi")}
    return [f"nobody watches {metric} of {name}" for metric, name in sorted(wanted - watched)]


def _mappings(template: Template, source: str) -> list[tuple[str, dict[str, Any]]]:
    """Event source mappings that read this queue or this table's stream."""
    return [
        (name, mapping["Properties"])
        for name, mapping in resources(template, "AWS::Lambda::EventSourceMapping").items()
        if source in names_in(mapping["Properties"]["EventSourceArn"])
    ]


def _source(mapping: dict[str, Any]) -> str:
    return next(iter(names_in(mapping["EventSourceArn"])))


def _target(mapping: dict[str, Any]) -> str:
    return next(iter(names_in(mapping["FunctionName"])))


RULES: Final = (
    handlers_exist,
    functions_have_log_groups,
    log_groups_forget,
    visibility_fits_the_timeout,
    batches_fit_their_window,
    failures_go_somewhere,
    partial_failures_are_reported,
    the_function_answers_before_the_api_gives_up,
    reservations_fit_the_cap,
    functions_run_alike,
    alarms_reach_somebody,
    everything_is_watched,
)
