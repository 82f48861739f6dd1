"""The options that several `pik dlq` commands share, each written once: filters, how to redrive, and consent.

A decorator adds its options to a command and passes the command one value made of them.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from typing import Annotated, Any, Final

import typer

from pik.domain.http.strict_json import parse_json
from pik.domain.shared.failures import FINGERPRINT_DIGITS, Category
from pik.domain.shared.problems import InvalidEvent
from pik.domain.shared.redrive_limits import MAX_ATTEMPT_BUDGET, MAX_JITTER_SECONDS
from pik_cli.shell.consent import require_terminal
from pik_cli.shell.errors import Misuse
from pik_cli.shell.windows import DURATION_FORMS, TIME_FORMS, Window, age_option, duration_option, span

_ID: Final = re.compile(r"(?:rdr|mft)-\d{8}T\d{6}Z-[0-9a-f]{8}", re.ASCII)
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{1,32}", re.ASCII)


def parse_fingerprint(given: str) -> str:
    """A fingerprint, or the beginning of one. Raises click's BadParameter for what can be neither."""
    text = given.strip().casefold()
    if not _FINGERPRINT.fullmatch(text):
        raise typer.BadParameter(
            f"{given!r} is not a fingerprint: those have {FINGERPRINT_DIGITS} digits from 0 to 9 and a to f. "
            "List them with `pik dlq analyze`."
        )
    return text


def parse_run_id(given: str) -> str:
    """The id of a redrive, rescue or put-back. Raises click's BadParameter for an id of another kind."""
    text = given.strip()
    if text.startswith("rpl-"):
        raise typer.BadParameter(f"{text} is a replay. Show it with `pik replay show {text}`.")
    if text.startswith("mft-"):
        raise typer.BadParameter(f"{text} is the manifest of a preview. Send its messages with --manifest.")
    return text


def parse_rescue_id(given: str) -> str:
    """The id of a rescue. Raises click's BadParameter."""
    text = parse_run_id(given)
    if not _ID.fullmatch(text):
        raise typer.BadParameter(f"{given!r} is not the id of a run: copy it from what `pik dlq purge-to-s3` printed.")
    return text


def parse_manifest_id(given: str) -> str:
    """The id of a preview's manifest. Raises click's BadParameter."""
    text = given.strip()
    if not (_ID.fullmatch(text) and text.startswith("mft-")):
        raise typer.BadParameter(
            f"{given!r} is not the id of a manifest: copy manifest_id from `pik -o json dlq peek`."
        )
    return text


Command = Callable[..., None]
Decorator = Callable[[Command], Command]


@dataclass(frozen=True, slots=True)
class SharedOption:
    """An option as Typer takes it: its annotated type, and its default."""

    annotation: Any
    default: Any = None


def shared_options(
    parameter: str, options: Mapping[str, SharedOption], build: Callable[..., Any]
) -> Callable[..., Decorator]:
    """Makes a decorator that puts options in the place of a command's `parameter`, which gets what `build` makes of
    their values. It takes the names of the options that a command has; without names, all."""

    def with_names(*names: str) -> Decorator:
        chosen = names or tuple(options)

        def decorate(command: Command) -> Command:
            @wraps(command)
            def call(**values: Any) -> None:
                given = {name: values.pop(name) for name in chosen}
                command(**values, **{parameter: build(**given)})

            own = inspect.signature(command, eval_str=True)
            parameters: list[inspect.Parameter] = []
            for name, declared in own.parameters.items():
                if name == parameter:
                    parameters += [_keyword(option, options[option]) for option in chosen]
                else:
                    parameters.append(declared)
            call.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
            call.__annotations__ = {it.name: it.annotation for it in parameters} | {"return": None}
            return call

        return decorate

    return with_names


def _keyword(name: str, option: SharedOption) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=option.default, annotation=option.annotation)


def _age(name: str, text: str) -> SharedOption:
    return SharedOption(Annotated[int | None, age_option(name, help=text)])


def _text(name: str, metavar: str, text: str) -> SharedOption:
    return SharedOption(Annotated[str | None, typer.Option(name, metavar=metavar, help=text)])


def _switch(text: str, *names: str) -> SharedOption:
    return SharedOption(Annotated[bool, typer.Option(*names, help=text)], default=False)


FILTERS: Final[Mapping[str, SharedOption]] = {
    "fingerprint": SharedOption(
        Annotated[
            str | None,
            typer.Option(
                "--fingerprint",
                metavar="F",
                parser=parse_fingerprint,
                help="Messages with this cause, as `pik dlq analyze` lists it; the first eight digits are enough.",
            ),
        ]
    ),
    "category": SharedOption(
        Annotated[
            Category | None,
            typer.Option("--category", case_sensitive=False, help="Messages with this failure category."),
        ]
    ),
    "error_type": _text("--error-type", "T", "Messages with this exception."),
    "entity": _text("--entity", "E", "Messages of this entity."),
    "source": _text("--source", "S", "Messages of this source."),
    "min_age": _age(
        "--min-age", f"Messages that failed at least this long ago: {DURATION_FORMS}; or before a time: {TIME_FORMS}."
    ),
    "max_age": _age(
        "--max-age", "Messages that failed at most this long ago, or since a time, in the same forms: 2h, yesterday."
    ),
}

