"""One Logger and one Metrics for every handler, and the names of the metrics. Imported by flows and the entry only."""

from __future__ import annotations

import json
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from pik.domain.shared.texts import visible_json

NAMESPACE: Final = "PipelineInvestigationKit"

INGEST_LAG: Final = "IngestLag"
COUNTERS: Final = {
    "ACCEPTED": "EventsAccepted",
    "DUPLICATE": "EventsDuplicate",
    "CONFLICT": "EventsConflict",
    "REJECTED": "EventsRejected",
}

WEBHOOKS_REFUSED: Final = "WebhooksRefused"

EVENTS_SENT: Final = "EventsSent"
EVENTS_UNSENT: Final = "EventsUnsent"
RECORDS_SET_ASIDE: Final = "RecordsSetAside"
EVENTS_APPLIED: Final = "EventsApplied"
EVENTS_ALREADY_APPLIED: Final = "EventsAlreadyApplied"
VERSIONS_WRITTEN: Final = "VersionsWritten"
EVENTS_DEAD_LETTERED: Final = "EventsDeadLettered"
FAILED_ATTEMPTS: Final = {
    "VALIDATION": "FailedValidation",
    "PROCESSING": "FailedProcessing",
    "PERMANENT": "FailedPermanent",
    "TRANSIENT": "FailedTransient",
    "TIMEOUT": "FailedTimeout",
}

__all__ = [
    "COUNTERS",
    "EVENTS_ALREADY_APPLIED",
    "EVENTS_APPLIED",
    "EVENTS_DEAD_LETTERED",
    "EVENTS_SENT",
    "EVENTS_UNSENT",
    "FAILED_ATTEMPTS",
    "INGEST_LAG",
    "NAMESPACE",
    "VERSIONS_WRITTEN",
    "WEBHOOKS_REFUSED",
    "MetricUnit",
    "count_set_aside",
    "log_line",
    "logger",
    "metrics",
]


def log_line(record: dict[str, Any]) -> str:
    """A log record as one line of JSON. People read logs on terminals: what events hold is shown and never obeyed."""
    return visible_json(json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str))


logger: Final = Logger(use_rfc3339=True, utc=True, json_serializer=log_line)
metrics: Final = Metrics(namespace=NAMESPACE)


def count_set_aside(count: int, function_name: str) -> None:
    """Records that the publisher has set aside, under the function's own name, so that an alarm watches one stack."""
    with single_metric(name=RECORDS_SET_ASIDE, unit=MetricUnit.Count, value=count, namespace=NAMESPACE) as metric:
        metric.add_dimension(name="function_name", value=function_name)
