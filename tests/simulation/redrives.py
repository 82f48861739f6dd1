"""Operators who redrive, rescue and cancel in the middle of it all, and the executions of the state machine that they
start.

An execution is carried out as its definition says: a step that fails or dies is tried again, then the run is finished
with its error. One whose last step fails too is over, and what it held comes back to the queue automatically.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from pik.domain.redrive.run import UNDER_WAY
from tests.simulation import stored
from tests.simulation.conditions import Conditions
from tests.simulation.deployment import Deployment
from tests.simulation.scheduler import Scheduler, Task
from tests.simulation.violations import check
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import Names

_MAX_ATTEMPTS: Final = 6
_BACKOFF_SECONDS: Final = (0.1, 20.0)
_STEP_ATTEMPTS: Final = 4
_STARTED: Final = (200, 202)
_REFUSED: Final = (404, 409)
_PASSING: Final = 503


@dataclass(slots=True)
class Wish:
    """What one operator wants: a run to start, and perhaps to cancel it a little later. `sure`: whether or not there
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


class Redrives:
    """All callers of the redrive API, and Step Functions."""

    def __init__(
        self,
        aws: FakeAws,
        names: Names,
        deployment: Deployment,
        scheduler: Scheduler,
        conditions: Conditions,
        rng: Random,
    ) -> None:
        self._aws = aws
        self._names = names
        self._deployment = deployment
        self._scheduler = scheduler
        self._rng = rng
        self.twice = conditions.twice
        """How often a step that was given up for lost goes on beside its repetition."""
        self.dry = False
        self.executions: dict[str, Execution] = {}
        self.wishes = [self._wish(number) for number in range(conditions.redrives)]

    def can_start(self) -> bool:
        return bool(self._ready())

    def wake(self) -> float | None:
        """When the first of all that waits goes on."""
        now = self._scheduler.clock.now
        return min((it.due for it in self._waiting() if it.due > now or it in self._ready()), default=None)

    def start(self) -> None:
        """Make a request, or take a step."""
        ready = self._ready()
        it = ready[self._rng.randrange(len(ready))]
        it.busy = True
        it.attempts += 1
        if isinstance(it, Wish):
            self._ask(it)
        else:
            self._step(it)

    def ask(self, body: dict[str, Any], request_id: str) -> Wish:
        """One more request, at once and with all the patience it takes."""
        wish = Wish(body, request_id, self._scheduler.clock.now, sure=True)
        self.wishes.append(wish)
        return wish

    def rows(self) -> dict[str, stored.Row]:
        """The redrive runs on record, by id."""
        found = stored.rows(self._aws, self._names.runs_table)
        return {row["run_id"]: row for row in found if row["kind"] == "redrive"}

    def _waiting(self) -> list[Wish | Execution]:
        self._notice()
        everything: list[Wish | Execution] = [*self.wishes, *self.executions.values()]
        return [it for it in everything if not (it.over or it.busy)]

    def _ready(self) -> list[Wish | Execution]:
        now = self._scheduler.clock.now
        found = [it for it in self._waiting() if it.due <= now]
        return found if self._letters() else [it for it in found if not isinstance(it, Wish) or it.attempts or it.sure]

    def _letters(self) -> bool:
        """Whether there is anything to redrive: an operator waits for the alarm."""
        return bool(stored.queue(self._aws, self._names.work_dead_letter_queue_url).messages)

    def _notice(self) -> None:
        """What was started since the last look begins."""
        for run_id in self._aws.stepfunctions.started:
            self.executions.setdefault(run_id, Execution(run_id, self._scheduler.clock.now))

    def _wish(self, number: int) -> Wish:
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
        due = self._scheduler.clock.now + rng.choice([0, 5, 100])
        return Wish(body, f"redrive-request-{number}", due, cancels=rng.random() < 0.2)

    def _ask(self, it: Wish) -> None:
        ended: Callable[[Task], None] = lambda task: self._asked(it, task)  # noqa: E731 (a name for the type)
        self._deployment.invoke("redrive", it.event(), ended, dry=self.dry)

    def _asked(self, it: Wish, task: Task) -> None:
        it.busy = False
        it.due = self._scheduler.clock.now + self._rng.uniform(*_BACKOFF_SECONDS)
        it.over = it.attempts >= _MAX_ATTEMPTS
        if task.value is None:
            return
        status, answer = task.value["statusCode"], json.loads(task.value["body"])
        allowed = {*_STARTED, _PASSING} | (set(_REFUSED) if it.run_id else set())
        check(status in allowed, "a redrive request is answered", f"{status} {answer}")
        if status == _PASSING or self._rng.random() < 0.1:
            return  # or the answer is lost: the same again
        if it.cancels and not it.run_id and "run_id" in answer:
            it.run_id = answer["run_id"]
        else:
            it.over = True

    def _step(self, it: Execution) -> None:
        event = {"step": it.step, "run_id": it.run_id} | ({"error": it.error} if it.error else {})
        if self._rng.random() < self.twice:
            self._deployment.invoke("redrive_step", event, lambda _: None, dry=self.dry)
        self._deployment.invoke("redrive_step", event, lambda task: self._stepped(it, task), dry=self.dry)

    def _stepped(self, it: Execution, task: Task) -> None:
        it.busy = False
        now = self._scheduler.clock.now
        if task.value is None:
            it.due = now + 2.0**it.attempts
            if it.attempts >= _STEP_ATTEMPTS:
                it.over = it.cut = it.step == "finish" and it.error is not None
                it.error = {"Error": type(task.error).__name__ if task.error else "Killed", "Cause": str(task.error)}
                it.step, it.attempts = "finish", 0
            return
        following, wait = task.value["next"], task.value["wait_seconds"]
        check(following in {"WAVE", "WAIT", "FINISH", "END"}, "a step says what comes next", following)
        it.attempts = 0
        it.due = now + (wait if following == "WAIT" else 0)
        it.over = following == "END"
        it.cut = it.over and task.dry
        it.step = "finish" if following == "FINISH" else "wave"


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
