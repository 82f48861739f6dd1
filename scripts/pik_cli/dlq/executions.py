"""`pik dlq start-executions`: each message as the input of an execution, with the caller's credentials."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from botocore.exceptions import BotoCoreError, ClientError

from pik.adapters.sqs.dead_letter_queue import DeadLetterQueue
from pik.domain.process.dead_letters import DeadLetter
from pik.domain.redrive.selection import LIMIT_REACHED, UNREADABLE, Criteria
from pik.domain.shared import times
from pik.domain.shared.redrive_limits import MAX_REDRIVE_ALL
from pik.workers import Workers
from pik_cli.dlq.api import Tell
from pik_cli.dlq.fingerprints import causes_of, suggestion
from pik_cli.dlq.follow import progress
from pik_cli.dlq.options import Consent, LetterFilters, consent_options, letter_filters
from pik_cli.dlq.preview import note_window
from pik_cli.shell.consent import ask
from pik_cli.shell.errors import Refusal, concerns_caller, describe, error_code
from pik_cli.shell.exit_codes import FINDING, FINE, INTERRUPTED
from pik_cli.shell.limits import (
    CLI_EXECUTION_HOLD_SECONDS,
    CLI_EXECUTION_THREADS,
    CLI_EXECUTIONS,
    CLI_MAX_EXECUTION_INPUT_BYTES,
    CLI_MAX_EXECUTIONS,
)
from pik_cli.shell.output import Output, plural
from pik_cli.shell.session import Session, session_of

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_TOO_LARGE: Final = "too_large"
_AT_ONCE: Final = 2 * CLI_EXECUTION_THREADS  # between two of these, letters are deleted and Ctrl-C is heard


@dataclass
class ExecutionCounts:
    """What became of the messages: those that were read are the sum of all others."""

    read: int = 0
    started: int = 0
    """Executions that run or ran, those of an earlier attempt included."""
    again: int = 0
    """Of the started, those that an earlier attempt had started."""
    skipped: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    """Why an execution was not started, by message id."""
    kept: dict[str, str] = field(default_factory=dict)
    """Of the started, messages that should have been deleted and are still in the queue, by message id."""
    fingerprints: Counter[str] = field(default_factory=Counter)
    """Of the messages that were read, with how many have each."""
    interrupted: bool = False

    @property
    def left(self) -> int:
        """Messages that were read and not come to."""
        return self.read - self.started - sum(self.skipped.values()) - len(self.failed)


@letter_filters()
@consent_options("dry_run", "yes")
def start_executions(
    context: typer.Context,
    *,
    state_machine: Annotated[str, typer.Option("--state-machine", metavar="ARN", help="The state machine to start.")],
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=CLI_MAX_EXECUTIONS, help="Executions at most.")
    ] = CLI_EXECUTIONS,
    filters: LetterFilters,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the messages in the queue.")] = False,
    consent: Consent,
) -> None:
    """Start one execution of a state machine for each message, and delete the message once it is started.

    The input is the message's body with `reprocessed: true` and `original_failure_time`. The name comes from the
    message's id, so a second attempt does not start a message twice (90 days long, in a standard workflow). What is not
    started is in the queue again. Filters by reason see what is on the message itself.

    Needs states:StartExecution, sqs:ReceiveMessage, ChangeMessageVisibility and DeleteMessage. Exit status 1 when
    something failed or nothing was started.

    \b
    Examples:
      ARN=arn:aws:states:us-east-1:123456789012:stateMachine:repair
      pik dlq start-executions --state-machine "$ARN" --dry-run
      pik dlq start-executions --state-machine "$ARN" --count 100
      pik dlq start-executions --state-machine "$ARN" --category VALIDATION --keep
    """
    session = session_of(context)
    output = session.output
    criteria = Criteria(**filters.members())
    note_window(output, filters)
    url = session.stack.output("WorkDeadLetterQueueUrl")
    queue = DeadLetterQueue(session.aws.sqs, url, Workers(CLI_EXECUTION_THREADS))
    starter = Starter(session.aws.states, state_machine)
    starter.check(session)
    what = "keep" if keep else "delete"
    if not consent.dry_run:
        ask(f"Start up to {plural(count, 'execution', 'executions')}, and {what} their messages?", yes=consent.yes)
    with progress(output, "start-executions") as tell:
        tally = run(queue, starter, criteria, count, keep=keep, dry_run=consent.dry_run, tell=tell)
    _account(output, tally, dry_run=consent.dry_run)
    if filters.fingerprint and not tally.started:
        output.note(suggestion(filters.fingerprint, causes_of(tally.fingerprints)))
    if tally.interrupted:
        output.note(f"Stopped. The same command goes on, and starts nothing twice:\n{_again(context)}")
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(FINDING if tally.failed or tally.kept or not tally.started else FINE)


class Starter:
    """Starts executions of one state machine."""

    def __init__(self, states: SFNClient, arn: str) -> None:
        self._states = states
        self._arn = arn

    def check(self, session: Session) -> None:
        """Raises Refusal when there is no such state machine; notes what a person should know of it."""
        try:
            found = self._states.describe_state_machine(stateMachineArn=self._arn)
        except ClientError as error:
            if error_code(error) in {"StateMachineDoesNotExist", "InvalidArn", "ResourceNotFound"}:
                listing = session.aws_command("stepfunctions", "list-state-machines")
                raise Refusal(f"There is no state machine {self._arn}.", f"List them:\n{listing}") from error
            if concerns_caller(error):
                raise
            session.output.note(f"The state machine could not be looked at: {error_code(error)}.")
            return
        if found.get("type") == "EXPRESS":
            session.output.note(
                "An express workflow does not know its names again: a second attempt may start a message twice."
            )

    def start(self, letter: DeadLetter, text: str) -> bool:
        """Whether it was started now; False when an earlier attempt had done it. Raises what keeps it from starting."""
        try:
            self._states.start_execution(stateMachineArn=self._arn, name=name_of(letter.message_id), input=text)
        except ClientError as error:
            if error_code(error) == "ExecutionAlreadyExists":
                return False
            raise
        return True


def name_of(message_id: str) -> str:
    """The execution's name: always the same for a message, and of characters that Step Functions takes."""
    plain = "".join(it if it.isascii() and (it.isalnum() or it in "-_") else "-" for it in message_id)
    return f"pik-dlq-{plain}"[:80]


