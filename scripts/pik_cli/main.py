"""The `pik` command: what an operator asks the pipeline."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated

import typer

from pik_cli.dlq.command import app as dlq
from pik_cli.fault.command import app as fault
from pik_cli.logs.command import logs
from pik_cli.replay.command import app as replay
from pik_cli.send.command import send
from pik_cli.shell.group import PikGroup
from pik_cli.shell.output import Output, OutputForm
from pik_cli.shell.session import Session
from pik_cli.shell.stack import VERSION, Options
from pik_cli.status.command import status
from pik_cli.status.health import health

app = typer.Typer(
    cls=PikGroup,
    name="pik",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: it reads the same on a terminal, in a pipe and in a page of documentation
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"pik {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    *,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="The stack's name; also PIK_STACK. Everything is found from it.")
    ] = None,
    region: Annotated[str | None, typer.Option(metavar="R", help="AWS region; also AWS_REGION.")] = None,
    profile: Annotated[str | None, typer.Option(metavar="P", help="AWS profile; also AWS_PROFILE.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(metavar="U", help="Another address for AWS; also AWS_ENDPOINT_URL.")
    ] = None,
    output: Annotated[
        OutputForm,
        typer.Option("--output", "-o", help="table for people, json for programs (stdout holds nothing else)."),
    ] = OutputForm.TABLE,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Investigate and feed an event pipeline on AWS or on this machine.

    Without --stack and --endpoint-url, a local engine started by `make run` is found by itself.
    These options may stand before or after the command.

    Exit status: 0 fine, 1 a finding or a refusal, 2 wrong usage, 3 AWS unreachable, 130 after Ctrl-C.

    \b
    Examples:
      pik status
      pik --stack pik-dev --region eu-west-1 status
      pik send events/sample.ndjson
      pik --stack pik-dev logs processor --level ERROR --since 1h
      pik replay --entity customer-17 --from 2026-11-20 --to 2026-11-21 --dry-run
      pik dlq status
    """
    session = Session(Options(stack, region, profile, endpoint_url), Output(output))
    context.obj = session
    context.call_on_close(session.close)


app.command()(send)
app.command()(status)
app.command()(health)
app.command()(logs)
app.add_typer(replay)
app.add_typer(fault)
app.add_typer(dlq)


def main() -> None:
    """The entry point of the installed command."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a replaced stream need not know it
            # A terminal that cannot write a character gets its escape instead of an error.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    app()


if __name__ == "__main__":
    main()
