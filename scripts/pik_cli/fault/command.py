"""`pik fault`: make a stack for trials fail on purpose, see what is on, and end it."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer
from botocore.exceptions import ClientError

from pik.domain.operate.failure_modes import NO_FAULT, FaultMode, UnknownFaultMode, parse_fault_mode
from pik.domain.shared.limits import FAILURE_MODE_CACHE_SECONDS
from pik_cli.shell.errors import Misuse, Refusal, error_code
from pik_cli.shell.failure_mode import OUTPUT, FaultState, read_parameter
from pik_cli.shell.session import Session, session_of

_OFF: Final = "EnableFaultInjection=false"
_YES = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_NEVER_ASKS = Annotated[bool, typer.Option("--yes", "-y", help="For scripts; this command never asks.")]
_DRY_RUN = Annotated[bool, typer.Option("--dry-run", help="Say what would be set; set nothing.")]

app = typer.Typer(
    name="fault", invoke_without_command=True, rich_markup_mode=None, context_settings={"max_content_width": 110}
)


@app.callback()
def fault(context: typer.Context) -> None:
    """Make the pipeline fail on purpose, to see what it and its operators do then.

    Only a stack that was deployed with EnableFaultInjection=true can fail on order; a local engine's always can. What
    fails goes the way of real failures: log, ledger, retries, dead-letter queue. Its error says that it was injected.

    \b
    Examples:
      pik fault show
      pik fault set poison_payload
      pik fault set random_fail_p30 --yes
      pik fault clear
    """
    if context.invoked_subcommand is None:
        _show(session_of(context))


@app.command("set")
def set_mode(
    context: typer.Context,
    *,
    mode: Annotated[str, typer.Argument(metavar="MODE", help="One of the modes below.")],
    yes: _YES = False,
    dry_run: _DRY_RUN = False,
) -> None:
    """Let the pipeline fail in one way, until `pik fault clear`.

    \b
    Modes:
      none
          nothing is injected
      poison_payload
          the processor reads bytes that are not the event: VALIDATION
      slow_downstream
          each read of raw bytes takes 3 s and then times out: TIMEOUT
      random_fail_pNN
          NN of 100 reads fail with InternalError (NN is 1 to 100): TRANSIENT
      duplicate_submit
          the publisher sends each message twice: the event still counts once
      throttle
          each read of raw bytes is throttled: TRANSIENT
      access_denied
          each read of raw bytes is forbidden: PERMANENT, with a CRITICAL log line

    Functions see a change within 5 seconds. What has failed by then stays failed: see `pik status`.

    \b
    Examples:
      pik fault set poison_payload
      pik fault set random_fail_p30 --yes
      pik fault set throttle --dry-run
    """
    wanted = _parse(mode)
    session = session_of(context)
    parameter = session.stack.outputs.get(OUTPUT)
    if parameter is None:
        raise Refusal(
            f"Stack {session.stack.name} cannot fail on order: it was deployed with {_OFF}.",
            "On a stack for trials, never where events matter: deploy with EnableFaultInjection=true.",
        )
    if wanted != NO_FAULT and not (yes or dry_run):
        _confirm(wanted, session)
    _put(wanted, parameter, session, dry_run=dry_run)


@app.command()
def clear(context: typer.Context, *, yes: _NEVER_ASKS = False, dry_run: _DRY_RUN = False) -> None:
    """End what `pik fault set` began, without asking. Does no harm where nothing is on.

    \b
    Examples:
      pik fault clear
      pik fault clear --yes
      pik --stack pik-dev fault clear
      pik fault clear --dry-run
    """
    session = session_of(context)
    parameter = session.stack.outputs.get(OUTPUT)
    if parameter is None:
        _show(session)
        return
    _put(NO_FAULT, parameter, session, dry_run=dry_run)


@app.command()
def show(context: typer.Context, *, yes: _NEVER_ASKS = False) -> None:
    """Show what fails on order, and since when.

    Exit status 0 whatever it is; in `pik status` a mode that is on is a finding.

    \b
    Examples:
      pik fault show
      pik --stack pik-dev fault show
      pik -o json fault show
    """
    _show(session_of(context))


def _parse(text: str) -> FaultMode:
    try:
        return parse_fault_mode(text)
    except UnknownFaultMode as error:
        raise Misuse(f"{error}.", "`pik fault set --help` says what each does.") from error


def _confirm(mode: FaultMode, session: Session) -> None:
    """Raises Misuse when nobody can be asked, typer.Abort for a no."""
    if not sys.stdin.isatty():
        raise Misuse("Events will fail, and there is no terminal to ask on.", "Add --yes, or look with --dry-run.")
    stage = session.stack.parameters.get("EnvName", "?")
    typer.confirm(f"{mode.effect}. Let stack {session.stack.name} ({stage}) fail so?", abort=True, err=True)


def _put(mode: FaultMode, parameter: str, session: Session, *, dry_run: bool) -> None:
    # Once or twice makes no difference, and a put whose answer is lost is seen by `show`.
    if not dry_run:
        session.aws.ssm.put_parameter(Name=parameter, Value=str(mode), Type="String", Overwrite=True)
    if session.output.json_wanted:
        session.output.document(
            {
                "mode": str(mode),
                "effect": mode.effect,
                "parameter": parameter,
                "dry_run": dry_run,
                "seen_within_seconds": FAILURE_MODE_CACHE_SECONDS,
            }
        )
        return
    would = "Would set failure mode" if dry_run else "Failure mode"
    session.output.line(f"{would} {mode}: {mode.effect}.")
    if dry_run:
        return
    session.output.line(f"Functions see it within {FAILURE_MODE_CACHE_SECONDS:.0f} s.")
    if mode != NO_FAULT:
        session.output.line(f"End it with: {session.command('fault', 'clear')}")


def _show(session: Session) -> None:
    parameter = session.stack.outputs.get(OUTPUT)
    found = _read(session, parameter) if parameter else None
    if session.output.json_wanted:
        session.output.document(_as_json(found, parameter))
    elif found is None:
        session.output.line(f"Stack {session.stack.name} was deployed with {_OFF}: nothing in it fails on order.")
    elif found.mode is None:
        session.output.line(f"Failure mode {found.name!r} is unknown, which functions take as none.")
        session.output.line(f"Fix it with: {session.command('fault', 'clear')}")
    elif found.injects:
        session.output.line(f"Failure mode {found.mode} since {found.since}: {found.mode.effect}.")
        session.output.line(f"End it with: {session.command('fault', 'clear')}")
    else:
        session.output.line(f"Failure mode {found.mode}: {found.mode.effect}.")


def _as_json(found: FaultState | None, parameter: str | None) -> dict[str, object]:
    """Stable form. What a stack without fault injection has not is null."""
    return {
        "enabled": found is not None,
        "mode": found.name if found else None,
        "injects": bool(found and found.injects),
        "effect": found.mode.effect if found and found.mode else None,
        "since": found.since if found else None,
        "parameter": parameter,
    }


def _read(session: Session, parameter: str) -> FaultState:
    try:
        return read_parameter(session.aws, parameter)
    except ClientError as error:
        if error_code(error) != "ParameterNotFound":
            raise
        raise Refusal(
            f"The parameter {parameter} is gone, which functions take as none.",
            f"Make it again with: {session.command('fault', 'clear')}",
        ) from error
