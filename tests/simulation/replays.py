"""Operators who replay windows in the middle of it all, and go on with their last token whatever becomes of a call."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.simulation import stored
from tests.simulation.scheduler import Task
from tests.simulation.service import ServiceContext, SimulatedService
from tests.simulation.violations import check
from tests.simulation.workload import WorkloadRequest

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


class Operators(SimulatedService):
    """All callers of POST /replay."""

    def __init__(self, requests: Sequence[WorkloadRequest], context: ServiceContext) -> None:
        super().__init__(context)
        events = [it for request in requests for it in request.events]
        self.replays = [
            SimulatedReplay(self._body(self._rng.choice(events)))
            for _ in range(self._conditions.replays if events else 0)
        ]
        for replay in self.replays:
            replay.due = self._now + self._rng.uniform(0, 2)

    def can_start(self) -> bool:
        return bool(self._ready())

    def wake(self) -> float | None:
        """When a replay goes on."""
        return min((it.due for it in self.replays if self._may_go_on(it)), default=None)

    def start(self) -> None:
        """Ask for a replay, or for more of it."""
        ready = self._ready()
        replay = ready[self._rng.randrange(len(ready))]
        replay.busy = True
        replay.attempts += 1
        if "next_token" not in replay.body:
            replay.wanted = self._window(replay.body)
        dry = self.dry
        event = {
            "routeKey": "POST /replay",
            "requestContext": {"requestId": f"replay-request-{replay.attempts}"},
            "headers": {"Content-Type": "application/json"},
            "body": json.dumps(replay.body),
        }
        task = self._deployment.invoke("replay", event, lambda task: self._ended(replay, task, dry=dry), dry=dry)
        task.dry = dry or replay.body["dry_run"]

    def _ready(self) -> list[SimulatedReplay]:
        now = self._now
        return [it for it in self.replays if self._may_go_on(it) and it.due <= now]

    def _may_go_on(self, replay: SimulatedReplay) -> bool:
        # A dry stack reads every request as a dry one, and so takes no token of another.
        return not replay.over and not replay.busy and not (self.dry and "next_token" in replay.body)

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

    def _ended(self, replay: SimulatedReplay, task: Task, *, dry: bool) -> None:
        replay.busy = False
        replay.due = self._now + self._rng.uniform(*_BACKOFF_SECONDS)
        replay.over = replay.attempts >= _MAX_ATTEMPTS or dry
        if task.value is None:
            return
        status, answer = task.value["statusCode"], json.loads(task.value["body"])
        check(status in {200, 503}, "a replay is answered", f"{status} {answer}")
        if self._rng.random() < 0.1:
            return  # the answer is lost: the same again
        if "next_token" in answer:
            replay.body["next_token"] = answer["next_token"]
        elif status == 200:
            replay.over = True
            replay.run_id = answer["run_id"]
            check(answer["sent"] or answer["explanation"], "a replay that sends nothing says why", answer)
            replay.complete = not (dry or replay.body["dry_run"] or "limit" in replay.body)
