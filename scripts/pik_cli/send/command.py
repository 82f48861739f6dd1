"""`pik send`: a file of events to the API, whole, once, and with an account of every event."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, BinaryIO

import httpx
import typer

from pik.domain.shared.limits import MAX_EVENTS_PER_REQUEST
from pik_cli.send.batches import Batch, split
from pik_cli.send.check import check
from pik_cli.send.journal import Journal, folder, key_of
from pik_cli.send.report import SendFacts, progress_bar, show_check, show_run
from pik_cli.send.run import Sender, SendRun, send_all
from pik_cli.send.source import Form, begin, content_sha, items
from pik_cli.shell.api import Backoff, Health, HttpApi, choose_signer, read_health
from pik_cli.shell.errors import Misuse, PikError
from pik_cli.shell.exit_codes import FINDING, FINE, INTERRUPTED
from pik_cli.shell.limits import CLI_BATCH_EVENTS, CLI_CONCURRENCY, CLI_MAX_CONCURRENCY, CLI_MAX_RETRIES, CLI_RETRIES
from pik_cli.shell.output import plural
from pik_cli.shell.session import Session, session_of

_Format = Annotated[
    Form | None, typer.Option("--format", help="How the events stand in FILE; detected automatically when omitted.")
]
_BatchSize = Annotated[int, typer.Option(min=1, max=MAX_EVENTS_PER_REQUEST, help="Events per request.")]
_Concurrency = Annotated[
    int, typer.Option(min=1, max=CLI_MAX_CONCURRENCY, help="Requests at once; 1 keeps the order of the file.")
]
_Retries = Annotated[
    int, typer.Option(min=0, max=CLI_MAX_RETRIES, help="Repeats after connection errors, 429 and 5xx.")
]
_Auth = Annotated[
    str | None,
    typer.Option(metavar="iam|none|bearer", help="Authorization; else what GET /health says. Token: PIK_TOKEN."),
]


@dataclass(frozen=True, slots=True)
class How:
    """The options of a send."""

    form: Form | None
    batch_size: int
    concurrency: int
    retries: int
    auth: str | None
    restart: bool
    compressed: bool


@dataclass(frozen=True, slots=True)
class Source:
    """An opened file or pipe. `regular` files can be read twice, and so resumed."""

    name: str
    stream: BinaryIO
    regular: bool
    size: int | None

    def batches(self, how: How) -> tuple[Form, Iterator[Batch]]:
        """Its form, and its events cut into requests. Raises Misuse."""
        detected, stream = begin(self.stream, self.name)
        form = how.form or detected
        return form, split(items(stream, form), form, how.batch_size)


def send(
    context: typer.Context,
    *,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The events, or - for standard input.")],
    form: _Format = None,
    batch_size: _BatchSize = CLI_BATCH_EVENTS,
    concurrency: _Concurrency = CLI_CONCURRENCY,
    retries: _Retries = CLI_RETRIES,
    auth: _Auth = None,
    restart: Annotated[bool, typer.Option("--restart", help="Send everything, also what an earlier run sent.")] = False,
    gzip: Annotated[
        bool, typer.Option("--gzip", help="Compress the requests; the API stores them uncompressed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge and count the events; send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="For scripts; this command never asks.")] = False,
) -> None:
    """Send a file of events, whole and once.

    FILE holds NDJSON, JSON (an object, an array, or several), or CloudEvents.

    A break loses nothing and doubles nothing: run the same command again and it goes on with the batches that have
    no answer yet. A batch that was under way is sent again, and what the API had stored of it comes back as
    DUPLICATE, because an event that is the same has the same identity (idempotency key; or time and payload; or
    payload alone, for an event without a time). Standard input cannot be resumed.

    Exit status 1 when events were rejected, in conflict, or failed.

    \b
    Examples:
      pik send events/sample.ndjson
      pik send events/sample.ndjson --dry-run
      pik --stack pik-dev send orders.json --batch-size 50 --concurrency 8
      pik --stack pik-dev send orders.ndjson --gzip
      jq -c '.[]' orders.json | pik send - --format ndjson
      PIK_TOKEN=eyJhbGciOi pik --stack pik-dev send orders.ndjson --auth bearer
      pik send orders.ndjson -o json > summary.json
    """
    session = session_of(context)
    how = How(form, batch_size, concurrency, retries, auth, restart, gzip)
    with _opened(file) as source:
        code = _check(session, source, how) if dry_run else _send(session, source, how)
    raise typer.Exit(code)


def _check(session: Session, source: Source, how: How) -> int:
    health = _health_if_any(session)
    switches = health.switches if health else {}
    form, batches = source.batches(how)
    default_type = str(switches.get("default_event_type") or "order")
    found = check(batches, default_type, bool(switches.get("allow_unknown_types", True)))
    target = health.url.removesuffix("/health") + "/events" if health else ""
    show_check(found, SendFacts(source.name, target, form), default_type, session.output)
    return FINDING if found.tally.has_findings else FINE


def _health_if_any(session: Session) -> Health | None:
    """The stack's switches decide some verdicts; without a stack the template's defaults stand in."""
    try:
        return read_health(session.api, session.aws)
    except (PikError, httpx.TransportError) as error:
        session.output.note(f"Judged with the template's defaults, because no stack answers: {error}")
        return None


def _send(session: Session, source: Source, how: How) -> int:
    api, auth_name = _authorized(session, how.auth)
    content = _sha_of(source)
    form, batches = source.batches(how)
    facts = SendFacts(source.name, api.events_url, form, auth_name)
    with closing(_journal(session, source, content, facts, how)) as journal:
        run = SendRun(journal)
        began = time.monotonic()
        with progress_bar(session.output, source.size) as bar:
            sender = Sender(api, Backoff(how.retries), bar.on_retry, compressed=how.compressed)
            send_all(batches, sender, run, how.concurrency, bar.on_batch)
        if run.complete:
            journal.remove()
        show_run(run, facts, session.output, repeats=sender.repeats, seconds=time.monotonic() - began)
    if run.abandoned:
        _leave()
    return _exit_code(session, run)


def _leave() -> None:
    """End at once: Python's own end would wait for the answers that the person no longer wants to wait for."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _exit_code(session: Session, run: SendRun) -> int:
    if run.interrupted:
        return INTERRUPTED
    if run.error:
        session.output.error(run.error)
        return run.error.exit_code
    return FINDING if run.total().has_findings else FINE


