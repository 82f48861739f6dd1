"""One Logger and one Metrics for every handler, and the names of the metrics. Imported by handlers only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE: Final = "PipelineInvestigationKit"

INGEST_LAG: Final = "IngestLag"
COUNTERS: Final = {
    "ACCEPTED": "EventsAccepted",
    "DUPLICATE": "EventsDuplicate",
    "CONFLICT": "EventsConflict",
    "REJECTED": "EventsRejected",
}

EVENTS_SENT: Final = "EventsSent"
EVENTS_UNSENT: Final = "EventsUnsent"
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
    "MetricUnit",
    "logged",
    "logger",
    "metrics",
]

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

logger: Final = Logger(use_rfc3339=True, utc=True)
metrics: Final = Metrics(namespace=NAMESPACE)


def logged(handler: Handler) -> Handler:
    """A handler that logs what it raises, a bug or AWS refusing us, with its stack: the caller gets a 500 and may ask
    again, and nobody else would write it down."""

    @wraps(handler)
    def call(event: dict[str, Any], context: Any) -> dict[str, Any]:
        try:
            return handler(event, context)
        except Exception:  # whatever it is: it is raised again
            logger.exception("request failed")
            raise

    return call
