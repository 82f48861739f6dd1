"""One run of the local pipeline: engine, deploy, sample, story, and serving until somebody stops it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.text import Text

from pik_cli.shell.output import safe
from scripts.local import counts, disk, state, story
from scripts.local.aws import EngineAws
from scripts.local.counts import Counts, Stuck
from scripts.local.deploy import DeployedStack, DeployError, deploy
from scripts.local.disk import DirectoryUnusable
from scripts.local.engine import Engine, EngineError, choose_port
from scripts.local.feed import Feed
from scripts.local.sample import HOT_DAY, HOT_ENTITY, SAMPLE_FILE
from scripts.local.sender import SampleSent, SendError, send_file
from scripts.local.state import LOCAL_DIRECTORY, AlreadyRunning, EngineState

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
_PROGRESS_SECONDS: Final = 5.0  # between lines of progress where no terminal can be drawn on


class StopRequested(BaseException):
    """A signal asked this process to end.

    No Exception, as KeyboardInterrupt is none: botocore would take it for a failed call and try again.
    """


class Watcher:
    """Shows how far the draining is: on one line of a terminal, or as a line now and then in a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")
        self._printed_at = time.monotonic()

    def __enter__(self) -> Watcher:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def show(self, now: Counts) -> None:
        """Take the latest counts."""
        text = f"{now.applied + now.dead} of {now.accepted} accepted events are through, {now.waiting} in WorkQueue"
        self._status.update(text)
        if not self._console.is_terminal and time.monotonic() - self._printed_at >= _PROGRESS_SECONDS:
            self._printed_at = time.monotonic()
            self._console.print(f"  {text}")


def run(port: int | None, *, once: bool, directory: Path = LOCAL_DIRECTORY) -> int:
    """Start everything and serve until a signal, or tell the story once and end. Returns the exit status.

    0 after a story that adds up or a stop by the person, 1 after anything else.
    """
    console = Console(highlight=False)
    try:
        with _stop_signals_raise(), disk.guarded(directory), state.exclusive(directory):
            return _run(console, port, once, directory)
    except (KeyboardInterrupt, StopRequested):
        console.print("\nStopped; nothing is left running.")
        return 1 if once else 0
    except (AlreadyRunning, EngineError, DirectoryUnusable) as error:
        message = str(error)
    except (DeployError, SendError, Stuck) as error:
        message = f"{error}\n{_where_to_look(directory)}"
    except (httpx.HTTPError, ClientError, BotoCoreError) as error:
        message = f"A call to the engine failed: {error}\n{_where_to_look(directory)}"
    except OSError as error:
        message = f"{error}. Check that {directory} can be written."
    console.print(Text(f"\n{safe(message)}", style="red"), soft_wrap=True)
    return 1


def _where_to_look(directory: Path) -> str:
    return f"What the engine and the functions said is in {_relative(directory / 'engine.log')}"


@contextmanager
def _stop_signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP end the run as Ctrl-C does; while things are taken down, further ones change nothing."""

    def stop(number: int, frame: FrameType | None) -> None:
        _ignore_stops()
        raise StopRequested

    def interrupt(number: int, frame: FrameType | None) -> None:
        _ignore_stops()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_stops() -> None:
    for number in (*_STOP_SIGNALS, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _run(console: Console, port: int | None, once: bool, directory: Path) -> int:
    started = time.monotonic()
    engine = Engine(choose_port(port), directory / "engine", directory / "engine.log")
    console.print("The pipeline of template.yaml on this machine; no AWS account is used.\n")
    with engine, disk.guarded(directory):  # the inner one looks before the engine's files are removed
        aws = EngineAws(engine.endpoint)
        # The transform's imports take longer than the engine's start: do them meanwhile.
        import samtranslator.translator.translator  # noqa: F401

        engine.wait_ready()
        _step(console, started, f"engine ready at {engine.endpoint}")
        deployed = deploy(aws)
        _step(console, started, f"template.yaml deployed as stack {deployed.stack_name}")
        _write_state(directory, engine, deployed)
        problems = _sample_story(console, started, aws, deployed)
        if once:
            return 1 if problems else 0
        story.next_steps(console, engine.endpoint, deployed.api_url, _relative(engine.log_file))
        feed = Feed(aws, deployed.outputs["EventsTopicArn"])
        console.print("\nServing until Ctrl-C; what is counted meanwhile appears here.\n")
        _serve(console, engine, feed, directory)
        return 0


def _step(console: Console, started: float, text: str) -> None:
    console.print(f"{time.monotonic() - started:6.1f} s  {text}", soft_wrap=True)


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _write_state(directory: Path, engine: Engine, deployed: DeployedStack) -> None:
    state.write(
        directory,
        EngineState(
            endpoint=engine.endpoint,
            api_url=deployed.api_url,
            stack_name=deployed.stack_name,
            pids=state.pids(engine.pid),
            log_file=str(engine.log_file),
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
    )


def _sample_story(console: Console, started: float, aws: EngineAws, deployed: DeployedStack) -> list[str]:
    """Send the sample, wait until it is through, tell the story; returns what does not add up."""
    sent = send_file(deployed.api_url, SAMPLE_FILE)
    _step(console, started, f"{sent.events} events of events/{SAMPLE_FILE.name} sent")
    final = drain(console, aws, deployed)
    _step(console, started, "all of them are through")
    hot = story.versions_of(aws, deployed.outputs["AggregatesTableName"], HOT_ENTITY, HOT_DAY)
    problems = reconcile(final, sent)
    story.tell(console, sent, final, hot, problems)
    return problems


def drain(console: Console, aws: EngineAws, deployed: DeployedStack) -> Counts:
    """Wait until nothing is on its way, and show how far it is. Raises Stuck."""
    with Watcher(console) as watcher:
        return counts.wait_drained(lambda: counts.read(aws, deployed.outputs), watcher.show)


def reconcile(final: Counts, sent: SampleSent) -> list[str]:
    """What does not add up between what was sent, what was answered and what is kept."""
    return counts.differences(final, sent.events, sent.answered)


def shown(line: str) -> Text:
    """A line of the feed for the screen, which must not obey what events hold."""
    return Text(safe(line))


def _serve(console: Console, engine: Engine, feed: Feed, directory: Path) -> None:
    """Show what is counted, until a signal ends it. Raises EngineError when the engine ends unexpectedly."""
    warned = False
    while engine.alive():
        if not warned and (problem := disk.shortage(directory)):
            warned = True
            console.print(Text(problem, style="red"), soft_wrap=True)
        try:
            for line in feed.lines():
                console.print(shown(line), soft_wrap=True)
        except (ClientError, BotoCoreError):
            if engine.alive():
                raise
        sys.stdout.flush()
    raise EngineError("The engine ended unexpectedly. Start it again with make run.")
