"""`pik replay`: a window's stored events through the queue again, to the end, with an account of every row."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import quote

import httpx
import typer

from pik.domain.replay.run import COMPLETE
from pik.domain.shared.limits import MAX_REPLAY_LIMIT
from pik_cli.shell.api import Backoff, HttpApi, call_with_retries, iam_signer, json_object, message_of
from pik_cli.shell.consent import require_terminal
from pik_cli.shell.errors import Misuse, PikError, Refusal, Unreachable
from pik_cli.shell.exit_codes import FINDING, FINE, INTERRUPTED
from pik_cli.shell.limits import CLI_FAILED_BATCHES, CLI_RETRIES
from pik_cli.shell.output import Output, dump, plural
from pik_cli.shell.processor_switch import warn_when_paused
from pik_cli.shell.refusals import in_options, refusal_text, usage_error
from pik_cli.shell.session import Session, session_of
from pik_cli.shell.windows import TypedTime, Window, clock, moment_option, time_text, window

_JSON: Final = {"content-type": "application/json"}
_NOT_ALLOWED: Final = frozenset({401, 403})
_OPTIONS: Final = {
    "entity_id": "--entity",
    "source": "--source",
    "event_type": "--type",
    "start_time": "--from",
    "end_time": "--to",
    "limit": "--limit",
    "include_duplicates": "--include-duplicates",
    "shadow": "--shadow",
    "dry_run": "--dry-run",
    "next_token": "--token",
    "run_id": "RUN_ID",
}
"""Members of a replay's request to the options that they come from."""

app = typer.Typer(
    name="replay", invoke_without_command=True, rich_markup_mode=None, context_settings={"max_content_width": 110}
)


@dataclass
class ReplayProgress:
    """One replay: the request without its token, how often it was sent, and the last answer."""

    body: dict[str, Any]
    command: list[str]
    token: str | None = None
    run_id: str = ""
    requests: int = 0
    answer: dict[str, Any] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.answer.get("status") == COMPLETE

    @property
    def totals(self) -> dict[str, Any]:
        """Of the whole run, earlier invocations included."""
        none: dict[str, Any] = {"scanned": 0, "sent": 0, "skipped": {}, "failed": 0}
        return none | dict(self.answer.get("totals", {}))

    @property
    def explanation(self) -> str:
        """What the last answer says of itself, in the terms of the command line."""
        return in_options(str(self.answer.get("explanation", "")), _OPTIONS)

    @property
    def resume(self) -> str:
        """The command that goes on here; without a token, the one that starts again."""
        return shlex.join([*self.command, *(["--token", self.token] if self.token else [])])

    def note(self, response: httpx.Response) -> None:
        """Remember where to go on, which a temporary refusal contains too."""
        body = json_object(response)
        self.run_id = str(body.get("run_id") or self.run_id)
        if response.status_code == httpx.codes.OK:
            self.answer = body
            self.token = body.get("next_token")
        else:
            self.token = body.get("next_token") or self.token


