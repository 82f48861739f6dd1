"""A webhook source as its file in `pik.webhooks` describes it, checked when the function starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pik.domain.shared.limits import MAX_WEBHOOK_TOLERANCE_SECONDS, WEBHOOK_TOLERANCE_SECONDS
from pik.domain.webhook.expressions import BadMapping, Expression
from pik.domain.webhook.signatures import CHECKS, Signature

SNS: Final = "sns"
"""The scheme of SNS, whose messages are signed with a certificate and hold their own kinds."""

_ROOT: Final = frozenset({"challenge", "event", "signature", "volatile"})
_SIGNATURE: Final = frozenset({"scheme", "tolerance_seconds", "header", "query", "prefix"})
_REQUIRED: Final = ("id", "type")
_OPTIONAL: Final = ("source", "entity", "time")


class BadSource(ValueError):
    """A source's file or the list of sources cannot be used; the message names the source, the place and the fix."""


@dataclass(frozen=True, slots=True)
class WebhookSource:
    """One source: how requests are signed and where their event's members are. `topics` are the SNS topics that may
    send to it; `volatile` are places of the payload (JSON Pointers) that differ between deliveries of one event."""

    name: str
    signature: Signature
    event: Mapping[str, Expression]
    challenge: Expression | None
    volatile: tuple[str, ...]
    topics: frozenset[str] = frozenset()


def read_sources(
    files: Mapping[str, Mapping[str, Any]], wanted: Iterable[str], topics: Iterable[str]
) -> dict[str, WebhookSource]:
    """The sources that a stack serves, by name. `topics` are texts `source=arn`. Raises BadSource."""
    listed = _topics(topics)
    found = {}
    for name in sorted(wanted):
        if name not in files:
            raise BadSource(f"no webhook source {name!r}: add src/pik/webhooks/{name}.toml, or name {', '.join(files)}")
        found[name] = read_source(name, files[name], listed.pop(name, frozenset()))
    if listed:
        raise BadSource(f"topics are listed for {', '.join(listed)}, which WebhookSources does not name")
    return found


def read_source(name: str, content: Mapping[str, Any], topics: frozenset[str] = frozenset()) -> WebhookSource:
    """A source from the content of its file. Raises BadSource."""
    try:
        _known(content, _ROOT, "")
        signature = _signature(_table(content, "signature"))
        event = _event(_table(content, "event"))
        challenge = content.get("challenge")
        volatile = content.get("volatile", [])
        if not isinstance(volatile, list) or not all(isinstance(it, str) and it.startswith("/") for it in volatile):
            raise BadSource('volatile takes a list of JSON Pointers, such as ["/pending_webhooks"]')
        if topics and signature.scheme != SNS:
            raise BadSource(f"topics are listed for it, but its scheme is {signature.scheme!r} and not 'sns'")
        return WebhookSource(
            name, signature, event, None if challenge is None else Expression(challenge), tuple(volatile), topics
        )
    except (BadSource, BadMapping) as error:
        raise BadSource(f"webhook source {name}: {error}") from error


def _topics(texts: Iterable[str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for text in texts:
        name, _, arn = text.partition("=")
        if not name or not arn.startswith("arn:"):
            raise BadSource(f"{text!r} does not list a topic: write source=arn:aws:sns:region:account:name")
        found[name] = found.get(name, frozenset()) | {arn}
    return found


def _signature(table: Mapping[str, Any]) -> Signature:
    _known(table, _SIGNATURE, "signature.")
    scheme = table.get("scheme")
    if not isinstance(scheme, str) or scheme not in {*CHECKS, SNS}:
        raise BadSource(f"signature.scheme is {scheme!r}; it takes one of {', '.join(sorted([*CHECKS, SNS]))}")
    tolerance = table.get("tolerance_seconds", WEBHOOK_TOLERANCE_SECONDS)
    if type(tolerance) is not int or not 1 <= tolerance <= MAX_WEBHOOK_TOLERANCE_SECONDS:
        raise BadSource(f"signature.tolerance_seconds takes a whole number from 1 to {MAX_WEBHOOK_TOLERANCE_SECONDS}")
    texts = {member: table.get(member, "") for member in ("header", "query", "prefix")}
    wrong = [member for member, text in texts.items() if not isinstance(text, str)]
    if wrong:
        raise BadSource(f"signature.{wrong[0]} takes a text")
    carriers = [member for member in ("header", "query") if texts[member]]
    if len(carriers) != (scheme == "token"):
        raise BadSource("a source of scheme 'token', and no other, has either signature.header or signature.query")
    return Signature(scheme, tolerance, texts["header"].lower(), texts["query"], texts["prefix"])


def _event(table: Mapping[str, Any]) -> dict[str, Expression]:
    _known(table, {*_REQUIRED, *_OPTIONAL}, "event.")
    missing = [member for member in _REQUIRED if member not in table]
    if missing:
        raise BadSource(f"event.{missing[0]} is missing; it takes a JMESPath expression over body and headers")
    return {member: Expression(expression) for member, expression in table.items()}


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = content.get(name)
    if not isinstance(table, Mapping):
        raise BadSource(f"the table [{name}] is missing")
    return table


def _known(table: Mapping[str, Any], members: Iterable[str], place: str) -> None:
    unknown = sorted(set(table) - set(members))
    if unknown:
        raise BadSource(f"{place}{unknown[0]} is not a member of a source's file; it has {', '.join(sorted(members))}")
