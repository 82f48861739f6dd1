"""Following a redrive run to its end, and the account of it; `pik dlq show` and `pik dlq cancel`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Final

import httpx
import typer

from pik.domain.redrive.run import CANCELLED, COMPLETE, FAILED, STOPPED, UNDER_WAY
from pik_cli.dlq.advice import NextStep
from pik_cli.dlq.api import RedriveApi, Tell, UnknownRedrive
from pik_cli.dlq.options import Consent, consent_options, parse_run_id
from pik_cli.shell.consent import ask
from pik_cli.shell.errors import Misuse, PikError, Refusal, Unreachable, describe
from pik_cli.shell.exit_codes import FINDING, FINE, INTERRUPTED
from pik_cli.shell.limits import CLI_FOLLOW_LOOKS, CLI_FOLLOW_SECONDS
from pik_cli.shell.output import Output, plural
from pik_cli.shell.session import Session, session_of

_DONE: Final = {"redrive": "redriven", "rescue": "rescued", "put_back": "put back"}

_OF_THE_DONE: Final = {
    "kept": "still in the dead-letter queue too",
    "doubled": "perhaps in the queue twice",
    "unconfirmed": "outcome not known",
    "waiting": "not counted yet",
    "unchecked": "not looked up",
}

RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", parser=parse_run_id, help="The run's id, as the command printed that started it: rdr-..."
    ),
]


def show(
    context: typer.Context,
    *,
    run_id: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch it to its end.")] = False,
) -> None:
    """Show a redrive, rescue or put-back: who requested what, its waves, and what happened to every message.

    Exit status 1 when it has stopped, failed or been cancelled, or when messages failed. With --follow, Ctrl-C stops
    watching, not the run.

    \b
    Examples:
      pik dlq show rdr-20261120T101530Z-0a1b2c3d
      pik dlq show rdr-20261120T101530Z-0a1b2c3d --follow
      pik dlq show rdr-20261120T101530Z-0a1b2c3d -o json
    """
    session = session_of(context)
    api = RedriveApi(session, session.output.note)
    if follow:
        raise typer.Exit(follow_run(session, api, run_id))
    row = api.run(run_id)
    _account(session, row, lead=_who_asked(row))
    raise typer.Exit(FINE if row.get("status") in UNDER_WAY else _exit_code(row))


@consent_options()
def cancel(context: typer.Context, *, run_id: RunId, consent: Consent) -> None:
    """Stop a running redrive, and wait until it has stopped.

    No further wave is sent, and what was not sent is in the dead-letter queue again. What was sent is not called back.
    Cancelling twice does no harm. Exit status 1 when the run is over already.

    \b
    Examples:
      pik dlq cancel rdr-20261120T101530Z-0a1b2c3d
      pik dlq cancel rdr-20261120T101530Z-0a1b2c3d --yes --no-wait
    """
    session = session_of(context)
    api, output = RedriveApi(session, session.output.note), session.output
    if consent.dry_run:
        raise typer.Exit(_would_cancel(output, api.run(run_id)))
    ask(f"Stop run {run_id}?", yes=consent.yes)
    answer = api.cancel(run_id)
    if answer.get("dry_run"):
        raise Refusal("The stack runs with DryRun=true: the run was not asked to stop.", "Deploy with DryRun=false.")
    if not consent.wait:
        if output.json_wanted:
            output.document(answer)
        else:
            output.line(f"Run {run_id}: {answer.get('status')}. See:")
            output.line(f"  {session.command('dlq', 'show', run_id)}")
        raise typer.Exit(FINE)
    row = _last_row(session, api, run_id)
    _account(session, row)
    raise typer.Exit(FINE if row.get("status") == CANCELLED else FINDING)


def _would_cancel(output: Output, row: Mapping[str, Any]) -> int:
    under_way = row.get("status") in UNDER_WAY
    if output.json_wanted:
        output.document({"run_id": row.get("run_id"), "status": row.get("status"), "would_cancel": under_way})
    elif under_way:
        output.line(f"Run {row.get('run_id')} would be stopped: it is {row.get('status')}.")
    else:
        output.line(f"Run {row.get('run_id')} is over: {row.get('status')}. There is nothing to stop.")
    return FINE if under_way else FINDING


def follow_run(session: Session, api: RedriveApi, run_id: str, extra: Mapping[str, Any] | None = None) -> int:
    """Watch a run to its end and report its result; returns the exit status. `extra` goes into the JSON."""
    row = _last_row(session, api, run_id)
    _account(session, row, extra=extra)
    return _exit_code(row)


def _last_row(session: Session, api: RedriveApi, run_id: str) -> dict[str, Any]:
    """The row of a run that is over. Ctrl-C, and an API that does not answer, end the watching with the way on."""
    again = session.command("dlq", "show", run_id, "--follow")
    try:
        with progress(session.output, f"run {run_id}") as tell:
            return watch(api, run_id, time.sleep, tell, session.output.note)
    except KeyboardInterrupt:
        stop = session.command("dlq", "cancel", run_id)
        session.output.note(f"Stopped watching; the run goes on. Watch it again:\n{again}\nStop it:\n{stop}")
        raise typer.Exit(INTERRUPTED) from None
    except httpx.TransportError as error:
        raise Unreachable(
            f"The API does not answer: {describe(error)}", f"The run goes on. Watch it:\n{again}"
        ) from error
    except (UnknownRedrive, Misuse):
        raise  # the same command would be refused again
    except PikError as error:
        error.fix = f"{error.fix}\nThe run may go on. Watch it:\n{again}".strip()
        raise


def watch(api: RedriveApi, run_id: str, pause: Callable[[float], None], tell: Tell, note: Tell) -> dict[str, Any]:
    """Look until the run is over. `note` gets each wave when there is news of it. Raises Refusal when nothing moves."""
    noted: dict[Any, str] = {}
    last, still = "", 0
    while True:
        row = api.run(run_id)
        for wave in row.get("waves", []):
            line = _wave_line(wave, row)
            if noted.get(wave.get("number")) != line:
                noted[wave.get("number")] = line
                note(line)
        if row.get("status") not in UNDER_WAY:
            return row
        tell(_progress_line(row))
        still = still + 1 if row.get("updated_at") == last else 0
        last = str(row.get("updated_at"))
        if still == CLI_FOLLOW_LOOKS:
            raise Refusal(
                f"Run {run_id} makes no progress: nothing has changed since {last}.",
                "See `pik logs redrive-step --level ERROR`.",
            )
        pause(CLI_FOLLOW_SECONDS)


def _progress_line(row: Mapping[str, Any]) -> str:
    totals, waves = _totals(row), row.get("waves") or []
    where = f"wave {waves[-1].get('number')}" if waves else "reading the queue"
    failing = f", {waves[-1]['failing']} failing" if waves and waves[-1].get("failing") else ""
    return f"{row.get('status')}: {where}, {_done(row):,} of {totals['selected']:,} {_word(row)}{failing}"


def _wave_line(wave: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    sent = f"{wave.get('redriven', 0):,} of {wave.get('size', 0):,} {_word(row)}"
    unsent = f", {wave['failed']:,} not" if wave.get("failed") else ""
    known = f"; {wave.get('decided') or 0:,} are decided, {wave.get('failing') or 0:,} of them failed again"
    if not wave.get("decided"):
        known = "; what becomes of them is awaited"
    return f"Wave {wave.get('number')}: {sent}{unsent}{known if _is_judged(row) else ''}"


def _is_judged(row: Mapping[str, Any]) -> bool:
    """Whether waves are watched: only a redrive's are processed."""
    return str(row.get("action", "redrive")) == "redrive"


