"""The options that several `pik dlq` commands share, each written once: filters, how to redrive, and consent.

A decorator adds its options to a command and passes the command one value made of them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import wraps
from typing import Annotated, Any, Final

import typer

from pik.domain.http.strict_json import parse_json
from pik.domain.shared.failures import Category
from pik.domain.shared.limits import MAX_ATTEMPT_BUDGET, MAX_JITTER_SECONDS
from pik.domain.shared.problems import InvalidEvent
from pik_cli.shell.durations import seconds
from pik_cli.shell.errors import Misuse

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


def _duration(name: str, text: str) -> SharedOption:
    return SharedOption(Annotated[int | None, typer.Option(name, metavar="AGE", parser=seconds, help=text)])


def _text(name: str, metavar: str, text: str) -> SharedOption:
    return SharedOption(Annotated[str | None, typer.Option(name, metavar=metavar, help=text)])


def _switch(text: str, *names: str) -> SharedOption:
    return SharedOption(Annotated[bool, typer.Option(*names, help=text)], default=False)


FILTERS: Final[Mapping[str, SharedOption]] = {
    "fingerprint": _text(
        "--fingerprint",
        "F",
        "Messages with this cause, as `pik dlq analyze` lists it; the first eight digits are enough.",
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
    "min_age": _duration("--min-age", "Messages that failed at least this long ago: 15m."),
    "max_age": _duration("--max-age", "Messages that failed at most this long ago: 2h."),
}

REDRIVING: Final[Mapping[str, SharedOption]] = {
    "force": _switch("Also take messages that failed within the last minute.", "--force"),
    "jitter": _duration("--jitter", f"Spread the messages over this time, up to {MAX_JITTER_SECONDS}s."),
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

    @classmethod
    def of(
        cls, *, entity: str | None = None, min_age: int | None = None, max_age: int | None = None, **names: Any
    ) -> LetterFilters:
        """From the values of the options FILTERS."""
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
        """From the values of the options CONSENT."""
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
