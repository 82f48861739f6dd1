"""`pik publisher`: stream batches that the publisher could not send in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from pik.adapters.sqs.work_queue import WorkQueue
from pik.domain.operate.recovery import (
    COMPLETE,
    PARTIAL,
    STOPPED,
    recovery_changes,
    recovery_id,
    recovery_record,
)
from pik.domain.shared import times
from pik.domain.shared.limits import SEND_THREADS
from pik.workers import Workers
from pik_cli.publisher.recovery import Recovery, RecoveryCounts
from pik_cli.shell.audit import RunRecord, caller_of, new_chance, utc_now
from pik_cli.shell.consent import ask
from pik_cli.shell.discarded import BUCKET_OUTPUT, DiscardedBatch, DiscardedBatches
from pik_cli.shell.errors import Refusal, describe
from pik_cli.shell.exit_codes import FINDING, FINE, INTERRUPTED
from pik_cli.shell.limits import CLI_RECOVER_BATCHES, CLI_SHOWN_PROBLEMS
from pik_cli.shell.output import Output, plural
from pik_cli.shell.processor_switch import warn_when_paused
from pik_cli.shell.session import Session, session_of
from pik_cli.shell.windows import TypedTime, Window, clock, moment_option, window


@dataclass(frozen=True, slots=True)
class RecoveryCall:
    """What one call is about. `acts`: it sends and marks; `more`: there are batches that it does not come to."""

    window: Window
    acts: bool
    dry_run: bool
    more: bool

    @property
    def filters(self) -> dict[str, str | None]:
        """The window, as it is recorded."""
        start, end = (
            times.from_datetime(moment) if moment else None for moment in (self.window.start, self.window.end)
        )
        return {"from": start, "to": end}


app = typer.Typer(
    name="publisher", no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110}
)


@app.callback()
def publisher() -> None:
    """Accepted events that did not reach the queue: send the stream batches again that were discarded.

    The stream's mapping tries a batch until its records are 23 hours old. What it then gives up is kept whole in
    RawBucket, under aws/lambda/.

    \b
    Examples:
      pik publisher recover --dry-run
      pik publisher recover
      pik publisher recover --from 2026-11-20 --to 2026-11-21 --yes
    """


@app.command()
def recover(
    context: typer.Context,
    *,
    start: Annotated[TypedTime | None, moment_option("--from", help="Batches kept since")] = None,
    end: Annotated[TypedTime | None, moment_option("--to", help="Batches kept before", forms=False)] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and count; send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Send every event of the discarded batches to WorkQueue, once each.

    A batch is marked, under recovered/, after its events are in the queue, so a later call sends what is left, and it
    may be stopped and repeated at any time. One that dies before the mark sends that batch again, which counts nothing
    twice: the processor counts an event by its id. Records that cannot be read are reported, each with its reason, and
    tried again by the next call.

    Exit status 1 when something could not be read or sent.

    \b
    Examples:
      pik publisher recover --dry-run
      pik publisher recover
      pik publisher recover --from 2026-11-20T10:00:00Z --yes
      pik --stack pik-dev -o json publisher recover --yes
    """
    session = session_of(context)
    kept = window(start, end, clock())
    if not dry_run and session.stack.parameters.get("DryRun") == "true":
        raise Refusal("The stack runs with DryRun=true, and would not process them.", "Deploy with DryRun=false.")
    batches = DiscardedBatches(session.aws.s3, session.stack.output(BUCKET_OUTPUT))
    found, more = batches.list(kept.start, kept.end, CLI_RECOVER_BATCHES)
    due = [batch for batch in found if not batch.done]
    if due and not dry_run:
        if kept.start or kept.end:
            session.output.note(f"Kept, UTC: {kept}")
        warn_when_paused(session)
        ask(_question(session, due), yes=yes)
    kind = RecoveryCall(kept, acts=bool(due) and not dry_run, dry_run=dry_run, more=more)
    raise typer.Exit(_run(session, batches, found, kind))


