"""What to do about dead letters: how far to raise the alarm, and the next command for each cause. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pik.domain.shared import times
from pik_cli.shell.limits import CLI_CRITICAL_LETTERS, CLI_EXPIRY_WARNING_SECONDS, CLI_HIGH_LETTERS
from pik_cli.shell.windows import span

Command = Callable[..., str]
"""Words after `pik`, as a line that leads to the same stack."""

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]")
_AROUND: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class EscalationLevel:
    """How far to escalate: 0 to inspect, 1 to call somebody now, 2 to call the team. No count shows level 3, a lasting
    outage."""

    number: int
    advice: str


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do next: a command, and why. `then`: the command after it; empty when there is none."""

    why: str
    command: str
    then: str = ""


def level_of(letters: int) -> EscalationLevel:
    """The escalation level of a queue's depth."""
    if letters > CLI_CRITICAL_LETTERS:
        return EscalationLevel(
            2,
            f"Over {CLI_CRITICAL_LETTERS} messages: the system fails, not some events. Call the team. To stop the "
            "flow: pik processor pause, which loses nothing; redrive in portions when the cause is gone.",
        )
    if letters > CLI_HIGH_LETTERS:
        return EscalationLevel(
            1,
            f"Over {CLI_HIGH_LETTERS} messages: find the cause now, and look at what was deployed or changed last. "
            "Redrive when it is gone.",
        )
    return EscalationLevel(0, "")


def next_step(
    letters: int, seconds_left: int | None, runs: list[str], command: Command, *, counted: bool = True
) -> NextStep | None:
    """The one thing to do now; None when there is nothing. `seconds_left`: until the oldest message is lost."""
    if runs:
        return NextStep("A redrive is running. Watch it:", command("dlq", "show", runs[0], "--follow"))
    if not letters:
        return None if counted else NextStep("The depth is not known: see the whole pipeline:", command("status"))
    if seconds_left is not None and seconds_left <= CLI_EXPIRY_WARNING_SECONDS:
        return NextStep(
            f"The oldest message is lost in {span(seconds_left)}: put what expires into S3 first:",
            command("dlq", "purge-to-s3", "--expiring-within", "24h"),
        )
    return NextStep("See the causes:", command("dlq", "analyze"))


_BY_CATEGORY: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "VALIDATION": (
        "The events are wrong, or their schema is. Fix the schema and deploy, or change the payloads in the redrive "
        "with --set or --jmespath.",
        (),
    ),
    "PROCESSING": (
        "A business rule refuses the events. Fix the rule, or change the payloads during the redrive with --set or "
        "--jmespath.",
        (),
    ),
    "PERMANENT": ("The stack lacks a permission or a resource; the events are sound. Put it right first.", ()),
    "TRANSIENT": ("Something downstream failed for a time. When it is well again:", ("--jitter", "5m")),
    "TIMEOUT": ("Something downstream was slow. When it is well again:", ("--jitter", "5m")),
}


def step_for(group: Mapping[str, Any], command: Command, *, fault_active: bool = False) -> NextStep:
    """What to do about one cause. The command only looks; without --dry-run it acts. `fault_active`: failures are
    injected at the moment."""
    fingerprint, category = str(group.get("fingerprint") or ""), str(group.get("category") or "")
    if mode := str(group.get("injected") or ""):
        redrive = command("dlq", "redrive", "--fingerprint", fingerprint, "--dry-run")
        why = f"These failures were injected (failure mode {mode}): the events, the schema and the stack are sound. "
        if not fault_active:
            return NextStep(f"{why}The fault is cleared, so redrive them.", redrive)
        return NextStep(f"{why}Clear the fault, then redrive them.", command("fault", "clear", "--yes"), redrive)
    if not fingerprint:
        return NextStep(
            "Their cause is unknown: SQS moved them itself, or they are not messages of this kit.",
            command("dlq", "peek", "--count", "20"),
        )
    why, extra = _BY_CATEGORY.get(category, ("Find the cause first.", ()))
    return NextStep(why, command("dlq", "redrive", "--fingerprint", fingerprint, *extra, "--dry-run"))


def logs_command(group: Mapping[str, Any], sample: Mapping[str, Any], command: Command) -> str:
    """The log lines of a cause's sample from its first attempt on, or of the cause where it was seen last."""
    event_id = str(sample.get("event_id") or "")
    attempts = [group.get("first_failed_at"), *(row.get("failed_at") for row in sample.get("ledger") or [])]
    known = [str(it) for it in (attempts if event_id else [group.get("last_failed_at")]) if times.is_normal(str(it))]
    since = times.from_datetime(times.to_datetime(min(known)) - _AROUND) if known else "1d"
    text = str(group.get("fingerprint") or "attempt failed")
    named = ("--event-id", event_id) if event_id else ("--grep", text)
    return command("logs", "processor", "--since", since, *named)


def insights_query(fingerprint: str) -> str:
    """A CloudWatch Logs Insights query for a cause's failed attempts; without a fingerprint, for all."""
    only = f'filter fingerprint = "{fingerprint}"' if fingerprint else "filter ispresent(fingerprint)"
    fields = "@timestamp, level, event_id, attempt, category, reason"
    return f"fields {fields}\n| {only}\n| sort @timestamp desc\n| limit 100"


def insights_url(region: str, log_group: str, query: str, start: str, end: str) -> str:
    """The console's page with that query filled in. `start` and `end` are normalised times."""
    detail = (
        f"~(end~'{_console(end)}~start~'{_console(start)}~timeType~'ABSOLUTE~tz~'UTC"
        f"~editorString~'{_console(query)}~source~(~'{_console(log_group)}))"
    )
    home = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
    return f"{home}#logsV2:logs-insights$3FqueryDetail$3D{detail}"


def _console(text: str) -> str:
    """The console's own escapes: an asterisk and two hex digits for each byte that is not plain."""
    return "".join(it if _PLAIN.fullmatch(it) else "".join(f"*{byte:02x}" for byte in it.encode()) for it in text)
