"""Operators who redrive, rescue and cancel in the middle of it all, and the executions of the state machine that they
start.

An execution is carried out as its definition says: a step that fails or dies is tried again, then the run is finished
with its error. One whose last step fails too is over, and what it held comes back to the queue automatically.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pik.domain.redrive.run import UNDER_WAY
from tests.simulation import stored
from tests.simulation.scheduler import Task
from tests.simulation.service import ServiceContext, SimulatedService
from tests.simulation.violations import check

_MAX_ATTEMPTS: Final = 6
_BACKOFF_SECONDS: Final = (0.1, 20.0)
_STEP_ATTEMPTS: Final = 4
_STARTED: Final = (200, 202)
_REFUSED: Final = (404, 409)
_PASSING: Final = 503


@dataclass(slots=True)
class StartRequest:
    """An operator's request to start a run, and perhaps to cancel that run a little later. `sure`: whether or not there
    are dead letters."""

    body: dict[str, Any]
    request_id: str
    due: float
    cancels: bool = False
    sure: bool = False
    attempts: int = 0
    busy: bool = False
    over: bool = False
    run_id: str = ""

    def event(self) -> dict[str, Any]:
        """The request that is to be made next."""
        body = {"run_id": self.run_id} if self.run_id else self.body
        return {
            "routeKey": "POST /redrive/cancel" if self.run_id else "POST /redrive/start",
            "requestContext": {"requestId": self.request_id},
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(body),
        }


@dataclass(slots=True)
class Execution:
    """One execution of the state machine: the step that comes next and how often it was tried. `cut` when it ended
    without finishing: its last step failed for good, or the stack was dry."""

    run_id: str
    due: float
    step: str = "freeze"
    error: dict[str, str] | None = None
    attempts: int = 0
    busy: bool = False
    over: bool = False
    cut: bool = False


class Redrives(SimulatedService):
    """All callers of the redrive API, and Step Functions."""

    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self.twice = self._conditions.twice
        """How often a step that was given up for lost goes on beside its repetition."""
        self.executions: dict[str, Execution] = {}
        self.requests = [self._start_request(number) for number in range(self._conditions.redrives)]
        self.requests += [self._put_back_request(number) for number in range(self._conditions.redrives)]

    def can_start(self) -> bool:
        return bool(self._ready())

    def wake(self) -> float | None:
        """When the first of all that waits goes on."""
        now = self._now
        return min((it.due for it in self._waiting() if it.due > now or it in self._ready()), default=None)

    def start(self) -> None:
        """Make a request, or take a step."""
        ready = self._ready()
        chosen = ready[self._rng.randrange(len(ready))]
        chosen.busy = True
        chosen.attempts += 1
        if isinstance(chosen, StartRequest):
            if _returns(chosen) and "rescue_id" not in chosen.body:
                chosen.body["rescue_id"] = self._rng.choice(sorted(self._rescues()))
            self._ask(chosen)
        else:
            self._step(chosen)

    def ask(self, body: dict[str, Any], request_id: str) -> StartRequest:
        """One more request, at once and with all the patience it takes."""
        request = StartRequest(body, request_id, self._now, sure=True)
        self.requests.append(request)
        return request

    def rows(self) -> dict[str, stored.Row]:
        """The redrive runs on record, by id."""
        found = stored.rows(self._aws, self._names.runs_table)
        return {row["run_id"]: row for row in found if row["kind"] == "redrive"}

    def _waiting(self) -> list[StartRequest | Execution]:
        self._notice()
        everything: list[StartRequest | Execution] = [*self.requests, *self.executions.values()]
        return [it for it in everything if not (it.over or it.busy)]

    def _ready(self) -> list[StartRequest | Execution]:
        now = self._now
        rescues = self._rescues()
        due = [it for it in self._waiting() if it.due <= now]
        found = [it for it in due if rescues or not (isinstance(it, StartRequest) and _returns(it))]
        if self._letters():
            return found
        return [it for it in found if not isinstance(it, StartRequest) or it.attempts or it.sure or _returns(it)]

    def _letters(self) -> bool:
        """Whether there is anything to redrive: an operator waits for the alarm."""
        return bool(stored.queue(self._aws, self._names.work_dead_letter_queue_url).messages)

    def _notice(self) -> None:
        """What was started since the last look begins."""
        for run_id in self._aws.stepfunctions.started:
            self.executions.setdefault(run_id, Execution(run_id, self._now))

    def _start_request(self, number: int) -> StartRequest:
        rng = self._rng
        body: dict[str, Any] = {"force": True, "min_age_seconds": 0}
        body |= {"all": True} if rng.random() < 0.7 else {"max_messages": rng.randint(1, 4)}
        if rng.random() < 0.4:
            body |= {"action": "rescue"}
        else:
            body |= {
                "attempt_budget": 10,
                "canary": {"size": rng.randint(1, 2), "widen": 3, "wait_seconds": rng.choice([5, 15])},
            }
            body |= rng.choice([{}, {"canary": False}, {"jitter_seconds": 20}, {"category": "PROCESSING"}])
        due = self._now + rng.choice([0, 5, 100])
        return StartRequest(body, f"redrive-request-{number}", due, cancels=rng.random() < 0.2)

    def _put_back_request(self, number: int) -> StartRequest:
        """Of a rescue that is chosen when there is one, so that several may be of the same."""
        return StartRequest(
            {"action": "put_back"}, f"put-back-request-{number}", self._now + self._rng.choice([0, 50, 200])
        )

    def _rescues(self) -> list[str]:
        return [run_id for run_id, row in self.rows().items() if row["action"] == "rescue"]

    def _ask(self, request: StartRequest) -> None:
        ended: Callable[[Task], None] = lambda task: self._asked(request, task)  # noqa: E731 (a name for the type)
        self._deployment.invoke("redrive", request.event(), ended, dry=self.dry)

    def _asked(self, request: StartRequest, task: Task) -> None:
        request.busy = False
        request.due = self._now + self._rng.uniform(*_BACKOFF_SECONDS)
        request.over = request.attempts >= _MAX_ATTEMPTS
        if task.value is None:
            return
        status, answer = task.value["statusCode"], json.loads(task.value["body"])
        refusable = request.run_id or request.body.get("action") == "put_back"
        allowed = {*_STARTED, _PASSING} | (set(_REFUSED) if refusable else set())
        check(status in allowed, "a redrive request is answered", f"{status} {answer}")
        if status == _PASSING or self._rng.random() < 0.1:
            return  # or the answer is lost: the same again
        if request.cancels and not request.run_id and "run_id" in answer:
            request.run_id = answer["run_id"]
        else:
            request.over = True

    def _step(self, execution: Execution) -> None:
        event = {"step": execution.step, "run_id": execution.run_id} | (
            {"error": execution.error} if execution.error else {}
        )
        if self._rng.random() < self.twice:
            self._deployment.invoke("redrive_step", event, lambda _: None, dry=self.dry)
        self._deployment.invoke("redrive_step", event, lambda task: self._stepped(execution, task), dry=self.dry)

    def _stepped(self, execution: Execution, task: Task) -> None:
        execution.busy = False
        now = self._now
        if task.value is None:
            execution.due = now + 2.0**execution.attempts
            if execution.attempts >= _STEP_ATTEMPTS:
                execution.over = execution.cut = execution.step == "finish" and execution.error is not None
                execution.error = {
                    "Error": type(task.error).__name__ if task.error else "Killed",
                    "Cause": str(task.error),
                }
                execution.step, execution.attempts = "finish", 0
            return
        following, wait = task.value["next"], task.value["wait_seconds"]
        check(following in {"WAVE", "WAIT", "FINISH", "END"}, "a step says what comes next", following)
        execution.attempts = 0
        execution.due = now + (wait if following == "WAIT" else 0)
        execution.over = following == "END"
        execution.cut = execution.over and task.dry
        execution.step = "finish" if following == "FINISH" else "wave"


def _returns(request: StartRequest) -> bool:
    return request.body.get("action") == "put_back"


def check_runs(redrives: Redrives) -> None:
    """Every run whose execution ended is over on record, and accounts for each message that it selected."""
    rows = redrives.rows()
    for run_id, execution in redrives.executions.items():
        row = rows[run_id]
        totals = row["totals"]
        if execution.cut:
            continue
        check(row["status"] not in UNDER_WAY, "a run that ended is over on record", row)
        account = totals["redriven"] + totals["rescued"] + totals["already_gone"] + totals["failed"]
        account += sum(totals["skipped"].values())
        check(totals["selected"] == account, "a run accounts for what it selected", f"{run_id} {totals}")