@app.callback()
def replay(
    context: typer.Context,
    *,
    entity: Annotated[str | None, typer.Option("--entity", metavar="E", help="Events of this entity.")] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="S", help="Events of this source; with --type.")
    ] = None,
    event_type: Annotated[str | None, typer.Option("--type", metavar="T", help="Events of this type.")] = None,
    start: Annotated[TypedTime | None, moment_option("--from", help="First event time")] = None,
    end: Annotated[TypedTime | None, moment_option("--to", help="Event time to stop before", forms=False)] = None,
    limit: Annotated[int | None, typer.Option(min=1, max=MAX_REPLAY_LIMIT, help="Events to send at most.")] = None,
    include_duplicates: Annotated[
        bool, typer.Option("--include-duplicates", help="Send duplicates too, at their first's time.")
    ] = False,
    shadow: Annotated[bool, typer.Option("--shadow", help="Recompute into a run of its own; LIVE stays.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what would be sent; send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    token: Annotated[str | None, typer.Option(metavar="TOKEN", help="Go on where an earlier one stopped.")] = None,
) -> None:
    """Send the stored events of a window through the queue again.

    What LIVE holds already stays as it is: an event counts once. What it missed is added. The window is that of the
    events' own times; both ends are needed, and --to is not included. Every row that is not sent is counted with its
    reason.

    Exit status 1 when something failed, or nothing was sent.

    \b
    Examples:
      pik replay --entity customer-17 --from yesterday --to today --dry-run
      pik replay --entity customer-17 --from -2h --to now --yes
      pik replay --source shop --type order --from 2026-11-20T10:15 --to today
      pik replay --source shop --type order --from yesterday --to today --shadow
      pik replay show rpl-20261120T101530Z-0a1b2c3d
    """
    if context.invoked_subcommand is not None:
        return
    _check_scope(entity, source, event_type)
    covered = _window(start, end)
    wanted = {
        "entity_id": entity,
        "source": source,
        "event_type": event_type,
        "start_time": covered.start and time_text(covered.start),
        "end_time": covered.end and time_text(covered.end),
        "limit": limit,
        "include_duplicates": include_duplicates,
        "shadow": shadow,
        "dry_run": dry_run,
    }
    body = {name: value for name, value in wanted.items() if value not in (None, False)}
    if not (yes or dry_run):
        require_terminal("A replay sends messages")
    session = session_of(context)
    api = session.api.signed_by(iam_signer(session.aws))
    session.output.note(f"Event times, UTC: {covered}")
    if not dry_run:
        warn_when_paused(session)
    if not (yes or dry_run):
        _confirm(body)
    raise typer.Exit(_run(ReplayProgress(body, _command(session, body), token), api, session.output))


@app.command()
def show(
    context: typer.Context,
    *,
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="As `pik replay` printed it.")],
) -> None:
    """Show a recorded replay: who requested it, for what, and its result.

    \b
    Examples:
      pik replay show rpl-20261120T101530Z-0a1b2c3d
      pik -o json replay show rpl-20261120T101530Z-0a1b2c3d
    """
    session = session_of(context)
    if run_id.startswith("rdr-"):
        raise Misuse(f"{run_id} is a redrive and not a replay.", f"Show it:\n{session.command('dlq', 'show', run_id)}")
    api = session.api.signed_by(iam_signer(session.aws))
    response = call_with_retries(
        lambda: api.call("GET", f"/replay/{quote(run_id, safe='')}"), Backoff(CLI_RETRIES), _sleep
    )
    if response.status_code != httpx.codes.OK:
        raise _refused(response)
    run = json_object(response)
    if session.output.json_wanted:
        session.output.document(run)
        return
    rows = [(name, run.get(name, "-")) for name in ("run_id", "status", "requested_by", "requested_at", "updated_at")]
    session.output.table(("", ""), [*rows, *run.get("filters", {}).items()])
    _show_counts(run.get("totals", {}), session.output)


def _run(found: ReplayProgress, api: HttpApi, output: Output) -> int:
    began = time.monotonic()
    try:
        with _progress(output) as tell:
            _follow(found, api, tell)
    except KeyboardInterrupt:
        output.note(f"Stopped. Nothing is lost; go on with:\n{found.resume}")
        return INTERRUPTED
    except PikError as error:
        if found.requests and not isinstance(error, Misuse):  # what is refused as wrong is refused again
            error.fix = f"{error.fix} Then go on with:\n{found.resume}".strip()
        raise
    _account(found, output, time.monotonic() - began)
    totals = found.totals
    return FINDING if totals["failed"] or not totals["sent"] else FINE


def _follow(found: ReplayProgress, api: HttpApi, tell: Callable[[str], None]) -> None:
    """Send the request and its tokens until the run is complete. Raises Refusal when it makes no progress."""
    backoff, stalled = Backoff(CLI_RETRIES), 0
    while not found.complete:
        response = call_with_retries(
            lambda: _ask(found, api),
            backoff,
            _sleep,
            lambda reason, seconds: tell(f"{reason}, again in {seconds:.1f} s"),
        )
        if response.status_code != httpx.codes.OK:
            raise _refused(response)
        totals = found.totals
        tell(f"{totals['sent']:,} sent of {totals['scanned']:,} read")
        moved = found.answer.get("sent") or found.answer.get("skipped")
        stalled = 0 if moved else stalled + 1
        if stalled == CLI_FAILED_BATCHES and not found.complete:
            raise Refusal(
                f"Run {found.run_id} makes no progress: {found.explanation}",
                "See `pik logs replay --level ERROR`.",
            )
        if stalled:
            _sleep(backoff.delay(stalled, None, 1.0))


