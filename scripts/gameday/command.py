"""`make gameday`: play a scenario, check every expectation, print the score."""

from __future__ import annotations

import argparse
import secrets
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer

from pik_cli.shell.errors import Misuse, explain
from pik_cli.shell.exit_codes import FINDING, FINE, INTERRUPTED
from pik_cli.shell.output import Output, OutputForm
from pik_cli.shell.session import Session
from pik_cli.shell.stack import Options
from scripts.gameday import stage
from scripts.gameday.play import Game, Scenario, outcome
from scripts.gameday.scenarios import SCENARIOS
from scripts.gameday.sheet import Sheet, show
from scripts.gameday.world import GamedayStack

_LOCAL: Final = Path(__file__).resolve().parents[2] / ".local"


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line. Exit status 0 when all expectations are met, 1 when not, 2 for wrong usage, 3 when AWS or the
    engine cannot be reached, 130 after Ctrl-C."""
    given = _parser().parse_args(words)
    output = Output(OutputForm(given.output))
    try:
        with stage.stops_interrupt():
            return _run(given, output)
    except KeyboardInterrupt:
        output.note("Stopped. `pik fault show` shows whether faults are still injected.")
        return INTERRUPTED
    except typer.Abort:
        output.note("Not played.")
        return FINDING
    # Whatever it raises: `explain` knows what is expected, and everything else is raised again.
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        if given.debug:
            traceback.print_exception(error)
        output.error(known)
        return known.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make gameday",
        description="Play a scenario on a fresh local engine, or on a stack for trials, and check the result.",
    )
    parser.add_argument("scenario", nargs="?", default="", help="without one, they are listed")
    parser.add_argument("--stack", metavar="NAME", help="play on this stack; neither prod nor without fault injection")
    parser.add_argument("--region", metavar="R", help="AWS region; also AWS_REGION")
    parser.add_argument("--profile", metavar="P", help="AWS profile; also AWS_PROFILE")
    parser.add_argument("--endpoint-url", metavar="U", help="another address for AWS, such as that of a running engine")
    parser.add_argument(
        "--output", "-o", choices=[str(it) for it in OutputForm], default=str(OutputForm.TABLE), help="the sheet's form"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    parser.add_argument("--keep", action="store_true", help="keep the local engine afterwards, until Ctrl-C")
    parser.add_argument(
        "--port", type=_port, metavar="N", help="port of the local engine (default: 4566, or any free one)"
    )
    parser.add_argument(
        "--directory", type=Path, default=_LOCAL, help="where the engine keeps its files (default: .local)"
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text} is not a port")
    return int(text)


def _run(given: argparse.Namespace, output: Output) -> int:
    if not given.scenario:
        _list(output)
        return FINE
    scenario = SCENARIOS.get(given.scenario)
    if scenario is None:
        raise Misuse(f"There is no scenario {given.scenario}.", f"There are {', '.join(SCENARIOS)}.")
    elsewhere = Options(given.stack, given.region, given.profile, given.endpoint_url)
    if elsewhere != Options() and given.keep:
        raise Misuse("--keep is for a local engine of the gameday's own.", "A stack stays as it is anyway.")
    with _stage(elsewhere, given, scenario, output) as session:
        sheet, code = _play(scenario, session)
        show(sheet, output, session.command)
        if given.keep:
            stage.serve(session, output)
        elif elsewhere == Options() and not sheet.won:
            output.note(f"The engine ends now. To look into it: make gameday SCENARIO={scenario.name} ARGS=--keep")
        return code


@contextmanager
def _stage(elsewhere: Options, given: argparse.Namespace, scenario: Scenario, output: Output) -> Iterator[Session]:
    if elsewhere == Options():
        with stage.own_engine(given.directory.resolve(), given.port, scenario.parameters, output) as session:
            yield session
            session.close()
        return
    session = Session(elsewhere, output)
    stage.guard(session, yes=given.yes)
    yield session
    session.close()


def _play(scenario: Scenario, session: Session) -> tuple[Sheet, int]:
    game = Game(GamedayStack(session), scenario, secrets.token_hex(2))
    return play(game, session.stack.name)


def play(game: Game, stack_name: str, clock: Callable[[], float] = time.monotonic) -> tuple[Sheet, int]:
    """Play it to its end, or to where it cannot go on; the sheet, and the exit status."""
    began = clock()
    stopped, code = "", FINDING
    try:
        game.scenario.play(game)
    # As above; a scenario that cannot go on still has a score.
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        stopped, code = f"{known.message} {known.fix}".strip(), known.exit_code
    results = outcome(game.scenario, game.results, stopped)
    sheet = Sheet(game.scenario, stack_name, game.tag, clock() - began, results, stopped)
    return sheet, FINE if sheet.won else code


def _list(output: Output) -> None:
    if output.json_wanted:
        output.document([{"scenario": it.name, "objective": it.objective} for it in SCENARIOS.values()])
        return
    output.table(("scenario", "what for"), [(it.name, it.objective) for it in SCENARIOS.values()])
    output.line()
    output.line("Play one with make gameday SCENARIO=poison; docs/gamedays/ describes each.")
