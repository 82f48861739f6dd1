"""Where a gameday is played: on an engine of its own, or on a stack that is there for such things."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import typer

from pik_cli.shell import local_state
from pik_cli.shell.consent import can_ask
from pik_cli.shell.errors import Misuse, Refusal, Unreachable
from pik_cli.shell.failure_mode import OUTPUT, read_parameter
from pik_cli.shell.local_state import LocalEngine
from pik_cli.shell.output import Output
from pik_cli.shell.processor_switch import read_switch
from pik_cli.shell.session import Session
from pik_cli.shell.stack import Options, Target

if TYPE_CHECKING:
    from scripts.local.state import EngineState

_PROTECTED: Final = "prod"
_STILL: Final = {"DryRun": "true", "EnableProcessor": "false"}
"""Switches with which nothing is processed, so that every expectation would wait in vain."""


def guard(session: Session, *, yes: bool) -> None:
    """Go on only where events may fail. Raises Refusal, Misuse when nobody can be asked, typer.Abort for a no."""
    name, given = session.stack.name, session.stack.parameters
    local = session.target.local is not None
    stage = given.get("EnvName", "dev" if local else "")
    if stage == _PROTECTED:
        raise Refusal(f"Stack {name} is {stage}: no gamedays there.", "Deploy another: make deploy STAGE=dev.")
    if not stage:
        raise Refusal(f"Stack {name} has no parameter EnvName.", "Check that it is this kit's stack (--stack).")
    parameter = session.stack.outputs.get(OUTPUT)
    if parameter is None:
        raise Refusal(
            f"Stack {name} cannot fail on order: it was deployed with EnableFaultInjection=false.",
            "On a stack for trials, never where events matter: deploy with EnableFaultInjection=true.",
        )
    for switch, value in _STILL.items():
        if given.get(switch) == value:
            raise Refusal(f"Stack {name} runs with {switch}={value}: it processes nothing.", "Switch it back first.")
    if not read_switch(session.aws, session.stack).running:
        raise Refusal(
            f"The processor of stack {name} is paused: it processes nothing.",
            f"Resume it first: {session.command('processor', 'resume')}",
        )
    mode = read_parameter(session.aws, parameter)
    if mode.injects:
        raise Refusal(
            f"Stack {name} already fails on order: {mode.name} since {mode.since}. Somebody else's trial?",
            f"End it first: {session.command('fault', 'clear')}",
        )
    if yes:
        return
    question = f"Send orders to stack {name} ({stage}), and let it fail on purpose for a minute?"
    if not can_ask():
        raise Misuse(f"{question} There is no terminal to ask on.", "Add --yes.")
    typer.confirm(question, abort=True, err=True)


@contextmanager
def own_engine(directory: Path, port: int | None, parameters: Mapping[str, str], output: Output) -> Iterator[Session]:
    """The template, with these parameters, on a fresh engine, which `pik` finds while it runs.

    Raises Refusal when one runs already, Unreachable when this one does not come up.
    """
    # Late, since a gameday on a stack needs none of it, and the engine's packages take a second to import.
    from scripts.local import disk, state
    from scripts.local.aws import EngineAws
    from scripts.local.deploy import LOCAL_PARAMETERS, DeployError, deploy
    from scripts.local.engine import Engine, EngineError, choose_port

    files = directory / "engine", directory / "engine.log"
    try:
        with (
            disk.guarded(directory),
            state.exclusive(directory),
            Engine(choose_port(port), *files) as engine,
            disk.guarded(directory),  # once more, to look before the engine's files are removed
        ):
            engine.wait_ready()
            output.note(f"Local engine at {engine.endpoint}; what it says is in {engine.log_file}")
            deployed = deploy(EngineAws(engine.endpoint), {**LOCAL_PARAMETERS, **parameters})
            found = state.EngineState(
                endpoint=engine.endpoint,
                api_url=deployed.api_url,
                stack_name=deployed.stack_name,
                pids=state.pids(engine.pid),
                log_file=str(engine.log_file),
                started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            state.write(directory, found)
            yield _session(found, output)
    except state.AlreadyRunning as error:
        running = local_state.find(directory.parent).engine
        url = running.endpoint if running else "URL"
        raise Refusal(str(error), f"Or play on it: ARGS='--endpoint-url {url}'") from error
    except (EngineError, DeployError, disk.DirectoryUnusable) as error:
        raise Unreachable(str(error)) from error


def _session(state: EngineState, output: Output) -> Session:
    """A session for this engine, whichever others may run."""
    engine = LocalEngine(
        endpoint=state.endpoint,
        api_url=state.api_url,
        stack_name=state.stack_name,
        region=state.region,
        access_key_id=state.credentials["access_key_id"],
        secret_access_key=state.credentials["secret_access_key"],
        pids=tuple(state.pids.values()),
        log_file=state.log_file,
        started_at=state.started_at,
    )
    session = Session(Options(), output)
    session.target = Target(engine.stack_name, engine.region, None, engine.endpoint, engine)
    return session


def serve(session: Session, output: Output, sleep: Callable[[float], None] = time.sleep) -> None:
    """Keep the engine for somebody who wants to look; Ctrl-C ends it."""
    engine = session.target.local
    if engine is None:
        return
    output.note(f"The engine serves at {engine.endpoint} until Ctrl-C; `pik status` in another terminal finds it.")
    while all(map(local_state.is_alive, engine.pids)):
        sleep(1.0)


@contextmanager
def stops_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end a gameday as Ctrl-C does: the fault is cleared and the engine stopped on the way out."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for ignored in numbers:  # a second one must not stop the cleanup
            signal.signal(ignored, signal.SIG_IGN)
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
