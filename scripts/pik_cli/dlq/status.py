"""`pik dlq status`: how many dead letters there are, how long they last, and what to do now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError

from pik.domain.shared.redrive_limits import MAX_PREVIEW_MESSAGES
from pik_cli.dlq.advice import EscalationLevel, NextStep, level_of, next_step
from pik_cli.dlq.api import RedriveApi
from pik_cli.dlq.fault import fault_json, injected_count
from pik_cli.shell.errors import PikError, Unreachable, concerns_caller, describe, error_code
from pik_cli.shell.exit_codes import FINDING, FINE
from pik_cli.shell.queues import QueueCounts, read_queue
from pik_cli.shell.session import Session, session_of
from pik_cli.shell.windows import span

STATE_MACHINE: Final = "RedriveStateMachineArn"
_RUNS: Final = 10  # running at once, that are listed; one is usual


@dataclass(frozen=True, slots=True)
class Depth:
    """The queue at one moment. `preview` is what the API saw; empty when the queue is, or with a `problem`."""

    queue: QueueCounts
    preview: Mapping[str, Any]
    runs: list[str]
    problems: list[str]

    @property
    def seconds_left(self) -> int | None:
        """Until the oldest message is lost."""
        expiry = self.preview.get("expiry")
        return int(expiry["seconds_left"]) if expiry else None

    @property
    def oldest_seconds(self) -> int | None:
        """Since the oldest failed for good."""
        ages = self.preview.get("ages")
        return int(ages["oldest_seconds"]) if ages else None

    @property
    def level(self) -> EscalationLevel:
        """Of what failed for real: nobody is called for letters that a failure mode made."""
        return level_of(self.queue.total - self.injected)

    @property
    def injected(self) -> int:
        """Of the messages, those that a failure mode made, as far as they were seen."""
        return injected_count(self.preview)


def status(context: typer.Context) -> None:
    """Show the depth of the dead-letter queue, when its oldest message is lost, and the next command.

    A message is lost when the queue's retention period ends, counted from when the message was first sent, not from
    when it reached this queue. Exit status 1 when there are messages, or when something could not be read.

    \b
    Examples:
      pik dlq status
      pik --stack pik-dev dlq status -o json
    """
    session = session_of(context)
    depth = look(session)
    step = next_step(
        depth.queue.total, depth.seconds_left, depth.runs, session.command, counted=not depth.queue.problem
    )
    if session.output.json_wanted:
        session.output.document(as_json(depth, step) | {"fault": fault_json(session)})
    else:
        _show(session, depth, step)
    raise typer.Exit(FINDING if depth.queue.total or depth.problems else FINE)


def look(session: Session) -> Depth:
    """The queue's counts, what the API sees in it, and the runs that are under way."""
    queue = read_queue(session.aws, session.stack, "WorkDeadLetterQueue")
    problems = [f"The queue's depth could not be read: {queue.problem}"] if queue.problem else []
    preview: Mapping[str, Any] = {}
    if queue.total:
        try:
            preview = RedriveApi(session, session.output.note).preview({}, MAX_PREVIEW_MESSAGES, 1)
        except (PikError, httpx.TransportError) as error:
            why = error.message if isinstance(error, PikError) else describe(error)
            problems.append(f"What is in it could not be read: {why}")
    runs, problem = running(session)
    return Depth(queue, preview, runs, [*problems, *([problem] if problem else [])])


def running(session: Session) -> tuple[list[str], str]:
    """Ids of the runs that are under way, and why they are not known when they are not."""
    machine = session.stack.outputs.get(STATE_MACHINE)
    if machine is None:
        return [], f"Running redrives are not known: the stack has no output {STATE_MACHINE}"
    try:
        found = session.aws.states.list_executions(stateMachineArn=machine, statusFilter="RUNNING", maxResults=_RUNS)
    except ClientError as error:
        if concerns_caller(error):
            raise
        return [], f"Running redrives are not known: {error.operation_name}: {error_code(error)}"
    except BotoCoreError as error:
        raise Unreachable(f"AWS does not answer: {describe(error)}", "Check the network and --endpoint-url.") from error
    return [it["name"] for it in found.get("executions", [])], ""


def as_json(depth: Depth, step: NextStep | None) -> dict[str, Any]:
    """Stable form; null for what could not be read."""
    queue = depth.queue
    return {
        "queue": {"visible": queue.visible, "in_flight": queue.in_flight, "delayed": queue.delayed},
        "messages": None if queue.problem else queue.total,
        "injected": depth.injected,
        "oldest_seconds": depth.oldest_seconds,
        "expiry": depth.preview.get("expiry"),
        "level": {"number": depth.level.number, "advice": depth.level.advice or None},
        "running": depth.runs,
        "problems": depth.problems,
        "next": {"why": step.why, "command": step.command} if step else None,
    }


def _show(session: Session, depth: Depth, step: NextStep | None) -> None:
    output, queue = session.output, depth.queue
    counts = [("visible", queue.visible), ("in flight", queue.in_flight), ("delayed", queue.delayed)]
    rows: list[tuple[str, object]] = [(name, "-" if count is None else f"{count:,}") for name, count in counts]
    if depth.oldest_seconds is not None:
        rows.append(("oldest failed", f"{span(depth.oldest_seconds)} ago"))
    expiry = depth.preview.get("expiry")
    if expiry and depth.seconds_left is not None:
        rows.append(("first is lost", f"in {span(depth.seconds_left)}, at {expiry.get('first_expires_at')}"))
    if depth.injected:
        rows.append(("injected", f"{depth.injected:,} of them by a failure mode, not real failures"))
    rows += [("running", run_id) for run_id in depth.runs]
    output.line("Dead-letter queue of stack " + session.stack.name)
    output.table(("", ""), rows)
    output.line()
    if queue.in_flight:
        output.line("In flight: a preview or a redrive is reading them; they become visible again automatically.")
    if depth.level.number:
        output.line(f"Escalation level {depth.level.number}. {depth.level.advice}")
    for problem in depth.problems:
        output.line(f"{problem}.")
    output.line(step.why if step else "No dead letters. Nothing to do.")
    if step:
        output.line(f"  {step.command}")
