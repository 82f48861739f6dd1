"""What `pik send` prints: progress while it runs, and the account at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from pik.domain.event.rows import DUPLICATE
from pik_cli.send.batches import Batch
from pik_cli.send.check import FileCheck
from pik_cli.send.run import SendRun
from pik_cli.send.source import Form
from pik_cli.send.summary import FINDINGS, STATUSES, EventCounts
from pik_cli.shell.limits import CLI_SHOWN_PROBLEMS
from pik_cli.shell.output import Output, plural


@dataclass(frozen=True, slots=True)
class SendFacts:
    """What is sent where."""

    file: str
    api: str
    form: Form
    auth: str = ""


class Bar(Protocol):
    """What is shown while batches are sent; `on_retry` is called from several threads."""

    def on_batch(self, batch: Batch) -> None: ...

    def on_retry(self, reason: str, seconds: float) -> None: ...


class _Quiet:
    """No terminal: nothing is shown until the end."""

    def on_batch(self, batch: Batch) -> None:
        pass

    def on_retry(self, reason: str, seconds: float) -> None:
        pass


class _ProgressBar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._events = 0

    def on_batch(self, batch: Batch) -> None:
        self._events += batch.events
        self._progress.update(self._task, advance=batch.size, description=f"{self._events:,} events")

    def on_retry(self, reason: str, seconds: float) -> None:
        self._progress.update(self._task, description=f"{self._events:,} events; {reason}, again in {seconds:.1f} s")


@contextmanager
def progress_bar(output: Output, size: int | None) -> Iterator[Bar]:
    """A bar over `size` bytes on a terminal's stderr, or nothing elsewhere."""
    if not output.stderr.is_terminal:
        yield _Quiet()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeRemainingColumn(), console=output.stderr, transient=True) as progress:
        yield _ProgressBar(progress, progress.add_task("0 events", total=size))


def show_run(run: SendRun, facts: SendFacts, output: Output, *, repeats: int, seconds: float) -> None:
    """The account of a send: of the whole file, earlier runs included."""
    tally = run.total()
    for warning in run.warnings:
        output.note(warning)
    if output.json_wanted:
        output.document(run_as_json(run, facts, tally, repeats, seconds))
        return
    batches = plural(run.sent_batches, "batch", "batches")
    rate = f", {run.fresh_events / seconds:,.0f} events/s" if seconds > 0 and run.fresh_events else ""
    output.line(f"{facts.file} ({facts.form}) to {facts.api}: {batches} in {seconds:.1f} s{rate}")
    rows: list[tuple[str, object]] = [(status.lower(), tally.counts[status]) for status in STATUSES]
    output.table(("status", "events"), [*rows, ("total", tally.events)])
    show_findings(tally, output)
    output.line()
    for sentence in remarks(run, tally, repeats):
        output.line(sentence)


def run_as_json(run: SendRun, facts: SendFacts, tally: EventCounts, repeats: int, seconds: float) -> dict[str, Any]:
    """Stable form; counts are of the whole file, `this_run` of this run alone."""
    return {
        "file": facts.file,
        "api": facts.api,
        "format": facts.form.value,
        "auth": facts.auth,
        "complete": run.complete,
        "dry_run": run.dry_run,
        "events": tally.events,
        **{status.lower(): tally.counts[status] for status in STATUSES},
        "this_run": {
            "events": run.fresh_events,
            "batches": run.sent_batches,
            "batches_resumed": run.skipped_batches,
            "batches_failed": run.failed_batches,
            "repeats": repeats,
            "seconds": round(seconds, 3),
        },
        "findings": [asdict(it) for it in tally.findings],
        "findings_left_out": tally.left_out,
        "journal": str(run.journal.path) if run.journal.path and not run.complete else None,
        "error": run.error.message if run.error else None,
    }


def remarks(run: SendRun, tally: EventCounts, repeats: int) -> Iterator[str]:
    """What a reader of the counts should know."""
    if tally.events == 0 and run.complete:
        yield "The file holds no events."
    if run.dry_run:
        yield "The stack runs with DryRun=true: it judged the events and stored none of them."
    if run.skipped_batches:
        batches = plural(run.skipped_batches, "batch", "batches")
        yield f"{batches} had an answer from an earlier run; the counts include that."
    if repeats:
        yield f"{plural(repeats, 'request', 'requests')} had to be repeated."
    if tally.counts[DUPLICATE] and (repeats or run.skipped_batches):
        yield "Some duplicates may be events that an unanswered request had already stored: nothing doubled."
    if not run.complete:
        resumable = run.journal.path is not None and not run.dry_run
        yield "Not complete. Run the same command again: " + (
            "it goes on with what has no answer yet." if resumable else "what was stored comes back as DUPLICATE."
        )


def show_check(found: FileCheck, facts: SendFacts, default_type: str, output: Output) -> None:
    """The account of a dry run."""
    if output.json_wanted:
        findings = [asdict(it) for it in found.tally.findings]
        output.document(
            {"file": facts.file, "api": facts.api or None, "format": facts.form.value, "default_type": default_type}
            | found.as_json()
            | {"findings": findings, "findings_left_out": found.tally.left_out}
        )
        return
    where = f" to {facts.api}" if facts.api else ""
    output.line(f"{facts.file} ({facts.form}){where}: a dry run, nothing was sent.")
    counted = found.as_json()
    names = ("events", "sound", "would_be_rejected", "repeated_in_file", "batches", "body_bytes")
    output.table(("would be sent", ""), [(name.replace("_", " "), counted[name]) for name in names])
    if found.types:
        output.table(("type", "events"), found.types.most_common())
    show_findings(found.tally, output)


def show_findings(tally: EventCounts, output: Output) -> None:
    """The first events that were not taken, with their place in the file."""
    shown = tally.findings[:CLI_SHOWN_PROBLEMS]
    if not shown:
        return
    rows = [(str(it.line), it.status.lower(), it.path or "-", it.message) for it in shown]
    output.table(("line", "status", "place", "why"), rows)
    events = sum(tally.counts[status] for status in FINDINGS)
    if len(tally.findings) + tally.left_out > len(shown):
        output.line(
            f"The first {len(shown)} findings; {plural(events, 'event has', 'events have')} some. More: -o json."
        )
