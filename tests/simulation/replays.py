"""Operators who replay windows in the middle of it all, and go on with their last token whatever becomes of a call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from tests.simulation import stored
from tests.simulation.conditions import Conditions
from tests.simulation.deployment import Deployment
from tests.simulation.scheduler import Scheduler, Task
from tests.simulation.violations import check
from tests.simulation.workload import WorkloadRequest
from tests.support.aws.account import FakeAws
from tests.support.aws.stack import Names

_MAX_ATTEMPTS: Final = 12
_BACKOFF_SECONDS: Final = (0.1, 20.0)
_WINDOW: Final = ("2026-11-19T00:00:00Z", "2026-11-22T00:00:00Z")


@dataclass(slots=True)
class SimulatedReplay:
    """One replay. `wanted` are the accepted events of its window when it was first requested; `complete`: the answer
    said that all of them were sent."""

    body: dict[str, Any]
    due: float = 0.0
    attempts: int = 0
    busy: bool = False
    over: bool = False
    complete: bool = False
    run_id: str = ""
    wanted: set[str] = field(default_factory=set)


class Operators:
    """All callers of POST /replay."""

    def __init__(
        self,
        requests: Sequence[WorkloadRequest],
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
        self.dry = False
        events = [it for request in requests for it in request.events]
        self.replays = [
            SimulatedReplay(self._body(rng.choice(events))) for _ in range(conditions.replays if events else 0)
        ]
        for it in self.replays:
            it.due = scheduler.clock.now + rng.uniform(0, 2)

    def can_start(self) -> bool:
        return bool(self._ready())

    def wake(self) -> float | None:
        """When a replay goes on."""
        return min((it.due for it in self.replays if self._may_go_on(it)), default=None)

    def start(self) -> None:
        """Ask for a replay, or for more of it."""
        ready = self._ready()
        it = ready[self._rng.randrange(len(ready))]
        it.busy = True
        it.attempts += 1
        if "next_token" not in it.body:
            it.wanted = self._window(it.body)
        dry = self.dry
        event = {
            "routeKey": "POST /replay",
            "requestContext": {"requestId": f"replay-request-{it.attempts}"},
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(it.body),
        }
        task = self._deployment.invoke("replay", event, lambda task: self._ended(it, task, dry=dry), dry=dry)
        task.dry = dry or it.body["dry_run"]

    def _ready(self) -> list[SimulatedReplay]:
        now = self._scheduler.clock.now
        return [it for it in self.replays if self._may_go_on(it) and it.due <= now]

    def _may_go_on(self, it: SimulatedReplay) -> bool:
        # A dry stack reads every request as a dry one, and so takes no token of another.
        return not it.over and not it.busy and not (self.dry and "next_token" in it.body)

    def _body(self, event: Any) -> dict[str, Any]:
        scope: dict[str, Any] = {"entity_id": event.entity_id}
        if self._rng.random() < 0.5:
            scope = {"source": event.source, "event_type": event.event_type}
        more = {"limit": self._rng.randint(1, 5)} if self._rng.random() < 0.2 else {}
        switches = {"include_duplicates": 0.3, "dry_run": 0.1, "shadow": 0.4}
        thrown = {name: self._rng.random() < chance for name, chance in switches.items()}
        return {**scope, "start_time": _WINDOW[0], "end_time": _WINDOW[1], **more, **thrown}

    def _window(self, body: dict[str, Any]) -> set[str]:
        return {
            row["event_id"]
            for row in stored.rows(self._aws, self._names.events_table)
            if row["status"] == "ACCEPTED"
            and all(row[name] == body[name] for name in ("entity_id", "source", "event_type") if name in body)
            and _WINDOW[0] <= row["event_time"] < _WINDOW[1]
        }

    def _ended(self, it: SimulatedReplay, task: Task, *, dry: bool) -> None:
        it.busy = False
        it.due = self._scheduler.clock.now + self._rng.uniform(*_BACKOFF_SECONDS)
        it.over = it.attempts >= _MAX_ATTEMPTS or dry
        if task.value is None:
            return
        status, answer = task.value["statusCode"], json.loads(task.value["body"])
        check(status in {200, 503}, "a replay is answered", f"{status} {answer}")
        if self._rng.random() < 0.1:
            return  # the answer is lost: the same again
        if "next_token" in answer:
            it.body["next_token"] = answer["next_token"]
        elif status == 200:
            it.over = True
            it.run_id = answer["run_id"]
            check(answer["sent"] or answer["explanation"], "a replay that sends nothing says why", answer)
            it.complete = not (dry or it.body["dry_run"] or "limit" in it.body)
