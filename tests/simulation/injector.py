"""Between functions and the in-memory AWS: lets faults happen, notes every call, and watches what must not happen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from pik.domain.shared.limits import BATCH_ROUNDS
from tests.simulation.faults import AFTER, BEFORE, KINDS, PlannedFault
from tests.simulation.scheduler import Scheduler, Task
from tests.simulation.stored import Watch
from tests.simulation.violations import Violation, check
from tests.support.aws.account import FakeAws, Phase
from tests.support.aws.errors import CallRefused, client_error, conflicted, throttled, unavailable
from tests.support.faults import Killed

Trace = list[tuple[float, str, str]]

READS: Final = frozenset(
    {"get_parameters", "get_object", "query", "get_item", "batch_get_item", "get_queue_attributes", "head_object"}
)
_LOOKS: Final = frozenset({"receive_message", "change_message_visibility_batch"})
"""What a dry preview does with the dead-letter queue: all messages are as visible afterwards as they were."""
_FOR_EVER: Final = 1e6
_LAST_SECONDS: Final = 2.0


class Injector:
    """The hooks of one FakeAws. `fired` are the faults that happened. Calls of the driver itself pass untouched."""

    def __init__(
        self, aws: FakeAws, scheduler: Scheduler, faults: Sequence[PlannedFault], trace: Trace, watch: Watch
    ) -> None:
        self._aws = aws
        self._scheduler = scheduler
        self._plan = {(it.function, it.operation, it.nth): it for it in faults}
        self._trace = trace
        self._watch = watch
        self._seen: Counter[tuple[str, str]] = Counter()
        self._current: PlannedFault | None = None
        self._repeating = False
        self._ledger_faults: Counter[str] = Counter()
        self.fired: list[PlannedFault] = []
        self.failed_ledgers: set[str] = set()
        """The tasks whose writes to the failure ledger were made to fail, at once or so often that it gives up."""
        self.violations: list[Violation] = []
        aws.on_call = self._on_call
        aws.partial = self._partial

    def calm(self) -> None:
        """No faults from now on."""
        self._plan = {}

    def _on_call(self, service: str, operation: str, request: Mapping[str, Any], phase: Phase) -> None:
        task = self._scheduler.current
        if task is None or self._repeating:
            return
        try:
            self._around(task, service, operation, request, phase)
        except Killed:
            task.doomed = True  # what the code does on its way out, a dead process does not
            raise
        except Violation as violation:
            # Raised into the function it might be caught there.
            self.violations.append(violation)
            task.doomed = True
            raise Killed("a rule was broken") from violation

    def _around(self, task: Task, service: str, operation: str, request: Mapping[str, Any], phase: Phase) -> None:
        if phase == "before":
            self._scheduler.pause()
            self._check_dry(task, operation)
            key = (task.function, operation)
            self._seen[key] += 1
            fault = self._current = self._plan.get((*key, self._seen[key]))
            self._trace.append((self._scheduler.clock.now, task.name, _description(operation, request, fault)))
            if fault is None:
                return
            self._note(fault, task, request)
            if fault.kind in BEFORE:
                self._fail(fault, service, operation, request)
        else:
            fault, self._current = self._current, None
            known = set(self._watch.letters)
            self._watch.after(service, operation)
            if task.function == "redrive_step":
                self._watch.returned |= self._watch.letters.keys() - known
            if fault is not None and fault.kind in AFTER:
                try:
                    self._fail(fault, service, operation, request)
                finally:
                    self._watch.after(service, operation)

    def _note(self, fault: PlannedFault, task: Task, request: Mapping[str, Any]) -> None:
        self.fired.append(fault)
        if self._watch.is_ledger(request) and fault.kind not in {"delayed", "repeated"}:
            self._ledger_faults[task.name] += 1 if fault.kind == "partial" else BATCH_ROUNDS
            if self._ledger_faults[task.name] >= BATCH_ROUNDS:
                self.failed_ledgers.add(task.name)

    def _check_dry(self, task: Task, operation: str) -> None:
        if task.dry:
            allowed = operation in READS and task.function in {"webhook", "processor", "replay", "redrive"}
            allowed |= operation in _LOOKS and task.function == "redrive"
            check(allowed, "a dry run changes nothing", f"{task.name} called {operation}")

    def _fail(self, fault: PlannedFault, service: str, operation: str, request: Mapping[str, Any]) -> None:
        match fault.kind:
            case "kill_before" | "kill_after":
                raise Killed(str(fault))
            case "slow_before" | "slow_after":
                self._scheduler.sleep(_FOR_EVER)
            case "delayed":
                task = self._scheduler.current
                assert task is not None, "only functions meet faults"
                self._scheduler.sleep(max(0.0, task.deadline - self._scheduler.clock.now - _LAST_SECONDS))
            case "throttled":
                raise throttled(service, operation)
            case "unavailable" | "failed_after":
                raise unavailable(service, operation)
            case "unconnected":
                raise ConnectTimeoutError(endpoint_url=f"https://{service}")
            case "denied":
                raise client_error(service, operation, CallRefused("AccessDeniedException", "no", status=400))
            case "conflict":
                raise conflicted(operation, request)
            case "lost":
                raise ReadTimeoutError(endpoint_url=f"https://{service}")
            case "repeated":
                self._repeat(service, operation, request)

    def _repeat(self, service: str, operation: str, request: Mapping[str, Any]) -> None:
        """The answer of the second call is the one that arrives; where it says the same, the first's will do."""
        if operation in READS or operation == "transact_write_items":
            return  # botocore adds its own token to a transaction, by which AWS recognizes a repeat
        self._repeating = True
        try:
            getattr(self._aws.client(service), operation)(**request)
        finally:
            self._repeating = False

    def _partial(self, service: str, operation: str, request: Mapping[str, Any]) -> Collection[int]:
        fault = self._current
        if fault is None or fault.kind != "partial" or self._scheduler.current is None or self._repeating:
            return ()
        return [place for place in range(256) if fault.mask >> place % 8 & 1]


def _description(operation: str, request: Mapping[str, Any], fault: PlannedFault | None) -> str:
    text = f"{operation} {_target(request)}"
    return f"{text} !! {KINDS[fault.kind]} (fault {fault.number})" if fault else text


def _target(request: Mapping[str, Any]) -> str:
    """A few words on what a call is about."""
    if "Key" in request and isinstance(request["Key"], str):
        return request["Key"].rpartition("/")[2]
    if "Entries" in request:
        return f"{len(request['Entries'])} entries"
    if "TransactItems" in request:
        return f"{len(request['TransactItems'])} actions"
    if "RequestItems" in request:
        return ", ".join(request["RequestItems"])
    held = request.get("Item") or request.get("Key") or {}
    names = [next(iter(value.values())) for name, value in held.items() if name in {"PK", "SK", "event_id"}]
    return " ".join([request.get("TableName", ""), *names])
