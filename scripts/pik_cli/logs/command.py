"""`pik logs`: what the functions said, merged by time."""

from __future__ import annotations

import heapq
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from botocore.exceptions import ClientError
from rich.text import Text

from pik_cli.logs.lines import LineFilter, LogLine, as_json, id_of, level_of, message, parse, time_text
from pik_cli.shell.errors import Misuse, Refusal, error_code
from pik_cli.shell.limits import CLI_LOG_LINES, CLI_LOG_OVERLAP_SECONDS, CLI_LOG_PAGE, CLI_LOG_REMEMBERED
from pik_cli.shell.output import Output, safe
from pik_cli.shell.session import Session, session_of
from pik_cli.shell.windows import TypedTime, clock, moment_option, window

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

    from pik_cli.shell.stack import Stack

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE: Final = TypedTime("15m", ago=timedelta(minutes=15))
_FURTHER: Final = (("1d", timedelta(days=1)), ("1w", timedelta(weeks=1)), ("30d", timedelta(days=30)))
_SLACK: Final = timedelta(minutes=1)  # the command itself took a moment
_POLL_SECONDS: Final = 2.0  # FilterLogEvents allows a few calls a second for the whole account
_STYLES: Final = {"WARNING": "yellow", "WARN": "yellow", "ERROR": "red", "CRITICAL": "bold red", "FATAL": "bold red"}


class LoggedFunction(StrEnum):
    """A function whose logs can be shown."""

    INGEST = "ingest"
    WEBHOOK = "webhook"
    PUBLISHER = "publisher"
    PROCESSOR = "processor"
    REPLAY = "replay"
    REDRIVE = "redrive"
    REDRIVE_STEP = "redrive-step"
    ALL = "all"


_OUTPUTS: Final = {
    LoggedFunction.INGEST: "IngestLogGroupName",
    LoggedFunction.WEBHOOK: "WebhookLogGroupName",
    LoggedFunction.PUBLISHER: "PublisherLogGroupName",
    LoggedFunction.PROCESSOR: "ProcessorLogGroupName",
    LoggedFunction.REPLAY: "ReplayLogGroupName",
    LoggedFunction.REDRIVE: "RedriveLogGroupName",
    LoggedFunction.REDRIVE_STEP: "RedriveStepLogGroupName",
}


def logs(
    context: typer.Context,
    *,
    function: Annotated[LoggedFunction, typer.Argument(help="Function whose logs to show.")] = LoggedFunction.ALL,
    since: Annotated[TypedTime, moment_option("--since", help="From when")] = _SINCE,
    until: Annotated[TypedTime | None, moment_option("--until", help="Until when", forms=False)] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")] = False,
    level: Annotated[str, typer.Option(metavar="LEVEL", help="This level and above, such as ERROR.")] = "",
    grep: Annotated[str, typer.Option(metavar="TEXT", help="Lines with this text, in any case.")] = "",
    request_id: Annotated[str, typer.Option(metavar="ID", help="Lines that name this request.")] = "",
    event_id: Annotated[str, typer.Option(metavar="ID", help="Lines that name this event.")] = "",
    everything: Annotated[
        bool, typer.Option("--everything", help="Also the runtime's START, END and REPORT, and metric documents.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Lines at most.")] = CLI_LOG_LINES,
) -> None:
    """Show what the functions logged, merged by time.

    With -o json each line is one JSON object with the text as it was written.

    \b
    Examples:
      pik logs
      pik logs processor --level ERROR --since 1h
      pik --stack pik-dev logs all --follow
      pik logs ingest --grep "not stored" --since 2026-11-20T10:00
      pik logs processor --level ERROR --since yesterday --until today
      pik logs --event-id 5f0c6a1e --since 1d -o json
    """
    session = session_of(context)
    ids = [("--request-id", request_id), ("--event-id", event_id)]
    wanted = LineFilter(
        level=level_of(level) if level else "",
        text=grep,
        ids=tuple(id_of(option, text) for option, text in ids if text),
        everything=everything,
    )
    if follow and until:
        raise Misuse("--follow contradicts --until: it shows new lines without end.", "Give one or the other.")
    covered = window(since, until, clock(), names=("--since", "--until"))
    reader = LogReader(session.aws.logs, _groups(session.stack, function), wanted, end=covered.end)
    session.output.note(f"Log times, UTC: {covered}")
    start = covered.start or _EPOCH
    if follow:
        _follow(reader, start, session.output)
    else:
        _print_all(reader, start, limit, session)


def _groups(stack: Stack, function: LoggedFunction) -> dict[LoggedFunction, str]:
    """The log group of one function or of all. Raises Refusal where the stack does not have the function."""
    names = [name for name in _OUTPUTS if function in {name, LoggedFunction.ALL}]
    if _OUTPUTS[LoggedFunction.WEBHOOK] not in stack.outputs:  # it exists only where a source is configured
        if function is LoggedFunction.WEBHOOK:
            raise Refusal(f"Stack {stack.name} takes no webhooks.", "Deploy it with the parameter WebhookSources.")
        names = [name for name in names if name is not LoggedFunction.WEBHOOK]
    return {name: stack.output(_OUTPUTS[name]) for name in names}


