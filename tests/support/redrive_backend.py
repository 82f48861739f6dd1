"""What `pik dlq` talks to in tests: the real redrive API and its steps, on AWS in memory, behind HTTP and boto3.

A run goes on by one step each time that somebody looks at it, so a test sees every stage and waits for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
from botocore.credentials import Credentials

from pik.domain.event.work import Work
from pik.domain.process.dead_letters import Reason
from pik.domain.shared import identity, times
from pik.flows.redrive_api import RedriveApiFlow
from pik.flows.redrive_step import RedriveStepFlow
from pik.settings import RedriveSettings, RedriveStepSettings
from tests.support.aws.account import FakeAws
from tests.support.aws.context import FakeContext
from tests.support.aws.stack import deployed
from tests.support.makers import make_work

OPERATOR = "arn:aws:iam::123456789012:user/operator"
FINGERPRINT = "3f2a9c10"
START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

Reply = Callable[[httpx.Request], httpx.Response]


class RedriveBackend:
    """`instead` are answered in place of the API, one a request: a reply, a status with a body, or an exception."""

    def __init__(self) -> None:
        self.now = START
        self.aws = FakeAws(validate=False, clock=self.clock)
        self.names = deployed(self.aws)
        self.requests: list[httpx.Request] = []
        self.instead: list[Reply | tuple[int, Any] | BaseException] = []
        self.pending: list[str] = []
        self.next_step: dict[str, str] = {}
        self.outputs = {
            "ApiUrl": "https://api.example",
            "WorkQueueUrl": self.names.work_queue_url,
            "WorkDeadLetterQueueUrl": self.names.work_dead_letter_queue_url,
            "RedriveStateMachineArn": self.names.redrive_state_machine_arn,
            "ProcessorLogGroupName": "/aws/lambda/pik-processor",
        }
        self.region = "us-east-1"
        self.credentials = Credentials("a", "b")
        self.sqs: Any = self.aws.sqs
        self.states: Any = States(self)
        self.cloudformation = SimpleNamespace(describe_stacks=self._stacks)
        self._chances = 0
        self.handlers()

    def clock(self) -> float:
        return self.now.timestamp()

    def clock_time(self) -> datetime:
        return self.now

    def handlers(self, **switches: str) -> None:
        """The functions built again, with these variables changed."""
        api = RedriveSettings.from_env(self.names.environment("redrive", **switches))
        step = RedriveStepSettings.from_env(self.names.environment("redrive_step", **switches))
        aws: Any = self.aws
        self.redrive = RedriveApiFlow(api, aws, now=lambda: self.now, chance=self._chance)
        self.step = RedriveStepFlow(step, aws, now=lambda: self.now, chance=lambda: 0.0, sleep=lambda _: None)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.instead:
            reply = self.instead.pop(0)
            if isinstance(reply, BaseException):
                raise reply
            return httpx.Response(reply[0], json=reply[1]) if isinstance(reply, tuple) else reply(request)
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"].startswith("AWS4-HMAC-SHA256")
        path = request.url.path
        run_id = "" if path in {"/redrive/preview", "/redrive/start", "/redrive/cancel"} else path.rpartition("/")[2]
        if run_id:
            self.advance(run_id)
        event = {
            "routeKey": f"{request.method} " + ("/redrive/{run_id}" if run_id else path),
            "pathParameters": {"run_id": run_id},
            "queryStringParameters": dict(request.url.params),
            "headers": dict(request.headers),
            "requestContext": {"requestId": "r", "authorizer": {"iam": {"userArn": OPERATOR}}},
            "body": request.content.decode(),
        }
        answer = self.redrive(event, FakeContext())
        return httpx.Response(answer["statusCode"], headers=answer["headers"], content=answer["body"])

    def advance(self, run_id: str) -> None:
        """The next step of a run that has been started, as its state machine would take it."""
        if run_id not in self.aws.stepfunctions.started:
            return
        step = self.next_step.get(run_id, "freeze")
        if step != "END":
            answer = self.step({"step": step.lower(), "run_id": run_id}, FakeContext(remaining_ms=600_000))
            self.now += timedelta(seconds=answer["wait_seconds"])
            self.next_step[run_id] = "wave" if answer["next"] == "WAIT" else answer["next"]

    def running(self) -> list[str]:
        return [it for it in self.aws.stepfunctions.started if self.next_step.get(it) != "END"]

    def bury(
        self,
        number: int,
        *,
        category: str = "VALIDATION",
        fingerprint: str = FINGERPRINT,
        reason: str = "order-1 has no currency",
        age: timedelta = timedelta(hours=1),
        body: str | None = None,
        told: bool = True,
        injected: str = "",
        **changes: Any,
    ) -> Work:
        """A message in the dead-letter queue; its event is in the bucket."""
        payload = {"orderId": f"order-{number}", "amount": 1}
        work = make_work(payload, **changes)
        self.aws.s3.put_object(Bucket=work.ref.bucket, Key=work.ref.key, Body=identity.canonical_json(payload))
        failed_at = times.from_datetime(self.now - age)
        why = Reason(category, "MissingMember", fingerprint, reason, work.event_id, 1, failed_at, failed_at, work.run)
        why = replace(why, injected=injected)
        attributes = why.attributes() if told else {}
        now, self.now = self.now, self.now - age
        self.sqs.send_message(
            QueueUrl=self.names.work_dead_letter_queue_url,
            MessageBody=body or work.message().body,
            MessageGroupId="shop",
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )
        self.now = now
        return work

    def inject(self, mode: str) -> None:
        """The stack fails on request from now on, in this way."""
        self.ssm: Any = self.aws.ssm
        self.outputs["FailureModeParameterName"] = "/pik-local/failure_mode"
        self.ssm.put_parameter(Name="/pik-local/failure_mode", Value=mode, Type="String", Overwrite=True)

    def dead(self) -> list[Any]:
        """The messages of the dead-letter queue."""
        return self.aws.sqs.messages(self.names.work_dead_letter_queue_url)

    def visible(self) -> int:
        found = self.aws.sqs.get_queue_attributes(
            QueueUrl=self.names.work_dead_letter_queue_url, AttributeNames=["All"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def sent(self) -> list[dict[str, Any]]:
        """The bodies in WorkQueue."""
        return [json.loads(it.body) for it in self.aws.sqs.messages(self.names.work_queue_url)]

    def starts(self) -> list[dict[str, Any]]:
        """The bodies of the requested starts, in order."""
        return [json.loads(it.content) for it in self.requests if it.url.path == "/redrive/start"]

    def acts(self) -> list[dict[str, Any]]:
        """Those that were no rehearsals."""
        return [it for it in self.starts() if not it.get("dry_run")]

    def _stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        return {"Stacks": [{"StackName": "pik-local", "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}

    def _chance(self) -> str:
        self._chances += 1
        return f"{self._chances:08x}"


class States:
    """Step Functions' client: the account's, and what only the command asks of it."""

    def __init__(self, backend: RedriveBackend) -> None:
        self._backend = backend
        self._real = backend.aws.stepfunctions
        self.kind = "STANDARD"
        self.broken: Mapping[str, Exception] = {}
        """By a part of the execution's name, or `describe`."""

    def list_executions(self, **request: Any) -> dict[str, Any]:
        assert request["statusFilter"] == "RUNNING"
        return {"executions": [{"name": it} for it in self._backend.running()]}

    def describe_state_machine(self, **_: Any) -> dict[str, Any]:
        if "describe" in self.broken:
            raise self.broken["describe"]
        return {"type": self.kind}

    def start_execution(self, **request: Any) -> Any:
        for part, error in self.broken.items():
            if part in request["name"]:
                raise error
        return self._real.start_execution(**request)


def row(status: str, **changes: Any) -> dict[str, Any]:
    """A run as GET /redrive/{run_id} shows it."""
    totals = {"selected": 10, "redriven": 10, "rescued": 0, "skipped": {}, "already_gone": 0, "failed": 0}
    return {
        "run_id": "rdr-1",
        "action": "redrive",
        "status": status,
        "requested_by": OPERATOR,
        "requested_at": "2026-11-20T10:00:00.000000Z",
        "updated_at": "2026-11-20T10:00:01.000000Z",
        "request": {"criteria": {"category": "VALIDATION"}},
        "waves": [],
        "totals": totals,
        "explanation": f"It is {status}.",
        **changes,
    }
