"""`pik dlq peek` and `pik dlq analyze`: what lies in the dead-letter queue and why; nothing is consumed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from pik.domain.shared import times
from pik.domain.shared.redrive_limits import (
    MAX_PREVIEW_MESSAGES,
    MAX_PREVIEW_SAMPLES,
    PREVIEW_SAMPLES,
    REDRIVE_MIN_AGE_SECONDS,
)
from pik_cli.dlq.advice import insights_query, insights_url, level_of, logs_command, step_for
from pik_cli.dlq.api import OPTIONS, RedriveApi
from pik_cli.dlq.fault import fails_redrives, fault_json, injected_count
from pik_cli.dlq.fingerprints import check_length, why_nothing
from pik_cli.dlq.options import LetterFilters, letter_filters
from pik_cli.shell.output import Output, plural
from pik_cli.shell.refusals import in_options
from pik_cli.shell.session import Session, session_of
from pik_cli.shell.windows import clock, minute_text, span

_CAUSE: Final = ("category", "error_type", "fingerprint")


@letter_filters()
def peek(
    context: typer.Context,
    *,
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=MAX_PREVIEW_SAMPLES, help="Messages to show.")
    ] = PREVIEW_SAMPLES,
    filters: LetterFilters,
) -> None:
    """Show some dead letters with the reason and the failed attempts of each. Nothing is consumed.

    The messages are received and given back at once. One of each cause comes first.

    \b
    Examples:
      pik dlq peek
      pik dlq peek --count 20
      pik dlq peek --category VALIDATION --source shop -o json
    """
    session = session_of(context)
    found, why = _preview(session, filters, count)
    output = session.output
    if output.json_wanted:
        output.document(found | {"fault": fault_json(session)})
        return
    for sample in found.get("samples", []):
        _show_sample(output, sample)
    output.line(_shown_of(found))
    output.line(explanation(found))
    if why:
        output.line(why)


@letter_filters()
def analyze(
    context: typer.Context,
    *,
    filters: LetterFilters,
) -> None:
    """Show why the messages are dead: each cause with its count, times, entities, logs, and what to do about it.

    A fingerprint identifies a cause: the exception and its place, without ids and numbers. Nothing is consumed.
    The commands that it suggests change nothing until you remove --dry-run.

    \b
    Examples:
      pik dlq analyze
      pik dlq analyze --source shop --max-age 2h
      pik dlq analyze -o json
    """
    session = session_of(context)
    found, why = _preview(session, filters, MAX_PREVIEW_SAMPLES)
    causes = [_cause(session, group, found.get("samples", [])) for group in found.get("groups", [])]
    level = level_of(depth_of(found) - injected_count(found))
    output = session.output
    if output.json_wanted:
        level_json = {"number": level.number, "advice": level.advice or None}
        output.document(
            {name: it for name, it in found.items() if name != "groups"}
            | {"level": level_json, "causes": causes, "fault": fault_json(session)}
        )
        return
    for cause in causes:
        _show_cause(output, cause)
    output.line(explanation(found))
    if why:
        output.line(why)
    if not causes:
        return
    if level.number:
        output.line(f"Escalation level {level.number}. {level.advice}")


def _preview(session: Session, filters: LetterFilters, samples: int) -> tuple[dict[str, Any], str]:
    """What is in the queue, and why a fingerprint matched nothing. Raises Misuse for one that is too short."""
    api = RedriveApi(session, session.output.note)
    check_length(api, filters)
    note_window(session.output, filters)
    found = api.preview(filters.members(), MAX_PREVIEW_MESSAGES, samples)
    if found.get("matched") or filters.fingerprint is None:
        return found, ""
    why, close = why_nothing(api, filters)
    return found | {"near_fingerprints": close}, why


def note_window(output: Output, filters: LetterFilters) -> None:
    """Show which times of failure the ages select."""
    covered = filters.window(clock())
    if covered:
        output.note(f"Times of failure, UTC: {covered}")


def explanation(answer: Mapping[str, Any]) -> str:
    """What an answer says of itself, in the terms of the command line."""
    return in_options(str(answer.get("explanation", "")), OPTIONS)


def young_note(answer: Mapping[str, Any], filters: LetterFilters) -> str:
    """When the last of the messages that are too young is taken, and the option that takes it now; empty for none."""
    until = str(answer.get("too_young_until") or "")
    if not (answer.get("skipped") or {}).get("too_young"):
        return ""
    # An API that was deployed before this command does not say it; the message that failed last did so until now.
    latest = times.to_datetime(until) if times.is_normal(until) else _least_age_from_now(filters)
    now = "add --force" if filters.min_age_seconds is None else "lower --min-age (and add --force under 60s)"
    return f"Too young until {minute_text(latest)}. Wait until then, or {now} to take them now."


def _least_age_from_now(filters: LetterFilters) -> datetime:
    return clock() + timedelta(seconds=max(filters.min_age_seconds or 0, REDRIVE_MIN_AGE_SECONDS))


def depth_of(preview: Mapping[str, Any]) -> int:
    """All messages of the queue, in whatever state."""
    queue = preview.get("queue") or {}
    return sum(int(queue.get(name) or 0) for name in ("visible", "in_flight", "delayed"))


def show_groups(output: Output, groups: list[Mapping[str, Any]]) -> None:
    """The causes in two lines each: a table would break fingerprints, which people copy."""
    for group in groups:
        reason = _short(group.get("reason") or "no reason is known")
        output.line(f"{group.get('count', 0):>6,}  {_title(group)}: {reason}")
        output.line(f"        fingerprint {group.get('fingerprint') or '-'}; entities {_entities(group)}")


def _cause(session: Session, group: Mapping[str, Any], samples: list[Mapping[str, Any]]) -> dict[str, Any]:
    """A group with the way to its logs and the next step."""
    sample = next((it for it in samples if all(it.get(name) == group.get(name) for name in _CAUSE)), {})
    step = step_for(group, session.command, fault_active=fails_redrives(session) is not None)
    query = insights_query(str(group.get("fingerprint") or ""))
    return {
        **group,
        "sample": dict(sample) or None,
        "logs": logs_command(group, sample, session.command),
        "insights_query": query,
        "insights_url": _url(session, group, query),
        "advice": step.why,
        "next": step.command,
        "then": step.then or None,
    }


def _url(session: Session, group: Mapping[str, Any], query: str) -> str | None:
    """The console's address; None for a local engine, which has none, and without what it is made of."""
    local = session.target.local or session.target.endpoint_url
    log_group = None if local else session.stack.outputs.get("ProcessorLogGroupName")
    region = session.aws.region
    first, last = str(group.get("first_failed_at")), str(group.get("last_failed_at"))
    if not (log_group and region and times.is_normal(first) and times.is_normal(last)):
        return None
    margin = timedelta(minutes=5)
    start, end = times.to_datetime(first) - margin, times.to_datetime(last) + margin
    return insights_url(region, log_group, query, _milliseconds(start), _milliseconds(end))