def _who_asked(row: Mapping[str, Any]) -> list[tuple[str, object]]:
    request = row.get("request") or {}
    criteria = ", ".join(f"{name}={value}" for name, value in (request.get("criteria") or {}).items())
    return [
        ("action", row.get("action", "-")),
        ("requested by", row.get("requested_by", "-")),
        ("requested at", row.get("requested_at", "-")),
        ("last change", row.get("updated_at", "-")),
        ("which messages", request.get("manifest_id") or criteria or "all"),
    ]


def _account(
    session: Session,
    row: Mapping[str, Any],
    *,
    lead: list[tuple[str, object]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """What came of a run: every selected message under one heading, and what to do next."""
    output, step = session.output, _next_step(session, row)
    if output.json_wanted:
        report = {"adds_up": _missing(row) == 0, "next": step.command if step else None}
        output.document({**row, **report, **(extra or {})})
        return
    output.line(f"Run {row.get('run_id')}: {row.get('status')}")
    if lead:
        output.table(("", ""), lead)
    waves = row.get("waves") or []
    if waves:
        names, columns = ["number", "size", "redriven", "failed"], ["wave", "size", _word(row), "unsent"]
        if _is_judged(row):
            names, columns = [*names, "decided", "failing"], [*columns, "decided", "failed again"]
        output.table(columns, [[it.get(name, "-") for name in names] for it in waves])
    output.table(("messages", "count"), _counts(row))
    missing = _missing(row)
    if missing and row.get("status") not in UNDER_WAY:
        output.line(f"These do not add up: {plural(abs(missing), 'message is', 'messages are')} unaccounted for.")
    output.line()
    output.line(str(row.get("explanation", "")))
    if step:
        output.line(step.why)
        output.line(f"  {step.command}")


def _counts(row: Mapping[str, Any]) -> list[tuple[str, int]]:
    totals = _totals(row)
    rows = [("selected", totals["selected"]), (f"= {_word(row)}", _done(row))]
    rows += [(f"+ skipped: {reason}", count) for reason, count in sorted(totals["skipped"].items())]
    rows += [("+ already gone", totals["already_gone"]), ("+ failed", totals["failed"])]
    known = totals | ({**row["outcome"], "unconfirmed": 0} if row.get("outcome") else {})
    for name, words in _OF_THE_DONE.items():
        if known.get(name):
            rows.append((f"of the {_word(row)}, {words}", known[name]))
    return rows


def _totals(row: Mapping[str, Any]) -> dict[str, Any]:
    none: dict[str, Any] = {"selected": 0, "redriven": 0, "rescued": 0, "skipped": {}, "already_gone": 0, "failed": 0}
    return none | {"kept": 0, "unconfirmed": 0} | dict(row.get("totals") or {})


def _word(row: Mapping[str, Any]) -> str:
    return _DONE.get(str(row.get("action")), "redriven")


def _done(row: Mapping[str, Any]) -> int:
    totals = _totals(row)
    return int(totals["redriven"]) + int(totals["rescued"])


def _missing(row: Mapping[str, Any]) -> int:
    totals = _totals(row)
    accounted = _done(row) + sum(totals["skipped"].values()) + totals["already_gone"] + totals["failed"]
    return int(totals["selected"] - accounted)


def _exit_code(row: Mapping[str, Any]) -> int:
    well = row.get("status") == COMPLETE and _done(row) and not _totals(row)["failed"]
    return FINE if well else FINDING


def _next_step(session: Session, row: Mapping[str, Any]) -> NextStep | None:
    status, run_id = row.get("status"), str(row.get("run_id"))
    if status in UNDER_WAY:
        return NextStep("Watch it:", session.command("dlq", "show", run_id, "--follow"))
    if status == STOPPED:
        return NextStep(
            "What it had not sent is in the queue again. See why it failed:", session.command("dlq", "analyze")
        )
    if status == FAILED:
        return NextStep("See:", session.command("logs", "redrive-step", "--level", "ERROR"))
    if samples := (row.get("outcome") or {}).get("samples"):
        return NextStep(
            "See whether the processor takes messages with `pik status`, and what became of one of them:",
            session.command("logs", "processor", "--event-id", str(samples[0]), "--since", "1d"),
        )
    if row.get("action") == "rescue" and _done(row):
        return NextStep("To put them back:", session.command("dlq", "put-back", run_id))
    return NextStep("See what is left:", session.command("dlq", "status"))


@contextmanager
def progress(output: Output, title: str) -> Iterator[Tell]:
    """Shows progress on a terminal, and nothing elsewhere."""
    if not output.stderr.is_terminal:
        yield lambda _text: None
        return
    with output.stderr.status(title) as status:
        yield lambda text: status.update(f"{title}: {text}   (Ctrl-C stops watching)")
