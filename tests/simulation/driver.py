"""One seed's world from its first request to rest: who goes on next, and what operators do when the faults are over."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from pik.domain.shared.redrive_limits import REDRIVE_BEGIN_SECONDS
from tests.simulation import stored
from tests.simulation.conditions import Conditions
from tests.simulation.deployment import WEBHOOK_SOURCE, Deployment
from tests.simulation.expiry import Expiry
from tests.simulation.faults import PlannedFault
from tests.simulation.injector import Injector, Trace
from tests.simulation.producers import Producers
from tests.simulation.redrives import Redrives
from tests.simulation.replays import Operators
from tests.simulation.scheduler import Scheduler
from tests.simulation.service import ServiceContext, SimulatedService
from tests.simulation.stream import Stream
from tests.simulation.violations import check
from tests.simulation.work_queue import WorkQueueMapping
from tests.simulation.workload import WEBHOOK_SECRET, WorkloadRequest
from tests.support.aws.account import FakeAws
from tests.support.aws.clock import Clock
from tests.support.aws.stack import WEBHOOK_SECRET_PREFIX, deployed
from tests.support.foreign import FOREIGN

_MAX_STEPS: Final = 30_000
_VISIBILITY_SECONDS: Final = 190


class SimulatedWorld:
    """Everything of one run. After `run`, its state is there to be judged."""

    def __init__(
        self,
        conditions: Conditions,
        requests: Sequence[WorkloadRequest],
        faults: Sequence[PlannedFault],
        rng: Random,
        clock: Clock,
    ) -> None:
        self.conditions = conditions
        self.requests = requests
        self.clock = clock
        self.aws = FakeAws(clock=self.clock, validate=False)
        self.names = deployed(
            self.aws, max_receive_count=conditions.max_receives, visibility_seconds=_VISIBILITY_SECONDS
        )
        self.aws.ssm.put_parameter(
            Name=f"{WEBHOOK_SECRET_PREFIX}/{WEBHOOK_SOURCE}/current", Value=WEBHOOK_SECRET, Type="SecureString"
        )
        for name, dead in conditions.strangers:
            url = self.names.work_dead_letter_queue_url if dead else self.names.work_queue_url
            FOREIGN[name].send(self.aws, url)
        self.trace: Trace = []
        self._rng = rng
        self.scheduler = Scheduler(self.clock, rng, stickiness=conditions.stickiness)
        self.watch = stored.Watch(self.aws, self.names)
        self.injector = Injector(self.aws, self.scheduler, faults, self.trace, self.watch)
        deployment = Deployment(self.aws, self.names, self.scheduler, self.trace)
        context = ServiceContext(self.aws, self.names, deployment, self.scheduler, conditions, rng)
        self.producers = Producers(requests, context)
        self.stream = Stream(context)
        self.work = WorkQueueMapping(context)
        self.operators = Operators(requests, context)
        self.redrives = Redrives(context)
        expiry = Expiry(requests, context, self.producers.rest, lambda: self.watch.after("dynamodb", "delete_item"))
        own = (self.producers, self.stream, self.work, self.operators, self.redrives)
        self._services: list[SimulatedService] = [*own, expiry]
        self._steps = 0
        self._dry_windows = conditions.dry_windows
        self._off_windows = conditions.off_windows

    def run(self) -> None:
        """To the end: first with faults until all is quiet, then without, with operators who send again what was
        given up. Raises Violation."""
        try:
            self._until_quiet()
            self._calm()
            self._until_quiet()
            self._note("operator", "sends again what is at the failure destination")
            self.stream.send_kept()
            self._until_quiet()
            check(not self.stream.kept, "without faults the publisher sends all", self.stream.kept)
            self._redrive()
        finally:
            self.scheduler.close()

    def _redrive(self) -> None:
        """What was rescued goes back, and then all dead letters are redriven, those too that a run held which died."""
        self.clock.now += REDRIVE_BEGIN_SECONDS + 1  # a put-back whose execution is over gives way to another
        back: set[str] = set()
        while rescues := {run for run, row in self.redrives.rows().items() if row["action"] == "rescue"} - back:
            run_id = min(rescues)
            back.add(run_id)
            body = {"action": "put_back", "rescue_id": run_id}
            self._carry_out(body)
            before = self._letters()
            self._carry_out(body)
            check(self._letters() == before, "a rescue that was put back is not put back again", run_id)
        queue = stored.queue(self.aws, self.names.work_dead_letter_queue_url)
        self.clock.now = max([self.clock.now, *(it.visible_at for it in queue.messages.values())])
        self._carry_out({"all": True, "force": True, "min_age_seconds": 0, "canary": False, "attempt_budget": 10})

    def _letters(self) -> set[str]:
        return {it.message_id for it in self.aws.sqs.messages(self.names.work_dead_letter_queue_url)}

    def _carry_out(self, body: dict[str, Any]) -> None:
        self._note("operator", f"starts {body}")
        request = self.redrives.ask(body, f"redrive-{self._steps}")
        self._until_quiet()
        check(request.over, "without faults a redrive is started", body)

    def _calm(self) -> None:
        self._note("operator", "the faults are over")
        self.injector.calm()
        self.work.careful = True
        self.redrives.twice = 0.0
        self._dry_windows = self._off_windows = ()

    def _until_quiet(self) -> None:
        while True:
            self._steps += 1
            check(self._steps < _MAX_STEPS, "the pipeline comes to rest", f"{_MAX_STEPS} steps")
            self._turn_switches()
            if not self._go_on() and not self._let_time_pass():
                return
            if self.injector.violations:
                raise self.injector.violations[0]

    def _go_on(self) -> bool:
        """One step of something that can go on now; whether there was one."""
        tasks = self.scheduler.runnable()
        if not tasks or self._rng.random() < self.conditions.eagerness:
            services = [it for it in self._services if it.can_start()]
            if services:
                services[self._rng.randrange(len(services))].start()
                return True
        if not tasks:
            return False
        self.scheduler.step(tasks[self._rng.randrange(len(tasks))])
        return True

    def _let_time_pass(self) -> bool:
        """To the next moment at which something can go on; whether there is one."""
        moments = [it.wake() for it in (self.scheduler, *self._services)]
        later = [it for it in moments if it is not None and it < self.clock.now + 1e8]
        if not later:
            return self._end_windows()
        self.clock.now = max(self.clock.now, min(later))
        return True

    def _turn_switches(self) -> None:
        self._switch(
            dry=_within(self._dry_windows, self._steps),
            enabled=not _within(self._off_windows, self._steps),
        )

    def _end_windows(self) -> bool:
        """No switch stays thrown forever: when all is quiet, the switches are put back."""
        if not self.producers.dry and self.work.enabled:
            return False
        self._dry_windows = self._off_windows = ()
        return True

    def _switch(self, *, dry: bool, enabled: bool) -> None:
        if dry != self.producers.dry:
            self._note("operator", f"DryRun={dry}")
        if enabled != self.work.enabled:
            self._note("operator", f"EnableProcessor={enabled}")
        for service in self._services:
            service.dry = dry
        self.work.enabled = enabled

    def _note(self, who: str, what: str) -> None:
        self.trace.append((self.clock.now, who, what))


def _within(windows: Sequence[tuple[int, int]], step: int) -> bool:
    return any(begin <= step < end for begin, end in windows)