def input_of(letter: DeadLetter) -> str | None:
    """The execution's input; None for a body that is no JSON object. The same for the same message, always."""
    try:
        body = json.loads(letter.body)
    except (ValueError, RecursionError):  # anyone may have sent it, and it may be as deep as it is long
        return None
    if not isinstance(body, dict):
        return None
    return json.dumps(body | {"reprocessed": True, "original_failure_time": letter.died_at}, ensure_ascii=False)


def run(
    queue: DeadLetterQueue,
    starter: Starter,
    criteria: Criteria,
    count: int,
    *,
    keep: bool = False,
    dry_run: bool = False,
    tell: Tell = lambda _text: None,
) -> ExecutionCounts:
    """Sweep, start, delete what was started; whatever happens, what was not deleted is visible again."""
    state = queue.state()
    now = times.from_datetime(datetime.now(UTC))
    wanted: set[str] = set()

    def enough(letter: DeadLetter) -> bool:
        if not criteria.refusal(letter, now, state.retention_seconds) and input_of(letter) is not None:
            wanted.add(letter.message_id)
        return len(wanted) >= count

    tell("reading the queue")
    swept = queue.sweep(CLI_EXECUTION_HOLD_SECONDS, MAX_REDRIVE_ALL, enough, state)
    held = {it.message_id: it for it in swept.letters}
    tally = ExecutionCounts(read=len(held))
    tally.fingerprints.update(it.reason.fingerprint for it in swept.letters if it.reason)
    try:
        due = _due(swept.letters, criteria, count, now, state.retention_seconds, tally)
        if dry_run:
            tally.started = len(due)
        else:
            _start_all(queue, starter, due, held, tally, keep=keep, tell=tell)
    except KeyboardInterrupt:
        tally.interrupted = True
    finally:
        stuck = queue.release(list(held.values()))
        if stuck:
            tell(f"{plural(len(stuck), 'message is', 'messages are')} visible again only in a quarter of an hour")
    return tally


