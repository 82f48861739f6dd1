"""What the `pik dlq` commands have in common on the command line: filters, ages, changes of a payload, consent."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import typer

from pik.domain.http.strict_json import parse_json
from pik.domain.shared.failures import Category
from pik.domain.shared.limits import MAX_ATTEMPT_BUDGET, MAX_JITTER_SECONDS, MAX_REDRIVE_ALL
from pik.domain.shared.problems import InvalidEvent
from pik_cli.shell.errors import Misuse

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGE: Final = re.compile(r"(?:\d{1,9}[smhd])+")


def seconds(text: str | int) -> int:
    """`90`, `90s`, `15m`, `1h30m`, `2d` as seconds. Raises click's BadParameter, which is wrong usage."""
    given = str(text)  # a default comes through here as well
    if given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    if not _AGE.fullmatch(given):
        raise typer.BadParameter(f"{given} is no age: it takes seconds, or 90s, 15m, 2h, 1d, 1h30m.")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhd])", given))


CategoryIs = Annotated[
    Category | None, typer.Option("--category", case_sensitive=False, help="Messages of this category of failure.")
]
ErrorTypeIs = Annotated[str | None, typer.Option("--error-type", metavar="T", help="Messages with this exception.")]
FingerprintIs = Annotated[
    str | None,
    typer.Option(
        "--fingerprint", metavar="F", help="Messages of this cause; `pik dlq analyze` lists them; eight digits will do."
    ),
]
EntityIs = Annotated[str | None, typer.Option("--entity", metavar="E", help="Messages of this entity.")]
SourceIs = Annotated[str | None, typer.Option("--source", metavar="S", help="Messages of this source.")]
MinAge = Annotated[
    int | None, typer.Option("--min-age", metavar="AGE", parser=seconds, help="Failed at least this long ago: 15m.")
]
MaxAge = Annotated[
    int | None, typer.Option("--max-age", metavar="AGE", parser=seconds, help="Failed at most this long ago: 2h.")
]
Force = Annotated[bool, typer.Option("--force", help="Also what failed within the last minute.")]
Jitter = Annotated[
    int | None,
    typer.Option(
        "--jitter", metavar="AGE", parser=seconds, help=f"Spread over this time, up to {MAX_JITTER_SECONDS}s."
    ),
]
NoBackoff = Annotated[
    bool, typer.Option("--no-backoff", help="Do not delay what was redriven before longer than the rest.")
]
Budget = Annotated[
    int | None,
    typer.Option(min=1, max=MAX_ATTEMPT_BUDGET, help="Redrives that one message may have; 3 unless told otherwise."),
]
CanarySize = Annotated[int | None, typer.Option("--canary", metavar="N", min=1, help="Messages of the first wave.")]
NoCanary = Annotated[bool, typer.Option("--no-canary", help="Send everything in one wave, unwatched.")]
MaxFailureRate = Annotated[
    float | None, typer.Option(min=0, max=1, help="Share of a wave that may fail before the run stops; 0.1.")
]
MaxMessages = Annotated[
    int | None,
    typer.Option("--max-messages", min=1, max=MAX_REDRIVE_ALL, help="Messages at most; over 1000 with --all."),
]
All = Annotated[bool, typer.Option("--all", help="Everything that matches, and not only the first 1000.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Start it and go; `pik dlq show` tells how it goes.")]


@dataclass(frozen=True, slots=True)
class LetterFilters:
    """Which messages; None asks nothing. The names are those of the API."""

    category: str | None = None
    error_type: str | None = None
    fingerprint: str | None = None
    entity_id: str | None = None
    source: str | None = None
    min_age_seconds: int | None = None
    max_age_seconds: int | None = None

    def members(self) -> dict[str, Any]:
        """Those that are asked for."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def canary(size: int | None, max_failure_rate: float | None, *, none: bool) -> dict[str, Any]:
    """The canary as a member of a request; nothing leaves it to the API's defaults. Raises Misuse."""
    if none and (size is not None or max_failure_rate is not None):
        raise Misuse("--no-canary contradicts --canary and --max-failure-rate.", "Give one or the other.")
    if none:
        return {"canary": False}
    given = {"size": size, "max_failure_rate": max_failure_rate}
    asked = {name: value for name, value in given.items() if value is not None}
    return {"canary": asked} if asked else {}


def transform(changes: list[str], expression: str | None) -> dict[str, Any]:
    """The change of payloads as a member of a request; nothing when none is asked for. Raises Misuse."""
    found: dict[str, Any] = {"set": assignments(changes)} if changes else {}
    if expression is not None:
        found["jmespath"] = expression
    return {"transform": found} if found else {}


def assignments(texts: list[str]) -> dict[str, Any]:
    """`payload.amount=5` as {"payload.amount": 5}: the value is JSON when it reads as such, else a text."""
    found: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not (equals and path):
            raise Misuse(f"--set {text} has no path or no value.", "Write it as --set payload.currency=EUR.")
        if path in found:
            raise Misuse(f"--set names {path} twice.", "Give each path once.")
        found[path] = _json_or_text(value)
    return found


def _json_or_text(value: str) -> Any:
    try:
        return parse_json(value.encode("utf-8", "surrogateescape"))
    except InvalidEvent:
        return value


def can_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty()


def ask(question: str, *, yes: bool) -> None:
    """Go on, or not: typer.Abort for a no. Raises Misuse when nobody can be asked."""
    if yes:
        return
    if not can_ask():
        raise Misuse(f"{question} Nobody can be asked here.", "Add --yes, or look with --dry-run.")
    typer.confirm(question, abort=True, err=True)
