"""SQS's own redrive: `pik dlq redrive-all --native` and `pik dlq move-tasks`, with the caller's credentials."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from botocore.exceptions import ClientError

from pik_cli.dlq.api import Tell
from pik_cli.dlq.fault import announces_fault, redrive_question
from pik_cli.dlq.follow import progress
from pik_cli.dlq.options import Consent, consent_options
from pik_cli.shell.consent import ask
from pik_cli.shell.errors import Refusal, error_code
from pik_cli.shell.exit_codes import FINDING, FINE, INTERRUPTED
from pik_cli.shell.limits import CLI_FOLLOW_LOOKS, CLI_FOLLOW_SECONDS
from pik_cli.shell.output import Output, plural
from pik_cli.shell.queues import read_queue
from pik_cli.shell.session import Session, session_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_LISTED: Final = 10  # the last tasks of a queue; AWS remembers no more
_UNDER_WAY: Final = frozenset({"RUNNING", "CANCELLING"})
_NO_SUCH_ACTION: Final = frozenset({"InvalidAction", "UnknownOperationException", "NotImplemented"})
_WILL_NOT: Final = frozenset({"ResourceNotFoundException", "InvalidParameterValue", "UnsupportedOperation"})
_WARNING: Final = (
    "SQS moves everything that is in the dead-letter queue, poison included: what still fails comes back after "
    "its attempts. There are no waves, no filters and no report. The events are not marked as redriven, so one "
    "that was counted but not announced before is not announced again. `pik dlq redrive-all` has none of this."
)

app = typer.Typer(
    name="move-tasks", invoke_without_command=True, rich_markup_mode=None, context_settings={"max_content_width": 110}
)


def move_all(session: Session, rate: int | None, consent: Consent) -> int:
    """Move every message to WorkQueue; gives the exit status."""
    output, sqs = session.output, session.aws.sqs
    queue = read_queue(session.aws, session.stack, "WorkDeadLetterQueue")
    if queue.problem:
        raise Refusal(f"The dead-letter queue could not be read: {queue.problem}")
    source, target = _arn(session, "WorkDeadLetterQueueUrl"), _arn(session, "WorkQueueUrl")
    output.note(_WARNING)
    speed = f"{rate} per second" if rate else "as fast as SQS does it"
    if consent.dry_run or not queue.total:
        return _would_move(output, queue.total, speed, target)
    question = f"Move {plural(queue.total, 'message', 'messages')} to WorkQueue, {speed}?"
    ask(redrive_question(session, question), yes=consent.yes)
    request: dict[str, Any] = {"SourceArn": source, "DestinationArn": target}
    if rate:
        request["MaxNumberOfMessagesPerSecond"] = rate
    handle = _native(sqs.start_message_move_task, **request)["TaskHandle"]
    if not consent.wait:
        output.note(f"Watch it:\n{session.command('dlq', 'move-tasks')}")
        output.document({"task_handle": handle}) if output.json_wanted else output.line(f"Started task {handle}")
        return FINE
    return _follow(session, sqs, source)


@app.callback()
def move_tasks(context: typer.Context) -> None:
    """SQS's own redrives (`pik dlq redrive-all --native`): list them, or cancel the one that runs.

    \b
    Examples:
      pik dlq move-tasks
      pik dlq move-tasks cancel
    """
    if context.invoked_subcommand is None:
        list_tasks(context=context)


@app.command("list")
@announces_fault
def list_tasks(context: typer.Context) -> None:
    """List the last tasks of the dead-letter queue, the newest first."""
    session = session_of(context)
    tasks = _tasks(session.aws.sqs, _arn(session, "WorkDeadLetterQueueUrl"))
    if session.output.json_wanted:
        session.output.document({"tasks": [_as_json(it) for it in tasks]})
        return
    if not tasks:
        session.output.line("SQS has moved nothing from this queue.")
        return
    rows = [
        (it.get("Status", "-"), it.get("ApproximateNumberOfMessagesMoved", 0),
         it.get("ApproximateNumberOfMessagesToMove", 0), it.get("MaxNumberOfMessagesPerSecond") or "-",
         it.get("FailureReason") or "-")
        for it in tasks
    ]  # fmt: skip
    session.output.table(("status", "moved", "to move", "rate", "reason"), rows)
    for handle in (it["TaskHandle"] for it in tasks if it.get("TaskHandle")):  # only a running task has one
        session.output.line("Cancel the running task:")
        session.output.line(f"  {session.command('dlq', 'move-tasks', 'cancel', str(handle))}")


@app.command()
@announces_fault
@consent_options("dry_run", "yes")
def cancel(
    context: typer.Context,
    *,
    handle: Annotated[
        str | None, typer.Argument(metavar="HANDLE", help="As `pik dlq move-tasks` lists it; the running one's.")
    ] = None,
    consent: Consent,
) -> None:
    """Cancel the running task, or the one with this handle. What was moved stays moved.

    \b
    Examples:
      pik dlq move-tasks cancel --dry-run
      pik dlq move-tasks cancel --yes
    """
    session = session_of(context)
    output, sqs = session.output, session.aws.sqs
    if handle is None:
        tasks = _tasks(sqs, _arn(session, "WorkDeadLetterQueueUrl"))
        running = [it for it in tasks if it.get("Status") == "RUNNING" and it.get("TaskHandle")]
        if not running:
            raise Refusal("No task is running.", f"See:\n{session.command('dlq', 'move-tasks')}")
        handle = str(running[0]["TaskHandle"])
    if consent.dry_run:
        output.document({"would_cancel": handle}) if output.json_wanted else output.line(f"Would cancel {handle}")
        return
    ask("Cancel the running move task?", yes=consent.yes)
    moved = _native(sqs.cancel_message_move_task, TaskHandle=handle).get("ApproximateNumberOfMessagesMoved", 0)
    if output.json_wanted:
        output.document({"task_handle": handle, "moved": moved})
    else:
        output.line(f"Cancelled. {plural(int(moved), 'message was', 'messages were')} moved by then.")


def _follow(session: Session, sqs: SQSClient, source: str) -> int:
    show = session.command("dlq", "move-tasks")
    try:
        with progress(session.output, "SQS moves messages") as tell:
            task = watch(lambda: _tasks(sqs, source), time.sleep, tell)
    except KeyboardInterrupt:
        stop = session.command("dlq", "move-tasks", "cancel")
        session.output.note(f"Stopped watching; SQS goes on. Show it:\n{show}\nStop it:\n{stop}")
        raise typer.Exit(INTERRUPTED) from None
    output = session.output
    if output.json_wanted:
        output.document(_as_json(task))
    else:
        moved, all_ = task.get("ApproximateNumberOfMessagesMoved", 0), task.get("ApproximateNumberOfMessagesToMove", 0)
        reason = f" {task['FailureReason']}" if task.get("FailureReason") else ""
        output.line(f"{task.get('Status')}: {moved:,} of about {all_:,} moved.{reason}")
        output.line("See what comes back:")
        output.line(f"  {session.command('dlq', 'monitor')}")
    return FINE if task.get("Status") == "COMPLETED" else FINDING


def watch(
    tasks: Callable[[], list[Mapping[str, Any]]], pause: Callable[[float], None], tell: Tell
) -> Mapping[str, Any]:
    """Look at the newest task until it is over; there is at most one at a time. Raises Refusal when nothing moves."""
    last, still = -1, 0
    while True:
        found = tasks()
        task = found[0] if found else {}
        if found and task.get("Status") not in _UNDER_WAY:
            return task
        moved = int(task.get("ApproximateNumberOfMessagesMoved") or 0)
        tell(f"{moved:,} of about {int(task.get('ApproximateNumberOfMessagesToMove') or 0):,}")
        still = still + 1 if moved == last else 0
        last = moved
        if still == CLI_FOLLOW_LOOKS:
            raise Refusal("The move task makes no progress.", "Cancel it with `pik dlq move-tasks cancel`.")
        pause(CLI_FOLLOW_SECONDS)


def _tasks(sqs: SQSClient, source: str) -> list[Mapping[str, Any]]:
    """The last tasks, the newest first."""
    found: list[Mapping[str, Any]] = list(
        _native(sqs.list_message_move_tasks, SourceArn=source, MaxResults=_LISTED).get("Results", [])
    )
    return sorted(found, key=lambda it: int(it.get("StartedTimestamp") or 0), reverse=True)


def _native(call: Callable[..., Any], **request: Any) -> Mapping[str, Any]:
    """One call. Raises Refusal where there is no such thing, or SQS will not."""
    try:
        answer: Mapping[str, Any] = call(**request)
    except ClientError as error:
        code = error_code(error)
        if code.rpartition(".")[2] in _NO_SUCH_ACTION:
            raise Refusal(
                "This endpoint has no native redrive (StartMessageMoveTask); the local engine lacks it.",
                "Use `pik dlq redrive-all` without --native.",
            ) from error
        if code.rpartition(".")[2] in _WILL_NOT:
            text = str(error.response["Error"].get("Message") or code)
            raise Refusal(f"SQS refuses: {text}", "See `pik dlq move-tasks`; a queue has one running task.") from error
        raise
    return answer


def _arn(session: Session, output: str) -> str:
    url = session.stack.output(output)
    found = session.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return found["Attributes"]["QueueArn"]


def _would_move(output: Output, letters: int, speed: str, target: str) -> int:
    if output.json_wanted:
        output.document({"would_move": letters, "to": target})
    elif letters:
        output.line(f"{plural(letters, 'message', 'messages')} would be moved to {target}, {speed}.")
    else:
        output.line("No dead letters. Nothing to move.")
    return FINE if letters else FINDING


def _as_json(task: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task_handle": task.get("TaskHandle"),
        "status": task.get("Status"),
        "moved": task.get("ApproximateNumberOfMessagesMoved"),
        "to_move": task.get("ApproximateNumberOfMessagesToMove"),
        "rate": task.get("MaxNumberOfMessagesPerSecond"),
        "reason": task.get("FailureReason"),
    }