def _due(
    letters: Iterable[DeadLetter], criteria: Criteria, count: int, now: str, retention: int, tally: ExecutionCounts
) -> list[tuple[DeadLetter, str]]:
    """The messages to start with their inputs, the oldest failure first; the others are counted with a reason."""
    due: list[tuple[DeadLetter, str]] = []
    for letter in sorted(letters, key=lambda it: (it.died_at, it.message_id)):
        text = input_of(letter)
        reason = criteria.refusal(letter, now, retention)
        if not reason and text is None:
            reason = UNREADABLE
        if not reason and text is not None and len(text.encode()) > CLI_MAX_EXECUTION_INPUT_BYTES:
            reason = _TOO_LARGE
        if not reason and len(due) >= count:
            reason = LIMIT_REACHED
        if reason or text is None:
            tally.skipped[reason] += 1
        else:
            due.append((letter, text))
    return due


def _start_all(
    queue: DeadLetterQueue,
    starter: Starter,
    due: Sequence[tuple[DeadLetter, str]],
    held: dict[str, DeadLetter],
    tally: ExecutionCounts,
    *,
    keep: bool,
    tell: Tell,
) -> None:
    """Start in small portions; each portion's messages are deleted before the next begins."""
    workers = Workers(CLI_EXECUTION_THREADS)
    for at in range(0, len(due), _AT_ONCE):
        portion = due[at : at + _AT_ONCE]
        outcomes = workers.run(lambda it: starter.start(*it), portion)
        started: list[DeadLetter] = []
        for (letter, _), outcome in zip(portion, outcomes, strict=True):
            if isinstance(outcome, Exception):
                tally.failed[letter.message_id] = _why(outcome)
                continue
            tally.started += 1
            tally.again += not outcome
            started.append(letter)
        if not keep:
            left = queue.delete(started)
            tally.kept |= {message_id: describe(error) for message_id, error in left.items()}
            for letter in started:
                if letter.message_id not in left:
                    del held[letter.message_id]
        tell(f"{tally.started:,} of {len(due):,} started")
        if len(tally.failed) == at + len(portion):
            return  # not one could be started: neither could the others


def _why(error: Exception) -> str:
    if isinstance(error, ClientError):
        return f"{error_code(error)}: {error.response['Error'].get('Message', '')}"
    if isinstance(error, BotoCoreError):
        return describe(error)
    raise error


def _account(output: Output, tally: ExecutionCounts, *, dry_run: bool) -> None:
    reasons = Counter(tally.failed.values())
    if output.json_wanted:
        output.document(
            {
                "dry_run": dry_run,
                "read": tally.read,
                "would_start" if dry_run else "started": tally.started,
                "started_before": tally.again,
                "skipped": dict(tally.skipped),
                "failed": len(tally.failed),
                "failures": dict(reasons),
                "not_reached": tally.left,
                "not_deleted": sorted(tally.kept),
            }
        )
        return
    rows: list[tuple[str, int]] = [
        ("read", tally.read),
        ("= would be started" if dry_run else "= started", tally.started),
    ]
    rows += [(f"+ left there: {reason}", count) for reason, count in sorted(tally.skipped.items())]
    rows += [(f"+ failed: {reason}", count) for reason, count in reasons.most_common()]
    if tally.left:
        rows.append(("+ left there: not come to", tally.left))
    output.table(("messages", "count"), rows)
    if tally.again:
        output.line(f"Of the started, {tally.again:,} had been started by an earlier attempt.")
    if tally.kept:
        output.line(
            f"{plural(len(tally.kept), 'message was', 'messages were')} started and could not be deleted. "
            "The same command deletes them, and starts nothing twice."
        )


def _again(context: typer.Context) -> str:
    """The command line as it was given."""
    words: list[str] = []
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if value is None or value is False:
            continue
        words += [parameter.opts[0]] if value is True else [parameter.opts[0], str(value)]
    return session_of(context).command("dlq", "start-executions", *words)