@dataclass
class LogReader:
    """Reads the log groups of some functions, up to before `end` where there is one. `missing` are groups that do not
    exist, found while reading."""

    client: CloudWatchLogsClient
    groups: Mapping[LoggedFunction, str]
    wanted: LineFilter
    end: datetime | None = None
    missing: set[str] = field(default_factory=set)

    def lines(self, start: datetime) -> Iterator[LogLine]:
        """The wanted lines of all groups from `start` on, by time."""
        return heapq.merge(*(self._group(name, start) for name in self.groups), key=lambda line: line.time_ms)

    def fresh(self, start: datetime, seen: PrintedLines) -> list[LogLine]:
        """As `lines`, without those that `seen` knows, which then knows these."""
        fresh = [
            parse(name, group, event)
            for name, group in self.groups.items()
            for page in self._pages(group, start)
            for event in page
            if seen.is_new(group, event)
        ]
        return sorted((line for line in fresh if self.wanted.takes(line)), key=lambda line: line.time_ms)

    def _group(self, name: LoggedFunction, start: datetime) -> Iterator[LogLine]:
        group = self.groups[name]
        for page in self._pages(group, start):
            found = [line for line in (parse(name, group, event) for event in page) if self.wanted.takes(line)]
            yield from sorted(found, key=lambda line: line.time_ms)

    def _pages(self, group: str, start: datetime) -> Iterator[Sequence[Mapping[str, Any]]]:
        request: dict[str, Any] = {
            "logGroupName": group,
            "startTime": int(start.timestamp() * 1000),
            "PaginationConfig": {"PageSize": CLI_LOG_PAGE},
        }
        if self.end is not None:
            request["endTime"] = int(self.end.timestamp() * 1000) - 1  # CloudWatch includes its end
        if self.wanted.server_pattern:
            request["filterPattern"] = self.wanted.server_pattern
        try:
            for page in self.client.get_paginator("filter_log_events").paginate(**request):
                yield page.get("events", [])
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            self.missing.add(group)


class PrintedLines:
    """Log events that were printed, as many as the overlap of two looks can hold."""

    def __init__(self, bound: int = CLI_LOG_REMEMBERED) -> None:
        self._known: OrderedDict[tuple[object, ...], None] = OrderedDict()
        self._bound = bound

    def is_new(self, group: str, event: Mapping[str, Any]) -> bool:
        """Whether this event comes for the first time; it is known from then on."""
        own = event.get("eventId")
        key = (group, own) if own else (group, event.get("logStreamName"), event.get("timestamp"), event.get("message"))
        if key in self._known:
            return False
        self._known[key] = None
        if len(self._known) > self._bound:
            self._known.popitem(last=False)
        return True


def _print_all(reader: LogReader, start: datetime, limit: int, session: Session) -> None:
    output = session.output
    lines = reader.lines(start)
    shown = show(islice(lines, limit), output, reader.wanted.ids)
    if shown == limit and next(lines, None) is not None:
        output.note(f"Stopped after {limit:,} lines. See fewer with --since, --level or --grep, or more with --limit.")
    _explain_silence(reader, shown, start, session)


def _explain_silence(reader: LogReader, shown: int, start: datetime, session: Session) -> None:
    output = session.output
    for group in sorted(reader.missing):
        output.note(f"There is no log group {group}: its function has not run yet, or logs elsewhere.")
    if shown:
        return
    output.note(f"No lines. {_other_question(reader, start, clock())}".strip())
    if session.target.local:
        output.note(f"What the local engine itself and its functions print: {session.target.local.log_file}")


def _other_question(reader: LogReader, start: datetime, now: datetime) -> str:
    """What to ask instead: of each option only what was not asked already; empty when all was."""
    further = next((text for text, back in _FURTHER if start > now - back + _SLACK), "")
    wanted = reader.wanted
    narrow = [("--level", wanted.level), ("--grep", wanted.text), ("the id", wanted.ids), ("--until", reader.end)]
    filters = " and ".join(name for name, given in narrow if given)
    wider = [f"look further back with --since {further}"] if further else []
    wider += [f"leave out {filters}"] if filters else []
    text = ", or ".join(wider)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _follow(reader: LogReader, start: datetime, output: Output) -> None:
    """Print what comes until Ctrl-C. Each look goes back a little, because lines become visible late."""
    try:
        for lines in follow(reader, start, time.sleep, lambda: datetime.now(UTC)):
            show(lines, output, reader.wanted.ids)
    except KeyboardInterrupt:  # how following ends
        return


def follow(
    reader: LogReader, start: datetime, pause: Callable[[float], None], now: Callable[[], datetime]
) -> Iterator[list[LogLine]]:
    """The new lines of each look, without end."""
    seen = PrintedLines()
    begin = start
    while True:
        next_begin = max(start, now() - timedelta(seconds=CLI_LOG_OVERLAP_SECONDS))
        yield reader.fresh(begin, seen)
        begin = next_begin
        pause(_POLL_SECONDS)


def show(lines: Iterable[LogLine], output: Output, ids: Sequence[str] = ()) -> int:
    """Print lines as they come; gives their number."""
    shown = 0
    for line in lines:
        shown += 1
        if output.json_wanted:
            output.document(as_json(line), compact=True)
        else:
            output.line(pretty(line, ids))
    return shown


def pretty(line: LogLine, ids: Sequence[str] = ()) -> Text:
    """A line for people: time, level, function, message."""
    level = line.level
    return Text.assemble(
        (time_text(line), "dim"),
        "  ",
        (f"{level:<8}", _STYLES.get(level, "")),
        f" {line.function:<12}  ",
        safe(message(line, ids)),
    )
