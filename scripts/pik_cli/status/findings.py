"""What in a snapshot needs attention, as text, with the next step. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pik.domain.operate.processor_switch import PARAMETER
from pik_cli.shell.output import plural
from pik_cli.shell.processor_switch import SwitchState, is_declared, judge_switch
from pik_cli.shell.queues import QueueCounts
from pik_cli.status.read import Snapshot, SourceMapping, TableState


@dataclass(frozen=True, slots=True)
class StatusFinding:
    """`code` is stable, for programs; `message` and `next_step` are for people."""

    code: str
    message: str
    next_step: str


def findings(snapshot: Snapshot) -> list[StatusFinding]:
    """Every finding, what endangers events first."""
    return [
        *_unreadable(snapshot),
        *_stack(snapshot),
        *_api(snapshot),
        *(found for mapping in snapshot.mappings for found in _mapping(mapping, snapshot)),
        *_discarded(snapshot),
        *_dead_letters(snapshot),
        *_failure_mode(snapshot),
        *_switches(snapshot),
        *_tables(snapshot),
    ]


def _unreadable(snapshot: Snapshot) -> Iterator[StatusFinding]:
    read: tuple[QueueCounts | SourceMapping | TableState, ...] = (
        *snapshot.queues,
        *snapshot.mappings,
        *snapshot.tables,
    )
    for resource in read:
        if resource.problem:
            name = f"The {resource.name} mapping" if isinstance(resource, SourceMapping) else resource.name
            yield StatusFinding(
                "unreadable",
                f"{name} could not be read: {resource.problem}",
                "Check the caller's permissions, and that the stack is deployed from the present template.yaml.",
            )


def _stack(snapshot: Snapshot) -> Iterator[StatusFinding]:
    status = snapshot.stack.status
    if status.endswith("_FAILED") or "ROLLBACK" in status:
        yield StatusFinding(
            "stack_not_deployed",
            f"The stack's last deployment did not succeed: {status}.",
            f"See why:\naws cloudformation describe-stack-events --stack-name {snapshot.stack.name}{_where(snapshot)}",
        )


def _api(snapshot: Snapshot) -> Iterator[StatusFinding]:
    if snapshot.api.problem:
        yield StatusFinding(
            "api_unwell",
            f"{snapshot.api.problem[:1].upper()}{snapshot.api.problem[1:]}",
            "Producers get errors and must retry. See:\npik logs ingest --level ERROR",
        )


def _mapping(mapping: SourceMapping, snapshot: Snapshot) -> Iterator[StatusFinding]:
    if mapping.problem:
        return
    if mapping.name == "processor":
        yield from _processor(mapping, snapshot)
    elif not mapping.enabled:
        yield _disabled_publisher(mapping, snapshot)
    if mapping.enabled and mapping.last_result.upper().startswith("PROBLEM"):
        yield StatusFinding(
            f"{mapping.name}_failing",
            f"The {mapping.name} mapping reports: {mapping.last_result}",
            f"See:\npik logs {mapping.name} --level ERROR",
        )


def _processor(mapping: SourceMapping, snapshot: Snapshot) -> Iterator[StatusFinding]:
    """The switch as `pik processor status` judges it."""
    switches, given = snapshot.api.switches or {}, snapshot.stack.parameters
    state = SwitchState(
        declared=is_declared(given, PARAMETER, str(switches.get("enable_processor") is not False).lower()),
        dry_run=is_declared(given, "DryRun", str(switches.get("dry_run") is True).lower()),
        uuid=mapping.uuid,
        mapping=mapping.state,
        pending=snapshot.pending,
    )
    waiting = next((queue for queue in snapshot.queues if queue.name == "WorkQueue"), QueueCounts("WorkQueue")).total
    verdict = judge_switch(state, waiting)
    if verdict:
        yield StatusFinding(verdict.code, verdict.message, verdict.next_step)
    if snapshot.pending and snapshot.pending.problem:
        yield StatusFinding(
            "unreadable",
            f"The schedule that may switch the processor could not be read: {snapshot.pending.problem}",
            "Check the caller's permissions (scheduler:GetSchedule).",
        )


def _disabled_publisher(mapping: SourceMapping, snapshot: Snapshot) -> StatusFinding:
    return StatusFinding(
        "publisher_disabled",
        f"The publisher mapping is {mapping.state}: accepted events wait in the table's stream, which keeps 24 hours.",
        "Enable it before then:\naws lambda update-event-source-mapping --enabled "
        f"--uuid {mapping.uuid}{_where(snapshot)}",
    )


def _where(snapshot: Snapshot) -> str:
    """The options that lead the AWS command line to the same place."""
    options = (("region", snapshot.region), ("endpoint-url", snapshot.endpoint_url))
    return "".join(f" --{name} {value}" for name, value in options if value)


def _discarded(snapshot: Snapshot) -> Iterator[StatusFinding]:
    found = snapshot.discarded
    if found.problem:
        yield StatusFinding(
            "unreadable",
            f"The discarded stream batches could not be counted: {found.problem}",
            "Check the caller's permissions (s3:ListBucket on RawBucket).",
        )
    elif found.due:
        least = "At least " if found.more else ""
        batches = plural(found.due, "stream batch was", "stream batches were")
        yield StatusFinding(
            "discarded_batches",
            f"{least}{batches} discarded or set aside: accepted events that are not in the work queue.",
            "See why: pik publisher recover --dry-run (the log: pik logs publisher --level ERROR)",
        )


def _dead_letters(snapshot: Snapshot) -> Iterator[StatusFinding]:
    for queue in snapshot.queues:
        letters = plural(queue.total, "message", "messages")
        if queue.name == "WorkDeadLetterQueue" and queue.total:
            yield StatusFinding(
                "dead_letters",
                f"{letters} in the dead-letter queue: events that could not be processed.",
                "See why, and the log:\npik dlq analyze\npik logs processor --level ERROR",
            )
        if queue.name == "BusDeadLetterQueue" and queue.total:
            yield StatusFinding(
                "bus_dead_letters",
                f"{letters} in the bus's dead-letter queue: news that reached no subscriber.",
                "The aggregates are right. Check the topic's policy, then send these messages again.",
            )


def _failure_mode(snapshot: Snapshot) -> Iterator[StatusFinding]:
    found = snapshot.failure_mode
    if found is None:
        return
    if found.problem:
        yield StatusFinding(
            "unreadable",
            f"The failure mode could not be read: {found.problem}",
            "Functions that cannot read it either inject nothing. Check the caller's permissions (ssm:GetParameter).",
        )
    elif found.mode is None:
        yield StatusFinding(
            "failure_mode_unknown",
            f"The failure mode {found.name!r} is unknown: nothing is injected, and functions warn of it.",
            "Put it right:\npik fault clear",
        )
    elif found.injects:
        yield StatusFinding(
            "fault_injected",
            f"Failures are injected since {found.since}, mode {found.mode}: {found.mode.effect}.",
            "End it:\npik fault clear",
        )


def _switches(snapshot: Snapshot) -> Iterator[StatusFinding]:
    if (snapshot.api.switches or {}).get("dry_run") is True:
        yield StatusFinding(
            "dry_run",
            "The stack runs with DryRun=true: events that are sent to it are judged and not stored.",
            "To store them, deploy with DryRun=false.",
        )
    for warning in snapshot.api.warnings:
        yield StatusFinding("api_warning", warning, "See the switches: pik health")


def _tables(snapshot: Snapshot) -> Iterator[StatusFinding]:
    for table in snapshot.tables:
        if not table.problem and table.status not in {"ACTIVE", "UPDATING"}:
            yield StatusFinding(
                "table_not_active",
                f"{table.name} is {table.status or 'in an unknown state'}.",
                "Wait until it is ACTIVE; writes to it fail until then.",
            )
