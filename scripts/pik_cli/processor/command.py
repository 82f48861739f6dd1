"""`pik processor`: pause the processor, resume it, and see which of the two holds and for how long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer

from pik.domain.operate.processor_switch import (
    LAST_RUN,
    PARAMETER,
    SwitchRequest,
    SwitchStep,
    ends_at,
    plan_switch,
    switch_changes,
    switch_id,
)
from pik.domain.shared.row import Row
from pik_cli.processor.steps import SwitchSteps, Tell
from pik_cli.shell.audit import RunRecord, caller_of, new_chance, utc_now
from pik_cli.shell.consent import ask
from pik_cli.shell.errors import Misuse, Refusal, describe
from pik_cli.shell.exit_codes import INTERRUPTED
from pik_cli.shell.limits import (
    CLI_MAX_REASON_CHARS,
    CLI_MAX_TIMED_SWITCH_SECONDS,
    CLI_MIN_TIMED_SWITCH_SECONDS,
)
from pik_cli.shell.output import Output, plural
from pik_cli.shell.processor_switch import (
    SwitchState,
    as_pending_json,
    judge_switch,
    read_last_switch,
    read_switch,
)
from pik_cli.shell.queues import QueueCounts, read_queue
from pik_cli.shell.session import Session, session_of
from pik_cli.shell.windows import DURATION_FORMS, duration_option, typed

_UNSTABLE: Final = re.compile(r".*_IN_PROGRESS|.*_FAILED|ROLLBACK_COMPLETE|DELETE_COMPLETE")
_CLEANING: Final = frozenset({"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"})

_FOR = Annotated[
    int | None,
    duration_option("--for", help=f"Only for this time, at most 3 days: {DURATION_FORMS}."),
]
_REASON = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the record in RunsTable.")]
_YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; change nothing.")]

app = typer.Typer(
    name="processor", invoke_without_command=True, rich_markup_mode=None, context_settings={"max_content_width": 110}
)


@app.callback()
def processor(context: typer.Context) -> None:
    """Pause the processor without losing an event, resume it, and see what holds.

    While it is paused, events are accepted and wait in WorkQueue, for up to 4 days. Replayed and redriven messages wait
    with them. Nothing of the stack changes but its parameter EnableProcessor, whatever is in this directory.

    \b
    Examples:
      pik processor status
      pik processor pause --reason "the payment service is down"
      pik processor pause --for 30m
      pik processor resume
    """
    if context.invoked_subcommand is None:
        _show(session_of(context))


@app.command()
def pause(
    context: typer.Context,
    *,
    duration: _FOR = None,
    reason: _REASON = "",
    yes: _YES = False,
    dry_run: _DRY_RUN = False,
) -> None:
    """Disable the processor's event source mapping, and wait until it is off.

    Without --for, the stack's parameter EnableProcessor becomes false, through an update of the stack that keeps its
    template and all other parameters. With --for, the mapping alone is disabled, and a schedule in AWS enables it
    again, also when this terminal is gone. Pausing again with --for replaces the schedule; without --for it is deleted.

    \b
    Examples:
      pik processor pause --reason "the payment service is down"
      pik processor pause --for 30m
      pik --stack pik-dev --region eu-west-1 processor pause --for 2h --yes
      pik processor pause --dry-run
    """
    _act(session_of(context), wanted=False, duration=duration, reason=reason, yes=yes, dry_run=dry_run)


@app.command()
def resume(
    context: typer.Context,
    *,
    duration: _FOR = None,
    reason: _REASON = "",
    yes: _YES = False,
    dry_run: _DRY_RUN = False,
) -> None:
    """Enable the processor's event source mapping, and wait until it is on.

    Ends every pause and deletes its schedule. With --for, the mapping is enabled for a time, to see whether what waits
    can be processed, and a schedule disables it again. A stack that runs with DryRun=true stays off.

    \b
    Examples:
      pik processor resume
      pik processor resume --for 5m --reason "try the fix"
      pik --stack pik-dev --region eu-west-1 processor resume --yes
    """
    _act(session_of(context), wanted=True, duration=duration, reason=reason, yes=yes, dry_run=dry_run)


@app.command()
def status(context: typer.Context) -> None:
    """Show whether the processor runs, what the stack says, what is scheduled, and who switched it last.

    Exit status 0 whatever it is; in `pik status` a paused processor is a finding.

    \b
    Examples:
      pik processor status
      pik --stack pik-dev processor status
      pik -o json processor status
    """
    _show(session_of(context))


def _act(session: Session, *, wanted: bool, duration: int | None, reason: str, yes: bool, dry_run: bool) -> None:
    """Read, decide, ask, record, act, report."""
    _check(duration, reason)
    state = read_switch(session.aws, session.stack)
    _refuse_in_dry_run(state, wanted=wanted, timed=duration is not None)
    steps = plan_switch(wanted, state.situation, timed=duration is not None)
    now = utc_now()
    until = ends_at(now, duration) if duration else ""
    if SwitchStep.DECLARE in steps:
        _refuse_a_busy_stack(session, wanted=wanted)
    if state.pending and state.pending.problem:
        session.output.note(f"A schedule that may switch the processor could not be read: {state.pending.problem}")
    if not steps or dry_run:
        _tell_rehearsal(session, state, steps, wanted=wanted, until=until, dry_run=dry_run)
        return
    ask(_question(session, wanted=wanted, duration=duration, until=until), yes=yes)
    if duration:  # the time runs from the answer on
        now = utc_now()
        until = ends_at(now, duration)
    request = SwitchRequest(_verb(wanted), caller_of(session), reason, until)
    run_id = switch_id(now, new_chance())
    record = RunRecord(session, run_id, LAST_RUN)
    record.begin(request.record(run_id, now, {"parameter": state.parameter, "mapping": state.mapping}))
    with _waiting(session, f"{_verb(wanted)}: ") as tell:
        _carry_out(SwitchSteps(session, state.uuid, wanted, request, run_id, tell), steps, record)
    _report(session, request, record, wanted=wanted)


def _check(duration: int | None, reason: str) -> None:
    """Raises Misuse."""
    if duration is not None and not CLI_MIN_TIMED_SWITCH_SECONDS <= duration <= CLI_MAX_TIMED_SWITCH_SECONDS:
        raise Misuse(
            f"--for {typed(duration)} cannot be: it takes {typed(CLI_MIN_TIMED_SWITCH_SECONDS)} to "
            f"{typed(CLI_MAX_TIMED_SWITCH_SECONDS)}.",
            "A schedule is exact to a minute, and WorkQueue keeps messages for 4 days. Without --for there is no end.",
        )
    if len(reason) > CLI_MAX_REASON_CHARS:
        raise Misuse(f"--reason has {len(reason)} characters.", f"Shorten it to {CLI_MAX_REASON_CHARS}.")


def _refuse_in_dry_run(state: SwitchState, *, wanted: bool, timed: bool) -> None:
    """A processor that runs dry would use up what it reads, so the template keeps its mapping off."""
    if state.dry_run and (wanted or timed):
        raise Refusal(
            "The stack runs with DryRun=true, which keeps the processor's mapping disabled.",
            "Deploy with DryRun=false first. Without --for, pik processor pause keeps it paused after that.",
        )


def _refuse_a_busy_stack(session: Session, *, wanted: bool) -> None:
    """CloudFormation would refuse; say so before anybody is asked, and what works nevertheless."""
    current = session.stack.status
    if _UNSTABLE.fullmatch(current) and current not in _CLEANING:
        raise Refusal(
            f"Stack {session.stack.name} is {current} and cannot be updated now.",
            "Wait until it is not, or without an update of the stack, for a time: "
            f"{session.command('processor', _verb(wanted), '--for', '12h')}",
        )


def _verb(wanted: bool) -> str:
    return "resume" if wanted else "pause"


def _place(session: Session) -> str:
    stack = session.stack
    return f"stack {stack.name} (stage {stack.stage}, account {stack.account}, {session.aws.region})"


def _question(session: Session, *, wanted: bool, duration: int | None, until: str) -> str:
    for_a_time = f" for {typed(duration)}, until about {until}" if duration else ""
    wait = "" if wanted else "Events will wait in WorkQueue, for up to 4 days. "
    return f"{wait}{_verb(wanted).capitalize()} the processor of {_place(session)}{for_a_time}?"


@contextmanager
def _waiting(session: Session, prefix: str) -> Iterator[Tell]:
    """Shows what is waited for: live on a terminal, and as one line for each change elsewhere."""
    output = session.output
    if output.stderr.is_terminal:
        with output.stderr.status(prefix) as shown:
            yield lambda text: shown.update(f"{prefix}{text}")
        return
    last = ""

    def tell(text: str) -> None:
        nonlocal last
        if text != last:
            last = text
            output.note(f"{prefix}{text}")

    yield tell


def _carry_out(act: SwitchSteps, steps: tuple[SwitchStep, ...], record: RunRecord) -> None:
    session = act.session
    try:
        act.carry_out(steps)
    except KeyboardInterrupt:
        session.output.note(f"Stopped watching. What was begun goes on. See: {session.command('processor', 'status')}")
        raise typer.Exit(INTERRUPTED) from None
    # Whatever it was: it is raised again once the record says that the switch did not end well.
    except Exception as error:
        record.end(switch_changes(utc_now(), describe(error)))
        raise
    record.end(switch_changes(utc_now()))


def _report(session: Session, request: SwitchRequest, record: RunRecord, *, wanted: bool) -> None:
    waiting = _waiting_messages(session)
    if session.output.json_wanted:
        session.output.document(
            _as_json(session, wanted=wanted, until=request.until)
            | {"dry_run": False, "changed": True, "run_id": record.run_id, "recorded": record.recorded}
            | {"requested_by": request.requested_by, "reason": request.reason or None, "waiting": waiting.total}
        )
        return
    done = "runs" if wanted else "is paused"
    session.output.line(f"The processor of {_place(session)} {done}. Run {record.run_id}.")
    if request.until:
        end = "disables" if wanted else "enables"
        session.output.line(f"At {request.until}, or up to a minute later, a schedule {end} it again.")
    _tell_waiting(session.output, waiting)
    other = _verb(not wanted)
    session.output.line(f"To {other} it: {session.command('processor', other)}")


def _tell_rehearsal(
    session: Session,
    state: SwitchState,
    steps: tuple[SwitchStep, ...],
    *,
    wanted: bool,
    until: str,
    dry_run: bool,
) -> None:
    """What would be done, or that nothing is to be done."""
    if session.output.json_wanted:
        facts = {"dry_run": dry_run, "changed": False, "steps": [str(step) for step in steps]}
        session.output.document(_as_json(session, wanted=wanted, until=until) | facts)
        return
    if not steps:
        done = "running" if wanted else "paused"
        last = _who(read_last_switch(session))
        session.output.line(f"The processor of {_place(session)} is already {done}{f': {last}' if last else '.'}")
        return
    session.output.line(f"Would {_verb(wanted)} the processor of {_place(session)}:")
    texts = {
        SwitchStep.SCHEDULE: f"schedule that it {'pauses' if wanted else 'resumes'} at {until}",
        SwitchStep.CANCEL: f"delete the schedule of {state.pending.at if state.pending else '?'}",
        SwitchStep.DECLARE: f"update the stack with {PARAMETER}={str(wanted).lower()}, and nothing else",
        SwitchStep.SWITCH: f"wait until the event source mapping is {'Enabled' if wanted else 'Disabled'}",
    }
    for step in steps:
        session.output.line(f"- {texts[step]}")


def _as_json(session: Session, *, wanted: bool, until: str) -> dict[str, Any]:
    stack = session.stack
    return {
        "action": _verb(wanted),
        "stack": stack.name,
        "stage": stack.stage,
        "account": stack.account,
        "region": session.aws.region,
        "until": until or None,
    }


def _show(session: Session) -> None:
    state = read_switch(session.aws, session.stack)
    last, waiting = read_last_switch(session), _waiting_messages(session)
    verdict = judge_switch(state, waiting.total)
    if session.output.json_wanted:
        session.output.document(
            {
                "stack": session.stack.name,
                "stage": session.stack.stage,
                "account": session.stack.account,
                "region": session.aws.region,
                "running": state.running,
                "enable_processor": state.declared,
                "dry_run": state.dry_run,
                "mapping": {"uuid": state.uuid, "state": state.mapping, "last_result": state.last_result or None},
                "schedule": as_pending_json(state.pending),
                "waiting": waiting.total,
                "last": _last_json(last),
                "finding": verdict.code if verdict else None,
            }
        )
        return
    pending = state.pending
    scheduled = (pending.problem or f"{pending.verb} at {pending.at}") if pending else "nothing"
    output = session.output
    output.line(f"Processor of {_place(session)}: {'runs' if state.running else 'paused'}")
    rows: list[tuple[str, object]] = [
        ("event source mapping", state.mapping or "-"),
        (PARAMETER, state.parameter),
        ("DryRun", str(state.dry_run).lower()),
        ("scheduled", scheduled),
        ("last switch", _who(last) or "none by pik"),
    ]
    output.table(("", ""), rows)
    output.line()
    if verdict:
        output.line(verdict.message)
        output.line(verdict.next_step)
    else:
        _tell_waiting(output, waiting)


def _waiting_messages(session: Session) -> QueueCounts:
    return read_queue(session.aws, session.stack, "WorkQueue")


def _tell_waiting(output: Output, waiting: QueueCounts) -> None:
    output.line(waiting.problem or f"{plural(waiting.total, 'message', 'messages')} in WorkQueue.")


def _who(row: Row | None) -> str:
    """A recorded switch in one line, empty without one."""
    if row is None:
        return ""
    until = f" until {row['until']}" if row.get("until") else ""
    why = f": {row['reason']}" if row.get("reason") else ""
    ended = "" if row.get("status") == "COMPLETE" else f" ({row.get('status')})"
    return (
        f"{row.get('action')}{until} at {str(row.get('requested_at'))[:19]}Z by {row.get('requested_by')}{ended}{why}"
    )


def _last_json(row: Row | None) -> dict[str, Any] | None:
    names = ("run_id", "action", "status", "requested_by", "requested_at", "updated_at", "reason", "until", "stopped")
    return {name: row.get(name) or None for name in names} if row else None