def _authorized(session: Session, auth: str | None) -> tuple[HttpApi, str]:
    """The API with the authorization that it wants, or that the caller insists on."""
    health = read_health(session.api, session.aws)
    if health.problem:
        session.output.note(health.problem)
    announced = str(health.switches.get("ingest_auth") or "AWS_IAM")
    name, signer = choose_signer(auth, announced, session.aws, os.environ.get("PIK_TOKEN", ""))
    return session.api.signed_by(signer), name


def _sha_of(source: Source) -> str:
    if not source.regular:
        return ""
    content = content_sha(source.stream)
    source.stream.seek(0)
    return content


def _journal(session: Session, source: Source, content: str, facts: SendFacts, how: How) -> Journal:
    """The journal of this file and API, locked, with what an earlier run left. Raises Refusal."""
    output = session.output
    if not source.regular:
        output.note("Standard input cannot be resumed after a break; sending it again is safe.")
        return Journal()
    local = session.target.local
    # A local engine forgets everything when it ends, so one run of it must not count as the next.
    target = facts.api if local is None else f"{facts.api} {local.started_at} {local.pids}"
    path = folder(os.environ) / f"{key_of(content, target, facts.form, how.batch_size)}.json"
    journal = Journal(path, source.name, facts.api)
    try:
        journal.lock()
    except OSError as error:
        output.note(f"No journal can be kept in {path.parent} ({error}): after a break, all is sent again.")
        return Journal()
    if not how.restart:
        note = journal.load()
        if note:
            output.note(note)
        if journal.done:
            output.note(
                f"Going on where an earlier run stopped: {plural(journal.tally.events, 'event has', 'events have')}"
                f" an answer already, in {plural(len(journal.done), 'batch', 'batches')} (--restart sends everything)."
            )
    return journal


@contextmanager
def _opened(file: str) -> Iterator[Source]:
    """The file, or standard input for `-`. Raises Misuse when it cannot be read."""
    if file == "-":
        yield Source("standard input", sys.stdin.buffer, regular=False, size=None)
        return
    with _readable(file) as stream:
        state = os.fstat(stream.fileno())
        regular = stat.S_ISREG(state.st_mode)
        yield Source(file, stream, regular, state.st_size if regular else None)


def _readable(file: str) -> BinaryIO:
    try:
        return Path(file).open("rb")
    except OSError as error:
        why = f"{file} cannot be read: {error.strerror}."
        raise Misuse(why, "Check the name, or use - for standard input.") from error
