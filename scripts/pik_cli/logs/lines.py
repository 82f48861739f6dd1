"""Log lines of the functions, understood and filtered: Powertools' JSON, the runtime's own lines, plain text. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pik_cli.shell.errors import Misuse

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_RANK: Final = {name: rank for rank, name in enumerate(LEVELS)} | {"TRACE": 0, "WARN": 2, "FATAL": 4}

_LONG_VALUE: Final = 200  # characters of one member of a line that a person sees; `-o json` has all of them
_LONG_LINE: Final = 2_000  # as much of a text without members: tracebacks fit, metric documents need not

_PLATFORM: Final = re.compile(r"(?:START|END|REPORT|INIT_START|INIT_REPORT|EXTENSION|TELEMETRY|XRAY|LOGS)\b")
_TROUBLE: Final = re.compile(
    r"Task timed out|Runtime\.\w+|\[ERROR\]|\"errorType\"|Traceback \(most recent call last\)|Status: (?:timeout|error)"
    r"|\"status\":\s*\"(?:timeout|error|failure)\""
)
# What Powertools puts in every line and a reader of one line does not need.
_COMMON: Final = frozenset(
    {
        "cold_start",
        "errorMessage",
        "exception",
        "exception_name",
        "function_arn",
        "function_memory_size",
        "function_name",
        "function_request_id",
        "level",
        "location",
        "message",
        "sampling_rate",
        "service",
        "stack_trace",
        "timestamp",
        "xray_trace_id",
    }
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log event: when, whose, its text as it was written, and the JSON object that the text is, if it is one."""

    time_ms: int
    function: str
    group: str
    stream: str
    text: str
    record: Mapping[str, Any] | None

    @property
    def level(self) -> str:
        """The line's own level; for text without one, ERROR when it reports trouble, else INFO."""
        given = str((self.record or {}).get("level", "")).upper()
        if given in _RANK:
            return given
        return "ERROR" if _TROUBLE.search(self.text) else "INFO"

    @property
    def is_noise(self) -> bool:
        """The runtime's START, END and REPORT, and metric documents; not when they report trouble."""
        if self.record is not None:
            platform = str(self.record.get("type", "")).startswith("platform.") and "level" not in self.record
            return "_aws" in self.record or (platform and not _TROUBLE.search(self.text))
        return not self.text.strip() or (bool(_PLATFORM.match(self.text)) and not _TROUBLE.search(self.text))


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Which lines are shown; empty fields ask for nothing. `everything` shows noise too."""

    level: str = ""
    text: str = ""
    ids: tuple[str, ...] = ()
    everything: bool = False

    def takes(self, line: LogLine) -> bool:
        """Whether a line is shown."""
        if line.is_noise and not self.everything:
            return False
        if self.level and _RANK[line.level] < _RANK[self.level]:
            return False
        if self.text and self.text.casefold() not in searchable(line).casefold():
            return False
        return all(wanted in line.text for wanted in self.ids)

    @property
    def server_pattern(self) -> str:
        """CloudWatch's filter for the ids; level and text are judged here, where plain text counts too."""
        return " ".join(f'"{wanted}"' for wanted in self.ids)


def searchable(line: LogLine) -> str:
    """What a text is looked for in: the line as written, and its JSON unescaped, which Japanese text needs."""
    if line.record is None or "\\u" not in line.text:
        return line.text
    return f"{line.text}\n{json.dumps(line.record, ensure_ascii=False)}"


def parse(function: str, group: str, event: Mapping[str, Any]) -> LogLine:
    """A line from an event of FilterLogEvents."""
    text = str(event.get("message", "")).rstrip("\n")
    stream = str(event.get("logStreamName", ""))
    return LogLine(int(event.get("timestamp", 0)), function, group, stream, text, _record(text))


def _record(text: str) -> Mapping[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def time_text(line: LogLine) -> str:
    """The line's time in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(line.time_ms // 1000, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{line.time_ms % 1000:03d}Z"


def message(line: LogLine, ids: Sequence[str] = ()) -> str:
    """The line for a person: its message, then what is particular to it as name=value, then its traceback indented.

    Long values are cut; of a long list or object, what names one of `ids` is kept.
    """
    record = line.record
    if record is None or not ("message" in record or "errorMessage" in record):
        return line.text if len(line.text) <= _LONG_LINE else f"{line.text[:_LONG_LINE]}… (all of it: -o json)"
    # The runtime itself says errorMessage, where the kit's functions say message.
    said = record["message"] if "message" in record else record["errorMessage"]
    text = said if isinstance(said, str) else value_text(said, ids)
    own = ((name, value) for name, value in record.items() if name not in _COMMON and value is not None)
    extras = [f"{name}={value_text(value, ids)}" for name, value in own]
    parts = [" ".join([text, *extras])]
    if record.get("exception"):
        parts += [f"    {row}" for row in str(record["exception"]).splitlines()]
    return "\n".join(parts)


def as_json(line: LogLine) -> dict[str, Any]:
    """Stable form: the text as it was written, and the object that it is or null."""
    return {
        "time": time_text(line).replace(" ", "T"),
        "function": line.function,
        "log_group": line.group,
        "log_stream": line.stream,
        "level": line.level,
        "message": line.text,
        "record": line.record,
    }


def level_of(text: str) -> str:
    """A level's name. Raises Misuse."""
    name = text.upper()
    if name not in _RANK:
        raise Misuse(f"--level {text} is unknown.", f"It takes {', '.join(LEVELS)}.")
    return name


def id_of(option: str, text: str) -> str:
    """An id that is looked for. Raises Misuse for something that no id is, which a log filter would misread."""
    if not re.fullmatch(r"[\w.:=+/-]{4,256}", text, re.ASCII):
        raise Misuse(f"{option} {text!r} is not an id.", "Copy it from a result or a log line.")
    return text


def value_text(value: object, ids: Sequence[str] = ()) -> str:
    """A value in few characters: a request of a hundred events logs a hundred ids."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= _LONG_VALUE:
        return text
    if isinstance(value, dict):
        return f"{{{_few([json.dumps({name: it}, ensure_ascii=False)[1:-1] for name, it in value.items()], ids)}}}"
    if isinstance(value, list):
        return f"[{_few([json.dumps(it, ensure_ascii=False) for it in value], ids)}]"
    return f"{text[:_LONG_VALUE]}…"


def _few(entries: list[str], ids: Sequence[str]) -> str:
    kept = [entry for entry in entries if any(wanted in entry for wanted in ids)] or entries[:1]
    left_out = len(entries) - len(kept)
    shown = ", ".join(entry if len(entry) <= _LONG_VALUE else f"{entry[:_LONG_VALUE]}…" for entry in kept)
    return f"{shown}, … {left_out:,} more" if left_out else shown