def _milliseconds(moment: datetime) -> str:
    """A time as the console writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _show_cause(output: Output, cause: Mapping[str, Any]) -> None:
    output.line(f"{plural(cause['count'], 'message', 'messages')}: {_title(cause)}")
    rows: list[tuple[str, object]] = [
        ("fingerprint", cause.get("fingerprint") or "-"),
        ("reason", cause.get("reason") or "-"),
        *([("injected by", f"failure mode {cause['injected']}")] if cause.get("injected") else []),
        ("first seen", cause.get("first_failed_at") or "-"),
        ("last seen", cause.get("last_failed_at") or "-"),
        ("entities", _entities(cause)),
    ]
    sample = cause["sample"]
    if sample:
        rows.append(("sample", f"message {sample.get('message_id')}, event {sample.get('event_id') or '-'}"))
    output.table(("", ""), rows)
    output.line()
    # Outside the table, whose cells are folded: these are copied.
    output.line("Logs:")
    output.line(f"  {cause['logs']}")
    if cause["insights_url"]:
        output.line("Logs Insights:")
        output.line(f"  {cause['insights_url']}")
    output.line(cause["advice"])
    output.line(f"  {cause['next']}")
    if cause["then"]:
        output.line("Then:")
        output.line(f"  {cause['then']}")
    output.line()


def _show_sample(output: Output, sample: Mapping[str, Any]) -> None:
    output.line(f"Message {sample.get('message_id')}: {_title(sample)}")
    rows: list[tuple[str, object]] = [
        ("event", sample.get("event_id") or "the body is no work message"),
        (
            "entity",
            f"{sample.get('entity_id') or '-'} ({sample.get('source') or '-'}, {sample.get('event_type') or '-'})",
        ),
        ("reason", sample.get("reason") or "-"),
        ("fingerprint", sample.get("fingerprint") or "-"),
        ("failed for good", f"{span(int(sample.get('age_seconds') or 0))} ago"),
        ("attempts", f"{sample.get('attempts', '-')}, redriven {sample.get('redrives', 0)} times before"),
        ("lost at", sample.get("expires_at") or "-"),
    ]
    if sample.get("unreadable"):
        rows.insert(1, ("unreadable", "; ".join(map(str, sample["unreadable"]))))
    output.table(("", ""), rows)
    ledger = sample.get("ledger") or []
    if ledger:
        columns = ("failed_at", "attempt", "category", "disposition", "message")
        output.table(
            ("failed at", "attempt", "category", "then", "message"), [_ledger_row(it, columns) for it in ledger]
        )
    output.line()


def _ledger_row(row: Mapping[str, Any], columns: tuple[str, ...]) -> list[object]:
    return [_short(row.get(name, "-")) if name == "message" else row.get(name, "-") for name in columns]


def _title(one: Mapping[str, Any]) -> str:
    return " ".join(str(it) for it in (one.get("category"), one.get("error_type")) if it) or "reason unknown"


def _entities(group: Mapping[str, Any]) -> str:
    named, count = [str(it) for it in group.get("entities") or []], int(group.get("entity_count") or 0)
    more = f" and {count - len(named):,} more" if count > len(named) else ""
    return (", ".join(named) + more) or "-"


def _short(text: object, longest: int = 160) -> str:
    words = str(text)
    return words if len(words) <= longest else f"{words[: longest - 1]}…"


def _shown_of(found: Mapping[str, Any]) -> str:
    shown = len(found.get("samples", []))
    return f"{shown:,} of {plural(int(found.get('matched') or 0), 'message', 'messages')} shown."