def _ask(found: ReplayProgress, api: HttpApi) -> httpx.Response:
    body = found.body | ({"next_token": found.token} if found.token else {})
    response = api.call("POST", "/replay", dump(body, "utf-8", compact=True).encode(), _JSON)
    found.requests += 1
    found.note(response)
    return response


def _refused(response: httpx.Response) -> PikError:
    reason = f"HTTP {response.status_code}: {message_of(response)}"
    if response.status_code in _NOT_ALLOWED:
        return Unreachable(
            f"These credentials may not replay: {reason}", "They need execute-api:Invoke on the API; see --profile."
        )
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unreachable(f"The API does not replay: {reason}", "See `pik logs replay --level ERROR`.")
    if response.status_code == httpx.codes.BAD_REQUEST:
        return usage_error(response, _OPTIONS)
    return Refusal(refusal_text(response, _OPTIONS))


def _account(found: ReplayProgress, output: Output, seconds: float) -> None:
    totals, dry = found.totals, bool(found.answer.get("dry_run"))
    if output.json_wanted:
        output.document(
            {"run_id": found.run_id, "status": found.answer.get("status"), "dry_run": dry, **totals}
            | {
                "requests": found.requests,
                "seconds": round(seconds, 3),
                "explanation": found.answer.get("explanation", ""),
            }
        )
        return
    requests = plural(found.requests, "request", "requests")
    output.line(f"Run {found.run_id}: {found.answer.get('status')}, {requests} in {seconds:.1f} s")
    _show_counts(totals, output, "would be sent" if dry else "sent")
    output.line()
    output.line(found.explanation)


def _show_counts(totals: dict[str, Any], output: Output, sent: str = "sent") -> None:
    skipped = [(f"skipped: {reason}", count) for reason, count in sorted(totals.get("skipped", {}).items())]
    rows = [(sent, totals.get("sent", 0)), *skipped, ("failed", totals.get("failed", 0))]
    output.table(("rows", "count"), [*rows, ("read", totals.get("scanned", 0))])


def _command(session: Session, body: dict[str, Any]) -> list[str]:
    """The command line that requests the same."""
    words = session.words("replay")
    for member, value in body.items():
        name = _OPTIONS[member]
        words += [name] if value is True else [name, str(value)]
    return [*words, "--yes"]


def _check_scope(entity: str | None, source: str | None, event_type: str | None) -> None:
    """Raises Misuse for what names no events, or two kinds of them."""
    if entity is None and source is None and event_type is None:
        raise Misuse(
            "Nothing says which events to replay.",
            "Give --entity E, or --source S with --type T; and the window with --from and --to.",
        )
    if entity is not None and not (source is None and event_type is None):
        raise Misuse("--entity contradicts --source and --type.", "Give --entity, or --source with --type.")
    if entity is None and (source is None or event_type is None):
        given, missing = ("--source", "--type") if event_type is None else ("--type", "--source")
        raise Misuse(f"{given} needs {missing} as well.", f"Add {missing}, or replay one entity with --entity.")


def _window(start: TypedTime | None, end: TypedTime | None) -> Window:
    """Raises Misuse when an end is missing, or the window holds no time."""
    if start is None and end is None:
        raise Misuse("The window is missing.", "Give --from and --to, such as --from yesterday --to now.")
    if start is None:
        raise Misuse("--from is missing: a replay needs both ends of its window.", "Add it, such as --from yesterday.")
    if end is None:
        raise Misuse("--to is missing: a replay needs both ends of its window.", "For all until now, add --to now.")
    return window(start, end, clock())


def _confirm(body: dict[str, Any]) -> None:
    """Raises typer.Abort for a no."""
    whose = f"entity {body['entity_id']}" if "entity_id" in body else f"{body.get('source')} {body.get('event_type')}"
    where = "its own run" if body.get("shadow") else "LIVE"
    typer.confirm(f"Send the events of {whose} in this window again, into {where}?", abort=True, err=True)


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return True


@contextmanager
def _progress(output: Output) -> Iterator[Callable[[str], None]]:
    """Shows progress on a terminal while the replay runs, and nothing elsewhere."""
    if not output.stderr.is_terminal:
        yield lambda _text: None
        return
    with output.stderr.status("replaying") as status:
        yield status.update
