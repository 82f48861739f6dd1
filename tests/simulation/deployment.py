"""The functions as they are deployed: real handlers on the in-memory AWS, each process with one invocation at a
time."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final

from pik.adapters.client.failures import AWS_FAILURES
from pik.domain.shared.failures import RowsUnprocessed
from pik.flows import ingest, redrive_step, replay
from pik.flows import process as processor
from pik.flows import publish as publisher
from pik.flows import redrive_api as redrive
from pik.flows import webhook as webhooks
from pik.settings import (
    IngestSettings,
    ProcessorSettings,
    PublisherSettings,
    RedriveSettings,
    RedriveStepSettings,
    ReplaySettings,
    WebhookSettings,
)
from tests.simulation.injector import Trace
from tests.simulation.scheduler import Scheduler, Task
from tests.simulation.violations import Violation
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import Names
from tests.support.faults import Killed

TIMEOUTS: Final[Mapping[str, float]] = {
    "ingest": 29.0,
    "webhook": 29.0,
    "publisher": 60.0,
    "processor": 30.0,
    "replay": 29.0,
    "redrive": 29.0,
    "redrive_step": 600.0,
}
"""Seconds that an invocation may take, as in template.yaml; the API's own 30 cut those behind it short."""

WEBHOOK_SOURCE: Final = "eventbridge"
"""The webhooks that are sent here: their proof is a shared key, so that it takes no clock to make."""

_EVENT_ID: Final = re.compile(r'"event_id": ?"(\w{6})')
_STATUS: Final = re.compile(r'"status": "(\w+)"')


@dataclass(frozen=True, slots=True)
class SimulatedContext:
    """Lambda's context object, as far as handlers look at it."""

    function_name: str
    aws_request_id: str
    deadline: float
    clock: Callable[[], float]
    log_stream_name: str = "2026/11/20/[$LATEST]simulated"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.deadline - self.clock()) * 1000)


class Deployment:
    """Starts invocations. A process serves one at a time and is kept for the next, unless it died."""

    def __init__(self, aws: FakeAws, names: Names, scheduler: Scheduler, trace: Trace) -> None:
        self._names = names
        self._scheduler = scheduler
        self._trace = trace
        services = ("s3", "dynamodb", "dynamodb_as_sent", "sqs", "events", "stepfunctions", "ssm")
        self._clients: Any = SimpleNamespace(**{service: getattr(aws, service) for service in services})
        self._idle: defaultdict[tuple[str, bool], list[Callable[[Any, Any], Any]]] = defaultdict(list)
        self._count: Counter[str] = Counter()

    def invoke(
        self, function: str, event: Mapping[str, Any], ended: Callable[[Task], None], *, dry: bool = False
    ) -> Task:
        """Begin an invocation; `ended` is called by the driver when it is over."""
        self._count[function] += 1
        name = f"{function}-{self._count[function]}"
        now = self._scheduler.clock.now
        task = Task(name, function, now + TIMEOUTS[function], dry=dry)
        task.ended = lambda it: self._ended(it, ended)
        self._trace.append((now, name, f"begins: {_gist(event)}{', dry' if dry else ''}"))
        context = SimulatedContext(function, name, task.deadline, self._scheduler.clock)

        def work() -> Any:
            idle = self._idle[function, dry]
            process: Callable[[Any, Any], Any] | None = idle.pop() if idle else self._new(function, dry=dry)
            try:
                return process(event, context)
            except Killed:
                process = None  # whatever it held is gone
                raise
            finally:
                if process is not None:
                    idle.append(process)

        self._scheduler.start(task, work)
        return task

    def _ended(self, task: Task, ended: Callable[[Task], None]) -> None:
        how = "killed" if task.killed else f"raised {task.error!r}" if task.error else f"answered {_gist(task.value)}"
        self._trace.append((self._scheduler.clock.now, task.name, how))
        if task.error is not None and not isinstance(task.error, (*AWS_FAILURES, RowsUnprocessed)):
            raise Violation(
                "functions raise nothing but what AWS refused or left undone", repr(task.error)
            ) from task.error
        ended(task)

    def _new(self, function: str, *, dry: bool) -> Callable[[Any, Any], Any]:
        build: Callable[..., Callable[[Any, Any], Any]] = getattr(self, f"_{function}")
        return build(dry)

    def _ingest(self, dry: bool) -> ingest.IngestFlow:
        settings = replace(IngestSettings.from_env(self._names.environment("ingest")), dry_run=dry)
        return ingest.IngestFlow(settings, self._clients, self._now, self._scheduler.sleep)

    def _webhook(self, dry: bool) -> webhooks.WebhookFlow:
        settings = WebhookSettings.from_env(self._names.environment("webhook", WEBHOOK_SOURCES=WEBHOOK_SOURCE))
        clock = self._scheduler.clock
        return webhooks.WebhookFlow(
            replace(settings, dry_run=dry), self._clients, self._now, self._scheduler.sleep, clock, lambda _: None
        )

    def _publisher(self, dry: bool) -> publisher.PublishFlow:
        settings = replace(PublisherSettings.from_env(self._names.environment("publisher")), dry_run=dry)
        return publisher.PublishFlow(settings, self._clients)

    def _processor(self, dry: bool) -> processor.ProcessFlow:
        settings = replace(ProcessorSettings.from_env(self._names.environment("processor")), dry_run=dry)
        return processor.ProcessFlow(settings, self._clients, self._now, self._scheduler.sleep)

    def _replay(self, dry: bool) -> replay.ReplayFlow:
        settings = replace(ReplaySettings.from_env(self._names.environment("replay")), dry_run=dry)
        return replay.ReplayFlow(settings, self._clients, self._now, self._chance)

    def _redrive(self, dry: bool) -> redrive.RedriveApiFlow:
        settings = replace(RedriveSettings.from_env(self._names.environment("redrive")), dry_run=dry)
        return redrive.RedriveApiFlow(settings, self._clients, self._now, self._chance)

    def _redrive_step(self, dry: bool) -> redrive_step.RedriveStepFlow:
        settings = replace(RedriveStepSettings.from_env(self._names.environment("redrive_step")), dry_run=dry)
        return redrive_step.RedriveStepFlow(settings, self._clients, self._now, random.random, self._scheduler.sleep)

    def _chance(self) -> str:
        self._count["chance"] += 1
        return f"{self._count['chance']:08x}"

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._scheduler.clock.now, UTC)


def _gist(value: Mapping[str, Any]) -> str:
    """A few words on what went in or came out."""
    if "Records" in value:
        return ", ".join(_record(it) for it in value["Records"])
    if "batchItemFailures" in value:
        return "failed " + (", ".join(it["itemIdentifier"][-4:] for it in value["batchItemFailures"]) or "none")
    if "requestContext" in value:
        return str(value["requestContext"]["requestId"])
    if "statusCode" not in value:
        return ", ".join(f"{name} {it}" for name, it in value.items())
    return f"{value['statusCode']} " + ", ".join(_STATUS.findall(value["body"]))


def _record(record: Mapping[str, Any]) -> str:
    if "dynamodb" in record:
        return f"{record['dynamodb']['SequenceNumber'][-4:]} {record['dynamodb']['NewImage']['event_id']['S'][:6]}"
    found = _EVENT_ID.search(record["body"])
    event_id = found[1] if found else "foreign"
    return f"{record['messageId'][-4:]} {event_id} x{record['attributes']['ApproximateReceiveCount']}"
