"""The `pik` command: what an operator asks the pipeline."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated, Final

import typer

from pik import __version__
from pik_cli.shell.group import LazyCommand, PikGroup
from pik_cli.shell.output import Output, OutputForm
from pik_cli.shell.session import Session
from pik_cli.shell.stack import Options

COMMANDS: Final = (
    LazyCommand("send", "pik_cli.send.command:send", "Send a file of events, whole and once."),
    LazyCommand("status", "pik_cli.status.command:status", "Show the whole pipeline and what in it needs attention."),
    LazyCommand("health", "pik_cli.status.health:health", "Show the API's status, version and switches."),
    LazyCommand("logs", "pik_cli.logs.command:logs", "Show what the functions logged, merged by time."),
    LazyCommand(
        "preflight",
        "pik_cli.preflight.command:preflight",
        "Check the account before the first deploy: limits, permissions, names, and what to change.",
    ),
    LazyCommand("replay", "pik_cli.replay.command:app", "Send the stored events of a window through the queue again."),
    LazyCommand(
        "processor",
        "pik_cli.processor.command:app",
        "Pause the processor without losing an event, resume it, and see what holds.",
    ),
    LazyCommand(
        "publisher",
        "pik_cli.publisher.command:app",
        "Accepted events that did not reach the queue: send the stream batches again that were discarded.",
    ),
    LazyCommand(
        "fault",
        "pik_cli.fault.command:app",
        "Make the pipeline fail on purpose, to see what it and its operators do then.",
    ),
    LazyCommand("dlq", "pik_cli.dlq.command:app", "Dead letters: look, decide, fix, try a few, send the rest, watch."),
)
"""Every command with the first sentence of its help, so that `pik --help` loads none of them."""


class RootGroup(PikGroup):
    """`pik` itself."""

    lazy_commands = COMMANDS


app = typer.Typer(
    cls=RootGroup,
    name="pik",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: it reads the same on a terminal, in a pipe and in a page of documentation
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _show_version(requested: bool) -> None:
    if requested:
        typer.echo(f"pik {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    *,
    stack: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the stack; also PIK_STACK. Its outputs lead to everything else."),
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

    Without --stack and --endpoint-url, pik finds a local engine started by `make run` automatically.
    These options may come before or after the command.

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


def main() -> None:
    """Run the command line of this process."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a replaced stream need not know it
            # A terminal that cannot write a character gets its escape instead of an error.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    app()


if __name__ == "__main__":
    main()