def _question(session: Session, due: list[DiscardedBatch]) -> str:
    stack = session.stack
    first, last = (f"{moment(batch.at for batch in due):%Y-%m-%dT%H:%M:%SZ}" for moment in (min, max))
    batches = plural(len(due), "batch", "batches")
    return (
        f"Send the events of {batches}, kept from {first} to {last}, to WorkQueue of stack {stack.name} "
        f"(stage {stack.stage}, account {stack.account}, {session.aws.region})?"
    )


def _run(session: Session, batches: DiscardedBatches, found: Sequence[DiscardedBatch], call: RecoveryCall) -> int:
    """Recover, record, account; gives the exit status."""
    now = utc_now()
    run_id = recovery_id(now, new_chance())
    caller = caller_of(session) if call.acts else ""
    queue = None
    if call.acts:
        queue = WorkQueue(session.aws.sqs, session.stack.output("WorkQueueUrl"), Workers(SEND_THREADS))
    run = Recovery(batches, queue, {"run_id": run_id, "requested_by": caller, "recovered_at": now})
    record = RunRecord(session, run_id, recorded=call.acts)
    if call.acts:
        record.begin(recovery_record(run_id, caller, now, call.filters))
    try:
        with _progress(session.output) as tell:
            run.run(found, tell)
    except KeyboardInterrupt:
        record.end(recovery_changes(utc_now(), STOPPED, run.counts.totals(), "interrupted"))
        session.output.note("Stopped. What was sent is marked; the same command goes on with the rest.")
        return INTERRUPTED
    # Whatever it was: it is raised again once the record says how far the recovery came.
    except Exception as error:
        record.end(recovery_changes(utc_now(), STOPPED, run.counts.totals(), describe(error)))
        raise
    status = PARTIAL if run.counts.failed or call.more else COMPLETE
    record.end(recovery_changes(utc_now(), status, run.counts.totals()))
    _account(session, run.counts, run_id, call)
    return FINDING if run.counts.failed else FINE


@contextmanager
def _progress(output: Output) -> Iterator[Any]:
    if not output.stderr.is_terminal:
        yield lambda _text: None
        return
    with output.stderr.status("recovering") as shown:
        yield shown.update


def _account(session: Session, counts: RecoveryCounts, run_id: str, call: RecoveryCall) -> None:
    output = session.output
    if output.json_wanted:
        problems = [
            {"key": it.key, "sequence_number": it.sequence_number or None, "reason": it.reason}
            for it in counts.problems
        ]
        facts = {"run_id": run_id if call.acts else None, "dry_run": call.dry_run, "more": call.more}
        output.document({**facts, **counts.totals(), "problems": problems})
        return
    if not counts.found:
        output.line("There are no discarded batches.")
        return
    sent = "would be sent" if call.dry_run else "sent"
    done = "would be recovered" if call.dry_run else "recovered"
    batches = [
        ("found", counts.found),
        (f"= {done}", counts.recovered),
        ("+ recovered before", counts.recovered_before),
        ("+ incomplete", counts.incomplete),
        ("+ unreadable", counts.unreadable_batches),
    ]
    output.table(("batches", "count"), batches)
    skipped = [(f"skipped: {reason}", count) for reason, count in sorted(counts.skipped.items())]
    events = [(sent, counts.sent), *skipped, ("unreadable", counts.unreadable), ("not sent", counts.unsent)]
    output.table(("events", "count"), events)
    for problem in counts.problems[:CLI_SHOWN_PROBLEMS]:
        which = f" record {problem.sequence_number}" if problem.sequence_number else ""
        output.line(f"- {problem.key}{which}: {problem.reason}")
    _tell_next(session, counts, more=call.more)


def _tell_next(session: Session, counts: RecoveryCounts, *, more: bool) -> None:
    output = session.output
    if len(counts.problems) > CLI_SHOWN_PROBLEMS:
        output.line(f"The other problems: {session.command('-o', 'json', 'publisher', 'recover', '--dry-run')}")
    if counts.unreadable_batches:
        output.line("Events of a batch without records are in EventsTable: `pik replay` sends those of its time again.")
    if counts.unsent:
        output.line(f"Send the rest: {session.command('publisher', 'recover')}")
    if more:
        output.line(f"There are more batches. Go on: {session.command('publisher', 'recover')}")