REDRIVING: Final[Mapping[str, SharedOption]] = {
    "force": _switch("Also take messages that failed within the last minute.", "--force"),
    "jitter": SharedOption(
        Annotated[
            int | None,
            duration_option("--jitter", help=f"Spread the messages over this time, up to {MAX_JITTER_SECONDS}s: 5m."),
        ]
    ),
    "no_backoff": _switch("Do not delay messages that were redriven before longer than the rest.", "--no-backoff"),
    "budget": SharedOption(
        Annotated[
            int | None,
            typer.Option(min=1, max=MAX_ATTEMPT_BUDGET, help="Redrives that one message may have; 3 by default."),
        ]
    ),
    "canary": SharedOption(
        Annotated[int | None, typer.Option("--canary", metavar="N", min=1, help="Messages in the first wave.")]
    ),
    "no_canary": _switch("Send everything in one wave, unwatched.", "--no-canary"),
    "max_failure_rate": SharedOption(
        Annotated[
            float | None,
            typer.Option(min=0, max=1, help="Share of a wave that may fail before the run stops; 0.1 by default."),
        ]
    ),
    "changes": SharedOption(
        Annotated[
            list[str] | None,
            typer.Option("--set", metavar="PATH=VALUE", help="Change payloads: payload.currency=EUR."),
        ]
    ),
    "jmespath": _text("--jmespath", "EXPR", "Replace payloads with the result of this expression."),
}

CONSENT: Final[Mapping[str, SharedOption]] = {
    "dry_run": _switch("Show what would happen; change nothing.", "--dry-run"),
    "yes": _switch("Do not ask.", "--yes", "-y"),
    "no_wait": _switch("Start it and return; `pik dlq show` shows its progress.", "--no-wait"),
}


@dataclass(frozen=True, slots=True)
class LetterFilters:
    """Which messages; None does not filter. The names are those of the API."""

    category: str | None = None
    error_type: str | None = None
    fingerprint: str | None = None
    entity_id: str | None = None
    source: str | None = None
    min_age_seconds: int | None = None
    max_age_seconds: int | None = None

    def members(self) -> dict[str, Any]:
        """The filters that were given."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def window(self, now: datetime) -> Window | None:
        """The times of failure that the ages select; None when they select nothing."""
        if self.min_age_seconds is None and self.max_age_seconds is None:
            return None
        ends = (self.max_age_seconds, self.min_age_seconds)
        start, end = (None if it is None else (now - timedelta(seconds=it)).replace(microsecond=0) for it in ends)
        return Window(start, end)

    @classmethod
    def of(
        cls, *, entity: str | None = None, min_age: int | None = None, max_age: int | None = None, **names: Any
    ) -> LetterFilters:
        """From the values of the options FILTERS. Raises Misuse."""
        if min_age is not None and max_age is not None and min_age > max_age:
            raise Misuse(
                f"The window is reversed: --min-age is {span(min_age)} and --max-age is {span(max_age)}.",
                f"Swap them: --min-age {max_age}s --max-age {min_age}s",
            )
        return cls(entity_id=entity, min_age_seconds=min_age, max_age_seconds=max_age, **names)


@dataclass(frozen=True, slots=True)
class Redriving:
    """How messages are redriven. `members` are those of the request, as far as they differ from the API's defaults."""

    force: bool = False
    members: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_default(self) -> bool:
        """Whether none of its options was given."""
        return not self.force and not self.members

    @classmethod
    def of(
        cls,
        *,
        force: bool,
        jitter: int | None = None,
        no_backoff: bool = False,
        budget: int | None = None,
        canary: int | None = None,
        no_canary: bool = False,
        max_failure_rate: float | None = None,
        changes: list[str] | None = None,
        jmespath: str | None = None,
    ) -> Redriving:
        """From the values of the options REDRIVING. Raises Misuse."""
        given = {"jitter_seconds": jitter, "backoff": False if no_backoff else None, "attempt_budget": budget}
        members = {name: value for name, value in given.items() if value is not None}
        members |= canary_members(canary, max_failure_rate, none=no_canary) | transform_members(changes or [], jmespath)
        return cls(force, members)


@dataclass(frozen=True, slots=True)
class Consent:
    """What the caller agrees to: `dry_run` changes nothing, `yes` asks nothing, `wait` follows what was started."""

    dry_run: bool
    yes: bool
    wait: bool = True

    @classmethod
    def of(cls, *, dry_run: bool, yes: bool, no_wait: bool = False) -> Consent:
        """From the values of the options CONSENT. Raises Misuse where the command would have nobody to ask."""
        if not (dry_run or yes):
            require_terminal("This command asks before it acts")
        return cls(dry_run, yes, wait=not no_wait)


letter_filters = shared_options("filters", FILTERS, LetterFilters.of)
redriving_options = shared_options("redriving", REDRIVING, Redriving.of)
consent_options = shared_options("consent", CONSENT, Consent.of)


def canary_members(size: int | None, max_failure_rate: float | None, *, none: bool) -> dict[str, Any]:
    """The canary as a member of a request; empty for the API's defaults. Raises Misuse."""
    if none and (size is not None or max_failure_rate is not None):
        raise Misuse("--no-canary contradicts --canary and --max-failure-rate.", "Give one or the other.")
    if none:
        return {"canary": False}
    given = {"size": size, "max_failure_rate": max_failure_rate}
    members = {name: value for name, value in given.items() if value is not None}
    return {"canary": members} if members else {}


def transform_members(changes: list[str], expression: str | None) -> dict[str, Any]:
    """The change of payloads as a member of a request; empty without a change. Raises Misuse."""
    members: dict[str, Any] = {"set": assignments(changes)} if changes else {}
    if expression is not None:
        members["jmespath"] = expression
    return {"transform": members} if members else {}


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
